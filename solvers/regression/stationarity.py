"""How far a point is from being minimal in each column, for any penalty with a proximal operator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from solvers._compile import kernel
from solvers.regression.penalties import prox, subdiff_distance, value

Array = np.ndarray[Any, np.dtype[np.float64]]

_ROUNDING = 32.0 * np.finfo(float).eps


@kernel
def penalty_value(penalty: Any, B: Array) -> float:
    """``sum_j phi_j(B_j)``."""
    total = 0.0
    for j in range(B.shape[0]):
        total += value(penalty, B[j], j)
    return total


@kernel
def block_distance(penalty: Any, curvatures: Array, B: Array, G: Array) -> float:
    """Largest distance, over the columns, to the column's own global minimiser given the others, times its curvature.

    Column j minimises ``q/2 ||w - z||^2 + phi_j(w)``, ``q = curvatures[j]``, ``z = B_j + G_j / q``. The factor q makes the
    distance one of gradients. A column whose value equals the minimum to rounding is itself a minimiser (a concave penalty has
    two at its threshold) and is measured by its distance to the subdifferential.
    """
    n_blocks, n_targets = B.shape
    z = np.empty(n_targets)
    best = np.empty(n_targets)
    worst = 0.0
    for j in range(n_blocks):
        q = curvatures[j]
        if q <= 0.0:
            worst = max(worst, subdiff_distance(penalty, B[j], G[j], j))
            continue
        for t in range(n_targets):
            z[t] = B[j, t] + G[j, t] / q
        prox(penalty, z, 1.0 / q, j, best)
        distance, excess, size = 0.0, 0.0, 0.0
        for t in range(n_targets):
            step = B[j, t] - best[t]
            distance += step * step
            excess += 0.5 * q * step * (B[j, t] + best[t] - 2.0 * z[t])
            size += 0.5 * q * z[t] * z[t]
        distance = q * math.sqrt(distance)
        if distance > worst:
            excess += value(penalty, B[j], j) - value(penalty, best, j)
            if excess <= _ROUNDING * size:
                distance = min(distance, subdiff_distance(penalty, B[j], G[j], j))
            worst = max(worst, distance)
    return worst
