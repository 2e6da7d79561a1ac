"""The benchmarks against peers: their judges, checked against sums written out here and against the package's certificates."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from solvers import GroupSparsity, lambda_max, solve

FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"
MODULES = (
    "problems",
    "squared",
    "multinomial",
    "accelerated",
    "peers",
    "tuning",
    "workers",
    "scores",
    "table",
    "command",
    "streaming",
    "distributed_gram",
)


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    """The benchmarks' modules, imported as their scripts do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})


@pytest.fixture
def problems(bench):
    """A small problem of each kind."""
    rng = np.random.default_rng(0)
    X = bench.problems.autoregressive(rng, 60, 12, rho=0.5)
    Y = bench.squared.planted(rng, X, n_targets=3, n_active=4, noise=0.5)
    labels = bench.multinomial.drawn(rng, X, n_classes=4, n_active=4, strength=1.0)
    assert set(labels) == {0, 1, 2, 3}
    return {
        "squared": bench.squared.prepared("", X, Y),
        "multinomial": bench.multinomial.MultinomialProblem("", bench.problems.standardised(X), labels),
    }


LOSSES = ("squared", "multinomial")


def solved(problem, lam, tol):
    return solve(problem.X, problem.Y, GroupSparsity(lam), loss=problem.loss, fit_intercept=problem.has_intercept, tol=tol)


def model_of(bench, fit):
    return bench.problems.Model(fit.coef, fit.intercept)


def squared_primal(problem, lam, coef):
    residual = problem.Y - problem.X @ coef.T
    return np.sum(residual**2) / (2 * len(residual)) + lam * np.sum(np.linalg.norm(coef, axis=0))


def squared_gap(problem, lam, coef):
    """Primal minus dual, over the null loss; the dual point is the scaled residual."""
    n = len(problem.X)
    residual = problem.Y - problem.X @ coef.T
    point = residual * min(1, lam * n / np.linalg.norm(problem.X.T @ residual, axis=1).max())
    dual = (np.sum(problem.Y**2) - np.sum((problem.Y - point) ** 2)) / (2 * n)
    return (squared_primal(problem, lam, coef) - dual) / (np.sum(problem.Y**2) / (2 * n))


def multinomial_primal(problem, lam, coef, intercept):
    Z = problem.X @ coef.T + intercept
    losses = np.log(np.sum(np.exp(Z), axis=1)) - Z[np.arange(len(Z)), problem.Y]
    return np.mean(losses) + lam * np.sum(np.linalg.norm(coef, axis=0))


def multinomial_gap(problem, lam, coef, intercept):
    """Primal minus dual, over the null loss, at an intercept that is already the best."""
    Y = np.eye(problem.n_outputs)[problem.Y]
    P = np.exp(problem.X @ coef.T + intercept)
    P /= P.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(P.mean(axis=0), Y.mean(axis=0), atol=1e-12)
    slope = np.linalg.norm(problem.X.T @ (Y - P), axis=1).max() / len(Y)
    Q = Y - min(1, lam / slope) * (Y - P)
    dual = -np.mean(np.sum(np.where(Q > 0, Q * np.log(np.where(Q > 0, Q, 1)), 0), axis=1))
    frequencies = Y.mean(axis=0)
    return (multinomial_primal(problem, lam, coef, intercept) - dual) / -np.sum(frequencies * np.log(frequencies))


def some_coefs(problem, lam):
    """From far away to an optimum to four digits, and zero."""
    rng = np.random.default_rng(1)
    fit = solved(problem, lam, 1e-4)
    noise = rng.standard_normal(fit.coef.shape)
    yield from (fit.coef + size * noise for size in (0.0, 1e-3, 0.1, 1.0, 5.0))
    yield np.zeros_like(fit.coef)


@pytest.mark.parametrize("share", [2.0, 0.5, 0.1, 0.01])
def test_the_gap_of_regression_is_primal_minus_dual(problems, bench, share):
    problem = problems["squared"]
    lam = share * problem.lambda_max
    for coef in some_coefs(problem, lam):
        gap = problem.relative_gap(lam, bench.problems.Model(coef))
        assert gap >= 0
        assert gap == pytest.approx(squared_gap(problem, lam, coef), rel=1e-8, abs=1e-13)


