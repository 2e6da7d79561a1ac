"""Groups of several columns: the exact block step, the Newton direction, and what is summed over groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers.regression.block_sweep import Spectra, sweep_groups
from solvers.regression.curvature import GroupCurvature
from solvers.regression.groups import GroupedKernel
from solvers.regression.newton import model_inverse, newton_direction, newton_direction_by_cg
from solvers.regression.working_set import by_group

SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=4)


def drawn(
    seed: int, sizes: list[int], ridge: float, targets: int = 2
) -> tuple[np.ndarray, GroupedKernel, np.ndarray, np.ndarray]:
    """A Gram matrix, groups of these sizes, and coefficients with a negative gradient."""
    rng = np.random.default_rng(seed)
    k = sum(sizes)
    A = rng.standard_normal((k + 2, k))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    kernel = GroupedKernel(rng.uniform(0.1, 1.0, len(sizes)), ridge * rng.uniform(0.5, 1.0, len(sizes)), labels)
    return A.T @ A / len(A), kernel, rng.standard_normal((k, targets)), rng.standard_normal((k, targets))


def dense_hessian(Q: np.ndarray, kernel: GroupedKernel, W: np.ndarray) -> np.ndarray:
    """Of the quadratic with Gram matrix Q plus the penalty, in the entries of W row by row."""
    targets = W.shape[1]
    H = np.kron(Q, np.eye(targets))
    for group, (radius, ridge) in enumerate(zip(kernel.radii, kernel.ridges, strict=True)):
        inside = np.flatnonzero(np.repeat(kernel.labels == group, targets))
        w = W.ravel()[inside]
        norm = np.linalg.norm(w)
        u = w / norm
        H[np.ix_(inside, inside)] += radius / norm * (np.eye(len(u)) - np.outer(u, u)) + ridge * np.eye(len(u))
    return H


@given(st.integers(0, 10**6), SIZES, st.sampled_from([0.0, 0.5]), st.floats(-2.0, 1.0), st.booleans())
def test_a_pass_over_one_group_minimises_over_it(seed: int, sizes: list[int], ridge: float, power: float, singular: bool) -> None:
    """``Q W + radius W / ||W|| + ridge W = Z``, or ``||Z|| <= radius`` at zero; the gradient follows."""
    Q, kernel, B, G = drawn(seed, sizes, ridge)
    if singular:
        Q = np.outer(Q[0], Q[0])
    kernel = kernel._replace(radii=10.0**power * kernel.radii)
    # Zero coefficients elsewhere, and radii that hold them there: the pass moves the first group alone.
    B[sizes[0] :] = 0.0
    kernel.radii[1:] = 1e9
    G[: sizes[0]] = Q[: sizes[0], : sizes[0]] @ G[: sizes[0]]
    spectrum = Spectra(kernel.labels).on(np.arange(len(Q)), lambda a, b: Q[a:b, a:b])
    moved, gradient = B.copy(), G.copy()
    sweep_groups(Q, *spectrum, kernel, moved, gradient)
    assert np.allclose(gradient, G - Q @ (moved - B), atol=1e-12)
    W, Z = moved[: sizes[0]], (G + Q @ B)[: sizes[0]]
    norm = np.linalg.norm(W)
    if norm == 0:
        assert np.linalg.norm(Z) <= kernel.radii[0] * (1 + 1e-12)
        return
    slope = Q[: sizes[0], : sizes[0]] @ W + (kernel.radii[0] / norm + kernel.ridges[0]) * W
    assert np.allclose(slope, Z, atol=1e-9 * (1 + np.abs(Z).max()))


@given(st.integers(0, 10**6), SIZES, st.sampled_from([0.0, 0.5]))
def test_newton_directions_solve_the_dense_system(seed: int, sizes: list[int], ridge: float) -> None:
    Q, kernel, W, G = drawn(seed, sizes, ridge)
    curvature = GroupCurvature(kernel)
    H = dense_hessian(Q, kernel, W)
    expected = np.linalg.solve(H, (G - curvature.gradient(W)).ravel()).reshape(W.shape)
    found = newton_direction(Q, W, G, kernel.radii, ridges=kernel.ridge, groups=kernel)
    assert found is not None
    size = np.abs(expected).max() * max(1.0, 1e-9 * np.linalg.cond(H))
    assert np.allclose(found, expected, atol=1e-9 * size)
    assert np.allclose((curvature.hessian(W)(expected) + Q @ expected).ravel(), H @ expected.ravel(), atol=1e-9 * size)
    nearly, reached = newton_direction_by_cg(
        lambda V: Q @ V, np.diag(Q), W, curvature.gradient(W) + 1e-9 * G, kernel.radii, kernel.ridge, kernel, most=500
    )
    assert reached
    exact = np.linalg.solve(H, 1e-9 * G.ravel()).reshape(W.shape)
    assert np.linalg.norm(nearly - exact) <= 1e-4 * np.linalg.cond(H) ** 0.5 * np.linalg.norm(exact)


@given(st.integers(0, 10**6), SIZES)
def test_the_model_is_inverted_exactly(seed: int, sizes: list[int]) -> None:
    Q, kernel, W, G = drawn(seed, sizes, 0.0)
    norms = kernel.spread(kernel.norms(W))
    inverse = model_inverse(Q, (kernel.spread(kernel.radii) / norms)[:, 0], W / norms, kernel)
    assert inverse is not None
    H = dense_hessian(Q, kernel, W)
    back = (H @ inverse(G).ravel()).reshape(G.shape)
    assert np.allclose(back, G, atol=1e-9 * max(1.0, 1e-3 * np.linalg.cond(H)) * np.abs(G).max())


@given(st.integers(0, 10**6), SIZES)
def test_sums_run_over_groups(seed: int, sizes: list[int]) -> None:
    Q, kernel, W, _ = drawn(seed, sizes, 0.0)
    member = (kernel.labels[:, None] == np.arange(len(sizes))).astype(float)
    assert np.allclose(np.triu(kernel.block_sums(np.triu(Q))), np.triu(member.T @ Q @ member))
    assert np.allclose(kernel.norms(W) ** 2, member.T @ np.sum(W**2, axis=1))
    assert np.array_equal(kernel.spread(np.arange(len(sizes)))[:, 0], kernel.labels)
    last = by_group(kernel.labels == len(sizes) - 1, kernel.labels)
    part = kernel.on(last)
    assert part.radii == pytest.approx(kernel.radii[-1:])
    assert not part.labels.any()


def test_columns_are_put_together_by_group() -> None:
    labels = np.array([2, 0, 1, 0, 2])
    assert by_group(np.ones(5, dtype=bool), labels).tolist() == [1, 3, 2, 0, 4]
    assert by_group(labels != 1, labels).tolist() == [1, 3, 0, 4]
