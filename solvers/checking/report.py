"""What a property check found: one row per property, the smallest failing example, and where to look."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from solvers.results import Record, saveable

_Point = TypeVar("_Point")
_WIDTH = 118


@saveable
@dataclass(frozen=True)
class PropertyCheck:
    """One property of a user's object.

    Attributes
    ----------
    name : str
        Short name.
    statement : str
        The property as a formula or a sentence.
    n_points : int
        Points at which it was tested, up to the first failure; 0 where it could not be tested (``statement`` says why).
    example : str
        The smallest failing example, in the words of a call; empty where the property holds.
    advice : str
        What to look at if it fails.
    """

    name: str
    statement: str
    n_points: int
    example: str
    advice: str

    @property
    def holds(self) -> bool:
        """Whether no failing example was found."""
        return not self.example


@saveable
@dataclass(frozen=True, repr=False)
class PropertyReport(Record):
    """The outcome of `check_penalty` or `check_loss`; printing it shows every property, and what failed.

    Attributes
    ----------
    subject : str
        The object, as its repr.
    checks : tuple of PropertyCheck
        The properties, in the order in which they are worth reading.
    suspect : str
        Which of the user's functions the failures together point at; empty where that cannot be told.

    Notes
    -----
    Points are drawn, not proven: a report that holds says that no counterexample was found among ``n_points`` of them.
    """

    subject: str
    checks: tuple[PropertyCheck, ...]
    suspect: str = ""

    @property
    def holds(self) -> bool:
        """Whether no property failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[PropertyCheck, ...]:
        """The properties that failed."""
        return tuple(check for check in self.checks if not check.holds)

    def __repr__(self) -> str:
        failed = len(self.failures)
        verdict = f"{failed} of {len(self.checks)} properties fail" if failed else f"all {len(self.checks)} properties hold"
        width = max(len(check.name) for check in self.checks)
        lines = [f"{type(self).__name__} of {self.subject}: {verdict}"]
        for check in self.checks:
            points = f" ({check.n_points} points)" if check.n_points else ""
            lines.append(f"  {'ok  ' if check.holds else 'FAIL'}  {check.name:<{width}}  {check.statement}{points}")
            if not check.holds:
                lines += _indented(check.example, width + 10) + _indented(f"look at {check.advice}", width + 10)
        return "\n".join([*lines, f"  suspect: {self.suspect}"] if self.suspect else lines)


def _indented(text: str, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(text, _WIDTH, initial_indent=margin, subsequent_indent=margin + "  ", break_long_words=False)


def examine(
    name: str, statement: str, advice: str, points: Iterable[_Point], test: Callable[[_Point], str | None]
) -> PropertyCheck:
    """Test a property at points that get harder; ``test`` returns a failing example in words, or None.

    What the user's code raises is a failing example: nothing but Ctrl-C comes through.
    """
    count = 0
    for point in points:
        count += 1
        try:
            # Points are extreme on purpose; what comes of an overflow is judged, not warned about.
            with np.errstate(all="ignore"):
                example = test(point)
        except Exception as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else ""
            example = f"{type(error).__name__}: {first} ... at {point}"
        if example is not None:
            return PropertyCheck(name, statement, count, example, advice)
    return PropertyCheck(name, statement, count, "", advice)


def numbers(values: Any) -> str:
    """Numbers as one types them, at most six digits each."""
    array = np.asarray(values, dtype=float)
    if array.ndim == 0:
        return f"{float(array):.6g}"
    return "[" + ", ".join(numbers(entry) for entry in array) + "]"