@pytest.mark.parametrize("share", [2.0, 0.5, 0.1, 0.01])
def test_the_gap_of_classification_is_primal_minus_dual(problems, bench, share):
    problem = problems["multinomial"]
    lam = share * problem.lambda_max
    frequencies = np.bincount(problem.Y) / len(problem.Y)
    for coef in some_coefs(problem, lam):
        intercept = bench.multinomial.best_intercept(problem.X @ coef.T, frequencies, np.zeros(4))
        gap = problem.relative_gap(lam, bench.problems.Model(coef, intercept))
        assert gap >= 0
        assert gap == pytest.approx(multinomial_gap(problem, lam, coef, intercept), rel=1e-8, abs=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_bounds_the_distance_to_the_optimum(problems, bench, loss):
    problem = problems[loss]
    lam = 0.1 * problem.lambda_max
    best = solved(problem, lam, 1e-13)
    for coef in some_coefs(problem, lam):
        if loss == "squared":
            model, value = bench.problems.Model(coef), squared_primal(problem, lam, coef)
        else:
            frequencies = np.bincount(problem.Y) / len(problem.Y)
            intercept = bench.multinomial.best_intercept(problem.X @ coef.T, frequencies, np.zeros(4))
            model, value = bench.problems.Model(coef, intercept), multinomial_primal(problem, lam, coef, intercept)
        excess = (value - best.objective) / best.null_loss
        assert -1e-12 < excess <= problem.relative_gap(lam, model) + 1e-12


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_judge_agrees_with_the_certificate(problems, bench, loss, share, tol):
    problem = problems[loss]
    fit = solved(problem, share * problem.lambda_max, tol)
    gap = problem.relative_gap(share * problem.lambda_max, model_of(bench, fit))
    assert gap <= tol
    assert gap == pytest.approx(fit.certificate.gap, rel=1e-3, abs=1e-14)


def test_any_intercept_is_judged_as_the_best_one(problems, bench):
    problem = problems["multinomial"]
    lam = 0.1 * problem.lambda_max
    fit = solved(problem, lam, 1e-6)
    best = problem.relative_gap(lam, model_of(bench, fit))
    for offset in ([0, 0, 0, 0], [7, 7, 7, 7], [1, -2, 0, 3], [30, 0, 0, -30], [-200, 0, 500, 0]):
        moved = bench.problems.Model(fit.coef, np.array(offset, dtype=float))
        assert problem.relative_gap(lam, moved) == pytest.approx(best, rel=1e-6)


def test_probabilities_of_the_wrong_mean_are_balanced(bench):
    rng = np.random.default_rng(0)
    for sharpness in (0.1, 1.0, 10.0):
        P = np.exp(bench.multinomial.log_softmax(sharpness * rng.standard_normal((50, 4))))
        frequencies = rng.dirichlet(np.ones(4))
        balanced = P + bench.multinomial.balancing(P, frequencies)
        np.testing.assert_allclose(balanced.mean(axis=0), frequencies, atol=1e-14)
        np.testing.assert_allclose(balanced.sum(axis=1), 1)
        assert balanced.min() >= -1e-16
    assert np.all(bench.multinomial.balancing(P, P.mean(axis=0)) == 0)


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-4, 1e-2, 1.0])
def test_small_divergences_keep_their_digits(bench, size):
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.ones(4), size=20)
    other = rng.dirichlet(np.ones(4), size=20)
    difference = size * (other - P)
    terms = bench.multinomial.kullback_leibler(P + difference, np.log(P), difference)
    # The second derivative of the divergence is 1/p, and between the two it changes by no more than the ratio of the two.
    lower, upper = difference**2 / (2 * np.maximum(P, P + difference)), difference**2 / (2 * np.minimum(P, P + difference))
    assert np.all(terms >= lower * (1 - 1e-8))
    assert np.all(terms <= upper * (1 + 1e-8))


@pytest.mark.parametrize("loss", LOSSES)
def test_lambda_max_is_the_package_s(problems, loss):
    problem = problems[loss]
    expected = lambda_max(problem.X, problem.Y, loss=loss, fit_intercept=problem.has_intercept)
    assert problem.lambda_max == pytest.approx(expected, rel=1e-12)


