"""The law of the sign-variance rule, and each strategy by its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers import FirstSignChange, NoRemoval, SignVariance, Threshold
from solvers.regression.training.removal import Removal, remove


def watch(removal: Removal, switches: np.ndarray, noise: float = 1.0, stays_dead: bool = False) -> list[int]:
    """The step (from 1) at which each switch is removed, 0 for never; ``switches (n_steps + 1, n)`` from the initial ones on."""
    n = switches.shape[1]
    mean, variance, alive = removal.initial_means(switches[0]), np.zeros(n), np.ones(n, dtype=bool)
    removed_at = np.zeros(n, dtype=int)
    for step, beta in enumerate(switches[1:], 1):
        before = alive.copy()
        count = remove(removal.rule(), beta.copy(), mean, variance, alive, np.full(n, noise), stays_dead)
        assert count == np.count_nonzero(before & ~alive)
        removed_at[before & ~alive] = step
    return removed_at.tolist()


def crossing(n_before: int, n_after: int, n_back: int = 0) -> np.ndarray:
    return np.repeat([1.0, -1.0, 1.0], [1 + n_before, n_after, n_back])[:, None]


@given(gamma=st.floats(0.0, 0.999), threshold=st.floats(0.01, 0.99), n_before=st.integers(0, 5))
def test_one_lasting_crossing_removes_after_the_stated_steps(gamma, threshold, n_before):
    rule = SignVariance(gamma, threshold)
    steps = rule.steps_to_removal
    assert steps is not None
    assert watch(rule, crossing(n_before, steps + 2)) == [n_before + steps]


@given(gamma=st.floats(0.9, 0.999), threshold=st.floats(0.01, 0.99))
def test_a_shorter_crossing_is_forgiven(gamma, threshold):
    rule = SignVariance(gamma, threshold)
    steps = rule.steps_to_removal
    assert steps is not None
    assert watch(rule, crossing(3, steps - 1, 4 * steps)) == [0]


@given(gamma=st.floats(0.0, 0.99), threshold=st.floats(1.001, 3.99))
def test_above_threshold_one_a_crossing_may_never_remove(gamma, threshold):
    rule = SignVariance(gamma, threshold)
    removed_at = watch(rule, crossing(0, 2000))
    assert removed_at == [rule.steps_to_removal or 0]


@pytest.mark.parametrize("gamma", [0.9, 0.99, 0.999, 0.9999])
def test_the_law_at_the_default_threshold(gamma):
    steps = SignVariance(gamma).steps_to_removal
    assert steps is not None
    assert steps == pytest.approx(0.1583 / (1.0 - gamma), abs=1.0)


def test_the_variance_follows_its_formula():
    gamma, mean, variance = 0.93, np.array([1.0]), np.array([0.0])
    for t in range(1, 60):
        remove(NoRemoval().rule()._replace(gamma=gamma), -np.ones(1), mean, variance, np.ones(1, dtype=bool), np.ones(1), False)
        assert variance[0] == pytest.approx(4.0 * gamma ** (t - 1) * (1.0 - gamma**t), rel=1e-12)
        assert SignVariance(gamma).variance_after(t) == pytest.approx(variance[0], rel=1e-12)


def test_oscillation_settles_a_little_above_one():
    gamma, mean, variance = 0.99, np.array([1.0]), np.array([0.0])
    for t in range(5000):
        beta = np.array([(-1.0) ** t])
        remove(NoRemoval().rule()._replace(gamma=gamma), beta, mean, variance, np.ones(1, dtype=bool), np.ones(1), False)
    assert variance[0] == pytest.approx((2.0 / (1.0 + gamma)) ** 2, rel=1e-9)


def test_initial_mean_one_removes_every_switch_that_stays_negative():
    rule = SignVariance(0.99, initial_mean=1)
    steps = rule.steps_to_removal
    assert watch(rule, np.tile([0.7, -0.7], (50, 1))) == [0, steps]
    assert watch(SignVariance(0.99), np.tile([0.7, -0.7], (50, 1))) == [0, 0]


def test_initial_mean_zero_removes_everything_where_gamma_is_small():
    switches = np.tile([0.7, -0.7], (200, 1))
    assert watch(SignVariance(0.49, initial_mean=0), switches) == [1, 1]
    assert watch(SignVariance(0.51, initial_mean=0), switches) == [0, 0]


def test_first_sign_change():
    switches = np.array([[1.0, -1.0, 2.0], [1.0, -0.1, -2.0], [-1e-9, -1.0, 2.0]])
    assert watch(FirstSignChange(), switches) == [2, 0, 1]
    assert watch(SignVariance(0.0), switches) == [2, 0, 1]


def test_threshold_and_no_removal():
    switches = np.array([[1.0, -1.0, 0.2], [1.0, -0.1, 0.2], [0.5, -1.0, 0.2]])
    assert watch(Threshold(0.2), switches) == [0, 1, 0]
    assert watch(NoRemoval(), -switches * np.array([[1.0], [-1.0], [1.0]])) == [0, 0, 0]


def test_randomized_removes_with_probability_of_variance_over_threshold():
    rule, rng = SignVariance(0.99, randomized=True), np.random.default_rng(0)
    n, survivors, expected = 20_000, None, 1.0
    mean, variance, alive = np.ones(n), np.zeros(n), np.ones(n, dtype=bool)
    for t in range(1, 6):
        remove(rule.rule(), -np.ones(n), mean, variance, alive, 1.0 - rng.random(n), False)
        expected *= 1.0 - rule.variance_after(t) / rule.threshold
    survivors = np.mean(alive)
    assert survivors == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1.0 - expected) / n))


def test_behind_a_relu_what_reaches_zero_stays_dead():
    switches = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, 5.0, 5.0]])
    assert watch(NoRemoval(), switches, stays_dead=True) == [0, 1, 1]


def test_a_removed_switch_is_zero_from_then_on():
    mean, variance, alive = np.ones(2), np.zeros(2), np.array([True, False])
    beta = np.array([3.0, 3.0])
    assert remove(FirstSignChange().rule(), beta, mean, variance, alive, np.ones(2), False) == 0
    assert beta.tolist() == [3.0, 0.0]
