"""The design matrix of a Dask array: every product with X runs on the workers, block by block.

What is as long as the data here is small beside X: predictions, residuals and the columns of a working set. A pass over X sends
each worker the coefficients, or the rows of a residual that belong to its block, and brings back as little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._blas import matmul
from solvers.errors import InputError
from solvers.regression.dask_rows import DaskRows, compute, tree
from solvers.regression.design import (
    FAR_FROM_ORIGIN,
    GRAM_BYTES,
    NEGLIGIBLE,
    DenseDesign,
    Design,
    centre_columns,
    centre_or_not,
    row_blocks,
)

Array = np.ndarray[Any, np.dtype[np.float64]]

_SPLIT_EVERY = 4

_LARGEST = 1e100
"""Squares of what is larger, or smaller than the inverse, may leave float64's range; data in memory are scaled instead."""


@dataclass(frozen=True)
class DaskDesign(Design):
    """A matrix in row blocks on workers, with its weights and means; see `DenseDesign` for the products of one block.

    Attributes
    ----------
    X : DaskRows
        The caller's matrix.
    centre_first : bool
        As in `DenseDesign`.
    """

    X: DaskRows
    centre_first: bool

    @classmethod
    def build(cls, X: DaskRows, weights: Array, *, centre: bool) -> DaskDesign:
        """Measure the columns under sample weights ``(n_samples,)``: one pass."""
        total = float(np.sum(weights))
        lows, highs, sums = zip(*X.collect(_measured, centre, by_rows=[weights]), strict=True)
        low, high = np.min(lows, axis=0), np.max(highs, axis=0)
        size = max(float(high.max()), -float(low.min()))
        if size > _LARGEST or NEGLIGIBLE <= size < 1.0 / _LARGEST:
            raise InputError(f"X must have a largest entry between 1e-100 and 1e100, got {size:g}: multiply X by a constant")
        means, constant = centre_or_not(low, high, np.sum(sums, axis=0), total, centre=centre)
        far = centre & (np.abs(means) > FAR_FROM_ORIGIN * (high - low))
        return cls(np.sqrt(weights), total, means, low, high, constant, centre, X=X, centre_first=bool(np.any(far & ~constant)))

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape

    @property
    def _frame(self) -> DenseDesign:
        """What a worker needs to know to make a `DenseDesign` of its block: all but the rows."""
        nothing = np.zeros((0, self.shape[1]))
        # Not centred: sums over the samples of one block are not zero, and are not to be made so.
        common = (self.total, self.means, self.low, self.high, self.constant, False)
        return DenseDesign(np.zeros(0), *common, X=nothing, centre_first=self.centre_first)

    def columns(self, chosen: np.ndarray[Any, Any]) -> Array:
        block = np.empty((self.shape[0], len(chosen)), order="F")
        for rows, part in zip(self.X.rows, self.X.collect(_columns, chosen), strict=True):
            block[rows] = part
        return centre_columns(block, self, chosen)

    def predict(self, B: Array) -> Array:
        if not B.any():
            return np.zeros((self.shape[0], B.shape[1]))
        return np.concatenate(self.X.collect(_predicted, self._frame, B, by_rows=[self.root_weights]))

    def correlate(self, R: Array) -> Array:
        return np.sum(self.X.collect(_correlated, self._frame, by_rows=[self.root_weights, R]), axis=0)

    def mean_squares(self) -> Array:
        squares, drifts = zip(*self.X.collect(_squared, self._frame, by_rows=[self.root_weights]), strict=True)
        total = np.sum(squares, axis=0)
        if self.centred:
            total -= np.sum(drifts, axis=0) ** 2
        total[self.constant] = 0.0
        return total

    def gram(self) -> Array:
        parts = self.X.visit(_gram, self._frame, by_rows=[self.root_weights])
        Q, drift = compute([tree(parts, _added, _SPLIT_EVERY)])[0]
        if self.centred:
            Q = Q - np.outer(drift, drift)
        Q[self.constant, :] = 0.0
        Q[:, self.constant] = 0.0
        return Q

    def prefers_gram(self, n_targets: int, n_lams: int) -> bool:
        """Wherever it fits: one pass over blocks that may be read from disk each time, instead of dozens."""
        return 8.0 * self.shape[1] ** 2 <= GRAM_BYTES


# ------------------------------------------------------------------------------------------------------------ on the workers


def _block_design(block: Any, root: Array, frame: DenseDesign) -> DenseDesign:
    common = (frame.total, frame.means, frame.low, frame.high, frame.constant, frame.centred)
    return DenseDesign(root, *common, X=block, centre_first=frame.centre_first)


def _measured(block: Any, weights: Array, centre: bool) -> tuple[Array, Array, Array]:
    if not weights.any():
        nothing = np.zeros(block.shape[1])
        return np.full_like(nothing, np.inf), np.full_like(nothing, -np.inf), nothing
    design = DenseDesign.build(block, weights, centre=centre)
    return design.low, design.high, design.means * design.total


def _columns(block: Any, chosen: np.ndarray[Any, Any]) -> Array:
    return np.asarray(block[:, chosen], dtype=np.float64)


def _predicted(block: Any, root: Array, frame: DenseDesign, B: Array) -> Array:
    return _block_design(block, root, frame).predict(B)


def _correlated(block: Any, root: Array, R: Array, frame: DenseDesign) -> Array:
    return _block_design(block, root, frame).correlate(R)


def _squared(block: Any, root: Array, frame: DenseDesign) -> tuple[Array, Array]:
    return _block_design(block, root, frame).mean_squares(), _drift(block, root, frame)


def _gram(block: Any, root: Array, frame: DenseDesign) -> tuple[Array, Array]:
    return _block_design(block, root, frame).gram(), _drift(block, root, frame)


def _drift(block: Any, root: Array, frame: DenseDesign) -> Array:
    """What the means are off by, as far as this block tells: the second pass of the two-pass formula."""
    drift = np.zeros(block.shape[1])
    for rows in row_blocks(*block.shape):
        drift += matmul(np.square(root[np.newaxis, rows]), block[rows] - frame.means)[0]
    return drift / frame.total


def _added(parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    Q, drift = parts[0][0].copy(), parts[0][1].copy()
    for more, further in parts[1:]:
        Q += more
        drift += further
    return Q, drift
