"""Wrong Dask arrays and losses, as rows for the test of bad input: a call, its error, and parts of its message."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from solvers import GroupSparsity, IncompatibleError, InputError, SquaredLoss, gram_from_dask, solve

Y = np.arange(90.0)
PENALTY = GroupSparsity(0.1)


class LossOfOnesOwn(SquaredLoss):
    """A loss that no solver knows."""


def lazy(chunks: Any = (30, -1), *, nan: bool = False) -> Any:
    """A Dask array (90, 6)."""
    import dask.array as da

    X = np.random.default_rng(0).standard_normal((90, 6))
    X[35, 2] = np.nan if nan else 0.0
    return da.from_array(X, chunks=chunks)


OTHER_CALLS = [
    (
        lambda d: solve(d.X, d.Y, PENALTY, loss=LossOfOnesOwn()),
        IncompatibleError,
        "to be minimised, got LossOfOnesOwn() ... check_loss",
    ),
    (
        lambda d: gram_from_dask(d.X, d.Y),
        IncompatibleError,
        "X must be a Dask array, got ndarray: write Gram.from_blocks([(X, Y)])",
    ),
    (lambda d: gram_from_dask(lazy(), None), IncompatibleError, "Y is missing: write gram_from_dask(X, Y)"),
    (lambda d: gram_from_dask(lazy(), Y[:80]), InputError, "Y must have one row per row of X: X has 90 rows, Y has shape (80,)"),
    (
        lambda d: gram_from_dask(lazy(), Y, np.zeros(90)),
        InputError,
        "weights must have at least one positive entry, got all zero",
    ),
    (lambda d: gram_from_dask(lazy(), Y, -np.ones(90)), InputError, "weights of blocks[ ... must not be negative"),
    (lambda d: gram_from_dask(lazy(), Y, np.ones(80)), InputError, "weights must have one row per row of X: X has 90 rows"),
    (lambda d: gram_from_dask(lazy(), Y, split_every=1), InputError, "split_every must be at least 2, got 1"),
    (lambda d: gram_from_dask(lazy(nan=True), Y), InputError, "X of blocks[1] must be finite, got nan at [5, 2]"),
    (lambda d: solve(lazy(nan=True), Y, PENALTY), InputError, "block 1 of X must be finite, got nan at [5, 2]"),
    (
        lambda d: solve(lazy((30, 3)), Y, PENALTY),
        InputError,
        "X must be cut by rows alone, got chunks ... write X.rechunk({1: -1})",
    ),
    (
        lambda d: solve(lazy()[:, 0], Y, PENALTY),
        InputError,
        "X must have two dimensions, got shape (90,): write X.reshape(-1, 1)",
    ),
    (lambda d: solve(lazy()[lazy()[:, 0] > 0], Y, PENALTY), InputError, "blocks of known size ... write X.compute_chunk_sizes()"),
    (lambda d: solve(lazy().astype(complex), Y, PENALTY), InputError, "X must be numeric and real, got dtype complex128"),
    (lambda d: gram_from_dask(lazy(), Y, np.ones((90, 2))), InputError, "weights must have one row per row of X ... (90, 2)"),
    (lambda d: solve(1e120 * lazy(), Y, PENALTY), InputError, "X must have a largest entry between 1e-100 and 1e100, got"),
    (lambda d: solve(lazy()[:0], Y, PENALTY), InputError, "X must have at least one row and one column, got shape (0, 6)"),
    (
        lambda d: solve(lazy().map_blocks(csr_array), Y, PENALTY),
        IncompatibleError,
        "must be NumPy arrays, got csr_array",
    ),
]
