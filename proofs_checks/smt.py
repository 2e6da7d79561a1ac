"""Statements about all real numbers, decided by the SMT solver z3 (nonlinear real arithmetic)."""

from __future__ import annotations

from typing import Any

TIMEOUT = 20_000
"""Milliseconds that z3 may take for one question; those asked here take a few hundredths of a second."""


def impossible(*conditions: Any) -> bool | None:
    """Whether no real numbers satisfy all conditions at once; None if z3 cannot tell in time."""
    import z3

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
