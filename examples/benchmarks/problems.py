"""The problems of the regression benchmark, and the judge that grades every answer.

Every solver minimises the same objective over `A` of shape `(n_targets, n_features)`:

    P(A) = 1/(2n) ||Y - X A'||_F^2 + lam sum_j ||A_:j||_2

`X` is standardised and `Y` centred beforehand, so nobody fits an intercept. Generated problems plant coefficients with
few non-zero columns and add noise; the seed is fixed, so every process that builds a problem builds the same one.

This module needs NumPy alone, and shares no code with any solver it judges.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DATA_VARIABLE = "SOLVERS_DATA"
SEED = 0


@dataclass(frozen=True)
class Problem:
    """A design `X (n_samples, n_features)` and targets `Y (n_samples, n_targets)`, both in column-major order."""

    name: str
    X: Array
    Y: Array

    @property
    def lambda_max(self) -> float:
        """The smallest `lam` whose solution is zero: `max_j ||x_j'Y||_2 / n`."""
        return float(np.linalg.norm(self.X.T @ self.Y, axis=1).max() / len(self.X))


class Unavailable(Exception):
    """The problem cannot be built here; the message says what is missing."""


# ----------------------------------------------------------------------------------------------------------- the judge


def relative_gap(X: Array, Y: Array, lam: float, coef: Array) -> float:
    """The duality gap of `coef`, as a share of the null loss `||Y||^2/(2n)`.

    With the residual `R = Y - XA'` and the correlations `c_j = x_j'R/n`, the scaled residual `s R` is dual feasible for
    `s = min(1, lam / max_j ||c_j||)`, and primal minus dual is a sum of terms none of which is negative:

        gap = (1 - s)^2 ||R||^2/(2n) + sum_j (lam ||A_:j|| - s <A_:j, c_j>)

    Summed this way, a tiny gap is not lost in the difference of two large numbers. It bounds `P(A) - min P`.
    """
    n = len(X)
    support = np.flatnonzero(np.any(coef, axis=0))
    residual = Y - X[:, support] @ coef[:, support].T
    correlation = X.T @ residual / n  # (n_features, n_targets)
    scale = min(1.0, lam / max(np.linalg.norm(correlation, axis=1).max(), np.finfo(float).tiny))
    column = coef[:, support].T
    slack = lam * np.linalg.norm(column, axis=1) - scale * np.sum(column * correlation[support], axis=1)
    gap = (1 - scale) ** 2 * np.sum(residual**2) / (2 * n) + slack.sum()
    return float(gap / (np.sum(Y**2) / (2 * n)))


def worst_gap(problem: Problem, lams: Array, coefs: Iterable[Array]) -> float:
    """The largest relative gap over a path; infinite if a `lam` is left out or a coefficient is not finite."""
    gaps = [relative_gap(problem.X, problem.Y, lam, coef) for lam, coef in zip(lams, coefs, strict=False)]
    return max(gaps) if len(gaps) == len(lams) and np.all(np.isfinite(gaps)) else float("inf")


# --------------------------------------------------------------------------------------------------------- the designs


def _autoregressive(rng: np.random.Generator, n: int, p: int, rho: float) -> Array:
    """Gaussian rows with `cov(x_i, x_j) = rho^|i-j|`."""
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    return X


def _factors(rng: np.random.Generator, n: int, p: int, n_factors: int, noise: float) -> Array:
    """`X = F L + noise E` with Gaussian factors `F (n, n_factors)` and loadings `L`: nearly of rank `n_factors`."""
    loadings = rng.standard_normal((n_factors, p))
    return rng.standard_normal((n, n_factors)) @ loadings + noise * rng.standard_normal((n, p))


def _planted(rng: np.random.Generator, X: Array, n_targets: int, n_active: int, noise: float) -> Array:
    """`Y = X A' + E` with `n_active` non-zero columns in `A` and `noise = std(E) / std(X A')`."""
    active = rng.choice(X.shape[1], size=n_active, replace=False)
    signal = X[:, active] @ rng.standard_normal((n_active, n_targets))
    return signal + noise * signal.std() * rng.standard_normal(signal.shape)


def _prepare(name: str, X: Array, Y: Array) -> Problem:
    """Standardise `X`, centre `Y`; a constant column becomes zero."""
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return Problem(name, np.asfortranarray(X), np.asfortranarray(Y - Y.mean(axis=0)))


# -------------------------------------------------------------------------------------------------------- the problems


def _oes97() -> Problem:
    """The occupational employment survey of 1997: 334 cities, 263 job counts, 16 targets; ill-conditioned."""
    folder = os.environ.get(DATA_VARIABLE)
    if folder is None:
        raise Unavailable(f"set {DATA_VARIABLE} to the folder that holds oes97.npz")
    path = Path(folder) / "oes97.npz"
    if not path.is_file():
        raise Unavailable(f"there is no {path.name} in the folder that {DATA_VARIABLE} names")
    with np.load(path, allow_pickle=True) as data:
        X, Y = data["X"].astype(float), data["Y"].astype(float)
    return _prepare("oes97", X, Y / Y.std(axis=0))


def _tall_ar() -> Problem:
    rng = np.random.default_rng(SEED)
    X = _autoregressive(rng, 9803, 280, rho=0.9)
    return _prepare("tall-ar", X, _planted(rng, X, n_targets=16, n_active=40, noise=0.5))


def _tall_factors() -> Problem:
    rng = np.random.default_rng(SEED)
    X = _factors(rng, 9803, 280, n_factors=12, noise=0.1)
    return _prepare("tall-factors", X, _planted(rng, X, n_targets=16, n_active=40, noise=0.5))


def _small() -> Problem:
    """The shape of oes97, generated."""
    rng = np.random.default_rng(SEED)
    X = _autoregressive(rng, 334, 263, rho=0.9)
    return _prepare("small", X, _planted(rng, X, n_targets=16, n_active=40, noise=0.5))


def _wide() -> Problem:
    rng = np.random.default_rng(SEED)
    X = _autoregressive(rng, 500, 20_000, rho=0.5)
    return _prepare("wide", X, _planted(rng, X, n_targets=20, n_active=50, noise=0.5))


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "oes97": _oes97,
    "tall-ar": _tall_ar,
    "tall-factors": _tall_factors,
    "small": _small,
    "wide": _wide,
}


def load(name: str) -> Problem:
    """Build the problem called `name`, or raise `Unavailable`."""
    return PROBLEMS[name]()
