"""Degrees of freedom against their definitions, and the criteria against formulas of their own."""

from __future__ import annotations

from dataclasses import replace
from math import comb
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from solvers import Gram, GroupSparsity, InformationCriteria, Path, ShrinkNet, solve, solve_path
from solvers.regression.criteria import group_degrees
from tests.checks import centred
from tests.properties.test_group_sparsity import WELL_SCALED, penalty
from tests.strategies import LabelProblem, Problem, label_problems, problems

# Columns that depend on each other leave a rank to be decided upon by rounding: the definition cannot be evaluated there.
INDEPENDENT = tuple(
    sorted(
        set(WELL_SCALED)
        - {"dependent column", "duplicate column", "opposite column", "duplicate target", "exact fit", "equal rows"}
    )
)


def path_of(p: Problem, **options: Any) -> Path:
    return solve_path(p.X, p.Y, penalty(p, 1.0), n_lams=5, lam_ratio=1e-3, **p.data(), **options)


def by_definition(Q: np.ndarray, W: np.ndarray, d: np.ndarray, r: Any = 0.0) -> float:
    """``trace((Q (x) I + H)^+ (Q (x) I))`` from matrices of order k T."""
    k, T = W.shape
    H = np.zeros((k, T, k, T))
    for j in range(k):
        u = W[j] / np.linalg.norm(W[j])
        H[j, :, j, :] = d[j] * (np.eye(T) - np.outer(u, u)) + np.broadcast_to(r, k)[j] * np.eye(T)
    loss = np.kron(Q, np.eye(T))
    return float(np.trace(np.linalg.pinv(loss + H.reshape(k * T, k * T), rcond=1e-11, hermitian=True) @ loss))


@st.composite
def models(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    """Gram matrices of any rank, coefficients, slopes of the penalty and ridges, some of them 0."""
    k, T, rank = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    F = rng.standard_normal((rank, k))
    W = rng.standard_normal((k, T))
    if draw(st.booleans()):
        # Rows of one direction do not feel the penalty.
        W[:] = W[0]
    d, r = (
        rng.uniform(0.1, 3.0, k) * (rng.random(k) < draw(st.sampled_from(shares))) for shares in ((1.0, 0.6), (0.0, 0.6, 1.0))
    )
    return F.T @ F / rank, W, d, r


@given(models())
def test_small_matrices_give_what_the_large_one_defines(model: tuple[np.ndarray, ...]) -> None:
    assert group_degrees(*model) == pytest.approx(by_definition(*model), rel=1e-7)


def test_a_column_that_has_just_come_in_costs_no_digits() -> None:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((30, 3))
    W, Q = rng.standard_normal((3, 2)), A.T @ A / 30
    none = np.zeros(3)
    previous = group_degrees(Q, W, np.array([1.0, 1.0, 1e3]), none)
    for slope in (1e6, 1e9, 1e12):
        now = group_degrees(Q, W, np.array([1.0, 1.0, slope]), none)
        assert previous - 1e-2 <= now <= previous
        previous = now
    # Along its own direction the penalty is linear, and that direction counts in full.
    assert now == pytest.approx(group_degrees(Q[:2, :2], W[:2], np.ones(2), none[:2]) + gain(Q, W), rel=1e-6)


def gain(Q: np.ndarray, W: np.ndarray) -> float:
    """What one coordinate ``u`` of the third column adds, by definition, nothing else of it being free."""
    d = np.array([1.0, 1.0])
    u = W[2] / np.linalg.norm(W[2])
    basis = np.zeros((6, 5))
    basis[:4, :4] = np.eye(4)
    basis[4:, 4] = u
    H = np.zeros((6, 6))
    for j in range(2):
        v = W[j] / np.linalg.norm(W[j])
        H[2 * j : 2 * j + 2, 2 * j : 2 * j + 2] = d[j] * (np.eye(2) - np.outer(v, v))
    loss = basis.T @ np.kron(Q, np.eye(2)) @ basis
    total = np.trace(np.linalg.solve(loss + basis.T @ H @ basis, loss))
    return float(total) - by_definition(Q[:2, :2], W[:2], d)


@given(problems(), st.booleans())
def test_degrees_of_freedom_are_between_nothing_and_everything(p: Problem, standardize: bool) -> None:
    path = path_of(p, standardize=standardize)
    T = p.Y.shape[1]
    for relaxed, gamma in ((path, 1.0), (path.relaxed(), 0.0), (path.relaxed(0.5), 0.5)):
        degrees = relaxed.information_criteria().degrees_of_freedom
        live = np.array([len(fit.support) for fit in path.fits])
        assert np.all(degrees >= T * p.fit_intercept), gamma
        assert np.all(degrees <= T * (live + p.fit_intercept) + 1e-9), gamma


@given(problems(ugly=WELL_SCALED))
def test_without_a_penalty_they_are_the_rank(p: Problem) -> None:
    path = solve_path(p.X, p.Y, penalty(p, 1.0), lams=[0.0], **p.data())
    A = (np.sqrt(p.row_weights)[:, np.newaxis] * centred(p.X, p))[:, path.fits[0].support]
    rank = np.linalg.matrix_rank(A, tol=1e-7 * np.linalg.norm(A, 2)) if A.size else 0
    expected = p.Y.shape[1] * (rank + p.fit_intercept)
    assert path.information_criteria().degrees_of_freedom[0] == pytest.approx(expected)


@given(problems(ugly=INDEPENDENT), st.sampled_from([0.0, 0.1, 1.0]))
def test_along_a_path_they_are_the_definition(p: Problem, l2: float) -> None:
    path = solve_path(p.X, p.Y, replace(penalty(p, 1.0), l2=l2), n_lams=5, lam_ratio=1e-3, **p.data(), tol=1e-10)
    s = p.row_weights
    X = np.sqrt(s)[:, np.newaxis] * centred(p.X, p)
    for fit, degrees in zip(path.fits, path.information_criteria().degrees_of_freedom, strict=True):
        live = fit.support
        if len(live):
            W, Q = fit.coef[:, live].T, X[:, live].T @ X[:, live] / s.sum()
            assume(np.linalg.eigvalsh(Q)[0] > 1e-6)
            slopes = fit.penalty.lam * p.group_weights[live] / np.linalg.norm(W, axis=1)
            assume(np.max(slopes) < 1e6)
            degrees -= by_definition(Q, W, slopes, l2 * p.group_weights[live])
        assert degrees == pytest.approx(p.Y.shape[1] * p.fit_intercept, abs=1e-6)


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
def test_they_are_the_divergence_of_the_fitted_values(fit_intercept: bool, standardize: bool, l2: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 5)) * [1.0, 2.0, 3.0, 1.0, 0.5] + 1.0
    Y = X[:, :2] @ rng.standard_normal((2, 3)) + rng.standard_normal((12, 3))
    s = rng.uniform(0.5, 2.0, 12)
    options: dict[str, Any] = {"fit_intercept": fit_intercept, "standardize": standardize, "sample_weight": s, "tol": 1e-14}
    path = solve_path(X, Y, GroupSparsity(1.0, l2=l2), lams=[0.5, 0.1, 0.02], **options)
    for fit, degrees in zip(path.fits, path.information_criteria().degrees_of_freedom, strict=True):
        divergence = 0.0
        for i, t in np.ndindex(Y.shape):
            moved = [Y.copy(), Y.copy()]
            moved[0][i, t] += 1e-3
            moved[1][i, t] -= 1e-3
            up, down = (solve(X, Y, fit.penalty, **options).decision_function(X)[i, t] for Y in moved)
            divergence += (up - down) / 2e-3
        assert degrees == pytest.approx(divergence, rel=1e-4)


