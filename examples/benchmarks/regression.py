"""How fast is `solvers` on group-sparse multi-target regression? Against celer, skglm, adelie and scikit-learn.

    python examples/benchmarks/regression.py --quick
    python examples/benchmarks/regression.py --json regression.json

Everybody minimises `1/(2n) ||Y - XA'||_F^2 + lam sum_j ||A_:j||_2` to the same relative duality gap, recomputed here
from `X`, `Y` and the coefficients alone. The README beside this file states the rules.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from peers import ADAPTERS, PEERS, Gram, Solvers
from problems import PROBLEMS, Array, Problem, Unavailable, load
from tuning import Answer, Tuner
from workers import MissingLibrary, Run, Task, Worker, limit_threads

OURS, GRAM = Solvers.name, Gram.name
GRAM_LABEL = "/ X'X"
GRAM_LIMIT = 5_000  # features; beyond it X'X is never formed, and fills memory
LAMS = ("10", "100", "path")
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


# ----------------------------------------------------------------------------------------------------------- measuring


class Arena:
    """All solvers on one problem, each in its own process, one of them running at a time."""

    def __init__(self, problem: Problem, peers: Sequence[str], rules: Rules, stack: ExitStack) -> None:
        self.problem, self.rules = problem, rules
        names = [OURS, *peers] + [GRAM] * (problem.X.shape[1] <= GRAM_LIMIT)
        self._workers: dict[str, Worker] = {}
        self.missing: list[str] = []
        for name in names:
            worker = stack.enter_context(Worker(name, problem.name, rules.threads))
            try:
                worker.start()
            except MissingLibrary as error:
                if name == OURS:
                    raise SystemExit(f"the package under test cannot be imported: {error}") from error
                self.missing.append(name)
            else:
                self._workers[name] = worker
        self.peers = [name for name in peers if name not in self.missing]

    @property
    def environment(self) -> dict[str, dict[str, str]]:
        """Version and thread pools of every solver, as its own process sees them."""
        return {name: dict(worker.environment) for name, worker in self._workers.items()}

    def run(self, name: str, task: Task, cap: float) -> Run:
        """One run after a pause, in which the threads of the previous solver go to sleep."""
        time.sleep(self.rules.pause)
        run = self._workers[name].run(task, cap)
        if self.rules.verbose:
            done = f"over {cap:.0f} s" if run.capped else f"{seconds_text(run.seconds)}, gap {run.gap:.1e}"
            what = f"  {name} ({task.setting}), {len(task.lams)} lam, tol {task.tol:.1e}"
            print(f"{what}: {run.error or done}", file=sys.stderr)
        return run

    def cells(self, case: Case, targets: Sequence[float]) -> Iterator[Cell]:
        """One row for each target gap, loosest first."""
        tuners = {peer: self._tuners(peer, case, targets[0]) for peer in self.peers}
        for target in targets:
            ours = Score(self._tune_ours(case, target))
            peers: dict[str, Score | None] = dict.fromkeys(self.missing)
            for peer in self.peers:
                peers[peer] = Score(self._tune(tuners[peer], target, self.rules.cap_of(case)))
            gram = Score(Answer("reached", 0.0)) if GRAM in self._workers else None
            cell = Cell(self.problem.name, case.name, target, ours, gram, peers)
            self._time(cell, case)
            cell.load = os.getloadavg()[0]
            yield cell

    def _tuners(self, peer: str, case: Case, target: float) -> dict[str, Tuner]:
        """For each documented setting of `peer` a search for its tolerance."""
        adapter = ADAPTERS[peer]
        first = adapter.first_tolerance(float(case.lams[-1]), target)

        def tuner(setting: str) -> Tuner:
            def measure(lams: Array, tol: float, cap: float) -> Run:
                return self.run(peer, Task(lams, tol, setting), cap)

            return Tuner(measure, case.lams, first, adapter.step)

        return {setting: tuner(setting) for setting in (adapter.path_settings if case.is_path else adapter.settings)}

    def _tune(self, tuners: dict[str, Tuner], target: float, cap: float) -> Answer:
        """The best answer over a peer's settings; each has to beat the ones before it."""
        best: Answer | None = None
        for setting, tuner in tuners.items():
            if best is not None and best.outcome == "reached":
                answer = tuner.challenge(best, target, cap)
            else:
                answer = tuner.loosest(target, cap)
            best = answer.with_setting(setting) if answer.beats(best) else best
        assert best is not None
        return best

    def _tune_ours(self, case: Case, target: float) -> Answer:
        """Ours has nothing to tune: `tol` is the target. This run also warms it up on the case itself."""
        run = self.run(OURS, Task(case.lams, target, "default"), self.rules.cap_of(case))
        outcome = "failed" if run.error else "over" if run.capped else "reached" if run.gap <= target else "stalled"
        return Answer(outcome, run.seconds, run.gap, target, "default", run.error)

    def _time(self, cell: Cell, case: Case) -> None:
        """Rounds of ours, peer, ours, peer, ...; a slow peer sits out once its patience is used up."""
        timed = {name: score for name, score in cell.peers.items() if score and score.answer.outcome == "reached"}
        for turn in range(self.rules.repeats):
            self._measure_gram(cell.gram, case)
            for name, score in timed.items():
                if turn == 0 or (turn + 1) * score.answer.seconds <= self.rules.patience:
                    self._repeat(OURS, cell.ours, case)
                    self._repeat(name, score, case)
            if not timed:
                self._repeat(OURS, cell.ours, case)

    def _measure_gram(self, score: Score | None, case: Case) -> None:
        """A run to wake the threads and fill the caches, then at once another: what the hardware can do."""
        if score is not None:
            for _ in range(2):
                score.runs.append(self._workers[GRAM].run(Task(case.lams[:1], 0.0, "default"), self.rules.cap_of(case)))

    def _repeat(self, name: str, score: Score | None, case: Case) -> None:
        if score is None or score.answer.outcome in ("over", "failed"):
            return
        run = self.run(name, Task(case.lams, score.answer.tol, score.answer.setting), 3 * self.rules.cap_of(case))
        score.runs.append(run)


