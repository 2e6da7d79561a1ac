"""ShrinkNet itself: with free columns an infimum that is not attained, with unit columns group sparsity; results on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from solvers import (
    ConvergenceWarning,
    Fit,
    GroupSparsity,
    Path,
    RegularizedShrinkNet,
    ShrinkNet,
    Status,
    certify,
    solve,
    solve_path,
)
from solvers.results import Kind
from tests.properties import test_group_sparsity as group
from tests.properties.test_shrinknet import EXPONENTS, clear, few
from tests.strategies import Problem, problems


def least_squares_loss(p: Problem) -> float:
    """Of the columns that count: those below 1e-290 are zero."""
    root, scale = np.sqrt(p.row_weights)[:, None], np.max(np.abs(p.X), axis=0)
    X = p.X / np.where(scale >= 1e-290, scale, np.inf)
    X = np.column_stack([X, np.ones(len(X))]) if p.fit_intercept else X
    best = np.linalg.lstsq(root * X, root * p.Y, rcond=1e-13)[0]
    return float(np.sum((root * (p.Y - X @ best)) ** 2)) / (2 * p.row_weights.sum())


@few
@given(problems(), st.floats(1e-3, 10.0), st.booleans(), EXPONENTS)
def test_free_columns_have_an_infimum_and_a_sequence_that_tends_to_it(
    p: Problem, lam: float, plain: bool, exponent: float
) -> None:
    assume(group.largest_lam(p) > 0)
    free = ShrinkNet(lam) if plain else RegularizedShrinkNet(0.0, lam, exponent)
    with pytest.warns(ConvergenceWarning, match="no minimiser exists: scaling A against beta"):
        fit = solve(p.X, p.Y, free, **p.data())
    assert fit.status is Status.NOT_ATTAINED
    assert fit.certificate.kind is Kind.INFIMUM
    assert fit.certificate.holds
    assert fit.infimum is not None
    assert fit.A is not None
    assert fit.beta is not None
    assert np.array_equal(fit.coef, fit.A * fit.beta)
    slack = 1e-6 * max(fit.null_loss, 1e-25 * np.sum(p.Y**2))
    assert fit.infimum <= least_squares_loss(p) + slack
    assert fit.infimum == pytest.approx(fit.loss, rel=1e-12)
    for t in (1.0, 1e-2, 1e-6):
        A, beta = fit.minimising_sequence(t)
        assert np.allclose(A * beta, fit.coef, rtol=1e-12, atol=0)
        paid = lam * np.sum(np.abs(beta)) if plain else lam * np.sum(np.abs(A) ** exponent)
        bound = lam * p.X.shape[1] * t if plain else lam * np.sum(np.abs(fit.A) ** exponent) * t**exponent
        assert paid <= bound * (1 + 1e-9)
        if t == 1:
            assert fit.objective == pytest.approx(fit.loss + paid, rel=1e-9)


@few
@given(problems(), EXPONENTS)
def test_zero_is_attained_where_nothing_can_be_explained(p: Problem, exponent: float) -> None:
    p = replace(p, Y=np.full_like(p.Y, 0.3) if p.fit_intercept else np.zeros_like(p.Y))
    for free in (ShrinkNet(0.5), RegularizedShrinkNet(0.5, 0.1, exponent), ShrinkNet(0.5, unit_columns=True)):
        fit = solve(p.X, p.Y, free, **p.data())
        assert not fit.coef.any()
        assert not np.any(fit.beta)
        assert fit.objective == 0
        assert fit.infimum is None
        assert fit.certificate.holds


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_targets_orthogonal_to_the_inputs_have_zero_as_their_minimiser(fit_intercept: bool, scale: float) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    basis = np.column_stack([X, np.ones(30)])
    Y = scale * (Y - basis @ np.linalg.lstsq(basis, Y, rcond=None)[0])
    fit = solve(X, Y, ShrinkNet(0.5), fit_intercept=fit_intercept)
    assert fit.status is Status.CERTIFIED
    assert not fit.coef.any()
    assert not np.any(fit.beta)
    assert fit.infimum is None
    assert fit.objective == fit.null_loss
    # A little correlation is enough for the minimiser to be gone.
    Y[:, 0] += 1e-6 * scale * X[:, 1]
    with pytest.warns(ConvergenceWarning, match="no minimiser"):
        assert solve(X, Y, ShrinkNet(0.5), fit_intercept=fit_intercept).status is Status.NOT_ATTAINED


@few
@given(problems(), st.booleans())
def test_without_a_strength_shrinknet_is_least_squares(p: Problem, unit: bool) -> None:
    fit = solve(p.X, p.Y, ShrinkNet(0.0, unit_columns=unit), **p.data())
    assert fit.status is Status.CERTIFIED
    assert fit.infimum is None
    assert fit.loss <= least_squares_loss(p) + 1e-6 * max(fit.null_loss, 1e-25 * np.sum(p.Y**2))
    assert np.array_equal(fit.coef, fit.A * fit.beta)


@few
@given(problems())
def test_unit_columns_are_group_sparsity(p: Problem) -> None:
    p = replace(p, weights=None)
    lam = p.lam_share * (group.largest_lam(p) or 1.0)
    unit = solve(p.X, p.Y, ShrinkNet(lam, unit_columns=True), **p.data())
    plain = solve(p.X, p.Y, GroupSparsity(lam), **p.data())
    assert unit.status is Status.CERTIFIED
    assert unit.certificate.kind is Kind.DUALITY_GAP
    assert unit.A is not None
    assert unit.beta is not None
    assert np.array_equal(unit.coef, unit.A * unit.beta)
    assert np.allclose(unit.coef, plain.coef, rtol=1e-14, atol=0)
    assert unit.objective == pytest.approx(plain.objective, rel=1e-12)
    assert np.allclose(np.linalg.norm(unit.A, axis=0), 1.0, rtol=1e-14)
    assert np.all(unit.beta >= 0)
    assert certify(unit, p.X, p.Y, sample_weight=p.sample_weight).holds


def test_paths_of_unit_columns_are_paths_of_group_sparsity() -> None:
    X, Y = clear(0)
    unit = solve_path(X, Y, ShrinkNet(1.0, unit_columns=True), n_lams=5)
    plain = solve_path(X, Y, n_lams=5)
    assert np.array_equal(unit.lams, plain.lams)
    assert np.allclose(unit.coefs, plain.coefs, rtol=1e-14, atol=0)
    for lam, fit in zip(unit.lams, unit.fits, strict=True):
        assert fit.penalty == ShrinkNet(lam, unit_columns=True)
        assert fit.status is Status.CERTIFIED


@pytest.mark.filterwarnings("ignore:no minimiser exists")
@pytest.mark.parametrize(
    "penalty",
    [
        RegularizedShrinkNet(0.1, 0.2),
        RegularizedShrinkNet(0.1, 0.2, 1.0, [1.0, 2.0, 1.0, 1.0, 1.0, 0.5]),
        RegularizedShrinkNet(0.0, 0.2, 3.0),
        ShrinkNet(0.1),
        ShrinkNet(0.1, unit_columns=True),
    ],
    ids=str,
)
def test_a_fit_is_read_as_it_was_written(penalty: RegularizedShrinkNet | ShrinkNet, tmp_path: FilePath) -> None:
    X, Y = clear(1)
    fit = solve(X, Y, penalty)
    fit.save(tmp_path / "fit")
    again = Fit.load(tmp_path / "fit")
    assert again.penalty == penalty
    for name in ("coef", "A", "beta", "intercept"):
        assert np.array_equal(getattr(again, name), getattr(fit, name))
    for name in ("status", "infimum", "objective", "loss", "n_lost", "limit"):
        assert getattr(again, name) == getattr(fit, name)
    assert repr(again) == repr(fit)
    if fit.infimum is not None:
        assert np.array_equal(again.minimising_sequence(0.1)[0], fit.minimising_sequence(0.1)[0])
    if isinstance(penalty, RegularizedShrinkNet) and penalty.lam > 0:
        path = solve_path(X, Y, penalty, n_lams=3)
        path.save(tmp_path / "path")
        assert np.array_equal(Path.load(tmp_path / "path").coefs, path.coefs)


@pytest.mark.filterwarnings("ignore:gap")
def test_columns_whose_factors_overflow_are_dropped_and_counted() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((10, 2))
    penalty = RegularizedShrinkNet(1e-300, 1e147, 0.5)
    assert 1e-3 < penalty.mu(1)[0] < 0.1
    fit = solve(X, X[:, 0], penalty)
    assert fit.n_lost == 1
    assert fit.A is not None
    assert np.array_equal(fit.coef, fit.A * fit.beta)
    assert not fit.coef.any()
    assert fit.objective == pytest.approx(fit.null_loss)
    # What is returned is certified, not what was found.
    assert not fit.certificate.holds
