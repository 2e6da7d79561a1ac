"""Many targets, one set of values: the closest subset sums by binary search in one long sorted list.

All ``2^(n - r)`` signed sums of the first ``n - r`` values are sorted once; for each target and each of the ``2^r`` sums of the
others a binary search finds the neighbours. The bits below the sums hold the masks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._compile import helper, kernel
from solvers.lottery.closest import better, spread
from solvers.lottery.fixed_point import SUM_BITS, Int, exact_error, fixed, live_values, scale_of, to_fixed, within_reach
from solvers.lottery.half_sums import HITS, add_hit, sorted_sums

Array = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]


@kernel
def closest_shared(values: Array, targets: Array, outer: Int, masks: Integers, crowded: Flags) -> None:
    """As `closest_subsets` for shared ``values`` (n,), ``outer`` of which (at least 2) are not in the sorted list."""
    n = values.shape[0]
    live, W, partials = np.empty(n, np.int64), np.zeros(n, np.int64), np.empty(n + 2, np.float64)
    m = live_values(values, live)
    inner = max(m - outer, 0)
    shift = inner + 1
    scale = scale_of(values, SUM_BITS - shift)
    to_fixed(values, live, m, scale, W)
    tagged = np.empty(inner, np.int64)
    total = np.int64(0)
    for k in range(m):
        total += W[k]
    for k in range(inner):
        tagged[k] = (W[k] << shift) + (np.int64(1) << k)
    L = np.empty(1 << inner, np.int64)
    sorted_sums(tagged, L)
    n_shifts = 1 << (m - inner)
    offsets = np.zeros(n_shifts, np.int64)
    for c in range(n_shifts):
        for k in range(inner, m):
            offsets[c] += W[k] if (c >> (k - inner)) & 1 else -W[k]
    hits, state = np.empty((HITS, 4), np.int64), np.empty(4, np.int64)
    for k in range(targets.shape[0]):
        target = within_reach(values, targets[k])
        # In the units of the keys: tags add noise of one unit of the sums, which count in half units of the values.
        excess = abs(fixed(targets[k] - target, scale + 1 + shift))
        t = (np.int64(np.rint(fixed(target, scale + 1))) - total) << shift
        state[0] = state[1] = np.int64(1) << 62
        state[2] = state[3] = 0
        _search(L, inner, offsets, shift, t, m, excess, hits, state)
        chosen = _best_hit(L, inner, offsets, shift, t, m, hits, state, values, live, targets[k], partials)
        crowded[k] = state[3] != 0
        masks[k] = spread(chosen, live, m)


@helper
def _search(
    L: Integers, inner: Int, offsets: Integers, shift: Int, t: Int, m: Int, excess: float, hits: Integers, state: Integers
) -> None:
    for c in range(offsets.shape[0]):
        x = t - (offsets[c] << shift)
        place = 0
        for bit in range(inner - 1, -1, -1):
            step = np.int64(1) << bit
            place += step * (L[np.uintp(place + step - 1)] < x)
        for p in range(max(place - 1, 0), min(place + 2, L.shape[0])):
            if abs(L[p] - x) <= state[1]:
                add_hit(hits, state, (2 * m + 3) << shift, excess, abs(L[p] - x), p, 0, c)


@helper
def _best_hit(
    L: Integers,
    inner: Int,
    offsets: Integers,
    shift: Int,
    t: Int,
    m: Int,
    hits: Integers,
    state: Integers,
    row: Array,
    live: Integers,
    target: float,
    partials: Array,
) -> Int:
    """Of all sums within the window, the best mask by its exact error; sets ``state[3]`` where they are too many to be sure."""
    best, best_error, seen = np.int64(0), np.inf, 0
    for hit in range(state[2]):
        if hits[hit, 0] > state[1]:
            continue
        c = hits[hit, 3]
        x = t - (offsets[c] << shift)
        p = hits[hit, 1]
        while p > 0 and abs(L[p - 1] - x) <= state[1]:
            p -= 1
        while p < L.shape[0] and abs(L[p] - x) <= state[1]:
            seen += 1
            if seen > HITS:
                state[3] = 1
                return best
            # The tags of a key sum to twice its mask minus all ones.
            half = np.int64(1) << (shift - 1)
            tags = L[p] - (((L[p] + half) >> shift) << shift)
            mask = ((tags + (np.int64(1) << inner) - 1) >> 1) | (c << inner)
            error = exact_error(row, live, m, mask, target, partials)
            if better(error, mask, best_error, best):
                best, best_error = mask, error
            p += 1
    return best
