"""What every regression problem shares: the caller's data in canonical form, its units, and the evaluation of a point.

The caller's problem is translated once (centring, weights, powers of two against overflow) and each answer is translated back.
Inside, coefficients are ``B (n_features, n_targets)``, C-ordered: a group is a row. Everything that ends up in a certificate is
computed from ``X``, never from a Gram matrix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from solvers._arrays import Sparse, as_inputs, as_sample_weight, is_sparse
from solvers._blas import matmul
from solvers.errors import IncompatibleError, InputError
from solvers.regression.dask_design import DaskDesign
from solvers.regression.dask_rows import DaskRows, is_dask
from solvers.regression.design import NEGLIGIBLE, DenseDesign, Design, ScaledDesign
from solvers.regression.duality import DualGap
from solvers.regression.groups import GroupedKernel
from solvers.regression.penalties import GroupKernel, GroupSparsity, GroupSparsityKernel, RidgedKernel
from solvers.regression.rows import row_norms
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.sparse_design import SparseDesign

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

NOTHING: Indices = np.arange(0)
"""No columns."""

SAFE = 1e100
"""Data with entries beyond this or below its inverse are scaled, so that squares neither overflow nor vanish."""

_LARGE = 1e200

_ROUNDING = 32.0 * float(np.finfo(float).eps)


@dataclass(frozen=True)
class Evaluation(ABC):
    """The loss and its dual quantities at one point, in canonical units.

    Attributes
    ----------
    loss : float
        The loss at the point.
    gradient : (n_features, n_targets)
        ``Xs' residual / n``: the negative gradient, corrected to be exactly zero in the rows of unpenalised columns.
    residual : (n_samples, n_targets)
        The dual point that belongs to ``gradient``, rows multiplied by ``sqrt(s)``.
    intercept : (n_targets,)
        In the caller's units: the best one, unless ``shift`` said otherwise.
    """

    loss: float
    gradient: Array
    residual: Array
    intercept: Array

    @abstractmethod
    def gap(self, B: Array, kernel: GroupKernel) -> DualGap:
        """Duality gap of group sparsity at the evaluated ``B``, in the units of the loss, with the dual point ``s residual``."""

    @property
    def feasible(self) -> bool:
        """Whether ``residual`` satisfies the constraints that intercept and unpenalised columns put on a dual point."""
        return True

    @property
    def diverges(self) -> bool:
        """Whether the coefficients, multiplied by ever larger factors, lower the loss for ever."""
        return False

    @property
    @abstractmethod
    def drift(self) -> float:
        """Length of the gradient in the intercept: 0 where it is the best one."""


@dataclass(frozen=True)
class Problem(ABC):
    """A loss over ``B (n_features, n_targets)`` and an intercept, for given data.

    Attributes
    ----------
    design : Design
        ``Xs``, as the caller's matrix with weights and means.
    fit_intercept : bool
        Whether an unpenalised intercept is fitted.
    x_scale, y_scale : float
        Powers of two by which X and Y were divided.
    null_loss : float
        Loss of the model ``B = 0``: the scale of every relative gap; 0 where it is a minimiser to rounding.
    is_vector : bool
        Whether the caller's Y was one-dimensional.
    scales : (n_features,) or None
        Where columns are standardised: what each was divided by, in the caller's units; 0 for constant columns.
    """

    design: Design
    fit_intercept: bool
    x_scale: float
    y_scale: float
    null_loss: float
    is_vector: bool
    scales: Array | None

    @property
    def n_features(self) -> int:
        return self.design.shape[1]

    @property
    @abstractmethod
    def n_targets(self) -> int:
        """Columns of ``B``."""

    @property
    def coef_shape(self) -> tuple[int, int]:
        """``(n_targets, n_features)`` as the caller sees them."""
        return self.n_targets, self.n_features

    @property
    def family(self) -> str:
        """The name of the loss."""
        return "squared"

    @property
    def classes(self) -> np.ndarray[Any, Any] | None:
        """The class of each row of the caller's ``coef``, for multinomial problems."""
        return None

    @property
    def exact_blocks(self) -> bool:
        """Whether `block_curvatures` are those of the loss itself."""
        return True

    @cached_property
    @abstractmethod
    def correlation(self) -> Array:
        """The negative gradient at ``B = 0``, (n_features, n_targets)."""

    @property
    @abstractmethod
    def residual_size(self) -> float:
        """Root mean square, over the samples, of the null model's residual."""

    @abstractmethod
    def evaluate(self, B: Array, free: Indices = NOTHING, shift: Array | None = None) -> Evaluation:
        """Loss and dual quantities at ``B``, from X.

        Parameters
        ----------
        B : (n_features, n_targets)
            Coefficients, including those of the unpenalised columns.
        free : (n_free,) int
            The unpenalised columns.
        shift : (n_targets,) or None
            An intercept to evaluate at, as `intercept_shift` gives it; None for the best one.
        """

    @abstractmethod
    def forget(self, columns: Indices) -> None:
        """Give back the memory of what was factorised for the unpenalised ``columns``."""

    @abstractmethod
    def intercept_shift(self, B: Array, intercept: Array) -> Array:
        """The ``shift`` of `evaluate` that stands for an intercept in the caller's units."""

    @property
    def loss_scale(self) -> float:
        """A loss in the caller's units is this many times the one in canonical units."""
        return self.y_scale**2

    def canonical_lam(self, lam: Array) -> Array:
        """Penalty strengths in canonical units; bounded, so that one far above `lambda_max` stays finite."""
        return np.minimum(lam / self.x_scale / self.y_scale, _LARGE)

    def canonical_group(self, penalty: GroupSparsity) -> GroupKernel:
        """The penalty in canonical units."""
        radii = self.canonical_lam(penalty.radii(self.n_features))
        if penalty.l2 == 0:
            ridges = np.zeros_like(radii)
            return GroupSparsityKernel(radii) if penalty.labels is None else GroupedKernel(radii, ridges, penalty.labels)
        # What underflows stays positive: without a ridge a column would count as unpenalised, or have no conjugate.
        ridges = np.clip(penalty.ridges(self.n_features) / self.x_scale / self.x_scale, 1.0 / _LARGE, _LARGE)
        weights = penalty.with_lam(1.0).radii(self.n_features)
        ridges = np.where(weights > 0, ridges, 0.0)
        return RidgedKernel(radii, ridges) if penalty.labels is None else GroupedKernel(radii, ridges, penalty.labels)

    def canonical_mu(self, penalty: RegularizedShrinkNet) -> Array:
        """Strengths of the penalty ``mu_j ||B_j||_p^q`` in canonical units; bounded like `canonical_lam`."""
        exponent = (penalty.q - 2.0) * np.log2(self.y_scale) - penalty.q * np.log2(self.x_scale)
        with np.errstate(over="ignore"):
            return np.minimum(penalty.mu(self.n_features) * 2.0**exponent, _LARGE)

    def significant(self, gradient: Array) -> Array:
        """``gradient (n_features, n_targets)`` with zeros in the columns where it is rounding of the null residual."""
        rounding = _ROUNDING * self.design.spread * self.residual_size
        return np.where((row_norms(gradient) > rounding)[:, np.newaxis], gradient, 0.0)

    @cached_property
    def gradient_scale(self) -> float:
        """The largest gradient at ``B = 0``, what stationarity is measured by; that of the intercept where no column matters."""
        return float(np.max(row_norms(self.correlation))) or self.residual_size

    @property
    @abstractmethod
    def block_curvatures(self) -> Array:
        """Curvatures ``q_j`` of isotropic quadratics above the loss, one per column with the others fixed: (n_features,)."""

    @cached_property
    def curvatures(self) -> Array:
        """``||x_j||^2 / n`` of the effective columns, from the data: (n_features,)."""
        return self.design.mean_squares()

    def to_penalised(self, B: Array) -> Array:
        """The coefficients that the penalty acts on, (n_targets, n_features): the caller's, or those of standardised columns."""
        return np.ascontiguousarray(B.T) * (self.y_scale / self.x_scale)

    def to_caller(self, penalised: Array) -> Array:
        """Coefficients of the caller's columns from those that the penalty acts on, (n_targets, n_features)."""
        if self.scales is None:
            return penalised
        return np.divide(penalised, self.scales, out=np.zeros_like(penalised), where=self.scales > 0)

    def from_coef(self, coef: Array) -> Array:
        """Canonical coefficients (n_features, n_targets) of the caller's ``coef``."""
        penalised = coef if self.scales is None else coef * self.scales
        return np.ascontiguousarray(penalised.T) * (self.x_scale / self.y_scale)

    def to_dual(self, residual: Array) -> Array:
        """A dual point in the caller's units from an `Evaluation.residual`."""
        return residual * (self.y_scale / self.design.total * self.design.root_weights)[:, np.newaxis]

    def mean_prediction(self, B: Array) -> Array:
        """``m' B``, the prediction at the weighted mean of the inputs without an intercept."""
        return matmul(self.design.means[np.newaxis], B)[0]


