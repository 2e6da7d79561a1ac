"""The least-squares problem in canonical form, and its evaluation at a point from the data alone.

The caller's problem is translated once (centring, weights, powers of two against overflow) and each answer is translated back.
Inside, coefficients are ``B (n_features, n_targets)``, C-ordered: a group is a row. Everything that ends up in a certificate is
computed here from ``X``, never from a Gram matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from solvers._arrays import as_matrix, as_sample_weight, as_targets
from solvers._blas import matmul
from solvers.errors import IncompatibleError, InputError
from solvers.regression.design import NEGLIGIBLE, DenseDesign
from solvers.regression.least_squares import ColumnSpace
from solvers.regression.separable import separable_part
from solvers.regression.shrinknet import RegularizedShrinkNet

Array = np.ndarray[Any, np.dtype[np.float64]]

_SAFE = 1e100
"""Data with entries beyond this or below its inverse are scaled, so that squares neither overflow nor vanish."""

_LARGE = 1e200

_NULL_LOSS_FLOOR = 1e-30


@dataclass(frozen=True)
class Evaluation:
    """The loss and its dual quantities at one point, in canonical units.

    Attributes
    ----------
    loss : float
        ``||R||^2 / (2n)`` for the residual ``R = Ys - Xs B`` (minus the intercept's part).
    gradient : (n_features, n_targets)
        ``Xs' P / n``, the negative gradient, where ``P`` is ``R`` projected orthogonally to the unpenalised columns and the
        intercept; exactly zero in the rows of unpenalised columns.
    projected_loss : float
        ``||P||^2 / (2n)``.
    removed_loss : float
        ``||R - P||^2 / (2n)``: zero where intercept and unpenalised columns are fitted exactly.
    residual : (n_samples, n_targets)
        ``P``, rows multiplied by ``sqrt(s)``.
    intercept : (n_targets,)
        The intercept of the residual ``R``, in the caller's units: the best one, unless ``shift`` said otherwise.
    """

    loss: float
    gradient: Array
    projected_loss: float
    removed_loss: float
    residual: Array
    intercept: Array


@dataclass(frozen=True)
class SquaredProblem:
    """Multi-target least squares with weights and intercept: ``1/(2n) ||Ys - Xs B||_F^2`` over ``B (n_features, n_targets)``.

    Attributes
    ----------
    design : DenseDesign
        ``Xs``, as the caller's matrix with weights and means.
    targets : (n_samples, n_targets)
        ``Ys = diag(sqrt(s)) (Y - 1 mean')``.
    target_means : (n_targets,)
        Weighted means; zero without intercept.
    fit_intercept : bool
        Whether an unpenalised intercept is fitted.
    x_scale, y_scale : float
        Powers of two by which X and Y were divided.
    null_loss : float
        Loss of the model ``B = 0``: the scale of every relative gap; 0 where the targets are constant to rounding.
    is_vector : bool
        Whether the caller's Y was one-dimensional.
    """

    design: DenseDesign
    targets: Array
    target_means: Array
    fit_intercept: bool
    x_scale: float
    y_scale: float
    null_loss: float
    is_vector: bool

    @classmethod
    def build(
        cls,
        X: Any,
        Y: Any,
        *,
        fit_intercept: bool,
        sample_weight: Any = None,
        rescale: bool = True,
        call: str = "solve(X, Y, penalty)",
    ) -> SquaredProblem:
        """Check the caller's data and bring it into canonical form; nothing the caller owns is written to.

        ``rescale=False`` keeps the units of extreme data, for penalties of unknown homogeneity. ``call`` is what the caller
        should have written, for the messages.
        """
        if Y is None:
            raise IncompatibleError(f"Y is missing: write {call}, Y of shape (n_samples, n_targets)")
        if not isinstance(fit_intercept, (bool, np.bool_)):
            raise IncompatibleError(f"fit_intercept must be True or False, got {fit_intercept!r}")
        X, x_scale = _tame(as_matrix(X), rescale)
        Y, is_vector = as_targets(Y, X.shape[0])
        Y, y_scale = _tame(Y, rescale)
        weights = _normalised(as_sample_weight(sample_weight, X.shape[0]), X.shape[0])
        design = DenseDesign.build(X, weights, centre=bool(fit_intercept))
        targets, means = _centred_targets(Y, design, centre=bool(fit_intercept))
        null_loss = 0.5 * float(np.sum(targets**2)) / design.total
        mean_square = float(np.sum(weights[:, np.newaxis] * Y**2)) / design.total
        if null_loss <= _NULL_LOSS_FLOOR * mean_square:
            null_loss, targets = 0.0, np.zeros_like(targets)
        return cls(design, targets, means, bool(fit_intercept), x_scale, y_scale, null_loss, is_vector)

    @property
    def n_features(self) -> int:
        return self.design.shape[1]

    @property
    def n_targets(self) -> int:
        return self.targets.shape[1]

    def canonical_lam(self, lam: Array) -> Array:
        """Penalty strengths in canonical units; bounded, so that one far above `lambda_max` stays finite."""
        return np.minimum(lam / self.x_scale / self.y_scale, _LARGE)

    @property
    def loss_scale(self) -> float:
        """A loss in the caller's units is this many times the one in canonical units."""
        return self.y_scale**2

    def canonical_mu(self, penalty: RegularizedShrinkNet) -> Array:
        """Strengths of the penalty ``mu_j ||B_j||_p^q`` in canonical units; bounded like `canonical_lam`."""
        exponent = (penalty.q - 2.0) * np.log2(self.y_scale) - penalty.q * np.log2(self.x_scale)
        with np.errstate(over="ignore"):
            return np.minimum(penalty.mu(self.n_features) * 2.0**exponent, _LARGE)

    @cached_property
    def curvatures(self) -> Array:
        """The diagonal of `gram`, from the data: (n_features,)."""
        return self.design.mean_squares()

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

    def space(self, columns: np.ndarray[Any, Any]) -> ColumnSpace | None:
        """Column space of the effective ``columns``; None where there are none."""
        return ColumnSpace.of(self.design.columns(columns)) if len(columns) else None

    def evaluate(
        self, B: Array, *, free: np.ndarray[Any, Any], space: ColumnSpace | None, shift: Array | None = None
    ) -> Evaluation:
        """Loss and dual quantities at ``B``, from X.

        Parameters
        ----------
        B : (n_features, n_targets)
            Coefficients, including those of the unpenalised columns.
        free : (n_free,) int
            The unpenalised columns; ``space`` is their column space.
        shift : (n_targets,) or None
            What the intercept exceeds its best value by, as far as known before the residual; None for the best intercept.
        """
        n, root = self.design.total, self.design.root_weights
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
        return Evaluation(
            loss=_half_mean_square(R, n),
            gradient=gradient,
            projected_loss=_half_mean_square(P, n),
            removed_loss=0.0 if R is P else _half_mean_square(R - P, n),
            residual=P,
            intercept=(self._uncorrected_intercept(B) + (offset if shift is None else shift)) * self.y_scale,
        )

    def to_coef(self, B: Array) -> Array:
        """Coefficients in the caller's units and shape (n_targets, n_features)."""
        return np.ascontiguousarray(B.T) * (self.y_scale / self.x_scale)

    def from_coef(self, coef: Array) -> Array:
        """Canonical coefficients (n_features, n_targets) of the caller's ``coef``; the inverse of `to_coef`."""
        return np.ascontiguousarray(coef.T) * (self.x_scale / self.y_scale)

    def intercept_shift(self, B: Array, intercept: Array) -> Array:
        """What a given intercept (caller's units) exceeds ``mean - means' B`` by; the ``shift`` of `evaluate`."""
        return intercept / self.y_scale - self._uncorrected_intercept(B)

    def _uncorrected_intercept(self, B: Array) -> Array:
        if not self.fit_intercept:
            return np.zeros(self.n_targets)
        return self.target_means - matmul(self.design.means[np.newaxis], B)[0]


def _outer(a: Array, b: Array) -> Array:
    return a[:, np.newaxis] * b


def _half_mean_square(A: Array, n: float) -> float:
    return 0.5 * float(np.sum(A * A)) / n


def check_features(n_features: int, problem: SquaredProblem) -> None:
    """Raise unless the data has as many columns as the fit."""
    if n_features != problem.n_features:
        raise InputError(f"X must have {n_features} columns, as in the fit, got {problem.n_features}")


def _tame(A: Array, rescale: bool) -> tuple[Array, float]:
    """``(A / scale, scale)`` with a power of two that is 1 unless squares of the entries would over- or underflow."""
    largest = max(float(A.max()), -float(A.min()))
    if not rescale or largest < NEGLIGIBLE or 1.0 / _SAFE <= largest <= _SAFE:
        return A, 1.0
    scale = float(np.ldexp(1.0, int(np.clip(np.frexp(largest)[1], -1000, 1000))))
    return A / scale, scale


def _normalised(weights: Array | None, n_samples: int) -> Array:
    """Weights divided by a power of two near their maximum: results do not depend on the scale, sums do not overflow."""
    if weights is None:
        return np.ones(n_samples)
    largest = float(weights.max())
    return weights / float(np.ldexp(1.0, int(np.clip(np.frexp(largest)[1] - 1, -1000, 1000))))


def _centred_targets(Y: Array, design: DenseDesign, *, centre: bool) -> tuple[Array, Array]:
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
