"""Against CVXPY and Clarabel: never worse by more than 1e-7 of the null loss, and our own certificate holds.

``HYPOTHESIS_PROFILE=thorough pytest tests/reference/test_against_cvxpy.py --hypothesis-show-statistics`` compares 5000 problems
of each kind, and counts Clarabel's own failures.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from solvers import GroupSparsity, certify, lambda_max, solve
from solvers.regression.reference import (
    group_sparsity_objective,
    label_objective,
    reference_group_sparsity,
    reference_labels,
)
from tests.checks import null_loss
from tests.properties.test_group_sparsity import WELL_SCALED, largest_lam
from tests.properties.test_logistic import WELL_SCALED as LABELS_WELL_SCALED
from tests.properties.test_logistic import largest_lam as largest_label_lam
from tests.strategies import LabelProblem, Problem, label_problems, problems

pytest.importorskip("cvxpy")


RIDGES = st.sampled_from([0.0, 0.0, 0.0, 1e-3, 0.1, 10.0])


@given(problems(ugly=WELL_SCALED), RIDGES)
def test_no_worse_than_the_reference(p: Problem, l2: float) -> None:
    scale = null_loss(p)
    assume(scale > 1e-12)
    lam = p.lam_share * (largest_lam(p) or 1.0)
    with warnings.catch_warnings():
        # Clarabel may end with reduced accuracy; its answer still bounds ours from one side.
        warnings.simplefilter("ignore")
        reference = reference_group_sparsity(
            p.X, p.Y, lam, weights=p.weights, sample_weight=p.sample_weight, fit_intercept=p.fit_intercept, l2=l2
        )
    event(f"Clarabel: {reference.status}")
    assume(np.isfinite(reference.objective))
    fit = solve(p.X, p.Y, GroupSparsity(lam, p.weights, l2), **p.data(), tol=1e-9)
    ours = group_sparsity_objective(p.X, p.Y, fit.coef, fit.intercept, lam, p.group_weights, p.row_weights, l2)
    assert ours <= reference.objective + 1e-7 * scale
    assert certify(fit, p.X, p.Y, sample_weight=p.sample_weight).gap <= 1e-9
    # The lower bound of our certificate must not exceed what the reference achieved.
    assert fit.certificate.lower <= reference.objective + 1e-9 * scale


@given(label_problems(ugly=LABELS_WELL_SCALED), RIDGES)
def test_label_losses_are_no_worse_than_the_reference(p: LabelProblem, l2: float) -> None:
    # An outcome without a sample: the solver's intercept is infinite, the reference's as large as it gets.
    seen = p.one_hot[p.row_weights > 0]
    assume(seen.any(axis=0).all() and (p.loss == "multinomial" or not seen.all(axis=0).any()))
    lam = p.lam_share * (largest_label_lam(p) or 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = reference_labels(
            p.X,
            p.one_hot,
            p.loss,
            lam,
            weights=p.weights,
            sample_weight=p.sample_weight,
            fit_intercept=p.fit_intercept,
            l2=l2,
        )
    event(f"Clarabel: {reference.status}")
    assume(np.isfinite(reference.objective))
    with warnings.catch_warnings():
        # Unpenalised columns may separate the labels.
        warnings.filterwarnings("ignore", message="no minimiser exists")
        fit = solve(p.X, p.Y, GroupSparsity(lam, p.weights, l2), **p.data(), tol=1e-9)
    scale = fit.null_loss
    ours = label_objective(p.X, p.one_hot, fit.coef, fit.intercept, p.loss, lam, p.group_weights, p.row_weights, l2)
    assert ours <= reference.objective + 1e-7 * scale
    assert certify(fit, p.X, p.Y, sample_weight=p.sample_weight).gap <= 1e-9
    assert fit.certificate.lower <= reference.objective + 1e-9 * scale


def test_one_target_is_the_lasso_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    X = rng.standard_normal((80, 20))
    y = X[:, 0] - 2 * X[:, 1] + 0.1 * rng.standard_normal(80)
    peer = linear_model.Lasso(alpha=0.1, tol=1e-12, max_iter=100_000).fit(X, y)
    fit = solve(X, y, GroupSparsity(0.1), tol=1e-12)
    assert np.allclose(fit.coef[0], peer.coef_, atol=1e-7)
    assert np.allclose(fit.predict(X), peer.predict(X), atol=1e-7)
    assert fit.predict(X).shape == (80,)


def test_several_targets_are_the_multi_task_lasso_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(4)
    X = rng.standard_normal((80, 20))
    Y = X[:, :3] @ rng.standard_normal((3, 4)) + 0.1 * rng.standard_normal((80, 4))
    peer = linear_model.MultiTaskLasso(alpha=0.2, tol=1e-12, max_iter=100_000).fit(X, Y)
    fit = solve(X, Y, GroupSparsity(0.2), tol=1e-12)
    assert np.allclose(fit.coef, peer.coef_, atol=1e-7)
    assert np.allclose(fit.intercept, peer.intercept_, atol=1e-7)


@given(problems(ugly=WELL_SCALED), RIDGES, st.integers(1, 3), st.integers(0, 10**6))
def test_groups_are_no_worse_than_the_reference(p: Problem, l2: float, n_groups: int, seed: int) -> None:
    scale = null_loss(p)
    assume(scale > 1e-12)
    groups = np.random.default_rng(seed).integers(0, n_groups, p.X.shape[1])
    weights = np.random.default_rng(seed).uniform(0.5, 2.0, len(np.unique(groups)))
    penalty = GroupSparsity(1.0, weights, l2, groups)
    lam = p.lam_share * (lambda_max(p.X, p.Y, penalty, **p.data()) or 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = reference_group_sparsity(
            *(p.X, p.Y, lam),
            weights=weights,
            sample_weight=p.sample_weight,
            fit_intercept=p.fit_intercept,
            l2=l2,
            groups=groups,
        )
    event(f"Clarabel: {reference.status}")
    assume(np.isfinite(reference.objective))
    fit = solve(p.X, p.Y, penalty.with_lam(lam), **p.data(), tol=1e-9)
    ours = group_sparsity_objective(p.X, p.Y, fit.coef, fit.intercept, lam, weights, p.row_weights, l2, groups)
    assert ours <= reference.objective + 1e-7 * scale
    assert fit.certificate.gap <= 1e-9
    assert fit.certificate.lower <= reference.objective + 1e-9 * scale
