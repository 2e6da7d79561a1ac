"""Sorted half sums by merging in place, and the scan of two sorted lists for the pairs closest to a target.

With signs instead of subsets, ``sum_S v = 1/2 sum_i v_i + sum_i e_i v_i / 2`` with ``e_i = 1`` for kept values and -1 for others,
the list of all ``2^m`` sums is symmetric. Its upper half is merged from the list of ``m - 1`` values, from the top down, into
free space behind it; the lower half is its mirror image. So no second buffer, half the comparisons, no test for an exhausted
list.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._compile import helper
from solvers.lottery.fixed_point import BEYOND, Int, window

Integers = np.ndarray[Any, np.dtype[np.int64]]

HITS = 64
"""How many near-best pairs a scan can hold; more make the instance crowded."""


@helper
def extend(L: Integers, m: Int, w: Int) -> None:
    """From the sorted ``2^m`` signed sums in ``L`` to the ``2^(m+1)`` with one more value ``w``, in place."""
    M = 1 << m
    w = abs(w)
    i = M - 1
    for p in range(2 * M - 1, M - 1, -1):
        # Unsigned: no test for an index that counts from the end.
        up, down = L[np.uintp(i)] + w, L[np.uintp(p - 1 - i)] - w
        L[p] = max(up, down)
        i -= up >= down
    _mirror(L, M)


@helper
def _extend_both(A: Integers, B: Integers, m: Int, a: Int, b: Int) -> None:
    """`extend` for two lists in one loop: each step waits for its own last load, two chains of them overlap."""
    M = 1 << m
    a, b = abs(a), abs(b)
    i = j = M - 1
    for p in range(2 * M - 1, M - 1, -1):
        up, down = A[np.uintp(i)] + a, A[np.uintp(p - 1 - i)] - a
        A[p] = max(up, down)
        i -= up >= down
        up, down = B[np.uintp(j)] + b, B[np.uintp(p - 1 - j)] - b
        B[p] = max(up, down)
        j -= up >= down
    _mirror(A, M)
    _mirror(B, M)


@helper
def _mirror(L: Integers, M: Int) -> None:
    for p in range(M):
        L[p] = -L[2 * M - 1 - p]


@helper
def sorted_sums(W: Integers, L: Integers) -> None:
    """All signed sums of ``W (m,)``, ascending, to ``L[:2^m]``."""
    L[0] = 0
    for m in range(W.shape[0]):
        extend(L, m, W[m])


@helper
def sorted_halves(W: Integers, h: Int, A: Integers, B: Integers) -> None:
    """All signed sums of ``W[:h]`` to A and of ``W[h:2h]`` to B, ascending, each closed by a sentinel."""
    A[0] = B[0] = 0
    for m in range(h):
        _extend_both(A, B, m, W[m], W[h + m])
    A[1 << h] = B[1 << h] = BEYOND


@helper
def mask_of(W: Integers, total: Int, sums: Integers) -> Int:
    """The first set of signs for which ``W (m,)`` sums to ``total``, as a bit mask; -1 where there is none.

    Enumerates the ``2^m`` sums in blocks of at most ``len(sums)``, in the order of their masks.
    """
    inner = 0
    while inner < W.shape[0] and 2 << inner <= sums.shape[0]:
        inner += 1
    sums[0] = 0
    for m in range(inner):
        half = 1 << m
        for p in range(half):
            sums[half + p] = sums[p] + W[m]
            sums[p] -= W[m]
    outer = W.shape[0] - inner
    for high in range(1 << outer):
        rest = total
        for m in range(outer):
            rest -= W[inner + m] if (high >> m) & 1 else -W[inner + m]
        for p in range(1 << inner):
            if sums[p] == rest:
                return (high << inner) | p
    return -1


@helper
def add_hit(hits: Integers, state: Integers, slack: Int, excess: float, error: Int, i: Int, j: Int, shift: Int) -> None:
    """Keep a pair within the window of the best error so far. ``state`` is (best error, largest error kept, hits, crowded)."""
    if error < state[0]:
        state[0] = error
        state[1] = error + window(slack, error, excess)
    if state[2] == HITS:
        _drop_far(hits, state)
    if state[2] == HITS:
        state[3] = 1
        return
    hits[state[2], 0] = error
    hits[state[2], 1] = i
    hits[state[2], 2] = j
    hits[state[2], 3] = shift
    state[2] += 1


@helper
def _drop_far(hits: Integers, state: Integers) -> None:
    kept = 0
    for k in range(state[2]):
        if hits[k, 0] <= state[1]:
            hits[kept] = hits[k]
            kept += 1
    state[2] = kept


@helper
def scan_four(
    A: Integers, B: Integers, steps: Int, shifts: Integers, first: Int, slack: Int, excess: float, hits: Integers, state: Integers
) -> None:
    """Find the pairs with ``A[i] - B[j]`` closest to each of four targets ``shifts[first:first+4]``.

    The usual two pointers, without branches: both lists end in a sentinel, so each scan takes exactly ``steps`` steps, and j is
    the number of steps minus i. Four scans overlap their waiting for memory. Every pair within the window shares its row, further
    along, or its column with a pair that is visited, from which it is found.
    """
    i0 = i1 = i2 = i3 = 0
    t0, t1, t2, t3 = shifts[first], shifts[first + 1], shifts[first + 2], shifts[first + 3]
    limit = state[1]
    for p in range(steps):
        d0 = A[np.uintp(i0)] - B[np.uintp(p - i0)] - t0
        d1 = A[np.uintp(i1)] - B[np.uintp(p - i1)] - t1
        d2 = A[np.uintp(i2)] - B[np.uintp(p - i2)] - t2
        d3 = A[np.uintp(i3)] - B[np.uintp(p - i3)] - t3
        if min(min(abs(d0), abs(d1)), min(abs(d2), abs(d3))) <= limit:
            if abs(d0) <= limit:
                add_hit(hits, state, slack, excess, abs(d0), i0, p - i0, first)
            if abs(d1) <= state[1]:
                add_hit(hits, state, slack, excess, abs(d1), i1, p - i1, first + 1)
            if abs(d2) <= state[1]:
                add_hit(hits, state, slack, excess, abs(d2), i2, p - i2, first + 2)
            if abs(d3) <= state[1]:
                add_hit(hits, state, slack, excess, abs(d3), i3, p - i3, first + 3)
            limit = state[1]
        i0 += d0 < 0
        i1 += d1 < 0
        i2 += d2 < 0
        i3 += d3 < 0
