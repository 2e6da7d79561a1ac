"""The problems of the regression benchmark, and the judge that grades every answer.

Every solver minimises the same objective over `A` of shape `(n_targets, n_features)`:

    P(A) = 1/(2n) ||Y - X A'||_F^2 + lam sum_j ||A_:j||_2

`X` is standardised and `Y` centred beforehand, so nobody fits an intercept. Generated problems plant coefficients with
few non-zero columns and add noise; the seed is fixed, so every process that builds a problem builds the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from problems import SEED, Array, Model, Problem, autoregressive, read_data, standardised


@dataclass(frozen=True)
class SquaredProblem(Problem):
    """Targets `Y (n_samples, n_targets)`, column-major and centred."""

    loss: ClassVar[str] = "squared"
    has_intercept: ClassVar[bool] = False

    @property
    def n_outputs(self) -> int:
        """Targets."""
        return self.Y.shape[1]

    @cached_property
    def lambda_max(self) -> float:
        """`max_j ||x_j'Y||_2 / n`."""
        return float(np.linalg.norm(self.X.T @ self.Y, axis=1).max() / len(self.X))

    def relative_gap(self, lam: float, model: Model) -> float:
        """See the function of the same name."""
        return relative_gap(self.X, self.Y, lam, model.coef)

    def corner(self, n: int, p: int) -> SquaredProblem:
        """The first rows and columns."""
        return replace(self, X=np.asfortranarray(self.X[:n, :p]), Y=np.asfortranarray(self.Y[:n]))


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


# --------------------------------------------------------------------------------------------------------- the designs


def _factors(rng: np.random.Generator, n: int, p: int, n_factors: int, noise: float) -> Array:
    """`X = F L + noise E` with Gaussian factors `F (n, n_factors)` and loadings `L`: nearly of rank `n_factors`."""
    loadings = rng.standard_normal((n_factors, p))
    return rng.standard_normal((n, n_factors)) @ loadings + noise * rng.standard_normal((n, p))


def planted(rng: np.random.Generator, X: Array, n_targets: int, n_active: int, noise: float) -> Array:
    """`Y = X A' + E` with `n_active` non-zero columns in `A` and `noise = std(E) / std(X A')`."""
    active = rng.choice(X.shape[1], size=n_active, replace=False)
    signal = X[:, active] @ rng.standard_normal((n_active, n_targets))
    return signal + noise * signal.std() * rng.standard_normal(signal.shape)


def prepared(name: str, X: Array, Y: Array) -> SquaredProblem:
    """Standardise `X`, centre `Y`."""
    return SquaredProblem(name, standardised(X), np.asfortranarray(Y - Y.mean(axis=0)))


# -------------------------------------------------------------------------------------------------------- the problems


def _oes97() -> SquaredProblem:
    """The occupational employment survey of 1997: 334 cities, 263 job counts, 16 targets; ill-conditioned."""
    X, Y = read_data("oes97.npz")
    return prepared("oes97", X, Y / Y.std(axis=0))


def _tall_ar() -> SquaredProblem:
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, 9803, 280, rho=0.9)
    return prepared("tall-ar", X, planted(rng, X, n_targets=16, n_active=40, noise=0.5))


def _tall_factors() -> SquaredProblem:
    rng = np.random.default_rng(SEED)
    X = _factors(rng, 9803, 280, n_factors=12, noise=0.1)
    return prepared("tall-factors", X, planted(rng, X, n_targets=16, n_active=40, noise=0.5))


def _small() -> SquaredProblem:
    """The shape of oes97, generated."""
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, 334, 263, rho=0.9)
    return prepared("small", X, planted(rng, X, n_targets=16, n_active=40, noise=0.5))


def _wide() -> SquaredProblem:
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, 500, 20_000, rho=0.5)
    return prepared("wide", X, planted(rng, X, n_targets=20, n_active=50, noise=0.5))


PROBLEMS: dict[str, Callable[[], SquaredProblem]] = {
    "oes97": _oes97,
    "tall-ar": _tall_ar,
    "tall-factors": _tall_factors,
    "small": _small,
    "wide": _wide,
}
