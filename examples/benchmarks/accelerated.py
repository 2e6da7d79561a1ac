"""Accelerated proximal gradient descent on multinomial regression, as a user would write it: the benchmark's floor.

The objective is that of `multinomial`. Nesterov's momentum restarts where it points uphill (O'Donoghue and Candes, 2015,
Adaptive restart for accelerated gradient schemes); the step is one over a Lipschitz constant found by power iteration.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from multinomial import Labels, log_softmax, one_hot
from problems import Array

POWER_STEPS = 50
SAFETY = 1.02
"""Power iteration approaches the largest eigenvalue from below."""


def minimise(X: Array, labels: Labels, lams: Array, tol: float) -> Iterator[tuple[Array, Array]]:
    """Coefficients and intercept for each `lam`, each started from the last.

    A solve ends when no column of the gradient mapping, nor its intercept, is longer than `tol`.
    """
    Y = one_hot(labels)
    constant = lipschitz(X)
    coef, intercept = np.zeros((Y.shape[1], X.shape[1])), np.zeros(Y.shape[1])
    for lam in lams:
        coef, intercept = descend(X, Y, float(lam), tol, constant, coef, intercept)
        yield coef, intercept


def descend(X: Array, Y: Array, lam: float, tol: float, constant: float, coef: Array, intercept: Array) -> tuple[Array, Array]:
    """One solve; the iterate is `[coef, intercept] (n_classes, n_features + 1)`."""
    last = ahead = np.column_stack([coef, intercept])
    momentum = 1.0
    while True:
        new = shrink(ahead - gradient(X, Y, ahead) / constant, lam / constant)
        mapping = constant * (ahead - new)
        if np.linalg.norm(mapping, axis=0).max() <= tol:
            return new[:, :-1], new[:, -1]
        if np.sum(mapping * (new - last)) > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * (new - last)
        last, momentum = new, following


def gradient(X: Array, Y: Array, point: Array) -> Array:
    """Of the mean loss, `(n_classes, n_features + 1)`."""
    residual = np.exp(log_softmax(X @ point[:, :-1].T + point[:, -1])) - Y
    return np.column_stack([residual.T @ X, residual.sum(axis=0)]) / len(X)


def shrink(point: Array, threshold: float) -> Array:
    """Shorten every column by `threshold`, or to zero; the intercept stays."""
    lengths = np.linalg.norm(point, axis=0)
    factors = np.maximum(1 - threshold / np.maximum(lengths, threshold), 0.0)
    factors[-1] = 1.0
    return point * factors


def lipschitz(X: Array) -> float:
    """Half the largest eigenvalue of `[X 1]'[X 1]/n`: the softmax has no curvature above 1/2."""
    v = np.random.default_rng(0).standard_normal(X.shape[1] + 1)
    length = 0.0
    for _ in range(POWER_STEPS):
        v /= np.linalg.norm(v)
        image = X @ v[:-1] + v[-1]
        v = np.append(X.T @ image, image.sum()) / len(X)
        length = float(np.linalg.norm(v))
    return SAFETY * length / 2
