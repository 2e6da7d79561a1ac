"""The design matrix as a solver sees it: centred, weighted, and never copied as a whole.

Notation. ``X (n_samples, n_features)`` is the caller's matrix, ``s`` the sample weights, ``n = sum_i s_i``, ``m`` the weighted
column means (zero without intercept). The effective matrix is ``Xs = diag(sqrt(s)) (X - 1 m')``; nothing here forms it whole.
Solvers know a `Design` and nothing of how the caller stores X: dense here, sparse in `sparse_design`, summed up in `gram`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from solvers._blas import add_gram, matmul, mirror_lower

Array = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

_BLOCK_ENTRIES = 2**20
"""Entries of a row block: 8 MiB, small enough to stay in cache, large enough for BLAS-3 to run at full speed."""

_PRODUCT_ENTRIES, _PRODUCT_ROWS = 2**17, 2**10
"""Entries of a row block that is copied, centred and multiplied with itself: it stays in the cache of a core between these steps.
With many columns so many rows, up to their number, that the passes over the Gram matrix do not count."""

NEGLIGIBLE = 2.0**-963
"""Columns that stay below this (about 1e-290) count as zero: coefficients large enough to matter would overflow."""

FAR_FROM_ORIGIN = 16.0
"""Columns with |mean| above this many ranges are centred before they are multiplied; below it the mean is subtracted after,
which costs at most this factor in rounding error and saves the copy of each row block."""


def row_blocks(n_samples: int, n_features: int) -> Iterator[slice]:
    """Slices that cut the rows into blocks of about `_BLOCK_ENTRIES` entries, at least 64 rows."""
    rows = max(64, _BLOCK_ENTRIES // n_features)
    for start in range(0, n_samples, rows):
        yield slice(start, min(start + rows, n_samples))


def product_blocks(n_samples: int, n_features: int) -> Iterator[slice]:
    """Slices that cut the rows into blocks of about `_PRODUCT_ENTRIES` entries, or of `n_features` rows up to `_PRODUCT_ROWS`."""
    rows = max(_PRODUCT_ENTRIES // n_features, min(n_features, _PRODUCT_ROWS))
    for start in range(0, n_samples, rows):
        yield slice(start, min(start + rows, n_samples))


def contiguous_blocks(X: Array) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of blocks of about `_BLOCK_ENTRIES` entries, cut along the memory order of ``X``."""
    n_samples, n_features = X.shape
    # What is converted is cut into row blocks in any case: blocks of whole columns have no bounded size.
    if X.flags.c_contiguous or X.dtype != np.float64:
        yield from ((rows, slice(None)) for rows in row_blocks(n_samples, n_features))
    else:
        yield from ((slice(None), columns) for columns in row_blocks(n_features, n_samples))


@dataclass(frozen=True)
class Design(ABC):
    """The effective matrix ``Xs (n_samples, n_features)``: what it multiplies, its columns and its Gram matrix.

    Attributes
    ----------
    root_weights : (n_samples,)
        ``sqrt(s)``.
    total : float
        ``n = sum_i s_i``.
    means : (n_features,)
        Weighted column means; exactly the common value for a constant column; zero without intercept.
    low, high : (n_features,)
        Smallest and largest entry of each column, in rows that have weight.
    constant : (n_features,) bool
        Columns that can have no effect, taken as exactly zero: constant beside an intercept, or below `NEGLIGIBLE`.
    centred : bool
        Whether there is an intercept, and means to subtract.
    """

    root_weights: Array
    total: float
    means: Array
    low: Array
    high: Array
    constant: Flags
    centred: bool

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """``(n_samples, n_features)``."""

    @abstractmethod
    def columns(self, chosen: np.ndarray[Any, Any]) -> Array:
        """The effective columns ``chosen``, a fresh Fortran-ordered array (n_samples, len(chosen))."""

    @abstractmethod
    def predict(self, B: Array) -> Array:
        """``Xs B`` for coefficients ``B (n_features, n_targets)``; zero rows of ``B`` cost nothing."""

    @abstractmethod
    def correlate(self, R: Array) -> Array:
        """``Xs' R / n`` for ``R (n_samples, n_targets)``: shape (n_features, n_targets)."""

    @abstractmethod
    def mean_squares(self) -> Array:
        """``||x_j||^2 / n`` of the effective columns, (n_features,)."""

    @abstractmethod
    def gram(self) -> Array:
        """``Q = Xs' Xs / n``, C-ordered."""

    def rough_gram(self) -> Array | None:
        """A cheaper Gram matrix, positive definite and right to some 1e-6 of its diagonal; None where there is none."""
        return None

    @abstractmethod
    def prefers_gram(self, n_targets: int, n_lams: int) -> bool:
        """Whether forming the whole Gram matrix costs less than the passes over X that it saves."""

    @cached_property
    def weighted(self) -> bool:
        """Whether any weight differs from one."""
        return bool(np.any(self.root_weights != 1.0))

    @property
    def spread(self) -> Array:
        """Largest distance of an entry from its column's mean, (n_features,)."""
        return np.maximum(self.high - self.means, self.means - self.low)


