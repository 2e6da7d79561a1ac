"""What every long computation shares: limits, callback, progress lines and history, written once."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_count, as_number
from solvers.errors import IncompatibleError
from solvers.results import Limit

HISTORY = np.dtype([("n_iter", "i8"), ("elapsed", "f8"), ("objective", "f8"), ("gap", "f8"), ("n_active", "i8")])
"""Columns of a history: rounds, seconds since the start, objective, relative gap, number of non-zero groups."""


@dataclass(frozen=True)
class Progress:
    """Where a computation stands: what a callback is given after every round.

    Attributes
    ----------
    n_iter : int
        Rounds so far.
    elapsed : float
        Seconds since the start.
    objective : float
        Objective of the present point.
    gap : float
        Its relative optimality gap, as far as the solver knows it before the certificate.
    n_active : int
        Number of non-zero groups.
    lam : float
        In a path, the penalty strength being solved for; else nan.
    index : int
        In a path, how many values of lam are finished; else 0.
    """

    n_iter: int
    elapsed: float
    objective: float
    gap: float
    n_active: int
    lam: float = math.nan
    index: int = 0


class Interrupted(Exception):
    """Raised inside a solver to unwind to its driver; never leaves the package."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self.limit = limit


class CallbackError(Exception):
    """Wraps an exception raised in a user's ``callback`` or ``verbose``, which is ``__cause__``; never leaves the package."""


Callback = Callable[[Progress], object]


class Monitor:
    """Watches one computation: counts rounds, keeps the history, calls back, and breaks off at a limit.

    Parameters
    ----------
    max_iter : int
        Largest number of rounds, for each lam of a path.
    time_limit : float or None
        Seconds; None for no limit.
    callback : callable or None
        Called with a `Progress` after every round; a true answer stops the computation.
    verbose : bool or callable
        True prints a line per round; a callable is given the line instead.
    """

    def __init__(
        self,
        *,
        max_iter: int,
        time_limit: float | None = None,
        callback: Callback | None = None,
        verbose: bool | Callable[[str], object] = False,
    ) -> None:
        self.max_iter = as_count(max_iter, "max_iter")
        self.time_limit = math.inf if time_limit is None else as_number(time_limit, "time_limit")
        if callback is not None and not callable(callback):
            raise IncompatibleError(f"callback must be callable or None, got {callback!r}")
        self.callback = callback
        self.report: Callable[[str], object] | None = verbose if callable(verbose) else (print if verbose else None)
        self.started = time.perf_counter()
        self.interrupted = False
        self.begin()

    def begin(self, lam: float = math.nan, index: int = 0) -> None:
        """Start counting anew, for the next lam of a path; the time limit goes on."""
        self.lam, self.index = lam, index
        self.n_iter = 0
        self.limit = Limit.NONE
        self._began = self.elapsed
        self._rows: list[tuple[int, float, float, float, int]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def spent(self) -> float:
        """Seconds since the last `begin`."""
        return self.elapsed - self._began

    @property
    def history(self) -> np.ndarray[Any, Any]:
        """One row of `HISTORY` per round."""
        return np.array(self._rows, dtype=HISTORY)

    def round(self, objective: float, gap: float, n_active: int) -> None:
        """Record a finished round; raises `Interrupted` where a limit is reached."""
        self.n_iter += 1
        progress = Progress(self.n_iter, self.elapsed, objective, gap, n_active, self.lam, self.index)
        self._rows.append((progress.n_iter, progress.elapsed, objective, gap, n_active))
        self._tell(progress)
        self.check()

    def check(self) -> None:
        """Raise `Interrupted` where a limit is reached, between rounds too."""
        if self.interrupted:
            raise Interrupted(Limit.INTERRUPT)
        if self.n_iter >= self.max_iter:
            raise Interrupted(Limit.ITERATIONS)
        if self.elapsed > self.time_limit:
            raise Interrupted(Limit.TIME)

    @contextmanager
    def defer_interrupts(self) -> Iterator[None]:
        """Let the first Ctrl-C wait for the end of the round, so that no array is left half updated; a second one acts at once.

        Only where Ctrl-C would raise `KeyboardInterrupt`: in the main thread, with Python's own handler.
        """
        in_main_thread = threading.current_thread() is threading.main_thread()
        if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return

        def note(signum: int, frame: Any) -> None:
            if self.interrupted:
                signal.default_int_handler(signum, frame)
            self.interrupted = True

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Turn limits and Ctrl-C inside the block into ``self.limit``: what follows the block sees the best point so far."""
        try:
            yield
        except Interrupted as stop:
            self.limit = stop.limit
        except KeyboardInterrupt:
            self.interrupted = True
            self.limit = Limit.INTERRUPT

    def _tell(self, progress: Progress) -> None:
        """Report and call back; what the user's functions raise must not lose the answer so far."""
        stop, who = False, "verbose"
        try:
            if self.report is not None:
                self.report(
                    f"round {self.n_iter:5d}  objective {progress.objective:.10e}  gap {progress.gap:.2e}  "
                    f"active {progress.n_active}"
                )
            who = "callback"
            if self.callback is not None:
                stop = bool(self.callback(progress))
        except Exception as error:
            raise CallbackError(who) from error
        if stop:
            raise Interrupted(Limit.CALLBACK)
