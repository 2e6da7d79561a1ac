"""Statements that hold for every ShrinkNet problem, degenerate ones included."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solvers import (
    Fit,
    Limit,
    RegularizedShrinkNet,
    ShrinkNet,
    Status,
    certify,
    lambda_max,
    lambda_zero,
    solve,
    solve_path,
)
from solvers.regression import squared_bridge, working_set
from solvers.results import Kind
from tests.checks import centred, null_loss
from tests.properties import test_group_sparsity as group
from tests.strategies import Problem, problems

EXPONENTS = st.sampled_from([2.0, 1.0, 2.0, 1.0, 0.5, 3.0])
SEEDS = st.integers(0, 10**6)
# Each answer takes several descents: an eighth of the examples of a convex problem.
few = settings(max_examples=max(5, settings().max_examples // 8))
# At the default tolerance; the answer to others is honest too, but no property.
TOL = 1e-6


def with_positive_weights(p: Problem) -> Problem:
    """The problem with weight 1 in place of 0, which regularised ShrinkNet refuses."""
    return p if p.weights is None else replace(p, weights=np.where(p.weights > 0, p.weights, 1.0))


def shrinknets(**options) -> st.SearchStrategy[Problem]:
    return problems(**options).map(with_positive_weights)


def penalty(p: Problem, lam: float, exponent: float = 2.0, lam2: float = 0.1) -> RegularizedShrinkNet:
    return RegularizedShrinkNet(lam, lam2, exponent, p.weights)


def largest_lam(p: Problem, exponent: float = 2.0) -> float:
    """`lambda_max`, or 0 where it is nothing but the rounding error of a correlation that vanishes."""
    return lambda_max(p.X, p.Y, penalty(p, 1.0, exponent), **p.data()) if group.largest_lam(p) > 0 else 0.0


def strength(p: Problem, exponent: float) -> float:
    """The strength at which ``mu`` is the problem's share of its largest value; 1 where every strength removes all."""
    return p.lam_share ** ((exponent + 1.0) / exponent) * (largest_lam(p, exponent) or 1.0)


def fit_of(p: Problem, lam: float, exponent: float = 2.0, **options) -> Fit:
    return solve(p.X, p.Y, penalty(p, lam, exponent), **p.data(), **options)


def bridge(w: np.ndarray, exponent: float) -> np.ndarray:
    """``||w||_p^(p / (p + 1))`` along the first axis, without overflow."""
    largest = np.max(np.abs(w), axis=0)
    safe = np.where(largest > 0, largest, 1.0)
    return safe ** (exponent / (exponent + 1)) * np.sum(np.abs(w / safe) ** exponent, axis=0) ** (1 / (exponent + 1))


def strengths(p: Problem, lam: float, exponent: float, lam2: float = 0.1) -> np.ndarray:
    """``mu_j``, as the documentation has it."""
    q = exponent / (exponent + 1)
    return (1 + 1 / exponent) * (lam * p.group_weights) ** q * (exponent * lam2) ** (1 / (exponent + 1))


def loss_of(p: Problem, coef: np.ndarray, intercept: np.ndarray) -> float:
    s = p.row_weights
    return float(s @ ((p.Y - p.X @ coef.T - intercept) ** 2).sum(axis=1)) / (2 * s.sum())


def block_slack(p: Problem, coef: np.ndarray, mu: np.ndarray, exponent: float, seed: int) -> tuple[float, np.ndarray]:
    """The most that replacing one column lowers the objective, and the curvatures of the columns.

    Column j minimises ``q/2 ||w - z||^2 + mu ||w||_p^(p/(p+1))``. For p = 2 and for one target the minimiser lies on the segment
    from 0 to z, and a fine grid of it is searched; else many other points.
    """
    s, rng = p.row_weights, np.random.default_rng(seed)
    root = np.sqrt(s)[:, None]
    X, Y = root * centred(p.X, p), root * centred(p.Y, p)
    curvatures = np.sum(X**2, axis=0) / s.sum()
    gradient = X.T @ (Y - X @ coef.T) / s.sum()
    radial = exponent == 2.0 or coef.shape[0] == 1
    slack = 0.0
    for j in np.flatnonzero(curvatures > 0):
        w, q = coef[:, j], curvatures[j]
        z = w + gradient[j] / q
        levels = np.max(np.abs(z)) * rng.random((40, 1))
        points = np.concatenate(
            [
                np.outer(np.linspace(0.0, 1.0, 2001 if radial else 101), z),
                np.outer(1.0 + np.array([-1.0, 1.0, 0.5, -0.5, 1e-3, -1e-3]), w),
                np.sign(z) * np.maximum(np.abs(z) - levels, 0.0),
                np.where(np.abs(z) >= levels, z, 0.0),
                w + np.linalg.norm(z) * 10.0 ** rng.uniform(-6, 0, (40, 1)) * rng.standard_normal((40, len(z))),
            ]
        )
        values = 0.5 * q * np.sum((points - z) ** 2, axis=1) + mu[j] * bridge(points.T, exponent)
        mine = 0.5 * q * np.sum((w - z) ** 2) + mu[j] * bridge(w, exponent)
        slack = max(slack, float(mine - values.min()))
    return slack, curvatures


