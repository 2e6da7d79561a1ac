"""Least squares of which only a `Gram` is known: the same formulas in moments, and no samples.

Evaluations come from the Gram matrix: ``loss = null - <B, D> + <B, Q B> / 2``. That cancels where the loss is far below the null
loss: it is good to about 1e-15 times the latter. A certificate states what is true of the Gram matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from solvers._blas import matmul
from solvers.errors import IncompatibleError
from solvers.regression.design import NEGLIGIBLE, Design, centre_or_not, scale_gram
from solvers.regression.gram import Gram
from solvers.regression.least_squares import ColumnSpace
from solvers.regression.problem import NOTHING, SAFE, Indices, Options, check_features, inverse_scales, power_of_two
from solvers.regression.squared_problem import NULL_LOSS_FLOOR, SquaredEvaluation, SquaredProblem

Array = np.ndarray[Any, np.dtype[np.float64]]

_DEPENDENT = 4.0 * np.finfo(float).eps
"""Eigenvalues of a correlation matrix up to this, times its order or 8, over the largest: rounding errors of a Gram matrix."""


@dataclass(frozen=True)
class GramDesign(Design):
    """A design that is known by its Gram matrix: it cannot multiply samples.

    Attributes
    ----------
    Q : (n_features, n_features)
        ``Xs' Xs / n``.
    n_samples : int
        Rows that have weight.
    """

    Q: Array
    n_samples: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_samples, len(self.Q)

    def columns(self, chosen: np.ndarray[Any, Any]) -> Array:
        raise NotImplementedError("a Gram holds no columns")

    def predict(self, B: Array) -> Array:
        raise NotImplementedError("a Gram holds no samples")

    def correlate(self, R: Array) -> Array:
        raise NotImplementedError("a Gram holds no samples")

    def mean_squares(self) -> Array:
        return np.diag(self.Q).copy()

    def gram(self) -> Array:
        return self.Q

    def prefers_gram(self, n_targets: int, n_lams: int) -> bool:
        return True


@dataclass(frozen=True)
class GramProblem(SquaredProblem):
    """`SquaredProblem` in moments; ``targets`` has no rows.

    Attributes
    ----------
    moments : (n_features, n_targets)
        ``D = Xs' Ys / n``.
    """

    moments: Array = field(kw_only=True)

    @classmethod
    def of(cls, gram: Gram, Y: Any, loss: str, options: Options, call: str) -> GramProblem:
        """Check that nothing beside the Gram is given, and bring it into canonical form; the Gram is not written to."""
        instead = call.replace("X, Y", "gram").replace("gram, penalty", "gram, penalty=penalty")
        if Y is not None:
            raise IncompatibleError(f"Y must be left out beside a Gram, which holds it, got {type(Y).__name__}: write {instead}")
        if options.sample_weight is not None:
            raise IncompatibleError(
                "sample_weight must be left out beside a Gram, which holds the weights: "
                "write Gram.from_blocks([(X, Y, sample_weight)])"
            )
        if loss != "squared":
            raise IncompatibleError(f"loss must be 'squared' with a Gram, got {loss!r}: write {call} with the data itself")
        scales = _scales(gram, options)
        factors = np.ones(gram.n_features) if scales is None else inverse_scales(scales)
        if scales is None and options.rescale:
            factors /= _unit(np.max(_deviations(gram), initial=0.0))
        y_scale = _unit(float(np.sqrt(np.max(gram.y_products) / gram.total))) if options.rescale else 1.0
        design = _design(gram, factors, centre=options.fit_intercept)
        D = gram.xy_products / gram.total
        mean_squares = gram.y_products / gram.total
        varying = gram.y_low < gram.y_high
        if not options.fit_intercept:
            D += np.outer(gram.x_means, gram.y_means)
            mean_squares = mean_squares + gram.y_means**2
            varying = (gram.y_low != 0) | (gram.y_high != 0)
        D = np.where(varying, D * factors[:, np.newaxis], 0.0) / y_scale
        D[design.constant] = 0.0
        null_loss = 0.5 * float(np.sum(np.where(varying, mean_squares, 0.0) / y_scale**2))
        if null_loss <= NULL_LOSS_FLOOR * float(np.sum(mean_squares + gram.y_means**2)) / y_scale**2:
            null_loss, D = 0.0, np.zeros_like(D)
        return cls(
            design=design,
            fit_intercept=options.fit_intercept,
            x_scale=1.0 if scales is not None or len(factors) == 0 else 1.0 / float(factors[0]),
            y_scale=y_scale,
            null_loss=null_loss,
            is_vector=gram.is_vector,
            scales=scales,
            targets=np.zeros((0, gram.n_targets)),
            target_means=gram.y_means / y_scale if options.fit_intercept else np.zeros(gram.n_targets),
            moments=np.ascontiguousarray(D),
        )

    @cached_property
    def correlation(self) -> Array:
        return self.moments

    def space(self, columns: Indices) -> ColumnSpace | None:
        """The space of a square root of the columns' Gram matrix, in place of the columns; see `_square_root`."""
        key = columns.tobytes()
        if key not in self._spaces:
            self._spaces[key] = ColumnSpace.of(_square_root(self.gram[np.ix_(columns, columns)])) if len(columns) else None
        return self._spaces[key]

    def least_squares(self, chosen: Indices) -> Array:
        B = np.zeros((self.n_features, self.n_targets))
        self.fit_free(B, chosen)
        return B

    def fit_free(self, B: Array, free: Indices) -> None:
        space = self.space(free)
        if space is None:
            return
        B[free] = 0.0
        B[free] = matmul(space.shortest, matmul(space.particular.T, self._gradient(B)[free]))
        B[free] += matmul(space.particular, matmul(space.particular.T, self._gradient(B)[free]))

    def _along(self, free: Indices, others: Indices) -> Array:
        space = self.space(free)
        assert space is not None
        return matmul(space.particular.T, self.gram[np.ix_(free, others)])

    def _gradient(self, B: Array) -> Array:
        active = np.flatnonzero(B.any(axis=1))
        return self.moments - matmul(self.gram[:, active], B[active])

    def evaluate(self, B: Array, free: Indices = NOTHING, shift: Array | None = None) -> SquaredEvaluation:
        gradient = self._gradient(B)
        loss = max(self.null_loss - 0.5 * float(np.sum(B * (self.moments + gradient))), 0.0)
        removed, space = 0.0, self.space(free)
        if space is not None:
            # Twice: the first pass leaves rounding errors of the size of the whole gradient.
            for _ in range(2):
                along = matmul(space.particular.T, gradient[free])
                removed += 0.5 * float(np.sum(along**2))
                gradient = gradient - matmul(self.gram[:, free], matmul(space.particular, along))
            gradient[free] = 0.0
        offset = np.zeros(self.n_targets) if shift is None else shift
        missed = 0.5 * float(np.sum(offset**2))
        return SquaredEvaluation(
            loss=loss + missed,
            gradient=gradient,
            residual=self.targets,
            intercept=(self._uncorrected_intercept(B) + offset) * self.y_scale,
            projected_loss=max(loss - removed, 0.0),
            removed_loss=removed + missed,
        )


