"""Statements about group sparsity over groups of several inputs, for every loss."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from solvers import Fit, Gram, GroupSparsity, Status, certify, lambda_max, refit, solve, solve_path
from solvers.regression.curvature import GroupCurvature
from tests.checks import centred, label_losses, null_loss
from tests.strategies import LabelProblem, Problem, label_problems, problems


@dataclass(frozen=True)
class Grouping:
    """How to cut ``n`` inputs into groups, and the strengths."""

    seed: int
    n_groups: int
    lam_share: float
    l2: float
    weights: str

    def penalty(self, p: Problem) -> GroupSparsity:
        rng = np.random.default_rng(self.seed)
        # Labels with holes and in no order.
        groups = 3 * rng.integers(0, self.n_groups, p.X.shape[1]) - 5
        weights = self.weights if self.weights == "sqrt_size" else None
        if self.weights == "random":
            weights = rng.uniform(0.1, 3.0, len(np.unique(groups)))
        if self.weights == "free":
            weights = np.where(np.arange(len(np.unique(groups))) == 0, 0.0, 1.0)
        penalty = GroupSparsity(1.0, weights, self.l2, groups)
        kind = {"loss": p.loss} if isinstance(p, LabelProblem) else {}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="no minimiser exists")
            top = lambda_max(p.X, p.Y, penalty, **kind, fit_intercept=p.fit_intercept, sample_weight=p.sample_weight)
        return penalty.with_lam(self.lam_share * (top or 1.0))


GROUPINGS = st.builds(
    Grouping,
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.sampled_from([0.9, 0.3, 0.03, 1e-3]),
    st.sampled_from([0.0, 0.0, 0.1, 10.0]),
    st.sampled_from(["ones", "sqrt_size", "random", "free"]),
)
EITHER = st.one_of(problems(), label_problems())


def solved(p: Problem, penalty: GroupSparsity, **options: object) -> Fit:
    with warnings.catch_warnings():
        # Unpenalised groups may separate the labels.
        warnings.filterwarnings("ignore", message="no minimiser exists")
        return solve(p.X, p.Y, penalty, **p.data(), **options)


def penalty_value(penalty: GroupSparsity, coef: np.ndarray) -> float:
    """Term by term."""
    groups = np.asarray(penalty.groups)
    total = 0.0
    for number, name in enumerate(np.unique(groups)):
        weight = 1.0 if penalty.weights is None else penalty.weights[number]
        norm = np.linalg.norm(coef[:, groups == name])
        total += weight * (penalty.lam * norm + 0.5 * penalty.l2 * norm**2)
    return float(total)


def loss_value(p: Problem, fit: Fit) -> float:
    s = p.row_weights
    if isinstance(p, LabelProblem):
        losses = np.where(s > 0, label_losses(p, fit.coef, fit.intercept), 0.0)
    else:
        losses = 0.5 * np.sum((p.Y - p.X @ fit.coef.T - fit.intercept) ** 2, axis=1)
    return float(s @ losses) / s.sum()


def size(p: Problem, fit: Fit) -> float:
    """Of the rounding errors of an objective."""
    return 1.0 + fit.null_loss if isinstance(p, LabelProblem) else float(np.sum(p.Y**2))


@given(EITHER, GROUPINGS)
def test_every_answer_is_certified_and_its_objective_is_the_one_stated(p: Problem, grouping: Grouping) -> None:
    penalty = grouping.penalty(p)
    fit = solved(p, penalty)
    assert 0.0 <= fit.certificate.gap <= 1e-6 or fit.status is Status.NOT_ATTAINED
    assume(fit.status is Status.CERTIFIED)
    found = loss_value(p, fit) + penalty_value(penalty, fit.coef)
    assert abs(found - fit.objective) <= 1e-7 * fit.null_loss + 1e-12 * size(p, fit)
    assert np.isclose(penalty.value(fit.coef), penalty_value(penalty, fit.coef), rtol=1e-12)


@given(problems(), GROUPINGS)
def test_the_dual_point_proves_the_lower_bound(p: Problem, grouping: Grouping) -> None:
    """Primal minus dual, each evaluated by itself: ``||sum over the group of x_j' dual|| <= lam w_g``."""
    penalty = replace(grouping.penalty(p), l2=0.0)
    fit = solved(p, penalty)
    assume(fit.null_loss > 0)
    assert fit.dual is not None
    s, groups = p.row_weights, np.asarray(penalty.groups)
    live = s > 0
    correlation = centred(p.X, p).T @ fit.dual
    # Where the groups without a weight fit Y exactly, the dual point is what rounding leaves of it.
    rounding = 1e-13 * np.abs(p.X).T @ (np.abs(fit.dual) + np.abs(p.Y) * s[:, None] / s.sum())
    for number, name in enumerate(np.unique(groups)):
        weight = 1.0 if penalty.weights is None else penalty.weights[number]
        slack = penalty.lam * weight - np.linalg.norm(correlation[groups == name])
        assert slack >= -1e-9 * penalty.lam * weight - np.linalg.norm(rounding[groups == name])
    found = float(np.sum(fit.dual * p.Y)) - 0.5 * s.sum() * float(np.sum(fit.dual[live] ** 2 / s[live, None]))
    assert found >= fit.certificate.lower - 1e-9 * fit.null_loss - 1e-12 * np.sum(np.abs(fit.dual * p.Y))