def steepest(p: Problem) -> float:
    """The longest gradient of a column at zero: the scale of distances from stationarity."""
    root = np.sqrt(p.row_weights)[:, None]
    gradient = (root * centred(p.X, p)).T @ (root * centred(p.Y, p)) / p.row_weights.sum()
    return float(np.max(np.linalg.norm(gradient, axis=1)))


def assert_minimised(fit: Fit) -> None:
    """The end of a local search, or, where something proves it, the global minimum."""
    kinds = {Status.CONVERGED: Kind.STATIONARY, Status.CERTIFIED: Kind.GLOBAL_BOUND}
    assert fit.certificate.kind is kinds[fit.status]
    assert 0 <= fit.certificate.gap <= TOL
    assert fit.certificate.upper == fit.objective


@few
@given(shrinknets(), EXPONENTS)
def test_every_answer_is_converged_and_is_what_it_says(p: Problem, exponent: float) -> None:
    lam = strength(p, exponent)
    fit = fit_of(p, lam, exponent)
    assert_minimised(fit)
    assert fit.infimum is None
    assert fit.A is not None
    assert fit.beta is not None
    assert np.array_equal(fit.coef, fit.A * fit.beta)
    assert np.all(fit.beta >= 0)
    assert np.array_equal(fit.beta > 0, fit.coef.any(axis=0))
    assert np.array_equal(fit.A.any(axis=0), fit.coef.any(axis=0))
    # lam w_j |beta_j| = p lam2 ||A_j||_p^p at every stationary point.
    prices, costs = lam * p.group_weights * fit.beta, exponent * 0.1 * np.sum(np.abs(fit.A) ** exponent, axis=0)
    live = fit.support
    assert np.all(np.abs(prices - costs)[live] <= 1e-12 * prices[live])
    if null_loss(p) > 1e-30 * np.mean(p.Y**2):
        paid = float(np.sum(prices) + 0.1 * np.sum(np.abs(fit.A) ** exponent))
        rounding = 1e-13 * np.sum(p.Y**2) + 1e-9 * fit.null_loss
        assert abs(loss_of(p, fit.coef, fit.intercept) + paid - fit.objective) <= rounding
        assert fit.objective <= fit.null_loss * (1 + 1e-12)


@few
@given(shrinknets(), EXPONENTS)
def test_certify_recomputes_what_the_fit_states(p: Problem, exponent: float) -> None:
    fit = fit_of(p, strength(p, exponent), exponent)
    again = certify(fit, p.X, p.Y, sample_weight=p.sample_weight)
    assert abs(again.upper - fit.objective) <= 1e-9 * fit.null_loss + 1e-13 * np.sum(p.Y**2)
    assert again.lower <= again.upper


@few
@given(shrinknets(ugly=group.WELL_SCALED), EXPONENTS, SEEDS)
def test_no_change_of_a_single_column_lowers_the_objective(p: Problem, exponent: float, seed: int) -> None:
    lam = strength(p, exponent)
    fit = fit_of(p, lam, exponent)
    slack, curvatures = block_slack(p, fit.coef, strengths(p, lam, exponent), exponent, seed)
    # A column at distance d / q from its minimiser has an objective higher by about d^2 / q.
    smallest = np.min(curvatures[curvatures > 0], initial=np.inf)
    assert slack <= 4 * (TOL * steepest(p)) ** 2 / smallest + 1e-12 * null_loss(p)


