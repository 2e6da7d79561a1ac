"""What is measured, and what came of it: the cases, the rules, and the cells of the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from problems import Array, Problem
from tuning import Answer
from workers import Run

PATH_LENGTH, PATH_RATIO = 100, 1e-3


@dataclass(frozen=True)
class Case:
    """One `lam`, or a decreasing path of them."""

    name: str
    lams: Array

    @property
    def is_path(self) -> bool:
        """Whether there are several."""
        return len(self.lams) > 1


@dataclass(frozen=True)
class Rules:
    """What is the same for every solver and problem."""

    threads: int
    repeats: int
    cap: float
    path_cap: float
    pause: float
    patience: float
    """Seconds of repeated runs spent on one peer for one number; slow peers are repeated less often, at least once."""
    verbose: bool = False

    def cap_of(self, case: Case) -> float:
        """The seconds after which a single run is stopped."""
        return self.path_cap if case.is_path else self.cap


@dataclass
class Score:
    """The timed runs of one solver in one cell of the table, with the answer of its tuning."""

    answer: Answer
    runs: list[Run] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median of the timed runs; before there are any, what tuning measured."""
        return median(run.seconds for run in self.runs) if self.runs else self.answer.seconds

    @property
    def fastest(self) -> float:
        """The yardstick's measure: nothing but the work itself."""
        return min(run.seconds for run in self.runs)

    @property
    def gap(self) -> float:
        """The worst recomputed gap."""
        return max((run.gap for run in self.runs), default=self.answer.gap)


@dataclass
class Cell:
    """One row of the table: all solvers on one problem, case and target gap. `None` marks a peer that is missing."""

    problem: str
    case: str
    target: float
    ours: Score
    gram: Score | None
    peers: dict[str, Score | None]
    load: float = 0.0
    """The machine's load average after the timed runs: more than the threads in use means that others were using it."""

    def ratio(self, peer: str) -> float:
        """The peer's seconds per second of ours: a lower bound unless it reached the target, NaN unless we did."""
        score = self.peers[peer]
        if score is None or self.ours.answer.outcome != "reached":
            return math.nan
        return score.seconds / self.ours.seconds


def cases_of(problem: Problem, names: Sequence[str]) -> list[Case]:
    """`lambda_max / 10`, `lambda_max / 100`, and a geometric path of 100 values down to `lambda_max / 1000`."""
    largest = problem.lambda_max
    path = Case("path", np.geomspace(largest, PATH_RATIO * largest, PATH_LENGTH))
    return [path if name == "path" else Case(f"max/{name}", np.array([largest / float(name)])) for name in names]
