"""What subset-sum calls return."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.results import Certificate, Limit, Record, Status, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Indices = np.ndarray[Any, np.dtype[np.intp]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class SubsetSum(Record):
    """One subset: what is kept, what it sums to, and how much is proven.

    Attributes
    ----------
    mask : ndarray (n,), bool
        Which values are kept.
    total : float or int
        Their sum, correctly rounded (`math.fsum`); an integer where values and target are integers.
    error : float or int
        ``|target - sum|``, correctly rounded.
    size : int
        How many are kept.
    objective, method : str
        What was asked for, and how it was found.
    status : Status
        ``certified``: proven best. ``infeasible``: proven that no subset is within ``tol``; ``mask`` is then the closest one that
        was found. ``feasible``: not proven.
    limit : Limit
        What stopped the search.
    certificate : Certificate
        In units of the values for ``objective="error"``; of kept values for ``"size"`` and ``"lexicographic"``. ``upper`` is what
        the mask achieves, ``lower`` is proven for every subset, ``gap`` their difference. ``kind`` is ``exhaustive`` where all
        subsets were covered and those within the rounding window compared by exact error, ``mip_bound`` where a solver's bound
        was used (made weaker by the error of scaling and the solver's tolerance), ``none`` for heuristics.
    """

    mask: Mask
    total: float
    error: float
    size: int
    objective: str
    method: str
    status: Status
    limit: Limit
    certificate: Certificate


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class SubsetSums(Record):
    """Many subsets, one for each target.

    Attributes
    ----------
    packed : ndarray (n_targets, ceil(n / 8)), uint8
        The masks, eight to a byte, lowest bit first.
    n_candidates : int
        n.
    errors : ndarray (n_targets,)
        ``|target - sum|`` of each, correctly rounded.
    sizes : ndarray (n_targets,), int
        How many are kept for each.
    missed : ndarray, int
        Which targets no subset comes within ``tol`` of (objectives ``size`` and ``lexicographic``): theirs is the closest subset.
    unproven : ndarray, int
        For which targets a limit or too many ties came before the proof.
    objective, method : str
        What was asked for, and how it was found.
    status : Status
        ``certified`` where every answer is proven, those in ``missed`` too; else ``feasible``.
    limit : Limit
        What stopped the computation.
    certificate : Certificate
        The worst target: ``upper`` its error, or its size, ``lower`` the proven bound, ``gap`` their difference.
    elapsed : float
        Seconds.
    """

    packed: Bytes
    n_candidates: int
    errors: Array
    sizes: Indices
    missed: Indices
    unproven: Indices
    objective: str
    method: str
    status: Status
    limit: Limit
    certificate: Certificate
    elapsed: float

    @property
    def masks(self) -> Mask:
        """Which values are kept, (n_targets, n); unpacked at every call."""
        return unpack(self.packed, self.n_candidates)

    def __len__(self) -> int:
        return len(self.errors)


def pack(masks: Mask) -> Bytes:
    """Boolean masks (n_targets, n), eight to a byte."""
    return np.packbits(masks, axis=1, bitorder="little")


def pack_integers(masks: np.ndarray[Any, np.dtype[np.int64]], n: int) -> Bytes:
    """Masks as integers (n_targets,), bit i for value i, eight to a byte."""
    as_bytes = masks.astype("<i8").view(np.uint8).reshape(len(masks), 8)
    return np.ascontiguousarray(as_bytes[:, : (n + 7) // 8])


def unpack(packed: Bytes, n: int) -> Mask:
    """Boolean masks (n_targets, n)."""
    return np.unpackbits(packed, axis=1, count=n, bitorder="little").view(np.bool_)


def exact_total(values: Any, mask: Mask) -> float:
    """The sum of the chosen values: exact for a list of integers, correctly rounded for floats."""
    chosen = [value for value, kept in zip(values, mask, strict=True) if kept]
    return sum(chosen) if all(isinstance(value, int) for value in values) else math.fsum(chosen)


def exact_error(values: Any, mask: Mask, target: float) -> float:
    """``|target - sum of the chosen values|``, exact for integers, correctly rounded for floats."""
    if isinstance(target, int) and all(isinstance(value, int) for value in values):
        return abs(target - sum(value for value, kept in zip(values, mask, strict=True) if kept))
    return abs(math.fsum([target, *(-value for value, kept in zip(values, mask, strict=True) if kept)]))