@few
@given(shrinknets(ugly=group.WELL_SCALED), EXPONENTS, SEEDS)
def test_the_certificate_refutes_a_wrong_column(p: Problem, exponent: float, seed: int) -> None:
    fit = fit_of(p, strength(p, exponent), exponent)
    assume(len(fit.support) > 0)
    rng = np.random.default_rng(seed)
    coef, j = fit.coef.copy(), rng.choice(fit.support)
    coef[:, j] *= rng.choice([0.0, 0.5, 1.5, -1.0])
    slack, curvatures = block_slack(p, coef, strengths(p, fit.penalty.lam, exponent), exponent, seed)
    claimed = certify(replace(fit, coef=coef), p.X, p.Y, sample_weight=p.sample_weight)
    if claimed.kind is Kind.STATIONARY:
        assert slack <= 4 * (claimed.gap * steepest(p)) ** 2 / np.min(curvatures[curvatures > 0]) + 1e-12 * null_loss(p)
    else:
        assert slack <= claimed.gap * null_loss(p) + 1e-9 * null_loss(p)


@few
@given(shrinknets(ugly=group.WELL_SCALED), EXPONENTS, SEEDS)
def test_a_start_is_never_made_worse(p: Problem, exponent: float, seed: int) -> None:
    assume(null_loss(p) > 1e-20 * np.mean(p.Y**2))
    lam = strength(p, exponent)
    rng = np.random.default_rng(seed)
    size = np.sqrt(null_loss(p)) / (1e-3 + np.max(np.abs(p.X)))
    start = size * rng.standard_normal((p.Y.shape[1], p.X.shape[1])) * (rng.random(p.X.shape[1]) < 0.5)
    fit = fit_of(p, lam, exponent, init=start)
    shift = (p.row_weights @ (p.Y - p.X @ start.T)) / p.row_weights.sum() if p.fit_intercept else np.zeros(p.Y.shape[1])
    value = loss_of(p, start, shift) + float(strengths(p, lam, exponent) @ bridge(start, exponent))
    assert fit.objective <= value * (1 + 1e-9)
    again = fit_of(p, lam, exponent, init=fit)
    assert again.objective <= fit.objective * (1 + 1e-9)


