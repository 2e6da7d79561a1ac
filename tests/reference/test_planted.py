"""Instances of real size whose optimum is known, because they are built from it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers import GroupSparsity, certify, lambda_max, solve


def planted(n: int, p: int, t: int, live: int, lam: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """``(X, Y, coef, optimal value)``: coef is optimal because ``Y - X coef'`` is a dual point that supports it.

    A residual theta is drawn first; each live column is moved within span(theta) until ``x_j' theta / n = lam w_j / ||w_j||``,
    every other column is scaled until ``||x_j' theta / n|| <= 0.9 lam``.
    """
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal((n, t))
    coef = np.zeros((t, p))
    chosen = rng.choice(p, live, replace=False)
    coef[:, chosen] = rng.standard_normal((t, live))
    wanted = lam * coef / np.where(np.linalg.norm(coef, axis=0) > 0, np.linalg.norm(coef, axis=0), 1.0)
    X = rng.standard_normal((n, p))
    shift = np.linalg.solve(theta.T @ theta, n * wanted - theta.T @ X)
    X[:, chosen] += theta @ shift[:, chosen]
    norms = np.linalg.norm(theta.T @ X, axis=0) / n
    rest = np.setdiff1d(np.arange(p), chosen)
    X[:, rest] *= np.minimum(1.0, 0.9 * lam / norms[rest])
    value = np.sum(theta**2) / (2 * n) + lam * np.linalg.norm(coef, axis=0).sum()
    return X, X @ coef.T + theta, coef, float(value)


@pytest.mark.parametrize(
    ("n", "p", "t", "live"), [(3000, 300, 8, 40), (150, 2500, 6, 12), (400, 400, 1, 30), (50, 60, 40, 25)], ids=str
)
def test_the_planted_optimum_is_found(n: int, p: int, t: int, live: int) -> None:
    X, Y, coef, value = planted(n, p, t, live, lam=0.2, seed=n)
    fit = solve(X, Y, GroupSparsity(0.2), fit_intercept=False, tol=1e-12)
    assert fit.certificate.gap <= 1e-12
    assert abs(fit.objective - value) <= 1e-11 * fit.null_loss
    assert np.array_equal(fit.support, np.flatnonzero(coef.any(axis=0)))
    assert np.allclose(fit.coef, coef, atol=1e-5)


def test_orthogonal_columns_have_a_closed_form() -> None:
    rng = np.random.default_rng(1)
    X = np.linalg.qr(rng.standard_normal((40, 12)))[0] * np.sqrt(40)
    Y = rng.standard_normal((40, 3))
    Z = X.T @ Y / 40
    expected = np.maximum(0, 1 - 0.1 / np.linalg.norm(Z, axis=1))[:, None] * Z
    fit = solve(X, Y, GroupSparsity(0.1), fit_intercept=False, tol=1e-14)
    assert np.allclose(fit.coef, expected.T, atol=1e-13)
    assert abs(lambda_max(X, Y, fit_intercept=False) - np.linalg.norm(Z, axis=1).max()) <= 1e-14


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4))
def test_the_gap_in_exact_arithmetic(seed: int, n: int, p: int) -> None:
    """With one target every norm is an absolute value, so the whole certificate can be recomputed in rationals."""
    rng = np.random.default_rng(seed)
    X, y = rng.integers(-4, 5, (n, p)).astype(float), rng.integers(-4, 5, n).astype(float)
    if not y.any():
        return
    lam = 0.25
    fit = solve(X, y, GroupSparsity(lam), fit_intercept=False)
    w = [Fraction(v) for v in fit.coef[0]]
    rows, target, strength = [[Fraction(v) for v in row] for row in X], [Fraction(v) for v in y], Fraction(lam)
    residual = [t - sum(a * b for a, b in zip(row, w, strict=True)) for row, t in zip(rows, target, strict=True)]
    correlations = [sum(rows[i][j] * residual[i] for i in range(n)) / n for j in range(p)]
    largest = max(abs(c) for c in correlations)
    s = min(Fraction(1), strength / largest) if largest else Fraction(1)
    primal = sum(r * r for r in residual) / (2 * n) + strength * sum(abs(v) for v in w)
    dual = (sum(t * t for t in target) - sum((t - s * r) ** 2 for t, r in zip(target, residual, strict=True))) / (2 * n)
    gap = (primal - dual) / (sum(t * t for t in target) / (2 * n))
    assert 0 <= gap <= Fraction(1, 10**6) + Fraction(1, 10**12)
    assert abs(float(gap) - certify(fit, X, y).gap) <= 1e-12


@pytest.mark.parametrize("share", [1e-2, 1e-3, 1e-4])
def test_collinear_columns_do_not_take_many_rounds(share: float) -> None:
    """Powers of one variable: condition beyond 1e16, one target, groups that change sign in turn."""
    t = np.linspace(0.0, 1.0, 30)
    X = np.vander(t, 16)[:, :-1]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = np.sin(9 * t)
    fit = solve(X, y, GroupSparsity(share * lambda_max(X, y)), tol=1e-12)
    assert fit.certificate.holds
    assert fit.n_iter <= 50
