"""Formulas that several statements share, written so that floats and arrays of exact rationals both pass through them.

The notation is the draft's: samples are the columns of ``X (p, N)`` and ``Y (n, N)``, inputs the columns of ``A (n, p)``.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def is_exact(values: Array) -> bool:
    """Whether an array holds rationals, not floats."""
    return values.dtype == object


def squared_error(Y: Array, W: Array, X: Array) -> Any:
    """``||Y - W X||^2``, all entries squared and summed."""
    return ((Y - W @ X) ** 2).sum()


def root(value: Any) -> Any:
    """The square root; of a rational it must be rational.

    >>> root(Fraction(9, 4))
    Fraction(3, 2)
    """
    if not isinstance(value, Fraction):
        return math.sqrt(value)
    exact = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    if exact * exact != value:
        raise ArithmeticError(f"{value} is not the square of a rational number")
    return exact


def lengths(A: Array) -> Array:
    """``||A_:j||_2`` of each column."""
    squares = (A * A).sum(axis=0)
    return np.array([root(square) for square in squares], dtype=object) if is_exact(A) else np.sqrt(squares)


def least_squares(Y: Array, X: Array) -> Array:
    """A W with the smallest ``||Y - W X||^2``.

    For rationals by Gram-Schmidt: the rows of X, made orthogonal one after the other, and how they are combined from those of X.
    """
    if not is_exact(X):
        return np.linalg.lstsq(X.T, Y.T, rcond=None)[0].T
    W = 0 * (Y @ X.T)
    orthogonal: list[tuple[Array, Array]] = []
    for row, combination in zip(X, np.eye(len(X), dtype=object), strict=True):
        for earlier, of_earlier in orthogonal:
            share = row @ earlier / (earlier @ earlier)
            row, combination = row - share * earlier, combination - share * of_earlier
        if np.any(row != 0):
            orthogonal.append((row, combination))
            W = W + np.outer(Y @ row / (row @ row), combination)
    return W


def least_squares_error(Y: Array, X: Array) -> Any:
    """``min_W ||Y - W X||^2``: a lower bound on ``||Y - A diag(beta) X||^2`` for all ``A`` and ``beta``."""
    return squared_error(Y, least_squares(Y, X), X)


def with_zeros(rng: np.random.Generator, *shape: int) -> Array:
    """Random numbers: real or whole, of any order of magnitude between 0.03 and 30, some of them zero."""
    values = rng.standard_normal(shape)
    kind = rng.random()
    if kind < 0.3:
        return np.round(2.0 * values)
    if kind < 0.6:
        values[rng.random(shape) < 0.3] = 0.0
    return values * 10.0 ** rng.uniform(-1.5, 1.5)


def strength(rng: np.random.Generator) -> float:
    """A random positive penalty strength between 0.01 and 100."""
    return 10.0 ** rng.uniform(-2.0, 2.0)
