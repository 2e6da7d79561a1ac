"""Regularised ShrinkNet against a plain gradient method on the factors A and beta, and against closed forms."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import minimize

from solvers import Fit, RegularizedShrinkNet, lambda_max, solve

STARTS = 12
EXPONENTS = [1.0, 2.0, 3.0]
exponents = pytest.mark.parametrize("p", EXPONENTS)


@dataclass(frozen=True)
class Case:
    """A small problem with an intercept, its answer, and what the gradient method makes of it."""

    X: np.ndarray
    Y: np.ndarray
    fit: Fit
    from_random_starts: np.ndarray
    from_the_answer: float


def descend(X: np.ndarray, Y: np.ndarray, penalty: RegularizedShrinkNet, A: np.ndarray, beta: np.ndarray) -> float:
    """L-BFGS-B over A and beta from a given point; the smallest objective found.

    ``beta`` is kept non-negative, which costs nothing: a sign may move into A. With p = 1 the positive and the negative part of A
    are variables of their own, so that the objective is smooth.
    """
    n, k, targets = len(X), X.shape[1], Y.shape[1]
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    parts = 2 if penalty.p == 1 else 1

    def objective(v: np.ndarray) -> tuple[float, np.ndarray]:
        factors, b = v[:-k].reshape(parts, targets, k), v[-k:]
        A = factors[0] - factors[1] if parts == 2 else factors[0]
        R = Y - X @ (A * b).T
        sizes = factors.sum(axis=0) if parts == 2 else np.abs(A)
        value = 0.5 * np.sum(R**2) / n + penalty.lam * np.sum(b) + penalty.lam2 * np.sum(sizes**penalty.p)
        slope = -R.T @ X / n
        ascent = penalty.lam2 * penalty.p * sizes ** (penalty.p - 1)
        by_factors = np.stack([slope * b + ascent, ascent - slope * b]) if parts == 2 else slope * b + ascent * np.sign(A)
        return float(value), np.concatenate([by_factors.ravel(), np.sum(slope * A, axis=0) + penalty.lam])

    factors = np.stack([np.maximum(A, 0), np.maximum(-A, 0)]) if parts == 2 else A
    bounds = [(0.0 if parts == 2 else None, None)] * factors.size + [(0.0, None)] * k
    start = np.concatenate([factors.ravel(), beta])
    options = {"maxiter": 5000, "maxfun": 20_000, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return float(found.fun)


@functools.cache
def cases(p: float) -> list[Case]:
    made = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        k, targets = int(rng.integers(2, 5)), int(rng.integers(1, 3))
        # Every second problem has correlated inputs.
        X = rng.standard_normal((20, k)) + (seed % 2) * rng.standard_normal((20, 1))
        Y = X @ (rng.standard_normal((k, targets)) * (rng.random((k, 1)) < 0.7)) + 0.3 * rng.standard_normal((20, targets)) + 1.0
        penalty = RegularizedShrinkNet(1.0, 0.2, p)
        penalty = penalty.with_lam([0.01, 0.05, 0.2][seed % 3] * lambda_max(X, Y, penalty))
        fit = solve(X, Y, penalty, tol=1e-10)
        assert fit.A is not None
        assert fit.beta is not None
        size = np.sqrt(np.abs(np.linalg.lstsq(X - X.mean(axis=0), Y - Y.mean(axis=0), rcond=None)[0]).max())
        values = [
            descend(X, Y, penalty, size * rng.standard_normal((targets, k)), size * rng.uniform(0.1, 2.0, k))
            for _ in range(STARTS)
        ]
        made.append(Case(X, Y, fit, np.array(values), descend(X, Y, penalty, fit.A, fit.beta)))
    return made


@exponents
def test_the_answer_is_a_local_minimum_of_the_factors(p: float) -> None:
    for case in cases(p):
        slack = 1e-9 * case.fit.null_loss
        assert case.fit.objective - slack <= case.from_the_answer <= case.fit.objective + slack


@exponents
def test_no_worse_than_the_best_of_many_gradient_descents(p: float) -> None:
    excess = [(case.fit.objective - case.from_random_starts.min()) / case.fit.null_loss for case in cases(p)]
    # Neither side knows the global minimum for certain: one problem in eight may go to the other.
    assert np.sum(np.array(excess) <= 1e-6) >= len(excess) - 1
    # The reference is worth something: most often it finds the same.
    assert np.sum(np.abs(excess) <= 1e-6) >= len(excess) // 2
    # A single descent is often worse.
    assert any(np.any(case.from_random_starts > case.fit.objective + 1e-6 * case.fit.null_loss) for case in cases(p))


@exponents
def test_answers_have_live_and_dead_inputs(p: float) -> None:
    sizes = [(len(case.fit.support), case.X.shape[1]) for case in cases(p)]
    assert any(0 < live < k for live, k in sizes)
    assert all(live > 0 for live, _ in sizes)


def largest_root(coefficients: list[float]) -> float:
    roots = np.roots(coefficients)
    return float(np.max(roots.real[np.abs(roots.imag) <= 1e-6 * (1e-12 + np.abs(roots))], initial=0.0))


def best_length(r: float, mu: float, p: int) -> float:
    """``argmin_x 1/2 (x - r)^2 + mu x^(p/(p+1))`` over x >= 0: ``t^(p+2) - r t + mu q = 0`` for ``t = x^(1/(p+1))``."""
    t = largest_root([1.0, *[0.0] * p, -r, mu * p / (p + 1.0)])
    x = t ** (p + 1)
    return x if 0.5 * (x - r) ** 2 + mu * x ** (p / (p + 1.0)) < 0.5 * r**2 else 0.0


def orthogonal(seed: int, targets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X with ``X'X = n``, targets, and ``z_j = x_j'Y / n``, about half of them beyond a threshold of 1."""
    rng = np.random.default_rng(seed)
    X = np.linalg.qr(rng.standard_normal((30, 6)))[0] * np.sqrt(30)
    Y = X @ (rng.choice([-1.0, 1.0], (6, targets)) * np.linspace(0.1, 3.0, 6)[:, None]) + 0.3 * rng.standard_normal((30, targets))
    return X, Y, X.T @ Y / 30


