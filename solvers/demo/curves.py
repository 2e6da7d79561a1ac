"""Curves of loss against sparsity: the fits along a path, and how they are solved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._progress import Progress
from solvers.demo.page import Context
from solvers.errors import ConvergenceWarning
from solvers.regression.fit import Fit
from solvers.regression.path import solve_path
from solvers.regression.penalties import GroupSparsity, Penalty
from solvers.results import Limit

Array = np.ndarray[Any, np.dtype[np.float64]]

GROUP = "group sparsity"

REFITTED = f"{GROUP}, refitted"

_PREPARATION = 0.5
"""Share of a ShrinkNet path's time that goes by before its first fit is finished."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Fits along a path, and what they are called.

    Attributes
    ----------
    name : str
        The penalty, in words.
    fits : tuple of Fit
        One per lam, which decreases.
    complete : bool
        Whether all lams were reached.
    scale : float or None
        What losses are divided by; the loss of the model without inputs where omitted.
    """

    name: str
    fits: tuple[Fit, ...]
    complete: bool
    scale: float | None = None

    @property
    def lams(self) -> Array:
        """Penalty strengths, decreasing."""
        return np.array([fit.penalty.lam for fit in self.fits])

    @property
    def losses(self) -> Array:
        """Normalised losses."""
        return normalised(self.fits, self.scale)

    @property
    def live(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        """How many inputs each fit uses."""
        return np.array([len(fit.support) for fit in self.fits], dtype=np.intp)

    @property
    def sparsity(self) -> Array:
        """Share of removed inputs of each fit."""
        return np.array([fit.sparsity for fit in self.fits])

    @property
    def first_of_support(self) -> list[int]:
        """Where along the path a support is met for the first time."""
        return list({fit.support.tobytes(): index for index, fit in reversed(list(enumerate(self.fits)))}.values())[::-1]

    @property
    def best_of_count(self) -> list[int]:
        """For each number of live inputs the fit with the least loss, in order of that number."""
        order = np.lexsort((self.losses, self.live))
        return [int(order[k]) for k in np.unique(self.live[order], return_index=True)[1]]

    def nearest(self, sparsity: float) -> int:
        """The fit whose sparsity comes closest; of several the one with the smallest lam, where the path is at its best."""
        return int(np.lexsort((self.lams, np.abs(self.sparsity - sparsity)))[0])


@dataclass(frozen=True, eq=False)
class Task:
    """What the curves of one page have in common.

    Attributes
    ----------
    X : (n_samples, n_features)
        Inputs.
    Y : (n_samples, n_targets) or (n_samples,)
        Targets, or labels.
    loss : str
        As `solve` names it.
    n_lams : int
        How many fits a complete curve has.
    lam_ratio : float
        Smallest over largest penalty of a curve.
    scale : float or None
        What losses are divided by; the loss of the model without inputs where omitted.
    """

    X: Array
    Y: np.ndarray[Any, Any]
    loss: str
    n_lams: int
    lam_ratio: float
    scale: float | None = None


def normalised(fits: tuple[Fit, ...], scale: float | None = None) -> Array:
    """Losses relative to ``scale``; to that of the model without inputs where omitted."""
    return np.array([fit.loss / (scale or fit.null_loss) for fit in fits])


def solve_curve(name: str, penalty: Penalty, tol: float, task: Task, context: Context) -> Curve:
    """Solve one path; ``context.progress`` runs from 0 to 1."""
    context.progress(0.0, f"{name} path (the first run compiles)")
    follow = _follower(name, context, task.n_lams, prepares=not isinstance(penalty, GroupSparsity))
    with warnings.catch_warnings():
        # The report shows the certificate and status of every fit, a failing one first.
        warnings.simplefilter("ignore", ConvergenceWarning)
        path = solve_path(
            *(task.X, task.Y, penalty), loss=task.loss, n_lams=task.n_lams, lam_ratio=task.lam_ratio, tol=tol, callback=follow
        )
    return Curve(name, path.fits, path.limit is Limit.NONE and len(path.fits) == task.n_lams, task.scale)


def _follower(name: str, context: Context, n_lams: int, *, prepares: bool) -> Callable[[Progress], bool]:
    """The callback of one path. One that ``prepares`` follows several starts, for all lam, before it finishes the first fit."""

    def follow(progress: Progress) -> bool:
        done, doing = progress.index / n_lams, f"{progress.index} of {n_lams} fits"
        if prepares and progress.index == 0:
            # How many rounds are to come is not known: four for each lam are about half of them.
            done, doing = _PREPARATION * progress.n_iter / (progress.n_iter + 4 * n_lams), "comparing starts"
        elif prepares:
            done = _PREPARATION + (1.0 - _PREPARATION) * done
        context.progress(done, f"{name} path, {doing}")
        return context.stopped()

    return follow


def refit_each(group: Curve, again: Callable[[Fit], Fit], context: Context) -> tuple[Fit, ...]:
    """``again`` of each fit; equal supports share one refit."""
    known: dict[bytes, Fit] = {}
    refits: list[Fit] = []
    for done, fit in enumerate(group.fits):
        support = fit.support.tobytes()
        if support not in known:
            context.progress(done / len(group.fits), "refitting each set of kept inputs")
            known[support] = again(fit)
        refits.append(known[support])
    return tuple(refits)
