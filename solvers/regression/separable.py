"""How much of a quadratic form is separable: the largest diagonal that can be taken off without losing convexity."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import eigh

from solvers._blas import cholesky, cholesky_inverse, cholesky_solve

Array = np.ndarray[Any, np.dtype[np.float64]]

_MARGIN = 1e-6
"""Relative shrinkage of the separable part, so that what remains of Q is safely positive semidefinite in float64."""

_SINGULAR = 1e-6
"""Smallest eigenvalue, for columns of unit length, below which the separable part would change nothing."""

_LARGEST = 300
"""Columns up to which the factorisations cost less than a second."""


def separable_part(Q: Array) -> Array:
    """A large ``delta >= 0`` with ``Q - diag(delta)`` positive semidefinite; zero where Q is nearly singular or has many columns.

    Maximises ``sum_j delta_j / Q_jj`` by Newton's method on the log-determinant barrier, O(n_features^3) per step.
    """
    scale = np.sqrt(np.diag(Q))
    live = scale > 0
    if not np.all(live):
        delta = np.zeros(len(Q))
        delta[live] = separable_part(Q[np.ix_(live, live)])
        return delta
    if not 0 < len(Q) <= _LARGEST:
        return np.zeros(len(Q))
    unit = Q / np.outer(scale, scale)
    smallest = float(eigh(unit, eigvals_only=True, subset_by_index=[0, 0])[0])
    if smallest <= _SINGULAR:
        return np.zeros(len(Q))
    delta, barrier = np.full(len(Q), 0.5 * smallest), 1.0
    for _ in range(60):
        inverted = inverse(unit - np.diag(delta))
        if inverted is None:
            break
        gradient = 1.0 - barrier * np.diag(inverted) + barrier / delta
        hessian = barrier * (inverted * inverted + np.diag(1.0 / delta**2))
        factor = cholesky(hessian)
        if factor is None:
            break
        step = cholesky_solve(factor, gradient)
        length = 1.0
        while length > 1e-6 and (np.any(delta + length * step <= 0) or not _positive(unit - np.diag(delta + length * step))):
            length *= 0.5
        if length <= 1e-6:
            break
        delta = delta + length * step
        if length == 1.0 and float(step @ gradient) < 1e-3 * barrier * len(Q):
            barrier *= 0.2
        if barrier * len(Q) < 1e-4:
            break
    delta = (1.0 - _MARGIN) * delta
    return delta * scale**2 if _positive(unit - np.diag(delta)) else np.zeros(len(Q))


def inverse(A: Array) -> Array | None:
    """The inverse of a symmetric matrix; None where it is not numerically positive definite."""
    factor = cholesky(A.copy())
    if factor is None:
        return None
    upper = np.triu(cholesky_inverse(factor))
    return upper + np.triu(upper, 1).T


def _positive(A: Array) -> bool:
    return cholesky(A.copy()) is not None
