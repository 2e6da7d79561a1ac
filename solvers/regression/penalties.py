"""Penalties that are a sum over the columns of ``coef``: small validated objects, and their operations for kernels.

A penalty is a frozen dataclass with a `Penalty.kernel` (a NamedTuple of plain numbers and arrays) and three operations on that
kernel: `value`, `prox` and `subdiff_distance`. With these alone `solve` minimises it by block-coordinate descent and certifies
stationarity. `GroupSparsity` is convex and has a dual, so that its answers carry duality gaps.

Adding one takes a dozen lines; here the squared norm, ``lam/2 sum_j ||A_:j||^2``:

>>> from dataclasses import dataclass
>>> from typing import NamedTuple
>>> from solvers import Penalty, implements, prox, subdiff_distance, value
>>> class RidgeKernel(NamedTuple):
...     lam: float
>>> @dataclass(frozen=True)
... class Ridge(Penalty):
...     lam: float
...     def kernel(self, n_features):
...         return RidgeKernel(float(self.lam))
>>> @implements(value, RidgeKernel)
... def ridge_value(penalty, w, j):
...     return 0.5 * penalty.lam * (w * w).sum()
>>> @implements(prox, RidgeKernel)
... def ridge_prox(penalty, z, step, j, out):
...     out[:] = z / (1.0 + step * penalty.lam)
>>> @implements(subdiff_distance, RidgeKernel)
... def ridge_distance(penalty, w, g, j):
...     return ((g - penalty.lam * w) ** 2).sum() ** 0.5
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from solvers._arrays import as_number, as_numbers, as_vector
from solvers._compile import implements, operation
from solvers.errors import InputError
from solvers.regression.groups import GroupedKernel
from solvers.regression.rows import Rows
from solvers.results import saveable, shorten

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@operation
def value(penalty: Any, w: Array, j: int) -> float:
    """``phi_j(w)``: the penalty of column ``j`` of ``coef`` at ``w (n_targets,)``."""
    raise NotImplementedError


@operation
def prox(penalty: Any, z: Array, step: float, j: int, out: Array) -> None:
    """Write ``argmin_w 1/2 ||w - z||^2 + step phi_j(w)`` to ``out (n_targets,)``; where several are, the smallest."""
    raise NotImplementedError


@operation
def subdiff_distance(penalty: Any, w: Array, g: Array, j: int) -> float:
    """Distance from ``g (n_targets,)`` to the subdifferential of ``phi_j`` at ``w``: zero exactly at stationary columns."""
    raise NotImplementedError


class Penalty(ABC):
    """A penalty ``sum_j phi_j(A_:j)`` over the columns of ``coef``; subclass it as a frozen dataclass with a field ``lam``."""

    lam: float

    @abstractmethod
    def kernel(self, n_features: int) -> Any:
        """The NamedTuple that compiled code is given, validated for a problem with ``n_features`` columns."""

    def with_lam(self, lam: float) -> Self:
        """The same penalty with another ``lam``."""
        return replace(self, lam=lam)  # pyright: ignore[reportArgumentType]

    def value(self, coef: Array) -> float:
        """The penalty of ``coef (n_targets, n_features)``."""
        coef = _as_coef(coef)
        kernel = self.kernel(coef.shape[1])
        return math.fsum(value(kernel, np.ascontiguousarray(coef[:, j]), j) for j in range(coef.shape[1]))


class GroupSparsityKernel(NamedTuple):
    """`GroupSparsity` for kernels: ``radii[j] = lam w_j``, the radius of the dual ball of column j."""

    radii: Array

    def on(self, chosen: Indices) -> GroupSparsityKernel:
        """The same for some of the columns."""
        return GroupSparsityKernel(self.radii[chosen])

    @property
    def free(self) -> Mask:
        """Which columns are unpenalised."""
        return self.radii == 0

    @property
    def ridge(self) -> None:
        """None: there is none."""
        return None

    def total(self, norms: Array) -> float:
        """The penalty of columns of these lengths."""
        return float(np.sum(self.radii * norms))

    sums, norms = staticmethod(Rows.sums), staticmethod(Rows.norms)
    spread, block_sums = staticmethod(Rows.spread), staticmethod(Rows.block_sums)


class RidgedKernel(NamedTuple):
    """`GroupSparsity` with a ridge for kernels: ``radii[j] = lam w_j``, ``ridges[j] = l2 w_j``, positive unless ``w_j = 0``."""

    radii: Array
    ridges: Array

    def on(self, chosen: Indices) -> RidgedKernel:
        """The same for some of the columns."""
        return RidgedKernel(self.radii[chosen], self.ridges[chosen])

    @property
    def free(self) -> Mask:
        """Which columns are unpenalised."""
        return (self.radii == 0) & (self.ridges == 0)

    @property
    def ridge(self) -> Array:
        """The ridges."""
        return self.ridges

    def total(self, norms: Array) -> float:
        """The penalty of columns of these lengths."""
        return float(np.sum(self.radii * norms) + 0.5 * np.sum(self.ridges * norms**2))

    sums, norms = staticmethod(Rows.sums), staticmethod(Rows.norms)
    spread, block_sums = staticmethod(Rows.spread), staticmethod(Rows.block_sums)


GroupKernel = GroupSparsityKernel | RidgedKernel | GroupedKernel


@saveable
@dataclass(frozen=True)
class GroupSparsity(Penalty):
    """Group sparsity: ``sum_j w_j (lam ||A_:j||_2 + l2/2 ||A_:j||_2^2)``, one group per input (a column of ``coef``).

    Convex. A group is zero at the minimiser wherever the gradient of the loss in it stays shorter than ``lam w_j``, so inputs are
    removed exactly, for all targets at once. The ridge ``l2`` does not change that length; it makes the minimiser unique and
    shares the coefficients of nearly collinear inputs among them, where ``lam`` alone picks some of them.

    Parameters
    ----------
    lam : float
        Strength, at least 0, in units of the loss per unit of ``coef``. The draft's lambda belongs to a loss that is a mean over
        samples and outputs: ``lam = draft_lam * n_targets / 2``.
    weights : array_like (n_groups,), "sqrt_size" or None
        Non-negative weight ``w_j`` of each group, by increasing label where ``groups`` are given; 0 leaves a group unpenalised;
        None for all one; "sqrt_size" for the square root of the number of inputs in the group.
    l2 : float
        Strength of the ridge, at least 0, in units of the loss per squared unit of ``coef``. With ``lam = 0`` it is ridge
        regression, whose gaps hold rounding errors of the gradient squared over ``l2``: write 0 for a vanishing one.
    groups : array_like of int (n_features,) or None
        The group of each input: equal numbers, one group. The penalty is then ``sum_g w_g (lam ||A_:g||_F + l2/2 ||A_:g||_F^2)``
        over the columns of a group together, which stay or go as one. None for one group per input.

    Raises
    ------
    InputError
        If ``lam``, ``l2`` or a weight is negative or not finite; if ``groups`` are no integers, or their number is not that of
        the weights.

    References
    ----------
    ShrinkNets draft, eq. (5), (6) and (8).

    Examples
    --------
    >>> import numpy as np
    >>> GroupSparsity(0.5).value(np.array([[3.0, 0.0], [4.0, 0.0]]))
    2.5
    >>> GroupSparsity(0.5, l2=0.2).value(np.array([[3.0, 0.0], [4.0, 0.0]]))
    5.0
    >>> GroupSparsity(0.5, groups=[0, 0, 1], weights="sqrt_size").value(np.array([[3.0, 4.0, 0.0]])) / 2**0.5
    2.5
    """

    lam: float
    weights: Sequence[float] | Array | str | None = None
    l2: float = 0.0
    groups: Sequence[int] | Array | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lam", as_number(self.lam, "lam", advice="lam=0 means unpenalised"))
        object.__setattr__(self, "l2", as_number(self.l2, "l2", advice="l2=0 means no ridge"))
        groups = None if self.groups is None else as_labels(self.groups)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "weights", as_group_weights(self.weights, groups))

    @cached_property
    def labels(self) -> Indices | None:
        """The group of each input, numbered from 0 by increasing ``groups``; None for one group per input."""
        return None if self.groups is None else np.unique(self.groups, return_inverse=True)[1]

    def radii(self, n_features: int) -> Array:
        """``lam w_g`` for each group of ``n_features`` inputs."""
        return column_strengths(self.lam, self.weights, self.n_groups(n_features))

    def ridges(self, n_features: int) -> Array:
        """``l2 w_g`` for each group of ``n_features`` inputs."""
        return column_strengths(self.l2, self.weights, self.n_groups(n_features))

    def n_groups(self, n_features: int) -> int:
        """How many groups ``n_features`` inputs have; raises unless the groups are for so many."""
        if self.labels is None:
            return n_features
        if len(self.labels) != n_features:
            raise InputError(
                f"groups must name the group of each column of X: expected ({n_features},), got ({len(self.labels)},)"
            )
        return int(self.labels.max()) + 1

    def kernel(self, n_features: int) -> GroupKernel:
        if self.labels is not None:
            return GroupedKernel(self.radii(n_features), self.ridges(n_features), self.labels)
        if self.l2 == 0:
            return GroupSparsityKernel(self.radii(n_features))
        return RidgedKernel(self.radii(n_features), self.ridges(n_features))

    def value(self, coef: Array) -> float:
        coef = _as_coef(coef)
        norms, kernel = column_norms(coef), self.kernel(coef.shape[1])
        largest = float(np.max(norms, initial=0.0)) or 1.0
        return kernel.total(largest * kernel.norms(norms[:, np.newaxis] / largest))

    def __repr__(self) -> str:
        weights = "" if self.weights is None else f", weights={shorten(self.weights)}"
        l2 = "" if self.l2 == 0 else f", l2={self.l2!r}"
        groups = "" if self.groups is None else f", groups={shorten(self.groups)}"
        return f"GroupSparsity(lam={self.lam!r}{weights}{l2}{groups})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupSparsity):
            return NotImplemented
        pairs: Any = ((self.weights, other.weights), (self.groups, other.groups))
        return (self.lam, self.l2) == (other.lam, other.l2) and all(
            (a is None) == (b is None) and np.array_equal(a, b) for a, b in pairs
        )

    def __hash__(self) -> int:
        return hash((self.lam, self.l2, *(None if a is None else tuple(a) for a in (self.weights, self.groups))))


def _as_coef(coef: Any) -> Array:
    coef = as_numbers(coef, "coef")
    if coef.ndim != 2:
        raise InputError(f"coef must have shape (n_targets, n_features), got {coef.shape}: write coef[np.newaxis] for one target")
    return coef


def as_weights(weights: Sequence[float] | Array | None) -> Array | None:
    """A penalty's weights, checked, as an array of its own that nobody can change; None for all one."""
    if weights is None:
        return None
    weights = as_vector(weights, None, "weights", "one weight per column of X").copy()
    weights.flags.writeable = False
    return weights


