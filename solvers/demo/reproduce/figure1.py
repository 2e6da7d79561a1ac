"""Figure 1 of the draft: loss against sparsity, trained as its authors did, beside the exact solver and the digitised points."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from solvers.demo.curves import GROUP, Curve, Task, refit_each, solve_curve
from solvers.demo.data import Dataset
from solvers.demo.page import Context
from solvers.demo.reproduce.recipes import LAM2, Recipe, Setting, recipe_for
from solvers.demo.reproduce.store import Numbers, Store, fingerprint
from solvers.errors import ConvergenceWarning
from solvers.regression.fit import Fit
from solvers.regression.penalties import GroupSparsity, Penalty
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.solver import refit, solve
from solvers.regression.training.procedure import train_shrinknet
from solvers.regression.training.removal import NoRemoval

SHRINK = "ShrinkNet, p = 2"

METHODS = {"group": "none", "shrink": "signed"}
"""The draft's two methods, and the gates that train them."""

_GROUP_TOL, _SHRINK_TOL = 1e-8, 1e-5

# Shares of the time, for the progress bar.
_TRAINING, _PATHS = 0.7, 0.95


@dataclass(frozen=True)
class Scale:
    """How much of the experiment is run: the share of the draft's epochs, and fits per exact path."""

    share: float
    n_lams: int


SCALES = {"smoke": Scale(share=0.01, n_lams=15), "paper": Scale(share=1.0, n_lams=100)}


@dataclass(frozen=True, eq=False)
class Training:
    """One training of the figure, the exact minimiser of its objective, and the draft's point.

    Attributes
    ----------
    method : {"group", "shrink"}
    setting : Setting
        Epochs are those of this scale.
    run : dict
        Of the training: normalised ``loss`` and ``objective``, ``sparsity`` (all coefficients below 1e-3), ``seconds``.
    exact : Fit
        At the same penalty.
    drafted : (sparsity, loss) or None
        Digitised.
    """

    method: str
    setting: Setting
    run: Numbers
    exact: Fit
    drafted: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Figure1:
    """Trainings of both methods, and the exact solver's curves.

    Attributes
    ----------
    data, recipe, known, scale, complete
        As in `figure2.Figure2`.
    trainings : tuple of Training
    group, refitted, shrink : Curve or None
        Exact paths; None where the run was stopped before.
    """

    data: Dataset
    recipe: Recipe
    known: bool
    scale: Scale
    trainings: tuple[Training, ...]
    group: Curve | None
    refitted: Curve | None
    shrink: Curve | None
    complete: bool

    @property
    def half_targets(self) -> float:
        """Losses here over the draft's."""
        return 0.5 * self.data.Y.shape[1]

    def of(self, method: str) -> list[Training]:
        """The trainings of one method, lambda decreasing."""
        return [training for training in self.trainings if training.method == method]


def settings_of(recipe: Recipe, scale: Scale) -> Iterator[tuple[str, int, Setting]]:
    """Method, index and setting of each training."""
    for method, settings in (("group", recipe.group), ("shrink", recipe.shrink)):
        for index, setting in enumerate(settings):
            yield method, index, setting._replace(n_epochs=max(1, round(setting.n_epochs * scale.share)))


def compute_figure1(data: Dataset, scale: Scale, store: Store, n_jobs: int, context: Context) -> Figure1:
    """Train what is missing in the store, then solve exactly; ``context.progress`` runs from 0 to 1."""
    recipe, known = recipe_for((*data.X.shape, data.Y.shape[1]))
    plan, of = list(settings_of(recipe, scale)), f"{fingerprint(data)} seed={context.seed}"
    names = {(method, index): _run_name(of, method, setting) for method, index, setting in plan}
    tasks: dict[str, Callable[[], Numbers]] = {
        names[method, index]: partial(train_setting, data, method, setting, (context.seed, index))
        for method, index, setting in plan
    }
    complete = store.compute(tasks, n_jobs, context.part(0.0, _TRAINING).progress, context.stopped)
    trainings = tuple(
        Training(
            method,
            setting,
            store.runs[names[method, index]],
            solve_exactly(data, method, setting),
            recipe.figure1[method][index] if known else None,
        )
        for method, index, setting in plan
        if names[method, index] in store.runs
    )
    curves = _paths(data, scale, context)
    complete = complete and all(curve is not None and curve.complete for curve in curves)
    return Figure1(data, recipe, known, scale, trainings, *curves, complete)


def _run_name(of: str, method: str, setting: Setting) -> str:
    return f"figure1 {of} {method} lam={setting.draft_lam:g} lr=10^-{setting.exponent:g} epochs={setting.n_epochs}"


def train_setting(data: Dataset, method: str, setting: Setting, entropy: tuple[int, ...]) -> Numbers:
    """One training without removal, as in the draft's section 5.1."""
    half_targets = 0.5 * data.Y.shape[1]
    net = train_shrinknet(
        *(data.X, data.Y),
        lam=setting.draft_lam * half_targets,
        lam2=LAM2 * half_targets if method == "shrink" else 0.0,
        lr=setting.lr,
        n_epochs=setting.n_epochs,
        gate=METHODS[method],
        removal=NoRemoval(),
        random_state=np.random.default_rng(entropy),
    )
    return {
        "loss": net.loss / half_targets,
        "objective": net.objective / half_targets,
        "sparsity": net.sparsity_at(1e-3),
        "seconds": round(net.elapsed, 4),
    }


def penalty_of(data: Dataset, method: str, setting: Setting) -> Penalty:
    """The draft's penalty in this package's units."""
    lam = setting.draft_lam * 0.5 * data.Y.shape[1]
    return GroupSparsity(lam) if method == "group" else RegularizedShrinkNet(lam, LAM2 * 0.5 * data.Y.shape[1], 2)


def solve_exactly(data: Dataset, method: str, setting: Setting) -> Fit:
    """The minimiser that the training has not reached; for ShrinkNet a stationary point, the best of several starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        tol = _GROUP_TOL if method == "group" else _SHRINK_TOL
        return solve(data.X, data.Y, penalty_of(data, method, setting), tol=tol, time_limit=60.0)


def _paths(data: Dataset, scale: Scale, context: Context) -> tuple[Curve | None, Curve | None, Curve | None]:
    """Group sparsity, its refits, and ShrinkNet with p = 2."""
    task = Task(data.X, data.Y, "squared", scale.n_lams, 1e-3, 0.5 * data.Y.shape[1])
    if context.stopped():
        return None, None, None
    middle = 0.5 * (_TRAINING + _PATHS)
    group = solve_curve(GROUP, GroupSparsity(1.0), _GROUP_TOL, task, context.part(_TRAINING, middle))
    refits = refit_each(group, lambda fit: refit(fit, data.X, data.Y), context.part(middle, middle + 0.02))
    refitted = Curve("group sparsity, refitted", refits, group.complete, task.scale)
    if context.stopped():
        return group, refitted, None
    shrink = solve_curve(SHRINK, RegularizedShrinkNet(1.0, 1.0, 2), _SHRINK_TOL, task, context.part(middle + 0.02, _PATHS))
    return group, refitted, shrink