def at_mu(mu: float, p: float) -> RegularizedShrinkNet:
    penalty = RegularizedShrinkNet(1.0, 0.3, p)
    return penalty.with_lam(penalty.lam_of(mu))


@exponents
@pytest.mark.parametrize("mu", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_orthogonal_inputs_with_one_target_have_a_closed_form(p: float, mu: float, seed: int) -> None:
    X, Y, Z = orthogonal(seed, 1)
    fit = solve(X, Y, at_mu(mu, p), fit_intercept=False, tol=1e-12)
    expected = [np.sign(z) * best_length(abs(z), mu, int(p)) for z in Z[:, 0]]
    assert np.allclose(fit.coef[0], expected, rtol=1e-9, atol=1e-12)
    loss = np.sum((Y[:, 0] - X @ expected) ** 2) / 60
    assert fit.objective == pytest.approx(loss + mu * np.sum(np.abs(expected) ** (p / (p + 1))), rel=1e-11)


@pytest.mark.parametrize("mu", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_orthogonal_inputs_with_p_2_are_shortened(mu: float, seed: int) -> None:
    X, Y, Z = orthogonal(seed, 3)
    norms = np.linalg.norm(Z, axis=1)
    fit = solve(X, Y, at_mu(mu, 2.0), fit_intercept=False, tol=1e-12)
    expected = Z * (np.array([best_length(r, mu, 2) for r in norms]) / norms)[:, None]
    assert np.allclose(fit.coef, expected.T, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mu", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_orthogonal_inputs_with_p_1_are_sparse_inside(mu: float, seed: int) -> None:
    X, Y, Z = orthogonal(seed, 3)
    fit = solve(X, Y, at_mu(mu, 1.0), fit_intercept=False, tol=1e-12)
    for j, z in enumerate(Z):
        best, expected = 0.5 * float(z @ z), np.zeros(3)
        order = np.argsort(-np.abs(z))
        for k in range(1, 4):
            # ||w||_1 = u^2 with u^3 - S u + k mu / 2 = 0, S the sum of the k largest entries.
            u = largest_root([1.0, 0.0, -float(np.sum(np.abs(z[order[:k]]))), 0.5 * k * mu])
            w = np.zeros(3)
            if u > 0:
                w[order[:k]] = np.sign(z[order[:k]]) * np.maximum(np.abs(z[order[:k]]) - 0.5 * mu / u, 0.0)
            value = 0.5 * float(np.sum((w - z) ** 2)) + mu * float(np.sqrt(np.sum(np.abs(w))))
            if value < best:
                best, expected = value, w
        assert np.allclose(fit.coef[:, j], expected, rtol=1e-9, atol=1e-12)


@exponents
def test_lambda_max_and_lambda_zero_agree_with_the_closed_form(p: float) -> None:
    X, Y, Z = orthogonal(0, 1)
    penalty = RegularizedShrinkNet(1.0, 0.3, p)
    q = p / (p + 1)
    # The threshold of the largest entry: a jump x with |z| = x (2 - q) / (2 (1 - q)), mu = x^(2-q) / (2 (1 - q)).
    jump = np.abs(Z).max() * 2 * (1 - q) / (2 - q)
    expected = penalty.lam_of(jump ** (2 - q) / (2 * (1 - q)))
    assert lambda_max(X, Y, penalty, fit_intercept=False) == pytest.approx(expected, rel=1e-11)
    assert not solve(X, Y, penalty.with_lam(expected * (1 + 1e-9)), fit_intercept=False).coef.any()
    assert len(solve(X, Y, penalty.with_lam(expected * (1 - 1e-9)), fit_intercept=False).support) == 1
