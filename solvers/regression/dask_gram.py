"""The Gram of distributed data: one block's is made where the block lies, and merged along a tree."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from solvers._arrays import as_count
from solvers._parallel import single_threaded
from solvers.errors import IncompatibleError, InputError
from solvers.regression.dask_rows import check_rows, compute, dask_module, is_dask, tree
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
    check_rows(X)
    targets, is_vector = _cut_like(X, Y, "Y")
    given = [X, targets, *([] if weights is None else [_cut_like(X, weights, "weights")[0]])]
    # Not through Delayed: Dask fuses what reads or draws a block with what makes its Gram, so that no block waits for another
    # worker to come and take it.
    shape = ((1,) * len(X.chunks[0]), (1,))
    parts = dask_module("dask.array").map_blocks(
        _part, *given, is_vector=is_vector, chunks=shape, dtype=object, meta=np.empty((0, 0), object)
    )
    gram = compute([tree(parts.to_delayed().ravel(), _merged, split_every)])[0]
    if gram is None:
        raise InputError("weights must have at least one positive entry, got all zero: leave them out for equal weights")
    return gram


def _cut_like(X: Any, A: Any, name: str) -> tuple[Any, bool]:
    """Y or the weights as a Dask matrix with the row blocks of X, and whether they came as a vector."""
    if A is None:
        raise IncompatibleError(f"{name} is missing: write gram_from_dask(X, Y), Y of shape (n_samples, n_targets)")
    array: Any = A if is_dask(A) else np.asarray(A)
    if array.ndim not in ((1,) if name == "weights" else (1, 2)) or array.shape[0] != X.shape[0]:
        raise InputError(f"{name} must have one row per row of X: X has {X.shape[0]} rows, {name} has shape {array.shape}")
    matrix = array[:, np.newaxis] if array.ndim == 1 else array
    if is_dask(A):
        return matrix.rechunk({0: X.chunks[0], 1: -1}), array.ndim == 1
    chunks = (X.chunks[0], (matrix.shape[1],))
    return dask_module("dask.array").from_array(matrix, chunks=chunks, name=False), array.ndim == 1


@single_threaded
def _part(X: Any, Y: Any, weights: Any = None, *, is_vector: bool, block_id: tuple[int, int]) -> Any:
    """The Gram of a block, as the array of one entry that Dask asks for; None where no row counts."""
    part = np.full((1, 1), None, dtype=object)
    if X.shape[0] > 0:
        part[0, 0] = gram_of_block((X, Y[:, 0] if is_vector else Y, None if weights is None else weights[:, 0]), block_id[0])
    return part


def _merged(grams: list[Any]) -> Gram | None:
    """The Gram of all, given as they are or as `_part` has them; not written to, for Dask may use them again."""
    entries = [gram[0, 0] if isinstance(gram, np.ndarray) else gram for gram in grams]
    counted = [gram for gram in entries if gram is not None]
    if len(counted) < 2:
        return counted[0] if counted else None
    first = merge_grams(counted[0], counted[1], in_place=False)
    return functools.reduce(functools.partial(merge_grams, in_place=True), counted[2:], first)
