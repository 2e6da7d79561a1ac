"""A Gram stands for the data it was made of."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from solvers import (
    Fit,
    Gram,
    GroupSparsity,
    RegularizedShrinkNet,
    ShrinkNet,
    certify,
    lambda_max,
    lambda_zero,
    refit,
    solve,
    solve_path,
)
from tests.properties.test_group_sparsity import WELL_SCALED, largest_lam, penalty
from tests.strategies import Problem, problems

# In products of columns that dominate by 1e8 in weight or size, what the others leave is rounding.
MODEST = tuple(sorted(set(WELL_SCALED) | {"tiny column", "huge column", "subnormal column", "tiny targets"}))


def blocks(p: Problem, cuts: list[int], to_block=np.array) -> list[tuple]:
    """The rows of a problem, cut at ``cuts``."""
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(p.X)}), len(p.X)]
    return [(to_block(p.X[a:b]), p.Y[a:b], None if p.sample_weight is None else p.sample_weight[a:b]) for a, b in pairwise(edges)]


def gram_of(p: Problem, cuts: list[int]) -> Gram:
    return Gram.from_blocks(blocks(p, cuts))


CUTS = st.lists(st.integers(1, 11), max_size=3)


@given(problems(), CUTS)
def test_the_statistics_are_those_of_all_rows(p: Problem, cuts: list[int]) -> None:
    gram, s = gram_of(p, cuts), p.row_weights
    counted = s > 0
    x_means, y_means = (np.average(A - A[counted][0], axis=0, weights=s) for A in (p.X, p.Y))
    X, Y = p.X - p.X[counted][0] - x_means, p.Y - p.Y[counted][0] - y_means
    lengths, sizes = np.sqrt(s @ X**2), np.sqrt(s @ Y**2)
    assert np.isclose(gram.total, s.sum())
    assert (gram.n_features, gram.n_targets, gram.n_samples) == (*p.X.shape[1:], p.Y.shape[1], np.count_nonzero(counted))
    assert np.array_equal(gram.x_low, p.X[counted].min(axis=0))
    assert np.array_equal(gram.y_high, p.Y[counted].max(axis=0))
    # A mean of 1e6 is known to 1e-10, and columns of rounding errors are no test.
    tol = 1e-8 if {"far column", "uneven row weights"} & set(p.labels) else 1e-12
    lengths, sizes = (np.maximum(a, 1e-15 * np.abs(A).max(axis=0)) for a, A in ((lengths, p.X), (sizes, p.Y)))
    assert np.all(np.abs(gram.x_products - X.T @ (s[:, None] * X)) <= tol * np.outer(lengths, lengths) + 1e-300)
    assert np.all(np.abs(gram.xy_products - X.T @ (s[:, None] * Y)) <= tol * np.outer(lengths, sizes) + 1e-300)
    assert np.all(np.abs(gram.y_products - s @ Y**2) <= tol * sizes**2 + 1e-300)


@given(problems(ugly=MODEST), CUTS)
def test_group_sparsity_on_a_gram_is_that_on_the_data(p: Problem, cuts: list[int]) -> None:
    gram = gram_of(p, cuts)
    top = largest_lam(p)
    lam = p.lam_share * (top or 1.0)
    data = solve(p.X, p.Y, penalty(p, lam), **p.data(), tol=1e-9)
    fit = solve(gram, penalty=penalty(p, lam), fit_intercept=p.fit_intercept, tol=1e-9)
    assert fit.certificate.holds
    assert fit.dual is None
    assert abs(fit.null_loss - data.null_loss) <= 1e-12 * data.null_loss + 1e-30 * np.sum(p.Y**2)
    slack = 2e-9 * data.null_loss + 1e-13 * np.sum(p.Y**2)
    assert abs(fit.objective - data.objective) <= slack
    # Judged by the data itself, too.
    judged = certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert judged.upper <= data.objective + slack
    again = certify(fit, gram)
    assert again.holds
    assert abs(again.upper - fit.certificate.upper) <= slack
    if top > 0:
        assert np.isclose(lambda_max(gram, penalty=penalty(p, 1.0), fit_intercept=p.fit_intercept), top, rtol=1e-9)


@given(problems(ugly=WELL_SCALED), CUTS)
def test_a_refit_on_a_gram_is_least_squares(p: Problem, cuts: list[int]) -> None:
    gram = gram_of(p, cuts)
    fit = solve(p.X, p.Y, penalty(p, p.lam_share * (largest_lam(p) or 1.0)), **p.data())
    data, ours = refit(fit, p.X, p.Y, sample_weight=p.sample_weight), refit(fit, gram)
    assert abs(data.loss - ours.loss) <= 1e-9 * data.null_loss + 1e-13 * np.sum(p.Y**2)
    assert np.linalg.norm(ours.coef) <= np.linalg.norm(data.coef) * (1 + 1e-6) + 1e-9


@given(problems(ugly=tuple(sorted(set(WELL_SCALED) - {"free group"}))), CUTS, st.sampled_from([1.0, 2.0]))
def test_bridges_on_a_gram_are_stationary_on_the_data(p: Problem, cuts: list[int], exponent: float) -> None:
    bridge = RegularizedShrinkNet(1.0, 0.1, exponent, None if p.weights is None else np.maximum(p.weights, 0.1))
    gram, options = gram_of(p, cuts), {"fit_intercept": p.fit_intercept}
    top = lambda_max(p.X, p.Y, bridge, **p.data())
    lam = p.lam_share * (top or 1.0)
    fit = solve(gram, penalty=bridge.with_lam(lam), **options)
    assert fit.certificate.holds
    if fit.null_loss > 0:
        again = certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
        assert abs(again.upper - fit.objective) <= 1e-9 * fit.null_loss
        assert again.lower <= fit.objective + 1e-9 * fit.null_loss
        assert np.isclose(lambda_zero(gram, penalty=bridge, **options), lambda_zero(p.X, p.Y, bridge, **p.data()), rtol=1e-6)


@given(problems(ugly=MODEST), CUTS, CUTS)
def test_grams_of_parts_add_up(p: Problem, cuts: list[int], others: list[int]) -> None:
    parts = [Gram.from_blocks([block]) for block in blocks(p, cuts) if block[2] is None or np.any(block[2] > 0)]
    before = [part.x_products.copy() for part in parts]
    whole = Gram.merged(parts)
    assert all(np.array_equal(part.x_products, copy) for part, copy in zip(parts, before, strict=True))
    other = gram_of(p, others)
    added = parts[0]
    for part in parts[1:]:
        added = added + part
    for gram in (whole, added):
        sizes = np.sqrt(np.diag(other.x_products)) + 1e-15 * np.max(np.abs(p.X), axis=0)
        assert np.all(np.abs(gram.x_products - other.x_products) <= 1e-11 * np.outer(sizes, sizes) + 1e-300)


def correlated(offset: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 4)) @ rng.standard_normal((4, 20)) + rng.standard_normal((3000, 20))
    return X + offset, X[:, :3] + rng.standard_normal((3000, 3)) - offset


@pytest.mark.parametrize("n_blocks", [1, 7, 300])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_far_from_the_origin_blocks_are_as_good_as_the_data(n_blocks: int, fit_intercept: bool) -> None:
    X, Y = correlated(1e4)
    gram = Gram.from_blocks(zip(np.array_split(X, n_blocks), np.array_split(Y, n_blocks), strict=True))
    for lam in (0.1, 0.0):
        fit = solve(gram, penalty=GroupSparsity(lam), tol=1e-12, fit_intercept=fit_intercept)
        data = solve(X, Y, GroupSparsity(lam), tol=1e-12, fit_intercept=fit_intercept)
        assert abs(fit.objective - data.objective) <= 1e-10 * data.null_loss
        if fit_intercept:
            assert np.allclose(fit.coef, data.coef, rtol=1e-6, atol=1e-8)
            assert np.allclose(fit.predict(X), data.predict(X), atol=1e-6)


@pytest.mark.parametrize("to_block", [np.float32, scipy.sparse.csr_array, np.asfortranarray, lambda A: A.tolist()])
def test_blocks_come_in_any_form(to_block) -> None:
    X, Y = correlated(0.0)
    X = X.astype(np.float32).astype(np.float64)
    plain = Gram.from_blocks([(X, Y)])
    gram = Gram.from_blocks((to_block(X[rows]), Y[rows]) for rows in (slice(0, 1000), slice(1000, 3000)))
    assert np.allclose(gram.x_products, plain.x_products, rtol=1e-12, atol=1e-10)
    assert np.allclose(gram.xy_products, plain.xy_products, rtol=1e-12, atol=1e-10)


def test_folds_cross_validate_without_the_data() -> None:
    X, Y = correlated(5.0)
    folds = [Gram.from_blocks([(X[k::4], Y[k::4])]) for k in range(4)]
    for k in range(4):
        training = Gram.merged([fold for i, fold in enumerate(folds) if i != k])
        rest = np.arange(len(X)) % 4 != k
        ours, theirs = solve_path(training, n_lams=5, tol=1e-9), solve_path(X[rest], Y[rest], n_lams=5, tol=1e-9)
        assert np.allclose(ours.lams, theirs.lams, rtol=1e-10)
        assert np.allclose(ours.coefs, theirs.coefs, atol=1e-6)
        assert certify(ours.fits[-1], X[rest], Y[rest]).gap <= 2e-9


def test_a_gram_is_saved_and_shown(tmp_path) -> None:
    X, Y = correlated(0.0)
    gram = Gram.from_blocks([(X, Y[:, 0])])
    gram.save(tmp_path / "gram")
    again = Gram.load(tmp_path / "gram")
    assert np.array_equal(again.x_products, gram.x_products)
    assert "n_features" in repr(gram)
    fit: Fit = solve(again, penalty=ShrinkNet(0.1, unit_columns=True))
    assert fit.is_vector
    assert fit.predict(X).shape == (3000,)
    assert np.array_equal(fit.coef, fit.A * fit.beta)


@given(problems(ugly=MODEST), CUTS)
def test_a_gram_is_not_written_to(p: Problem, cuts: list[int]) -> None:
    gram = gram_of(p, cuts)
    before = {name: np.copy(array) for name, array in vars(gram).items() if isinstance(array, np.ndarray)}
    solve(gram, penalty=penalty(p, 0.1), fit_intercept=p.fit_intercept)
    solve(gram, penalty=penalty(p, 0.1), fit_intercept=p.fit_intercept, standardize=True)
    assert all(np.array_equal(getattr(gram, name), array) for name, array in before.items())


def test_rows_without_weight_leave_nothing() -> None:
    X, Y = correlated(0.0)
    block = (X, Y, np.arange(len(X)) % 2)
    gram = Gram.from_blocks([(X, 7 * Y, np.zeros(len(X))), block, (X, Y, np.zeros(len(X)))])
    plain = Gram.from_blocks([(X[1::2], Y[1::2])])
    assert np.allclose(gram.xy_products, plain.xy_products, rtol=1e-12)
    assert gram.n_samples == plain.n_samples
    assert replace(gram).total == plain.total
