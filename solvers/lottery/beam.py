"""A heuristic for many candidates: a beam of partial sums over the large ones, then the exact search over the small ones."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from solvers.lottery.meet_in_the_middle import Task, solve_rows
from solvers.lottery.outcome import Outcome
from solvers.lottery.question import Question
from solvers.results import Kind, Limit

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

WIDTH = 4096
"""Partial sums kept after each candidate."""

FINISH = 32
"""So many of the smallest candidates are left to the exact search."""

STARTS = 8
"""Partial sums from which it starts."""


def solve_one(question: Question, k: int, time_limit: float | None) -> Outcome:
    """Solve target k for the smallest error: ``O(n WIDTH log WIDTH)`` time, ``O(n WIDTH)`` memory, no proof.

    Candidates are taken in order of falling magnitude. Of all partial sums, those closest to the middle of what the candidates to
    come can reach are kept; the best of them are completed exactly by subsets of the smallest candidates.
    """
    deadline = math.inf if time_limit is None else time.perf_counter() + time_limit
    values, target = question.values[min(k, len(question.values) - 1)], float(question.targets[k])
    order = np.argsort(-np.abs(values), kind="stable")
    large, small = order[: max(0, len(order) - FINISH)], order[max(0, len(order) - FINISH) :]
    masks, sums, in_time = _beam(values, large, target, question.max_size, deadline)
    best, best_error = np.zeros(question.n, np.bool_), abs(target)
    for mask, total in zip(masks, sums, strict=True):
        if time.perf_counter() > deadline:
            in_time = False
            break
        left = min(question.max_size - int(np.sum(mask)), len(small))
        found = solve_rows(values[small][np.newaxis], np.array([target - total]), Task(False, 0.0, left))
        trial = mask.copy()
        trial[small] = (int(found.masks[0]) >> np.arange(len(small))) & 1 == 1
        error = abs(math.fsum([target, *(-values[trial])]))
        if error < best_error:
            best, best_error = trial, error
    return Outcome(best, 0.0, Kind.NONE, Limit.NONE if in_time else Limit.TIME)


def _beam(values: Array, large: Indices, target: float, max_size: int, deadline: float) -> tuple[list[Any], Array, bool]:
    """Up to `STARTS` masks over the large candidates, their sums, and whether there was time for all."""
    sums, sizes = np.zeros(1), np.zeros(1, np.int64)
    parents: list[tuple[Indices, Any]] = []
    to_come = float(np.sum(values))
    for i in large:
        if time.perf_counter() > deadline:
            break
        to_come -= float(values[i])
        both, counts = np.concatenate([sums, sums + values[i]]), np.concatenate([sizes, sizes + 1])
        allowed = np.flatnonzero(counts <= max_size)
        kept = allowed[np.argsort(np.abs(both[allowed] + 0.5 * to_come - target), kind="stable")[:WIDTH]]
        parents.append((kept % len(sums), kept >= len(sums)))
        sums, sizes = both[kept], counts[kept]
    masks = []
    for place in range(min(STARTS, len(sums))):
        mask, at = np.zeros(len(values), np.bool_), place
        for step in range(len(parents) - 1, -1, -1):
            came_from, taken = parents[step]
            mask[large[step]] = taken[at]
            at = came_from[at]
        masks.append(mask)
    return masks, sums[: len(masks)], len(parents) == len(large)
