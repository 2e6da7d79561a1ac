"""Statements that hold for every multinomial and logistic problem under group sparsity, degenerate ones included."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from solvers import Fit, GroupSparsity, Kind, Status, certify, lambda_max, refit, solve, solve_path
from tests.checks import centred, entropy, label_objective
from tests.strategies import UGLY, LabelProblem, label_problems

WELL_SCALED = tuple(sorted(set(UGLY) - {"tiny column", "huge column", "subnormal column", "far column", "uneven row weights"}))


def penalty(p: LabelProblem, lam: float) -> GroupSparsity:
    return GroupSparsity(lam, p.weights)


def largest_lam(p: LabelProblem) -> float:
    """`lambda_max`, or 0 where it is nothing but rounding."""
    top = lambda_max(p.X, p.Y, penalty(p, 1.0), **p.data())
    live = p.group_weights > 0
    size = np.max(np.abs(centred(p.X, p)[:, live]) / p.group_weights[live], initial=0.0)
    return top if top > 1e-13 * size else 0.0


def fit_of(p: LabelProblem, lam: float, **options: object) -> Fit:
    with warnings.catch_warnings():
        # Unpenalised columns may separate the labels.
        warnings.filterwarnings("ignore", message="no minimiser exists")
        return solve(p.X, p.Y, penalty(p, lam), **p.data(), **options)


def some_lam(p: LabelProblem) -> float:
    return p.lam_share * (largest_lam(p) or 1.0)


@given(label_problems())
def test_every_answer_is_certified_and_the_certificate_is_true(p: LabelProblem) -> None:
    lam = some_lam(p)
    fit = fit_of(p, lam)
    assert fit.status in (Status.CERTIFIED, Status.NOT_ATTAINED)
    assert 0.0 <= fit.certificate.gap <= 1e-6
    assert abs(label_objective(p, lam, fit.coef, fit.intercept) - fit.objective) <= 1e-9 * (1.0 + fit.null_loss)


@given(label_problems())
def test_the_dual_point_is_feasible_and_attains_the_lower_bound(p: LabelProblem) -> None:
    lam = some_lam(p)
    fit = fit_of(p, lam)
    assert fit.dual is not None
    s = p.row_weights
    X = centred(p.X, p)
    rounding = np.abs(X).max(axis=0) * (1e-11 * np.abs(fit.dual).sum() + 1e-15)
    assert np.all(np.linalg.norm(X.T @ fit.dual, axis=1) <= lam * p.group_weights * (1 + 1e-9) + rounding)
    if p.fit_intercept:
        assert np.all(np.abs(fit.dual.sum(axis=0)) <= 1e-12)
    live = s > 0
    P = p.one_hot[live] - fit.dual[live] * (s.sum() / s[live, None])
    assert np.all((P >= -1e-12) & (P <= 1 + 1e-12))
    if p.loss == "multinomial":
        assert np.allclose(P.sum(axis=1), 1.0, atol=1e-12)
    value = float(s[live] @ entropy(p, np.clip(P, 0.0, 1.0))) / s.sum()
    assert abs(value - fit.certificate.lower) <= 1e-9 * (1.0 + fit.null_loss)


@given(label_problems())
def test_certify_recomputes_what_the_fit_states(p: LabelProblem) -> None:
    fit = fit_of(p, some_lam(p))
    again = certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert again.holds
    assert again.kind is fit.certificate.kind
    assert abs(again.upper - fit.certificate.upper) <= 1e-9 * fit.null_loss
    assert abs((again.upper - again.lower) - again.gap * fit.null_loss) <= 1e-12 * (1.0 + again.upper)


@given(label_problems(), st.floats(0.1, 2.0), st.integers(0, 10**6))
def test_certify_refutes_a_wrong_answer(p: LabelProblem, size: float, seed: int) -> None:
    lam = p.lam_share * largest_lam(p)
    assume(lam > 0)
    fit = fit_of(p, lam)
    step = np.random.default_rng(seed).standard_normal(fit.coef.shape) * (np.abs(fit.coef) + (fit.coef != 0))
    assume(np.any(step))
    worse = replace(fit, coef=fit.coef + size * step)
    excess = label_objective(p, lam, worse.coef, worse.intercept) - fit.objective
    claimed = certify(worse, p.X, p.Y, sample_weight=p.sample_weight)
    assert claimed.gap * fit.null_loss >= excess * (1 - 1e-9) - 1e-9 * fit.null_loss


@given(label_problems())
def test_zero_exactly_from_lambda_max_on_and_not_below(p: LabelProblem) -> None:
    top = largest_lam(p)
    penalised = p.group_weights > 0
    # Unpenalised columns that separate the labels leave nothing but the rest of an infinite descent.
    assume(penalised.all() or top > 1e-5 * np.max(np.abs(centred(p.X, p))))
    # Unpenalised columns are fitted to about half the digits.
    at_top = fit_of(p, top * (1 + (1e-9 if penalised.all() else 1e-5))) if top > 0 else fit_of(p, 1e-3)
    assert not np.any(at_top.coef[:, penalised])
    if top > 0:
        assert not np.any(fit_of(p, 3 * top).coef[:, penalised])
        assert np.any(fit_of(p, 0.9 * top, tol=1e-10).coef[:, penalised])


@given(label_problems(ugly=WELL_SCALED), st.randoms(use_true_random=False))
def test_order_and_sign_do_not_matter(p: LabelProblem, random) -> None:
    lam = some_lam(p)
    rng = np.random.default_rng(random.randrange(2**32))
    rows, columns = rng.permutation(p.X.shape[0]), rng.permutation(p.X.shape[1])
    signs = rng.choice([-1.0, 1.0], p.X.shape[1])
    outcomes = rng.permutation(p.one_hot.shape[1])
    moved = replace(
        p,
        X=(p.X * signs)[np.ix_(rows, columns)],
        Y=p.one_hot[np.ix_(rows, outcomes)],
        weights=p.group_weights[columns],
        sample_weight=None if p.sample_weight is None else p.sample_weight[rows],
    )
    assert abs(fit_of(moved, lam, tol=1e-9).objective - fit_of(p, lam, tol=1e-9).objective) <= 2e-9 * (1 + lam)


@given(label_problems(), st.integers(-20, 20))
def test_units_do_not_matter(p: LabelProblem, power: int) -> None:
    lam = some_lam(p)
    scaled = replace(p, X=2.0**power * p.X)
    plain, other = fit_of(p, lam), fit_of(scaled, lam * 2.0**power)
    assert abs(other.objective - plain.objective) <= 2e-6 * plain.null_loss


@given(label_problems(ugly=WELL_SCALED))
def test_a_weight_of_two_is_a_duplicated_row_and_zero_a_removed_one(p: LabelProblem) -> None:
    lam = some_lam(p)
    counts = 1 + np.arange(p.X.shape[0]) % 3
    counts[2::5] = 0
    assume(p.one_hot[counts > 0, 0].any() and not p.one_hot[counts > 0, 0].all())
    weighted = replace(p, sample_weight=counts.astype(float))
    repeated = replace(p, X=np.repeat(p.X, counts, axis=0), Y=np.repeat(p.one_hot, counts, axis=0), sample_weight=None)
    first = fit_of(weighted, lam)
    assert abs(first.objective - fit_of(repeated, lam).objective) <= 2e-6 * first.null_loss
    doubled = fit_of(replace(weighted, sample_weight=2.0 * counts), lam)
    assert np.array_equal(doubled.coef, first.coef)


@given(label_problems(losses=("logistic",)))
def test_two_classes_are_one_logistic_target(p: LabelProblem) -> None:
    lam = some_lam(p)
    y = p.one_hot[:, 0]
    one = replace(p, Y=y, one_hot=y[:, None])
    two = replace(p, Y=np.where(y == 1, "yes", "no"), one_hot=np.column_stack([1 - y, y]), loss="multinomial")
    # With ||(w/2, -w/2)|| = |w| / sqrt(2) the objectives are the same.
    first, second = fit_of(one, lam / np.sqrt(2), tol=1e-9), fit_of(two, lam, tol=1e-9)
    assert abs(first.objective - second.objective) <= 2e-9 * first.null_loss
    assert np.array_equal(second.classes, ["no", "yes"])


@given(label_problems())
def test_the_start_does_not_matter(p: LabelProblem) -> None:
    lam = some_lam(p)
    zero = fit_of(p, lam)
    again = fit_of(p, lam, init=zero)
    assert again.n_iter <= 1
    other = fit_of(p, lam, init=0.5 * zero.coef[::-1])
    assert abs(other.objective - zero.objective) <= 1e-6 * zero.null_loss


@given(label_problems(ugly=WELL_SCALED))
def test_a_path_holds_the_single_solutions(p: LabelProblem) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no minimiser exists")
        path = solve_path(p.X, p.Y, penalty(p, 1.0), n_lams=5, lam_ratio=1e-2, **p.data())
    assert np.all(path.gaps <= 1e-6)
    middle = fit_of(p, path.lams[2])
    assert abs(middle.objective - path.fits[2].objective) <= 1e-6 * middle.null_loss


@given(label_problems())
def test_refit_fits_at_least_as_well_on_the_same_inputs(p: LabelProblem) -> None:
    fit = fit_of(p, some_lam(p))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = refit(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert set(again.support) <= set(fit.support)
    assert again.loss <= fit.loss + 1e-6 * fit.null_loss
    # Labels that some inputs separate in part have no minimiser either: the certificate then says how far the fit has come.
    assert again.certificate.gap <= 1e-6
    assert (again.certificate.kind is Kind.INFIMUM) == (again.status is Status.NOT_ATTAINED)


@given(label_problems())
def test_predictions_are_probabilities_and_agree_with_the_labels_form(p: LabelProblem) -> None:
    fit = fit_of(p, some_lam(p))
    P = fit.predict_proba(p.X)
    assert np.all((P >= 0) & (P <= 1))
    predicted = fit.predict(p.X)
    assert predicted.shape == np.shape(p.Y)
    if p.loss == "multinomial":
        assert np.allclose(P.sum(axis=1), 1.0)
        assert set(np.unique(predicted)) <= set(np.unique(p.Y)) | {0, 1}
    # What no sample has is never predicted, and with certainty.
    seen = p.one_hot[p.row_weights > 0].any(axis=0)
    if p.fit_intercept:
        assert np.all(P[:, ~seen] == 0.0)
        assert np.all(fit.coef[~seen] == 0.0)


@given(label_problems())
def test_nothing_the_caller_owns_is_modified(p: LabelProblem) -> None:
    before = [np.array(a) for a in (p.X, p.Y, p.group_weights, p.row_weights)]
    fit = fit_of(p, some_lam(p))
    certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
    for a, b in zip((p.X, p.Y, p.group_weights, p.row_weights), before, strict=True):
        assert np.array_equal(a, b)
