"""Global certificates of regularised ShrinkNet: no lower bound above any objective that can be found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers import GlobalCertificate, GroupSparsity, RegularizedShrinkNet, SolveError, certify, lambda_max, solve
from solvers.regression.problem import Options
from solvers.regression.relaxation import IN, OUT, UNDECIDED, Relaxed, bound_terms
from solvers.regression.squared_problem import SquaredProblem
from solvers.results import Kind, Limit, Status
from tests.checks import centred, null_loss
from tests.strategies import Problem, problems

EXPONENTS = st.sampled_from([2.0, 1.0, 1.5, 3.0])


def penalised(p: Problem, exponent: float) -> RegularizedShrinkNet | None:
    """A penalty at a share of lambda_max; None where every answer is zero."""
    weights = None if p.weights is None else np.where(p.weights > 0, p.weights, 1.0)
    unit = RegularizedShrinkNet(1.0, 0.5, exponent, weights)
    top = lambda_max(p.X, p.Y, unit, **p.data())  # pyright: ignore[reportArgumentType]
    return unit.with_lam(p.lam_share * top) if top > 0 else None


def value(p: Problem, penalty: RegularizedShrinkNet, coef: np.ndarray) -> float:
    """Loss at the best intercept plus ``mu_j ||coef_:j||_p^q``, from the definitions."""
    s = p.row_weights
    residual = centred(p.Y, p) - centred(p.X, p) @ coef.T
    largest = max(float(np.abs(coef).max()), np.finfo(float).tiny)
    bridges = np.sum((np.abs(coef) / largest) ** penalty.p, axis=0) ** (1.0 / (penalty.p + 1.0)) * largest**penalty.q
    return float(s @ (residual**2).sum(axis=1)) / (2 * s.sum()) + float(penalty.mu(p.X.shape[1]) @ bridges)


@given(problems(), EXPONENTS, st.integers(0, 2**32 - 1))
def test_the_root_bound_is_below_every_point(p: Problem, exponent: float, seed: int) -> None:
    penalty = penalised(p, exponent)
    if penalty is None:
        return
    fit = solve(p.X, p.Y, penalty, **p.data())  # pyright: ignore[reportArgumentType]
    slack = 1e-9 * null_loss(p)
    assert fit.certificate.lower <= fit.objective
    rng = np.random.default_rng(seed)
    for _ in range(30):
        coef = fit.coef * rng.choice([0.0, 1.0], p.X.shape[1]) * rng.uniform(0, 2, p.X.shape[1])
        assert fit.certificate.lower <= value(p, penalty, coef) + slack


@given(problems(max_ugly=2), EXPONENTS, st.integers(0, 2**32 - 1))
def test_the_global_bound_is_below_every_restart_and_closes(p: Problem, exponent: float, seed: int) -> None:
    most = 5 if exponent in (1.0, 2.0) else 2
    p = replace(p, X=p.X[:, :most], weights=None if p.weights is None else p.weights[:most])
    penalty = penalised(p, exponent)
    if penalty is None:
        return
    fit = solve(p.X, p.Y, penalty, **p.data())  # pyright: ignore[reportArgumentType]
    certificate = certify(fit, p.X, p.Y, sample_weight=p.sample_weight, level="global", tol=1e-3, time_limit=1)
    slack, scale = 1e-9 * null_loss(p), np.abs(fit.coef).max()
    assert certificate.kind is Kind.GLOBAL_BOUND
    assert certificate.lower <= certificate.upper
    rng = np.random.default_rng(seed)
    for _ in range(2):
        start = scale * rng.standard_normal(fit.coef.shape) * rng.choice([0.0, 1.0], fit.coef.shape[1])
        other = solve(p.X, p.Y, penalty, init=start, **p.data())  # pyright: ignore[reportArgumentType]
        assert certificate.lower <= other.objective + slack
    assert isinstance(certificate, GlobalCertificate)
    if certificate.limit is Limit.NONE:
        best = fit if certificate.improved is None else certificate.improved
        assert best.objective - certificate.lower <= 1e-3 * null_loss(p) + slack
    if certificate.improved is not None:
        assert certificate.improved.objective < fit.objective
        assert abs(value(p, penalty, certificate.improved.coef) - certificate.improved.objective) <= slack


@given(st.integers(0, 2**32 - 1), EXPONENTS)
def test_the_bound_holds_in_every_node_for_every_point_of_its_domain(seed: int, exponent: float) -> None:
    """The inequality that everything rests on: any V, any split, any domains, any point inside them."""
    rng = np.random.default_rng(seed)
    k, n_targets = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    A, Y = rng.standard_normal((12, k)), rng.standard_normal((12, n_targets))
    Q, C, q = A.T @ A / 12, A.T @ Y / 12, exponent / (exponent + 1)
    mu = 10.0 ** rng.uniform(-3, 0, k)
    split = exponent == 2 or n_targets == 1
    delta = rng.uniform(0, 1, k) * np.linalg.eigvalsh(Q)[0] * 0.999 if split else np.zeros(k)
    kinds = rng.choice([OUT, UNDECIDED, IN], k).astype(np.int8)
    lows, highs = rng.uniform(0.1, 1, k), rng.uniform(1, 3, k)
    null = float(np.sum(Y**2)) / 24
    R = Relaxed(Q - np.diag(delta), C, delta, mu, exponent, null)
    V = rng.standard_normal((k, n_targets)) * (kinds != OUT)[:, None]
    bound, _ = bound_terms(R, V, C - R.K @ V, kinds, lows, highs, np.empty(k))
    for _ in range(20):
        W = rng.standard_normal((k, n_targets))
        lengths = np.sum(np.abs(W) ** exponent, axis=1) ** (1 / exponent)
        wanted = np.where(kinds == OUT, 0.0, rng.uniform(lows, highs))
        wanted = np.where((kinds == UNDECIDED) & (rng.random(k) < 0.5), 0.0, wanted)
        W *= (wanted / lengths)[:, None]
        objective = np.sum((Y - A @ W) ** 2) / 24 + mu @ wanted**q
        assert bound <= objective + 1e-12 * (null + objective)


def _regular(n_features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((60, n_features))
    for j in range(1, n_features):
        X[:, j] = 0.8 * X[:, j - 1] + 0.6 * X[:, j]
    W = rng.standard_normal((n_features, 2)) * (rng.random((n_features, 1)) < 0.5)
    return X, X @ W + 0.5 * rng.standard_normal((60, 2))


def test_a_search_stopped_by_the_clock_or_a_callback_leaves_valid_bounds() -> None:
    X, Y = _regular(25, 0)
    unit = RegularizedShrinkNet(1.0, 0.5)
    fit = solve(X, Y, unit.with_lam(0.01 * lambda_max(X, Y, unit)))
    full = certify(fit, X, Y, level="global", tol=1e-3)
    assert full.holds
    seen: list[float] = []
    for keywords, limit in (
        ({"time_limit": 0.0}, Limit.TIME),
        ({"callback": lambda progress: seen.append(progress.gap) or len(seen) == 2}, Limit.CALLBACK),
    ):
        stopped = certify(fit, X, Y, level="global", tol=0.0, **keywords)  # pyright: ignore[reportArgumentType]
        assert isinstance(stopped, GlobalCertificate)
        assert stopped.limit is limit
        assert 0 <= stopped.lower <= full.upper
    assert seen[0] >= seen[1] >= 0


def test_an_exception_in_the_callback_carries_the_certificate() -> None:
    X, Y = _regular(10, 0)
    unit = RegularizedShrinkNet(1.0, 0.5)
    fit = solve(X, Y, unit.with_lam(0.01 * lambda_max(X, Y, unit)))

    def fail(progress: object) -> None:
        raise ValueError("no")

    with pytest.raises(SolveError, match="callback raised ValueError") as caught:
        certify(fit, X, Y, level="global", callback=fail)
    assert isinstance(caught.value.result, GlobalCertificate)
    assert caught.value.result.lower <= fit.objective


def test_a_bad_fit_is_handed_back_better() -> None:
    X, Y = _regular(12, 1)
    unit = RegularizedShrinkNet(1.0, 0.5)
    penalty = unit.with_lam(0.02 * lambda_max(X, Y, unit))
    good = solve(X, Y, penalty)
    bad = replace(good, coef=np.zeros_like(good.coef), intercept=Y.mean(axis=0))
    certificate = certify(bad, X, Y, level="global")
    assert isinstance(certificate, GlobalCertificate)
    assert not certificate.holds
    assert certificate.improved is not None
    assert certificate.improved.objective <= good.objective + 1e-9
    assert certificate.improved.status is Status.CERTIFIED
    assert certify(certificate.improved, X, Y, level="global").holds


def test_a_convex_penalty_needs_no_search() -> None:
    X, Y = _regular(8, 2)
    fit = solve(X, Y, GroupSparsity(0.1))
    assert certify(fit, X, Y, level="global").kind is Kind.DUALITY_GAP


def test_certificates_survive_a_file(tmp_path) -> None:
    X, Y = _regular(8, 3)
    unit = RegularizedShrinkNet(1.0, 0.5)
    fit = solve(X, Y, unit.with_lam(0.01 * lambda_max(X, Y, unit)))
    certificate = certify(fit, X, Y, level="global")
    certificate.save(tmp_path / "certificate")
    loaded = GlobalCertificate.load(tmp_path / "certificate")
    assert (loaded.lower, loaded.limit, loaded.kind) == (certificate.lower, Limit.NONE, Kind.GLOBAL_BOUND)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_the_bound_of_the_gram_matrix_is_that_of_the_data(exponent: float) -> None:
    """In data far from the origin, with weights: the Gram matrix is centred, and so is what the search minimises."""
    X, Y = _regular(4, 4)
    weights = np.linspace(0.5, 2.0, len(X))
    unit = RegularizedShrinkNet(1.0, 0.5, exponent)
    X = X + 1e5
    fit = solve(X, Y, unit.with_lam(0.02 * lambda_max(X, Y, unit, sample_weight=weights)), sample_weight=weights)
    certificate = certify(fit, X, Y, sample_weight=weights, level="global", tol=1e-5)
    problem = SquaredProblem.build(X, Y, Options(True, weights))
    assert certificate.upper == pytest.approx(fit.objective, rel=1e-9)
    assert certificate.upper - certificate.lower <= 1e-4 * problem.null_loss