def as_labels(groups: Any) -> Indices:
    """A penalty's groups, checked, as an array of its own that nobody can change."""
    labels = np.array(groups)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) == 0:
        raise InputError(
            f"groups must be integers of shape (n_features,), the group of each input, got shape {labels.shape} and dtype "
            f"{labels.dtype}: write groups=np.repeat(np.arange(n_groups), size), or np.unique(names, return_inverse=True)[1]"
        )
    labels = labels.astype(np.intp)
    labels.flags.writeable = False
    return labels


def as_group_weights(weights: Any, groups: Indices | None) -> Array | None:
    """`as_weights` of groups of inputs, by increasing label; "sqrt_size" means the square roots of their sizes."""
    if isinstance(weights, str):
        if weights != "sqrt_size":
            raise InputError(f"weights must be numbers, 'sqrt_size' or None, got {weights!r}")
        return None if groups is None else as_weights(np.sqrt(np.unique(groups, return_counts=True)[1]))
    weights = as_weights(weights)
    if weights is not None and groups is not None and len(weights) != len(np.unique(groups)):
        raise InputError(f"weights must have one entry per group: expected ({len(np.unique(groups))},), got ({len(weights)},)")
    return weights


def column_strengths(lam: float, weights: Any, n_features: int) -> Array:
    """``lam w_j`` for each of ``n_features`` columns."""
    if weights is None:
        return np.full(n_features, lam)
    if len(weights) != n_features:
        raise InputError(f"weights must have one entry per column of X: expected ({n_features},), got ({len(weights)},)")
    return lam * np.asarray(weights)


