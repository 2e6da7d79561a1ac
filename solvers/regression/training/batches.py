"""Mini-batch epochs of the squared loss in one compiled call: with small batches, Python between the products would dominate."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._compile import kernel
from solvers.regression.training.optimizers import Stepper
from solvers.regression.training.removal import RemovalRule
from solvers.regression.training.state import GatePenalty, Variables, advance, write_effective

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]


@kernel
def batch_epoch(
    v: Variables,
    X: Array,
    Y: Array,
    weights: Array,
    order: Indices,
    batch_size: int,
    has_intercept: bool,
    penalty: GatePenalty,
    stepper: Stepper,
    rule: RemovalRule,
    per_epoch: bool,
    noise: Array,
    first_step: int,
    ceiling: float,
) -> float:
    """One step for each ``batch_size`` rows of ``order``; the mean loss before each, the first beyond ``ceiling`` at once.

    ``noise`` has a row for each step, or a single one.
    """
    n_targets, n_live = v.A.shape
    W, G, g_b = np.empty((n_targets, n_live)), np.empty((n_targets, n_live)), np.empty(n_targets)
    rows, R = np.empty((batch_size, n_live)), np.empty((batch_size, n_targets))
    n_batches = (len(order) + batch_size - 1) // batch_size
    loss = 0.0
    for number in range(n_batches):
        chosen = order[number * batch_size : (number + 1) * batch_size]
        size = len(chosen)
        total = 0.0
        for i in range(size):
            total += weights[chosen[i]]
            for j in range(n_live):
                rows[i, j] = X[chosen[i], j]
        write_effective(v, penalty.gate, W)
        np.dot(rows[:size], W.T, R[:size])
        g_b[:] = 0.0
        batch_loss = 0.0
        for i in range(size):
            share = weights[chosen[i]] / total if total > 0.0 else 0.0
            square = 0.0
            for t in range(n_targets):
                r = R[i, t] + v.b[t] - Y[chosen[i], t]
                square += r * r
                R[i, t] = share * r
                g_b[t] += share * r
            batch_loss += 0.5 * share * square
        if not batch_loss <= ceiling:
            return float(batch_loss)
        loss += batch_loss / n_batches
        if not has_intercept:
            g_b[:] = 0.0
        np.dot(R[:size].T, rows[:size], G)
        observes = not per_epoch or number == n_batches - 1
        advance(v, G, g_b, penalty, stepper, rule, observes, noise[min(number, len(noise) - 1)], first_step + number)
    return float(loss)
