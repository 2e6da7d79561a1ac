"""How many threads the linear algebra may use: one for small work, all of them for large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import scipy.linalg.blas  # noqa: F401  the library whose threads are counted must be loaded first
from threadpoolctl import ThreadpoolController

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

LARGE_WORK = 3e7
"""Operations from which on a second thread pays, about a millisecond of work. OpenBLAS starts threads far below that, and idle ones
spin: on a busy machine a factorisation of 2 ms was seen to wait a second for its helpers."""


@cache
def _libraries() -> list[Any]:
    return ThreadpoolController().select(user_api="blas").lib_controllers


@contextmanager
def _threads(counts: list[int]) -> Iterator[None]:
    libraries = _libraries()
    before = [library.get_num_threads() for library in libraries]
    try:
        for library, count in zip(libraries, counts, strict=True):
            library.set_num_threads(count)
        yield
    finally:
        for library, count in zip(libraries, before, strict=True):
            library.set_num_threads(count)


_allowed: list[list[int]] = []
"""Thread counts found by each public call now running, outermost first."""


def single_threaded(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorator of public calls: one BLAS thread inside, except in `all_threads`; the caller's setting is restored."""

    @wraps(function)
    def wrapper(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        _allowed.append([library.get_num_threads() for library in _libraries()])
        try:
            with _threads([1] * len(_libraries())):
                return function(*args, **kwargs)
        finally:
            _allowed.pop()

    return wrapper


@contextmanager
def all_threads(operations: float) -> Iterator[None]:
    """As many threads as the outermost public call found, if the block is `LARGE_WORK`."""
    if operations < LARGE_WORK or not _allowed:
        yield
        return
    with _threads(_allowed[0]):
        yield
