"""Regularised ShrinkNet with the squared loss: exact block minimisers, exchanges and the first nodes of the global search."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from solvers._blas import cholesky, cholesky_solve, matmul
from solvers._compile import kernel
from solvers._progress import Monitor
from solvers.regression.bridge_solver import BridgeSolver
from solvers.regression.exchange import best_moves
from solvers.regression.global_bound import Search
from solvers.regression.group_solver import SquaredGroupSolver
from solvers.regression.penalties import GroupSparsity, prox, value
from solvers.regression.problem import Indices
from solvers.regression.squared_problem import SquaredEvaluation, SquaredProblem
from solvers.regression.states import GramState, State
from solvers.regression.stationarity import penalty_value
from solvers.regression.working_set import FullGram, WorkingSets, prefers_full_gram
from solvers.results import Status

Array = np.ndarray[Any, np.dtype[np.float64]]

_CLOSE = 1.2
"""The best single column is followed if its objective is at most this many times the one already reached."""

_EXCHANGES = 60
_MOVES = 8
_WORTHWHILE = 1e-7
"""Rounds of exchanges at most, moves tried at once, and the estimated gain (over the null loss) from which a move is tried."""

_DIVE_WORK = 10_000_000
_DIVE_NODES, _LEAST_NODES, _DIVE_SWEEPS = 200, 10, 30
_DIVE_TOL = 1e-6
"""A solve ends with the first nodes of the global search: some ten milliseconds of them, where that is enough for a few; and the
improvement that is sought, relative to the null loss."""

_RIDGE = 1e-3
"""Strength of the ridge start, relative to the mean diagonal of the Gram matrix."""


@kernel
def best_single(penalty: Any, curvatures: Array, correlation: Array, B: Array) -> None:
    """Write the best point with at most one non-zero row to ``B``, which is zero: O(n_features n_targets)."""
    n_blocks, n_targets = B.shape
    z, w, best_w = np.empty(n_targets), np.empty(n_targets), np.zeros(n_targets)
    best, row = 0.0, 0
    for j in range(n_blocks):
        q = curvatures[j]
        if q <= 0.0:
            continue
        for t in range(n_targets):
            z[t] = correlation[j, t] / q
        prox(penalty, z, 1.0 / q, j, w)
        change = value(penalty, w, j)
        for t in range(n_targets):
            change += q * w[t] * (0.5 * w[t] - z[t])
        if change < best:
            best, row = change, j
            best_w[:] = w
    B[row] = best_w


class SquaredBridgeSolver(BridgeSolver[SquaredProblem]):
    """Least squares, in the Gram matrix of all columns or of a working set.

    Further starts are the best single column and a ridge solution. From the best point inputs are added and dropped, the others
    adapting (`exchange`), and on few columns the first nodes of the global search follow.
    """

    @cached_property
    def columns(self) -> FullGram | WorkingSets:
        problem = self.problem
        everything = np.arange(problem.n_features)
        # Each lam takes several descents.
        if prefers_full_gram(problem, 4 * self.n_lams):
            return FullGram(problem, everything)
        return WorkingSets(problem, everything, None)

    def group_solver(self) -> SquaredGroupSolver:
        solver = SquaredGroupSolver(self.problem, GroupSparsity(1.0, self.penalty.weights))
        solver.columns = self.columns
        return solver

    def solve_within(self, within: Indices, tol: float, monitor: Monitor) -> Status:
        """Minimum-norm least squares."""
        self.start_from(self.problem.least_squares(within))
        return Status.CONVERGED

    def refine(self, mu: Array, monitor: Monitor) -> None:
        """Add and drop inputs, the others adapting, while that lowers the objective; for penalties of the length alone."""
        if not isinstance(self.columns, FullGram) or not (self.penalty.p == 2 or self.problem.n_targets == 1):
            return
        scale, most = self.problem.null_loss, _MOVES
        for _ in range(_EXCHANGES):
            B, objective = self.B, self.objective(mu)
            moves = best_moves(self.columns.Q, B, self._gram_gradient(self.B), mu, self.penalty.q, most)
            if len(moves.gains) == 0 or moves.gains[0] < _WORTHWHILE * scale:
                return
            together = [step for step, gain in zip(moves.steps, moves.gains, strict=True) if gain >= 0.5 * moves.gains[0]]
            goal = objective - 0.01 * _WORTHWHILE * scale
            if self.improve(np.sum([B, *together], axis=0), goal, mu, monitor):
                most = _MOVES
            elif len(together) == 1:
                return
            else:
                most = 1

    def look_further(self, mu: Array, monitor: Monitor) -> None:
        """Look for a better point by the first nodes of the global search: on few columns they nearly always find the best."""
        p, (n_features, n_targets) = self.penalty.p, self.B.shape
        work_per_node = _DIVE_SWEEPS * n_features**2 * n_targets * (1 if p == 2 else 10)
        n_nodes = min(_DIVE_NODES, _DIVE_WORK // work_per_node)
        if n_nodes < _LEAST_NODES or p not in (1.0, 2.0) or not isinstance(self.columns, FullGram):
            return
        objective, B = self.objective(mu), self.B
        search = Search(self.problem, mu, p, B, objective, _DIVE_TOL * self.problem.null_loss)
        search.run(n_nodes, _DIVE_SWEEPS)
        if search.bound.upper < objective:
            self.improve(search.bound.B, objective, mu, monitor)

    def state(self, chosen: Indices) -> State:
        if self.at is None and isinstance(self.columns, FullGram):
            # A start is not worth a pass over X.
            gradient = self._gram_gradient(self.B)
            loss = self.problem.null_loss - 0.5 * float(np.sum(self.B * (self.problem.correlation + gradient)))
            return GramState(self.columns.Q, self.B.copy(), gradient, max(loss, 0.0))
        at = self.evaluate()
        assert isinstance(at, SquaredEvaluation)
        return self.columns.state(chosen, self.B, at)

    def _gram_gradient(self, B: Array) -> Array:
        active = np.flatnonzero(B.any(axis=1))
        return self.problem.correlation - matmul(self.problem.gram[:, active], B[active])

    def objective(self, mu: Array) -> float:
        if self.at is None and isinstance(self.columns, FullGram):
            return self._objective_at(self.B, mu)
        return super().objective(mu)

    def _objective_at(self, B: Array, mu: Array) -> float:
        """The objective anywhere, in the Gram matrix where that stands."""
        if isinstance(self.columns, FullGram):
            loss = self.problem.null_loss - 0.5 * float(np.sum(B * (self.problem.correlation + self._gram_gradient(B))))
        else:
            loss = self.problem.evaluate(B).loss
        return loss + float(penalty_value(self.kernel(mu), B))

    def starts(self, mu: Array) -> Iterator[Array]:
        yield from super().starts(mu)
        if isinstance(self.columns, FullGram):
            yield self._ridge()

    def path_starts(self, given: Array, mu: Array) -> Iterator[Array]:
        yield from super().path_starts(given, mu)
        single = self._best_column(mu)
        if self._objective_at(single, mu) <= _CLOSE * self.objective(mu):
            yield single

    def _best_column(self, mu: Array) -> Array:
        """The best model with a single input; zero if no input is better than none."""
        B = np.zeros_like(self.B)
        best_single(self.kernel(mu), self.problem.curvatures, self.problem.correlation, B)
        return B

    def _ridge(self) -> Array:
        Q = self.problem.gram.copy()
        Q.flat[:: len(Q) + 1] += max(_RIDGE * float(np.mean(self.problem.curvatures)), np.finfo(float).tiny)
        factor = cholesky(Q)
        return np.zeros_like(self.B) if factor is None else cholesky_solve(factor, self.problem.correlation)
