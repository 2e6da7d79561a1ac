"""Statements about group sparsity with a ridge, for every loss: definitions, other formulas, and problems that are the same."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array

from solvers import Fit, Gram, GroupSparsity, Kind, Path, Status, certify, lambda_max, refit, solve, solve_path
from tests.checks import centred, entropy, label_objective, null_loss, objective
from tests.properties.test_group_sparsity import WELL_SCALED, largest_lam
from tests.properties.test_logistic import largest_lam as largest_label_lam
from tests.properties.test_working_sets import forced
from tests.strategies import LabelProblem, Problem, label_problems, problems


@dataclass(frozen=True)
class Strengths:
    """``lam`` relative to `lambda_max`, and ``l2`` for columns of unit size."""

    lam_share: float
    l2: float

    def penalty(self, p: Problem) -> GroupSparsity:
        top = largest_label_lam(p) if isinstance(p, LabelProblem) else largest_lam(p)
        # With a ridge alone rounding errors of the gradient count squared over l2, as documented.
        least = 1e-8 * float(np.max(p.X**2)) if self.lam_share == 0 else 0.0
        return GroupSparsity(self.lam_share * (top or 1.0), p.weights, max(self.l2, least))


STRENGTHS = st.builds(Strengths, st.sampled_from([0.0, 1e-3, 0.1, 0.5]), st.sampled_from([1e-8, 1e-3, 0.1, 10.0, 1e6]))


def value(p: Problem, penalty: GroupSparsity, fit: Fit) -> float:
    """The objective, in plain NumPy."""
    ridge = 0.5 * penalty.l2 * float(np.sum(p.group_weights * fit.coef**2))
    loss_and_norms = label_objective if isinstance(p, LabelProblem) else objective
    return loss_and_norms(p, penalty.lam, fit.coef, fit.intercept) + ridge


def solved(p: Problem, penalty: GroupSparsity, **options: object) -> Fit:
    with warnings.catch_warnings():
        # Unpenalised columns may separate the labels.
        warnings.filterwarnings("ignore", message="no minimiser exists")
        return solve(p.X, p.Y, penalty, **p.data(), **options)


def same(a: float, b: float, p: Problem, fit: Fit, tol: float) -> bool:
    """Objectives of answers that are certified to ``tol``; a shift of Y costs digits of a squared loss."""
    size = 0.0 if isinstance(p, LabelProblem) else float(np.sum(p.Y**2))
    return abs(a - b) <= 2 * tol * fit.null_loss + 1e-12 * size


@given(problems(), STRENGTHS)
def test_every_answer_is_certified_and_its_objective_is_the_one_stated(p: Problem, strengths: Strengths) -> None:
    penalty = strengths.penalty(p)
    fit = solved(p, penalty)
    assert fit.status is Status.CERTIFIED
    assert 0.0 <= fit.certificate.gap <= 1e-6
    assert abs(value(p, penalty, fit) - fit.objective) <= 1e-7 * fit.null_loss + 1e-13 * np.sum(p.Y**2)


@given(label_problems(), STRENGTHS)
def test_labels_are_certified_too(p: LabelProblem, strengths: Strengths) -> None:
    penalty = strengths.penalty(p)
    fit = solved(p, penalty)
    assert 0.0 <= fit.certificate.gap <= 1e-6
    # Separable labels have a minimiser: the ridge keeps the coefficients bounded.
    assert fit.status is Status.CERTIFIED or not np.all(p.group_weights > 0)
    assert abs(value(p, penalty, fit) - fit.objective) <= 1e-9 * (1.0 + fit.null_loss)


@given(problems(), STRENGTHS)
def test_the_dual_point_proves_the_lower_bound(p: Problem, strengths: Strengths) -> None:
    """``<dual, Y> - n/2 sum_i ||dual_i||^2 / s_i - sum_j max(0, ||x_j' dual|| - lam w_j)^2 / (2 l2 w_j)``."""
    penalty = strengths.penalty(p)
    fit = solved(p, penalty)
    assume(fit.null_loss > 0)
    assert fit.dual is not None
    s, w = p.row_weights, p.group_weights
    live, held = s > 0, w > 0
    excess = np.linalg.norm(centred(p.X, p).T @ fit.dual, axis=1) - penalty.lam * w
    cost = np.maximum(excess[held], 0.0) ** 2 / (2 * penalty.l2 * w[held])
    conjugate = 0.5 * s.sum() * float(np.sum(fit.dual[live] ** 2 / s[live, None])) + float(np.sum(cost))
    found = float(np.sum(fit.dual * p.Y)) - conjugate
    size = np.sum(np.abs(fit.dual * p.Y))
    # For small ridges the bound is that of another point, whose columns keep their distance from rounding.
    rounding = np.sum((1e-15 * np.abs(p.X).T @ np.abs(fit.dual)).sum(axis=1)[held] ** 2 / (penalty.l2 * w[held]))
    assert found >= fit.certificate.lower - 1e-9 * fit.null_loss - 1e-12 * size - rounding


@given(label_problems(), STRENGTHS)
def test_the_dual_point_of_labels_proves_the_lower_bound(p: LabelProblem, strengths: Strengths) -> None:
    penalty = strengths.penalty(p)
    fit = solved(p, penalty)
    assert fit.dual is not None
    s, w = p.row_weights, p.group_weights
    live, held = s > 0, w > 0
    X = centred(p.X, p)
    excess = np.linalg.norm(X.T @ fit.dual, axis=1) - penalty.lam * w
    cost = np.maximum(excess[held], 0.0) ** 2 / (2 * penalty.l2 * w[held])
    P = p.one_hot[live] - fit.dual[live] * (s.sum() / s[live, None])
    assert np.all((P >= -1e-12) & (P <= 1 + 1e-12))
    found = float(s[live] @ entropy(p, np.clip(P, 0.0, 1.0))) / s.sum() - float(np.sum(cost))
    rounding = np.sum((1e-15 * np.abs(X).T @ np.abs(fit.dual)).sum(axis=1)[held] ** 2 / (penalty.l2 * w[held]))
    assert found >= fit.certificate.lower - 1e-9 * (1.0 + fit.null_loss) - rounding


@given(st.one_of(problems(), label_problems()), STRENGTHS, st.floats(0.1, 2.0), st.integers(0, 10**6))
def test_certify_refutes_a_wrong_answer(p: Problem, strengths: Strengths, size: float, seed: int) -> None:
    penalty = strengths.penalty(p)
    fit = solved(p, penalty)
    step = np.random.default_rng(seed).standard_normal(fit.coef.shape) * np.abs(fit.coef)
    worse = replace(fit, coef=fit.coef + size * step)
    excess = value(p, penalty, worse) - fit.objective
    assume(np.any(step) and np.isfinite(excess) and fit.null_loss > 0)
    claimed = certify(worse, p.X, p.Y, sample_weight=p.sample_weight)
    assert claimed.gap * fit.null_loss >= excess * (1 - 1e-9) - 1e-9 * fit.null_loss


@given(st.one_of(problems(), label_problems()), STRENGTHS)
def test_certify_recomputes_what_the_fit_states(p: Problem, strengths: Strengths) -> None:
    fit = solved(p, strengths.penalty(p))
    again = certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert again.holds
    assert again.kind is fit.certificate.kind
    assert abs(again.upper - fit.certificate.upper) <= 1e-9 * (fit.null_loss + again.upper)


@given(problems(ugly=WELL_SCALED), STRENGTHS)
def test_optimality_conditions(p: Problem, strengths: Strengths) -> None:
    penalty = strengths.penalty(p)
    fit = solved(p, penalty, tol=1e-11)
    s, w = p.row_weights, p.group_weights
    residual = p.Y - p.X @ fit.coef.T - fit.intercept
    gradient = p.X.T @ (s[:, None] * residual) / s.sum()
    norms = np.linalg.norm(fit.coef, axis=0)
    pull = penalty.l2 * w * fit.coef
    # A gap bounds the distance of the gradients of loss and ridge from those at the minimiser: ||g - g*||^2 <= 2 L gap.
    lipschitz = float(s @ np.sum(p.X**2, axis=1)) / s.sum() + penalty.l2 * np.max(w)
    gap = fit.certificate.gap * fit.null_loss
    slack = np.sqrt(2 * lipschitz * gap) + 1e-11 * np.sqrt(lipschitz) * np.sqrt(float(s @ np.sum(p.Y**2, axis=1)) / s.sum())
    assert np.all(np.linalg.norm(gradient - pull.T, axis=1) <= penalty.lam * w + slack)
    for j in fit.support:
        assert (gradient[j] - pull[:, j]) @ fit.coef[:, j] >= (penalty.lam * w[j] - slack) * norms[j] - gap


@given(problems(ugly=WELL_SCALED), STRENGTHS)
def test_a_ridge_is_rows_appended_to_the_data(p: Problem, strengths: Strengths) -> None:
    p = replace(p, fit_intercept=False)
    penalty = strengths.penalty(p)
    n = p.row_weights.sum()
    longer = replace(
        p,
        X=np.vstack([p.X, np.diag(np.sqrt(n * penalty.l2 * p.group_weights))]),
        Y=np.vstack([p.Y, np.zeros((p.X.shape[1], p.Y.shape[1]))]),
        sample_weight=np.append(p.row_weights, np.ones(p.X.shape[1])),
    )
    # The mean is over more rows.
    share = n / longer.row_weights.sum()
    ours = solved(p, penalty, tol=1e-9)
    theirs = solved(longer, GroupSparsity(share * penalty.lam, p.weights), tol=1e-9)
    assert same(theirs.objective / share, ours.objective, p, ours, 1e-9)


@given(problems(ugly=WELL_SCALED), st.sampled_from([1e-3, 0.1, 10.0]))
def test_without_a_norm_it_is_ridge_regression(p: Problem, l2: float) -> None:
    assume(np.all(p.group_weights > 0) and null_loss(p) > 1e-20)
    fit = solved(p, GroupSparsity(0.0, p.weights, l2), tol=1e-12)
    s, X, Y = p.row_weights, centred(p.X, p), centred(p.Y, p)
    Q = X.T @ (s[:, None] * X) / s.sum() + l2 * np.diag(p.group_weights)
    coef = np.linalg.solve(Q, X.T @ (s[:, None] * Y) / s.sum()).T
    assert fit.status is Status.CERTIFIED
    # Strongly convex: ``l2 w / 2 ||coef - best||^2 <= gap``.
    assert np.sum(p.group_weights * (fit.coef - coef) ** 2) <= 2.1e-12 * fit.null_loss / l2 + 1e-18 * np.sum(coef**2)


@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(0.0, 1.0), st.floats(1e-6, 1e3))
def test_orthonormal_columns_have_a_closed_form(seed: int, n_targets: int, lam: float, l2: float) -> None:
    rng = np.random.default_rng(seed)
    X = np.linalg.qr(rng.standard_normal((9, 5)))[0] * 3.0
    Y, w = rng.standard_normal((9, n_targets)), rng.uniform(0.5, 2.0, 5)
    fit = solve(X, Y, GroupSparsity(lam, w, l2), fit_intercept=False, tol=1e-14)
    z = X.T @ Y / 9
    lengths = np.linalg.norm(z, axis=1)
    best = z * (np.maximum(1.0 - lam * w / lengths, 0.0) / (1.0 + l2 * w))[:, None]
    assert np.allclose(fit.coef, best.T, atol=1e-7)


