"""Group sparsity with a logistic loss: working sets over the inputs, Newton's method on the support."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from solvers._progress import Monitor
from solvers.regression.group_solver import GroupSparsitySolver
from solvers.regression.logistic_problem import LogisticEvaluation, LogisticProblem
from solvers.regression.logistic_state import LogisticState
from solvers.regression.penalties import GroupSparsity
from solvers.regression.working_set import WorkingSets
from solvers.results import Status

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]


class LogisticGroupSolver(GroupSparsitySolver):
    """Multinomial or logistic regression on growing working sets, which hold the unpenalised columns from the start."""

    def __init__(self, problem: LogisticProblem, penalty: GroupSparsity, n_lams: int = 1) -> None:
        super().__init__(problem, penalty, n_lams)
        self._logistic = problem

    @property
    def problem(self) -> LogisticProblem:
        return self._logistic

    @cached_property
    def columns(self) -> WorkingSets:
        return WorkingSets(self.problem, self.penalised, None, self.free)

    def state(self, chosen: Indices) -> LogisticState:
        at = self.evaluate()
        assert isinstance(at, LogisticEvaluation)
        return LogisticState(self.problem, self.columns.matrix(chosen), self.columns.gram(chosen), self.B[chosen], at.shift)

    def fit_free(self) -> None:
        if len(self.free) == 0:
            return
        self._minimise_on(self.free, np.zeros(self.problem.n_features), _EXACT, Monitor(max_iter=_ROUNDS))

    def solve_unpenalised(self, tol: float, monitor: Monitor) -> Status:
        raise NotImplementedError


_EXACT = 1e-14
_ROUNDS = 100