def column_norms(coef: Array) -> Array:
    """``||A_:j||_2`` of each column, without overflow or underflow."""
    largest = np.max(np.abs(coef), axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    return largest * np.sqrt(np.sum((coef / safe) ** 2, axis=0))


@implements(value, GroupSparsityKernel)
def group_value(penalty: GroupSparsityKernel, w: Array, j: int) -> float:
    """``lam w_j ||w||``."""
    return penalty.radii[j] * math.sqrt((w * w).sum())


@implements(prox, GroupSparsityKernel)
def group_prox(penalty: GroupSparsityKernel, z: Array, step: float, j: int, out: Array) -> None:
    """Block soft-thresholding: ``max(0, 1 - step lam w_j / ||z||) z``."""
    norm = math.sqrt((z * z).sum())
    radius = step * penalty.radii[j]
    if norm <= radius:
        out[:] = 0.0
    else:
        shrink = 1.0 - radius / norm
        for t in range(z.shape[0]):
            out[t] = shrink * z[t]


@implements(subdiff_distance, GroupSparsityKernel)
def group_subdiff_distance(penalty: GroupSparsityKernel, w: Array, g: Array, j: int) -> float:
    """At 0 the subdifferential is the ball of radius ``lam w_j``; elsewhere the one point ``lam w_j w / ||w||``."""
    norm = math.sqrt((w * w).sum())
    if norm == 0.0:
        return max(0.0, math.sqrt((g * g).sum()) - penalty.radii[j])
    return math.sqrt(((g - penalty.radii[j] / norm * w) ** 2).sum())


@implements(value, RidgedKernel)
def ridged_value(penalty: RidgedKernel, w: Array, j: int) -> float:
    """``lam w_j ||w|| + l2 w_j / 2 ||w||^2``."""
    return value(GroupSparsityKernel(penalty.radii), w, j) + 0.5 * penalty.ridges[j] * (w * w).sum()


@implements(prox, RidgedKernel)
def ridged_prox(penalty: RidgedKernel, z: Array, step: float, j: int, out: Array) -> None:
    """Block soft-thresholding, divided by ``1 + step l2 w_j``."""
    prox(GroupSparsityKernel(penalty.radii), z, step, j, out)
    out /= 1.0 + step * penalty.ridges[j]


@implements(subdiff_distance, RidgedKernel)
def ridged_subdiff_distance(penalty: RidgedKernel, w: Array, g: Array, j: int) -> float:
    """That of the norm, once the gradient of the ridge is subtracted."""
    return subdiff_distance(GroupSparsityKernel(penalty.radii), w, g - penalty.ridges[j] * w, j)