def _scales(gram: Gram, options: Options) -> Array | None:
    if options.scales is not None:
        check_features(len(options.scales), gram.n_features)
        return options.scales
    return _deviations(gram) if options.standardize else None


def _deviations(gram: Gram) -> Array:
    """Standard deviations, (n_features,); 0 for constant columns."""
    constant = gram.x_high - gram.x_low < NEGLIGIBLE
    return np.where(constant, 0.0, np.sqrt(np.maximum(np.diag(gram.x_products), 0.0) / gram.total))


def _unit(size: float) -> float:
    """A power of two to divide by, 1 unless squares of ``size`` come near the ends of float64's range."""
    return 1.0 if size < NEGLIGIBLE or 1.0 / SAFE <= size <= SAFE else power_of_two(size)


def _design(gram: Gram, factors: Array, *, centre: bool) -> GramDesign:
    """The columns of a Gram times ``factors (n_features,)``, which are 0 for columns that count as zero."""
    Q = scale_gram(gram.x_products / gram.total, factors)
    if not centre:
        Q += np.outer(gram.x_means * factors, gram.x_means * factors)
    means, constant = centre_or_not(gram.x_low, gram.x_high, gram.x_means * gram.total, gram.total, centre=centre)
    constant |= factors == 0
    Q[constant, :] = 0.0
    Q[:, constant] = 0.0
    return GramDesign(
        root_weights=np.zeros(0),
        total=gram.total,
        means=means * factors,
        low=gram.x_low * factors,
        high=gram.x_high * factors,
        constant=constant,
        centred=centre,
        Q=Q,
        n_samples=gram.n_samples,
    )


def _square_root(Q: Array) -> Array:
    """A matrix A with ``A'A = Q`` to rounding; without the directions in which Q, its columns scaled alike, is rounding only."""
    lengths = np.sqrt(np.diag(Q))
    factors = inverse_scales(lengths)
    values, vectors = np.linalg.eigh(scale_gram(Q.copy(), factors))
    kept = values > _DEPENDENT * max(8, len(Q)) * values.max(initial=0.0)
    return np.sqrt(values[kept])[:, np.newaxis] * vectors[:, kept].T * lengths
