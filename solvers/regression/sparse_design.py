"""The design matrix of sparse inputs: centred and weighted implicitly, never made dense as a whole.

Stored entries are multiplied as they are, ``Xs' R = X' diag(sqrt(s)) R - m (sqrt(s)' R)``, and the means subtracted after. That
cancels where a mean is large against its column's standard deviation, which takes a column with few zeros: such columns are
kept beside X, dense, centred and weighted. They take less memory than their stored entries do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from solvers._arrays import Sparse
from solvers._blas import matmul, mirror_lower
from solvers.regression.design import (
    GEMM_RATE,
    MEMORY_RATE,
    Design,
    centre_columns,
    centre_or_not,
    gram_of_rows,
    gram_pays,
    row_blocks,
)

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

_FAR = 4.0
"""Columns with |mean| above this many standard deviations are kept dense, if at least half of their entries are stored."""

_PAIR_RATE = 2e8
"""Products of two stored entries per second in a sparse Gram matrix."""


@dataclass(frozen=True)
class SparseDesign(Design):
    """A sparse matrix with its weights and means.

    Attributes
    ----------
    X : csc_array or csr_array (n_samples, n_features)
        The caller's matrix in canonical form.
    far : (n_far,) int
        Columns with large means, see the module; ``X`` is not used for them in products.
    far_columns : (n_samples, n_far)
        The effective columns ``far``.
    """

    X: Sparse
    far: Indices
    far_columns: Array

    @classmethod
    def build(cls, X: Sparse, weights: Array, *, centre: bool) -> SparseDesign:
        """Measure the columns of ``X`` under sample weights ``(n_samples,)``, from its stored entries."""
        total = float(np.sum(weights))
        low, high, n_stored = _ranges(X, weights)
        sums = X.T @ weights if centre else np.zeros(X.shape[1])
        means, constant = centre_or_not(low, high, sums, total, centre=centre)
        near = cls(np.sqrt(weights), total, means, low, high, constant, centre, X, np.arange(0), np.zeros((X.shape[0], 0)))
        if not centre:
            return near
        often = (2 * n_stored >= np.count_nonzero(weights)) & ~constant
        far = np.flatnonzero(often & (np.abs(means) > _FAR * np.sqrt(near.mean_squares())))
        return cls(near.root_weights, total, means, low, high, constant, centre, X, far, near.columns(far)) if len(far) else near

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape[0], self.X.shape[1]

    def columns(self, chosen: np.ndarray[Any, Any]) -> Array:
        return centre_columns(self._by_columns[:, chosen].toarray(order="F"), self, chosen)

    def predict(self, B: Array) -> Array:
        live = B
        if len(self.far):
            live = B.copy()
            live[self.far] = 0.0
        active = np.flatnonzero(live.any(axis=1))
        product = np.zeros((self.shape[0], B.shape[1]))
        if len(active):
            few = 2 * len(active) <= len(B)
            product += self._by_columns[:, active] @ live[active] if few else self.X @ live
            product -= matmul(self.means[np.newaxis], live)
            if self.weighted:
                product *= self.root_weights[:, np.newaxis]
        if len(self.far):
            product += matmul(self.far_columns, B[self.far])
        return product

    def correlate(self, R: Array) -> Array:
        weighted = R * self.root_weights[:, np.newaxis] if self.weighted else R
        product = np.asarray(self.X.T @ weighted)
        product -= np.outer(self.means, weighted.sum(axis=0))
        if len(self.far):
            product[self.far] = matmul(self.far_columns.T, R)
        product /= self.total
        product[self.constant] = 0.0
        return product

    def mean_squares(self) -> Array:
        entries, weights = self._by_columns, np.square(self.root_weights)[self._by_columns.indices]
        counts = np.diff(entries.indptr)
        distances = entries.data - np.repeat(self.means, counts)
        squares = _sum_by_column(weights * distances**2, counts)
        # Zeros that are not stored.
        squares += np.maximum(self.total - _sum_by_column(weights, counts), 0.0) * self.means**2
        if len(self.far):
            squares[self.far] = np.sum(self.far_columns**2, axis=0)
        squares /= self.total
        squares[self.constant] = 0.0
        return squares

    def gram(self) -> Array:
        """Sparse where that is less work than dense row blocks."""
        if self._seconds_for_sparse_gram <= self._seconds_for_dense_gram:
            return self._gram_of_entries()
        return gram_of_rows(self._centred_rows(), self.shape[1], self)

    def prefers_gram(self, n_targets: int, n_lams: int) -> bool:
        """Products of pairs of stored entries, row by row, against passes of two products with ``n_targets`` columns."""
        seconds_per_pass = 2.0 * max(self.X.nnz * n_targets / (2 * _PAIR_RATE), 12.0 * self.X.nnz / MEMORY_RATE)
        seconds = min(self._seconds_for_sparse_gram, self._seconds_for_dense_gram)
        return gram_pays(self.shape[1], n_lams, seconds, seconds_per_pass)

    def _gram_of_entries(self) -> Array:
        """``X'SX / n`` from the stored entries, then minus ``m m'``; the rows of columns with large means from those."""
        entries = self._by_columns
        scaled = entries.copy()
        scaled.data *= self.root_weights[entries.indices]
        Q = (scaled.T @ scaled).toarray(order="C")
        Q /= self.total
        Q -= np.outer(self.means, self.means)
        if len(self.far):
            cross = self.correlate(self.far_columns)
            Q[:, self.far] = cross
            Q[self.far, :] = cross.T
            Q[np.ix_(self.far, self.far)] = matmul(self.far_columns.T, self.far_columns) / self.total
        Q[self.constant, :] = 0.0
        Q[:, self.constant] = 0.0
        return mirror_lower(Q)

    def _centred_rows(self) -> Iterator[tuple[Array, Array]]:
        by_rows = self.X.tocsr()
        for rows in row_blocks(*self.shape):
            yield by_rows[rows].toarray() - self.means, self.root_weights[rows]

    @cached_property
    def _by_columns(self) -> Sparse:
        return self.X.tocsc()

    @cached_property
    def _seconds_for_sparse_gram(self) -> float:
        by_rows = self.X.format == "csr"
        in_rows = np.diff(self.X.indptr) if by_rows else np.bincount(self.X.indices, minlength=self.shape[0])
        return float(np.sum(np.square(in_rows, dtype=np.float64))) / _PAIR_RATE

    @property
    def _seconds_for_dense_gram(self) -> float:
        return float(self.shape[0]) * self.shape[1] ** 2 / GEMM_RATE


def _ranges(X: Sparse, weights: Array) -> tuple[Array, Array, Indices]:
    """Smallest and largest entry of each column, and how many are stored, in rows that have weight."""
    entries = X.tocsc()
    kept = weights[entries.indices] > 0
    columns = np.repeat(np.arange(X.shape[1]), np.diff(entries.indptr))[kept]
    n_stored = np.bincount(columns, minlength=X.shape[1])
    has_zero = n_stored < np.count_nonzero(weights)
    low, high = np.where(has_zero, 0.0, np.inf), np.where(has_zero, 0.0, -np.inf)
    np.minimum.at(low, columns, entries.data[kept])
    np.maximum.at(high, columns, entries.data[kept])
    return low, high, n_stored


def _sum_by_column(values: Array, counts: Indices) -> Array:
    """Sums of ``values``, the first ``counts[0]`` of which belong to column 0, and so on."""
    sums = np.bincount(np.repeat(np.arange(len(counts)), counts), weights=values, minlength=len(counts))
    return sums.astype(np.float64, copy=False)  # of no entries at all NumPy makes integers
