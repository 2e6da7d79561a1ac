"""The design matrix as a solver sees it: centred, weighted, and never copied as a whole.

Notation. ``X (n_samples, n_features)`` is the caller's matrix, ``s`` the sample weights, ``n = sum_i s_i``, ``m`` the weighted
column means (zero without intercept). The effective matrix is ``Xs = diag(sqrt(s)) (X - 1 m')``; nothing here forms it whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from solvers._blas import add_gram, matmul, mirror_lower

Array = np.ndarray[Any, np.dtype[np.float64]]

_BLOCK_ENTRIES = 2**20
"""Entries of a row block: 8 MiB, small enough to stay in cache, large enough for BLAS-3 to run at full speed."""

NEGLIGIBLE = 2.0**-963
"""Columns that stay below this (about 1e-290) count as zero: coefficients large enough to matter would overflow."""

_FAR_FROM_ORIGIN = 16.0
"""Columns with |mean| above this many ranges are centred before they are multiplied; below it the mean is subtracted after,
which costs at most this factor in rounding error and saves the copy of each row block."""


def row_blocks(n_samples: int, n_features: int) -> Iterator[slice]:
    """Slices that cut the rows into blocks of about `_BLOCK_ENTRIES` entries, at least 64 rows."""
    rows = max(64, _BLOCK_ENTRIES // n_features)
    for start in range(0, n_samples, rows):
        yield slice(start, min(start + rows, n_samples))


def contiguous_blocks(X: Array) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of blocks of about `_BLOCK_ENTRIES` entries, cut along the memory order of ``X``."""
    n_samples, n_features = X.shape
    if X.flags.c_contiguous:
        yield from ((rows, slice(None)) for rows in row_blocks(n_samples, n_features))
    else:
        yield from ((slice(None), columns) for columns in row_blocks(n_features, n_samples))


@dataclass(frozen=True)
class DenseDesign:
    """A dense matrix with its weights and means.

    Attributes
    ----------
    X : (n_samples, n_features)
        The caller's matrix, read-only.
    root_weights : (n_samples,)
        ``sqrt(s)``.
    total : float
        ``n = sum_i s_i``.
    means : (n_features,)
        Weighted column means; exactly the common value for a constant column; zero without intercept.
    constant : (n_features,) bool
        Columns that can have no effect, taken as exactly zero: constant beside an intercept, or below `NEGLIGIBLE`.
    centred : bool
        Whether there is an intercept, and means to subtract.
    spread : (n_features,)
        Largest distance of an entry from its column's mean.
    centre_first : bool
        Whether products centre each row block before multiplying; see `_FAR_FROM_ORIGIN`.
    """

    X: Array
    root_weights: Array
    total: float
    means: Array
    constant: np.ndarray[Any, np.dtype[np.bool_]]
    centred: bool
    spread: Array
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
        if not centre:
            spread = np.maximum(high, -low)
            return cls(X, np.sqrt(weights), total, np.zeros(n_features), spread < NEGLIGIBLE, False, spread, centre_first=False)
        constant = high - low < NEGLIGIBLE
        means = np.where(low == high, low, np.clip(sums / total, low, high))
        far = np.abs(means) > _FAR_FROM_ORIGIN * (high - low)
        spread = np.maximum(high - means, means - low)
        return cls(X, np.sqrt(weights), total, means, constant, True, spread, centre_first=bool(np.any(far & ~constant)))

    @cached_property
    def weighted(self) -> bool:
        """Whether any weight differs from one."""
        return bool(np.any(self.root_weights != 1.0))

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_samples, n_features)``."""
        return self.X.shape[0], self.X.shape[1]

    def columns(self, chosen: np.ndarray[Any, Any]) -> Array:
        """The effective columns ``chosen``, a fresh Fortran-ordered array (n_samples, len(chosen))."""
        block = np.asfortranarray(self.X[:, chosen])
        block -= self.means[chosen]
        block *= self.root_weights[:, np.newaxis]
        if self.centred:
            # The means carry a rounding error, as large as the whole difference of two nearly equal columns far from 0.
            drift = matmul(self.root_weights[np.newaxis], block)[0] / self.total
            block -= self.root_weights[:, np.newaxis] * drift
        block[:, self.constant[chosen]] = 0.0
        return block

    def predict(self, B: Array) -> Array:
        """``Xs B`` for coefficients ``B (n_features, n_targets)``; zero rows of ``B`` cost nothing."""
        n_samples, n_features = self.shape
        active = np.flatnonzero(B.any(axis=1))
        if len(active) == 0:
            return np.zeros((n_samples, B.shape[1]))
        if len(active) * 2 > n_features and not self.centre_first:
            product = matmul(self.X, B)
        else:
            product = np.empty((n_samples, B.shape[1]))
            means, live = self.means[active], np.ascontiguousarray(B[active])
            for rows in row_blocks(n_samples, len(active)):
                block = self.X[rows][:, active]
                product[rows] = matmul(block - means if self.centre_first else block, live)
        if not self.centre_first:
            product -= matmul(self.means[np.newaxis], B)
        if self.weighted:
            product *= self.root_weights[:, np.newaxis]
        return product

    def correlate(self, R: Array) -> Array:
        """``Xs' R / n`` for ``R (n_samples, n_targets)``: shape (n_features, n_targets)."""
        weighted = R * self.root_weights[:, np.newaxis] if self.weighted else R
        if self.centre_first:
            product = np.zeros((self.shape[1], R.shape[1]))
            for rows in row_blocks(*self.shape):
                product += matmul((self.X[rows] - self.means).T, weighted[rows])
        else:
            product = cast(Array, matmul(self.X.T, weighted))
            product -= np.outer(self.means, weighted.sum(axis=0))
        product /= self.total
        product[self.constant] = 0.0
        return cast(Array, product)

    def mean_squares(self) -> Array:
        """``||x_j||^2 / n`` of the effective columns, (n_features,)."""
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
        """``Q = Xs' Xs / n``, C-ordered, from centred row blocks: ``X'X - n m m'`` cancels and is never formed."""
        n_features = self.shape[1]
        Q, drift = np.zeros((n_features, n_features)), np.zeros(n_features)
        for rows in row_blocks(*self.shape):
            block = self.X[rows] - self.means
            root = self.root_weights[rows]
            if self.weighted:
                block *= root[:, np.newaxis]
            add_gram(block, into=Q)
            drift += matmul(root[np.newaxis], block)[0]
        Q /= self.total
        mirror_lower(Q)
        # The means carry one rounding error each; what is left of them is the second pass of the two-pass formula.
        if self.centred:
            drift /= self.total
            Q -= np.outer(drift, drift)
        Q[self.constant, :] = 0.0
        Q[:, self.constant] = 0.0
        return Q
