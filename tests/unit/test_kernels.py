"""The parts of the regression solver against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from solvers import GroupSparsity, Status, lambda_max, prox, solve, subdiff_distance, value
from solvers.regression.curvature import GroupCurvature
from solvers.regression.design import DenseDesign
from solvers.regression.duality import conjugate_slack, group_gap
from solvers.regression.least_squares import ColumnSpace
from solvers.regression.newton import newton_direction, newton_direction_by_cg
from solvers.regression.penalties import GroupSparsityKernel, RidgedKernel, column_norms
from solvers.regression.polish import polish
from solvers.regression.problem import Options
from solvers.regression.rows import row_norms
from solvers.regression.squared_problem import SquaredProblem
from solvers.regression.states import GramState, SampleState, sweep

ENTRIES = st.floats(-1e3, 1e3, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-3)
VECTORS = arrays(np.float64, st.integers(1, 5), elements=ENTRIES)


@given(VECTORS, st.floats(1e-3, 1e3), st.floats(1e-3, 1e2), st.sampled_from([0.0, 1e-3, 1.0, 1e3]), st.integers(0, 10**6))
def test_prox_beats_every_other_point(z: np.ndarray, step: float, radius: float, ridge: float, seed: int) -> None:
    kernel, w = GroupSparsityKernel(np.array([radius])), np.empty_like(z)
    if ridge > 0:
        kernel = RidgedKernel(np.array([radius]), np.array([ridge]))
    prox(kernel, z, step, 0, w)

    def objective(v: np.ndarray) -> float:
        return 0.5 * np.sum((v - z) ** 2) + step * value(kernel, v, 0)

    others = z + np.random.default_rng(seed).standard_normal((20, len(z))) * (np.abs(z).max() + step * radius)
    for other in [*others, np.zeros_like(z), z, 0.5 * (w + z), w * (1 + 1e-6), w * (1 - 1e-6)]:
        assert objective(w) <= objective(other) * (1 + 1e-12)
    # The optimality condition of the prox: (z - w) / step is a subgradient at w.
    assert subdiff_distance(kernel, w, (z - w) / step, 0) <= 1e-9 * (np.abs(z).max() / step + radius)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e-2, 1.0, 1e2]), st.sampled_from([1e-6, 1.0, 1e4]), st.floats(-2.0, 1.0))
def test_conjugate_slack_is_the_fenchel_young_inequality(seed: int, radius: float, ridge: float, size: float) -> None:
    """``phi(w) + phi*(g) - <w, g>``, term by term; zero where g is a subgradient, and then exactly so for near points."""
    rng = np.random.default_rng(seed)
    W, G = rng.standard_normal((6, 3)), 10.0**size * rng.standard_normal((6, 3))
    W[0], G[1] = 0.0, 0.0
    radii, ridges = np.full(6, radius), np.full(6, ridge)
    norms, lengths = row_norms(W), row_norms(G)
    conjugate = np.maximum(lengths - radii, 0.0) ** 2 / (2 * ridges)
    terms = [radii * norms + ridges / 2 * norms**2, conjugate, -np.sum(W * G, axis=1)]
    kernel = RidgedKernel(radii, ridges)
    slack = conjugate_slack(G, W, kernel)
    assert abs(slack - np.sum(terms)) <= 1e-12 * np.sum(np.abs(terms))
    W[0] = 1.0
    G = (radii / row_norms(W) + ridges)[:, None] * W
    assert conjugate_slack(G, W, kernel) <= 1e-28 * np.sum((radii + ridges) ** 2 * (1 + row_norms(W)) ** 2 / ridges)


@pytest.mark.parametrize(("norms_share", "ridge"), [(1.0, 0.0), (1.0, 0.3), (0.0, 0.3)])
@pytest.mark.parametrize("targets", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_newton_direction_solves_the_dense_newton_system(size: int, targets: int, norms_share: float, ridge: float) -> None:
    rng = np.random.default_rng(size * 10 + targets)
    X = rng.standard_normal((20, size))
    Q, W, G = X.T @ X / 20, rng.standard_normal((size, targets)), rng.standard_normal((size, targets))
    radii, ridges = norms_share * rng.uniform(0.1, 1.0, size), ridge * rng.uniform(0.1, 1.0, size)
    norms = np.linalg.norm(W, axis=1)
    hessian = np.kron(Q + np.diag(ridges), np.eye(targets))
    for j in range(size):
        u = W[j] / norms[j]
        block = slice(j * targets, (j + 1) * targets)
        hessian[block, block] += radii[j] / norms[j] * (np.eye(targets) - np.outer(u, u))
    expected = np.linalg.solve(hessian, (G - (radii / norms + ridges)[:, None] * W).ravel()).reshape(size, targets)
    direction = newton_direction(Q, W, G, radii, ridges=ridges if ridge else None)
    assert direction is not None
    assert np.allclose(direction, expected, rtol=1e-8, atol=1e-10)


def test_a_ridged_norm_has_the_derivatives_of_its_value() -> None:
    rng = np.random.default_rng(0)
    radii, ridges, W, V = rng.uniform(0.1, 1.0, 4), rng.uniform(0.1, 1.0, 4), *rng.standard_normal((2, 4, 3))
    kernel = RidgedKernel(radii, ridges)
    curvature = GroupCurvature(kernel)
    step = 1e-5 * V
    assert abs(curvature.change(W, V) - (kernel.total(row_norms(W + V)) - kernel.total(row_norms(W)))) <= 1e-13
    slope = (kernel.total(row_norms(W + step)) - kernel.total(row_norms(W - step))) / 2e-5
    assert abs(np.sum(curvature.gradient(W) * V) - slope) <= 1e-8
    bend = (curvature.gradient(W + step) - curvature.gradient(W - step)) / 2e-5
    assert np.allclose(curvature.hessian(W)(V), bend, atol=1e-8)
    assert curvature.excess(W, curvature.gradient(W)) <= 1e-15
    Q = np.cov(rng.standard_normal((4, 10)))
    solve_model = curvature.model_inverse(Q, W)
    assert solve_model is not None
    # The model's Hessian has a unit diagonal times 1 + 1e-13.
    assert np.allclose(Q @ solve_model(V) + curvature.hessian(W)(solve_model(V)), V, atol=1e-9)


def _state(seed: int, targets: int = 3) -> tuple[GramState, np.ndarray, GroupSparsityKernel]:
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((15, 6)), rng.standard_normal((15, targets))
    X[:, 5] = X[:, 0]
    R = X.T @ Y / 15
    state = GramState(X.T @ X / 15, np.zeros((6, targets)), R.copy(), float(np.sum(Y**2)) / 30)
    return state, R, GroupSparsityKernel(np.full(6, 0.1))


def _objective(state: GramState, R: np.ndarray, kernel: GroupSparsityKernel) -> float:
    B = state.B
    return float(np.sum(B * (0.5 * state.Q @ B - R)) + np.sum(kernel.radii * row_norms(B)))


@given(st.integers(0, 10**6), st.sampled_from([1e-6, 1e-2, 1.0]), st.floats(-3.0, 1.0))
def test_the_gap_with_a_ridge_is_at_most_that_of_appended_rows(seed: int, ridge: float, power: float) -> None:
    """Rows ``sqrt(n ridge) e_j`` with targets 0 turn the ridge into least squares; both bounds lie above the true excess."""
    rng = np.random.default_rng(seed)
    n, A, Y, B = 20, rng.standard_normal((20, 5)), rng.standard_normal((20, 2)), 0.1 * rng.standard_normal((5, 2))
    radii, ridges = 10.0**power * rng.uniform(0.5, 1.0, 5), ridge * rng.uniform(0.5, 1.0, 5)

    def gap(A: np.ndarray, Y: np.ndarray, kernel: GroupSparsityKernel | RidgedKernel) -> float:
        R = Y - A @ B
        return group_gap(lambda s: (1.0 - s) ** 2 * float(np.sum(R**2)) / (2 * n), A.T @ R / n, B, kernel).gap

    appended = gap(np.vstack([A, np.diag(np.sqrt(n * ridges))]), np.vstack([Y, np.zeros((5, 2))]), GroupSparsityKernel(radii))
    found = gap(A, Y, RidgedKernel(radii, ridges))
    assert found <= appended * (1 + 1e-9) + 1e-13
    R = Y - A @ B
    conjugate = conjugate_slack(A.T @ R / n, B, RidgedKernel(radii, ridges))
    assert np.isclose(found, min(appended, conjugate), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_conjugate_gradients_approach_the_exact_newton_direction(ridge: float) -> None:
    rng = np.random.default_rng(2)
    A = rng.standard_normal((30, 8))
    Q, W, G, radii = A.T @ A / 30, rng.standard_normal((8, 3)), rng.standard_normal((8, 3)), rng.uniform(0.1, 1.0, 8)
    ridges = ridge * rng.uniform(0.1, 1.0, 8)
    # Near stationarity the forcing is tight, so that the two agree.
    G = (radii / row_norms(W) + ridges)[:, None] * W + 1e-6 * G
    exact = newton_direction(Q, W, G, radii, ridges=ridges)
    approximate, found = newton_direction_by_cg(lambda V: Q @ V, np.diag(Q), W, G, radii, ridges, most=20)
    assert found
    assert exact is not None
    assert np.allclose(approximate, exact, rtol=1e-3, atol=1e-3 * np.abs(exact).max())


@pytest.mark.parametrize("seed", range(5))
def test_both_states_sweep_and_move_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A, Y = np.asfortranarray(rng.standard_normal((15, 6))), rng.standard_normal((15, 3))
    kernel = GroupSparsityKernel(np.full(6, 0.1))
    gram = GramState(A.T @ A / 15, np.zeros((6, 3)), A.T @ Y / 15, float(np.sum(Y**2)) / 30)
    samples = SampleState(A, np.zeros((6, 3)), Y.copy(), 15.0)
    step, rows = rng.standard_normal((2, 3)), np.array([1, 4])
    for _ in range(3):
        assert gram.sweep(kernel) == samples.sweep(kernel)
        images = [state.image(rows, step) for state in (gram, samples)]
        changes = [state.loss_change(rows, step, image) for state, image in zip((gram, samples), images, strict=True)]
        assert abs(changes[0] - changes[1]) <= 1e-12
        gram.move(rows, step, images[0])
        samples.move(rows, step, images[1])
        for mine, other in ((gram.B, samples.B), (gram.G, samples.G), (gram.loss, samples.loss)):
            assert np.allclose(mine, other, atol=1e-12)


@pytest.mark.parametrize("n_samples", [1, 30])
def test_a_start_on_a_column_of_zeros_is_left(n_samples: int) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((n_samples, 7)), rng.standard_normal((n_samples, 2))
    X[:, 0] = 0.0
    penalty = GroupSparsity(0.01 * lambda_max(X, Y, fit_intercept=False))
    fit = solve(X, Y, penalty, fit_intercept=False, init=np.ones((2, 7)))
    assert fit.status is Status.CERTIFIED
    assert not fit.coef[:, 0].any()


@pytest.mark.parametrize("seed", range(20))
def test_sweeps_and_polish_descend_and_keep_gradient_and_loss_in_step(seed: int) -> None:
    state, R, kernel = _state(seed)
    start, values = state.loss, [_objective(state, R, kernel)]
    for _ in range(4):
        state.sweep(kernel)
        values.append(_objective(state, R, kernel))
        polish(state, GroupCurvature(kernel))
        values.append(_objective(state, R, kernel))
        assert np.allclose(state.G, R - state.Q @ state.B, atol=1e-13)
        assert abs(state.loss - (start + np.sum(state.B * (0.5 * state.Q @ state.B - R)))) <= 1e-13
    assert np.all(np.diff(values) <= 1e-15)


def test_a_sweep_minimises_each_block_given_the_others() -> None:
    state, _, kernel = _state(0)
    sweep(state.Q, kernel, state.B, state.G)
    last = 5
    assert subdiff_distance(kernel, state.B[last], state.G[last], last) <= 1e-14


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("offset", [0.0, 3.0, 1e7])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_design_is_the_centred_weighted_matrix(order: str, offset: float, weighted: bool) -> None:
    rng = np.random.default_rng(5)
    raw = np.round(rng.standard_normal((5000, 210)) * 2**10) / 2**10
    X = np.asarray(raw + offset, order=order)
    X[:, 7], raw[:, 7] = 0.1, 0.0
    weights = rng.integers(0, 4, 5000).astype(float) if weighted else np.ones(5000)
    design = DenseDesign.build(X, weights, centre=True)
    total = weights.sum()
    dense = np.sqrt(weights)[:, None] * (raw - (weights @ raw) / total)
    dense[:, 7] = 0.0
    R, B = rng.standard_normal((5000, 3)), rng.standard_normal((210, 3))
    B[50:] = 0
    R -= np.outer(np.sqrt(weights), np.sqrt(weights) @ R) / total
    assert np.allclose(design.gram(), dense.T @ dense / total, atol=1e-13)
    assert np.allclose(design.predict(B), dense @ B, atol=1e-7 * max(1e-5, offset * 1e-7))
    assert np.allclose(design.correlate(R), dense.T @ R / total, atol=1e-13 if offset < 1e6 else 1e-8)
    assert np.allclose(design.columns(np.array([3, 7])), dense[:, [3, 7]], atol=1e-8)
    assert not design.gram()[7].any()
    assert not design.correlate(R)[7].any()


@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (5, 5), (4, 1)])
def test_column_space_gives_minimum_norm_least_squares(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    A, R = rng.standard_normal(shape), rng.standard_normal((shape[0], 2))
    A[:, -1] = A[:, 0]
    space = ColumnSpace.of(A)
    expected = np.linalg.pinv(A) @ R
    assert np.allclose(space.solve(R), expected)
    assert np.allclose(space.project(R), A @ expected)
    assert np.allclose(space.basis.T @ space.basis, np.eye(space.basis.shape[1]))
    assert np.allclose(A.T @ (R - A @ space.correct(R)), 0)


def test_column_space_counts_columns_of_any_scale() -> None:
    rng = np.random.default_rng(8)
    A = rng.standard_normal((10, 4)) * np.array([1e-8, 1.0, 1e8, 0.0])
    space = ColumnSpace.of(A)
    assert space.basis.shape == (10, 3)
    R = rng.standard_normal((10, 1))
    assert np.allclose((A / np.array([1e-8, 1, 1e8, 1])).T @ (R - A @ space.solve(R)), 0, atol=1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_an_evaluation_splits_the_residual_at_the_unpenalised_columns(fit_intercept: bool) -> None:
    rng = np.random.default_rng(9)
    X, Y, B = rng.standard_normal((20, 5)) + 1.0, rng.standard_normal((20, 2)), rng.standard_normal((5, 2))
    problem = SquaredProblem.build(X, Y, Options(fit_intercept))
    free = np.array([1, 4])
    at = problem.evaluate(B, free)
    span = X[:, free] - X[:, free].mean(axis=0) if fit_intercept else X[:, free]
    R = (Y - Y.mean(axis=0)) - (X - X.mean(axis=0)) @ B if fit_intercept else Y - X @ B
    P = R - span @ np.linalg.lstsq(span, R, rcond=None)[0]
    assert np.allclose(at.residual, P, atol=1e-13)
    assert np.allclose(at.gradient, np.where(np.isin(np.arange(5), free)[:, None], 0.0, X.T @ P / 20), atol=1e-13)
    assert at.loss == pytest.approx(np.sum(R**2) / 40)
    assert at.projected_loss == pytest.approx(np.sum(P**2) / 40)
    assert at.removed_loss == pytest.approx(np.sum((R - P) ** 2) / 40)


def test_column_norms_neither_overflow_nor_vanish() -> None:
    coef = np.array([[3e200, 3e-200, 0.0], [4e200, 4e-200, 0.0]])
    assert np.allclose(column_norms(coef) / np.array([5e200, 5e-200, 1.0]), [1.0, 1.0, 0.0])


def test_group_sparsity_validates_and_compares() -> None:
    assert GroupSparsity(1.0) == GroupSparsity(1)
    assert GroupSparsity(1.0, [1, 2]) == GroupSparsity(1.0, np.array([1.0, 2.0]))
    assert GroupSparsity(1.0, [1, 2]) != GroupSparsity(1.0, [1, 3])
    assert GroupSparsity(1.0) != GroupSparsity(1.0, [1, 1])
    assert len({GroupSparsity(1.0, [1, 2]), GroupSparsity(1.0, [1, 2])}) == 1
    assert GroupSparsity(1.0, [1, 2]).with_lam(3.0).lam == 3.0


def test_public_calls_leave_the_blas_threads_as_they_found_them() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def counts() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    inside: list[list[int]] = []
    with threadpool_limits(2, user_api="blas"):
        before = counts()
        solve(np.eye(3), np.arange(3.0), GroupSparsity(0.01), callback=lambda _: inside.append(counts()))
        assert counts() == before
    assert inside
    assert all(set(found) == {1} for found in inside)
