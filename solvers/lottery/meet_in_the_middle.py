"""Many instances at once by the exact searches: which of them, in what chunks, and what is done with crowded instances."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from solvers._compile import kernel
from solvers.errors import InputError
from solvers.lottery.by_size import PROVEN, UNPROVEN, subsets_by_size
from solvers.lottery.closest import LARGEST, closest_subsets
from solvers.lottery.fixed_point import exact_error, n_kept
from solvers.lottery.question import Question
from solvers.lottery.shared_sums import closest_shared

Array = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Codes = np.ndarray[Any, np.dtype[np.int8]]


class Found(NamedTuple):
    """Masks as integers, their errors and sizes, and a code for each: proven, none within tol, unproven."""

    masks: Integers
    errors: Array
    sizes: Integers
    codes: Codes


class Task(NamedTuple):
    """The objective as plain numbers, for other processes too."""

    fewest: bool
    tol: float
    max_size: int


def bytes_needed(n: int) -> float:
    """Of the two halves' sums, eight bytes each."""
    return 2.0 ** (n / 2 + 4)


def check_size(n: int, allowed: float) -> None:
    """Refuse what does not fit: the message has the numbers."""
    if n > LARGEST or bytes_needed(n) > allowed:
        raise InputError(
            f"values has n = {n} candidates: meeting in the middle needs 2^(n/2+4) = {bytes_needed(n):.3g} bytes, "
            f"memory_limit is {allowed:.3g}, and n may be at most {LARGEST}: write method='beam' (fast, without proof), "
            "method='cp_sat', or pass fewer candidates"
        )


def chunk_length(question: Question) -> int:
    """Targets for about a quarter of a second."""
    steps = 2.0 ** (question.n / 2 + 2)
    return int(max(1, min(20_000, 2e8 / steps)))


def solve_rows(values: Array, targets: Array, task: Task) -> Found:
    """Solve a chunk: values (n_targets, n) or (1, n)."""
    count, n = len(targets), values.shape[1]
    masks, sizes, codes = np.zeros(count, np.int64), np.zeros(count, np.int64), np.full(count, PROVEN, np.int8)
    if task.fewest:
        subsets_by_size(values, targets, task.tol, task.max_size, True, masks, sizes, codes)
        missed = np.flatnonzero(codes != PROVEN)
        if len(missed):
            closest = solve_rows(_take(values, missed), targets[missed], task._replace(fewest=False))
            masks[missed] = closest.masks
    elif task.max_size < n:
        subsets_by_size(values, targets, 0.0, task.max_size, False, masks, sizes, codes)
    else:
        _closest(values, targets, masks, codes)
    errors = np.empty(count)
    _measure(values, targets, masks, errors, sizes)
    return Found(masks, errors, sizes, codes)


def _closest(values: Array, targets: Array, masks: Integers, codes: Codes) -> None:
    """The smallest errors: the crowded ones again, by size, where ties are cheap."""
    crowded = np.zeros(len(targets), np.bool_)
    outer = _outer(values.shape[1], len(targets)) if len(values) == 1 else None
    if outer is None:
        closest_subsets(values, targets, masks, crowded)
    else:
        closest_shared(values[0], targets, outer, masks, crowded)
    again = np.flatnonzero(crowded)
    if len(again) == 0:
        return
    sizes, new_masks, new_codes = np.zeros(len(again), np.int64), masks[again], np.zeros(len(again), np.int8)
    subsets_by_size(_take(values, again), targets[again], 0.0, values.shape[1], False, new_masks, sizes, new_codes)
    masks[again] = new_masks
    codes[again] = np.where(new_codes == UNPROVEN, UNPROVEN, PROVEN)


def _outer(n: int, n_targets: int) -> int | None:
    """How many values to leave out of one long sorted list for all targets; None where two lists for each target are faster.

    Measured: 5 ns for each sum in the list, 4 ns for each level of a binary search, 1.4 ns for each step of a scan.
    """
    best, cost = None, n_targets * 2.0 ** (n / 2 + 2) * 1.4
    for outer in range(2, n - 1):
        inner = n - outer
        # With the masks below the sums, precision would be short: too many sums within the rounding window.
        if inner > 22 or n * 2.0 ** (n + inner - 55) > 0.01:
            continue
        trial = 5.0 * 2.0**inner + 4.0 * inner * n_targets * 2.0**outer
        if trial < cost:
            best, cost = outer, trial
    return best


def _take(values: Array, rows: Any) -> Array:
    return values if len(values) == 1 else values[rows]


@kernel
def _measure(values: Array, targets: Array, masks: Integers, errors: Array, sizes: Integers) -> None:
    """Exact errors and sizes of masks, from the values alone."""
    n = values.shape[1]
    everything, partials = np.arange(n), np.empty(n + 2, np.float64)
    for k in range(targets.shape[0]):
        row = values[min(k, values.shape[0] - 1)]
        errors[k] = exact_error(row, everything, n, masks[k], targets[k], partials)
        sizes[k] = n_kept(masks[k])