@given(EITHER, GROUPINGS, st.integers(0, 10**6))
def test_single_inputs_are_groups_of_one(p: Problem, grouping: Grouping, seed: int) -> None:
    n_features = p.X.shape[1]
    weights = None if p.weights is None else np.asarray(p.weights)
    plain = GroupSparsity(grouping.penalty(p).lam, weights, grouping.l2)
    order = np.random.default_rng(seed).permutation(n_features)
    grouped = replace(plain, groups=order, weights=None if weights is None else weights[np.argsort(order)])
    coef = np.random.default_rng(seed).standard_normal((2, n_features))
    assert np.isclose(grouped.value(coef), plain.value(coef), rtol=1e-13)
    a, b = solved(p, plain), solved(p, grouped)
    assume(a.status is Status.CERTIFIED)
    assert b.status is Status.CERTIFIED
    assert abs(a.objective - b.objective) <= 2e-6 * a.null_loss + 1e-12 * size(p, a)


@given(EITHER, GROUPINGS)
def test_a_rotation_within_the_groups_changes_nothing(p: Problem, grouping: Grouping) -> None:
    """The norm of a group does not see it: what a norm per input would."""
    assume("far" not in " ".join(p.labels))
    penalty = grouping.penalty(p)
    groups = np.asarray(penalty.groups)
    V = np.zeros((len(groups), len(groups)))
    rng = np.random.default_rng(grouping.seed)
    for name in np.unique(groups):
        inside = np.flatnonzero(groups == name)
        V[np.ix_(inside, inside)] = np.linalg.qr(rng.standard_normal((len(inside), len(inside))))[0]
    rotated = replace(p, X=p.X @ V)
    # Columns of very different size lose their digits in a sum.
    assume(np.all(np.abs(p.X).max(axis=0) > 1e-3 * np.abs(p.X).max()))
    a, b = solved(p, penalty), solved(rotated, penalty)
    assume(a.status is Status.CERTIFIED and b.status is Status.CERTIFIED)
    assert abs(a.objective - b.objective) <= 3e-6 * a.null_loss + 1e-10 * size(p, a)


@given(EITHER, GROUPINGS)
def test_lambda_max_is_where_the_first_group_enters(p: Problem, grouping: Grouping) -> None:
    penalty = replace(grouping, lam_share=1.0, weights="random").penalty(p)
    above = solved(p, penalty.with_lam(penalty.lam * (1 + 1e-6)))
    assert not above.coef.any()


@given(problems(), GROUPINGS)
def test_lambda_max_is_the_longest_gradient_of_a_group(p: Problem, grouping: Grouping) -> None:
    """``max_g ||X_g' Y|| / (n w_g)``, everything centred."""
    penalty = replace(grouping, weights="random").penalty(p)
    X, Y, s, groups = centred(p.X, p), centred(p.Y, p), p.row_weights, np.asarray(penalty.groups)
    weights = np.asarray(penalty.weights)
    gradient = X.T @ (s[:, None] * Y) / s.sum()
    lengths = [np.linalg.norm(gradient[groups == name]) for name in np.unique(groups)]
    rounding = 1e-12 * np.linalg.norm(np.abs(X).max(axis=0)) * np.sqrt(np.mean(p.Y**2))
    top = lambda_max(p.X, p.Y, penalty, fit_intercept=p.fit_intercept, sample_weight=p.sample_weight)
    assert top == pytest.approx(np.max(lengths / weights), rel=1e-9, abs=rounding / weights.min())