@given(problems(), STRENGTHS, st.integers(-20, 20), st.integers(-20, 20))
def test_units_do_not_matter(p: Problem, strengths: Strengths, x_power: int, y_power: int) -> None:
    penalty, x, y = strengths.penalty(p), 2.0**x_power, 2.0**y_power
    moved = replace(p, X=x * p.X, Y=y * p.Y)
    scaled = solved(moved, GroupSparsity(penalty.lam * x * y, p.weights, penalty.l2 * x**2))
    assert same(scaled.objective / y**2, solved(p, penalty).objective, p, solved(p, penalty), 1e-6)


@given(label_problems(ugly=()), STRENGTHS, st.sampled_from([1e-120, 1e-3, 1e120]))
def test_units_of_the_inputs_of_labels_do_not_matter(p: LabelProblem, strengths: Strengths, x: float) -> None:
    penalty = strengths.penalty(p)
    fit = solved(p, penalty)
    scaled = solved(replace(p, X=x * p.X), GroupSparsity(penalty.lam * x, p.weights, penalty.l2 * x * x))
    assert same(scaled.objective, fit.objective, p, fit, 1e-6)


@given(problems(ugly=WELL_SCALED), STRENGTHS)
def test_standardised_it_acts_on_the_columns_of_unit_variance(p: Problem, strengths: Strengths) -> None:
    penalty = strengths.penalty(p)
    X = centred(p.X, replace(p, fit_intercept=True))
    deviations = np.sqrt(p.row_weights @ X**2 / p.row_weights.sum())
    assume(np.all((deviations > 1e-3) | (deviations == 0)))
    unit = p.X / np.where(deviations > 0, deviations, np.inf)
    ours, theirs = solved(p, penalty, standardize=True, tol=1e-9), solved(replace(p, X=unit), penalty, tol=1e-9)
    assert same(ours.objective, theirs.objective, p, ours, 1e-9)
    assert certify(ours, p.X, p.Y, sample_weight=p.sample_weight).holds


