"""Statements that hold for every group-sparsity problem, degenerate ones included."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from solvers import Fit, GroupSparsity, Status, certify, lambda_max, refit, solve, solve_path
from tests.checks import null_loss, objective, relative_gap
from tests.strategies import UGLY, Problem, problems

# For statements that compare two solutions: objectives of data at mixed scales agree, coefficients need not.
WELL_SCALED = tuple(
    sorted(set(UGLY) - {"tiny column", "huge column", "subnormal column", "far column", "tiny targets", "uneven row weights"})
)


def penalty(p: Problem, lam: float) -> GroupSparsity:
    return GroupSparsity(lam, p.weights)


def largest_lam(p: Problem) -> float:
    """`lambda_max`, or 0 where it is nothing but the rounding error of a correlation that vanishes."""
    top = lambda_max(p.X, p.Y, penalty(p, 1.0), **p.data())
    live = p.group_weights > 0
    size = np.max(np.abs(p.X[:, live]) / p.group_weights[live], initial=0.0) * np.max(np.abs(p.Y))
    return top if top > 1e-13 * size else 0.0


def fit_of(p: Problem, lam: float, **options: object) -> Fit:
    return solve(p.X, p.Y, penalty(p, lam), **p.data(), **options)


@given(problems())
def test_every_answer_is_certified_and_the_certificate_is_true(p: Problem) -> None:
    lam = p.lam_share * (largest_lam(p) or 1.0)
    fit = fit_of(p, lam)
    assert fit.status is Status.CERTIFIED
    assert 0.0 <= fit.certificate.gap <= 1e-6
    scale = null_loss(p)
    if scale > 1e-30 * np.mean(p.Y**2):
        assert abs(fit.null_loss - scale) <= 1e-9 * scale
        assert relative_gap(p, lam, fit.coef) <= 1e-6 + 1e-9
        assert abs(objective(p, lam, fit.coef, fit.intercept) - fit.objective) <= 1e-7 * scale + 1e-13 * np.sum(p.Y**2)


@given(problems())
def test_certify_recomputes_what_the_fit_states(p: Problem) -> None:
    fit = fit_of(p, p.lam_share * (largest_lam(p) or 1.0))
    again = certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert again.holds
    assert again.kind is fit.certificate.kind
    assert abs(again.upper - fit.certificate.upper) <= 1e-9 * fit.null_loss
    assert again.lower <= again.upper
    assert abs((again.upper - again.lower) - again.gap * fit.null_loss) <= 1e-12 * again.upper


@given(problems(), st.floats(0.1, 2.0), st.integers(0, 10**6))
def test_certify_refutes_a_wrong_answer(p: Problem, size: float, seed: int) -> None:
    lam = p.lam_share * largest_lam(p)
    assume(lam > 0)
    fit = fit_of(p, lam)
    # Along a live direction the objective must rise, and the certificate must see at least that much.
    step = np.random.default_rng(seed).standard_normal(fit.coef.shape) * (np.abs(fit.coef) + (fit.coef != 0))
    assume(np.any(step))
    worse = Fit(**{**vars(fit), "coef": fit.coef + size * step})
    excess = objective(p, lam, worse.coef, worse.intercept) - fit.objective
    claimed = certify(worse, p.X, p.Y, sample_weight=p.sample_weight)
    assert claimed.gap * fit.null_loss >= excess * (1 - 1e-9) - 1e-9 * fit.null_loss


@given(problems())
def test_zero_exactly_from_lambda_max_on_and_not_below(p: Problem) -> None:
    top = largest_lam(p)
    # Columns left unpenalised stay.
    penalised = p.group_weights > 0
    at_top = fit_of(p, top) if top > 0 else fit_of(p, 1e-3)
    assert not np.any(at_top.coef[:, penalised])
    if top > 0:
        assert not np.any(fit_of(p, 3 * top).coef[:, penalised])
        assert np.any(fit_of(p, 0.9 * top, tol=1e-10).coef[:, penalised])


@given(problems(ugly=WELL_SCALED))
def test_optimality_conditions(p: Problem) -> None:
    top = largest_lam(p)
    assume(top > 0)
    lam = p.lam_share * top
    fit = fit_of(p, lam, tol=1e-12 if not p.labels else 1e-11)
    s = p.row_weights
    residual = p.Y - p.X @ fit.coef.T - fit.intercept
    gradient = p.X.T @ (s[:, None] * residual) / s.sum()
    radii, norms = lam * p.group_weights, np.linalg.norm(fit.coef, axis=0)
    # A gap bounds both: ||g - g*||^2 <= 2 L gap for a gradient with Lipschitz constant L, and the slack of each group.
    gap = fit.certificate.gap * fit.null_loss
    lipschitz = float(s @ np.sum(p.X**2, axis=1)) / s.sum()
    rounding = 1e-11 * np.sqrt(lipschitz) * np.sqrt(float(s @ np.sum(p.Y**2, axis=1)) / s.sum())
    assert np.all(np.linalg.norm(gradient, axis=1) <= radii + np.sqrt(2 * lipschitz * gap) + rounding)
    for j in fit.support:
        assert gradient[j] @ fit.coef[:, j] >= (radii[j] - rounding) * norms[j] - gap
    if p.fit_intercept:
        assert np.all(np.abs(s @ residual) <= 1e-9 * (s @ np.abs(p.Y) + s.sum()))


@given(problems())
def test_the_dual_point_is_feasible_and_attains_the_lower_bound(p: Problem) -> None:
    lam = p.lam_share * largest_lam(p)
    assume(lam > 0)
    fit = fit_of(p, lam)
    assert fit.dual is not None
    s = p.row_weights
    far = np.abs(p.X).max(axis=0) * np.abs(fit.dual).sum()
    assert np.all(np.linalg.norm(p.X.T @ fit.dual, axis=1) <= lam * p.group_weights * (1 + 1e-9) + 1e-11 * far)
    if p.fit_intercept:
        assert np.all(np.abs(fit.dual.sum(axis=0)) <= 1e-12 * np.abs(fit.dual).sum() + 1e-300)
    live = s > 0
    conjugate = 0.5 * s.sum() * float(np.sum(fit.dual[live] ** 2 / s[live, None]))
    value = float(np.sum(fit.dual * p.Y)) - conjugate
    assert abs(value - fit.certificate.lower) <= 1e-9 * fit.null_loss + 1e-12 * np.sum(np.abs(fit.dual * p.Y))


@given(problems(ugly=WELL_SCALED), st.randoms(use_true_random=False))
def test_order_sign_and_rotation_do_not_matter(p: Problem, random) -> None:
    lam = p.lam_share * (largest_lam(p) or 1.0)
    rng = np.random.default_rng(random.randrange(2**32))
    rows, columns = rng.permutation(p.X.shape[0]), rng.permutation(p.X.shape[1])
    signs = rng.choice([-1.0, 1.0], p.X.shape[1])
    rotation = np.linalg.qr(rng.standard_normal((p.Y.shape[1],) * 2))[0]
    s = None if p.sample_weight is None else p.sample_weight[rows]
    moved = solve(
        (p.X * signs)[np.ix_(rows, columns)],
        (p.Y @ rotation)[rows],
        GroupSparsity(lam, p.group_weights[columns]),
        fit_intercept=p.fit_intercept,
        sample_weight=s,
        tol=1e-9,
    )
    assert abs(moved.objective - fit_of(p, lam, tol=1e-9).objective) <= 2e-9 * moved.null_loss + 1e-12 * np.sum(p.Y**2)


@given(problems(), st.integers(-20, 20), st.integers(-20, 20))
def test_units_do_not_matter(p: Problem, x_power: int, y_power: int) -> None:
    lam = p.lam_share * (largest_lam(p) or 1.0)
    x, y = 2.0**x_power, 2.0**y_power
    plain = fit_of(p, lam)
    scaled = solve(x * p.X, y * p.Y, GroupSparsity(lam * x * y, p.weights), **p.data())
    assert abs(scaled.objective / y**2 - plain.objective) <= 2e-6 * plain.null_loss
    assert abs(scaled.certificate.gap) <= 1e-6


@given(problems(ugly=WELL_SCALED))
def test_a_weight_of_two_is_a_duplicated_row_and_zero_a_removed_one(p: Problem) -> None:
    lam = p.lam_share * (largest_lam(p) or 1.0)
    counts = np.arange(p.X.shape[0]) % 3
    assume(counts.any())
    weighted = solve(p.X, p.Y, penalty(p, lam), fit_intercept=p.fit_intercept, sample_weight=counts)
    X, Y = np.repeat(p.X, counts, axis=0), np.repeat(p.Y, counts, axis=0)
    repeated = solve(X, Y, penalty(p, lam), fit_intercept=p.fit_intercept)
    assert abs(weighted.objective - repeated.objective) <= 2e-6 * repeated.null_loss + 1e-13 * np.sum(p.Y**2)
    doubled = solve(p.X, p.Y, penalty(p, lam), fit_intercept=p.fit_intercept, sample_weight=2.0 * counts)
    assert np.array_equal(doubled.coef, weighted.coef)


@given(problems(ugly=WELL_SCALED))
def test_the_optimal_value_is_concave_and_increasing_and_the_penalty_falls(p: Problem) -> None:
    top = largest_lam(p)
    assume(top > 0)
    lams = top * np.array([0.1, 0.2, 0.3])
    fits = [fit_of(p, lam, tol=1e-11) for lam in lams]
    values = np.array([fit.objective for fit in fits])
    sizes = (values - [fit.loss for fit in fits]) / lams
    slack = 1e-9 * fits[0].null_loss
    assert np.all(np.diff(values) >= -slack)
    assert values[1] >= 0.5 * (values[0] + values[2]) - slack
    assert np.all(np.diff(sizes) * top <= 1e-4 * fits[0].null_loss)


@given(problems(), st.integers(0, 10**6))
def test_the_start_does_not_matter(p: Problem, seed: int) -> None:
    lam = p.lam_share * (largest_lam(p) or 1.0)
    zero = fit_of(p, lam)
    shape = zero.coef.shape
    size = np.max(np.abs(zero.coef), initial=0.0) + 1e-3 * np.sqrt(zero.null_loss)
    start = size * np.random.default_rng(seed).standard_normal(shape)
    other = fit_of(p, lam, init=start)
    assert abs(other.objective - zero.objective) <= 1e-6 * zero.null_loss
    assert fit_of(p, lam, init=zero).n_iter <= 1


@given(problems())
def test_nothing_the_caller_owns_is_modified(p: Problem) -> None:
    before = [a.copy() for a in (p.X, p.Y, p.group_weights, p.row_weights)]
    fit = fit_of(p, p.lam_share * (largest_lam(p) or 1.0))
    refit(fit, p.X, p.Y, sample_weight=p.sample_weight)
    for a, b in zip((p.X, p.Y, p.group_weights, p.row_weights), before, strict=True):
        assert np.array_equal(a, b)
    assert p.X.flags.writeable


@given(problems())
def test_unpenalised_is_least_squares(p: Problem) -> None:
    fit = fit_of(p, 0.0)
    assert fit.certificate.gap <= 1e-6
    # Columns below 1e-290 count as zero: their coefficients would not be finite.
    s, scale = p.row_weights, np.max(np.abs(p.X), axis=0)
    scale = np.where(scale >= 1e-290, scale, np.inf)
    root = np.sqrt(s)[:, None]
    X = np.column_stack([p.X / scale, np.ones(len(p.X))]) if p.fit_intercept else p.X / scale
    best = np.linalg.lstsq(root * X, root * p.Y, rcond=1e-13)[0]
    loss = np.sum((root * (p.Y - X @ best)) ** 2) / (2 * s.sum())
    assert fit.loss <= loss + 1e-6 * max(fit.null_loss, 1e-25 * np.sum(p.Y**2))


@given(problems(ugly=WELL_SCALED))
def test_unpenalised_has_minimum_norm(p: Problem) -> None:
    fit = solve(p.X, p.Y, GroupSparsity(0.0), fit_intercept=False)
    shortest = np.linalg.pinv(p.X, rcond=1e-12) @ p.Y
    if np.mean(p.Y**2) > 0:
        assert np.linalg.norm(fit.coef) <= np.linalg.norm(shortest) * (1 + 1e-6) + 1e-9


@given(problems())
def test_refit_fits_at_least_as_well_on_the_same_inputs(p: Problem) -> None:
    fit = fit_of(p, p.lam_share * (largest_lam(p) or 1.0))
    again = refit(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert set(again.support) <= set(fit.support)
    assert again.loss <= fit.loss + 1e-9 * fit.null_loss
    assert again.certificate.gap <= 1e-6
    assert certify(again, p.X, p.Y, sample_weight=p.sample_weight).gap <= 1e-6


@given(problems(ugly=WELL_SCALED))
def test_a_path_holds_the_single_solutions(p: Problem) -> None:
    path = solve_path(p.X, p.Y, penalty(p, 1.0), n_lams=5, lam_ratio=1e-2, **p.data())
    assert len(path.fits) == 5
    assert np.all(np.diff(path.lams) < 0)
    assert np.all(path.gaps <= 1e-6)
    middle = fit_of(p, path.lams[2])
    assert abs(middle.objective - path.fits[2].objective) <= 1e-6 * middle.null_loss
    assert not np.any(path.fits[0].coef[:, p.group_weights > 0])
    between = path.at(float(np.sqrt(path.lams[2] * path.lams[3])))
    assert between.certificate.holds


@given(problems(ugly=WELL_SCALED))
def test_a_shift_of_the_targets_goes_into_the_intercept(p: Problem) -> None:
    assume(p.fit_intercept)
    lam = p.lam_share * (largest_lam(p) or 1.0)
    plain, shifted = fit_of(p, lam, tol=1e-9), solve(p.X, p.Y + 2.0, penalty(p, lam), **p.data(), tol=1e-9)
    assert abs(shifted.objective - plain.objective) <= 2e-9 * plain.null_loss + 1e-13 * np.sum((p.Y + 2) ** 2)


@given(problems())
def test_a_tolerance_beyond_rounding_is_answered_honestly(p: Problem) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = fit_of(p, p.lam_share * (largest_lam(p) or 1.0), tol=1e-18)
    assert fit.status is (Status.CERTIFIED if fit.certificate.gap <= 1e-18 else Status.CONVERGED)
    assert fit.certificate.gap <= 1e-6
