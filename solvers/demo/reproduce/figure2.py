"""Figure 2 of the draft: what removal while training costs and saves, for each aggressiveness ``1 - gamma``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from solvers.demo.data import Dataset
from solvers.demo.page import Context
from solvers.demo.reproduce.recipes import (
    AGGRESSIVENESS,
    BASELINE,
    DETERMINISTIC,
    EPOCH_FACTOR,
    RANDOMIZED,
    REPEATS,
    Outcome,
    Recipe,
    Setting,
    published,
    recipe_for,
)
from solvers.demo.reproduce.store import Numbers, Store, fingerprint
from solvers.regression.training.procedure import train_shrinknet
from solvers.regression.training.removal import NoRemoval, Removal, SignVariance

THRESHOLD = 0.5

RECORDED_MEAN = 1
"""The recorded runs started the running mean of every sign at 1, so that inputs whose switch starts negative are soon removed."""

FAIR_START = "own sign first"
"""Our variant: deterministic removal, the mean starting at each switch's own sign."""


@dataclass(frozen=True)
class Scale:
    """How much of the experiment is run.

    Attributes
    ----------
    repeats : int
        Trainings per point.
    share : float
        Of the draft's epochs.
    every : int
        Each so many-th value of ``1 - gamma``.
    """

    repeats: int
    share: float
    every: int

    @property
    def aggressiveness(self) -> tuple[float, ...]:
        """The values of ``1 - gamma``, decreasing."""
        return AGGRESSIVENESS[:: self.every]


SCALES = {"smoke": Scale(repeats=2, share=0.02, every=7), "paper": Scale(repeats=REPEATS, share=1.0, every=1)}


@dataclass(frozen=True)
class Point:
    """One point of a curve: a lambda, a variant, an aggressiveness.

    Attributes
    ----------
    setting : Setting
        Of the lambda; epochs are those of Figure 2 at this scale.
    variant : str
        Deterministic or randomized removal, or none.
    aggressiveness : float
        ``1 - gamma``; 0 for no removal.
    """

    setting: Setting
    variant: str
    aggressiveness: float

    @property
    def removal(self) -> Removal:
        """The strategy."""
        if self.variant == BASELINE:
            return NoRemoval()
        initial_mean = "sign" if self.variant == FAIR_START else RECORDED_MEAN
        return SignVariance(1.0 - self.aggressiveness, THRESHOLD, initial_mean, self.variant == RANDOMIZED)

    def run_name(self, of: str, repeat: int) -> str:
        """The name of one run in the store, which says all it depends on; ``of`` names data and seed."""
        s = self.setting
        settings = f"lam={s.draft_lam:g} lr=10^-{s.exponent:g} epochs={s.n_epochs}"
        return f"figure2 {of} {settings} {self.variant} {self.aggressiveness:.3e} repeat={repeat}"


@dataclass(frozen=True, eq=False)
class Summary:
    """Mean and standard deviation (unbiased; nan for one run) over the repeats of a point."""

    point: Point
    runs: tuple[Numbers, ...]
    recorded: Outcome | None

    def mean(self, name: str) -> float:
        """Of ``loss``, ``live``, ``cost``, ``seconds``, ..."""
        return float(np.mean([run[name] for run in self.runs]))

    def sd(self, name: str) -> float:
        """Of the same."""
        return float(np.std([run[name] for run in self.runs], ddof=1)) if len(self.runs) > 1 else float("nan")

    def agrees(self, name: str) -> bool | None:
        """``|mean - recorded mean| <= 2 sqrt(sd^2 + recorded sd^2)``; None where no standard deviation was recorded."""
        if self.recorded is None or len(self.runs) < 2:
            return None
        mean, sd = getattr(self.recorded, name), getattr(self.recorded, f"{name}_sd")
        if sd is None:
            return None
        return abs(self.mean(name) - mean) <= 2.0 * float(np.hypot(self.sd(name), sd))


@dataclass(frozen=True, eq=False)
class Figure2:
    """All points that have runs.

    Attributes
    ----------
    data : Dataset
    recipe : Recipe
    known : bool
        Whether the recipe is that of this very dataset: then there are recorded results.
    scale : Scale
    summaries : tuple of Summary
    complete : bool
    """

    data: Dataset
    recipe: Recipe
    known: bool
    scale: Scale
    summaries: tuple[Summary, ...]
    complete: bool

    def curve(self, draft_lam: float, variant: str) -> list[Summary]:
        """The points of one curve, in order of decreasing aggressiveness."""
        return [s for s in self.summaries if s.point.setting.draft_lam == draft_lam and s.point.variant == variant]


def points_of(recipe: Recipe, scale: Scale) -> Iterator[Point]:
    """All points."""
    for draft_lam in recipe.figure2:
        setting = next(setting for setting in recipe.shrink if setting.draft_lam == draft_lam)
        setting = setting._replace(n_epochs=max(1, round(EPOCH_FACTOR * setting.n_epochs * scale.share)))
        yield Point(setting, BASELINE, 0.0)
        for variant in (DETERMINISTIC, RANDOMIZED, FAIR_START):
            for aggressiveness in scale.aggressiveness:
                yield Point(setting, variant, aggressiveness)


def compute_figure2(data: Dataset, scale: Scale, store: Store, n_jobs: int, context: Context) -> Figure2:
    """Train whatever is missing in the store; ``context.progress`` runs from 0 to 1."""
    recipe, known = recipe_for((*data.X.shape, data.Y.shape[1]))
    points, of = list(points_of(recipe, scale)), f"{fingerprint(data)} seed={context.seed}"
    # All points with one repeat first: what is there after an interrupt covers the whole figure.
    tasks: dict[str, Callable[[], Numbers]] = {
        point.run_name(of, repeat): partial(train_point, data, point, (context.seed, repeat))
        for repeat in range(scale.repeats)
        for point in points
    }
    complete = store.compute(tasks, n_jobs, context.progress, context.stopped)
    summaries = []
    for point in points:
        runs = store.select(point.run_name(of, repeat) for repeat in range(scale.repeats))
        if runs:
            key = (point.setting.draft_lam, point.variant, published(point.aggressiveness))
            recorded = recipe.recorded.get(key) if known and scale.share == 1.0 else None
            summaries.append(Summary(point, tuple(runs), recorded))
    return Figure2(data, recipe, known, scale, tuple(summaries), complete)


def train_point(data: Dataset, point: Point, entropy: tuple[int, ...]) -> Numbers:
    """One training: normalised loss, live inputs, the draft's cost, multiply-adds, seconds, and when the last removal came.

    Equal ``entropy`` gives equal initial points at all points of the figure: they can be compared in pairs.
    """
    half_targets, setting = 0.5 * data.Y.shape[1], point.setting
    net = train_shrinknet(
        *(data.X, data.Y),
        lam=setting.draft_lam * half_targets,
        lr=setting.lr,
        n_epochs=setting.n_epochs,
        removal=point.removal,
        random_state=np.random.default_rng(entropy),
    )
    return {
        "loss": net.loss / half_targets,
        "live": net.n_live,
        "cost": net.ledger.cost,
        "multiply_adds": net.ledger.multiply_adds,
        "last_removal": net.events[-1].epoch if net.events else 0,
        "seconds": round(net.elapsed, 4),
    }