def cases_of(problem: Problem, names: Sequence[str]) -> list[Case]:
    """`lambda_max / 10`, `lambda_max / 100`, and a geometric path of 100 values down to `lambda_max / 1000`."""
    largest = problem.lambda_max
    path = Case("path", np.geomspace(largest, PATH_RATIO * largest, PATH_LENGTH))
    return [path if name == "path" else Case(f"max/{name}", np.array([largest / float(name)])) for name in names]


# ----------------------------------------------------------------------------------------------------------- reporting


def seconds_text(seconds: float) -> str:
    """Three significant digits, in the unit that suits."""
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def ratio_text(ratio: float, bound: bool) -> str:
    """Such as `12.3x`, or `>12.3x` for a lower bound."""
    if math.isnan(ratio):
        return "-"
    return f"{'>' * bound}{ratio:.{1 if ratio < 100 else 0}f}x"


def peer_text(cell: Cell, peer: str) -> str:
    """The ratio peer / ours with the peer's wall time beside it, or why there is none."""
    score = cell.peers[peer]
    if score is None:
        return "not compared"
    answer, ratio = score.answer, cell.ratio(peer)
    if answer.outcome == "reached":
        return f"{ratio_text(ratio, bound=False)} {seconds_text(score.seconds)}"
    if answer.outcome == "over":
        return f"{ratio_text(ratio, bound=True)} over {answer.seconds:.0f} s"
    if answer.outcome == "stalled":
        return f"{ratio_text(ratio, bound=True)} stalled at {answer.gap:.0e}"
    return f"failed: {answer.error}"[:22]


def best_text(cell: Cell) -> str:
    """The ratio of the fastest peer that reached the target; if none did, the smallest of the lower bounds."""
    scores = {peer: score for peer, score in cell.peers.items() if score and score.answer.outcome != "failed"}
    reached = [peer for peer, score in scores.items() if score.answer.outcome == "reached"]
    ratios = [cell.ratio(peer) for peer in reached or scores]
    return ratio_text(min(ratios), bound=not reached) if ratios else "-"


