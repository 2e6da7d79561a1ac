"""The curves of the trade-off page: group sparsity, its path refitted, and ShrinkNet with p = 2 and p = 1."""

from __future__ import annotations

from dataclasses import dataclass

from solvers.demo.curves import GROUP, Curve, Task, refit_each, solve_curve
from solvers.demo.data import Dataset
from solvers.demo.page import Context
from solvers.regression.fit import Fit
from solvers.regression.penalties import GroupSparsity
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.solver import refit

N_LAMS = 100
LAM_RATIO = 1e-3
STATIONARY_TOL = 1e-8

SHRINKNETS = {f"ShrinkNet, p = {p}": RegularizedShrinkNet(lam=1.0, lam2=1.0, p=p) for p in (2, 1)}
"""Only lam^p lam2 matters, and a path runs through lam: any lam2 will do."""

# Shares of the time that all curves take, for the progress bar.
_GROUP_SHARE, _REFIT_SHARE, _SHRINKNET_SHARE = 0.28, 0.12, 0.3


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


def compute_tradeoff(data: Dataset, context: Context) -> Tradeoff:
    """Solve all paths, and refit each support of the group-sparsity path; ``context.progress`` runs from 0 to 1."""
    task = Task(data.X, data.Y, "squared", N_LAMS, LAM_RATIO)
    group = solve_curve(GROUP, GroupSparsity(1.0), data.tol, task, context.part(0.0, _GROUP_SHARE))
    begin = _GROUP_SHARE + _REFIT_SHARE
    refits = refit_each(group, lambda fit: refit(fit, data.X, data.Y), context.part(_GROUP_SHARE, begin))
    shrinknets: list[Curve] = []
    for name, penalty in SHRINKNETS.items():
        if context.stopped():
            break
        shrinknets.append(solve_curve(name, penalty, STATIONARY_TOL, task, context.part(begin, begin + _SHRINKNET_SHARE)))
        begin += _SHRINKNET_SHARE
    return Tradeoff(data, group, refits, tuple(shrinknets), N_LAMS)
