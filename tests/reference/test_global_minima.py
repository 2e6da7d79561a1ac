"""Global minima of regularised ShrinkNet against dense grids, exhaustive supports and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from solvers import RegularizedShrinkNet, certify, lambda_max, solve


def objective(X: np.ndarray, Y: np.ndarray, mu: float, p: float, W: np.ndarray) -> float:
    """``1/(2n) ||Y - X W||^2 + mu sum_j ||W_j||_p^(p/(p+1))``, no intercept."""
    bridges = np.sum(np.abs(W) ** p, axis=1) ** (1 / (p + 1))
    return float(np.sum((Y - X @ W) ** 2)) / (2 * len(X)) + mu * float(np.sum(bridges))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_two_columns_against_a_dense_grid(seed: int, p: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((30, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    y = X @ [1.0, -0.7] + 0.5 * rng.standard_normal(30)
    unit = RegularizedShrinkNet(1.0, 0.5, p)
    penalty = unit.with_lam(0.3 * lambda_max(X, y, unit, fit_intercept=False))
    fit = solve(X, y, penalty, fit_intercept=False)
    certificate = certify(fit, X, y, level="global", tol=1e-6)
    axis = np.linspace(-2, 2, 801)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    Q, c = X.T @ X / 30, X.T @ y / 30
    losses = y @ y / 60 - grid @ c + 0.5 * np.einsum("ij,jk,ik->i", grid, Q, grid)
    best = np.min(losses + penalty.mu(2)[0] * np.sum(np.abs(grid) ** penalty.q, axis=1))
    assert certificate.lower <= best + 1e-12
    assert fit.objective <= best + 1e-4
    assert certificate.upper - certificate.lower <= 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_four_columns_against_every_support(seed: int) -> None:
    """Exhaustive over supports, random restarts of a general-purpose minimiser on each."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((25, 4))
    X[:, 1] = 0.9 * X[:, 0] + 0.4 * X[:, 1]
    Y = X[:, :2] @ rng.standard_normal((2, 2)) + 0.5 * rng.standard_normal((25, 2))
    unit = RegularizedShrinkNet(1.0, 0.5, 2.0)
    penalty = unit.with_lam(0.1 * lambda_max(X, Y, unit, fit_intercept=False))
    mu = float(penalty.mu(1)[0])
    certificate = certify(solve(X, Y, penalty, fit_intercept=False), X, Y, level="global", tol=1e-7)
    best = objective(X, Y, mu, 2.0, np.zeros((4, 2)))
    for size in range(1, 5):
        for support in itertools.combinations(range(4), size):
            for _ in range(3):
                start = rng.standard_normal(2 * size)
                found = minimize(lambda w, s=support: objective(X[:, s], Y, mu, 2.0, w.reshape(len(s), 2)), start)
                best = min(best, found.fun)
    assert certificate.lower <= best + 1e-9
    found = certificate.improved.objective if getattr(certificate, "improved", None) else certificate.upper
    assert found <= best + 1e-6


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_orthogonal_columns_have_a_closed_form(p: float) -> None:
    """One target: each column is thresholded on its own, and its value is known."""
    rng = np.random.default_rng(0)
    X = np.linalg.qr(rng.standard_normal((40, 5)))[0] * np.sqrt(40)
    y = X @ [2.0, 1.0, 0.5, 0.2, 0.0]
    penalty = RegularizedShrinkNet(0.2, 0.1, p)
    q, mu = penalty.q, float(penalty.mu(1)[0])
    total = 0.0
    for z in X.T @ y / 40:
        w = np.linspace(0, abs(z), 200_001)
        total += np.min(0.5 * (w - abs(z)) ** 2 + mu * w**q)
    fit = solve(X, y, penalty, fit_intercept=False, tol=1e-10)
    assert fit.objective == pytest.approx(total, rel=1e-9)
    certificate = certify(fit, X, y, level="global", tol=1e-6)
    assert certificate.holds
    assert certificate.n_nodes <= 60  # pyright: ignore[reportAttributeAccessIssue]


def test_ten_thousand_points_stay_above_the_bound() -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((40, 6))
    X[:, 1] = X[:, 0] + 0.3 * X[:, 1]
    Y = X[:, :2] @ np.array([[1.0, 0.5], [-1.0, 0.5]]) + 0.3 * rng.standard_normal((40, 2))
    unit = RegularizedShrinkNet(1.0, 0.5, 2.0)
    penalty = unit.with_lam(0.2 * lambda_max(X, Y, unit, fit_intercept=False))
    mu = float(penalty.mu(1)[0])
    fit = solve(X, Y, penalty, fit_intercept=False)
    certificate = certify(fit, X, Y, level="global", tol=1e-6)
    assert certificate.holds
    spread = np.abs(fit.coef).max()
    for _ in range(10_000):
        W = fit.coef.T + spread * 10.0 ** rng.uniform(-4, 0.5) * rng.standard_normal((6, 2))
        W *= rng.random((6, 1)) < rng.choice([0.3, 0.7, 1.0])
        assert certificate.lower <= objective(X, Y, mu, 2.0, W) + 1e-12


def test_a_suppressor_pair_is_worth_more_together() -> None:
    """``y = x_1 - x_2`` with columns of correlation 0.98: neither column pays alone where both do."""
    rng = np.random.default_rng(1)
    shared, own = rng.standard_normal((100, 1)), rng.standard_normal((100, 2))
    X = shared + 0.15 * own
    y = (X[:, 0] - X[:, 1]) * 5
    unit = RegularizedShrinkNet(1.0, 0.1)
    penalty = unit.with_lam(1.01 * lambda_max(X, y, unit))
    fit = solve(X, y, penalty)
    assert len(fit.support) == 2
    assert certify(fit, X, y, level="global").holds
