"""Means and centred cross products of dense rows, added up block by block in one pass over each."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._blas import add_gram, matmul, mirror_lower
from solvers.regression.design import centre_or_not, product_blocks

Array = np.ndarray[Any, np.dtype[np.float64]]

_DRIFT = 2.0**-30
"""Means wrong by less than this share of the range change S by its square, less than the rounding error of the products."""


class Moments:
    """What is known of the rows ``z_i`` seen so far: columns of X beside those of Y.

    A block of rows with weight n_b, means m_b and centred rows ``Z_b`` turns ``n, m, S`` into (Chan, Golub and LeVeque, 1983)

        S + Z_b' Z_b + (n n_b / (n + n_b)) (m_b - m)(m_b - m)',    m + (n_b / (n + n_b)) (m_b - m),    n + n_b.

    The rows are copied into a space that stays in cache while they are measured, centred and multiplied; the difference of the
    means is one more row there, so that S is gone through once.

    Attributes
    ----------
    n_samples : int
        Rows of positive weight.
    total : float
        Sum of the weights, n.
    means, low, high : (n_columns,)
        Weighted means; smallest and largest entries.
    """

    def __init__(self, n_columns: int) -> None:
        self.n_samples, self.total = 0, 0.0
        self.means = np.zeros(n_columns)
        self.low, self.high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
        self._lower = np.zeros((n_columns, n_columns))
        self._space = np.empty((0, n_columns))

    @property
    def products(self) -> Array:
        """``S = sum_i s_i (z_i - m)(z_i - m)'``, symmetric (n_columns, n_columns)."""
        return mirror_lower(self._lower.copy())

    def add(self, X: Array, Y: Array, weights: Array) -> None:
        """Add rows ``[X Y]`` of any real type, with ``weights (n_rows,)``; those of weight 0 do not count."""
        for rows in product_blocks(X.shape[0], len(self.means)):
            chosen: Any = rows if weights[rows].all() else rows.start + np.flatnonzero(weights[rows])
            weight = weights[chosen]
            if len(weight):
                self._add(self._copy(X[chosen], Y[chosen]), weight)

    def _copy(self, X: Array, Y: Array) -> Array:
        """``[X Y]`` and a free row below it, in the space that all blocks share."""
        n_rows = len(X) + 1
        if len(self._space) < n_rows:
            self._space = np.empty((n_rows, len(self.means)))
        Z = self._space[:n_rows]
        Z[:-1, : X.shape[1]] = X
        Z[:-1, X.shape[1] :] = Y
        return Z

    def _add(self, Z: Array, weight: Array) -> None:
        rows, n = Z[:-1], float(np.sum(weight))
        low, high = rows.min(axis=0), rows.max(axis=0)
        means, _ = centre_or_not(low, high, matmul(weight[np.newaxis], rows)[0], n, centre=True)
        rows -= means
        # The means carry one rounding error each: what is left of them is the second pass of the two-pass formula.
        drift = matmul(weight[np.newaxis], rows)[0] / n
        if np.any(np.abs(drift) > _DRIFT * (high - low)):
            rows -= drift
            means += drift
        if np.any(weight != 1.0):
            rows *= np.sqrt(weight)[:, np.newaxis]
        total = self.total + n
        step = means - self.means if self.total > 0 else np.zeros_like(means)
        Z[-1] = np.sqrt(self.total * (n / total)) * step
        add_gram(Z, into=self._lower)
        self.means = self.means + (n / total) * step if self.total > 0 else means
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.n_samples, self.total = self.n_samples + len(weight), total
