"""A heuristic for many candidates: a beam of partial sums, spread evenly over the interval that can still reach the target."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from solvers.lottery.outcome import Outcome
from solvers.lottery.question import Question
from solvers.results import Kind, Limit

Array = np.ndarray[Any, np.dtype[np.float64]]

WIDTH = 4096
"""Partial sums kept after each candidate."""


def solve_one(question: Question, k: int, time_limit: float | None) -> Outcome:
    """Solve target k for the smallest error: ``O(n WIDTH)`` memory, ``O(n WIDTH log WIDTH)`` time, no proof.

    Candidates are taken in order of falling magnitude. Of all partial sums from which the target is within reach of the
    candidates to come, those are kept that lie closest to ``WIDTH`` points spaced evenly: small candidates then close the gaps.
    """
    deadline = math.inf if time_limit is None else time.perf_counter() + time_limit
    values, target = question.values[min(k, len(question.values) - 1)], float(question.targets[k])
    order = np.argsort(-np.abs(values), kind="stable")
    sums, sizes = np.zeros(1), np.zeros(1, np.int64)
    parents: list[tuple[Any, Any]] = []
    best = (abs(target), 0, 0)
    for step, i in enumerate(order):
        if time.perf_counter() > deadline:
            break
        both = np.concatenate([sums, sums + values[i]])
        counts = np.concatenate([sizes, sizes + 1])
        allowed = np.flatnonzero(counts <= question.max_size)
        errors = np.abs(both[allowed] - target)
        nearest = allowed[int(np.argmin(errors))]
        parent = np.concatenate([np.arange(len(sums)), np.arange(len(sums))])
        taken = np.arange(len(both)) >= len(sums)
        kept = _thin(both, allowed, target, values[order[step + 1 :]])
        kept = np.union1d(kept, [nearest])
        parents.append((parent[kept], taken[kept]))
        sums, sizes = both[kept], counts[kept]
        if abs(both[nearest] - target) < best[0]:
            best = (abs(float(both[nearest]) - target), step + 1, int(np.searchsorted(kept, nearest)))
    mask = np.zeros(question.n, np.bool_)
    _, steps, place = best
    for step in range(steps - 1, -1, -1):
        mask[order[step]] = parents[step][1][place]
        place = parents[step][0][place]
    limit = Limit.TIME if len(parents) < len(order) else Limit.NONE
    return Outcome(mask, 0.0, Kind.NONE, limit)


def _thin(sums: Array, allowed: Any, target: float, to_come: Array) -> Any:
    """Places of at most ``WIDTH`` sums, evenly spread over those from which the target can be reached."""
    low, high = target - float(np.sum(np.maximum(to_come, 0.0))), target - float(np.sum(np.minimum(to_come, 0.0)))
    useful = allowed[(sums[allowed] >= low) & (sums[allowed] <= high)]
    if len(useful) <= WIDTH:
        return useful
    useful = useful[np.argsort(sums[useful], kind="stable")]
    # Near the target as well as evenly: half of the places for each.
    points = np.linspace(sums[useful[0]], sums[useful[-1]], WIDTH // 2)
    even = useful[np.minimum(np.searchsorted(sums[useful], points), len(useful) - 1)]
    near = useful[np.argsort(np.abs(sums[useful] - target), kind="stable")[: WIDTH // 2]]
    return np.union1d(even, near)