def ours_text(cell: Cell) -> str:
    """Our seconds, and the gap where it misses the target."""
    if cell.ours.answer.outcome in ("over", "failed"):
        return cell.ours.answer.error[:13] or f"over {cell.ours.answer.seconds:.0f} s"
    missed = f" !{cell.ours.gap:.0e}" if cell.ours.gap > cell.target else ""
    return seconds_text(cell.ours.seconds) + missed


def row(cell: Cell, peers: Sequence[str]) -> str:
    """One aligned line of the table."""
    gram = f"{cell.ours.seconds / cell.gram.fastest:.1f}" if cell.gram else "-"
    head = f"{cell.problem:13}{cell.case:9}{cell.target:<8.0e}{ours_text(cell):>14}{gram:>8}"
    return head + "".join(f"{peer_text(cell, peer):>24}" for peer in peers) + f"{best_text(cell):>11}{cell.load:>6.1f}"


def heading(peers: Sequence[str]) -> str:
    """The table's first line."""
    head = f"{'problem':13}{'lam':9}{'gap':8}{OURS:>14}{GRAM_LABEL:>8}"
    return head + "".join(f"{peer:>24}" for peer in peers) + f"{'best peer':>11}{'load':>6}"


def as_json(value: Any) -> Any:
    """Dataclasses as dictionaries; JSON has no infinity, so what is not finite becomes null."""
    if isinstance(value, Cell):
        ratios = {peer: value.ratio(peer) for peer in value.peers}
        return as_json({**asdict(value), "seconds": value.ours.seconds, "ratios": ratios})
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def machine() -> dict[str, object]:
    """Where the numbers were measured."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "numpy": np.__version__,
    }


# -------------------------------------------------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; `--quick` only changes defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    add("--gaps", nargs="+", type=float, default=[1e-4, 1e-6, 1e-8], help="relative duality gaps to reach")
    add("--lams", nargs="+", choices=LAMS, default=list(LAMS), help="lambda_max divided by this, or the whole path")
    add("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    add("--repeats", type=int, default=5, help="timed runs, of which the median counts")
    add("--cap", type=float, default=60.0, help="seconds allowed for one run at a single lam")
    add("--path-cap", type=float, default=120.0, help="seconds allowed for one run over the path")
    add("--pause", type=float, default=0.2, help="seconds of rest before each run")
    add("--patience", type=float, default=30.0, help="seconds of repeated runs spent on a peer for one number")
    add("--threads", type=int, default=2)
    add("--verbose", action="store_true", help="print every run as it ends")
    add("--json", type=Path, metavar="FILE", help="write every run to FILE")
    add("--quick", action="store_true", help="the small problem only, one gap, short caps: a few minutes")
    if "--quick" in (sys.argv[1:] if arguments is None else arguments):
        parser.set_defaults(problems=["small"], gaps=[1e-4], repeats=3, cap=10.0, path_cap=10.0)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> Iterator[tuple[Cell, Arena]]:
    """Every chosen cell, as soon as it is measured."""
    rules = Rules(**{name: getattr(options, name) for name in Rules.__dataclass_fields__})
    limit_threads(rules.threads)
    for name in options.problems:
        try:
            problem = load(name)
        except Unavailable as reason:
            print(f"{name:13}skipped: {reason}")
            continue
        with ExitStack() as stack:
            arena = Arena(problem, options.peers, rules, stack)
            for case in cases_of(problem, options.lams):
                for cell in arena.cells(case, sorted(options.gaps, reverse=True)):
                    yield cell, arena


def main() -> None:
    """Run the chosen part of the benchmark, printing each row as soon as it is known."""
    options = parse()
    print(f"{options.threads} threads for every solver; median of {options.repeats} runs; ratios are peer / {OURS}\n")
    print(heading(options.peers), flush=True)
    cells: list[Cell] = []
    for cell, arena in run(options):
        print(row(cell, options.peers), flush=True)
        cells.append(cell)
        if options.json:
            report = {"machine": machine(), "rules": asdict(arena.rules), "solvers": arena.environment, "cells": cells}
            options.json.write_text(json.dumps(as_json(report), indent=1))


if __name__ == "__main__":
    main()
