"""Solvers in processes of their own: a thread pool each, compiled once, timed inside, killed past a cap.

A worker builds its problem itself (the seed is fixed), so no data travel between processes. It answers
every task with two messages: the seconds when the solver returns, then the gap when the judge has recomputed it. The
parent waits for the first one no longer than the cap; compiled solvers cannot be interrupted, so past it the process
is killed, with all that it started, and started afresh for the next task.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
from peers import Adapter
from problems import Array, Problem, worst_gap

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
START_SECONDS = 300.0


class MissingLibrary(Exception):
    """The solver's library is not installed."""


@dataclass(frozen=True)
class Task:
    """Solve for `lams` with the solver's own tolerance `tol`."""

    lams: Array
    tol: float
    setting: str


@dataclass(frozen=True)
class Run:
    """What came of a task: its seconds (or the cap it exceeded) and the worst relative gap over its `lams`."""

    seconds: float
    gap: float = float("inf")
    capped: bool = False
    error: str = ""


def limit_threads(threads: int) -> None:
    """Give every worker started from now on the same number of threads."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))


# ------------------------------------------------------------------------------------------------------- in the worker


def serve(connection: Connection, solver: type[Adapter], build: Callable[[], Problem], threads: int) -> None:
    """The worker's whole life: import, build, warm up, then answer tasks until the parent goes away."""
    warnings.simplefilter("ignore")
    _lead_a_group()
    try:
        adapter = solver(threads)
    except ImportError as error:
        connection.send(MissingLibrary(str(error)))
        return
    problem = build()
    _warm_up(adapter, problem)
    adapter.prepare(problem)
    connection.send(_environment(adapter))
    with suppress(EOFError, ConnectionError):
        while True:
            _answer(connection, adapter, problem, connection.recv())
            gc.collect()


def _lead_a_group() -> None:
    """A solver may run in a process that this one starts: as a group they can be killed together."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()


def _warm_up(adapter: Adapter, problem: Problem) -> None:
    """Compile everything on two corners of the problem, one taller than wide, one wider than tall."""
    for n, p in ((60, 20), (20, 60)):
        corner = problem.corner(n, p)
        adapter.prepare(corner)
        largest = corner.lambda_max
        for lams in (np.array([largest / 3]), np.array([largest / 2, largest / 4])):
            settings = adapter.settings if len(lams) == 1 else adapter.path_settings
            for setting in settings:
                list(adapter.solve(corner, lams, 1e-4, setting))


def _environment(adapter: Adapter) -> dict[str, str]:
    from threadpoolctl import threadpool_info

    pools = sorted({f"{pool['internal_api']}:{pool['num_threads']}" for pool in threadpool_info()})
    return {"version": adapter.version(), "threads": " ".join(pools)}


def _answer(connection: Connection, adapter: Adapter, problem: Problem, task: Task) -> None:
    start = time.perf_counter()
    try:
        models = adapter.solve(problem, task.lams, task.tol, task.setting)
    except Exception as error:
        connection.send(Run(time.perf_counter() - start, error=f"{type(error).__name__}: {error}"))
    else:
        elapsed = time.perf_counter() - start
        connection.send(Run(elapsed if adapter.own_seconds is None else adapter.own_seconds))
        connection.send(worst_gap(problem, task.lams, models))


# ------------------------------------------------------------------------------------------------------- in the parent


class Worker:
    """A solver with its problem loaded, in a child process that is started when first needed."""

    def __init__(self, solver: type[Adapter], build: Callable[[], Problem], threads: int) -> None:
        self.environment: Mapping[str, str] = {}
        self._solver = solver.name
        self._arguments = (solver, build, threads)
        self._context = multiprocessing.get_context("spawn")
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def start(self) -> None:
        """Import, load and compile; raise `MissingLibrary` if there is nothing to import."""
        if self._process is not None:
            return
        self._connection, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, *self._arguments), daemon=True)
        process.start()
        self._process = process
        theirs.close()
        answer = self._receive(START_SECONDS)
        if isinstance(answer, dict):
            self.environment = answer
            return
        self.close()
        raise answer if isinstance(answer, MissingLibrary) else RuntimeError(f"{self._solver} did not start")

    def run(self, task: Task, cap: float) -> Run:
        """Carry out `task`; past `cap` seconds the process is killed and the run reported as capped."""
        self.start()
        assert self._connection is not None
        self._connection.send(task)
        run = self._receive(cap)
        if run is None:
            self.close()
            return Run(cap, capped=True)
        if run.error:
            return run
        gap = self._receive(None)
        if not isinstance(gap, float):
            return gap
        return Run(run.seconds, gap, error="" if math.isfinite(gap) else "coefficients are missing or not finite")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            _kill(self._process)
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def _receive(self, seconds: float | None) -> Any:
        """The next message, or `None` after `seconds`; a crashed process answers with an error."""
        assert self._connection is not None
        try:
            return self._connection.recv() if self._connection.poll(seconds) else None
        except (EOFError, OSError):
            self.close()
            return Run(0.0, error="the process crashed")


def _kill(process: BaseProcess) -> None:
    """End the process and its group; alone where it has not come to leading one."""
    if process.pid is not None and hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
