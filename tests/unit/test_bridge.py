"""The group bridge, its proximal operators and its curvature against their definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from solvers import GroupSparsity, RegularizedShrinkNet, ShrinkNet, prox, subdiff_distance, value
from solvers._progress import Monitor
from solvers.regression.bridge import OneBridgeKernel, PowerBridgeKernel, TwoBridgeKernel, bridge_kernel
from solvers.regression.curvature import BridgeCurvature
from solvers.regression.newton import newton_direction
from solvers.regression.polish import polish
from solvers.regression.problem import Options
from solvers.regression.squared_bridge import SquaredBridgeSolver
from solvers.regression.squared_problem import SquaredProblem
from solvers.regression.states import GramState, sweep
from solvers.regression.stationarity import block_distance, penalty_value

EXPONENTS = [2.0, 1.0, 0.3, 0.5, 1.5, 3.0, 5.0]

Make = Callable[[np.ndarray], Any]
Kind = list[tuple[float, Make]]

MAKERS: dict[str, tuple[float, Make]] = {
    "p=2": (2.0, TwoBridgeKernel),
    "p=1": (1.0, OneBridgeKernel),
    **{f"p={p}, numerically": (p, lambda mu, p=p: PowerBridgeKernel(mu, p)) for p in EXPONENTS},
}
makers = pytest.mark.parametrize(("p", "make"), MAKERS.values(), ids=MAKERS)
exponents = pytest.mark.parametrize("p", EXPONENTS)
KINDS = {"in closed form": list(MAKERS.values())[:2], "numerically": list(MAKERS.values())[2:]}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)

SHARES = st.one_of(st.floats(1e-3, 1.5), st.sampled_from([1e-9, 1e-16, 1e-25]))
PICKS = st.integers(0, len(EXPONENTS) - 1)
SIZES = st.one_of(st.floats(1e-3, 1e3), st.sampled_from([0.0, 1.0, 1.0, 1e-9, 1e-200, 1e6]))
VECTORS = arrays(np.float64, st.integers(1, 5), elements=st.builds(np.copysign, SIZES, st.sampled_from([1.0, -1.0])))


def bridge(w: np.ndarray, p: float) -> np.ndarray:
    """``||w||_p^(p / (p + 1))`` along the last axis, as it is written."""
    return np.sum(np.abs(w) ** p, axis=-1) ** (1.0 / (p + 1.0))


def objective(w: np.ndarray, z: np.ndarray, mu: float, p: float) -> np.ndarray:
    """What the proximal operator minimises, along the last axis."""
    return 0.5 * np.sum((w - z) ** 2, axis=-1) + mu * bridge(w, p)


def minimiser(kernel: Any, z: np.ndarray, step: float = 1.0) -> np.ndarray:
    w = np.full_like(z, np.nan)
    prox(kernel, z, step, 0, w)
    return w


def strength(z: np.ndarray, share: float, p: float) -> float:
    """A strength for which the operator is neither next to nothing nor far above the threshold."""
    return float(share * np.linalg.norm(z) ** (2.0 - p / (p + 1.0)))


def brute_force(z: np.ndarray, mu: float, p: float) -> float:
    """The smallest value on a grid of up to three dimensions, each good point refined by shrinking grids around it.

    Every entry of a minimiser lies between zero and that of z: else a reflected or clipped one has a smaller value.
    """
    n = len(z)
    sizes = np.abs(z)
    count = {1: 2001, 2: 81, 3: 25}[n]
    points = np.stack(np.meshgrid(*[np.linspace(0.0, 1.0, count)] * n, indexing="ij"), axis=-1).reshape(-1, n) * sizes
    values = objective(points, sizes, mu, p)
    chosen = np.argsort(values)[:16]
    centres, best = points[chosen], values[chosen]
    around = np.stack(np.meshgrid(*[np.linspace(-1.0, 1.0, 5)] * n, indexing="ij"), axis=-1).reshape(-1, n)
    widths = np.ones(len(chosen)) / (count - 1)
    for _ in range(50):
        trials = np.clip(centres[:, None] + widths[:, None, None] * around * sizes, 0.0, sizes)
        found = objective(trials, sizes, mu, p)
        k = np.argmin(found, axis=1)
        lowest = np.take_along_axis(found, k[:, None], axis=1)[:, 0]
        better = lowest < best
        centres = np.where(better[:, None], trials[np.arange(len(k)), k], centres)
        best, widths = np.minimum(best, lowest), np.where(better, widths, 0.5 * widths)
    return min(float(best.min()), float(objective(np.zeros(n), sizes, mu, p)))


# The proximal operators.


@makers
@pytest.mark.parametrize("n", [1, 2, 3])
def test_prox_is_as_good_as_the_best_of_a_refined_grid(p: float, make: Make, n: int) -> None:
    rng = np.random.default_rng(n)
    zero = 0
    for case in range(16):
        z = rng.standard_normal(n) * 10.0 ** rng.uniform(-2, 2)
        if case % 4 == 1:
            z[:] = np.abs(z[0]) * rng.choice([-1.0, 1.0], n)
        if case % 4 == 2:
            z[1:] *= 10.0 ** rng.uniform(-6, 0, n - 1)
        if case % 4 == 3:
            z[1:2] = 0.0
        mu = strength(z, [0.05, 0.3, 0.5, 1.0][case // 4] * rng.uniform(0.5, 1.0), p)
        w = minimiser(make(np.array([mu])), z)
        zero += not w.any()
        assert objective(w, z, mu, p) <= brute_force(z, mu, p) + 1e-14 * (z @ z)
    assert 0 < zero < 16


@kinds
@given(pick=PICKS, z=VECTORS, step=st.floats(1e-3, 1e3), share=SHARES, seed=st.integers(0, 10**6))
def test_prox_beats_every_other_point(kind: Kind, pick: int, z: np.ndarray, step: float, share: float, seed: int) -> None:
    p, make = kind[pick % len(kind)]
    assume(np.linalg.norm(z) > 1e-3)
    mu = strength(z, share, p)
    w = minimiser(make(np.array([mu / step])), z, step)
    rng = np.random.default_rng(seed)
    order = np.argsort(-np.abs(z))
    largest = [np.where(np.isin(np.arange(len(z)), order[:k]), z, 0.0) for k in range(1, len(z) + 1)]
    cuts = np.abs(z).max() * rng.random((30, 1))
    others = np.concatenate(
        [
            np.outer(np.linspace(0.0, 1.0, 21), z),
            *(np.outer(np.linspace(0.3, 1.0, 15), kept) for kept in largest),
            np.outer([1 + 1e-6, 1 - 1e-6, 1.1, 0.9, 0.5, -1.0], w),
            np.sign(z) * np.maximum(np.abs(z) - cuts, 0.0),
            w * (rng.random((20, len(z))) < 0.7),
            w + np.linalg.norm(z) * 10.0 ** rng.uniform(-6, 0, (30, 1)) * rng.standard_normal((30, len(z))),
            z * rng.random((30, len(z))),
        ]
    )
    assert objective(w, z, mu, p) <= np.min(objective(others, z, mu, p)) + 1e-13 * (z @ z)
    assert np.all(w * z >= 0)
    assert np.all(np.abs(w) <= np.abs(z) * (1 + 1e-15))


@kinds
@given(pick=PICKS, z=VECTORS, step=st.floats(1e-3, 1e3), share=SHARES)
def test_what_prox_takes_off_is_a_subgradient(kind: Kind, pick: int, z: np.ndarray, step: float, share: float) -> None:
    p, make = kind[pick % len(kind)]
    assume(np.linalg.norm(z) > 1e-3)
    kernel = make(np.array([strength(z, share, p) / step]))
    w = minimiser(kernel, z, step)
    assert step * subdiff_distance(kernel, w, (z - w) / step, 0) <= 1e-12 * np.linalg.norm(z)


@kinds
@given(pick=PICKS, z=VECTORS, share=SHARES, seed=st.integers(0, 10**6))
def test_prox_follows_scale_order_and_signs(kind: Kind, pick: int, z: np.ndarray, share: float, seed: int) -> None:
    p, make = kind[pick % len(kind)]
    assume(np.linalg.norm(z) > 1e-3)
    rng = np.random.default_rng(seed)
    mu, size = strength(z, share, p), 10.0 ** rng.uniform(-20, 20)
    order, signs = rng.permutation(len(z)), rng.choice([-1.0, 1.0], len(z))
    w = minimiser(make(np.array([mu])), z)
    moved = minimiser(make(np.array([mu * size ** (2.0 - p / (p + 1.0))])), size * (signs * z)[order])
    # At the threshold either answer is one.
    if abs(objective(w, z, mu, p) - 0.5 * (z @ z)) > 1e-12 * (z @ z):
        assert np.allclose(moved / size, (signs * w)[order], rtol=1e-10, atol=1e-12 * np.linalg.norm(z))


@pytest.mark.parametrize("p", [2.0, 1.0])
@given(z=VECTORS, share=SHARES)
def test_the_numerical_operator_agrees_with_the_closed_forms(p: float, z: np.ndarray, share: float) -> None:
    assume(np.linalg.norm(z) > 1e-3)
    mu = np.array([strength(z, share, p)])
    closed, numerical = minimiser(bridge_kernel(mu, p), z), minimiser(PowerBridgeKernel(mu, p), z)
    values = [objective(w, z, mu[0], p) for w in (closed, numerical)]
    assert abs(values[0] - values[1]) <= 1e-14 * (z @ z)
    if abs(values[0] - 0.5 * (z @ z)) > 1e-12 * (z @ z):
        assert np.allclose(closed, numerical, rtol=1e-9, atol=1e-12 * np.linalg.norm(z))
    kernels = bridge_kernel(mu, p), PowerBridgeKernel(mu, p)
    w, g = closed, np.roll(z, 1)
    assert value(kernels[0], z, 0) == pytest.approx(value(kernels[1], z, 0), rel=1e-14)
    assert subdiff_distance(kernels[0], w, g, 0) == pytest.approx(subdiff_distance(kernels[1], w, g, 0), rel=1e-9, abs=1e-9)


@makers
@pytest.mark.parametrize("mu", [1e-12, 0.3, 1.0, 1e9])
def test_one_entry_jumps_exactly_at_the_threshold(p: float, make: Make, mu: float) -> None:
    q = p / (p + 1.0)
    jump = (2 * mu * (1 - q)) ** (1 / (2 - q))
    threshold = jump * (2 - q) / (2 * (1 - q))
    kernel = make(np.array([mu]))
    # At the jump all of this holds: the equation of a stationary point, and the value of zero.
    assert jump + mu * q * jump ** (q - 1) == pytest.approx(threshold)
    assert 0.5 * (jump - threshold) ** 2 + mu * jump**q == pytest.approx(0.5 * threshold**2)
    for sign in (1.0, -1.0):
        assert minimiser(kernel, np.array([sign * threshold * (1 - 1e-12)]))[0] == 0.0
        above = sign * minimiser(kernel, np.array([sign * threshold * (1 + 1e-12)]))[0]
        assert jump * (1 - 1e-11) <= above <= jump * (1 + 1e-11)


def test_a_tie_at_the_threshold_gives_zero() -> None:
    # mu = 3/2: 2/3-thresholding jumps from 0 to 1 at 2; mu = 1: half-thresholding from 0 to 1 at 3/2.
    two, one = TwoBridgeKernel(np.array([1.5])), OneBridgeKernel(np.array([1.0]))
    for kernel, tie in ((two, np.array([2.0])), (two, np.array([-1.2, 1.6])), (one, np.array([1.5])), (one, np.array([0, -1.5]))):
        assert not minimiser(kernel, tie).any()
        assert np.abs(minimiser(kernel, tie * (1 + 1e-15))).sum() >= 0.8


@makers
def test_several_entries_leave_zero_together_and_no_shorter_than_any_minimiser(p: float, make: Make) -> None:
    rng = np.random.default_rng(0)
    for n in (2, 3, 5):
        z, kernel = rng.standard_normal(n), make(np.array([1.0]))
        low, high = 0.0, 1e3
        while high - low > 1e-14 * high:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if minimiser(kernel, middle * z).any() else (middle, high)
        # At the threshold zero is as good as the point that comes next.
        w = minimiser(kernel, high * z)
        assert objective(w, high * z, 1.0, p) == pytest.approx(0.5 * high**2 * (z @ z), rel=1e-12)
        # 1/2 ||w||^2 >= (1 - q) phi(w): no better than zero along the ray through w.
        assert 0.5 * (w @ w) >= bridge(w, p) / (p + 1.0) * (1 - 1e-9)
        for below in (0.1, 0.5, 0.9, 1 - 1e-9):
            assert not minimiser(kernel, below * high * z).any()


@makers
@pytest.mark.parametrize("z", [[0.0], [1.5], [0.0, 0.0, -0.0], [1e-300, -2.0, 1e100]], ids=str)
def test_no_strength_leaves_the_point(p: float, make: Make, z: list[float]) -> None:
    assert np.array_equal(minimiser(make(np.array([0.0])), np.array(z)), z)


@makers
def test_zero_is_answered_by_zero(p: float, make: Make) -> None:
    for n in (1, 4):
        assert not minimiser(make(np.array([0.7])), np.zeros(n)).any()


@makers
@pytest.mark.parametrize("share", [1e-6, 1e-2, 0.1, 0.3])
def test_equal_entries_stay_equal_and_zeros_zero(p: float, make: Make, share: float) -> None:
    z = np.array([2.0, -2.0, 0.0, 1.9, 2.0, -0.0])
    w = minimiser(make(np.array([strength(z, share, p)])), z)
    assert w[0] == -w[1] == w[4]
    assert w[2] == w[5] == 0.0
    assert abs(w[3]) <= w[0]


@makers
@pytest.mark.parametrize("small", [1e-3, 1e-9, 1e-15, 1e-100, 1e-300])
def test_a_negligible_entry_does_not_disturb_the_others(p: float, make: Make, small: float) -> None:
    z = np.array([3.0, small, -1.0])
    with_it, without = (minimiser(make(np.array([0.8])), v) for v in (z, z[[0, 2]]))
    assert np.allclose(with_it[[0, 2]], without, rtol=0, atol=4 * max(small, 1e-13) if p > 1 else 1e-13)
    assert 0 <= with_it[1] <= small
    if p <= 1:
        assert with_it[1] == 0


@pytest.mark.parametrize("far", [1e3, 1e12, 1e30])
def test_far_from_the_threshold_nothing_is_lost(far: float) -> None:
    for p in EXPONENTS:
        for z in (np.array([far]), far * np.array([0.6, -0.8]), far * np.array([1.0, 1e-4])):
            w = minimiser(bridge_kernel(np.array([1.0]), p), z)
            assert np.allclose(w, z, rtol=0, atol=1e-3 * far if far < 1e4 else 1e-12 * far)


@makers
def test_the_strengths_are_those_of_the_column(p: float, make: Make) -> None:
    mu, z, out = np.array([0.1, 0.5, 2.0]), np.array([1.5, -1.0]), np.empty(2)
    for j in range(3):
        prox(make(mu), z, 0.5, j, out)
        assert np.array_equal(out, minimiser(make(0.5 * mu[[j]]), z))
        assert value(make(mu), z, j) == pytest.approx(mu[j] * bridge(z, p))
        assert subdiff_distance(make(mu), z, z, j) == subdiff_distance(make(mu[[j]]), z, z, 0)


@makers
def test_the_distance_to_the_subdifferential(p: float, make: Make) -> None:
    rng = np.random.default_rng(1)
    kernel = make(np.array([0.7]))
    for _ in range(10):
        w, g = rng.standard_normal(3), rng.standard_normal(3)
        assert subdiff_distance(kernel, w, g, 0) == pytest.approx(np.linalg.norm(g - gradient(w[None], np.array([0.7]), p)[0]))
    # At zero the penalty is infinitely steep, unless there is none.
    assert subdiff_distance(kernel, np.zeros(2), np.array([1e9, -3.0]), 0) == 0
    assert subdiff_distance(make(np.zeros(1)), np.zeros(2), np.array([3.0, -4.0]), 0) == 5
    # Zero entries beside others: slope 0 for p > 1, an interval for p = 1, any slope for p < 1.
    w, level = np.array([4.0, 0.0]), 0.5 * 0.7 / 2.0
    slope = gradient(w[None], np.array([0.7]), p)[0, 0]
    for entry in (0.0, 0.5 * level, -2.0 * level):
        off = abs(entry) if p > 1 else max(0.0, abs(entry) - level) if p == 1 else 0.0
        assert subdiff_distance(kernel, w, np.array([slope, entry]), 0) == pytest.approx(off, abs=1e-15)


@makers
@pytest.mark.parametrize("seed", range(3))
def test_kernels_compute_the_same_as_plain_python(p: float, make: Make, seed: int) -> None:
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((5, 3)) * 10.0 ** rng.uniform(-3, 3, (5, 1))
    Z[1] = 0.0
    shares = [0.5, 0.5, 0.05, 0.2, 0.3]
    kernel = make(np.array([strength(z, share, p) for z, share in zip(Z, shares, strict=True)]))
    compiled, plain = np.zeros_like(Z), np.zeros_like(Z)
    # With the unit matrix a sweep is one proximal step for each row.
    sweep(np.eye(5), kernel, compiled, Z.copy())
    sweep.function(np.eye(5), kernel, plain, Z.copy())
    assert compiled.any()
    assert np.allclose(compiled, plain, rtol=1e-13, atol=0)
    assert penalty_value(kernel, Z) == pytest.approx(penalty_value.function(kernel, Z), rel=1e-14)
    ones = np.ones(5)
    distances = [measure(kernel, ones, compiled, Z - compiled) for measure in (block_distance, block_distance.function)]
    assert max(distances) <= 1e-12 * np.abs(Z).max()
    distances = [measure(kernel, ones, Z, Z) for measure in (block_distance, block_distance.function)]
    assert distances[0] == pytest.approx(distances[1], rel=1e-12)


# The penalty on A and beta.


def cheapest(w: np.ndarray, lam: float, lam2: float, p: float) -> tuple[float, float]:
    """``min_b lam b + lam2 ||w / b||_p^p`` and the minimiser, on ever finer grids of ``log b``."""
    low, high = -40.0, 40.0
    values, logs = np.zeros(1), np.zeros(1)
    for _ in range(30):
        logs = np.linspace(low, high, 41)
        with np.errstate(over="ignore"):
            values = lam * np.exp(logs) + lam2 * np.sum(np.abs(w)[:, None] ** p * np.exp(-p * logs), axis=0)
        k = int(np.argmin(values))
        low, high = logs[max(k - 2, 0)], logs[min(k + 2, 40)]
    return float(values.min()), float(np.exp(logs[np.argmin(values)]))


@exponents
@pytest.mark.parametrize("seed", range(3))
def test_the_penalty_is_that_of_the_cheapest_factors(p: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lam, lam2 = 10.0 ** rng.uniform(-2, 2, 2)
    coef = rng.standard_normal((3, 4)) * 10.0 ** rng.uniform(-2, 2, 4)
    coef[:, 1], coef[1, 2] = 0.0, 0.0
    weights = rng.uniform(0.5, 2.0, 4)
    penalty = RegularizedShrinkNet(lam, lam2, p, weights)
    expected = [cheapest(coef[:, j], lam * weights[j], lam2, p) if coef[:, j].any() else (0.0, 0.0) for j in range(4)]
    assert penalty.value(coef) == pytest.approx(sum(price for price, _ in expected), rel=1e-12)
    A, beta, n_lost = penalty.factors(coef)
    assert n_lost == 0
    assert np.allclose(beta, [b for _, b in expected], rtol=1e-6, atol=0)
    assert np.allclose(A * beta, coef, rtol=1e-15, atol=0)
    assert not A[:, 1].any()
    paid = lam * np.sum(weights * beta) + lam2 * np.sum(np.abs(A) ** p)
    assert paid == pytest.approx(penalty.value(coef), rel=1e-13)
    live = [0, 2, 3]
    assert np.allclose((lam * weights * beta)[live], (p * lam2 * np.sum(np.abs(A) ** p, axis=0))[live], rtol=1e-13)
    assert np.all(beta >= 0)


@exponents
def test_only_one_strength_matters(p: float) -> None:
    penalty = RegularizedShrinkNet(0.3, 0.7, p)
    for factor in (1e-3, 10.0):
        other = RegularizedShrinkNet(0.3 * factor, 0.7 / factor**p, p)
        assert other.mu(2) == pytest.approx(penalty.mu(2), rel=1e-13)
    for mu in (1e-4, 1.0, 50.0):
        assert penalty.with_lam(penalty.lam_of(mu)).mu(1)[0] == pytest.approx(mu, rel=1e-13)
    assert penalty.q == pytest.approx(p / (p + 1))


def test_factors_that_cannot_be_represented_are_counted_and_zero() -> None:
    coef = np.array([[1.0, 1e-300, 0.0, 1e-30], [2.0, 1e-305, 0.0, 0.0]])
    penalty = RegularizedShrinkNet(1.0, 1.0)
    A, beta, n_lost = penalty.factors(coef)
    assert n_lost == 1
    assert not A[:, 1].any()
    assert beta[1] == 0
    assert np.all(beta[[0, 3]] > 0)
    assert not beta[2]
    for lam, lam2 in ((1e-300, 1e300), (1e300, 1e-300)):
        A, beta, n_lost = RegularizedShrinkNet(lam, lam2, 0.5).factors(coef)
        assert n_lost == 3
        assert not (A * beta).any()


def test_strengths_far_apart_lose_no_factors() -> None:
    A, beta, n_lost = RegularizedShrinkNet(1e-150, 1e300).factors(np.array([[0.5, -2.0]]))
    assert n_lost == 0
    assert np.allclose(A * beta, [[0.5, -2.0]], rtol=1e-15)
    assert np.allclose(beta, (2.0 * np.array([0.5, 2.0]) ** 2) ** (1 / 3) * 1e150)


def test_without_a_price_beta_is_one_on_the_support() -> None:
    coef = np.array([[1.0, 0.0], [-2.0, 0.0]])
    for penalty in (RegularizedShrinkNet(0.0, 1.0), ShrinkNet(0.5), ShrinkNet(0.0)):
        A, beta, n_lost = penalty.factors(coef)
        assert np.array_equal(A, coef)
        assert np.array_equal(beta, [1.0, 0.0])
        assert n_lost == 0
        assert penalty.value(coef) == 0


def test_unit_columns_are_unit_columns() -> None:
    coef = np.array([[3.0, 0.0, -1e-200], [4.0, 0.0, 0.0]])
    A, beta, _ = ShrinkNet(0.5, unit_columns=True).factors(coef)
    assert np.allclose(np.linalg.norm(A, axis=0), 1.0)
    assert np.allclose(beta, [5.0, 0.0, 1e-200], rtol=1e-15)
    assert np.allclose(A * beta, coef, rtol=1e-15, atol=0)
    assert ShrinkNet(0.5, unit_columns=True).value(coef) == pytest.approx(2.5)
    assert ShrinkNet(0.5, unit_columns=True).reduced() == GroupSparsity(0.5)
    assert ShrinkNet(0.5).reduced() == GroupSparsity(0.0)


def test_the_penalties_validate_compare_and_show_themselves() -> None:
    penalty = RegularizedShrinkNet(1, 2, 1, [1, 2])
    assert penalty == RegularizedShrinkNet(1.0, 2.0, 1.0, np.array([1.0, 2.0]))
    others = [(1, 2, 2, [1, 2]), (1, 3, 1, [1, 2]), (2, 2, 1, [1, 2]), (1, 2, 1, [1, 3]), (1, 2, 1)]
    assert all(penalty != RegularizedShrinkNet(*other) for other in others)
    assert penalty != GroupSparsity(1.0, [1, 2])
    assert len({penalty, RegularizedShrinkNet(1, 2, 1, [1, 2])}) == 1
    assert penalty.with_lam(3.0) == RegularizedShrinkNet(3, 2, 1, [1, 2])
    assert repr(RegularizedShrinkNet(1, 2)) == "RegularizedShrinkNet(lam=1.0, lam2=2.0, p=2.0)"
    assert "weights=" in repr(penalty)
    weights = np.array([1.0, 2.0])
    taken = RegularizedShrinkNet(1, 2, 2, weights)
    weights[0] = 5.0
    assert taken.lams(2)[0] == 1.0
    assert ShrinkNet(1) == ShrinkNet(1.0, False)
    assert ShrinkNet(1) != ShrinkNet(1, True)
    assert ShrinkNet(0.5, np.True_).unit_columns is True
    assert ShrinkNet(0.5, unit_columns=True).with_lam(2.0) == ShrinkNet(2.0, True)


# The curvature: plain formulas for value and gradient, differences for the rest.


def gradient(W: np.ndarray, mu: np.ndarray, p: float) -> np.ndarray:
    """Of ``sum_j mu_j ||W_j||_p^q``, for rows without zero entries; zero entries have slope zero."""
    s = np.sum(np.abs(W) ** p, axis=1, keepdims=True)
    powers = np.where(W == 0, 0.0, np.abs(np.where(W == 0, 1.0, W)) ** (p - 1.0))
    return mu[:, None] / (p + 1.0) * s ** (1.0 / (p + 1.0) - 1.0) * p * powers * np.sign(W)


def hessian(W: np.ndarray, mu: np.ndarray, p: float) -> np.ndarray:
    """Central differences of `gradient`."""
    columns = []
    for i in range(W.size):
        step = np.zeros(W.size)
        step[i] = 1e-5 * abs(W.ravel()[i])
        above, below = ((W.ravel() + sign * step).reshape(W.shape) for sign in (1, -1))
        columns.append((gradient(above, mu, p) - gradient(below, mu, p)).ravel() / (2 * step[i]))
    return np.stack(columns, axis=1)


def live_problem(seed: int, k: int, targets: int, p: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """``Q, W, G, mu`` and the dense Hessian, positive definite."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((30, k))
    W = rng.choice([-1.0, 1.0], (k, targets)) * rng.uniform(0.5, 2.0, (k, targets))
    Q, G, mu = X.T @ X / 30, rng.standard_normal((k, targets)), rng.uniform(0.05, 0.3, k)
    dense = np.kron(Q, np.eye(targets)) + hessian(W, mu, p)
    assert np.linalg.eigvalsh(dense).min() > 1e-3
    return Q, W, G, mu, dense