def centre_columns(block: Array, design: Design, chosen: np.ndarray[Any, Any]) -> Array:
    """Turn the columns ``chosen`` of X, float64 (n_samples, len(chosen)), into the effective ones, in place."""
    block -= design.means[chosen]
    block *= design.root_weights[:, np.newaxis]
    if design.centred:
        # The means carry a rounding error, as large as the whole difference of two nearly equal columns far from 0.
        drift = matmul(design.root_weights[np.newaxis], block)[0] / design.total
        block -= design.root_weights[:, np.newaxis] * drift
    block[:, design.constant[chosen]] = 0.0
    return block


def centre_or_not(low: Array, high: Array, sums: Array, total: float, *, centre: bool) -> tuple[Array, Flags]:
    """Means ``(n_features,)`` from weighted sums, never outside [low, high], and which columns have no effect."""
    if not centre:
        return np.zeros_like(low), np.maximum(high, -low) < NEGLIGIBLE
    return np.where(low == high, low, np.clip(sums / total, low, high)), high - low < NEGLIGIBLE


def gram_of_rows(blocks: Iterator[tuple[Array, Array]], n_features: int, design: Design) -> Array:
    """``Xs' Xs / n``, C-ordered, from pairs of a centred row block (overwritten) and its ``sqrt(s)``.

    ``X'X - n m m'`` cancels and is never formed.
    """
    Q, drift = np.zeros((n_features, n_features)), np.zeros(n_features)
    for block, root in blocks:
        if design.weighted:
            block *= root[:, np.newaxis]
        add_gram(block, into=Q)
        drift += matmul(root[np.newaxis], block)[0]
    Q /= design.total
    mirror_lower(Q)
    # The means carry one rounding error each; what is left of them is the second pass of the two-pass formula.
    if design.centred:
        drift /= design.total
        Q -= np.outer(drift, drift)
    Q[design.constant, :] = 0.0
    Q[:, design.constant] = 0.0
    return Q


@dataclass(frozen=True)
class ScaledDesign(Design):
    """Another design with each column multiplied by a factor, for standardised columns; X is not touched.

    Attributes
    ----------
    base : Design
        The design in the units of X.
    factors : (n_features,)
        One over the scale of each column; 0 makes the column zero.
    """

    base: Design
    factors: Array

    @classmethod
    def of(cls, base: Design, factors: Array) -> ScaledDesign:
        """The columns of ``base`` times ``factors (n_features,)``."""
        return cls(
            root_weights=base.root_weights,
            total=base.total,
            means=base.means * factors,
            low=base.low * factors,
            high=base.high * factors,
            constant=base.constant | (factors == 0),
            centred=base.centred,
            base=base,
            factors=factors,
        )

    @property
    def shape(self) -> tuple[int, int]:
        return self.base.shape

    def columns(self, chosen: np.ndarray[Any, Any]) -> Array:
        block = self.base.columns(chosen)
        block *= self.factors[chosen]
        return block

    def predict(self, B: Array) -> Array:
        return self.base.predict(B * self.factors[:, np.newaxis])

    def correlate(self, R: Array) -> Array:
        return self.base.correlate(R) * self.factors[:, np.newaxis]

    def mean_squares(self) -> Array:
        return self.base.mean_squares() * self.factors**2

    def gram(self) -> Array:
        return scale_gram(self.base.gram(), self.factors)

    def rough_gram(self) -> Array | None:
        Q = self.base.rough_gram()
        return None if Q is None else scale_gram(Q, self.factors)

    def prefers_gram(self, n_targets: int, n_lams: int) -> bool:
        return self.base.prefers_gram(n_targets, n_lams)


