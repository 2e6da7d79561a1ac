"""Regularised ShrinkNet: blockwise minimisation and Newton steps from several starts, the best one kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Generic

import numpy as np

from solvers._progress import Monitor
from solvers.regression.bridge import BridgeKernel, bridge_kernel, jump, threshold
from solvers.regression.certificates import relative_gap
from solvers.regression.curvature import BridgeCurvature
from solvers.regression.descent import minimise_bridge
from solvers.regression.group_solver import GroupSparsitySolver, P
from solvers.regression.penalties import prox
from solvers.regression.problem import Evaluation, Indices
from solvers.regression.rows import row_norms
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.states import State
from solvers.regression.stationarity import block_distance, penalty_value
from solvers.regression.working_set import FullGram, WorkingSets
from solvers.results import Status

Array = np.ndarray[Any, np.dtype[np.float64]]

_ROUGH = 1e-2
"""Stationarity to which each start is followed before the best one is finished."""

_FINE = 1e-8
_INNER_SHARE = 0.5
_FRUITLESS = 3

_GROUP_STARTS = 20
"""Points of the group-sparsity path that are looked at, from its lambda_max to a thousandth of that."""

_NUDGE = 1e-14
"""Relative, against the rounding of powers: at `BridgeSolver.lambda_max` itself the answer is zero."""


class BridgeSolver(ABC, Generic[P]):
    """Minimises ``loss(B) + sum_j mu_j ||B_j||_p^q`` for a sequence of ``lam``.

    Local search cannot be avoided (zero is a local minimiser of every column); several starts are followed, and the best point is
    kept: the given one, zero, and the point of the group-sparsity path with the lowest objective. Along a path (`prepare`) the
    neighbours in both directions come in place of some.
    """

    def __init__(self, problem: P, penalty: RegularizedShrinkNet, n_lams: int = 1) -> None:
        self.problem = problem
        self.penalty = penalty
        self.n_lams = n_lams
        self.B = np.zeros((problem.n_features, problem.n_targets))
        self.at: Evaluation | None = None
        self._group_path: list[tuple[Array, float]] | None = None
        self._prepared: dict[float, Array] = {}
        self._pending: Array | None = None

    @cached_property
    @abstractmethod
    def columns(self) -> FullGram | WorkingSets:
        """The columns looked at and their Gram matrix, built when first needed."""

    @abstractmethod
    def state(self, chosen: Indices) -> State:
        """The minimisation on the chosen columns from the present point."""

    @abstractmethod
    def group_solver(self) -> GroupSparsitySolver[P]:
        """What gives the group-sparsity path, with the same weights."""

    @abstractmethod
    def solve_within(self, within: Indices, tol: float, monitor: Monitor) -> Status:
        """Minimise the loss alone over the columns ``within``, the others being zero."""

    def refine(self, mu: Array, monitor: Monitor) -> None:
        """Improve on the best start."""

    def look_further(self, mu: Array, monitor: Monitor) -> None:
        """Look for better points elsewhere, before the answer is finished."""

    def start_from(self, B: Array) -> None:
        """Begin the next `solve` at canonical coefficients ``B (n_features, n_targets)``."""
        self.B = B.copy()
        self.at = None

    def evaluate(self) -> Evaluation:
        """Evaluate the present point from the data; remembered until the point moves."""
        if self.at is None:
            self.at = self.problem.evaluate(self.B)
        return self.at

    def strengths(self, lam: float) -> Array:
        """``mu_j`` in canonical units."""
        return self.problem.canonical_mu(self.penalty.with_lam(lam))

    def lambda_max(self) -> float:
        """Smallest lam, in the caller's units, at which no column's step from zero leaves it, the others being zero."""
        curvatures, correlation = self.problem.block_curvatures, self.problem.significant(self.problem.correlation)
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
        norms = np.linalg.norm(self.problem.significant(self.problem.correlation), ord=dual, axis=1)
        factor = np.max(norms**q * self.problem.null_loss ** (1.0 - q) / self.strengths(1.0))
        return max(float(factor ** (1.0 / q)) * (1.0 + _NUDGE), self.lambda_max())

    @property
    def _ratio(self) -> float:
        """``min_w (||w||_p / ||w||_2)^q``: the penalty is at least this times a function of the length of w."""
        return self.problem.n_targets ** (self.penalty.q * min(0.0, 1.0 / self.penalty.p - 0.5))

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
            self._follow(self.starts(mu), mu, monitor)
            self.refine(mu, monitor)
        self.look_further(mu, monitor)
        fruitless, best, best_B = 0, np.inf, self.B
        while True:
            distance = self._distance(self.evaluate().gradient, mu)
            fruitless = fruitless + 1 if distance > 0.5 * best else 0
            if distance < best:
                best, best_B = distance, self.B.copy()
            if distance <= tol or fruitless == _FRUITLESS:
                break
            self.descend(self.B, mu, _INNER_SHARE * tol, monitor)
        if best < distance:
            self.start_from(best_B)
        return Status.CONVERGED

    def finish_from(self, B: Array, lam: float, monitor: Monitor) -> tuple[Array, float]:
        """Descend from canonical coefficients ``B``; the local minimiser and its objective, from the data."""
        mu = self.strengths(lam)
        self.descend(B, mu, _FINE, monitor)
        return self.B, self.evaluate().loss + float(penalty_value(self.kernel(mu), self.B))

    def _follow(self, starts: Iterator[Array], mu: Array, monitor: Monitor) -> None:
        """Descend from each start; ``self.B`` becomes the best point found, also where a limit unwinds."""
        objective = np.inf
        for start in starts:
            if self.improve(start, objective, mu, monitor):
                objective = self.objective(mu)

    def improve(self, start: Array, objective: float, mu: Array, monitor: Monitor) -> bool:
        """Descend from ``start``; keep the point if it is below ``objective``, else go back to where we stood."""
        before, unless_better = self.B, False
        try:
            self.descend(start, mu, _ROUGH, monitor)
        finally:
            unless_better = not self.objective(mu) < objective
            if unless_better:
                self.start_from(before)
        return not unless_better

    def descend(self, B: Array, mu: Array, tol: float, monitor: Monitor) -> None:
        """Minimise from ``B`` to a point that is stationary to ``tol``; the answer is in ``self.B``."""
        if B is not self.B:
            self.start_from(B)
        chosen = self.columns.start(self.B, self._scores(mu), 1.0)
        while True:
            state = self.state(chosen)
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

    def objective(self, mu: Array) -> float:
        """The objective at the present point."""
        return self.evaluate().loss + float(penalty_value(self.kernel(mu), self.B))

    def _distance(self, gradient: Array, mu: Array) -> float:
        scale = self.problem.gradient_scale
        return relative_gap(block_distance(self.kernel(mu), self.problem.block_curvatures, self.B, gradient), scale)

    def kernel(self, mu: Array) -> BridgeKernel:
        return bridge_kernel(mu, self.penalty.p)

    def _scores(self, mu: Array) -> Array:
        """Length of each column's gradient over the least that lets the column leave zero; above 1 it may."""
        if isinstance(self.columns, FullGram):
            return np.zeros(len(mu))
        curvatures = self.problem.block_curvatures
        q = self.penalty.q
        with np.errstate(divide="ignore", invalid="ignore"):
            least = curvatures * threshold(q) * np.array([jump(m, q) for m in mu * self._ratio / curvatures])
            return np.where(curvatures > 0, row_norms(self.evaluate().gradient) / least, 0.0)

    # -------------------------------------------------------------------------------------------------------------- starts

    def starts(self, mu: Array) -> Iterator[Array]:
        """Where to descend from."""
        given = self.B
        yield np.zeros_like(given)
        yield from self.path_starts(given, mu)

    def path_starts(self, given: Array, mu: Array) -> Iterator[Array]:
        """The same along a path, where ``given`` is the neighbour's answer."""
        yield given
        yield self._best_group_point(mu)

    def _best_group_point(self, mu: Array) -> Array:
        """The point of the group-sparsity path where the objective at ``mu`` is lowest."""
        kernel = self.kernel(mu)
        objectives = [loss + float(penalty_value(kernel, B)) for B, loss in self._group_points()]
        return self._group_points()[int(np.argmin(objectives))][0]

    def _group_points(self) -> list[tuple[Array, float]]:
        """A rough group-sparsity path: points and their losses, computed once."""
        if self._group_path is None:
            solver = self.group_solver()
            top = solver.lambda_max()
            self._group_path = [(solver.B.copy(), self.problem.null_loss)]
            for lam in top * np.geomspace(1.0, 1e-3, _GROUP_STARTS)[1:] if top > 0 else []:
                solver.solve(lam, 1e-2, Monitor(max_iter=1000))
                self._group_path.append((solver.B.copy(), solver.evaluate().loss))
        return self._group_path

    def prepare(self, lams: Array) -> None:
        """Announce the values of lam, decreasing, that are to be solved for: neighbours then start each other."""
        self._pending = lams

    def _prepare_path(self, monitor: Monitor) -> None:
        """Once from sparse to dense, each from its neighbour and starts of its own, with exchanges; once back from neighbours."""
        lams, self._pending = self._pending, None
        assert lams is not None
        objectives: dict[float, float] = {}

        def keep_if_best(lam: float, mu: Array) -> None:
            objective = self.objective(mu)
            if objective < objectives.get(lam, np.inf):
                objectives[lam], self._prepared[lam] = objective, self.B.copy()

        for lam in lams:
            mu = self.strengths(lam)
            self._follow(self.path_starts(self.B, mu), mu, monitor)
            self.refine(mu, monitor)
            keep_if_best(lam, mu)
        for lam in lams[::-1]:
            mu = self.strengths(lam)
            self._follow(iter([self.B]), mu, monitor)
            keep_if_best(lam, mu)
            self.start_from(self._prepared[lam])