@pytest.mark.parametrize("columns_per_sample", [0, np.inf], ids=["on the residual", "in the Gram matrix"])
@given(p=problems(ugly=WELL_SCALED), strengths=STRENGTHS)
def test_every_way_of_looking_at_the_columns_answers_alike(columns_per_sample: float, p: Problem, strengths: Strengths) -> None:
    penalty = strengths.penalty(p)
    with forced(columns_per_sample=columns_per_sample):
        ours = solved(p, penalty, tol=1e-8)
    with forced(full=True):
        other = solved(p, penalty, tol=1e-8)
    assert ours.certificate.holds
    assert same(ours.objective, other.objective, p, ours, 1e-8)


@given(problems(ugly=WELL_SCALED), STRENGTHS)
def test_a_gram_knows_the_same_problem(p: Problem, strengths: Strengths) -> None:
    penalty = strengths.penalty(p)
    gram = Gram.from_blocks([(p.X, p.Y, p.sample_weight)])
    ours = solve(gram, penalty=penalty, fit_intercept=p.fit_intercept, tol=1e-8)
    assert certify(ours, gram).holds
    assert same(ours.objective, solved(p, penalty, tol=1e-8).objective, p, ours, 1e-8)


@pytest.mark.parametrize("loss", ["squared", "multinomial"])
@pytest.mark.parametrize("lam_share", [0.0, 0.05])
def test_sparse_and_float32_inputs_answer_as_dense_ones_do(loss: str, lam_share: float) -> None:
    rng = np.random.default_rng(0)
    X = np.where(rng.random((80, 30)) < 0.2, rng.standard_normal((80, 30)), 0.0).astype(np.float32)
    Y = X[:, :3] + rng.standard_normal((80, 3))
    targets = Y if loss == "squared" else np.argmax(Y, axis=1)
    penalty = GroupSparsity(lam_share * lambda_max(X, targets, loss=loss), l2=0.01)
    fits = [solve(A, targets, penalty, loss=loss, tol=1e-9) for A in (X.astype(float), X, csr_array(X), csc_array(X))]
    for fit in fits[1:]:
        assert fit.certificate.holds
        assert abs(fit.objective - fits[0].objective) <= 2e-9 * fits[0].null_loss


