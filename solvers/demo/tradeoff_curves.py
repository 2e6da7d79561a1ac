"""The curves of the trade-off page: group sparsity, its path refitted, and ShrinkNet with p = 2 and p = 1."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._progress import Progress
from solvers.demo.data import Dataset
from solvers.demo.page import Context
from solvers.errors import ConvergenceWarning
from solvers.regression.fit import Fit
from solvers.regression.path import solve_path
from solvers.regression.penalties import GroupSparsity, Penalty
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.solver import refit
from solvers.results import Limit

Array = np.ndarray[Any, np.dtype[np.float64]]

N_LAMS = 100
LAM_RATIO = 1e-3
STATIONARY_TOL = 1e-8

GROUP = "group sparsity"

SHRINKNETS = {f"ShrinkNet, p = {p}": RegularizedShrinkNet(lam=1.0, lam2=1.0, p=p) for p in (2, 1)}
"""Only lam^p lam2 matters, and a path runs through lam: any lam2 will do."""

# Shares of the time that all curves take, for the progress bar.
_GROUP_SHARE, _REFIT_SHARE, _SHRINKNET_SHARE = 0.28, 0.12, 0.3

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
    """

    name: str
    fits: tuple[Fit, ...]
    complete: bool

    @property
    def lams(self) -> Array:
        """Penalty strengths, decreasing."""
        return np.array([fit.penalty.lam for fit in self.fits])

    @property
    def losses(self) -> Array:
        """Normalised losses."""
        return normalised(self.fits)

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
class Tradeoff:
    """All curves on one dataset.

    Attributes
    ----------
    data : Dataset
        What was fitted.
    group : Curve
        Group sparsity.
    refits : tuple of Fit
        Of each fit of ``group``. Equal supports share one refit.
    shrinknets : tuple of Curve
        ShrinkNet with p = 2 and p = 1; fewer where the run was stopped.
    n_lams : int
        How many fits a complete curve has.
    """

    data: Dataset
    group: Curve
    refits: tuple[Fit, ...]
    shrinknets: tuple[Curve, ...]
    n_lams: int

    @property
    def curves(self) -> tuple[Curve, ...]:
        """Group sparsity and the ShrinkNets."""
        return (self.group, *self.shrinknets)

    @property
    def complete(self) -> bool:
        """Whether every curve is."""
        return len(self.shrinknets) == len(SHRINKNETS) and all(curve.complete for curve in self.curves)


def normalised(fits: tuple[Fit, ...]) -> Array:
    """Losses relative to that of the model without inputs."""
    return np.array([fit.loss / fit.null_loss for fit in fits])


def compute_tradeoff(data: Dataset, context: Context) -> Tradeoff:
    """Solve all paths, and refit each support of the group-sparsity path; ``context.progress`` runs from 0 to 1."""
    group = _curve(GROUP, GroupSparsity(1.0), data.tol, data, context, 0.0)
    refits = _refit_all(group, data, context)
    shrinknets: list[Curve] = []
    begin = _GROUP_SHARE + _REFIT_SHARE
    for name, penalty in SHRINKNETS.items():
        if context.stopped():
            break
        shrinknets.append(_curve(name, penalty, STATIONARY_TOL, data, context, begin))
        begin += _SHRINKNET_SHARE
    return Tradeoff(data, group, refits, tuple(shrinknets), N_LAMS)


def _curve(name: str, penalty: Penalty, tol: float, data: Dataset, context: Context, begin: float) -> Curve:
    context.progress(begin, f"{name} path (the first run compiles)")
    follow = _follower(name, context, begin, prepares=name != GROUP)
    with warnings.catch_warnings():
        # The report shows the certificate and status of every fit, a failing one first.
        warnings.simplefilter("ignore", ConvergenceWarning)
        path = solve_path(data.X, data.Y, penalty, n_lams=N_LAMS, lam_ratio=LAM_RATIO, tol=tol, callback=follow)
    return Curve(name, path.fits, path.limit is Limit.NONE and len(path.fits) == N_LAMS)


def _follower(name: str, context: Context, begin: float, *, prepares: bool) -> Callable[[Progress], bool]:
    """The callback of one path. One that ``prepares`` follows several starts, for all lam, before it finishes the first fit."""

    def follow(progress: Progress) -> bool:
        done, doing = progress.index / N_LAMS, f"{progress.index} of {N_LAMS} fits"
        if prepares and progress.index == 0:
            # How many rounds are to come is not known: four for each lam are about half of them.
            done, doing = _PREPARATION * progress.n_iter / (progress.n_iter + 4 * N_LAMS), "comparing starts"
        elif prepares:
            done = _PREPARATION + (1.0 - _PREPARATION) * done
        context.progress(begin + (_SHRINKNET_SHARE if prepares else _GROUP_SHARE) * done, f"{name} path, {doing}")
        return context.stopped()

    return follow


def _refit_all(group: Curve, data: Dataset, context: Context) -> tuple[Fit, ...]:
    known: dict[bytes, Fit] = {}
    refits: list[Fit] = []
    for done, fit in enumerate(group.fits):
        support = fit.support.tobytes()
        if support not in known:
            context.progress(_GROUP_SHARE + _REFIT_SHARE * done / len(group.fits), "refitting each set of kept inputs")
            known[support] = refit(fit, data.X, data.Y)
        refits.append(known[support])
    return tuple(refits)