@dataclass(frozen=True)
class Options:
    """What the caller says about the data beside X and Y.

    Attributes
    ----------
    fit_intercept : bool
        Whether an intercept is fitted.
    sample_weight : array_like (n_samples,) or None
        Weights as given.
    standardize : bool
        Whether the penalty acts on the coefficients of columns with unit variance.
    scales : (n_features,) or None
        Standard deviations to divide by, from an earlier fit; in place of ``standardize``.
    rescale : bool
        False keeps the units of extreme data, for penalties of unknown homogeneity.
    classes : (n_classes,) or None
        Those of an earlier fit.
    """

    fit_intercept: bool
    sample_weight: Any = None
    standardize: bool = False
    scales: Array | None = None
    rescale: bool = True
    classes: np.ndarray[Any, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("fit_intercept", "standardize"):
            flag = getattr(self, name)
            if not isinstance(flag, (bool, np.bool_)):
                raise IncompatibleError(f"{name} must be True or False, got {flag!r}")
            object.__setattr__(self, name, bool(flag))

    @property
    def standardized(self) -> bool:
        """Whether the columns are divided by anything."""
        return self.standardize or self.scales is not None


@dataclass(frozen=True)
class Inputs:
    """The caller's X and weights, checked and in canonical form: what all losses begin with."""

    design: Design
    weights: Array
    x_scale: float
    fit_intercept: bool
    scales: Array | None

    @classmethod
    def build(cls, X: Any, Y: Any, *, call: str, options: Options) -> Inputs:
        """Check X, the weights and that there is a Y; nothing the caller owns is written to."""
        if Y is None:
            raise IncompatibleError(f"Y is missing: write {call}, Y of shape (n_samples, n_targets)")
        centre = options.fit_intercept
        X, x_scale = (DaskRows.of(X), 1.0) if is_dask(X) else tame_inputs(as_inputs(X), options.rescale)
        weights = _normalised(as_sample_weight(options.sample_weight, X.shape[0]), X.shape[0])
        design = design_of(X, weights, centre=centre)
        if not options.standardized:
            return cls(design, weights, x_scale, centre, None)
        if options.scales is not None:
            check_features(len(options.scales), X.shape[1])
            deviations = options.scales / x_scale
        else:
            around_means = design if centre else design_of(X, weights, centre=True)
            deviations = np.sqrt(np.maximum(around_means.mean_squares(), 0.0))
        return cls(ScaledDesign.of(design, inverse_scales(deviations)), weights, 1.0, centre, deviations * x_scale)


def inverse_scales(scales: Array) -> Array:
    """``1 / scales``, 0 for 0: what has no spread is made zero."""
    return np.divide(1.0, scales, out=np.zeros_like(scales), where=scales > 0)


def check_features(expected: int, n_features: int) -> None:
    """Raise unless the data has as many columns as the fit."""
    if n_features != expected:
        raise InputError(f"X must have {expected} columns, as in the fit, got {n_features}")


def design_of(X: Array | Sparse | DaskRows, weights: Array, *, centre: bool) -> Design:
    """The design of canonical inputs, as `as_inputs` or `DaskRows` has them, under sample weights ``(n_samples,)``."""
    if isinstance(X, DaskRows):
        return DaskDesign.build(X, weights, centre=centre)
    return (SparseDesign if is_sparse(X) else DenseDesign).build(X, weights, centre=centre)


def tame_inputs(X: Array | Sparse, rescale: bool) -> tuple[Array | Sparse, float]:
    """`tame` for canonical inputs, sparse ones included."""
    if not is_sparse(X):
        return tame(X, rescale)
    sparse: Sparse = X
    if sparse.nnz == 0:
        return X, 1.0
    data, scale = tame(sparse.data, rescale)
    return (X, 1.0) if scale == 1.0 else (type(sparse)((data, sparse.indices, sparse.indptr), shape=sparse.shape), scale)


def tame(A: Array, rescale: bool) -> tuple[Array, float]:
    """``(A / scale, scale)`` with a power of two that is 1 unless squares of the entries would over- or underflow."""
    largest = max(float(A.max()), -float(A.min()))
    if not rescale or largest < NEGLIGIBLE or 1.0 / SAFE <= largest <= SAFE:
        return A, 1.0
    scale = power_of_two(largest)
    return A / scale, scale


def power_of_two(size: float) -> float:
    """The power of two next to ``size``."""
    return float(np.ldexp(1.0, int(np.clip(np.frexp(size)[1], -1000, 1000))))


def _normalised(weights: Array | None, n_samples: int) -> Array:
    """Weights divided by a power of two near their maximum: results do not depend on the scale, sums do not overflow."""
    if weights is None:
        return np.ones(n_samples)
    largest = float(weights.max())
    return weights / float(np.ldexp(1.0, int(np.clip(np.frexp(largest)[1] - 1, -1000, 1000))))
