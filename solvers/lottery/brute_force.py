"""All subsets looked at, one by one: the oracle for small n. Shares no code with the searches it checks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

LARGEST = 24
"""``2^24`` sums take 128 MiB."""


def best_subset(values: Array, target: float, *, fewest: bool, tol: float, max_size: int) -> int | None:
    """The best mask (bit i for value i) of at most ``max_size`` values; None where no error is at most ``tol`` and ``fewest``.

    Floating-point sums of all subsets choose who is looked at; `math.fsum` decides.
    """
    sums, sizes = np.zeros(1), np.zeros(1, np.int8)
    for value in values:
        sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1])
    errors = np.where(sizes <= max_size, np.abs(sums - target), np.inf)
    slack = (len(values) + 2) * 2.0**-52 * (float(np.sum(np.abs(values))) + abs(target))
    near = np.flatnonzero(errors <= (tol if fewest else float(errors.min())) + 2.0 * slack)
    if fewest:
        near = near[np.argsort(sizes[near], kind="stable")]
    best: tuple[float, float, int] | None = None
    for mask in near.tolist():
        size = int(sizes[mask])
        if fewest and best is not None and size > best[0]:
            break
        error = abs(math.fsum([target, *(-values[i] for i in range(len(values)) if mask >> i & 1)]))
        if fewest and error > tol:
            continue
        key = (size, error, mask) if fewest else (error, size, mask)
        best = key if best is None or key < best else best
    return None if best is None else best[2]
