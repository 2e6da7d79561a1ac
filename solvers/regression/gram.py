"""Sufficient statistics of least squares, from data that arrives in blocks: centred, mergeable, of constant size."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers._arrays import as_inputs, as_targets, as_vector, is_sparse
from solvers._parallel import single_threaded
from solvers.errors import IncompatibleError, InputError
from solvers.regression.moments import Moments
from solvers.regression.problem import design_of
from solvers.regression.squared_problem import centred_targets
from solvers.results import Record, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class Gram(Record):
    """What least squares needs to know of X, Y and weights: their means and centred cross products.

    Stands for the data in `solve`, `solve_path`, `lambda_max`, `lambda_zero`, `refit` and `certify`, for any penalty. Grams of
    parts of the data add up to that of the whole: streams, files that do not fit into memory, distributed data, the folds of a
    cross-validation (`gram_from_dask` adds them up on a cluster).

    Attributes
    ----------
    n_samples : int
        Rows, without those of weight 0.
    total : float
        Sum of the weights, n.
    x_means, y_means : (n_features,), (n_targets,)
        Weighted means.
    x_products : (n_features, n_features)
        ``sum_i s_i (x_i - mean)(x_i - mean)'``.
    xy_products : (n_features, n_targets)
        ``sum_i s_i (x_i - mean)(y_i - mean)'``.
    y_products : (n_targets,)
        ``sum_i s_i (y_i - mean)^2``, for each target.
    x_low, x_high, y_low, y_high : (n_features,), (n_targets,)
        Smallest and largest entries: what is constant is known exactly.
    is_vector : bool
        Whether Y came as vectors.

    Notes
    -----
    Blocks are centred before they are multiplied, and merged by the updates of Chan, Golub and LeVeque: ``X'X - n mean mean'``,
    which cancels (at mean / standard deviation = 1e6 four digits remain), is never formed.
    Float32 blocks are summed in float64. O(n p^2) operations; memory O(p^2) and one block.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import Gram, GroupSparsity, solve
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> Y = X[:, [0, 1]] + 0.1 * rng.standard_normal((100, 2))
    >>> gram = Gram.from_blocks((X[rows], Y[rows]) for rows in (slice(0, 60), slice(60, 100)))
    >>> solve(gram, penalty=GroupSparsity(0.1)).support
    array([0, 1])
    """

    n_samples: int
    total: float
    x_means: Array = field(repr=False)
    y_means: Array = field(repr=False)
    x_products: Array = field(repr=False)
    xy_products: Array = field(repr=False)
    y_products: Array = field(repr=False)
    x_low: Array = field(repr=False)
    x_high: Array = field(repr=False)
    y_low: Array = field(repr=False)
    y_high: Array = field(repr=False)
    is_vector: bool = field(repr=False)

    @property
    def n_features(self) -> int:
        """Columns of X."""
        return len(self.x_means)

    @property
    def n_targets(self) -> int:
        """Columns of Y."""
        return len(self.y_means)

    @classmethod
    @single_threaded
    def from_blocks(cls, blocks: Iterable[Any]) -> Gram:
        """Read data block by block.

        Parameters
        ----------
        blocks : iterable of (X_block, Y_block) or (X_block, Y_block, weights)
            ``X_block (n_rows, n_features)`` as in `solve` (float64, float32, sparse, ...), ``Y_block (n_rows,)`` or
            ``(n_rows, n_targets)``, ``weights (n_rows,)``; all with the same columns. Blocks of some thousand rows are best: each
            costs a pass over an (n_features, n_features) matrix beside its products.

        Returns
        -------
        Gram

        Raises
        ------
        InputError, IncompatibleError
            If a block is not finite, does not fit to the others, or is no pair; if no row has a weight.
        """
        gram: Gram | None = None
        for number, block in enumerate(blocks):
            part = gram_of_block(block, number)
            if part is not None:
                gram = part if gram is None else merge_grams(gram, part, in_place=True)
        if gram is None:
            raise InputError("blocks must hold at least one row with a positive weight, got none")
        return gram

    @classmethod
    def merged(cls, grams: Sequence[Gram]) -> Gram:
        """The Gram of all the data that ``grams`` were made of, for instance of all folds but one.

        Examples
        --------
        >>> import numpy as np
        >>> from solvers import Gram
        >>> folds = [Gram.from_blocks([(np.eye(3) + k, np.arange(3.0))]) for k in range(3)]
        >>> Gram.merged(folds[1:]).total
        6.0
        """
        grams = list(grams)
        if not grams:
            raise InputError("grams must have at least one entry, got none")
        return functools.reduce(Gram.merge, grams)

    def merge(self, other: Gram) -> Gram:
        """The Gram of the data of both; also written ``gram + other``."""
        if not isinstance(other, Gram):
            raise IncompatibleError(f"other must be a Gram, got {type(other).__name__}: write Gram.from_blocks([(X, Y)])")
        _check_alike((self.n_features, self.n_targets), (other.n_features, other.n_targets), "other")
        return merge_grams(self, other, in_place=False)

    def __add__(self, other: Gram) -> Gram:
        return self.merge(other) if isinstance(other, Gram) else NotImplemented

    def _shown(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("n_samples", "total", "n_features", "n_targets")}


def gram_of_block(block: Any, number: int) -> Gram | None:
    """The Gram of one block; None where no row has a weight."""
    if not isinstance(block, (tuple, list)) or len(block) not in (2, 3):
        got = f"{len(block)} entries" if isinstance(block, (tuple, list)) else type(block).__name__
        raise IncompatibleError(f"blocks[{number}] must be (X_block, Y_block) or (X_block, Y_block, weights), got {got}")
    X = as_inputs(block[0], f"X of blocks[{number}]")
    Y, is_vector = as_targets(block[1], X.shape[0], f"Y of blocks[{number}]")
    weights = np.ones(X.shape[0])
    if len(block) == 3 and block[2] is not None:
        weights = as_vector(block[2], X.shape[0], f"weights of blocks[{number}]", "one weight per row of X")
    if not weights.any():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        # All columns in one: worth the products between targets, unless they are many.
        together = not is_sparse(X) and Y.shape[1] <= X.shape[1]
        gram = _in_one_pass(X, Y, weights, is_vector) if together else _by_design(X, Y, weights, is_vector)
    _require_squares(gram, number)
    return gram


def _in_one_pass(X: Any, Y: Array, weights: Array, is_vector: bool) -> Gram:
    p = X.shape[1]
    moments = Moments(p + Y.shape[1])
    moments.add(X, Y, weights)
    products = moments.products
    return Gram(
        n_samples=moments.n_samples,
        total=moments.total,
        x_means=moments.means[:p],
        y_means=moments.means[p:],
        x_products=np.ascontiguousarray(products[:p, :p]),
        xy_products=np.ascontiguousarray(products[:p, p:]),
        y_products=np.diag(products)[p:].copy(),
        x_low=moments.low[:p],
        x_high=moments.high[:p],
        y_low=moments.low[p:],
        y_high=moments.high[p:],
        is_vector=is_vector,
    )


def _by_design(X: Any, Y: Array, weights: Array, is_vector: bool) -> Gram:
    design = design_of(X, weights, centre=True)
    targets, y_means = centred_targets(Y, design, centre=True)
    counted = Y[weights > 0]
    return Gram(
        n_samples=len(counted),
        total=design.total,
        x_means=design.means,
        y_means=y_means,
        x_products=design.gram() * design.total,
        xy_products=design.correlate(targets) * design.total,
        y_products=np.sum(targets**2, axis=0),
        x_low=design.low,
        x_high=design.high,
        y_low=counted.min(axis=0),
        y_high=counted.max(axis=0),
        is_vector=is_vector,
    )


def _require_squares(gram: Gram, number: int) -> None:
    if not (np.all(np.isfinite(np.diag(gram.x_products))) and np.all(np.isfinite(gram.y_products))):
        raise InputError(f"blocks[{number}] must have squares below 1.8e308, got larger ones: divide X or Y by a constant")


def merge_grams(a: Gram, b: Gram, *, in_place: bool) -> Gram:
    """The Gram of both; ``in_place`` gives up the arrays of ``a``."""
    _check_alike((a.n_features, a.n_targets), (b.n_features, b.n_targets), "each of blocks")
    total = a.total + b.total
    x_step, y_step = b.x_means - a.x_means, b.y_means - a.y_means
    weight = a.total * (b.total / total)
    x_products = a.x_products if in_place else a.x_products.copy()
    x_products += b.x_products
    x_products += np.outer(weight * x_step, x_step)
    return Gram(
        n_samples=a.n_samples + b.n_samples,
        total=total,
        x_means=a.x_means + x_step * (b.total / total),
        y_means=a.y_means + y_step * (b.total / total),
        x_products=x_products,
        xy_products=a.xy_products + b.xy_products + np.outer(weight * x_step, y_step),
        y_products=a.y_products + b.y_products + weight * y_step**2,
        x_low=np.minimum(a.x_low, b.x_low),
        x_high=np.maximum(a.x_high, b.x_high),
        y_low=np.minimum(a.y_low, b.y_low),
        y_high=np.maximum(a.y_high, b.y_high),
        is_vector=a.is_vector and b.is_vector,
    )


def _check_alike(expected: tuple[int, int], came: tuple[int, int], name: str) -> None:
    if expected != came:
        raise InputError(
            f"{name} must have {expected[0]} features and {expected[1]} targets, as what came before, got {came[0]} and {came[1]}"
        )
