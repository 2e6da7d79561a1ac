"""Logistic losses under both penalties: working sets over the inputs, Newton's method on the support."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from solvers._progress import Monitor
from solvers.regression.bridge_solver import BridgeSolver
from solvers.regression.group_solver import GroupSparsitySolver
from solvers.regression.logistic_problem import LogisticEvaluation, LogisticProblem
from solvers.regression.logistic_state import LogisticState
from solvers.regression.penalties import GroupSparsity, GroupSparsityKernel
from solvers.regression.problem import Evaluation
from solvers.regression.working_set import WorkingSets
from solvers.results import Status

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]


class LogisticGroupSolver(GroupSparsitySolver[LogisticProblem]):
    """Multinomial or logistic regression on growing working sets, which hold the unpenalised columns from the start."""

    @cached_property
    def columns(self) -> WorkingSets:
        return WorkingSets(self.problem, self.penalised, None, self.free, labels=self.labels)

    def state(self, chosen: Indices) -> LogisticState:
        return _state(self.problem, self.columns, chosen, self.B, self.evaluate())

    def solve(self, lam: float, tol: float, monitor: Monitor) -> Status:
        if not self.B[self.penalised].any():
            # With the unpenalised columns fitted first, zero is recognised where it is the answer.
            self.fit_free()
        return super().solve(lam, tol, monitor)

    def fit_free(self) -> None:
        if len(self.free) == 0 or len(self.penalised) == 0:
            return
        monitor = Monitor(max_iter=_ROUNDS)
        with monitor.watch():
            self._minimise_on(self.free, GroupSparsityKernel(np.zeros(self.problem.n_features)), _EXACT, monitor)

    def solve_within(self, within: Indices, tol: float, monitor: Monitor) -> Status:
        return _minimise_loss(self, within, tol, monitor)


class LogisticBridgeSolver(BridgeSolver[LogisticProblem]):
    """Multinomial or logistic regression on growing working sets; a column's minimiser is that of a majorant of the loss."""

    @cached_property
    def columns(self) -> WorkingSets:
        return WorkingSets(self.problem, np.arange(self.problem.n_features), None)

    def state(self, chosen: Indices) -> LogisticState:
        return _state(self.problem, self.columns, chosen, self.B, self.evaluate())

    def group_solver(self) -> LogisticGroupSolver:
        solver = LogisticGroupSolver(self.problem, GroupSparsity(1.0, self.penalty.weights))
        solver.columns = self.columns
        return solver

    def solve_within(self, within: Indices, tol: float, monitor: Monitor) -> Status:
        return _minimise_loss(self, within, tol, monitor)


def _minimise_loss(solver: LogisticGroupSolver | LogisticBridgeSolver, within: Indices, tol: float, monitor: Monitor) -> Status:
    """Minimise the loss over the columns ``within``, the others being zero, from the present point of ``solver``."""
    free = LogisticGroupSolver(solver.problem, GroupSparsity(1.0, np.zeros(solver.problem.n_features)))
    free.free = free.within = within
    start = np.zeros_like(solver.B)
    start[within] = solver.B[within]
    free.start_from(start)
    try:
        return free.solve(1.0, tol, monitor)
    finally:
        solver.start_from(free.B)


def _state(problem: LogisticProblem, columns: WorkingSets, chosen: Indices, B: Array, at: Evaluation) -> LogisticState:
    assert isinstance(at, LogisticEvaluation)
    Q = columns.gram(chosen)
    return LogisticState(problem, chosen, columns.matrix(chosen), Q, B[chosen], at.shift, columns.spectrum(chosen, Q))


_EXACT = 1e-14
_ROUNDS = 100