def scale_gram(Q: Array, factors: Array) -> Array:
    """``diag(factors) Q diag(factors)``, in place, exactly symmetric."""
    Q *= factors[:, np.newaxis]
    Q *= factors
    return mirror_lower(Q)


_ROUGHNESS = 16.0 * float(np.finfo(np.float32).eps)
"""Added to the diagonal of a float32 Gram matrix, relative: more than its errors, so that it stays positive definite."""

_ROUGH_BLOCKS = 32
"""Row blocks whose products are summed in float32."""

GRAM_BYTES = 2**30
"""Memory a full Gram matrix may take."""

# Throughputs of one present-day core, in operations or bytes per second. Only their ratio decides, and it varies little.
GEMM_RATE = 3e10
MEMORY_RATE = 1e10


def gram_pays(n_features: int, n_lams: int, seconds_for_gram: float, seconds_per_pass: float) -> bool:
    """Whether the Gram matrix is worth its price.

    A working-set solver passes over X about 10 times to start and 3 times per further lam. The Gram matrix goes through memory
    about three times beside what it takes to form it.
    """
    if 8.0 * n_features**2 > GRAM_BYTES:
        return False
    return seconds_for_gram + 24.0 * n_features**2 / MEMORY_RATE <= (10 + 3 * (n_lams - 1)) * seconds_per_pass


def dense_gram_pays(n_samples: int, n_features: int, n_targets: int, n_lams: int) -> bool:
    """`gram_pays` for ``n p^2`` operations, against passes of two products with ``n_targets`` columns.

    A pass takes ``4 n p n_targets`` operations or two readings of X, whichever takes longer.
    """
    size = float(n_samples) * n_features
    seconds_per_pass = max(4.0 * size * n_targets / GEMM_RATE, 16.0 * size / MEMORY_RATE)
    return gram_pays(n_features, n_lams, size * n_features / GEMM_RATE, seconds_per_pass)


