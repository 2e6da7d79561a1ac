"""Measuring: all solvers on one problem, in turn, to the same recomputed gap."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

from peers import Adapter, Gram, Solvers
from problems import Array, Problem
from scores import Case, Cell, Rules, Score
from table import seconds_text
from tuning import Answer, Tuner
from workers import MissingLibrary, Run, Task, Worker

OURS, GRAM = Solvers.name, Gram.name
GRAM_LIMIT = 5_000  # features; beyond it X'X is never formed, and fills memory


class Arena:
    """All solvers on one problem, each in its own process, one of them running at a time."""

    def __init__(self, build: Callable[[], Problem], peers: Mapping[str, type[Adapter]], rules: Rules, stack: ExitStack) -> None:
        self.problem, self.rules = build(), rules
        self._adapters = {OURS: Solvers, **peers}
        if self.problem.X.shape[1] <= GRAM_LIMIT:
            self._adapters[GRAM] = Gram
        self._workers: dict[str, Worker] = {}
        self.missing: list[str] = []
        for name, adapter in self._adapters.items():
            worker = stack.enter_context(Worker(adapter, build, rules.threads))
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
        adapter = self._adapters[peer]
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