@exponents
@pytest.mark.parametrize(("k", "targets"), [(1, 1), (1, 3), (4, 1), (5, 3)])
def test_the_direction_solves_the_dense_newton_system(p: float, k: int, targets: int) -> None:
    Q, W, G, mu, dense = live_problem(10 * k + targets, k, targets, p)
    expected = np.linalg.solve(dense, (G - gradient(W, mu, p)).ravel()).reshape(k, targets)
    direction = BridgeCurvature(mu, p).direction(Q, W, G)
    assert direction is not None
    assert np.allclose(direction, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("p", [1.0, 0.5])
def test_zero_entries_of_live_rows_stay_and_the_others_are_solved_for(p: float) -> None:
    Q, W, G, mu, _ = live_problem(0, 4, 3, p)
    W[0, 1] = W[2, 0] = W[2, 2] = W[3, 2] = 0.0
    live = W != 0
    # Derivatives along the live entries alone.
    dense = np.kron(Q, np.eye(3))[np.ix_(live.ravel(), live.ravel())]
    for j in range(4):
        rows = np.flatnonzero(np.repeat(np.arange(4), 3)[live.ravel()] == j)
        dense[np.ix_(rows, rows)] += hessian(W[[j]][:, live[j]], mu[[j]], p)
    expected = np.zeros_like(W)
    expected[live] = np.linalg.solve(dense, (G - gradient(W, mu, p))[live])
    direction = BridgeCurvature(mu, p).direction(Q, W, G)
    assert direction is not None
    assert np.allclose(direction, expected, rtol=1e-6, atol=1e-7)
    assert not direction[~live].any()


@exponents
def test_a_zero_entry_of_a_live_row_gives_a_finite_direction_downhill(p: float) -> None:
    Q, W, G, mu, _ = live_problem(3, 3, 3, p)
    W[0, 0] = 0.0
    direction = BridgeCurvature(mu, p).direction(Q, W, G)
    assert direction is not None
    assert np.all(np.isfinite(direction))
    assert np.sum(direction * np.where(W != 0, G - gradient(W, mu, p), G)) > 0


@exponents
@pytest.mark.parametrize("seed", range(5))
def test_where_the_hessian_is_indefinite_the_direction_still_descends(p: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    k, targets = 4, 2
    X = rng.standard_normal((3, k))
    W, G = rng.uniform(0.1, 0.5, (k, targets)), rng.standard_normal((k, targets))
    Q, mu = X.T @ X / 3, rng.uniform(1.0, 2.0, k)
    assert np.linalg.eigvalsh(np.kron(Q, np.eye(targets)) + hessian(W, mu, p)).min() < 0
    direction = BridgeCurvature(mu, p).direction(Q, W, G)
    if direction is not None:
        assert np.sum(direction * (G - gradient(W, mu, p))) > 0


@pytest.mark.parametrize("bend", [1.0, 4.0 / 3.0, 1.9])
@pytest.mark.parametrize(("k", "targets"), [(1, 1), (3, 2), (6, 4)])
def test_bent_norms_have_their_exact_newton_direction(k: int, targets: int, bend: float) -> None:
    rng = np.random.default_rng(k)
    X = rng.standard_normal((40, k))
    Q, G = X.T @ X / 40 + np.eye(k), rng.standard_normal((k, targets))
    W, slopes = rng.standard_normal((k, targets)) + 1.0, rng.uniform(0.05, 0.2, k)
    norms = np.linalg.norm(W, axis=1)
    dense = np.kron(Q, np.eye(targets))
    for j in range(k):
        u, block = W[j] / norms[j], slice(j * targets, (j + 1) * targets)
        dense[block, block] += slopes[j] / norms[j] * (np.eye(targets) - bend * np.outer(u, u))
    assert np.linalg.eigvalsh(dense).min() > 0
    expected = np.linalg.solve(dense, (G - (slopes / norms)[:, None] * W).ravel()).reshape(k, targets)
    direction = newton_direction(Q, W, G, slopes, bend=bend)
    assert direction is not None
    assert np.allclose(direction, expected, rtol=1e-9, atol=1e-11)


@exponents
@pytest.mark.parametrize("size", [1.0, 1e-2])
@pytest.mark.parametrize("seed", range(3))
def test_the_change_of_the_penalty(p: float, size: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, mu = rng.standard_normal((4, 3)), rng.uniform(0.5, 2.0, 4)
    # Zero entries that stay and that go, entries and a row that become zero, signs that change.
    W[0, 0] = W[1, 1] = 0.0
    step = size * rng.standard_normal(W.shape)
    step[0, 0] = 0.0
    step[2, 1] = -W[2, 1]
    step[3] = -W[3] if size == 1.0 else -2.0 * W[3]
    expected = float(mu @ (bridge(W + step, p) - bridge(W, p)))
    assert BridgeCurvature(mu, p).change(W, step) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@exponents
@pytest.mark.parametrize("size", [1e-5, 1e-9, 1e-13])
def test_small_changes_of_the_penalty_keep_their_digits(p: float, size: float) -> None:
    rng = np.random.default_rng(4)
    W, mu = rng.uniform(0.5, 2.0, (4, 3)) * rng.choice([-1.0, 1.0], (4, 3)), rng.uniform(0.5, 2.0, 4)
    step = size * rng.standard_normal(W.shape)
    second = 0.5 * step.ravel() @ hessian(W, mu, p) @ step.ravel()
    expected = float(np.sum(gradient(W, mu, p) * step)) + second
    assert BridgeCurvature(mu, p).change(W, step) == pytest.approx(expected, rel=1e-8)


@exponents
def test_crossings_are_where_rows_or_entries_vanish(p: float) -> None:
    W = np.array([[2.0, -1.0], [1.0, 1.0], [3.0, 0.0]])
    direction = np.array([[-4.0, 2.0], [1.0, 0.5], [-1.0, 5.0]])
    lengths = BridgeCurvature(np.ones(3), p).crossings(W, direction)
    if p > 1:
        assert lengths.shape == (3, 1)
        assert np.allclose(lengths[:, 0], [0.5, np.inf, 3.0])
    else:
        assert np.allclose(lengths, [[0.5, 0.5], [np.inf, np.inf], [3.0, np.inf]])


@exponents
def test_the_excess_is_relative_to_the_slope(p: float) -> None:
    _, W, G, mu, _ = live_problem(5, 4, 3, p)
    slope = gradient(W, mu, p)
    curvature = BridgeCurvature(mu, p)
    assert curvature.excess(W, slope) <= 1e-14
    expected = np.max(np.linalg.norm(G - slope, axis=1) / np.linalg.norm(slope, axis=1))
    assert curvature.excess(W, G) == pytest.approx(expected)
    support = np.array([1, 3])
    assert curvature.on(support).excess(W[support], slope[support]) <= 1e-14


@exponents
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_sweeps_and_polish_descend_and_keep_gradient_and_loss_in_step(p: float, targets: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((15, 6)), rng.standard_normal((15, targets))
    X[:, 5] = X[:, 0] + 1e-3 * X[:, 1]
    Q, R = X.T @ X / 15, X.T @ Y / 15
    mu = np.full(6, 10.0 ** rng.uniform(-3, -2))
    # From zero upwards and from least squares downwards.
    start = np.linalg.lstsq(X, Y, rcond=None)[0] if seed % 2 else np.zeros((6, targets))
    loss = float(np.sum((Y - X @ start) ** 2)) / 30
    state, kernel = GramState(Q, start.copy(), R - Q @ start, loss), bridge_kernel(mu, p)

    def total() -> float:
        return float(np.sum((Y - X @ state.B) ** 2)) / 30 + float(mu @ bridge(state.B, p))

    values = [total()]
    for _ in range(5):
        state.sweep(kernel)
        values.append(total())
        polish(state, BridgeCurvature(mu, p))
        values.append(total())
        assert np.allclose(state.G, R - Q @ state.B, atol=1e-12)
        assert state.loss == pytest.approx(float(np.sum((Y - X @ state.B) ** 2)) / 30, abs=1e-12)
    assert np.all(np.diff(values) <= 1e-14 * values[0])
    assert values[-1] < values[0]


@exponents
def test_after_a_sweep_the_last_block_is_the_best_there_is(p: float) -> None:
    rng = np.random.default_rng(6)
    X, Y = rng.standard_normal((15, 4)), rng.standard_normal((15, 2))
    Q, mu = X.T @ X / 15, np.full(4, 0.05)
    state = GramState(Q, np.zeros((4, 2)), X.T @ Y / 15, float(np.sum(Y**2)) / 30)
    state.sweep(bridge_kernel(mu, p))
    rest = state.B.copy()
    rest[3] = 0.0
    z = X[:, 3] @ (Y - X @ rest) / 15 / Q[3, 3]
    best = brute_force(z, mu[3] / Q[3, 3], p)
    assert objective(state.B[3], z, mu[3] / Q[3, 3], p) <= best + 1e-14 * (z @ z)


def test_the_best_of_several_starts_is_kept() -> None:
    """Two inputs, all but equal, whose difference is the target: the pair and zero are both local minima."""
    X = np.array([[1.0, 0.9], [0.9, 1.0], [-1.0, -0.9], [-0.9, -1.0]])
    y = X @ np.array([[1.0], [-1.0]])
    penalty = RegularizedShrinkNet(1.0, 0.1)
    problem = SquaredProblem.build(X, y, Options(fit_intercept=False))
    solver = SquaredBridgeSolver(problem, penalty)
    mu = solver.strengths(2.0 * solver.lambda_max())
    pair, zero = np.array([[1.0], [-1.0]]), np.zeros((2, 1))
    for starts in ([pair, zero], [zero, pair], [zero, pair, zero]):
        monitor = Monitor(max_iter=1000)
        with monitor.watch():
            solver._follow(iter(starts), mu, monitor)
        assert np.all(np.abs(solver.B) > 0.5)
