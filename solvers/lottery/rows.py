"""Independent work cut into chunks, run one after the other or by joblib: threads, or the backend the caller has chosen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from solvers.errors import require
from solvers.results import Limit

Chunk = tuple[int, int]
OnChunk = Callable[[int, int], object]


def chunks_of(count: int, largest: int, n_jobs: int | None) -> list[Chunk]:
    """Ranges of at most ``largest``, at least four for each of two jobs or more."""
    if n_jobs not in (None, 1):
        largest = min(largest, max(1, -(-count // (4 * max(2, abs(n_jobs or 1))))))
    return [(begin, min(begin + largest, count)) for begin in range(0, count, max(1, largest))]


class Rows:
    """Runs ``work(*arguments)`` for each chunk; keeps what is finished where a time limit or Ctrl-C strikes.

    Attributes
    ----------
    limit : Limit
        What stopped the run.
    """

    def __init__(
        self, n_jobs: int | None, time_limit: float | None, on_chunk: Callable[[int, int], object] | None = None
    ) -> None:
        self.n_jobs, self.on_chunk = n_jobs, on_chunk
        self.deadline = None if time_limit is None else time.time() + time_limit
        self.limit = Limit.NONE

    def run(self, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """``(index of the call, answer)`` as they are finished; those after the deadline are left out."""
        done = 0
        answers = self._answers(work, calls)
        try:
            for index, answer in answers:
                if answer is None:
                    self.limit = Limit.TIME
                    continue
                done += 1
                yield index, answer
                if self.on_chunk is not None:
                    self.on_chunk(done, len(calls))
        except KeyboardInterrupt:
            self.limit = Limit.INTERRUPT

    def _answers(self, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Iterable[tuple[int, Any]]:
        tasks = [(index, self.deadline, work, call) for index, call in enumerate(calls)]
        if self.n_jobs in (None, 1) or len(calls) < 2:
            return (_timed(*task) for task in tasks)
        joblib = require("joblib", extra="lottery", purpose="n_jobs")
        parallel = joblib.Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="list")
        if parallel._backend.supports_return_generator:
            parallel = joblib.Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator_unordered")
        return parallel(joblib.delayed(_timed)(*task) for task in tasks)


def _timed(index: int, deadline: float | None, work: Callable[..., Any], call: tuple[Any, ...]) -> tuple[int, Any]:
    """The answer of one chunk, None once the deadline has passed. A function of the module: other processes can load it."""
    if deadline is not None and time.time() > deadline:
        return index, None
    return index, work(*call)