def labelled(loss: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((80, 4))
    scores = X[:, :3] + rng.gumbel(size=(80, 3))
    return X, np.argmax(scores, axis=1) if loss == "multinomial" else (scores > 0).astype(float)


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", ["multinomial", "logistic"])
def test_logistic_ones_are_those_of_the_quadratic_model(loss: str, fit_intercept: bool, l2: float) -> None:
    X, Y = labelled(loss)
    s = np.linspace(0.0, 2.0, len(X))
    options: dict[str, Any] = {"loss": loss, "fit_intercept": fit_intercept, "sample_weight": s, "tol": 1e-10}
    path = solve_path(X, Y, GroupSparsity(1.0, l2=l2), lams=[0.03, 0.01], **options)
    for fit, degrees in zip(path.fits, path.information_criteria().degrees_of_freedom, strict=True):
        live, K = fit.support, len(fit.coef)
        columns = np.column_stack([X[:, live], np.ones(len(X))]) if fit_intercept else X[:, live]
        Z = X @ fit.coef.T + fit.intercept
        H = np.zeros((columns.shape[1] * K,) * 2)
        for x, z, weight in zip(columns, Z, s / s.sum(), strict=True):
            p = softmax(z) if loss == "multinomial" else 1 / (1 + np.exp(-z))
            of_sample = np.diag(p) - np.outer(p, p) if loss == "multinomial" else np.diag(p * (1 - p))
            H += weight * np.kron(np.outer(x, x), of_sample)
        P = np.zeros_like(H)
        for place, w in enumerate(fit.coef[:, live].T):
            rows = slice(place * K, place * K + K)
            size = np.linalg.norm(w)
            P[rows, rows] = fit.penalty.lam / size * (np.eye(K) - np.outer(w, w) / size**2) + l2 * np.eye(K)
        assert degrees == pytest.approx(np.trace(np.linalg.pinv(H + P, rcond=1e-11, hermitian=True) @ H), rel=1e-7)


@settings(max_examples=50)
@given(label_problems())
def test_logistic_ones_are_between_nothing_and_everything(p: LabelProblem) -> None:
    path = path_of(p)
    criteria = path.information_criteria()
    K = len(path.fits[0].coef)
    for fit, degrees in zip(path.fits, criteria.degrees_of_freedom, strict=True):
        assert 0.0 <= degrees <= K * (len(fit.support) + p.fit_intercept) + 1e-9
    assert np.all(np.isfinite(criteria.bic))
    assert np.all(np.isnan(criteria.aicc))


def test_the_criteria_are_their_formulas() -> None:
    rng = np.random.default_rng(0)
    X, s = rng.standard_normal((40, 6)), np.repeat([0.0, 3.0], 20)
    Y = X[:, :2] @ rng.standard_normal((2, 2)) + rng.standard_normal((40, 2))
    path = solve_path(X, Y, GroupSparsity(1.0, [0, 1, 1, 1, 1, 2]), sample_weight=s, n_lams=4)
    criteria = path.information_criteria(gamma=0.7)
    assert criteria.n_samples == 20
    for i, fit in enumerate(path.fits):
        k = criteria.degrees_of_freedom[i]
        residual = Y - X @ fit.coef.T - fit.intercept
        deviance = 40 * np.log(s @ np.sum(residual**2, axis=1) / 3 / 40)
        live = len(set(fit.support) - {0})
        assert criteria.aic[i] == pytest.approx(deviance + 2 * k)
        assert criteria.bic[i] == pytest.approx(deviance + np.log(20) * k)
        assert criteria.ebic[i] == pytest.approx(criteria.bic[i] + 1.4 * np.log(comb(5, live)))
        assert criteria.aicc[i] == pytest.approx(deviance + 2 * k + 2 * (k + 1) * (k + 2) / (40 - k - 2))
    # Weights that count repetitions, whose sum is given, are repeated rows.
    repeated = solve_path(np.repeat(X[20:], 3, axis=0), np.repeat(Y[20:], 3, axis=0), path.fits[0].penalty, lams=path.lams)
    assert np.allclose(path.information_criteria(n_samples=60).bic, repeated.information_criteria().bic, rtol=1e-6)
    assert np.array_equal(path.information_criteria(gamma=0).ebic, criteria.bic)


def test_a_logistic_deviance_is_that_of_the_likelihood() -> None:
    X, Y = labelled("multinomial")
    path = solve_path(X, Y, loss="multinomial", n_lams=4, lam_ratio=0.1)
    criteria = path.information_criteria()
    for i, fit in enumerate(path.fits):
        deviance = -2 * np.sum(np.log(fit.predict_proba(X)[np.arange(80), Y]))
        assert criteria.aic[i] == pytest.approx(deviance + 2 * criteria.degrees_of_freedom[i])


def test_what_holds_the_data_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 6))
    Y = X[:, :2] + rng.standard_normal((50, 2))
    expected = solve_path(X, Y, n_lams=4, tol=1e-10).information_criteria()
    for path in (
        solve_path(scipy.sparse.csr_array(X), Y, n_lams=4, tol=1e-10),
        solve_path(Gram.from_blocks([(X, Y)]), n_lams=4, tol=1e-10),
        solve_path(X, Y, ShrinkNet(1.0, unit_columns=True), n_lams=4, tol=1e-10),
    ):
        assert np.allclose(path.information_criteria().bic, expected.bic, rtol=1e-6)


def test_the_best_fit_is_the_smallest_and_the_sparsest_of_equals(tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 20))
    Y = X[:, :3] @ rng.standard_normal((3, 2)) + 0.5 * rng.standard_normal((100, 2))
    path = solve_path(X, Y)
    criteria = path.information_criteria()
    assert criteria.best() is path.fits[int(np.argmin(criteria.bic))]
    assert criteria.best("aicc") is path.fits[int(np.argmin(criteria.aicc))]
    assert np.array_equal(path.relaxed().information_criteria().best("bic").support, [0, 1, 2])
    criteria.save(tmp_path / "criteria")
    assert np.array_equal(InformationCriteria.load(tmp_path / "criteria").bic, criteria.bic)
    constant = solve_path(X, 0 * Y, n_lams=3)
    assert constant.information_criteria().best() is constant.fits[0]
    one = solve_path(X[:1], Y[:1], n_lams=2).information_criteria()
    assert np.array_equal(one.degrees_of_freedom, [2, 2])
