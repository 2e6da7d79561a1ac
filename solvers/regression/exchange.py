"""Which single input to add or drop next when all others adapt: moves that block-coordinate descent cannot see.

At a local minimiser with support S, radial penalty ``phi_j(r) = mu_j r^q`` and ``d_j = phi_j'(r_j) / r_j``, let
``M = Q_SS + diag(d)``. Minimising over the other live rows leaves, to second order, a quadratic in row j alone whose curvature is
the Schur complement ``a_j``:

    drop j in S:     a_j = 1 / (M^{-1})_jj - d_j,             gain = (1 - q) phi_j(r_j) - 1/2 a_j r_j^2,
    add j outside:   a_j = Q_jj - Q_jS M^{-1} Q_Sj,           gain = -min_r ( 1/2 a_j r^2 - ||g_j|| r + phi_j(r) ).

With ``a_j = Q_jj`` these are the tests of a sweep. On correlated inputs ``a_j`` is much smaller: columns that could stand in for
each other are then cheap to drop, and worth adding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from solvers._blas import matmul
from solvers.regression.rows import row_norms
from solvers.regression.separable import inverse

Array = np.ndarray[Any, np.dtype[np.float64]]

_COLLINEAR = 1e-8


class Moves(NamedTuple):
    """Moves with a positive estimated gain, the best first: ``gains (m,)``, ``columns (m,)``, and the points they lead to."""

    gains: Array
    columns: np.ndarray[Any, np.dtype[np.intp]]
    steps: list[Array]


def best_moves(Q: Array, B: Array, G: Array, mu: Array, q: float, most: int) -> Moves:
    """Estimate all moves from ``B`` with negative gradient ``G``; O(k^3 + k^2 n_features) for k live rows.

    Returns the best ``most`` of them; ``steps[i]`` is what to add to ``B`` for move i, the other live rows adapted.
    """
    live = np.flatnonzero(B.any(axis=1))
    outside = np.flatnonzero(~B.any(axis=1) & (np.diag(Q) > 0))
    W, r = B[live], row_norms(B[live])
    d = mu[live] * q * r ** (q - 2.0)
    M = Q[np.ix_(live, live)]
    M.flat[:: len(M) + 1] += d
    inverted = inverse(M) if len(live) else np.zeros((0, 0))
    if inverted is None:
        return Moves(np.zeros(0), np.zeros(0, np.intp), [])
    diagonal = np.diag(inverted)
    drop = (1.0 - q) * mu[live] * r**q - 0.5 * (1.0 / diagonal - d) * r**2
    cross = Q[np.ix_(live, outside)]
    adapted = matmul(inverted, cross)
    curvature = np.diag(Q)[outside] - np.sum(cross * adapted, axis=0)
    lengths, add = _best_lengths(curvature, np.diag(Q)[outside], row_norms(G[outside]), mu[outside], q)
    gains, columns = np.concatenate([drop, add]), np.concatenate([live, outside])
    order = np.argsort(-gains)[:most]
    order = order[gains[order] > 0]
    steps = []
    for i in order:
        step = np.zeros_like(B)
        if i < len(live):
            step[live] = -np.outer(inverted[:, i] / diagonal[i], W[i])
            step[live[i]] = -W[i]
        else:
            j = i - len(live)
            row = G[outside[j]] * (lengths[j] / float(np.linalg.norm(G[outside[j]])))
            step[live] = -np.outer(adapted[:, j], row)
            step[outside[j]] = row
        steps.append(step)
    return Moves(gains[order], columns[order], steps)


def _best_lengths(curvature: Array, own: Array, g: Array, mu: Array, q: float) -> tuple[Array, Array]:
    """``argmin_r 1/2 a r^2 - g r + mu r^q`` away from zero for each column, by Newton's method, and the gain over zero."""
    usable = (curvature > _COLLINEAR * own) & (g > 0)
    a, slope = np.where(usable, curvature, 1.0), np.where(usable, g, 0.0)
    r = slope / a
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(12):
            bend = mu * q * r ** (q - 1.0)
            r = np.maximum(r - (a * r + bend - slope) / np.maximum(a - (1.0 - q) * bend / r, 1e-3 * a), 0.0)
        gain = slope * r - 0.5 * a * r**2 - mu * r**q
    gain = np.where(usable & np.isfinite(gain), gain, 0.0)
    return r, gain
