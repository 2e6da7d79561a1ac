"""The monitor counts, records, calls back, reports, and breaks off at a limit; nothing here reads a real clock."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from solvers import IncompatibleError, InputError, Limit, Progress
from solvers._progress import HISTORY, CallbackError, Interrupted, Monitor


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("solvers._progress.time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def run(monitor: Monitor, rounds: int = 10) -> int:
    """Play ``rounds`` rounds under the monitor; returns how many were recorded."""
    with monitor.watch():
        for k in range(rounds):
            monitor.round(objective=10.0 - k, gap=2.0**-k, n_active=k)
    return monitor.n_iter


def test_nothing_stops_a_run_within_its_limits():
    monitor = Monitor(max_iter=100)
    assert run(monitor) == 10
    assert monitor.limit is Limit.NONE


@pytest.mark.parametrize("max_iter", [1, 3, 10])
def test_the_round_limit_stops_after_that_many_rounds(max_iter):
    monitor = Monitor(max_iter=max_iter)
    assert run(monitor, 11) == max_iter
    assert monitor.limit is Limit.ITERATIONS


def test_the_time_limit_stops_once_it_has_passed(clock):
    monitor = Monitor(max_iter=100, time_limit=5.0)
    run(monitor, 3)
    clock.now += 5.0
    assert run(monitor, 1) == 4, "the limit itself is allowed"
    assert monitor.limit is Limit.NONE
    clock.now += 0.25
    assert run(monitor, 7) == 5
    assert monitor.limit is Limit.TIME


def test_the_time_limit_is_seen_between_rounds_too(clock):
    monitor = Monitor(max_iter=100, time_limit=5.0)
    clock.now += 6.0
    with monitor.watch():
        monitor.check()
    assert monitor.limit is Limit.TIME
    assert monitor.n_iter == 0


def test_no_time_limit_means_none(clock):
    monitor = Monitor(max_iter=100)
    clock.now += 1e9
    assert run(monitor) == 10


def test_a_true_answer_of_the_callback_stops():
    monitor = Monitor(max_iter=100, callback=lambda progress: progress.n_iter == 4)
    assert run(monitor) == 4
    assert monitor.limit is Limit.CALLBACK


@pytest.mark.parametrize("answer", [None, False, 0, "", np.False_, []])
def test_other_answers_of_the_callback_do_not(answer):
    monitor = Monitor(max_iter=100, callback=lambda _: answer)
    assert run(monitor) == 10
    assert monitor.limit is Limit.NONE


def test_the_callback_comes_before_the_round_limit():
    monitor = Monitor(max_iter=1, callback=lambda _: True)
    run(monitor)
    assert monitor.limit is Limit.CALLBACK


def test_the_callback_sees_every_round(clock):
    seen: list[Progress] = []
    monitor = Monitor(max_iter=100, callback=seen.append)
    monitor.begin(lam=0.5, index=7)
    clock.now += 2.0
    run(monitor, 2)
    assert seen == [
        Progress(n_iter=1, elapsed=2.0, objective=10.0, gap=1.0, n_active=0, lam=0.5, index=7),
        Progress(n_iter=2, elapsed=2.0, objective=9.0, gap=0.5, n_active=1, lam=0.5, index=7),
    ]


def test_outside_a_path_there_is_no_lam():
    seen: list[Progress] = []
    run(Monitor(max_iter=100, callback=seen.append), 1)
    assert math.isnan(seen[0].lam)
    assert seen[0].index == 0


@pytest.mark.parametrize("error", [ValueError("no"), StopIteration(), InputError("x"), SystemError()])
def test_an_exception_in_the_callback_is_wrapped(error):
    def fail(_):
        raise error

    monitor = Monitor(max_iter=100, callback=fail)
    with pytest.raises(CallbackError) as caught:
        run(monitor)
    assert caught.value.__cause__ is error
    assert len(monitor.history) == 1, "the round was finished"


def test_an_answer_without_a_truth_value_is_an_exception_in_the_callback():
    monitor = Monitor(max_iter=100, callback=lambda _: np.ones(2))
    with pytest.raises(CallbackError) as caught:
        run(monitor)
    assert isinstance(caught.value.__cause__, ValueError)


def test_ctrl_c_becomes_a_limit():
    monitor = Monitor(max_iter=100)
    with monitor.watch():
        monitor.round(1.0, 1.0, 1)
        raise KeyboardInterrupt
    assert monitor.limit is Limit.INTERRUPT
    assert monitor.n_iter == 1


def test_ctrl_c_inside_the_callback_becomes_a_limit():
    def interrupt(_):
        raise KeyboardInterrupt

    monitor = Monitor(max_iter=100, callback=interrupt)
    assert run(monitor) == 1
    assert monitor.limit is Limit.INTERRUPT


@pytest.mark.parametrize("limit", list(Limit))
def test_what_unwinds_a_solver_becomes_the_limit(limit):
    monitor = Monitor(max_iter=100)
    with monitor.watch():
        raise Interrupted(limit)
    assert monitor.limit is limit


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, SystemExit, CallbackError])
def test_other_exceptions_pass_through(error):
    monitor = Monitor(max_iter=100)
    with pytest.raises(error), monitor.watch():
        raise error
    assert monitor.limit is Limit.NONE


def test_verbose_gives_a_line_per_round_to_a_callable():
    lines: list[str] = []
    run(Monitor(max_iter=100, verbose=lines.append), 3)
    assert len(lines) == 3
    assert lines[2].split() == ["round", "3", "objective", "8.0000000000e+00", "gap", "2.50e-01", "active", "2"]


def test_verbose_prints(capsys):
    run(Monitor(max_iter=100, verbose=True), 3)
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["round", "1"], ["round", "2"], ["round", "3"]]


def test_silence_by_default(capsys):
    run(Monitor(max_iter=100))
    assert capsys.readouterr() == ("", "")


def test_the_history_has_a_row_per_round(clock):
    monitor = Monitor(max_iter=100)
    clock.now += 1.5
    run(monitor, 3)
    assert monitor.history.dtype == HISTORY
    assert monitor.history.tolist() == [(1, 1.5, 10.0, 1.0, 0), (2, 1.5, 9.0, 0.5, 1), (3, 1.5, 8.0, 0.25, 2)]


def test_the_history_begins_empty():
    history = Monitor(max_iter=100).history
    assert history.shape == (0,)
    assert history.dtype.names == ("n_iter", "elapsed", "objective", "gap", "n_active")


def test_begin_counts_anew_and_lets_the_time_go_on(clock):
    monitor = Monitor(max_iter=3, time_limit=10.0)
    clock.now += 4.0
    run(monitor, 5)
    assert (monitor.limit, monitor.spent) == (Limit.ITERATIONS, 4.0)
    monitor.begin(lam=0.5, index=1)
    assert (monitor.n_iter, len(monitor.history), monitor.limit) == (0, 0, Limit.NONE)
    clock.now += 3.0
    assert (monitor.elapsed, monitor.spent) == (7.0, 3.0)
    clock.now += 4.0
    assert run(monitor, 5) == 1
    assert monitor.limit is Limit.TIME


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"max_iter": 0}, InputError, "max_iter must be at least 1, got 0"),
        ({"max_iter": 1.5}, IncompatibleError, "max_iter must be an integer, got 1.5 of type float"),
        ({"time_limit": -1}, InputError, "time_limit must be finite and at least 0, got -1"),
        ({"time_limit": "1"}, IncompatibleError, "time_limit must be a real number, got '1' of type str"),
        ({"callback": 3}, IncompatibleError, "callback must be callable or None, got 3"),
    ],
)
def test_wrong_limits_are_refused(keywords, error, message):
    with pytest.raises(error) as caught:
        Monitor(**{"max_iter": 100} | keywords)
    assert str(caught.value).startswith(message)


# Ctrl-C while a round is under way.


@pytest.fixture
def handler():
    """Python's own handler of Ctrl-C, whatever the test run was started with."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_a_first_ctrl_c_waits_for_the_end_of_the_round(handler):
    monitor, finished = Monitor(max_iter=100), []
    with monitor.defer_interrupts(), monitor.watch():
        for k in range(3):
            if k == 1:
                signal.raise_signal(signal.SIGINT)
            finished.append(k)
            monitor.round(1.0, 1.0, 1)
    assert finished == [0, 1]
    assert (monitor.n_iter, monitor.limit) == (2, Limit.INTERRUPT)


def test_a_second_ctrl_c_acts_at_once(handler):
    monitor, finished = Monitor(max_iter=100), []
    with monitor.defer_interrupts(), monitor.watch():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        finished.append("not reached")
    assert finished == []
    assert monitor.limit is Limit.INTERRUPT


@pytest.mark.parametrize("error", [None, ZeroDivisionError, KeyboardInterrupt])
def test_the_handler_of_ctrl_c_is_restored(error, handler):
    with contextlib.suppress(error or ()), Monitor(max_iter=100).defer_interrupts():
        assert signal.getsignal(signal.SIGINT) is not handler
        if error:
            raise error
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("own", [signal.SIG_IGN, signal.SIG_DFL, lambda signum, frame: None])
def test_a_handler_of_ones_own_is_left_in_force(own, handler):
    signal.signal(signal.SIGINT, own)
    with Monitor(max_iter=100).defer_interrupts():
        assert signal.getsignal(signal.SIGINT) is own
    assert signal.getsignal(signal.SIGINT) is own


def test_other_threads_leave_the_handler_alone(handler):
    def look() -> None:
        with Monitor(max_iter=100).defer_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    seen: list[object] = []
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [handler]
