"""`standardize=True` is solving on columns that were divided by their standard deviations beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solvers import Fit, Gram, GroupSparsity, RegularizedShrinkNet, certify, lambda_max, lambda_zero, refit, solve, solve_path
from tests.properties.test_group_sparsity import WELL_SCALED, penalty
from tests.strategies import Problem, problems

# Scaling is what standardising undoes; only columns of 5e-310, and rows that dominate by 1e8, leave too few digits.
UGLY = (*WELL_SCALED, "tiny column", "huge column")
FORMS = {"dense": np.array, "csc": scipy.sparse.csc_array, "csr": scipy.sparse.csr_matrix, "float32": np.array}


def standardised(p: Problem) -> tuple[np.ndarray, np.ndarray]:
    """X divided by the weighted standard deviations of its columns, constant ones zero; and the deviations."""
    s = p.row_weights
    counted = p.X[s > 0]
    deviations = np.sqrt(s @ (p.X - s @ p.X / s.sum()) ** 2 / s.sum())
    deviations[np.ptp(counted, axis=0) == 0] = 0.0
    return np.where(deviations > 0, p.X / np.where(deviations > 0, deviations, 1.0), 0.0), deviations


def pair(p: Problem, form: str, tol: float = 1e-10) -> tuple[Fit, Fit, float]:
    """The fit of standardised columns and that of explicitly standardised data."""
    Z, _ = standardised(p)
    top = lambda_max(Z, p.Y, penalty(p, 1.0), **p.data())
    lam = p.lam_share * (top if top > 1e-13 * np.max(np.abs(Z)) * np.max(np.abs(p.Y)) else 1.0)
    X = Gram.from_blocks([(p.X, p.Y, p.sample_weight)]) if form == "gram" else FORMS[form](p.X)
    data = {"fit_intercept": p.fit_intercept} if form == "gram" else {"Y": p.Y, **p.data()}
    ours = solve(X, penalty=penalty(p, lam), **data, standardize=True, tol=tol)
    assert np.isclose(
        lambda_max(X, penalty=penalty(p, 1.0), **data, standardize=True), top, rtol=1e-8, atol=1e-13 * np.abs(p.Y).max()
    )
    return ours, solve(Z, p.Y, penalty(p, lam), **p.data(), tol=tol), lam


@pytest.mark.parametrize("form", ["dense", "csc", "csr", "gram"])
@settings(max_examples=100)
@given(p=problems(ugly=UGLY))
def test_the_objective_is_that_of_standardised_data(form: str, p: Problem) -> None:
    ours, theirs, lam = pair(p, form)
    _, deviations = standardised(p)
    slack = 2e-10 * theirs.null_loss + 1e-13 * np.sum(p.Y**2)
    assert ours.certificate.holds
    assert abs(ours.objective - theirs.objective) <= slack
    assert np.allclose(ours.scales, deviations, rtol=1e-9)
    assert not np.any(ours.coef[:, deviations == 0])
    # Evaluated by hand, at the coefficients of the caller's columns.
    s = p.row_weights
    loss = s @ np.sum((p.Y - p.X @ ours.coef.T - ours.intercept) ** 2, axis=1) / (2 * s.sum())
    by_hand = loss + lam * p.group_weights @ np.linalg.norm(ours.coef * deviations, axis=0)
    assert abs(by_hand - ours.objective) <= 1e-9 * theirs.null_loss + 1e-13 * np.sum(p.Y**2)
    again = certify(ours, p.X, p.Y, sample_weight=p.sample_weight)
    assert again.gap <= 1e-9
    assert abs(again.upper - ours.objective) <= slack


@given(problems(), st.booleans())
def test_every_standardised_answer_is_certified(p: Problem, sparse: bool) -> None:
    X = scipy.sparse.csc_array(p.X) if sparse else p.X
    top = lambda_max(X, p.Y, penalty(p, 1.0), **p.data(), standardize=True)
    fit = solve(X, p.Y, penalty(p, p.lam_share * (top or 1.0)), **p.data(), standardize=True)
    assert fit.certificate.holds
    assert np.all(np.isfinite(fit.coef))
    assert certify(fit, p.X, p.Y, sample_weight=p.sample_weight).gap <= 1e-6 + 1e-9


@pytest.mark.parametrize("form", ["dense", "csr"])
@settings(max_examples=40)
@given(p=problems(ugly=UGLY))
def test_multinomial_losses_too(form: str, p: Problem) -> None:
    labels = np.arange(len(p.X)) % 3
    assume(np.ptp(labels[p.row_weights > 0]) > 0)
    Z, deviations = standardised(p)
    keywords = {"loss": "multinomial", **p.data()}
    weights = None if p.weights is None else np.maximum(p.weights, 0.1)
    top = lambda_max(Z, labels, GroupSparsity(1.0, weights), **keywords)
    assume(top > 1e-12)
    lam = max(0.1, p.lam_share) * top
    ours = solve(FORMS[form](p.X), labels, GroupSparsity(lam, weights), **keywords, standardize=True, tol=1e-8)
    theirs = solve(Z, labels, GroupSparsity(lam, weights), **keywords, tol=1e-8)
    assert abs(ours.objective - theirs.objective) <= 2e-8 * theirs.null_loss
    assert certify(ours, p.X, labels, sample_weight=p.sample_weight).gap <= 1.1e-8
    assert np.allclose(ours.scales, deviations, rtol=1e-9)


@settings(max_examples=50)
@given(problems(ugly=tuple(sorted(set(UGLY) - {"free group"}))), st.sampled_from([1.0, 2.0]))
def test_bridges_factorise_the_standardised_coefficients(p: Problem, exponent: float) -> None:
    bridge = RegularizedShrinkNet(1.0, 0.1, exponent, None if p.weights is None else np.maximum(p.weights, 0.1))
    Z, deviations = standardised(p)
    options = {**p.data(), "standardize": True}
    top = lambda_max(Z, p.Y, bridge, **p.data())
    assert np.isclose(lambda_max(p.X, p.Y, bridge, **options), top, rtol=1e-8, atol=1e-12)
    assert np.isclose(lambda_zero(p.X, p.Y, bridge, **options), lambda_zero(Z, p.Y, bridge, **p.data()), rtol=1e-8, atol=1e-12)
    lam = p.lam_share * (top or 1.0)
    fit = solve(p.X, p.Y, bridge.with_lam(lam), **options)
    assert np.array_equal(fit.coef, fit.A * fit.beta)
    if fit.null_loss > 0:
        size = lam * bridge.lams(len(deviations)) @ fit.beta + 0.1 * np.sum(np.abs(fit.A * deviations) ** exponent)
        assert abs(fit.loss + size - fit.objective) <= 1e-9 * fit.null_loss
        assert abs(certify(fit, p.X, p.Y, sample_weight=p.sample_weight).upper - fit.objective) <= 1e-9 * fit.null_loss


def test_refits_paths_and_starts_are_standardised_too(tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 6)) * 10.0 ** np.arange(-3, 3)
    Y = X[:, :2] / X.std(axis=0)[:2] + 0.1 * rng.standard_normal((80, 2))
    Z = X / X.std(axis=0)
    fit = solve(X, Y, GroupSparsity(0.05), standardize=True)
    fit.save(tmp_path / "fit")
    again = Fit.load(tmp_path / "fit")
    assert certify(again, X, Y).holds
    plain = refit(solve(Z, Y, GroupSparsity(0.05)), Z, Y)
    ours = refit(again, X, Y)
    assert np.allclose(ours.coef * X.std(axis=0), plain.coef, rtol=1e-9)
    assert np.array_equal(ours.scales, fit.scales)
    path, other = solve_path(X, Y, standardize=True, n_lams=5, tol=1e-10), solve_path(Z, Y, n_lams=5, tol=1e-10)
    assert np.allclose(path.lams, other.lams)
    assert np.allclose(path.coefs * X.std(axis=0), other.coefs, atol=1e-6)
    assert path.at(path.lams[2] * 0.9).certificate.holds
    assert solve(X, Y, GroupSparsity(0.05), standardize=True, init=fit).n_iter == 0
    huge = solve(1e250 * X, Y, GroupSparsity(0.05), standardize=True)
    assert np.allclose(huge.coef * 1e250, fit.coef, rtol=1e-4)
    assert np.allclose(huge.scales, 1e250 * fit.scales)
