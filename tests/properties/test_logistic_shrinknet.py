"""Regularised ShrinkNet, free ShrinkNet and their relatives with logistic losses."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from solvers import Fit, GroupSparsity, Kind, RegularizedShrinkNet, ShrinkNet, Status, certify, lambda_max, lambda_zero, solve
from tests.checks import label_losses
from tests.properties.test_logistic import WELL_SCALED
from tests.strategies import LabelProblem, label_problems

PENALTIES = st.sampled_from([0.5, 1.0, 1.5, 2.0])
SHARES = st.sampled_from([0.5, 0.1, 0.01])


def penalty_at(p: LabelProblem, share: float, exponent: float) -> RegularizedShrinkNet:
    penalty = RegularizedShrinkNet(1.0, 0.1, exponent)
    top = lambda_max(p.X, p.Y, penalty, **p.data())
    return penalty.with_lam(share * (top or 1.0))


def fit_of(p: LabelProblem, penalty: RegularizedShrinkNet, **options: object) -> Fit:
    return solve(p.X, p.Y, penalty, **p.data(), **options)


def objective(p: LabelProblem, penalty: RegularizedShrinkNet, fit: Fit) -> float:
    """With the factors that are returned."""
    s = p.row_weights
    loss = float(s @ np.where(s > 0, label_losses(p, fit.coef, fit.intercept), 0.0)) / s.sum()
    assert fit.A is not None
    assert fit.beta is not None
    return loss + penalty.lam * float(np.sum(fit.beta)) + penalty.lam2 * float(np.sum(np.abs(fit.A) ** penalty.p))


@given(label_problems(ugly=WELL_SCALED), SHARES, PENALTIES)
def test_every_answer_is_stationary_and_is_what_it_says(p: LabelProblem, share: float, exponent: float) -> None:
    penalty = penalty_at(p, share, exponent)
    fit = fit_of(p, penalty)
    assert fit.status in (Status.CONVERGED, Status.CERTIFIED)
    assert fit.certificate.gap <= 1e-6
    assert np.array_equal(fit.coef, fit.A * fit.beta)
    assert abs(objective(p, penalty, fit) - fit.objective) <= 1e-9 * (1.0 + fit.objective)
    again = certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert again.kind is fit.certificate.kind
    assert again.gap <= 1e-6
    assert again.lower <= again.upper


@given(label_problems(ugly=WELL_SCALED), SHARES, PENALTIES)
def test_no_worse_than_the_null_model_or_a_scaled_answer(p: LabelProblem, share: float, exponent: float) -> None:
    penalty = penalty_at(p, share, exponent)
    fit = fit_of(p, penalty)
    assert fit.objective <= fit.null_loss * (1 + 1e-9)
    s = p.row_weights
    for factor in (0.98, 1.02):
        loss = float(s @ np.where(s > 0, label_losses(p, factor * fit.coef, fit.intercept), 0.0)) / s.sum()
        assert fit.objective <= loss + penalty.value(factor * fit.coef) + 1e-9 * (1.0 + fit.null_loss)


@given(label_problems(ugly=WELL_SCALED))
def test_zero_from_lambda_zero_on(p: LabelProblem) -> None:
    penalty = RegularizedShrinkNet(1.0, 0.1)
    top = lambda_zero(p.X, p.Y, penalty, **p.data())
    assume(top > 0)
    assert not np.any(fit_of(p, penalty.with_lam(1.01 * top)).coef)
    assert top >= lambda_max(p.X, p.Y, penalty, **p.data())


@given(label_problems(ugly=WELL_SCALED))
def test_unit_columns_are_group_sparsity(p: LabelProblem) -> None:
    lam = p.lam_share * (lambda_max(p.X, p.Y, **p.data()) or 1.0)
    with_units = solve(p.X, p.Y, ShrinkNet(lam, unit_columns=True), **p.data(), tol=1e-9)
    group = solve(p.X, p.Y, GroupSparsity(lam), **p.data(), tol=1e-9)
    assert abs(with_units.objective - group.objective) <= 2e-9 * group.null_loss


@given(label_problems(ugly=WELL_SCALED))
def test_free_columns_leave_the_loss_alone(p: LabelProblem) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        free = solve(p.X, p.Y, ShrinkNet(0.3), **p.data())
        unpenalised = solve(p.X, p.Y, GroupSparsity(0.0), **p.data())
    if free.status is Status.NOT_ATTAINED:
        assert free.certificate.kind is Kind.INFIMUM
        assert free.infimum is not None
        slack = (free.certificate.gap + unpenalised.certificate.gap) * free.null_loss
        assert abs(free.infimum - unpenalised.loss) <= slack + 1e-9
    else:
        assert not np.any(free.coef)