@given(problems(), GROUPINGS)
def test_a_gram_gives_the_same_answers(p: Problem, grouping: Grouping) -> None:
    penalty = grouping.penalty(p)
    fit = solved(p, penalty)
    assume(null_loss(p) > 1e-9 * np.mean(p.Y**2) and "far" not in " ".join(p.labels))
    gram = Gram.from_blocks([(p.X, p.Y, p.sample_weight)])
    same = solve(gram, penalty=penalty, fit_intercept=p.fit_intercept)
    assert abs(same.objective - fit.objective) <= 1e-5 * fit.null_loss


@given(EITHER, GROUPINGS, st.floats(0.1, 2.0))
def test_certify_refutes_a_wrong_answer(p: Problem, grouping: Grouping, share: float) -> None:
    penalty = grouping.penalty(p)
    fit = solved(p, penalty)
    step = np.random.default_rng(grouping.seed).standard_normal(fit.coef.shape) * np.abs(fit.coef)
    worse = replace(fit, coef=fit.coef + share * step)
    certificate = certify(worse, p.X, p.Y, sample_weight=p.sample_weight)
    again = certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert again.gap == pytest.approx(fit.certificate.gap, rel=1e-6, abs=1e-9)
    assume(fit.status is Status.CERTIFIED and np.isfinite(certificate.upper))
    excess = loss_value(p, worse) + penalty_value(penalty, worse.coef) - fit.objective
    assert certificate.gap * fit.null_loss >= excess - 2e-6 * fit.null_loss - 1e-12 * size(p, fit)


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("shape", [(60, 40), (40, 400)], ids=["tall", "wide"])
def test_paths_keep_groups_together(shape: tuple[int, int], n_targets: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal(shape)
    groups = np.repeat(np.arange(shape[1] // 5), 5)
    Y = X[:, :10] @ rng.standard_normal((10, n_targets)) + 0.5 * rng.standard_normal((shape[0], n_targets))
    path = solve_path(X, Y, GroupSparsity(1.0, "sqrt_size", groups=groups), n_lams=12, tol=1e-8)
    assert path.fits[0].sparsity == 1.0
    for fit in path.fits:
        assert fit.certificate.gap <= 1e-8
        live = np.any(fit.coef != 0, axis=0).reshape(-1, 5)
        assert np.all(live.any(axis=1) == live.all(axis=1))
    refitted = refit(path.fits[5], X, Y)
    assert np.array_equal(refitted.support, path.fits[5].support)


def test_large_supports_are_polished_by_conjugate_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    X, groups = rng.standard_normal((80, 60)), np.repeat(np.arange(12), 5)
    X[:, 1:] += X[:, :-1]
    Y = X @ rng.standard_normal((60, 2)) + rng.standard_normal((80, 2))
    penalty = GroupSparsity(1e-3, groups=groups)
    exact = solve(X, Y, penalty, tol=1e-10)
    monkeypatch.setattr("solvers.regression.states._DIRECT", 5)
    calls, plain = [], GroupCurvature.direction_by_cg

    def counted(self: GroupCurvature, *arguments: Any) -> Any:
        calls.append(1)
        return plain(self, *arguments)

    monkeypatch.setattr(GroupCurvature, "direction_by_cg", counted)
    approximate = solve(X, Y, penalty, tol=1e-10)
    assert calls
    assert exact.certificate.gap <= 1e-10
    assert approximate.certificate.gap <= 1e-10


def test_penalties_with_groups_compare_and_print() -> None:
    penalty = GroupSparsity(0.1, groups=[0, 0, 1])
    assert penalty == GroupSparsity(0.1, groups=np.array([0, 0, 1])) != GroupSparsity(0.1, groups=[0, 1, 1])
    assert penalty != GroupSparsity(0.1)
    assert hash(penalty) == hash(GroupSparsity(0.1, groups=[0, 0, 1]))
    assert "groups=" in repr(penalty)