@pytest.mark.parametrize("l2", [1e-3, 1.0])
def test_a_wide_path_grows_its_working_set(l2: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 1500))
    Y = X[:, :5] @ rng.standard_normal((5, 3)) + rng.standard_normal((40, 3))
    path = solve_path(X, Y, GroupSparsity(1.0, l2=l2), n_lams=10, lam_ratio=1e-2, tol=1e-9)
    assert np.all(path.gaps <= 1e-9)
    # Without a norm every column stays: more than twice as many as samples.
    last = path.at(0.0)
    dual = np.linalg.solve((X - X.mean(axis=0)) @ (X - X.mean(axis=0)).T / 40 + l2 * np.eye(40), Y - Y.mean(axis=0)) / 40
    assert last.certificate.holds
    assert np.sum((last.coef - dual.T @ (X - X.mean(axis=0))) ** 2) <= 2.1e-9 * last.null_loss / l2


@given(st.one_of(problems(ugly=WELL_SCALED), label_problems(ugly=WELL_SCALED)), st.sampled_from([1e-3, 1.0]))
def test_a_path_holds_the_single_solutions(p: Problem, l2: float) -> None:
    penalty = GroupSparsity(1.0, p.weights, l2)
    assert lambda_max(p.X, p.Y, penalty, **p.data()) == lambda_max(p.X, p.Y, penalty=GroupSparsity(1.0, p.weights), **p.data())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no minimiser exists")
        path = solve_path(p.X, p.Y, penalty, n_lams=4, lam_ratio=1e-2, **p.data())
    assert all(fit.penalty == penalty.with_lam(lam) for fit, lam in zip(path.fits, path.lams, strict=True))
    assert np.all(path.gaps <= 1e-6)
    middle = solved(p, penalty.with_lam(path.lams[2]))
    assert same(middle.objective, path.fits[2].objective, p, middle, 1e-6)
    assert path.at(0.0).certificate.holds


