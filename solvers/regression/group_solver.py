"""Group sparsity with the squared loss, for one lam or many: certify from the data, correct in the Gram matrix, repeat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from solvers._progress import Monitor
from solvers.regression.certificates import certificate_at
from solvers.regression.descent import minimise_group_sparsity
from solvers.regression.penalties import GroupKernel, GroupSparsity
from solvers.regression.problem import Evaluation, Problem
from solvers.regression.squared_problem import SquaredEvaluation, SquaredProblem
from solvers.regression.states import State
from solvers.regression.working_set import FullGram, WorkingSets, by_group, prefers_full_gram, scores_of
from solvers.results import Certificate, Status

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]
P = TypeVar("P", bound=Problem)

_INNER_SHARE = 0.5
"""Share of ``tol`` that the Gram matrix's gap must reach: the rest is for what the Gram matrix does not see."""

_FRUITLESS = 3

_SLOW = 0.1
"""A correction in a rough model that leaves more than this share of the gap is the last one there."""

_FALL = 1e-9
"""Share of the objective that a round without a dual point must save to count as progress."""

_ROUGH = 0.1
"""On a growing working set, the share of the present gap at which to look at the other columns again."""


class GroupSparsitySolver(ABC, Generic[P]):
    """Minimises ``loss(B) + sum_j w_j (lam ||B_j|| + l2/2 ||B_j||^2)`` for a sequence of ``lam``, each from the last answer.

    Parameters
    ----------
    problem : Problem
        With a positive null loss.
    penalty : GroupSparsity
        Its weights and its ``l2`` count; its ``lam`` is replaced in `solve`.
    n_lams : int
        How many values of lam are expected, for the choice between the whole Gram matrix and working sets.
    """

    def __init__(self, problem: P, penalty: GroupSparsity, n_lams: int = 1) -> None:
        self.problem = problem
        self.penalty = penalty
        self.labels = penalty.labels
        self.unit = penalty.with_lam(1.0).kernel(problem.n_features)
        self.free = np.flatnonzero(self.unit.free)
        self.penalised = np.flatnonzero(~self.unit.free)
        if self.labels is not None:
            self.penalised = by_group(~self.unit.free, self.labels)
        self.within: Indices | None = None
        self.B = np.zeros((problem.n_features, problem.n_targets))
        self.at: Evaluation | None = None
        self.lam = np.inf
        self.n_lams = n_lams

    @cached_property
    @abstractmethod
    def columns(self) -> FullGram | WorkingSets:
        """The columns looked at and their Gram matrix, built when first needed."""

    @abstractmethod
    def state(self, chosen: Indices) -> State:
        """The minimisation on the chosen columns from the present point."""

    @abstractmethod
    def fit_free(self) -> None:
        """Fit the unpenalised columns to what the others leave."""

    def sharpen(self) -> bool:
        """Replace a rough model by an exact one; False if it is exact."""
        return False

    @abstractmethod
    def solve_within(self, within: Indices, tol: float, monitor: Monitor) -> Status:
        """Minimise the loss alone over the columns ``within``, the others being zero."""

    def start_from(self, B: Array) -> None:
        """Begin the next `solve` at canonical coefficients ``B (n_features, n_targets)``."""
        self.B = B.copy()
        self.at = None

    def evaluate(self) -> Evaluation:
        """Evaluate the present point from the data; remembered until the point moves."""
        if self.at is None:
            self.at = self.problem.evaluate(self.B, self.free)
        return self.at

    def lambda_max(self) -> float:
        """Smallest lam, in the caller's units, at which every penalised group is zero."""
        self.start_from(np.zeros_like(self.B))
        self.fit_free()
        gradient = self.evaluate().gradient
        # A correlation that vanishes leaves rounding errors, which would otherwise span a path of meaningless values.
        gradient = self.problem.significant(gradient)
        top = float(np.max(scores_of(gradient, self.unit), initial=0.0))
        return top * self.problem.x_scale * self.problem.y_scale

    lambda_zero = lambda_max
    """Convex: no column moves unless one moves alone."""

    def solve(self, lam: float, tol: float, monitor: Monitor) -> Status:
        """Minimise at ``lam`` (caller's units), positive without a ridge; ``self.B`` is the answer, also where a limit unwinds.

        Each round takes loss and gradient from X, and with them the certificate; if that does not hold, the model in the Gram
        matrix is minimised from there, so that errors of the Gram matrix are corrected as in iterative refinement.

        Returns
        -------
        Status
            ``CERTIFIED`` where the gap is at most ``tol``; ``CONVERGED`` where `_FRUITLESS` corrections on the same columns did
            not halve the smallest gap so far; the point with the smallest gap is then the answer.
        """
        penalty = self.penalty.with_lam(lam)
        kernel = self.problem.canonical_group(penalty)
        strong = 2.0 - min(self.lam / lam, 2.0) if np.isfinite(self.lam) and lam > 0 else 1.0
        self.lam = lam
        scores = self._scores(kernel)
        chosen = self.columns.start(self.B, scores, strong)
        best, best_B, fruitless, seen, last, lowest = np.inf, self.B, 0, -1, np.inf, np.inf
        while True:
            certificate = self._certificate(penalty, tol)
            if certificate.gap <= tol:
                return Status.CERTIFIED
            # Without a dual point only the objective tells of progress.
            falls = not self.evaluate().feasible and certificate.upper < (1.0 - _FALL) * lowest
            lowest = min(lowest, certificate.upper)
            fruitless = fruitless + 1 if len(chosen) == seen and certificate.gap > 0.5 * best and not falls else 0
            if certificate.gap < best:
                best, best_B = certificate.gap, self.B.copy()
            if certificate.gap > _SLOW * last and self.sharpen():
                self.start_from(best_B)
                last, fruitless = np.inf, 0
                continue
            last = certificate.gap
            if fruitless == _FRUITLESS:
                self.start_from(best_B)
                return Status.CONVERGED
            # A set that all columns, or all violators, are in is worth minimising on at once.
            complete = len(chosen) == seen or np.count_nonzero(~self.unit.free[chosen]) == len(self.penalised)
            seen = len(chosen)
            rough = 0.0 if complete or not self.evaluate().feasible else _ROUGH * certificate.gap
            inner_tol = max(_INNER_SHARE * tol, rough)
            self._minimise_on(chosen, kernel, inner_tol, monitor)
            chosen = self.columns.grow(chosen, self._scores(kernel))

    def _scores(self, kernel: GroupKernel) -> Array:
        """`scores_of` at the present point."""
        return scores_of(self.evaluate().gradient, kernel)

    def _minimise_on(self, chosen: Indices, kernel: GroupKernel, tol: float, monitor: Monitor) -> None:
        state, scale = self.state(chosen), self.problem.null_loss
        self.at = None
        try:
            minimise_group_sparsity(state, kernel.on(chosen), tol, scale, monitor, self.problem.loss_scale)
        finally:
            self.B[chosen] = state.B

    def _certificate(self, penalty: GroupSparsity, tol: float) -> Certificate:
        return certificate_at(self.problem, penalty, self.B, tol=tol, within=self.within, at=self.evaluate())[0]


