"""Minimisation on some columns: sweeps identify the support, Newton steps polish on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._progress import Monitor
from solvers.regression.curvature import Curvature, GroupCurvature
from solvers.regression.penalties import GroupKernel
from solvers.regression.polish import polish
from solvers.regression.problem import Problem
from solvers.regression.states import GramState, State
from solvers.regression.stationarity import block_distance, penalty_value

Array = np.ndarray[Any, np.dtype[np.float64]]

_BATCHES = 10
"""Batches of sweeps in a row at most; ten cost about as much as one Newton step."""

_BATCH_PAYS = 0.5
"""Share of the gap that a batch of sweeps may leave if another is to follow."""

_STALLED_ROUNDS = 3

_SETTLED = 3
"""Sweeps without change of the support after which it counts as settled."""

_SETTLING = 40
"""Sweeps at most before Newton steps begin; a sweep costs about a tenth of one."""


class Stall:
    """Notices that neither gap nor objective falls any more: float64 has given what it can."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.best_gap = np.inf
        self.best_objective = np.inf
        self.rounds = 0

    def __call__(self, objective: float, gap: float) -> bool:
        """Record a round; True after `_STALLED_ROUNDS` rounds without progress."""
        progress = gap < 0.5 * self.best_gap or objective < self.best_objective - 1e-15 * self.scale
        self.rounds = 0 if progress else self.rounds + 1
        self.best_gap, self.best_objective = min(self.best_gap, gap), min(self.best_objective, objective)
        return self.rounds >= _STALLED_ROUNDS


def minimise_group_sparsity(
    state: State, kernel: GroupKernel, tol: float, scale: float, monitor: Monitor, objective_scale: float = 1.0
) -> bool:
    """Identify, then polish: alternate sweeps with some Newton steps on the support.

    Sweeps go on while each batch halves the gap: on well-conditioned data they are all it takes, and cost a small
    part of a Newton step. Where they are dear, they only find the support: Newton steps come first and as soon as it stands.
    Where they crawl, the Newton steps never increase the objective and converge quadratically once the support is right.

    Parameters
    ----------
    state : State
        Start; holds the answer afterwards, also when a limit raises `Interrupted`.
    kernel : GroupSparsityKernel, RidgedKernel or GroupedKernel
        The radii ``lam w_g`` of the groups, their ridges and rows.
    tol : float
        Stop at a duality gap of ``tol * scale`` among these groups.
    scale : float
        The null loss.
    objective_scale : float
        Factor that brings objectives to the caller's units, for the history.

    Returns
    -------
    bool
        True at the tolerance; False where rounding forbids further progress.
    """
    stall, curvature = Stall(scale), GroupCurvature(kernel)
    if state.dear:
        polish(state, curvature)
    while True:
        gap, previous, objective = np.inf, np.inf, np.inf
        for _ in range(_BATCHES):
            before = kernel.norms(state.B) > 0
            for _ in range(state.batch):
                state.sweep(kernel)
            norms = kernel.norms(state.B)
            objective = state.loss + kernel.total(norms)
            previous, gap = gap, state.gap(kernel) / scale
            monitor.round(objective * objective_scale, gap, int(np.count_nonzero(norms)))
            if gap <= tol:
                return True
            if gap > _BATCH_PAYS * previous or (state.dear and np.array_equal(norms > 0, before)):
                break
        if stall(objective, gap):
            return False
        polish(state, curvature)


def minimise_bridge(state: State, kernel: Any, curvature: Curvature, tol: float, problem: Problem, monitor: Monitor) -> bool:
    """Identify, then polish, for a concave penalty: sweeps until the support stands, then Newton steps on it.

    Every sweep minimises each block globally given the others, so that groups enter and leave by comparing values; the polish
    only moves the groups that are there. Neither increases the objective.

    Parameters
    ----------
    state : State
        Start; holds the answer afterwards, also when a limit raises `Interrupted`.
    tol : float
        Stop at a `block_distance` of ``tol`` times the largest gradient at zero.
    problem : Problem
        For the scales of gradients and objectives.

    Returns
    -------
    bool
        True at the tolerance; False where rounding forbids further progress.
    """
    stall = Stall(problem.null_loss)
    scale = max(problem.gradient_scale, np.finfo(float).tiny)
    support = np.zeros(len(state.B), dtype=bool)
    while True:
        settled = 0
        for _ in range(_SETTLING):
            before, support = support, state.B.any(axis=1)
            settled = settled + 1 if np.array_equal(before, support) else 0
            if settled > _SETTLED:
                break
            state.sweep(kernel)
        objective = state.loss + float(penalty_value(kernel, state.B))
        distance = block_distance(kernel, state.curvatures, state.B, state.G) / scale
        monitor.round(objective * problem.loss_scale, distance, int(np.count_nonzero(state.B.any(axis=1))))
        if distance <= tol:
            return True
        if stall(objective, distance):
            return False
        polish(state, curvature)
        state.sweep(kernel)


def minimise_by_sweeps(state: GramState, kernel: Any, tol: float, scale: float, gradient_scale: float, monitor: Monitor) -> bool:
    """Block-coordinate descent for any penalty with a prox, until stationary to ``tol * gradient_scale``."""
    stall = Stall(scale)
    while True:
        moved = state.sweep(kernel)
        objective = state.loss + penalty_value(kernel, state.B)
        distance = block_distance(kernel, state.curvatures, state.B, state.G) / gradient_scale
        monitor.round(objective, distance, int(np.count_nonzero(state.B.any(axis=1))))
        if distance <= tol:
            return True
        if moved == 0 or stall(objective, distance):
            return False