@few
@given(shrinknets(), EXPONENTS, st.integers(1, 6))
def test_what_is_broken_off_is_usable(p: Problem, exponent: float, rounds: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = fit_of(p, strength(p, exponent), exponent, tol=1e-14, max_iter=rounds)
    assert fit.n_iter <= rounds
    assert fit.limit in (Limit.NONE, Limit.ITERATIONS)
    assert fit.objective <= fit.null_loss * (1 + 1e-12)
    assert fit.A is not None
    assert np.array_equal(fit.coef, fit.A * fit.beta)


@few
@given(shrinknets(ugly=group.WELL_SCALED), EXPONENTS, st.sampled_from([0.25, 3.0, 100.0]))
def test_only_one_strength_matters(p: Problem, exponent: float, factor: float) -> None:
    lam = strength(p, exponent)
    plain = fit_of(p, lam, exponent, tol=1e-10)
    other = solve(p.X, p.Y, penalty(p, lam * factor, exponent, 0.1 / factor**exponent), **p.data(), tol=1e-10)
    assert abs(plain.objective - other.objective) <= 1e-10 * plain.null_loss + 1e-14 * np.sum(p.Y**2)


@few
@given(shrinknets(ugly=group.WELL_SCALED), EXPONENTS)
def test_a_weight_rescales_lam_and_undoes_the_scale_of_a_column(p: Problem, exponent: float) -> None:
    lam = strength(p, exponent)
    weights = p.group_weights
    fit = fit_of(p, lam, exponent, tol=1e-10)
    scaled = solve(p.X / weights, p.Y, RegularizedShrinkNet(lam, 0.1, exponent), **p.data(), tol=1e-10)
    assert scaled.penalty.value(fit.coef * weights) == pytest.approx(fit.penalty.value(fit.coef), rel=1e-12)
    twice = RegularizedShrinkNet(0.5 * lam, 0.1, exponent, 2.0 * weights)
    assert twice.value(fit.coef) == pytest.approx(fit.penalty.value(fit.coef), rel=1e-12)
    # The scaled problem's answer is a point of the plain one and the other way round: neither finds much better.
    assert solve(p.X, p.Y, fit.penalty, **p.data(), init=scaled.coef / weights).objective <= scaled.objective * (1 + 1e-6)
    assert solve(p.X / weights, p.Y, scaled.penalty, **p.data(), init=fit.coef * weights).objective <= fit.objective * (1 + 1e-6)


@few
@given(shrinknets(), st.integers(-20, 20), st.integers(-20, 20), EXPONENTS)
def test_units_do_not_matter(p: Problem, x_power: int, y_power: int, exponent: float) -> None:
    assume(null_loss(p) > 1e-30 * np.mean(p.Y**2))
    lam, q = strength(p, exponent), exponent / (exponent + 1)
    x, y = 2.0**x_power, 2.0**y_power
    plain = fit_of(p, lam, exponent)
    moved = penalty(p, lam * x * y ** ((2 - q) / q), exponent)
    assert moved.value(plain.coef * y / x) == pytest.approx(y**2 * plain.penalty.value(plain.coef), rel=1e-9)
    scaled = solve(x * p.X, y * p.Y, moved, **p.data(), init=plain.coef * y / x)
    assert scaled.objective <= y**2 * plain.objective * (1 + 1e-6)
    assert scaled.certificate.holds


@few
@given(shrinknets(ugly=group.WELL_SCALED), EXPONENTS)
def test_a_weight_of_two_is_a_duplicated_row_and_zero_a_removed_one(p: Problem, exponent: float) -> None:
    lam = strength(p, exponent)
    counts = np.arange(p.X.shape[0]) % 3
    assume(counts.any())
    weighted = solve(p.X, p.Y, penalty(p, lam, exponent), fit_intercept=p.fit_intercept, sample_weight=counts)
    X, Y = np.repeat(p.X, counts, axis=0), np.repeat(p.Y, counts, axis=0)
    repeated = solve(X, Y, penalty(p, lam, exponent), fit_intercept=p.fit_intercept, init=weighted)
    assert repeated.objective <= weighted.objective * (1 + 1e-6) + 1e-14 * np.sum(p.Y**2)
    assert certify(weighted, X, Y).upper == pytest.approx(weighted.objective, rel=1e-9, abs=1e-13 * np.sum(p.Y**2))


@few
@given(shrinknets())
def test_nothing_the_caller_owns_is_modified(p: Problem) -> None:
    before = [a.copy() for a in (p.X, p.Y, p.group_weights, p.row_weights)]
    fit_of(p, strength(p, 2.0))
    for a, b in zip((p.X, p.Y, p.group_weights, p.row_weights), before, strict=True):
        assert np.array_equal(a, b)
    assert p.X.flags.writeable


@pytest.mark.parametrize("columns_per_sample", [0, np.inf], ids=["on the residual", "in the Gram matrix"])
@few
@given(p=shrinknets(ugly=group.WELL_SCALED), exponent=st.sampled_from([2.0, 1.0]), above=st.booleans(), seed=SEEDS)
def test_working_sets_leave_no_column_behind(
    columns_per_sample: float, p: Problem, exponent: float, above: bool, seed: int
) -> None:
    lam = 2.0 * largest_lam(p, exponent) + 1e-3 if above else strength(p, exponent)
    with forced(columns_per_sample):
        fit = fit_of(p, lam, exponent)
    assert_minimised(fit)
    slack, curvatures = block_slack(p, fit.coef, strengths(p, lam, exponent), exponent, seed)
    assert slack <= 4 * (TOL * steepest(p)) ** 2 / np.min(curvatures[curvatures > 0], initial=np.inf) + 1e-12 * null_loss(p)


@contextmanager
def forced(columns_per_sample: float) -> Iterator[None]:
    """Inside the block columns are looked at in working sets, whatever the cost rule says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(squared_bridge, "prefers_full_gram", lambda *_: False)
        patch.setattr(working_set, "_COLUMNS_PER_SAMPLE", columns_per_sample)
        yield


# Where the answer is zero.


@few
@given(shrinknets(ugly=group.WELL_SCALED), EXPONENTS, SEEDS)
def test_at_lambda_max_zero_is_every_columns_minimiser_and_not_below(p: Problem, exponent: float, seed: int) -> None:
    top = largest_lam(p, exponent)
    assume(top > 0)
    zero, scale = np.zeros((p.Y.shape[1], p.X.shape[1])), null_loss(p)
    assert block_slack(p, zero, strengths(p, top, exponent), exponent, seed)[0] <= 1e-13 * scale
    # The threshold is where zero and another point are equally good: a little below that one is better.
    assert block_slack(p, zero, strengths(p, 0.9 * top, exponent), exponent, seed)[0] > 0 or (exponent != 2 and len(zero) > 1)
    assert np.any(fit_of(p, top * (1 - 1e-9), exponent).coef)


@few
@given(problems(ugly=group.WELL_SCALED))
def test_lambda_max_in_closed_form(p: Problem) -> None:
    p = with_positive_weights(p)
    assume(group.largest_lam(p) > 0)
    root = np.sqrt(p.row_weights)[:, None]
    X, Y = root * centred(p.X, p), root * centred(p.Y, p)
    curvatures, norms = np.sum(X**2, axis=0) / p.row_weights.sum(), np.linalg.norm(X.T @ Y, axis=1) / p.row_weights.sum()
    live = curvatures > 1e-20
    # Zero as long as ||z|| <= 2 (2 mu / 3)^(3/4) for z = g / q, mu / q.
    mu = 1.5 * curvatures[live] * (norms[live] / curvatures[live] / 2) ** (4 / 3)
    expected = np.max((mu / (1.5 * 0.2 ** (1 / 3))) ** 1.5 / p.group_weights[live])
    assert largest_lam(p, 2.0) == pytest.approx(expected, rel=1e-9)


@few
@given(st.integers(2, 12), st.integers(1, 3), EXPONENTS, SEEDS)
def test_one_input_is_zero_from_lambda_max_on_and_not_just_below(n: int, targets: int, exponent: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, 1)), rng.standard_normal((n, targets))
    top = lambda_max(X, Y, RegularizedShrinkNet(1.0, 0.1, exponent))
    for lam in (top, top * (1 + 1e-9), 2 * top):
        fit = solve(X, Y, RegularizedShrinkNet(lam, 0.1, exponent))
        assert not fit.coef.any()
        assert fit.objective == pytest.approx(fit.null_loss, rel=1e-14)
    assert solve(X, Y, RegularizedShrinkNet(top * (1 - 1e-9), 0.1, exponent)).coef.any()


def suppressors() -> tuple[np.ndarray, np.ndarray]:
    """Two inputs, all but equal, whose difference is the target: neither alone says anything about it."""
    X = np.array([[1.0, 0.9], [0.9, 1.0], [-1.0, -0.9], [-0.9, -1.0]])
    return X, X @ np.array([1.0, -1.0])


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_suppressors_outlive_lambda_max_and_not_lambda_zero(p: float) -> None:
    X, y = suppressors()
    penalty = RegularizedShrinkNet(1.0, 0.1, p)
    top, proven = lambda_max(X, y, penalty), lambda_zero(X, y, penalty)
    # The price at which both inputs together pay: loss 0 and coefficients of about 1 against the null loss.
    pair = penalty.lam_of(0.5 * solve(X, y, penalty).null_loss)
    assert top < 0.5 * pair
    assert pair <= proven
    fit = solve(X, y, penalty.with_lam(2 * top))
    assert np.array_equal(fit.support, [0, 1])
    assert fit.objective < fit.null_loss
    assert not solve(X, y, penalty.with_lam(proven), init=np.array([[1.0, -1.0]])).coef.any()


@few
@given(shrinknets(ugly=group.WELL_SCALED), st.sampled_from([2.0, 1.0, 3.0, 1.5]), SEEDS)
def test_from_lambda_zero_on_zero_beats_everything(p: Problem, exponent: float, seed: int) -> None:
    assume(group.largest_lam(p) > 0)
    proven = lambda_zero(p.X, p.Y, penalty(p, 1.0, exponent), **p.data())
    assert proven >= largest_lam(p, exponent) * (1 - 1e-12)
    rng = np.random.default_rng(seed)
    root = np.sqrt(p.row_weights)[:, None]
    X, Y = root * centred(p.X, p), root * centred(p.Y, p)
    targets, features = Y.shape[1], X.shape[1]
    best = np.linalg.lstsq(X, Y, rcond=None)[0].T
    directions = np.concatenate([best[None], rng.standard_normal((40, targets, features)), best * rng.random((20, 1, features))])
    directions = np.concatenate([directions, directions * (rng.random((len(directions), 1, features)) < 0.3)])
    Q, G, n = X.T @ X / p.row_weights.sum(), X.T @ Y / p.row_weights.sum(), null_loss(p)
    # The best length of each direction for the loss, and others: loss falls by a t - b t^2 / 2, the penalty grows like t^q.
    slopes = np.einsum("ktj,jt->k", directions, G)
    bends = np.einsum("ktj,ji,kti->k", directions, Q, directions)
    prices = np.array([strengths(p, proven, exponent) @ bridge(w, exponent) for w in directions])
    lengths = np.outer(np.divide(slopes, bends, out=np.ones_like(slopes), where=bends > 0), np.geomspace(1e-3, 2.0, 30))
    gains = slopes[:, None] * lengths - 0.5 * bends[:, None] * lengths**2
    assert np.all(gains <= prices[:, None] * np.abs(lengths) ** (exponent / (exponent + 1)) + 1e-12 * n)
    start = best + rng.standard_normal(best.shape)
    for factor in (1.0, 5.0):
        assert not fit_of(p, factor * proven, exponent, init=start).coef.any()


def test_lambda_zero_of_group_sparsity_is_lambda_max() -> None:
    X, y = suppressors()
    X = X + np.eye(4, 2)
    assert lambda_zero(X, y) == lambda_max(X, y) > 0
    unit = ShrinkNet(1.0, unit_columns=True)
    assert lambda_zero(X, y, unit) == lambda_max(X, y, unit) == lambda_max(X, y)
    constant = np.ones(4)
    assert lambda_zero(X, constant, RegularizedShrinkNet(1, 1)) == lambda_max(X, constant, RegularizedShrinkNet(1, 1)) == 0


# Problems with a clear answer: a strong signal from few inputs.


def clear(seed: int, targets: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((40, 6))
    signal = np.zeros((6, targets))
    signal[:2] = rng.choice([-1.0, 1.0], (2, targets)) * rng.uniform(1.0, 2.0, (2, targets))
    return X, X @ signal + 0.1 * rng.standard_normal((40, targets))


@few
@given(SEEDS, EXPONENTS)
def test_order_sign_and_rotation_do_not_matter(seed: int, exponent: float) -> None:
    X, Y = clear(seed)
    rng = np.random.default_rng(seed + 1)
    penalty = RegularizedShrinkNet(1.0, 0.1, exponent, rng.uniform(0.5, 2.0, 6))
    penalty = penalty.with_lam(0.05 * lambda_max(X, Y, penalty))
    plain = solve(X, Y, penalty, tol=1e-9)
    rows, columns = rng.permutation(40), rng.permutation(6)
    signs, flips = rng.choice([-1.0, 1.0], 6), rng.choice([-1.0, 1.0], 2)
    rotation = np.linalg.qr(rng.standard_normal((2, 2)))[0] if exponent == 2 else np.diag(flips)[rng.permutation(2)]
    moved = solve(
        (X * signs)[np.ix_(rows, columns)],
        (Y @ rotation)[rows],
        replace(penalty, weights=penalty.weights[columns]),
        tol=1e-9,
    )
    assert abs(moved.objective - plain.objective) <= 1e-9 * plain.null_loss
    assert np.allclose(moved.coef, (rotation.T @ plain.coef * signs)[:, columns], atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_no_worse_than_the_best_single_input_nor_the_best_scaling_of_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((30, 6)) + 2.0 * rng.standard_normal((30, 1))
    y = X[:, :1] + (seed % 2) * (X[:, 1:2] - X[:, 2:3]) + 0.3 * rng.standard_normal((30, 1))
    X, y = X - X.mean(axis=0), y - y.mean(axis=0)
    penalty = RegularizedShrinkNet(1.0, 0.1)
    penalty = penalty.with_lam([0.3, 0.03, 0.003, 3e-4][seed // 2] * lambda_max(X, y, penalty))
    alone = np.diag((X.T @ y)[:, 0] / np.sum(X**2, axis=0))
    rivals = np.concatenate([alone, np.linalg.lstsq(X, y, rcond=None)[0].T])
    lengths = np.linspace(0.0, 1.0, 201)[:, None, None]
    losses = np.sum((y[:, 0] - lengths * (rivals @ X.T)) ** 2, axis=2) / 60
    prices = penalty.mu(1)[0] * np.sum(np.abs(lengths * rivals) ** (2 / 3), axis=2)
    assert solve(X, y, penalty).objective <= (losses + prices).min() * (1 + 1e-9)


@pytest.mark.parametrize("p", [2.0, 1.0, 0.5, 3.0])
@pytest.mark.parametrize("share", [1e-1, 1e-3, 1e-6])
def test_collinear_columns_do_not_take_many_rounds(p: float, share: float) -> None:
    """Powers of one variable: condition beyond 1e16, one target."""
    t = np.linspace(0.0, 1.0, 30)
    X = np.vander(t, 16)[:, :-1]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = np.sin(9 * t)
    penalty = RegularizedShrinkNet(1.0, 0.1, p)
    fit = solve(X, y, penalty.with_lam(lambda_max(X, y, penalty) * share ** (1 / penalty.q)), tol=1e-8)
    assert fit.certificate.holds
    assert fit.n_iter <= 60


@few
@given(SEEDS, EXPONENTS)
def test_the_optimal_value_rises_with_lam_and_the_penalty_falls(seed: int, exponent: float) -> None:
    X, Y = clear(seed)
    penalty = RegularizedShrinkNet(1.0, 0.1, exponent)
    top = lambda_max(X, Y, penalty)
    fits = [solve(X, Y, penalty.with_lam(share * top), tol=1e-9) for share in (0.003, 0.01, 0.03, 0.1)]
    mus = np.array([fit.penalty.mu(1)[0] for fit in fits])
    values = np.array([fit.objective for fit in fits])
    sizes = (values - [fit.loss for fit in fits]) / mus
    # An infimum of functions linear in mu is concave and increasing in mu.
    assert np.all(np.diff(values) > 0)
    assert np.all(np.diff(np.diff(values) / np.diff(mus)) <= 1e-9)
    assert np.all(np.diff(sizes) <= 1e-6 * sizes[0])


@pytest.mark.parametrize(("exponent", "seed"), [(2.0, 0), (2.0, 1), (2.0, 2), (1.0, 0), (1.0, 1), (1.0, 2), (0.5, 0), (3.0, 0)])
def test_paths(exponent: float, seed: int) -> None:
    X, Y = clear(seed)
    penalty = RegularizedShrinkNet(1.0, 0.1, exponent)
    path = solve_path(X, Y, penalty, n_lams=6, lam_ratio=1e-2)
    assert len(path.fits) == 6
    assert path.lams[0] == lambda_max(X, Y, penalty)
    assert (path.lams[-1] / path.lams[0]) ** penalty.q == pytest.approx(1e-2)
    assert np.all(np.diff(path.lams) < 0)
    assert path.limit is Limit.NONE
    assert not path.fits[0].coef.any()
    assert np.array_equal(path.fits[-1].support[:2], [0, 1])
    for lam, fit in zip(path.lams, path.fits, strict=True):
        assert fit.penalty == penalty.with_lam(lam)
        assert_minimised(fit)
        assert np.array_equal(fit.coef, fit.A * fit.beta)
        alone = solve(X, Y, fit.penalty)
        assert fit.objective <= alone.objective * (1 + 1e-6) + 1e-9
    assert np.all(np.diff([fit.objective for fit in path.fits]) <= 1e-9)
    between = float(np.sqrt(path.lams[2] * path.lams[3]))
    there = path.at(between)
    assert there.penalty.lam == between
    assert there.certificate.holds
    assert path.fits[3].objective * (1 - 1e-9) <= there.objective <= path.fits[2].objective * (1 + 1e-9)
    assert path.at(path.lams[4]).objective == pytest.approx(path.fits[4].objective, rel=1e-6)


@few
@given(shrinknets(), EXPONENTS)
def test_paths_of_any_problem_end_with_answers(p: Problem, exponent: float) -> None:
    path = solve_path(p.X, p.Y, penalty(p, 1.0, exponent), n_lams=4, lam_ratio=1e-2, **p.data())
    assert len(path.fits) == 4
    assert np.all(path.gaps <= TOL)
    values = np.array([fit.objective for fit in path.fits])
    assert np.all(values <= path.fits[0].null_loss * (1 + 1e-12))
    assert np.all(np.diff(values) <= 1e-6 * path.fits[0].null_loss)