def test_a_corner_has_every_class_and_no_dead_pixel(bench):
    rng = np.random.default_rng(0)
    X = np.hstack([np.zeros((100, 30)), rng.standard_normal((100, 10))])
    labels = np.repeat([0, 1, 2, 3], [85, 5, 5, 5])
    corner = bench.multinomial.MultinomialProblem("", X, labels).corner(20, 8)
    assert corner.X.shape == (20, 8)
    assert corner.n_outputs == 4
    assert np.bincount(corner.Y).tolist() == [5, 5, 5, 5]
    assert corner.lambda_max > 0
    assert np.all(corner.X.std(axis=0) > 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_path_counts_with_its_worst_gap(problems, bench, loss):
    problem = problems[loss]
    lams = problem.lambda_max * np.array([0.5, 0.1])
    models = [model_of(bench, solved(problem, lam, tol)) for lam, tol in zip(lams, (1e-9, 1e-3), strict=True)]
    worst = bench.problems.worst_gap(problem, lams, models)
    assert worst == problem.relative_gap(lams[1], models[1])
    assert bench.problems.worst_gap(problem, lams, models[:1]) == np.inf
    broken = bench.problems.Model(np.full_like(models[1].coef, np.nan), models[1].intercept)
    assert bench.problems.worst_gap(problem, lams, [models[0], broken]) == np.inf


def test_our_adapter_reaches_its_tolerance(problems, bench):
    for problem in problems.values():
        adapter = bench.peers.Solvers(1)
        adapter.prepare(problem)
        for lams in (problem.lambda_max * np.array([0.1]), problem.lambda_max * np.geomspace(1, 0.01, 5)):
            assert bench.problems.worst_gap(problem, lams, adapter.solve(problem, lams, 1e-8, "default")) <= 1e-8


def test_accelerated_gradients_reach_any_gap(problems, bench):
    problem = problems["multinomial"]
    lams = problem.lambda_max * np.array([0.5, 0.1])
    adapter = bench.peers.AcceleratedGradient(1)
    assert bench.problems.worst_gap(problem, lams, adapter.solve(problem, lams, 1e-10, "default")) <= 1e-9


def test_glmnet_minimises_the_same_objective(problems, bench):
    problem = problems["multinomial"]
    try:
        adapter = bench.peers.Glmnet(1)
    except ImportError as error:
        pytest.skip(str(error))
    with adapter:
        adapter.prepare(problem)
        lams = problem.lambda_max * np.geomspace(0.5, 0.1, 3)
        for setting in adapter.settings:
            assert bench.problems.worst_gap(problem, lams[-1:], adapter.solve(problem, lams[-1:], 1e-20, setting)) <= 1e-9
        assert bench.problems.worst_gap(problem, lams, adapter.solve(problem, lams, 1e-20, "default")) <= 1e-9
        assert adapter.own_seconds is not None


def test_quick_changes_defaults_only(bench):
    contest = bench.command.Contest("", bench.multinomial.PROBLEMS, bench.peers.MULTINOMIAL_PEERS, chosen=["mnist"])
    assert bench.command.parse(contest, []).problems == ["mnist"]
    quick = bench.command.parse(contest, ["--quick", "--gaps", "1e-3"])
    assert (quick.problems, quick.gaps, quick.peers) == (["small"], [1e-3], ["adelie", "glmnet", "apg"])


def test_blocks_far_from_zero_lose_nothing(bench):
    assert bench.streaming.remote_difference() <= 1e-10


def test_the_cluster_is_given_the_blocks_of_the_single_process(bench):
    dask = pytest.importorskip("dask")
    blocks = bench.distributed_gram
    with dask.config.set(scheduler="synchronous"):
        assert blocks.difference(blocks.Work(50, 4, range(6), range(3))) <= 1e-14
    X, Y = blocks.lazy(range(3), 50, 4)
    assert (X.shape, Y.shape) == ((150, 4), (150, blocks.N_TARGETS))
    assert blocks.work_of(SimpleNamespace(gigabytes=1.0, rows=1000, features=496, workers=2, share=0.1)).every == range(250)
