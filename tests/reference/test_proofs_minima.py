"""What proofs_checks counts by formula, counted by looking everywhere: global minima, thresholds, best factors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.ndimage import label

from proofs_checks import STATEMENTS, smallest_counterexample
from proofs_checks.a4_count import OneSample, minima_by_roots, minima_by_threshold, number_of_minima, one_sample_excess
from proofs_checks.factorisation import best_factor, reduced_penalty
from proofs_checks.thresholding import half_prox, half_threshold, two_thirds_prox, two_thirds_threshold

WORDINGS = {wording.id: wording for statement in STATEMENTS for wording in statement.wordings}


def one_sample(x: list[str], y: str, lam: str, lam2: str) -> OneSample:
    return OneSample(np.array([Fraction(value) for value in x], dtype=object), Fraction(y), Fraction(lam), Fraction(lam2))


def found(name: str) -> OneSample:
    counterexample = smallest_counterexample(WORDINGS[name])
    assert counterexample is not None
    return counterexample.instance


def profile(i: OneSample, beta: np.ndarray) -> np.ndarray:
    """``(y - A diag(beta) x - b)^2 + lam ||beta||_1 + lam2 (||A||^2 + b^2)`` at the best A and b for beta (..., p).

    A ridge regression on the features ``beta_j x_j`` and 1: its value is ``y^2 / (1 + ||features||^2 / lam2)``.
    """
    features = (beta * i.x.astype(float)) ** 2
    return float(i.y) ** 2 / (1 + (features.sum(axis=-1) + 1) / float(i.lam2)) + float(i.lam) * abs(beta).sum(axis=-1)


def test_the_profile_is_the_best_of_a_and_b():
    i, rng = one_sample(["1/2", "-2"], "3", "1/2", "1/3"), np.random.default_rng(0)
    beta = np.array([0.7, -1.1])
    features = np.append(beta * i.x.astype(float), 1.0)
    system = np.outer(features, features) + float(i.lam2) * np.eye(3)
    best = np.linalg.solve(system, 3.0 * features)

    def objective(ab: np.ndarray) -> float:
        return (3.0 - ab @ features) ** 2 + float(i.lam2) * ab @ ab + float(i.lam) * abs(beta).sum()

    assert profile(i, beta) == pytest.approx(objective(best), rel=1e-13)
    assert all(objective(best + 0.1 * rng.standard_normal(3)) > objective(best) for _ in range(100))


def count_on_a_grid(i: OneSample) -> int:
    """How many separate places of the beta-space come within a hair of the lowest value."""
    reach = 1.0 + float(i.y) ** 2 / float(i.lam)
    # An even number of steps keeps zero, the kink, on the grid.
    side = np.linspace(-reach, reach, 2001)
    beta = np.stack(np.meshgrid(*[side] * len(i.x), indexing="ij"), axis=-1)
    values = profile(i, beta)
    return int(label(values <= values.min() + 1e-4 * (abs(values.min()) + 1e-3), structure=np.ones((3,) * len(i.x)))[1])


@pytest.mark.parametrize(
    "i",
    [
        found("A4-2^k"),
        found("A4-2^k-data"),
        found("A4-2^k-nonzero"),
        one_sample(["1"], "3", "1/2", "1"),
        one_sample(["2"], "1", "1/10", "1/2"),
        one_sample(["1", "1"], "3", "1/2", "1"),
        one_sample(["1", "-1"], "3", "1/2", "1"),
        one_sample(["1", "1/2"], "3", "1/2", "1"),
        one_sample(["1", "3/2"], "1/2", "2", "1"),
        one_sample(["0", "0"], "5", "1", "1"),
    ],
    ids=lambda i: f"x={[str(value) for value in i.x]} y={i.y} lam={i.lam}",
)
def test_the_number_of_minima_on_one_sample_is_what_a_grid_shows(i: OneSample):
    assert one_sample_excess(i) != 0
    assert number_of_minima(i) == count_on_a_grid(i)


def test_an_exact_tie_has_zero_among_its_minima():
    # (1 - 2 w)^2 + mu |w|^(2/3) with lam = lam2 = 1: zero and its two rivals have the value 1.
    assert minima_by_threshold(Fraction(4), Fraction(4), Fraction(1), Fraction(1)) == 3
    assert minima_by_roots(4.0, 4.0, 1.0, 1.0) == 3
    mu = 1.5 * 2 ** (1 / 3)
    w = two_thirds_prox(0.5 * (1 + 1e-12), mu / 8)
    assert w > 0.2
    assert (1 - 2 * w) ** 2 + mu * w ** (2 / 3) == pytest.approx(1.0, rel=1e-10)


@pytest.mark.parametrize("mu", [0.03, 0.5, 1.0, 7.0])
@pytest.mark.parametrize(
    ("operator", "threshold", "q"), [(half_prox, half_threshold, 0.5), (two_thirds_prox, two_thirds_threshold, 2 / 3)]
)
def test_the_operators_are_those_of_a_fine_grid(operator, threshold, q, mu):
    for share in (0.2, 0.9, 0.999, 1.001, 1.1, 2.0, 20.0):
        z = share * threshold(mu)
        grid = np.linspace(0.0, 1.1 * z, 200_001)
        best = grid[np.argmin(0.5 * (grid - z) ** 2 + mu * grid**q)]
        assert operator(z, mu) == pytest.approx(best, abs=1.2 * z / 200_000)
        assert operator(-z, mu) == -operator(z, mu)


@pytest.mark.parametrize("p", [0.4, 1.0, 1.7, 2.0, 4.0])
def test_the_best_factor_is_that_of_a_fine_grid(p):
    rng = np.random.default_rng(4)
    for _ in range(5):
        w, (lam, lam2) = rng.standard_normal(3), rng.uniform(0.1, 2.0, 2)
        b = best_factor(w, lam, lam2, p) * np.geomspace(0.1, 10, 100_001)
        costs = lam * b + lam2 * (abs(w) ** p).sum() / b**p
        assert costs.min() == pytest.approx(reduced_penalty(w, lam, lam2, p), rel=1e-8)
        assert b[np.argmin(costs)] == pytest.approx(best_factor(w, lam, lam2, p), rel=1e-3)