@dataclass(frozen=True)
class DenseDesign(Design):
    """A dense matrix with its weights and means.

    Attributes
    ----------
    X : (n_samples, n_features)
        The caller's matrix, read-only, float64 or float32.
    centre_first : bool
        Whether products centre each row block before multiplying; see `FAR_FROM_ORIGIN`.
    """

    X: Array
    centre_first: bool

    @classmethod
    def build(cls, X: Array, weights: Array, *, centre: bool) -> DenseDesign:
        """Measure the columns of ``X`` under sample weights ``(n_samples,)``; one pass, in row blocks."""
        n_features, total = X.shape[1], float(np.sum(weights))
        low, high, sums = np.full(n_features, np.inf), np.full(n_features, -np.inf), np.zeros(n_features)
        for rows, columns in contiguous_blocks(X):
            block, weight = X[rows, columns], weights[rows]
            if not weight.all():
                block, weight = block[weight > 0], weight[weight > 0]
            if len(block):
                low[columns] = np.minimum(low[columns], block.min(axis=0))
                high[columns] = np.maximum(high[columns], block.max(axis=0))
                sums[columns] += matmul(weight[np.newaxis], block)[0] if centre else 0.0
        means, constant = centre_or_not(low, high, sums, total, centre=centre)
        far = centre & (np.abs(means) > FAR_FROM_ORIGIN * (high - low))
        return cls(np.sqrt(weights), total, means, low, high, constant, centre, X=X, centre_first=bool(np.any(far & ~constant)))

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape[0], self.X.shape[1]

    @property
    def by_rows(self) -> bool:
        """Whether products take X in row blocks: where it is centred first, or converted to float64."""
        return self.centre_first or self.X.dtype != np.float64

    def columns(self, chosen: np.ndarray[Any, Any]) -> Array:
        return centre_columns(np.asarray(self.X[:, chosen], dtype=np.float64, order="F"), self, chosen)

    def predict(self, B: Array) -> Array:
        n_samples, n_features = self.shape
        active = np.flatnonzero(B.any(axis=1))
        if len(active) == 0:
            return np.zeros((n_samples, B.shape[1]))
        few = len(active) * 2 <= n_features
        if not few and not self.by_rows:
            product = matmul(self.X, B)
        else:
            product = np.empty((n_samples, B.shape[1]))
            means, live = (self.means[active], np.ascontiguousarray(B[active])) if few else (self.means, B)
            for rows in row_blocks(n_samples, len(means)):
                block = self.X[rows][:, active] if few else self.X[rows]
                product[rows] = matmul(block - means if self.centre_first else block, live)
        if not self.centre_first:
            product -= matmul(self.means[np.newaxis], B)
        if self.weighted:
            product *= self.root_weights[:, np.newaxis]
        return product

    def correlate(self, R: Array) -> Array:
        weighted = R * self.root_weights[:, np.newaxis] if self.weighted else R
        if self.by_rows:
            product = np.zeros((self.shape[1], R.shape[1]))
            for rows in row_blocks(*self.shape):
                block = self.X[rows] - self.means if self.centre_first else self.X[rows]
                product += matmul(block.T, weighted[rows])
        else:
            product = cast(Array, matmul(self.X.T, weighted))
        if not self.centre_first:
            product -= np.outer(self.means, weighted.sum(axis=0))
        product /= self.total
        product[self.constant] = 0.0
        return cast(Array, product)

    def mean_squares(self) -> Array:
        squares, drift = np.zeros(self.shape[1]), np.zeros(self.shape[1])
        weights = self.root_weights**2
        for rows in row_blocks(*self.shape):
            block = self.X[rows] - self.means
            drift += matmul(weights[np.newaxis, rows], block)[0]
            block *= block
            squares += matmul(weights[np.newaxis, rows], block)[0]
        squares /= self.total
        if self.centred:
            squares -= (drift / self.total) ** 2
        squares[self.constant] = 0.0
        return squares

    def gram(self) -> Array:
        return gram_of_rows(self._centred_rows(self.means), self.shape[1], self)

    def _centred_rows(self, means: Any) -> Iterator[tuple[Any, Array]]:
        """Row blocks less the ``means``, in the precision of these and all in one place, with their ``sqrt(s)``."""
        space: Any = None
        for rows in product_blocks(*self.shape):
            if space is None:
                space = np.empty((rows.stop, self.shape[1]), means.dtype)
            yield np.subtract(self.X[rows], means, out=space[: rows.stop - rows.start]), self.root_weights[rows]

    def rough_gram(self) -> Array | None:
        """Products in float32 where X is that, half the time; summed over row blocks in float64."""
        if self.centre_first or self.X.dtype != np.float32:
            return None
        n_features = self.shape[1]
        Q: Array = np.zeros((n_features, n_features))
        part: Any = np.zeros((n_features, n_features), np.float32)
        for number, (block, root) in enumerate(self._centred_rows(self.means.astype(np.float32))):
            if self.weighted:
                block *= root[:, np.newaxis].astype(np.float32)
            if number % _ROUGH_BLOCKS == 0:
                Q += part
                part[...] = 0.0
            add_gram(block, into=part)
        Q += part
        Q /= self.total
        mirror_lower(Q)
        Q[self.constant, :] = 0.0
        Q[:, self.constant] = 0.0
        Q.flat[:: n_features + 1] *= 1.0 + _ROUGHNESS
        return Q

    def prefers_gram(self, n_targets: int, n_lams: int) -> bool:
        return dense_gram_pays(*self.shape, n_targets, n_lams)
