"""Subset sums by the number of values kept: the fewest within a tolerance, or the closest with at most so many.

The sums of each half are kept in one sorted list per number of values, ``L_0, L_1, ...``. Adding a value w merges ``L_(j-1) + w``
into ``L_j``, in place and from the back, for j from the top down: Pascal's triangle. Subsets of k values are pairs from
``A_j`` and ``B_(k-j)``. The bits below the sums hold the masks: adding a value adds its bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._compile import helper, kernel
from solvers.lottery.closest import spread
from solvers.lottery.fixed_point import SUM_BITS, Int, exact_error, fixed, live_values, scale_of, to_fixed, window, within_reach

Array = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Codes = np.ndarray[Any, np.dtype[np.int8]]

PROVEN, OUT_OF_REACH, UNPROVEN = 0, 1, 2
"""The mask is the best; no subset is within the tolerance; there were too many ties to look at them all."""

PATIENCE = 1 << 24
"""So many pairs within the rounding window are evaluated exactly, for one target, before the search gives up on the proof."""

_FAR = 1 << 61


@kernel
def subsets_by_size(
    values: Array, targets: Array, tol: float, max_size: Int, fewest: bool, masks: Integers, sizes: Integers, codes: Codes
) -> None:
    """For each target the best subset of at most ``max_size`` values.

    ``fewest``: the fewest values with an error of at most ``tol``, then the smallest error; the mask is left alone where there is
    none. Else: the smallest error, then the fewest values. Then the smallest mask. ``values`` (n_targets, n), or (1, n) shared.
    """
    n = values.shape[1]
    live, W, partials = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n + 2, np.float64)
    twins = np.empty(n, np.int64)
    half = (n + 1) // 2
    A, B = np.empty(1 << half, np.int64), np.empty(1 << (n // 2), np.int64)
    starts, counts = np.empty((2, half + 2), np.int64), np.zeros((2, half + 2), np.int64)
    best = np.empty(2, np.int64)
    for k in range(targets.shape[0]):
        if fewest and abs(targets[k]) <= tol:
            masks[k] = sizes[k] = 0
            codes[k] = PROVEN
            continue
        row = values[min(k, values.shape[0] - 1)]
        m = live_values(row, live)
        h = (m + 1) // 2
        scale = scale_of(row, SUM_BITS - h)
        exact = to_fixed(row, live, m, scale, W)
        target = within_reach(row, targets[k])
        t = np.int64(np.rint(fixed(target, scale)))
        exact &= t == fixed(targets[k], scale)
        excess = abs(fixed(targets[k] - target, scale))
        slack = 0 if exact else m + 1
        _find_twins(row, live, 0, h, twins)
        _find_twins(row, live, h, m, twins)
        most = min(max_size, m)
        found, lowest, built, pairs = False, _FAR, -1, 0
        best_error = np.inf
        best[0] = best[1] = 0
        reach = min(2 if fewest else most, most)
        for size in range(most + 1):
            if size > built:
                while built < size:
                    built = min(reach, most)
                    reach = min(2 * reach + 1, most)
                _lists(W[:h], twins[:h], h, built, exact, A, starts[0], counts[0])
                _lists(W[h:m], twins[h:m], h, built, exact, B, starts[1], counts[1])
            near = _smallest(A, B, starts, counts, size, h, m, t)
            lowest = min(lowest, near)
            if not fewest or near > np.int64(min(fixed(tol, scale), 2.0**60)) + 1 + slack:
                continue
            best_error = np.inf
            limit = near + slack + window(0, near, excess)
            best_error, pairs = _best_within(
                A, B, starts, counts, size, h, m, t, limit, row, live, targets[k], partials, best, best_error, pairs
            )
            if best_error <= tol:
                found = True
                break
        if not fewest:
            limit = lowest + slack + window(0, lowest, excess)
            for size in range(most + 1):
                best_error, pairs = _best_within(
                    A, B, starts, counts, size, h, m, t, limit, row, live, targets[k], partials, best, best_error, pairs
                )
            found = True
        if found:
            masks[k] = spread(best[0], live, m)
            sizes[k] = best[1]
        codes[k] = UNPROVEN if pairs > PATIENCE else (PROVEN if found else OUT_OF_REACH)


@helper
def _find_twins(row: Array, live: Integers, begin: Int, end: Int, twins: Integers) -> None:
    """For each live value of a half the bit of the last equal one before it, 0 where there is none.

    Of equal values the first are kept: a value is added only to subsets that have its twin. That loses no sum, and turns the
    ``2^m`` subsets of m equal values into ``m + 1``.
    """
    for i in range(begin, end):
        twins[i] = 0
        for e in range(begin, i):
            if row[live[e]] == row[live[i]]:
                twins[i] = np.int64(1) << (e - begin)


@helper
def _lists(
    W: Integers, twins: Integers, shift: Int, most: Int, exact: bool, L: Integers, starts: Integers, counts: Integers
) -> None:
    """Sorted sums of up to ``most`` of ``W``, by their number: ``counts[j]`` keys from ``L[starts[j]]``."""
    m = W.shape[0]
    place, choose = 0, 1
    for j in range(starts.shape[0]):
        starts[j] = place
        counts[j] = 0
        if j <= m:
            place += choose
            choose = choose * (m - j) // (j + 1)
    L[0] = 0
    counts[0] = 1
    for i in range(m):
        key = (W[i] << shift) + (np.int64(1) << i)
        for j in range(min(i + 1, most), 0, -1):
            counts[j] += _merge(L, starts[j], counts[j], starts[j - 1], counts[j - 1], key, twins[i])
    if exact:
        for j in range(min(m, most) + 1):
            counts[j] = _without_repeats(L, starts[j], counts[j], shift)


@helper
def _merge(L: Integers, into: Int, n_into: Int, source: Int, n_source: Int, key: Int, needed: Int) -> Int:
    """Merge those of ``n_source`` keys that have the bits ``needed``, plus ``key``, into others, from the back; how many."""
    added = n_source
    if needed != 0:
        added = 0
        for j in range(source, source + n_source):
            added += (L[j] & needed) == needed
    i, j = into + n_into - 1, source + n_source - 1
    p = i + added
    while j >= source:
        if (L[j] & needed) != needed:
            j -= 1
            continue
        if i >= into and L[i] > L[j] + key:
            L[p] = L[i]
            i -= 1
        else:
            L[p] = L[j] + key
            j -= 1
        p -= 1
    return added


@helper
def _without_repeats(L: Integers, start: Int, count: Int, shift: Int) -> Int:
    """Of equal sums keep the first, which has the smallest mask; how many are left."""
    if count == 0:
        return 0
    kept = start
    for p in range(start + 1, start + count):
        if L[p] >> shift != L[kept] >> shift:
            kept += 1
            L[kept] = L[p]
    return kept + 1 - start


@helper
def _smallest(A: Integers, B: Integers, starts: Integers, counts: Integers, size: Int, h: Int, m: Int, t: Int) -> Int:
    """The smallest ``|A_j + B_(size - j) - t|`` over all j, in units."""
    lowest = _FAR
    for j in range(max(0, size - (m - h)), min(size, h) + 1):
        i, end = starts[0, j], starts[0, j] + counts[0, j]
        begin = starts[1, size - j]
        p = begin + counts[1, size - j] - 1
        while i < end and p >= begin:
            d = (A[i] >> h) + (B[p] >> h) - t
            lowest = min(lowest, abs(d))
            if d > 0:
                p -= 1
            else:
                i += 1
    return lowest


@helper
def _best_within(
    A: Integers,
    B: Integers,
    starts: Integers,
    counts: Integers,
    size: Int,
    h: Int,
    m: Int,
    t: Int,
    limit: Int,
    row: Array,
    live: Integers,
    target: float,
    partials: Array,
    best: Integers,
    best_error: float,
    pairs: Int,
) -> tuple[float, Int]:
    """Look at all pairs of ``size`` values within ``limit`` units; ``best`` is (mask, size). Sizes come in ascending order."""
    low = (np.int64(1) << h) - 1
    for j in range(max(0, size - (m - h)), min(size, h) + 1):
        begin = starts[1, size - j]
        p = begin + counts[1, size - j] - 1
        for i in range(starts[0, j], starts[0, j] + counts[0, j]):
            a = (A[i] >> h) - t
            while p >= begin and a + (B[p] >> h) > limit:
                p -= 1
            q = p
            while q >= begin and a + (B[q] >> h) >= -limit:
                mask = (A[i] & low) | ((B[q] & low) << h)
                error = exact_error(row, live, m, mask, target, partials)
                if error < best_error or (error == best_error and size == best[1] and mask < best[0]):
                    best_error = error
                    best[0], best[1] = mask, size
                pairs += 1
                if pairs > PATIENCE:
                    return best_error, pairs
                q -= 1
    return best_error, pairs
