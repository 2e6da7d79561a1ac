"""One subset-sum instance in 59-bit fixed point, where half sums do not round, and the exact error of a subset.

Sums of floating-point numbers round, differently for each order of adding, so that a search through sorted half sums can take a
worse subset for the best one. Here every value is rounded *once*, to a multiple of ``2^-scale``; all sums of multiples are exact
integers. A subset's fixed-point error therefore differs from its true one by at most ``(n + 1) / 2`` units, and whoever looks at
all subsets within `window` units of the smallest fixed-point error has seen the best.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from solvers._compile import helper

Array = np.ndarray[Any, np.dtype[np.float64]]
Int = Any
"""A 64-bit integer of compiled code, of which Python sees sometimes an int and sometimes an np.int64."""
Integers = np.ndarray[Any, np.dtype[np.int64]]

SUM_BITS = 58
"""The absolute values of an instance sum to less than ``2^SUM_BITS`` units. Three such sums and a sentinel fit in int64."""

BEYOND = 1 << 61
"""A sentinel larger than any sum plus any target."""


@helper
def live_values(values: Array, live: Integers) -> Int:
    """Write the places of the non-zero values to ``live``; their number. A zero is never kept: it only costs size."""
    m = 0
    for i in range(values.shape[0]):
        if values[i] != 0.0:
            live[m] = i
            m += 1
    return m


@helper
def scale_of(values: Array, bits: Int) -> Int:
    """The largest ``scale`` at which ``sum |values| 2^scale`` stays below ``2^bits``."""
    total = 0.0
    for i in range(values.shape[0]):
        total += abs(values[i])
    # The sum itself rounds: a little more, so that it is never too small.
    return bits - math.frexp(total * (1.0 + 1e-12))[1]


@helper
def fixed(x: float, scale: Int) -> float:
    """``x 2^scale`` before rounding, in two steps: the power alone may overflow."""
    first = scale // 2
    return x * math.ldexp(1.0, first) * math.ldexp(1.0, scale - first)


@helper
def to_fixed(values: Array, live: Integers, m: Int, scale: Int, W: Integers) -> bool:
    """Write the live values as integers to ``W``; whether none was rounded."""
    exact = True
    first = scale // 2
    low, high = math.ldexp(1.0, first), math.ldexp(1.0, scale - first)
    for k in range(m):
        x = values[live[k]] * low * high
        rounded = np.rint(x)
        W[k] = np.int64(rounded)
        # A value that underflowed to zero was rounded too.
        exact &= rounded == x and x != 0.0
    return exact


@helper
def within_reach(values: Array, target: float) -> float:
    """The target, or for one that is out of reach a number just beyond the reach on its side: the order of all errors stays."""
    total = 0.0
    for i in range(values.shape[0]):
        total += abs(values[i])
    total *= 1.0 + 1e-9
    return min(max(target, -total), total)


@helper
def window(slack: Int, best: Int, excess: float) -> Int:
    """Units beyond the fixed-point error ``best`` within which the best subset must lie.

    ``slack`` is for rounding values and target, see the module's docstring, to which an ulp of the error is added, which is
    rounded at the end; ``excess`` is how far (in units) the target was moved by `within_reach`.
    """
    return slack + np.int64(min((best + excess) * 2.0**-51, 2.0**59))


@helper
def exact_error(values: Array, live: Integers, m: Int, mask: Int, target: float, partials: Array) -> float:
    """``|target - sum of the chosen values|``, correctly rounded: Shewchuk's algorithm, as in `math.fsum`.

    Bit k of ``mask`` stands for ``values[live[k]]``; ``partials`` is scratch for ``m + 2`` numbers.
    """
    count = 0
    for k in range(-1, m):
        if k >= 0 and not (mask >> k) & 1:
            continue
        x = target if k < 0 else -values[live[k]]
        kept = 0
        for p in range(count):
            y = partials[p]
            if abs(x) < abs(y):
                x, y = y, x
            high = x + y
            low = y - (high - x)
            if low != 0.0:
                partials[kept] = low
                kept += 1
            x = high
        partials[kept] = x
        count = kept + 1
    return abs(_rounded(partials, count))


@helper
def _rounded(partials: Array, count: Int) -> float:
    """The sum of non-overlapping partials, smallest first, rounded once, half to even."""
    p = count - 1
    high: Any = partials[p]
    low = 0.0
    while p > 0 and low == 0.0:
        p -= 1
        x = high
        high = x + partials[p]
        low = partials[p] - (high - x)
    if p > 0 and ((low < 0.0 and partials[p - 1] < 0.0) or (low > 0.0 and partials[p - 1] > 0.0)):
        doubled = low * 2.0
        x = high + doubled
        if doubled == x - high:
            high = x
    return high


@helper
def n_kept(mask: Int) -> Int:
    """How many bits of ``mask`` are set."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count
