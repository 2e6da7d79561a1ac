"""The least-squares problem in canonical form, and its evaluation at a point from the data alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from solvers._arrays import as_targets
from solvers._blas import matmul
from solvers.regression.design import Design
from solvers.regression.duality import DualGap, group_gap
from solvers.regression.least_squares import ColumnSpace
from solvers.regression.penalties import GroupKernel
from solvers.regression.problem import NOTHING, Evaluation, Indices, Inputs, Options, Problem, tame
from solvers.regression.separable import separable_part

Array = np.ndarray[Any, np.dtype[np.float64]]

NULL_LOSS_FLOOR = 1e-30


@dataclass(frozen=True)
class SquaredEvaluation(Evaluation):
    """Least squares at one point: ``R = Ys - Xs B`` (minus the intercept's part) and the dual point ``P``.

    ``P`` (``residual``) is ``R`` projected orthogonally to the unpenalised columns and the intercept.

    Attributes
    ----------
    projected_loss : float
        ``||P||^2 / (2n)``.
    removed_loss : float
        ``||R - P||^2 / (2n)``: zero where intercept and unpenalised columns are fitted exactly.
    """

    projected_loss: float
    removed_loss: float

    def gap(self, B: Array, kernel: GroupKernel) -> DualGap:
        return group_gap(self._distance, self.gradient, B, kernel)

    def _distance(self, s: float) -> float:
        """``||R - s P||^2 / (2n)``, P being orthogonal to ``R - P``."""
        return self.removed_loss + (1.0 - s) ** 2 * self.projected_loss

    @property
    def drift(self) -> float:
        return float(np.sqrt(2.0 * self.removed_loss))


@dataclass(frozen=True)
class SquaredProblem(Problem):
    """Multi-target least squares with weights and intercept: ``1/(2n) ||Ys - Xs B||_F^2`` over ``B (n_features, n_targets)``.

    Attributes
    ----------
    targets : (n_samples, n_targets)
        ``Ys = diag(sqrt(s)) (Y - 1 mean')``.
    target_means : (n_targets,)
        Weighted means; zero without intercept.
    """

    targets: Array
    target_means: Array
    _spaces: dict[bytes, ColumnSpace | None] = field(default_factory=dict, repr=False)

    @classmethod
    def build(cls, X: Any, Y: Any, options: Options, call: str = "solve(X, Y, penalty)") -> SquaredProblem:
        """Check the caller's data and bring it into canonical form.

        ``call`` is what the caller should have written, for the messages.
        """
        inputs = Inputs.build(X, Y, call=call, options=options)
        design = inputs.design
        Y, is_vector = as_targets(Y, design.shape[0])
        Y, y_scale = tame(Y, options.rescale)
        targets, means = centred_targets(Y, design, centre=inputs.fit_intercept)
        null_loss = 0.5 * float(np.sum(targets**2)) / design.total
        mean_square = float(np.sum(inputs.weights[:, np.newaxis] * Y**2)) / design.total
        if null_loss <= NULL_LOSS_FLOOR * mean_square:
            null_loss, targets = 0.0, np.zeros_like(targets)
        return cls(
            design=design,
            fit_intercept=inputs.fit_intercept,
            x_scale=inputs.x_scale,
            y_scale=y_scale,
            null_loss=null_loss,
            is_vector=is_vector,
            scales=inputs.scales,
            targets=targets,
            target_means=means,
        )

    @property
    def n_targets(self) -> int:
        return self.targets.shape[1]

    @property
    def block_curvatures(self) -> Array:
        """Those of the loss itself."""
        return self.curvatures

    @property
    def residual_size(self) -> float:
        return float(np.sqrt(2.0 * self.null_loss))

    @cached_property
    def gram(self) -> Array:
        """``Q = Xs' Xs / n``, formed once."""
        return self.design.gram()

    @cached_property
    def separable(self) -> Array:
        """The separable part of `gram`, (n_features,)."""
        return separable_part(self.gram)

    @cached_property
    def correlation(self) -> Array:
        """``Xs' Ys / n``: the negative gradient at ``B = 0``."""
        return self.design.correlate(self.targets)

    def space(self, columns: Indices) -> ColumnSpace | None:
        """Column space of the effective ``columns``, factorised once; None where there are none."""
        key = columns.tobytes()
        if key not in self._spaces:
            self._spaces[key] = ColumnSpace.of(self.design.columns(columns)) if len(columns) else None
        return self._spaces[key]

    def forget(self, columns: Indices) -> None:
        self._spaces.pop(columns.tobytes(), None)

    def least_squares(self, chosen: Indices) -> Array:
        """Minimum-norm least squares on the chosen columns, ``B (n_features, n_targets)``."""
        B = np.zeros((self.n_features, self.n_targets))
        space = self.space(chosen)
        if space is not None:
            B[chosen] = space.solve(self.targets)
            B[chosen] += space.correct(self.targets - self.design.predict(B))
        return B

    def fit_free(self, B: Array, free: Indices) -> None:
        """Set the rows ``free`` of ``B`` to the minimum-norm least-squares fit of what the others leave, in place."""
        space = self.space(free)
        if space is None:
            return
        B[free] = 0.0
        B[free] = space.solve(self.targets - self.design.predict(B))
        B[free] += space.correct(self.targets - self.design.predict(B))

    def projected_gram(self, penalised: Indices, free: Indices) -> Array:
        """Gram matrix of the columns ``penalised``, orthogonally to the unpenalised columns ``free``; all without those."""
        if len(free) == 0:
            return self.gram
        Q = self.gram[np.ix_(penalised, penalised)]
        _project_out(Q, self._along(free, penalised))
        return Q

    def _along(self, free: Indices, others: Indices) -> Array:
        """Components of the effective columns ``others`` along the basis of the columns ``free``, over sqrt(n)."""
        space = self.space(free)
        assert space is not None
        return matmul(space.basis.T, self.design.columns(others)) / np.sqrt(self.design.total)

    def evaluate(self, B: Array, free: Indices = NOTHING, shift: Array | None = None) -> SquaredEvaluation:
        n, root, space = self.design.total, self.design.root_weights, self.space(free)
        R = self.targets - self.design.predict(B)
        P, offset = R, np.zeros(self.n_targets)
        if self.fit_intercept:
            offset = matmul(root[np.newaxis], R)[0] / n
            P = R - _outer(root, offset)
            R = P if shift is None else R - _outer(root, shift)
        if space is not None:
            P = P - space.project(P)
            # Once more: the first pass leaves rounding errors of the size of R, not of P.
            P = P - space.project(P)
        gradient = self.design.correlate(P)
        gradient[free] = 0.0
        return SquaredEvaluation(
            loss=_half_mean_square(R, n),
            gradient=gradient,
            residual=P,
            intercept=(self._uncorrected_intercept(B) + (offset if shift is None else shift)) * self.y_scale,
            projected_loss=_half_mean_square(P, n),
            removed_loss=0.0 if R is P else _half_mean_square(R - P, n),
        )

    def intercept_shift(self, B: Array, intercept: Array) -> Array:
        """What a given intercept exceeds ``mean - means' B`` by: known before the residual is."""
        return intercept / self.y_scale - self._uncorrected_intercept(B)

    def _uncorrected_intercept(self, B: Array) -> Array:
        if not self.fit_intercept:
            return np.zeros(self.n_targets)
        return self.target_means - self.mean_prediction(B)


def _project_out(Q: Array, C: Array) -> None:
    """``Q -= C'C`` in place; columns that vanish to rounding become exactly zero."""
    original = np.diag(Q).copy()
    Q -= matmul(C.T, C)
    vanished = np.diag(Q) <= 1e-13 * original
    Q[vanished, :] = 0.0
    Q[:, vanished] = 0.0


def _outer(a: Array, b: Array) -> Array:
    return a[:, np.newaxis] * b


def _half_mean_square(A: Array, n: float) -> float:
    return 0.5 * float(np.sum(A * A)) / n


def centred_targets(Y: Array, design: Design, *, centre: bool) -> tuple[Array, Array]:
    """``diag(sqrt(s)) (Y - 1 mean')`` and the means; a constant target is centred to exact zeros."""
    root = design.root_weights[:, np.newaxis]
    if not centre:
        return root * Y, np.zeros(Y.shape[1])
    counted = Y[design.root_weights > 0]
    low, high = counted.min(axis=0), counted.max(axis=0)
    means = np.where(low == high, low, np.clip(np.sum(root**2 * Y, axis=0) / design.total, low, high))
    targets = root * (Y - means)
    drift = np.where(low == high, 0.0, np.sum(root * targets, axis=0) / design.total)
    return targets - root * drift, means + drift
