"""Where a minimisation of a logistic loss stands: majorised sweeps identify the support, Newton's method finishes on it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from solvers._blas import matmul
from solvers.regression.block_sweep import Spectrum
from solvers.regression.curvature import Curvature
from solvers.regression.duality import group_gap
from solvers.regression.logistic_problem import LONGEST_STEP, LogisticProblem
from solvers.regression.newton import conjugate_gradients
from solvers.regression.penalties import GroupKernel
from solvers.regression.states import sweep_blocks

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

_MODEL_SWEEPS = 5
"""Sweeps over one quadratic model at most: a gradient costs about as much."""

_LEAST_CURVATURE = 1e-4
"""Of the models, relative to the bound."""

_CG_ITERATIONS = 50
_LOOSEST_FORCING = 0.1
_SLACK = 1e-14


class Image(NamedTuple):
    """A step of the linear predictor ``rows (n_samples, n_targets)``, and the intercept's part in it."""

    rows: Array
    intercept: Array


class LogisticState:
    """`State` of a logistic loss over effective columns ``A (n_samples, k)`` with Gram matrix ``Q = A'A / n``.

    Sweeps minimise the quadratic model with Hessian ``c Q (x) I``, which lies above the loss for ``c = link.bound``; smaller c
    are tried and kept as long as the model lies above the loss where it matters, at its minimiser. The intercept follows every
    step by its own Newton step.
    """

    batch = 1
    polish_steps = 12
    polished = 0.1
    dear = True

    def __init__(
        self,
        problem: LogisticProblem,
        chosen: Indices,
        A: Array,
        Q: Array,
        B: Array,
        intercept: Array,
        spectrum: Spectrum | None = None,
    ) -> None:
        self.spectrum = spectrum
        self.problem, self.link, self.chosen, self.A, self.Q = problem, problem.link, chosen, A, Q
        self.B, self.intercept = B, intercept
        self.n = problem.design.total
        self.curvatures = self.link.bound * np.diag(Q)
        self._support, self._live = np.arange(0), A[:, :0]
        self._scaled: tuple[float, Array] = 0.0, Q
        self._go_to(self._predict(B) + intercept)
        mean = self.link.curvature(self.P, problem.weights) / self.n
        self._least_c = _LEAST_CURVATURE * self.link.bound
        self.c = float(np.clip(1.5 * np.max(np.diag(mean)), self._least_c, self.link.bound))

    def _predict(self, B: Array) -> Array:
        active = np.flatnonzero(B.any(axis=1))
        return matmul(self.A[:, active], B[active]) * self.problem.inverse_roots[:, np.newaxis]

    def _go_to(self, Z: Array) -> None:
        """Everything that depends on the linear predictor alone."""
        problem = self.problem
        self.Z = Z
        losses, self.P, self.R = self.link.predict(Z, problem.Y)
        self.loss = float(np.sum(problem.weights * losses)) / self.n
        self.deficit = problem.deficit(self.R) / self.n if problem.fit_intercept else np.zeros(problem.n_targets)
        self._G: Array | None = None
        self._intercept_inverse: Array | None = None

    @property
    def G(self) -> Array:
        if self._G is None:
            self._G = self._correlate(self.R)
        return self._G

    def _correlate(self, R: Array) -> Array:
        return matmul(self.A.T, R * self.problem.design.root_weights[:, np.newaxis]) / self.n

    def gap(self, kernel: GroupKernel) -> float:
        """The duality gap, or an estimate where only the intercept stands between the residuals and a dual point.

        What is left in the intercept's gradient then counts as a Newton step would gain from it; the exact gap costs several
        passes more, and a bound is wanted of the answer alone.
        """
        free = kernel.free
        if not free.any():
            towards = matmul(self.deficit[np.newaxis], self.intercept_inverse)[0]
            left = 0.5 * self.n * float(np.sum(towards * self.deficit))
            return left + self._gap_of(self.R, self.G, kernel)
        dual, _, found = self.problem.dual_residuals(self.P, self.R, self.chosen[free])
        gradient = self.G.copy() if dual is self.R else self._correlate(dual)
        gradient[free] = 0.0
        return self._gap_of(dual, gradient, kernel, found=found)

    def _gap_of(self, dual: Array, gradient: Array, kernel: GroupKernel, *, found: bool = True) -> float:
        def distance(s: float) -> float:
            divergences = self.link.relative_entropies(self.Z, self.P, self.R - s * dual)
            return float(np.sum(self.problem.weights * divergences)) / self.n

        return group_gap(distance, gradient, self.B, kernel, found=found).gap

    def sweep(self, penalty: Any) -> int:
        while True:
            Q = self._scaled_gram()
            spectrum = None if self.spectrum is None else self.spectrum._replace(values=self.c * self.spectrum.values)
            B, G = self.B.copy(), self.G.copy()
            moved = 0
            for _ in range(_MODEL_SWEEPS):
                moved = sweep_blocks(Q, spectrum, penalty, B, G)
                if moved == 0:
                    break
            step = B - self.B
            support = np.flatnonzero(step.any(axis=1))
            image = self.image(support, step[support])
            linear, model = float(np.sum(step * self.G)), 0.5 * float(np.sum(step * (self.G - G)))
            change = self.loss_change(support, step[support], image)
            if change <= model - linear + _SLACK * self.loss:
                break
            if self.c == self.link.bound:
                image = self._cautious_image(support, step[support])
                change = self.loss_change(support, step[support], image)
                break
            self.c = min(self.link.bound, 2.0 * self.c)
        self.move(support, step[support], image)
        self.B[support] = B[support]
        if change + linear <= 0.5 * model:
            self.c = max(self._least_c, 0.7 * self.c)
        return len(support)

    def _scaled_gram(self) -> Array:
        """``c Q``, kept while c stays."""
        if self._scaled[0] != self.c:
            self._scaled = self.c, self.c * self.Q
        return self._scaled[1]

    def newton_direction(self, support: Indices, curvature: Curvature) -> Array | None:
        """Conjugate gradients, preconditioned by the inverse of a model that has one curvature for all samples and targets."""
        A, W, Q = self._columns(support), self.B[support], self.Q[np.ix_(support, support)]
        mean = float(np.trace(self.link.curvature(self.P, self.problem.weights))) / self.n / self.problem.n_targets
        inverse = curvature.model_inverse(max(mean, self._least_c) * Q, W)
        if inverse is None:
            return None
        penalty_hessian, live = curvature.hessian(W), curvature.live(W)
        gap = self.G[support] - curvature.gradient(W)

        # In units of the columns: what is flat must not depend on their scale.
        unit = 1.0 / np.sqrt(np.maximum(np.diag(Q), np.finfo(float).tiny))[:, np.newaxis]

        def masked(V: Array) -> Array:
            return unit * V if live is None else np.where(live, unit * V, 0.0)

        def operate(V: Array) -> Array:
            T = matmul(A, unit * V)
            image = self.link.profiled_hessian(self.P, T, self.problem.design.root_weights, self.intercept_inverse)
            return masked(matmul(A.T, image) / self.n + penalty_hessian(unit * V))

        def precondition(V: Array) -> Array:
            return masked(inverse(V / unit)) / unit**2

        shift = self.link.hessian(self.P, self._root * matmul(self.deficit[np.newaxis], self.intercept_inverse))
        rhs = masked(gap - matmul(A.T, shift))
        forcing = min(_LOOSEST_FORCING, curvature.excess(W, self.G[support]))
        return unit * conjugate_gradients(operate, precondition, rhs, forcing, _CG_ITERATIONS)[0]

    @property
    def _root(self) -> Array:
        return self.problem.design.root_weights[:, np.newaxis]

    @property
    def intercept_inverse(self) -> Array:
        """Pseudo-inverse of the Hessian in the intercept, without its 1/n, (n_targets, n_targets); zero without intercept."""
        if self._intercept_inverse is None:
            C = self.link.curvature(self.P, self.problem.weights)
            self._intercept_inverse = self.link.inverse(C) if self.problem.fit_intercept else np.zeros_like(C)
        return self._intercept_inverse

    def _follow(self, T: Array) -> Array:
        """Minus what the intercept does in answer to a step ``T`` of the weighted predictor."""
        if not self.problem.fit_intercept:
            return np.zeros((1, self.problem.n_targets))
        return matmul(matmul(self._root.T, self.link.hessian(self.P, T)), self.intercept_inverse)

    def image(self, support: Indices, step: Array) -> Image:
        """The predictor's step, the intercept being moved to the minimum of its quadratic model."""
        T = self._product(support, step)
        towards = self.n * matmul(self.deficit[np.newaxis], self.intercept_inverse)
        towards *= LONGEST_STEP / max(LONGEST_STEP, float(np.max(np.abs(towards))))
        return self._moved(T, towards - self._follow(T))

    def _cautious_image(self, support: Indices, step: Array) -> Image:
        """The same with an intercept that minimises the model of largest curvature, which lies above the loss."""
        return self._moved(self._product(support, step), self.deficit[np.newaxis] / self.link.bound)

    def _moved(self, T: Array, intercept: Array) -> Image:
        return Image(T * self.problem.inverse_roots[:, np.newaxis] + intercept, intercept[0])

    def _product(self, support: Indices, step: Array) -> Array:
        """The weighted predictor's step; many columns are not copied for a single product."""
        if 2 * len(support) < self.A.shape[1] or np.array_equal(support, self._support):
            return matmul(self._columns(support), step)
        padded = np.zeros_like(self.B)
        padded[support] = step
        return matmul(self.A, padded)

    def loss_change(self, support: Indices, step: Array, image: Image) -> float:
        divergence = self.link.divergence(self.Z, self.P, image.rows, self.problem.weights) / self.n
        return divergence - float(np.sum(step * self.G[support])) - float(np.sum(image.intercept * self.deficit))

    def move(self, support: Indices, step: Array, image: Image) -> None:
        self.B[support] += step
        self.intercept = self.intercept + image.intercept
        self.problem.tried[:] = [self.intercept]
        self._go_to(self.Z + image.rows)

    def _columns(self, support: Indices) -> Array:
        """The columns of the support, copied once for all uses by a Newton step."""
        if len(support) == self.A.shape[1]:
            return self.A
        if not np.array_equal(support, self._support):
            self._support, self._live = support, self.A[:, support]
        return self._live
