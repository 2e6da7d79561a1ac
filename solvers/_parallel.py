"""How many threads the linear algebra may use: one for small work, all of them for large."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import scipy.linalg.blas  # noqa: F401  the library whose threads are counted must be loaded first
from threadpoolctl import ThreadpoolController

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

LARGE_WORK = 3e7
"""Operations from which on a second thread pays, about a millisecond of work. OpenBLAS starts threads far below that, and
idle ones spin: on a busy machine a factorisation of 2 ms was seen to wait a second for its helpers."""


@cache
def _libraries() -> list[Any]:
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _thread_counts() -> list[int]:
    return [library.get_num_threads() for library in _libraries()]


def _set_threads(counts: list[int]) -> None:
    for library, count in zip(_libraries(), counts, strict=True):
        library.set_num_threads(count)


class _Running:
    """The public calls now running, in all threads: the first saves the caller's setting, the last restores it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = 0
        self.found: list[int] = []

    def enter(self) -> None:
        with self.lock:
            self.calls += 1
            if self.calls == 1:
                self.found = _thread_counts()
                _set_threads([1] * len(self.found))

    def leave(self) -> None:
        with self.lock:
            self.calls -= 1
            if self.calls == 0:
                _set_threads(self.found)


_running = _Running()


def single_threaded(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorator of public calls: one BLAS thread inside, except in `all_threads`; the caller's setting is restored."""

    @wraps(function)
    def wrapper(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        _running.enter()
        try:
            return function(*args, **kwargs)
        finally:
            _running.leave()

    return wrapper


@contextmanager
def all_threads(operations: float) -> Iterator[None]:
    """As many threads as the caller's setting allows, if the block is `LARGE_WORK` and no other public call runs beside."""
    if operations < LARGE_WORK or _running.calls != 1:
        yield
        return
    _set_threads(_running.found)
    try:
        yield
    finally:
        _set_threads([1] * len(_running.found))
