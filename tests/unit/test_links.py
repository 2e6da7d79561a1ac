"""The logistic losses and their derivatives against SciPy, finite differences and high precision."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.special import expit, log_softmax, rel_entr, softmax

from solvers.regression.links import LINKS, excess_exponential

RNG = np.random.default_rng(0)
NAMES = list(LINKS)


def sample(name: str, size: float = 1.0, n: int = 7, n_targets: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictors, labels and weights."""
    Z = size * RNG.standard_normal((n, n_targets))
    if name == "multinomial":
        Y = np.eye(n_targets)[RNG.integers(0, n_targets, n)]
    else:
        Y = (RNG.random((n, n_targets)) < 0.5).astype(float)
    return Z, Y, RNG.uniform(0.5, 2.0, n)


def losses(name: str, Z: np.ndarray, Y: np.ndarray) -> np.ndarray:
    if name == "multinomial":
        return -np.sum(log_softmax(Z, axis=1) * Y, axis=1)
    return np.sum(np.logaddexp(0.0, np.where(Y == 1, -Z, Z)), axis=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0.1, 1.0, 30.0, 1e3])
def test_predictions_are_those_of_scipy(name: str, size: float) -> None:
    Z, Y, _ = sample(name, size)
    prediction = LINKS[name].predict(Z, Y)
    P = softmax(Z, axis=1) if name == "multinomial" else expit(Z)
    np.testing.assert_allclose(prediction.P, P, rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(prediction.losses, losses(name, Z, Y), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(prediction.R, Y - P, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_a_nearly_perfect_prediction_keeps_its_digits(name: str) -> None:
    Y = np.array([[1.0, 0.0]])
    Z = np.array([[50.0, -50.0]])
    prediction = LINKS[name].predict(Z, Y)
    # exp(-100) of the other class; exp(-50) of each target.
    small = np.exp(-100.0) if name == "multinomial" else np.exp(-50.0)
    np.testing.assert_allclose(prediction.R, [[small, -small]], rtol=1e-12)
    np.testing.assert_allclose(prediction.losses, [small if name == "multinomial" else 2 * small], rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_extreme_predictors_neither_overflow_nor_lose_the_loss(name: str) -> None:
    Y = np.array([[1.0, 0.0], [0.0, 1.0]])
    Z = np.array([[-1e4, 1e4], [1e300, -1e300]])
    prediction = LINKS[name].predict(Z, Y)
    assert np.all(np.isfinite(prediction.losses))
    assert prediction.losses[0] == pytest.approx(2e4)
    assert np.all((prediction.P >= 0) & (prediction.P <= 1))


@pytest.mark.parametrize("name", NAMES)
def test_residual_and_hessian_are_the_derivatives(name: str) -> None:
    link = LINKS[name]
    Z, Y, weights = sample(name)
    prediction = link.predict(Z, Y)
    step, T = 1e-5, RNG.standard_normal(Z.shape)
    slope = (losses(name, Z + step * T, Y) - losses(name, Z - step * T, Y)) / (2 * step)
    np.testing.assert_allclose(slope, -np.sum(prediction.R * T, axis=1), rtol=1e-7, atol=1e-9)
    change = (link.predict(Z + step * T, Y).R - link.predict(Z - step * T, Y).R) / (2 * step)
    image = link.hessian(prediction.P, T)
    np.testing.assert_allclose(-change, image, rtol=1e-6, atol=1e-9)
    whole = link.curvature(prediction.P, weights)
    t = RNG.standard_normal(Z.shape[1])
    np.testing.assert_allclose(whole @ t, weights @ link.hessian(prediction.P, np.tile(t, (len(Z), 1))), rtol=1e-12)
    assert np.all(np.sum(T * image, axis=1) <= link.bound * np.sum(T * T, axis=1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e-9, 1e-4, 0.3, 5.0])
def test_divergence_is_the_remainder_of_the_tangent(name: str, size: float) -> None:
    link = LINKS[name]
    Z, Y, weights = sample(name)
    step = size * RNG.standard_normal(Z.shape)
    prediction = link.predict(Z, Y)
    divergence = link.divergence(Z, prediction.P, step, weights)
    if size < 1e-3:
        expected = 0.5 * weights @ np.sum(step * link.hessian(prediction.P, step), axis=1)
        assert divergence == pytest.approx(expected, rel=10 * size + 1e-12)
    else:
        change = weights @ (losses(name, Z + step, Y) - losses(name, Z, Y))
        assert divergence == pytest.approx(change + np.sum(weights[:, None] * prediction.R * step), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_divergence_of_a_step_back_from_certainty(name: str) -> None:
    link = LINKS[name]
    Z, Y, step = np.array([[45.0, -45.0]]), np.array([[1.0, 0.0]]), np.array([[-44.0, 44.0]])
    prediction = link.predict(Z, Y)
    change = float((losses(name, Z + step, Y) - losses(name, Z, Y))[0])
    divergence = link.divergence(Z, prediction.P, step, np.ones(1))
    assert divergence == pytest.approx(change + np.sum(prediction.R * step), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_beyond_all_reason_is_refused(name: str) -> None:
    P = np.full((1, 2), 0.5)
    assert LINKS[name].divergence(np.zeros((1, 2)), P, np.array([[1e4, -1e4]]), np.ones(1)) == np.inf


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e-12, 1e-5, 1e-2, 1.0])
def test_relative_entropies(name: str, size: float) -> None:
    link = LINKS[name]
    Z, Y, _ = sample(name, 2.0)
    prediction = link.predict(Z, Y)
    # Towards the labels: all that is ever asked for.
    excess = size * prediction.R
    P, A = prediction.P, prediction.P + excess
    entropies = link.relative_entropies(Z, P, excess)
    if size < 1e-3:
        squares = excess**2 / P if name == "multinomial" else excess**2 / (P * (1 - P))
        np.testing.assert_allclose(entropies, 0.5 * np.sum(squares, axis=1), rtol=1e-3)
    else:
        A = np.clip(A, 0.0, 1.0)
        expected = rel_entr(A, P) if name == "multinomial" else rel_entr(A, P) + rel_entr(1 - A, 1 - P)
        np.testing.assert_allclose(entropies, np.sum(expected, axis=1), rtol=1e-10)
    assert np.all(link.relative_entropies(Z, P, np.zeros_like(P)) == 0.0)


def test_relative_entropy_of_a_label_whose_probability_underflows() -> None:
    Z, Y = np.array([[0.0, 2000.0]]), np.array([[1.0, 0.0]])
    link = LINKS["multinomial"]
    prediction = link.predict(Z, Y)
    assert prediction.P[0, 0] == 0.0
    assert link.relative_entropies(Z, prediction.P, prediction.R)[0] == pytest.approx(2000.0)


@pytest.mark.parametrize("name", NAMES)
def test_the_null_model(name: str) -> None:
    link = LINKS[name]
    frequencies = np.array([0.2, 0.5, 0.3])
    b = link.null_intercept(frequencies)
    Y = np.eye(3)[[0, 0, 1, 1, 1, 1, 1, 2, 2, 2]]
    prediction = link.predict(np.tile(b, (10, 1)), Y)
    np.testing.assert_allclose(prediction.P[0], frequencies, rtol=1e-14)
    assert link.null_loss(frequencies) == pytest.approx(np.mean(prediction.losses))
    np.testing.assert_allclose(prediction.R.sum(axis=0), 0.0, atol=1e-14)
    np.testing.assert_allclose(link.predict(np.zeros((1, 3)), Y[:1]).P[0], link.uniform(3))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("deficit", [[0.0, 0.0], [-0.5, 0.5], [3.0, -3.0], [-1e-12, 1e-12]])
def test_the_mixture_is_as_small_as_it_can_be(name: str, deficit: list[float]) -> None:
    counts, total = np.array([4.0, 6.0]), 10.0
    t = LINKS[name].mixing(counts, np.array(deficit), total)
    assert 0.0 <= t < 1.0
    if not any(deficit):
        assert t == 0.0
        return
    r = (t * counts + (1 - t) * np.array(deficit)) / (t * total)
    assert np.min(np.minimum(r, 1 - r) if name == "logistic" else r) == pytest.approx(0.0, abs=1e-9)


def test_separation_is_strict() -> None:
    Y = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert LINKS["multinomial"].separates(np.array([[2.0, 1.0], [0.0, 1.0]]), Y)
    assert not LINKS["multinomial"].separates(np.array([[2.0, 1.0], [1.0, 1.0]]), Y)
    # One target is enough where they are independent.
    assert LINKS["logistic"].separates(np.array([[1.0, 1.0], [-1.0, -1.0]]), Y)
    assert not LINKS["logistic"].separates(np.array([[1.0, 1.0], [0.0, -1.0]]), Y)


@pytest.mark.parametrize("x", [-200.0, -1.0, -0.1, -1e-3, 0.0, 1e-9, 0.05, 0.1, 0.2, 3.0])
def test_excess_exponential_in_exact_arithmetic(x: float) -> None:
    exact = sum((Fraction(x) ** k / Fraction(int(np.prod(np.arange(1, k + 1, dtype=object)))) for k in range(2, 60)), Fraction(0))
    expected = float(exact) if abs(x) < 10 else float(np.expm1(x) - x)
    assert excess_exponential(x) == pytest.approx(expected, rel=1e-14)
