"""The subset sum closest to a target, proven, for one instance after the other: meet in the middle with signs.

Of n values, ``n - 2 h`` (two or three) stay outside; the signed sums of two halves of h values each are sorted, and for each of
the ``2^(n - 2h)`` sums of those outside the two lists are scanned. That takes ``2^(n/2 + 2)`` steps (1.4 times as many for odd
n), all in lists of ``2^(n/2 - 1)`` numbers: at n = 21 they stay in the first-level cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._compile import helper, kernel
from solvers.lottery.fixed_point import (
    SUM_BITS,
    Int,
    exact_error,
    fixed,
    live_values,
    n_kept,
    scale_of,
    to_fixed,
    within_reach,
)
from solvers.lottery.half_sums import HITS, mask_of, scan_four, sorted_halves

Array = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

LARGEST = 60
"""Masks and sentinels fit in int64 up to so many values."""


@kernel
def closest_subsets(values: Array, targets: Array, masks: Integers, crowded: Flags) -> None:
    """For each target the subset with the smallest error, then the fewest kept, then the smallest mask.

    ``values`` (n_targets, n), or (1, n) shared by all. Bit i of a mask stands for value i. Where too many pairs lie within the
    rounding window, or sums repeat, ``crowded`` is set and the mask is one with a nearly smallest error.
    """
    n_targets, n = targets.shape[0], values.shape[1]
    live, W = np.empty(n, np.int64), np.zeros(max(n, 2), np.int64)
    most = max((n - 2) // 2, 0)
    A, B = np.empty((1 << most) + 1, np.int64), np.empty((1 << most) + 1, np.int64)
    shifts, hits, state = np.empty(8, np.int64), np.empty((HITS, 4), np.int64), np.empty(4, np.int64)
    sums, partials = np.empty(1 << min(most, 12), np.int64), np.empty(n + 2, np.float64)
    m = h = scale = 0
    for k in range(n_targets):
        row = values[min(k, values.shape[0] - 1)]
        if k < values.shape[0]:
            m = live_values(row, live)
            scale = scale_of(row, SUM_BITS)
            # With fewer than two values, zeros fill up.
            W[:2] = 0
            to_fixed(row, live, m, scale, W)
            h = max((m - 2) // 2, 0)
            sorted_halves(W, h, A, B)
        if m == 0:
            masks[k] = 0
            crowded[k] = False
            continue
        target = within_reach(row, targets[k])
        excess = abs(fixed(targets[k] - target, scale + 1))
        n_shifts = _outer_shifts(W, 2 * h, max(m, 2), np.int64(np.rint(fixed(target, scale + 1))), shifts)
        state[0] = state[1] = np.int64(1) << 62
        state[2] = state[3] = 0
        # Sums with signs count in half units: n + 1/2 units on either side are 2 n + 1 of them.
        slack = 2 * m + 1
        for first in range(0, n_shifts, 4):
            scan_four(A, B, 2 << h, shifts, first, slack, excess, hits, state)
        chosen = _best_hit(A, B, h, W, m, shifts, hits, state, row, live, targets[k], sums, partials)
        crowded[k] = state[3] != 0
        masks[k] = spread(chosen, live, m)


@helper
def _outer_shifts(W: Integers, inner: Int, m: Int, target: Int, shifts: Integers) -> Int:
    """Twice the target minus all values minus the signed sums of ``W[inner:m]``, in the order of their masks."""
    for k in range(m):
        target -= W[k]
    shifts[0] = target
    count = 1
    for k in range(inner, m):
        for p in range(count):
            shifts[count + p] = shifts[p] - W[k]
            shifts[p] += W[k]
        count *= 2
    return count


@helper
def _best_hit(
    A: Integers,
    B: Integers,
    h: Int,
    W: Integers,
    m: Int,
    shifts: Integers,
    hits: Integers,
    state: Integers,
    row: Array,
    live: Integers,
    target: float,
    sums: Integers,
    partials: Array,
) -> Int:
    """Of all pairs within the window, the best mask by its exact error; sets ``state[3]`` where they are too many to be sure."""
    best, best_error, seen = np.int64(0), np.inf, 0
    size, limit = 1 << h, state[1]
    for hit in range(state[2]):
        if hits[hit, 0] > limit:
            continue
        t = shifts[hits[hit, 3]]
        # First along the row, then along the column.
        for along in range(2):
            i, j = hits[hit, 1], hits[hit, 2]
            if along == 1:
                i += 1
            while i < size and j < size and abs(A[i] - B[j] - t) <= limit:
                seen += 1
                if seen > HITS or _repeats(A, i, size) or _repeats(B, j, size):
                    state[3] = 1
                    if seen > 1:
                        return best
                mask = mask_of(W[:h], A[i], sums) | (mask_of(W[h : 2 * h], -B[j], sums) << h) | (hits[hit, 3] << (2 * h))
                mask &= (np.int64(1) << m) - 1
                error = exact_error(row, live, m, mask, target, partials)
                if better(error, mask, best_error, best):
                    best, best_error = mask, error
                if along == 0:
                    j += 1
                else:
                    i += 1
    return best


@helper
def _repeats(L: Integers, i: Int, size: Int) -> bool:
    return (i > 0 and L[i - 1] == L[i]) or (i + 1 < size and L[i + 1] == L[i])


@helper
def better(error: float, mask: Int, best_error: float, best: Int) -> bool:
    """Smaller error, then fewer kept, then the smaller mask."""
    if error != best_error:
        return error < best_error
    return n_kept(mask) < n_kept(best) or (n_kept(mask) == n_kept(best) and mask < best)


@helper
def spread(mask: Int, live: Integers, m: Int) -> Int:
    """From bits of live values to bits of all values."""
    placed = np.int64(0)
    for k in range(m):
        placed |= ((mask >> k) & 1) << live[k]
    return placed
