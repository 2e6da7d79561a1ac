"""The loosest tolerance with which a solver reaches a target gap.

Solvers stop by different rules, so equal tolerances compare nothing. Each solver gets the loosest tolerance, on a grid
of fixed factors, whose *recomputed* gap meets the target. Tolerance number `k` is `first / step^k`: larger is tighter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from problems import Array
from workers import Run

NOWHERE = -12  # steps; looser than any tolerance tried
PATIENCE = 12  # steps; a solver whose gap does not halve in so many has stalled


@dataclass(frozen=True)
class Answer:
    """How a solver fares at one target gap. Unless reached, `seconds` only bounds the true time from below."""

    outcome: Literal["reached", "over", "stalled", "failed"]
    seconds: float
    gap: float = math.inf
    tol: float = math.nan
    setting: str = ""
    error: str = ""

    def with_setting(self, setting: str) -> Answer:
        """The same, labelled with the solver's setting."""
        return replace(self, setting=setting)

    def beats(self, other: Answer | None) -> bool:
        """Reached before not reached; then the faster, or the more accurate."""
        if other is None or (self.outcome == "reached") != (other.outcome == "reached"):
            return other is None or self.outcome == "reached"
        return self.seconds < other.seconds if self.outcome == "reached" else self.gap < other.gap


class Tuner:
    """Searches the tolerances of one solver setting on one case; remembers every run for the next, tighter target.

    On a path each tolerance is tried on the path's first half before the whole. The half gives the same answers at the
    same `lam`, so if it misses the gap or exceeds the cap, the whole does too, and most of the time is saved.
    """

    def __init__(self, measure: Callable[[Array, float, float], Run], lams: Array, first: float, step: float) -> None:
        self._measure, self._first, self._step = measure, first, step
        self._stages: Sequence[Array] = (lams,) if len(lams) == 1 else (lams[: len(lams) // 2], lams)
        self._runs: dict[tuple[int, int], Run] = {}
        self._given_up: Answer | None = None

    def loosest(self, target: float, cap: float) -> Answer:
        """Close in on two neighbouring tolerances: the looser misses `target`, the tighter ends the search.

        It ends it by reaching the target, or by exceeding `cap` seconds. Targets must come in decreasing order.
        """
        if self._given_up is not None:
            return self._given_up
        missed = [k for k, run in self._by_step().items() if not run.capped and run.gap > target]
        misses = max(missed, default=NOWHERE)
        first = self._next(misses, None, target) if missed else min(self._by_step(), default=0)
        answer = self._search(first, misses, target, cap)
        if answer.outcome != "reached":
            self._given_up = answer
        return answer

    def challenge(self, best: Answer, target: float, cap: float) -> Answer:
        """The same search for a setting of a solver that reaches `target` with another one already.

        It begins at that one's tolerance, and ends as soon as this setting is clearly the slower.
        """
        first = round(math.log(self._first / best.tol) / math.log(self._step))
        return self._search(first, NOWHERE, target, min(cap, 1.2 * best.seconds + 0.5), bisect=False)

    def _search(self, k: int, misses: int, target: float, cap: float, bisect: bool = True) -> Answer:
        ends: int | None = None
        leap = 1
        while ends is None or ends - misses > 1:
            run = self._run(k, target, cap)
            if run.error:
                return Answer("failed", run.seconds, error=run.error)
            if run.capped and not bisect:
                break
            if run.capped or run.gap <= target:
                ends = k
                # A run that is cut off costs the whole cap and says little: look much looser soon.
                leap = 2 * leap if run.capped else 1
            else:
                misses = k
                if ends is None and self._stalled(k):
                    return self._at(k, "stalled", run)
            k = self._next(misses, ends, target, leap)
        else:
            k, run = ends, self._run(ends, target, cap)
        if run.capped:
            return replace(self._at(k, "over", run), gap=self._best_gap(k, len(self._stages[-1])))
        return self._at(k, "reached", run)

    def _run(self, k: int, target: float, cap: float) -> Run:
        """The last stage's run, or the first one that misses the target."""
        run = Run(0.0, error="nothing to run")
        for lams in self._stages:
            run = self._recall(k, len(lams), cap) or self._measure(lams, self._tolerance(k), cap)
            self._runs[k, len(lams)] = run
            if run.error or run.capped or run.gap > target:
                return run
        return run

    def _recall(self, k: int, length: int, cap: float) -> Run | None:
        run = self._runs.get((k, length))
        return None if run is None or (run.capped and run.seconds < cap) else run

    def _next(self, misses: int, ends: int | None, target: float, leap: int = 1) -> int:
        """Bisect a bracket; lacking a lower end, `leap` steps looser; lacking an upper end, take several tighter.

        So many that the gap should almost meet the target if it shrank like the tolerance; or, where it does not
        shrink, as many as it has stood still: a working-set solver's gap falls in cliffs between long plateaus.
        """
        if ends is not None:
            return max(ends - leap, NOWHERE + 1) if misses == NOWHERE else (misses + ends) // 2
        runs = self._by_step()
        gap = runs[misses].gap
        expected = math.floor(2 * math.log10(min(gap / target, 1e5))) - 1
        plateau = misses - min(k for k, run in runs.items() if run.gap <= 1.1 * gap)
        return misses + max(1, expected, plateau)

    def _by_step(self) -> dict[int, Run]:
        """For every tolerance tried, the run on the longest stage."""
        return {k: self._runs[k, length] for k, length in sorted(self._runs)}

    def _stalled(self, k: int) -> bool:
        """Whether the stage that misses the target at step `k` was about as good many steps before."""
        length = max(length for step, length in self._runs if step == k)
        return self._best_gap(k, length) > 0.5 * self._best_gap(k - PATIENCE, length)

    def _best_gap(self, k: int, length: int) -> float:
        """The smallest gap on the stage with `length` values of `lam`, at steps no tighter than `k`."""
        gaps = [run.gap for (step, size), run in self._runs.items() if step <= k and size == length]
        return min(gaps, default=math.inf)

    def _tolerance(self, k: int) -> float:
        return self._first / self._step**k

    def _at(self, k: int, outcome: Literal["reached", "over", "stalled"], run: Run) -> Answer:
        return Answer(outcome, run.seconds, run.gap, self._tolerance(k))
