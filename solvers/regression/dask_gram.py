"""The Gram of distributed data: one block's is made where the block lies, and merged along a tree."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from solvers._arrays import as_count
from solvers._parallel import single_threaded
from solvers.errors import IncompatibleError, InputError
from solvers.regression.dask_rows import DaskRows, compute, dask_module, is_dask, tree
from solvers.regression.gram import Gram, gram_of_block, merge_grams


def gram_from_dask(X: Any, Y: Any, weights: Any = None, *, split_every: int = 4) -> Gram:
    """The Gram of data that lie in blocks on the workers of a Dask cluster: X, Y and weights never come together anywhere.

    A worker holds the blocks it is working on (one per thread, and one that is being made ready) and at most ``split_every``
    Grams to be merged; what travels between workers is Grams, ``8 n_features (n_features + n_targets)`` bytes each.

    Parameters
    ----------
    X : dask.array.Array (n_samples, n_features)
        Cut by rows; blocks of NumPy arrays or scipy.sparse matrices, of some thousand rows at least: each costs a merge of
        ``n_features^2`` operations beside its ``n_rows n_features^2``.
    Y : dask.array.Array or array_like (n_samples,) or (n_samples, n_targets)
        Targets. A Dask array is cut like X where it is not; anything else is sent to the workers in pieces.
    weights : dask.array.Array or array_like (n_samples,), optional
        Non-negative sample weights.
    split_every : int
        How many Grams are merged at a time, at least 2.

    Returns
    -------
    Gram
        That of `Gram.from_blocks` for the same blocks, up to rounding; the same to the last bit whatever the number of workers.

    Raises
    ------
    InputError, IncompatibleError
        If X is no Dask array that is cut by rows, or something does not fit it; if a block is not finite.
    MissingDependencyError
        If Dask is not installed.

    Notes
    -----
    Runs on the cluster of the active ``distributed.Client``, else in threads of this process. If a worker dies its blocks are
    computed again by the others: they must come from where they can be read or drawn again.

    Examples
    --------
    >>> import dask.array as da
    >>> from solvers import GroupSparsity, gram_from_dask, solve
    >>> X = da.random.default_rng(0).standard_normal((10_000, 5), chunks=(1_000, 5))
    >>> gram = gram_from_dask(X, X[:, 0] - X[:, 3])
    >>> gram.n_samples, solve(gram, penalty=GroupSparsity(0.1)).support
    (10000, array([0, 3]))
    """
    if not is_dask(X):
        raise IncompatibleError(f"X must be a Dask array, got {type(X).__name__}: write Gram.from_blocks([(X, Y)])")
    split_every = as_count(split_every, "split_every", minimum=2)
    rows = DaskRows.of(X)
    ys, weight_blocks = _cut(Y, X, rows, "Y"), _cut(weights, X, rows, "weights")
    task = dask_module().delayed(_part, pure=False)
    parts = [task(*block) for block in zip(rows.blocks, ys, weight_blocks, range(len(ys)), strict=True)]
    gram = compute([tree(parts, _merged, split_every)])[0]
    if gram is None:
        raise InputError("weights must have at least one positive entry, got all zero: leave them out for equal weights")
    return gram


def _cut(A: Any, X: Any, rows: DaskRows, name: str) -> list[Any]:
    """The pieces of Y or the weights that belong to the blocks of X."""
    if A is None:
        if name == "Y":
            raise IncompatibleError("Y is missing: write gram_from_dask(X, Y), Y of shape (n_samples, n_targets)")
        return [None] * len(rows.rows)
    array: Any = A if is_dask(A) else np.asarray(A)
    if array.ndim not in (1, 2) or array.shape[0] != rows.shape[0]:
        raise InputError(f"{name} must have one row per row of X: X has {rows.shape[0]} rows, {name} has shape {array.shape}")
    if not is_dask(A):
        return [array[piece] for piece in rows.rows]
    chunks = {0: X.chunks[0]} if array.ndim == 1 else {0: X.chunks[0], 1: -1}
    pieces = array.rechunk(chunks).to_delayed().ravel()
    return [piece for piece, size in zip(pieces, X.chunks[0], strict=True) if size > 0]


@single_threaded
def _part(X: Any, Y: Any, weights: Any, number: int) -> Gram | None:
    return gram_of_block((X, Y, weights), number)


def _merged(grams: list[Gram | None]) -> Gram | None:
    """The Gram of all; the given ones are kept as they are, for Dask may use them again."""
    counted = [gram for gram in grams if gram is not None]
    if len(counted) < 2:
        return counted[0] if counted else None
    first = merge_grams(counted[0], counted[1], in_place=False)
    return functools.reduce(functools.partial(merge_grams, in_place=True), counted[2:], first)
