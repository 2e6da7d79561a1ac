"""Regularised ShrinkNet with the squared loss: exact block minimisers and Newton steps from several starts, the best one kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from solvers._blas import cholesky, cholesky_solve, matmul
from solvers._compile import kernel
from solvers._progress import Monitor
from solvers.regression.bridge import BridgeKernel, bridge_kernel, jump, threshold
from solvers.regression.certificates import relative_gap
from solvers.regression.curvature import BridgeCurvature
from solvers.regression.descent import minimise_bridge
from solvers.regression.exchange import best_moves
from solvers.regression.global_bound import Search
from solvers.regression.group_solver import SquaredGroupSolver
from solvers.regression.penalties import GroupSparsity, prox, value
from solvers.regression.rows import row_norms
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.squared_problem import SquaredEvaluation, SquaredProblem
from solvers.regression.states import GramState, State
from solvers.regression.stationarity import block_distance, penalty_value
from solvers.regression.working_set import FullGram, WorkingSets, prefers_full_gram
from solvers.results import Status

Array = np.ndarray[Any, np.dtype[np.float64]]

_ROUGH = 1e-2
"""Stationarity to which each start is followed before the best one is finished."""

_FINE = 1e-8
_INNER_SHARE = 0.5
_FRUITLESS = 3

_CLOSE = 1.2
"""The best single column is followed if its objective is at most this many times the one already reached."""

_GROUP_STARTS = 20
"""Points of the group-sparsity path that are looked at, from its lambda_max to a thousandth of that."""

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


_NUDGE = 1e-14
"""Relative, against the rounding of powers: at `BridgeSolver.lambda_max` itself the answer is zero."""


class BridgeSolver:
    """Minimises ``1/(2n) ||Ys - Xs B||^2 + sum_j mu_j ||B_j||_p^q`` for a sequence of ``lam``.

    Local search cannot be avoided (zero is a local minimiser of every column); these starts are followed, and the best point is
    kept: the given one, zero, the best single column, a ridge solution, and the point of the group-sparsity path with the lowest
    objective. Along a path (`prepare`) the neighbours in both directions come in place of some. From the best point inputs are
    added and dropped, the others adapting (`exchange`), and on few columns the first nodes of the global search follow.
    """

    def __init__(self, problem: SquaredProblem, penalty: RegularizedShrinkNet, n_lams: int = 1) -> None:
        self.problem = problem
        self.penalty = penalty
        self.n_lams = n_lams
        self.B = np.zeros((problem.n_features, problem.n_targets))
        self.at: SquaredEvaluation | None = None
        self.columns = self._choose_columns()
        self._group_path: list[tuple[Array, float]] | None = None
        self._prepared: dict[float, Array] = {}
        self._pending: Array | None = None

    def _choose_columns(self) -> FullGram | WorkingSets:
        problem = self.problem
        everything = np.arange(problem.n_features)
        # Each lam takes several descents.
        full = prefers_full_gram(problem, 4 * self.n_lams)
        return (FullGram if full else WorkingSets)(problem, everything, None)

    def start_from(self, B: Array) -> None:
        """Begin the next `solve` at canonical coefficients ``B (n_features, n_targets)``."""
        self.B = B.copy()
        self.at = None

    def evaluate(self) -> SquaredEvaluation:
        """Evaluate the present point from the data; remembered until the point moves."""
        if self.at is None:
            self.at = self.problem.evaluate(self.B)
        return self.at

    def strengths(self, lam: float) -> Array:
        """``mu_j`` in canonical units."""
        return self.problem.canonical_mu(self.penalty.with_lam(lam))

    def lambda_max(self) -> float:
        """Smallest lam, in the caller's units, at which zero is every column's minimiser given the others zero."""
        curvatures, correlation = self.problem.curvatures, self.problem.correlation
        units, q = self.strengths(1.0), self.penalty.q
        factor, w = 0.0, np.empty(self.problem.n_targets)

        def leaves(j: int, factor: float) -> bool:
            prox(bridge_kernel(factor * units, self.penalty.p), correlation[j] / curvatures[j], 1.0 / curvatures[j], j, w)
            return bool(w.any())

        with np.errstate(divide="ignore", invalid="ignore"):
            # Where the threshold of the radial lower bound equals ||z||, the column stays; at half that it may.
            jumps = row_norms(correlation) / (curvatures * threshold(q))
            enough: Array = curvatures * jumps ** (2.0 - q) / (2.0 * (1.0 - q) * self._ratio * units)
        sufficient = [float(value) if q > 0 else 0.0 for value, q in zip(enough, curvatures, strict=True)]
        for j in sorted(range(len(sufficient)), key=lambda j: -sufficient[j]):
            if sufficient[j] <= factor or not leaves(j, factor):
                continue
            low, high = factor, sufficient[j] * (1.0 + _NUDGE)
            while high - low > 1e-15 * high:
                middle = 0.5 * (low + high)
                low, high = (middle, high) if leaves(j, middle) else (low, middle)
            factor = high
        return factor ** (1.0 / q) * (1.0 + _NUDGE)

    def lambda_zero(self) -> float:
        """A lam, in the caller's units, from which on zero is the global minimiser; p >= 1."""
        p, q = self.penalty.p, self.penalty.q
        dual = np.inf if p == 1 else p / (p - 1.0)
        norms = np.linalg.norm(self.problem.correlation, ord=dual, axis=1)
        factor = np.max(norms**q * self.problem.null_loss ** (1.0 - q) / self.strengths(1.0))
        return max(float(factor ** (1.0 / q)) * (1.0 + _NUDGE), self.lambda_max())

    @property
    def _ratio(self) -> float:
        """``min_w (||w||_p / ||w||_2)^q``: the penalty is at least this times a function of the length of w."""
        return self.problem.n_targets ** (self.penalty.q * min(0.0, 1.0 / self.penalty.p - 0.5))

    # ------------------------------------------------------------------------------------------------------------- one lam

    def solve(self, lam: float, tol: float, monitor: Monitor) -> Status:
        """Minimise at ``lam > 0`` (caller's units); ``self.B`` is the answer, also where a limit unwinds.

        Returns ``CONVERGED``: no first-order evidence proves more. The certificate says how far the answer is from stationary.
        """
        if self._pending is not None:
            self._prepare_path(monitor)
        mu = self.strengths(lam)
        if lam in self._prepared:
            self.start_from(self._prepared[lam])
        else:
            self._follow(self._starts(mu), mu, monitor)
            self._exchange(mu, monitor)
        self._dive(mu, monitor)
        fruitless, best, best_B = 0, np.inf, self.B
        while True:
            distance = self._distance(self.evaluate().gradient, mu)
            fruitless = fruitless + 1 if distance > 0.5 * best else 0
            if distance < best:
                best, best_B = distance, self.B.copy()
            if distance <= tol or fruitless == _FRUITLESS:
                break
            self._descend(self.B, mu, _INNER_SHARE * tol, monitor)
        if best < distance:
            self.start_from(best_B)
        return Status.CONVERGED

    def solve_unpenalised(self, tol: float, monitor: Monitor) -> Status:
        """Minimum-norm least squares."""
        self.start_from(self.problem.least_squares(np.arange(self.problem.n_features)))
        return Status.CONVERGED

    def finish_from(self, B: Array, lam: float, monitor: Monitor) -> tuple[Array, float]:
        """Descend from canonical coefficients ``B``; the local minimiser and its objective, from the data."""
        mu = self.strengths(lam)
        self._descend(B, mu, _FINE, monitor)
        return self.B, self.evaluate().loss + float(penalty_value(self._kernel(mu), self.B))

    def _follow(self, starts: Iterator[Array], mu: Array, monitor: Monitor) -> None:
        """Descend from each start; ``self.B`` becomes the best point found, also where a limit unwinds."""
        objective = np.inf
        for start in starts:
            if self._improve(start, objective, mu, monitor):
                objective = self._objective(mu)

    def _improve(self, start: Array, objective: float, mu: Array, monitor: Monitor) -> bool:
        """Descend from ``start``; keep the point if it is below ``objective``, else go back to where we stood."""
        before, unless_better = self.B, False
        try:
            self._descend(start, mu, _ROUGH, monitor)
        finally:
            unless_better = not self._objective(mu) < objective
            if unless_better:
                self.start_from(before)
        return not unless_better

    def _exchange(self, mu: Array, monitor: Monitor) -> None:
        """Add and drop inputs, the others adapting, while that lowers the objective; for penalties of the length alone."""
        if not isinstance(self.columns, FullGram) or not (self.penalty.p == 2 or self.problem.n_targets == 1):
            return
        scale, most = self.problem.null_loss, _MOVES
        for _ in range(_EXCHANGES):
            B, objective = self.B, self._objective(mu)
            moves = best_moves(self.columns.Q, B, self._gram_gradient(self.B), mu, self.penalty.q, most)
            if len(moves.gains) == 0 or moves.gains[0] < _WORTHWHILE * scale:
                return
            together = [step for step, gain in zip(moves.steps, moves.gains, strict=True) if gain >= 0.5 * moves.gains[0]]
            goal = objective - 0.01 * _WORTHWHILE * scale
            if self._improve(np.sum([B, *together], axis=0), goal, mu, monitor):
                most = _MOVES
            elif len(together) == 1:
                return
            else:
                most = 1

    def _dive(self, mu: Array, monitor: Monitor) -> None:
        """Look for a better point by the first nodes of the global search: on few columns they nearly always find the best."""
        p, (n_features, n_targets) = self.penalty.p, self.B.shape
        work_per_node = _DIVE_SWEEPS * n_features**2 * n_targets * (1 if p == 2 else 10)
        n_nodes = min(_DIVE_NODES, _DIVE_WORK // work_per_node)
        if n_nodes < _LEAST_NODES or p not in (1.0, 2.0) or not isinstance(self.columns, FullGram):
            return
        objective, B = self._objective(mu), self.B
        search = Search(self.problem, mu, p, B, objective, _DIVE_TOL * self.problem.null_loss)
        search.run(n_nodes, _DIVE_SWEEPS)
        if search.bound.upper < objective:
            self._improve(search.bound.B, objective, mu, monitor)

    def _descend(self, B: Array, mu: Array, tol: float, monitor: Monitor) -> None:
        """Minimise from ``B`` to a point that is stationary to ``tol``; the answer is in ``self.B``."""
        if B is not self.B:
            self.start_from(B)
        chosen = self.columns.start(self.B, self._scores(mu), 1.0)
        while True:
            state = self._state(chosen)
            kernel, curvature = bridge_kernel(mu[chosen], self.penalty.p), BridgeCurvature(mu[chosen], self.penalty.p)
            B = self.B.copy()
            try:
                minimise_bridge(state, kernel, curvature, tol, self.problem, monitor)
            finally:
                B[chosen] = state.B
                self.start_from(B)
            if isinstance(self.columns, FullGram):
                return
            size = len(chosen)
            chosen = self.columns.grow(chosen, self._scores(mu))
            if len(chosen) == size:
                return

    def _state(self, chosen: np.ndarray[Any, Any]) -> State:
        if self.at is None and isinstance(self.columns, FullGram):
            # A start is not worth a pass over X.
            gradient = self._gram_gradient(self.B)
            loss = self.problem.null_loss - 0.5 * float(np.sum(self.B * (self.problem.correlation + gradient)))
            return GramState(self.columns.Q, self.B.copy(), gradient, max(loss, 0.0))
        return self.columns.state(chosen, self.B, self.evaluate())

    def _gram_gradient(self, B: Array) -> Array:
        active = np.flatnonzero(B.any(axis=1))
        return self.problem.correlation - matmul(self.problem.gram[:, active], B[active])

    def _objective(self, mu: Array) -> float:
        if self.at is None and isinstance(self.columns, FullGram):
            return self._objective_at(self.B, mu)
        return self.evaluate().loss + float(penalty_value(self._kernel(mu), self.B))

    def _objective_at(self, B: Array, mu: Array) -> float:
        """The objective anywhere, in the Gram matrix where that stands."""
        if isinstance(self.columns, FullGram):
            loss = self.problem.null_loss - 0.5 * float(np.sum(B * (self.problem.correlation + self._gram_gradient(B))))
        else:
            loss = self.problem.evaluate(B).loss
        return loss + float(penalty_value(self._kernel(mu), B))

    def _distance(self, gradient: Array, mu: Array) -> float:
        scale = float(np.max(row_norms(self.problem.correlation)))
        return relative_gap(block_distance(self._kernel(mu), self.problem.curvatures, self.B, gradient), scale)

    def _kernel(self, mu: Array) -> BridgeKernel:
        return bridge_kernel(mu, self.penalty.p)

    def _scores(self, mu: Array) -> Array:
        """Length of each column's gradient over the least that lets the column leave zero; above 1 it may."""
        if isinstance(self.columns, FullGram):
            return np.zeros(len(mu))
        curvatures = self.problem.curvatures
        q = self.penalty.q
        with np.errstate(divide="ignore", invalid="ignore"):
            least = curvatures * threshold(q) * np.array([jump(m, q) for m in mu * self._ratio / curvatures])
            return np.where(curvatures > 0, row_norms(self.evaluate().gradient) / least, 0.0)

    # -------------------------------------------------------------------------------------------------------------- starts

    def _starts(self, mu: Array) -> Iterator[Array]:
        given = self.B
        yield np.zeros_like(given)
        yield from self._path_starts(given, mu)
        if isinstance(self.columns, FullGram):
            yield self._ridge()

    def _path_starts(self, given: Array, mu: Array) -> Iterator[Array]:
        yield given
        yield self._best_group_point(mu)
        single = self._best_column(mu)
        if self._objective_at(single, mu) <= _CLOSE * self._objective(mu):
            yield single

    def _best_column(self, mu: Array) -> Array:
        """The best model with a single input; zero if no input is better than none."""
        B = np.zeros_like(self.B)
        best_single(self._kernel(mu), self.problem.curvatures, self.problem.correlation, B)
        return B

    def _ridge(self) -> Array:
        Q = self.problem.gram.copy()
        Q.flat[:: len(Q) + 1] += max(_RIDGE * float(np.mean(self.problem.curvatures)), np.finfo(float).tiny)
        factor = cholesky(Q)
        return np.zeros_like(self.B) if factor is None else cholesky_solve(factor, self.problem.correlation)

    def _best_group_point(self, mu: Array) -> Array:
        """The point of the group-sparsity path where the objective at ``mu`` is lowest."""
        kernel = self._kernel(mu)
        objectives = [loss + float(penalty_value(kernel, B)) for B, loss in self._group_points()]
        return self._group_points()[int(np.argmin(objectives))][0]

    def _group_points(self) -> list[tuple[Array, float]]:
        """A rough group-sparsity path: points and their losses, computed once."""
        if self._group_path is None:
            solver = SquaredGroupSolver(self.problem, GroupSparsity(1.0, self.penalty.weights))
            solver.columns = self.columns
            top = solver.lambda_max()
            self._group_path = [(solver.B.copy(), self.problem.null_loss)]
            for lam in top * np.geomspace(1.0, 1e-3, _GROUP_STARTS)[1:] if top > 0 else []:
                solver.solve(lam, 1e-2, Monitor(max_iter=1000))
                self._group_path.append((solver.B.copy(), solver.evaluate().loss))
        return self._group_path

    # ---------------------------------------------------------------------------------------------------------------- path

    def prepare(self, lams: Array) -> None:
        """Announce the values of lam, decreasing, that are to be solved for: neighbours then start each other."""
        self._pending = lams

    def _prepare_path(self, monitor: Monitor) -> None:
        """Once from sparse to dense, each from its neighbour and starts of its own, with exchanges; once back from neighbours."""
        lams, self._pending = self._pending, None
        assert lams is not None
        objectives: dict[float, float] = {}

        def keep_if_best(lam: float, mu: Array) -> None:
            objective = self._objective(mu)
            if objective < objectives.get(lam, np.inf):
                objectives[lam], self._prepared[lam] = objective, self.B.copy()

        for lam in lams:
            mu = self.strengths(lam)
            self._follow(self._path_starts(self.B, mu), mu, monitor)
            self._exchange(mu, monitor)
            keep_if_best(lam, mu)
        for lam in lams[::-1]:
            mu = self.strengths(lam)
            self._follow(iter([self.B]), mu, monitor)
            keep_if_best(lam, mu)
            self.start_from(self._prepared[lam])