class SquaredGroupSolver(GroupSparsitySolver[SquaredProblem]):
    """Least squares, in the Gram matrix of all columns or of a working set.

    Unpenalised columns are projected out of targets and columns, as the intercept is, and fitted afterwards.
    """

    @cached_property
    def columns(self) -> FullGram | WorkingSets:
        if prefers_full_gram(self.problem, self.n_lams):
            return FullGram(self.problem, self.penalised, self.free, rough=self.labels is None, labels=self.labels)
        space = self.problem.space(self.free)
        basis = None if space is None else space.basis
        return WorkingSets(self.problem, self.penalised, basis, labels=self.labels)

    def evaluate(self) -> Evaluation:
        if self.at is None:
            self.fit_free()
        return super().evaluate()

    def state(self, chosen: Indices) -> State:
        at = self.evaluate()
        assert isinstance(at, SquaredEvaluation)
        return self.columns.state(chosen, self.B, at)

    def sharpen(self) -> bool:
        columns = self.columns
        if not isinstance(columns, FullGram) or not columns.rough:
            return False
        self.columns = FullGram(self.problem, self.penalised, self.free)
        return True

    def fit_free(self) -> None:
        self.problem.fit_free(self.B, self.free)

    def solve_within(self, within: Indices, tol: float, monitor: Monitor) -> Status:
        """Minimum-norm least squares."""
        self.start_from(self.problem.least_squares(within))
        return Status.CONVERGED