@given(problems(), STRENGTHS)
def test_a_refit_leaves_the_ridge_out(p: Problem, strengths: Strengths) -> None:
    fit = solved(p, strengths.penalty(p))
    again = refit(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert again.penalty == GroupSparsity(0.0)
    assert again.certificate.gap <= 1e-6
    assert again.loss <= fit.loss + 1e-9 * fit.null_loss


@pytest.mark.parametrize("loss", ["multinomial", "logistic"])
def test_separable_labels_have_a_minimiser(loss: str) -> None:
    X = np.random.default_rng(0).standard_normal((40, 6))
    fit = solve(X, (X[:, 0] > 0).astype(int), GroupSparsity(0.0, l2=1e-6), loss=loss, tol=1e-12)
    assert fit.status is Status.CERTIFIED
    assert fit.certificate.kind is Kind.DUALITY_GAP
    assert fit.infimum is None


@pytest.mark.parametrize("lam_share", [0.0, 0.1])
@pytest.mark.parametrize("l2", [1e-300, 1e-30, 1e-12, 1e300])
@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_extreme_ridges(loss: str, l2: float, lam_share: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 5))
    Y = X[:, :2] + rng.standard_normal((30, 2))
    targets = Y if loss == "squared" else np.argmax(Y + 2 * rng.standard_normal((30, 2)), axis=1)
    lam = lam_share * lambda_max(X, targets, loss=loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = solve(X, targets, GroupSparsity(lam, l2=l2), loss=loss, tol=1e-10)
    # Where nothing but the ridge holds a column, the square of its gradient's rounding error over the ridge is not seen.
    assert fit.status is (Status.CONVERGED if lam == 0 and l2 < 1e-20 else Status.CERTIFIED)
    plain = solve(X, targets, GroupSparsity(lam), loss=loss, tol=1e-10)
    expected = plain.objective if l2 < 1 else plain.null_loss
    assert abs(fit.objective - expected) <= 1e-9 * plain.null_loss


@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_a_ridge_that_underflows_is_still_one(loss: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 5))
    Y = X[:, :2] + rng.standard_normal((30, 2))
    targets = Y if loss == "squared" else np.argmax(Y, axis=1)
    weights, l2 = np.array([0.1, 0.1, 0.2, 0.3, 0.0]), 5e-324
    assert not np.any(l2 * weights)
    best = solve(X, targets, GroupSparsity(0.1, weights), loss=loss)
    for size in 10.0 ** np.arange(-3.0, 2.0):
        wrong = replace(best, penalty=GroupSparsity(0.1, weights, l2), coef=size * rng.standard_normal((2, 5)))
        assert certify(wrong, X, targets).lower <= best.objective + 1e-12


def test_zero_is_no_ridge() -> None:
    p = np.random.default_rng(0)
    X, Y = p.standard_normal((30, 5)), p.standard_normal((30, 2))
    ours, plain = solve(X, Y, GroupSparsity(0.1, l2=0.0)), solve(X, Y, GroupSparsity(0.1))
    assert ours.penalty == plain.penalty
    assert np.array_equal(ours.coef, plain.coef)
    assert GroupSparsity(0.1, l2=0.1) != plain.penalty
    assert len({GroupSparsity(0.1), GroupSparsity(0.1, l2=0.0), GroupSparsity(0.1, l2=0.1)}) == 2
    assert repr(GroupSparsity(0.1, [1.0, 2.0], 0.5)) == "GroupSparsity(lam=0.1, weights=[1. 2.], l2=0.5)"


def test_saved_and_loaded(tmp_path: FilePath) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 5)), rng.standard_normal((30, 2))
    path = solve_path(X, Y, GroupSparsity(1.0, np.ones(5), l2=0.25), n_lams=3)
    path.save(tmp_path / "path.npz")
    again = Path.load(tmp_path / "path.npz")
    assert [fit.penalty for fit in again.fits] == [fit.penalty for fit in path.fits]
    assert certify(again.fits[-1], X, Y).holds
