"""Statements about all real numbers, decided by the SMT solver z3 (nonlinear real arithmetic)."""

from __future__ import annotations

import importlib
from typing import Any

TIMEOUT = 20_000
"""Milliseconds that z3 may take for one question; those asked here take a few hundredths of a second."""


def _z3() -> Any:
    return importlib.import_module("z3")


def reals(names: str) -> Any:
    """Unknown real numbers: ``x, y = reals("x y")``."""
    return _z3().Reals(names)


def real_vector(name: str, length: int) -> Any:
    """A list of unknown real numbers."""
    return _z3().RealVector(name, length)


def absolute(value: Any) -> Any:
    """``|value|``."""
    return _z3().If(value >= 0, value, -value)


def either(condition: Any, this: Any, that: Any) -> Any:
    """``this`` where the condition holds, ``that`` where it does not."""
    return _z3().If(condition, this, that)


def impossible(*conditions: Any) -> bool | None:
    """Whether no real numbers satisfy all conditions at once; None if z3 cannot tell in time."""
    z3 = _z3()
    solver = z3.Solver()
    solver.set("timeout", TIMEOUT)
    solver.add(*conditions)
    answer = solver.check()
    return None if answer == z3.unknown else bool(answer == z3.unsat)


def all_of(*answers: bool | None) -> bool | None:
    """Whether all parts are proved: False if one is refuted, None if one is open."""
    if any(answer is False for answer in answers):
        return False
    return None if any(answer is None for answer in answers) else True
