"""Real coefficients as integers for CP-SAT, with a stated bound on what that does to a sum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

BITS = 48
"""Scaled coefficients of one equation sum to less than ``2^BITS``: enough digits, and far from CP-SAT's overflow at ``2^62``."""


@dataclass(frozen=True)
class Scaled:
    """``round(values 2^scale)`` and ``round(target 2^scale)`` for one equation.

    Attributes
    ----------
    coefficients : list of int, (n,)
        The scaled values.
    target : int
        The scaled target.
    scale : int
        Exponent of the factor.
    error : float
        In units of the values: by how much ``|target - sum|`` of any subset can differ from its scaled counterpart. 0 where
        nothing was rounded.
    """

    coefficients: list[int]
    target: int
    scale: int
    error: float

    def in_units(self, number: float) -> float:
        """From scaled to the values' units."""
        return math.ldexp(number, -self.scale)

    def scaled(self, number: float) -> float:
        """From the values' units to scaled."""
        return math.ldexp(number, self.scale)


def scale(values: Array, target: float, *, integer: bool) -> Scaled:
    """The largest power of two as a factor that keeps the sum of coefficients and target below ``2^BITS``; 1 for integers.

    A value that is not a multiple of ``2^-scale`` is rounded by at most half a unit, the target too: ``error`` is half a unit
    times the number of those that were.
    """
    total = math.fsum([abs(target), *np.abs(values).tolist()])
    exponent = 0 if integer or total == 0.0 else BITS - math.frexp(total)[1]
    numbers = [math.ldexp(number, exponent) for number in [*values.tolist(), target]]
    rounded = [round(number) for number in numbers]
    changed = sum(whole != number for whole, number in zip(rounded, numbers, strict=True))
    return Scaled(rounded[:-1], rounded[-1], exponent, math.ldexp(0.5 * changed, -exponent))
