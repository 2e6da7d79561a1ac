"""Relaxed paths: refits are optimal on their supports, and gamma leads from them to the penalised fits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import (
    ConvergenceWarning,
    Fit,
    Gram,
    GroupSparsity,
    Limit,
    Path,
    RegularizedShrinkNet,
    RelaxedPath,
    SolveError,
    Status,
    certify,
    refit,
    solve,
    solve_path,
)
from solvers.regression.logistic_problem import LogisticProblem
from solvers.regression.logistic_state import LogisticState
from tests.checks import objective
from tests.properties.test_group_sparsity import WELL_SCALED, penalty
from tests.strategies import LabelProblem, Problem, label_problems, problems


def path_of(p: Problem, **options: Any) -> Path:
    return solve_path(p.X, p.Y, penalty(p, 1.0), n_lams=6, lam_ratio=1e-2, **p.data(), **options)


def quietly(function: Any, *arguments: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return function(*arguments, **options)


@given(problems(), st.booleans())
def test_refits_lose_no_more_on_the_same_inputs_and_are_certified(p: Problem, standardize: bool) -> None:
    path = path_of(p, standardize=standardize)
    relaxed = path.relaxed()
    assert isinstance(relaxed, RelaxedPath)
    assert np.array_equal(relaxed.lams, path.lams)
    assert relaxed.limit is Limit.NONE
    for fit, again in zip(path.fits, relaxed.fits, strict=True):
        assert np.array_equal(again.within, fit.support)
        assert set(again.support) <= set(fit.support)
        assert again.loss <= fit.loss + 1e-9 * fit.null_loss
        assert again.certificate.gap <= 1e-6
        assert certify(again, p.X, p.Y, sample_weight=p.sample_weight).gap <= 1e-6


@given(problems(ugly=WELL_SCALED))
def test_a_refit_is_least_squares_on_its_support(p: Problem) -> None:
    root = np.sqrt(p.row_weights)[:, np.newaxis]
    for again in path_of(p).relaxed().fits:
        columns = p.X[:, again.within]
        if p.fit_intercept:
            columns = np.column_stack([columns, np.ones(len(p.X))])
        residual = root * (p.Y - columns @ np.linalg.lstsq(root * columns, root * p.Y, rcond=1e-12)[0])
        assert again.loss <= np.sum(residual**2) / (2 * p.row_weights.sum()) + 1e-9 * again.null_loss + 1e-25 * np.sum(p.Y**2)


@given(problems(ugly=WELL_SCALED), st.floats(0.05, 0.95))
def test_a_blend_lies_between_and_says_what_is_true(p: Problem, gamma: float) -> None:
    path = path_of(p)
    refits, blends = path.relaxed(), path.relaxed(gamma)
    assert blends.gamma == gamma
    for fit, again, blend in zip(path.fits, refits.fits, blends.fits, strict=True):
        assert np.allclose(blend.coef, gamma * fit.coef + (1 - gamma) * again.coef, rtol=1e-12, atol=0)
        # The loss is convex, and the intercept of the blend the best one.
        assert blend.loss <= gamma * fit.loss + (1 - gamma) * again.loss + 1e-9 * fit.null_loss
        value = objective(p, blend.penalty.lam, blend.coef, blend.intercept)
        assert abs(value - blend.objective) <= 1e-9 * fit.null_loss + 1e-13 * np.sum(p.Y**2)
        assert blend.objective >= fit.certificate.lower - 1e-9 * fit.null_loss


@given(problems())
def test_at_gamma_one_nothing_changes(p: Problem) -> None:
    path = path_of(p)
    assert all(ours is fit for ours, fit in zip(path.relaxed(1.0).fits, path.fits, strict=True))


@settings(max_examples=30)
@given(label_problems())
def test_logistic_refits_lose_no_more(p: LabelProblem) -> None:
    path = quietly(path_of, p)
    relaxed, blends = quietly(path.relaxed), quietly(path.relaxed, 0.5)
    for fit, again, blend in zip(path.fits, relaxed.fits, blends.fits, strict=True):
        assert set(again.support) <= set(fit.support)
        assert again.loss <= fit.loss + 1e-6 * fit.null_loss
        assert blend.loss <= 0.5 * (fit.loss + again.loss) + 1e-6 * fit.null_loss


def regular(n_targets: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 8)) @ (np.eye(8) + 0.3)
    return X, X[:, :3] @ rng.standard_normal((3, n_targets)) + rng.standard_normal((60, n_targets))


def yes_no(Y: np.ndarray) -> np.ndarray:
    """Labels that nothing separates."""
    return np.random.default_rng(2).standard_normal(Y.shape) * 4 + Y > 0


def test_relaxed_paths_are_those_of_refit_whatever_holds_the_data() -> None:
    X, Y = regular()
    s = np.linspace(0, 2, len(X))
    path = solve_path(X, Y, n_lams=8, sample_weight=s)
    alone = [refit(fit, X, Y, sample_weight=s) for fit in path.fits]
    held = (
        path,
        solve_path(scipy.sparse.csc_array(X), Y, n_lams=8, sample_weight=s),
        solve_path(Gram.from_blocks([(X, Y, s)]), n_lams=8),
    )
    for relaxed in (path.relaxed() for path in held):
        for again, fit in zip(relaxed.fits, alone, strict=True):
            assert np.allclose(again.coef, fit.coef, rtol=1e-8, atol=1e-12)
            assert np.allclose(again.intercept, fit.intercept, rtol=1e-8)


def test_the_supports_of_shrinknet_are_refitted_alike() -> None:
    X, Y = regular()
    path = solve_path(X, Y, RegularizedShrinkNet(1.0, 1.0), n_lams=6, lam_ratio=1e-2)
    for fit, again in zip(path.fits, path.relaxed().fits, strict=True):
        assert np.allclose(again.coef, refit(fit, X, Y).coef, rtol=1e-8, atol=1e-12)
    assert all(np.array_equal(blend.coef, blend.A * blend.beta) for blend in path.relaxed(0.3).fits)


def test_equal_supports_share_one_refit() -> None:
    X, Y = regular()
    relaxed = solve_path(X, Y, n_lams=30).relaxed()
    supports = {fit.support.tobytes() for fit in relaxed.fits}
    assert len({id(fit) for fit in relaxed.fits}) == len(supports) < 30


def test_a_relaxed_path_answers_for_any_lam_and_is_kept_in_a_file(tmp_path) -> None:
    X, Y = regular()
    path = solve_path(X, Y, n_lams=6)
    relaxed = path.relaxed()
    lam = 0.9 * float(path.lams[2])
    assert np.allclose(relaxed.at(lam).coef, refit(solve(X, Y, GroupSparsity(lam)), X, Y).coef, rtol=1e-8, atol=1e-12)
    assert relaxed.relaxed(1.0).fits[2] is path.fits[2]
    relaxed.relaxed(0.25).save(tmp_path / "relaxed")
    again = RelaxedPath.load(tmp_path / "relaxed")
    assert again.gamma == 0.25
    assert np.array_equal(again.penalised.coefs, path.coefs)


def test_labels_that_the_kept_inputs_separate_are_reported() -> None:
    X, _ = regular()
    path = solve_path(X, X[:, 0] > 0, loss="logistic", n_lams=4)
    with pytest.warns(ConvergenceWarning, match="3 of 4 refits have no minimiser: their inputs separate the labels"):
        relaxed = path.relaxed()
    assert [fit.status for fit in relaxed.fits] == [Status.CERTIFIED] + 3 * [Status.NOT_ATTAINED]


def stop_at(index: int) -> Any:
    return lambda progress: progress.index == index


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_limits_keep_the_fits_so_far(loss: str) -> None:
    X, Y = regular()
    path = solve_path(X, Y if loss == "squared" else yes_no(Y), loss=loss, n_lams=5, lam_ratio=0.1)
    timed = quietly(path.relaxed, time_limit=0)
    assert timed.limit is Limit.TIME
    assert 1 <= len(timed.fits) < 5
    stopped = quietly(path.relaxed, callback=stop_at(2))
    assert (stopped.limit, len(stopped.fits), stopped.fits[-1].limit) == (Limit.CALLBACK, 3, Limit.CALLBACK)
    assert np.array_equal(stopped.lams, path.lams[:3])
    with pytest.raises(SolveError, match="on purpose") as caught:
        path.relaxed(callback=lambda progress: fail() if progress.index == 2 else None)
    assert isinstance(caught.value.result, RelaxedPath)
    assert len(caught.value.result.fits) == 3


def fail() -> None:
    raise ZeroDivisionError("on purpose")


def test_a_refit_that_is_broken_off_keeps_its_best(monkeypatch) -> None:
    # Without Newton steps it takes more than a round.
    monkeypatch.setattr(LogisticState, "polish_steps", 0)
    X, Y = regular()
    labels = yes_no(Y)
    fit = solve(X, labels, GroupSparsity(0.05), loss="logistic")
    for options, limit in (
        ({"max_iter": 1}, Limit.ITERATIONS),
        ({"time_limit": 0}, Limit.TIME),
        ({"callback": lambda _: True}, Limit.CALLBACK),
    ):
        with pytest.warns(ConvergenceWarning, match=f"limit {limit}"):
            again = refit(fit, X, labels, **options)
        assert (again.status, again.limit, again.n_iter) == (Status.FEASIBLE, limit, 1)
        assert again.loss <= fit.loss
    lines: list[str] = []
    refit(fit, X, labels, verbose=lines.append)
    assert lines
    with pytest.raises(SolveError, match="on purpose") as caught:
        refit(fit, X, labels, callback=lambda _: fail())
    assert isinstance(caught.value.result, Fit)


def test_a_dual_point_is_corrected_until_it_is_right(monkeypatch) -> None:
    """Conjugate gradients may leave more than rounding; the gap of an unpenalised fit does not depend on that."""
    X, Y = regular()
    labels = yes_no(Y)
    fit = refit(solve(X, labels, GroupSparsity(0.05), loss="logistic"), X, labels)
    plain, exact = certify(fit, X, labels).gap, LogisticProblem._correction
    monkeypatch.setattr(LogisticProblem, "_correction", lambda *arguments: (1 + 1e-7) * exact(*arguments))
    assert certify(fit, X, labels).gap == pytest.approx(plain, rel=1e-3, abs=1e-20)


def test_what_cannot_be_fitted_is_relaxed_to_the_same() -> None:
    X, Y = regular()
    for data in ((X, 0 * Y), (X[:1], Y[:1]), (0 * X, Y)):
        path = solve_path(*data, n_lams=3)
        relaxed = path.relaxed()
        assert np.array_equal(relaxed.coefs, path.coefs)
        assert np.all(relaxed.gaps == 0)
