"""Float32 inputs stay float32, and are solved as precisely as their float64 copies."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given

from solvers import GroupSparsity, RegularizedShrinkNet, certify, lambda_max, solve, solve_path
from solvers.regression.design import DenseDesign
from tests.properties.test_group_sparsity import WELL_SCALED, penalty
from tests.strategies import Problem, problems


def rounded(p: Problem) -> tuple[np.ndarray, np.ndarray]:
    """X in float32, and the same numbers in float64."""
    X = p.X.astype(np.float32)
    return X, X.astype(np.float64)


@given(problems(ugly=tuple(sorted(set(WELL_SCALED) | {"far column", "tiny column", "huge column"}))))
def test_answers_are_those_of_float64(p: Problem) -> None:
    X, copy = rounded(p)
    top = lambda_max(copy, p.Y, penalty(p, 1.0), **p.data())
    lam = p.lam_share * (top or 1.0)
    theirs = solve(copy, p.Y, penalty(p, lam), **p.data(), tol=1e-9)
    fit = solve(X, p.Y, penalty(p, lam), **p.data(), tol=1e-9)
    assert fit.certificate.holds
    assert abs(fit.objective - theirs.objective) <= 2e-9 * theirs.null_loss + 1e-13 * np.sum(p.Y**2)
    assert certify(fit, copy, p.Y, sample_weight=p.sample_weight).gap <= 1.1e-9
    assert np.allclose(fit.predict(X), fit.predict(copy), rtol=1e-9, atol=1e-9 * np.abs(p.Y).max() + 1e-300)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_the_rough_gram_is_near_the_exact_one_and_positive_definite(weighted: bool, fit_intercept: bool) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((20_000, 3)) @ rng.standard_normal((3, 120)) + 2.0).astype(np.float32)
    weights = rng.integers(0, 4, len(X)).astype(float) if weighted else np.ones(len(X))
    design = DenseDesign.build(X, weights, centre=fit_intercept)
    exact, rough = design.gram(), design.rough_gram()
    lengths = np.sqrt(np.diag(exact))
    assert np.all(np.abs(rough - exact) <= 4e-6 * np.outer(lengths, lengths))
    assert np.linalg.eigvalsh(rough / np.outer(lengths, lengths))[0] > 0


def test_no_rough_gram_where_the_mean_leaves_no_digits() -> None:
    X = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    weights = np.ones(100)
    assert DenseDesign.build(X + np.float32(1e4), weights, centre=True).rough_gram() is None
    assert DenseDesign.build(X.astype(float), weights, centre=True).rough_gram() is None


def collinear() -> tuple[np.ndarray, np.ndarray]:
    """Columns that differ in their fourth digit, on which the targets depend."""
    rng = np.random.default_rng(1)
    common, own = rng.standard_normal((2000, 1)), rng.standard_normal((2000, 12))
    X = (common + 1e-3 * own).astype(np.float32)
    return X, 1e3 * (X[:, :1].astype(float) - X[:, 1:2]) + 0.1 * rng.standard_normal((2000, 1))


def test_what_a_rough_gram_cannot_correct_an_exact_one_finishes() -> None:
    X, Y = collinear()
    penalty = GroupSparsity(lambda_max(X, Y) / 1000)
    fit = solve(X, Y, penalty, tol=1e-10)
    assert fit.certificate.holds
    assert certify(fit, X.astype(float), Y).gap <= 1.1e-10
    path = solve_path(X, Y, n_lams=10, tol=1e-9)
    assert np.all(path.gaps <= 1e-9)


def test_bridges_and_logistic_losses_take_float32() -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((200, 12)).astype(np.float32)
    Y = X[:, :2].astype(float) + 0.1 * rng.standard_normal((200, 2))
    bridge = RegularizedShrinkNet(0.05, 0.05)
    assert np.isclose(solve(X, Y, bridge).objective, solve(X.astype(float), Y, bridge).objective, rtol=1e-9)
    labels = np.argmax(np.column_stack([Y, np.zeros(200)]), axis=1)
    ours, theirs = (solve(A, labels, GroupSparsity(0.02), loss="multinomial", tol=1e-9) for A in (X, X.astype(float)))
    assert np.isclose(ours.objective, theirs.objective, rtol=1e-8)


def peak_of(call) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BLOCK = 8 * 2**20


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_float32_inputs_are_not_copied(order: str, mean: float) -> None:
    rng = np.random.default_rng(0)
    X = np.asarray(rng.standard_normal((200_000, 60), dtype=np.float32) + np.float32(mean), order=order)
    y = X[:, 0] - mean + rng.standard_normal(len(X))
    solve(X[:500].copy(), y[:500], GroupSparsity(0.1))  # compile
    peak = peak_of(lambda: solve(X, y, GroupSparsity(0.1)))
    assert peak < 3 * BLOCK + 10 * y.nbytes
    assert peak < X.nbytes
    assert peak_of(lambda: solve(X, y, GroupSparsity(0.1)).predict(X)) < X.nbytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_memory_mapped_inputs_are_read_in_blocks(loss: str, dtype: type, tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", dtype, (30_000, 400))
    for start in range(0, len(X), 5000):
        X[start : start + 5000] = rng.standard_normal((5000, 400))
    signal = np.array(X[:, 0], dtype=float)
    y = (signal > 0).astype(int) if loss == "multinomial" else signal + rng.standard_normal(len(X))
    X.flush()
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    keywords = {"loss": loss}
    lam = lambda_max(mapped, y, **keywords) / 2
    peak = peak_of(lambda: solve(mapped, y, GroupSparsity(lam), **keywords))
    fit = solve(mapped, y, GroupSparsity(lam), **keywords)
    assert fit.certificate.holds
    assert list(fit.support) == [0]
    # Row blocks, arrays of the size of Y, and the first working set: 64 columns, which are also centred and extracted.
    assert peak < 3 * BLOCK + 30 * 8 * len(y) + (3 * 64 * 8 * len(y) if loss == "multinomial" else 0)
    assert peak < 0.8 * 8 * X.size
