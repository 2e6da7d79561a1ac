"""Matrices that lie in row blocks on the workers of a Dask cluster: cut, checked, and visited block by block.

Nothing here imports Dask before it is given an array of it. Work goes to whatever runs Dask at the moment: the cluster of the
`distributed.Client` that is active, else threads of this process. A worker that dies is Dask's business: it recomputes the blocks
that were lost.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_inputs
from solvers._parallel import single_threaded
from solvers.errors import IncompatibleError, InputError, require

Array = np.ndarray[Any, np.dtype[np.float64]]


def is_dask(X: Any) -> bool:
    """Whether X is an array of Dask, found out without importing it."""
    return type(X).__module__.partition(".")[0] == "dask" and hasattr(X, "chunks")


def dask_module(name: str = "dask") -> Any:
    """Dask, or an error that says how to get it."""
    return require(name, extra="distributed", purpose="an array of Dask")


def check_rows(X: Any, name: str = "X") -> None:
    """Raise unless a Dask array is a matrix that is cut by rows alone, into blocks of known size."""
    if X.ndim != 2:
        hint = f": write {name}.reshape(-1, 1) if it is one column" if X.ndim == 1 else ""
        raise InputError(f"{name} must have two dimensions, got shape {X.shape}{hint}")
    if any(np.isnan(size) for size in (*X.chunks[0], *X.chunks[1])):
        raise InputError(f"{name} must have blocks of known size, got chunks {X.chunks}: write {name}.compute_chunk_sizes()")
    if 0 in X.shape:
        raise InputError(f"{name} must have at least one row and one column, got shape {X.shape}")
    if len(X.chunks[1]) > 1:
        raise InputError(f"{name} must be cut by rows alone, got chunks {X.chunks}: write {name}.rechunk({{1: -1}})")
    if X.dtype.kind not in "biuf":
        raise InputError(f"{name} must be numeric and real, got dtype {X.dtype}")


@dataclass(frozen=True)
class DaskRows:
    """The row blocks of a Dask array ``X (n_samples, n_features)``, all columns in each.

    Attributes
    ----------
    blocks : list of Delayed
        Each stands for an array (n_rows, n_features) on a worker.
    rows : list of slice
        Which rows they are.
    shape : (n_samples, n_features)
    """

    blocks: list[Any]
    rows: list[slice]
    shape: tuple[int, int]

    @classmethod
    def of(cls, X: Any) -> DaskRows:
        """The blocks of a Dask array, checked; those without rows are left out."""
        check_rows(X)
        ends = np.cumsum(X.chunks[0]).tolist()
        filled = [number for number, size in enumerate(X.chunks[0]) if size > 0]
        blocks = X.to_delayed().ravel()
        rows = [slice(int(ends[number]) - X.chunks[0][number], int(ends[number])) for number in filled]
        return cls([blocks[number] for number in filled], rows, (int(X.shape[0]), int(X.shape[1])))

    def visit(self, function: Callable[..., Any], *shared: Any, by_rows: Sequence[Array] = ()) -> list[Any]:
        """``function(block, *rows of each of by_rows, *shared)`` for every block, as tasks that have not run yet.

        What is ``shared`` travels to each worker once, not once per block.
        """
        delayed = dask_module().delayed
        task = delayed(_visited, pure=False)
        common = delayed(shared, pure=False, traverse=False)
        return [
            task(function, number, block, tuple(A[rows] for A in by_rows), common)
            for number, (block, rows) in enumerate(zip(self.blocks, self.rows, strict=True))
        ]

    def collect(self, function: Callable[..., Any], *shared: Any, by_rows: Sequence[Array] = ()) -> list[Any]:
        """The results of `visit`, in the order of the blocks."""
        return compute(self.visit(function, *shared, by_rows=by_rows))


@single_threaded
def _visited(function: Callable[..., Any], number: int, block: Any, by_rows: tuple[Any, ...], shared: tuple[Any, ...]) -> Any:
    if not isinstance(block, np.ndarray):
        raise IncompatibleError(
            f"blocks of X must be NumPy arrays, got {type(block).__name__}: write X.map_blocks(lambda block: block.toarray()) if "
            "they are sparse, or gram_from_dask(X, Y), which takes them"
        )
    return function(as_inputs(block, f"block {number} of X"), *by_rows, *shared)


def compute(tasks: Sequence[Any]) -> list[Any]:
    """The results of tasks, in their order."""
    dask = dask_module()
    # Rows of residuals travel with the tasks, so that another worker can redo them: large on purpose, and not worth a warning.
    # Not before that package has put its own settings there.
    settings = {"distributed.admin.large-graph-warning-threshold": "1TB"} if "distributed" in sys.modules else {}
    with dask.config.set(settings):
        return list(dask.compute(*tasks))


def tree(tasks: Sequence[Any], merge: Callable[[list[Any]], Any], split_every: int) -> Any:
    """One task for the result of all: ``split_every`` at a time are merged, in a fixed order; a single one goes through too."""
    task = dask_module().delayed(merge, pure=False)
    level = [task(list(tasks))] if len(tasks) == 1 else list(tasks)
    while len(level) > 1:
        level = [task(level[start : start + split_every]) for start in range(0, len(level), split_every)]
    return level[0]
