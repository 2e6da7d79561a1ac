"""Every design is the centred, weighted, scaled matrix that its name promises, in explicit NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse

from solvers import Gram
from solvers._arrays import as_inputs
from solvers.regression.design import DenseDesign, Design, ScaledDesign, gram_pays
from solvers.regression.gram_problem import GramProblem
from solvers.regression.problem import Options
from solvers.regression.sparse_design import SparseDesign

N_SAMPLES, N_FEATURES = 400, 30
SCALES = np.linspace(0.0, 3.0, N_FEATURES)


def data(seed: int = 0) -> np.ndarray:
    """Mostly zeros, exact in float32; with a constant column, one that is nearly full, and one that is full and far from 0."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.standard_normal((N_SAMPLES, N_FEATURES)) * 2**10) / 2**10
    X[rng.random(X.shape) < 0.8] = 0.0
    X[:, 3] = 0.25
    X[:, 5] = 1.0
    X[7, 5] = 0.0
    X[:, 8] = 1000.0 + np.arange(N_SAMPLES) % 7
    return X


def scaled(design: Design) -> Design:
    return ScaledDesign.of(design, SCALES)


BUILDERS: dict[str, Callable[[np.ndarray, np.ndarray, bool], Design]] = {
    "C": lambda X, s, centre: DenseDesign.build(np.ascontiguousarray(X), s, centre=centre),
    "F": lambda X, s, centre: DenseDesign.build(np.asfortranarray(X), s, centre=centre),
    "float32": lambda X, s, centre: DenseDesign.build(np.asfortranarray(X, np.float32), s, centre=centre),
    "csc": lambda X, s, centre: SparseDesign.build(scipy.sparse.csc_array(X), s, centre=centre),
    "csr": lambda X, s, centre: SparseDesign.build(scipy.sparse.csr_array(X), s, centre=centre),
}


def explicit(X: np.ndarray, s: np.ndarray, centre: bool) -> np.ndarray:
    centred = X - (s @ X / s.sum() if centre else 0.0)
    if centre:
        centred[:, 3] = 0.0
    return np.sqrt(s)[:, None] * centred


@pytest.mark.parametrize("scale", [False, True], ids=["plain", "scaled"])
@pytest.mark.parametrize("centre", [False, True], ids=["as it is", "centred"])
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("name", BUILDERS)
def test_products_are_those_of_the_explicit_matrix(name: str, weighted: bool, centre: bool, scale: bool) -> None:
    rng = np.random.default_rng(1)
    X = data()
    s = rng.integers(0, 4, N_SAMPLES).astype(float) if weighted else np.ones(N_SAMPLES)
    design = BUILDERS[name](X, s, centre)
    A = explicit(X, s, centre)
    if scale:
        design, A = scaled(design), A * SCALES
    total = s.sum()
    assert design.shape == A.shape
    assert np.isclose(design.total, total)
    assert np.allclose(design.means, (s @ X / total * (SCALES if scale else 1.0)) * centre)
    reach = np.abs(X[s > 0] * (SCALES if scale else 1.0) - design.means).max(axis=0)
    assert np.allclose(design.spread, reach)
    assert design.constant[3] == centre
    assert design.constant[0] == scale
    few, many = np.zeros((N_FEATURES, 2)), rng.standard_normal((N_FEATURES, 2))
    few[[5, 8, 11]] = 1.0
    for B in (few, many, 0 * few):
        assert np.allclose(design.predict(B), A @ B, rtol=1e-10, atol=1e-9)
    R = np.sqrt(s)[:, None] * rng.standard_normal((N_SAMPLES, 2))
    assert np.allclose(design.correlate(R), A.T @ R / total, rtol=1e-10, atol=1e-10)
    assert np.allclose(design.mean_squares(), np.sum(A**2, axis=0) / total, rtol=1e-12, atol=1e-13)
    assert np.allclose(design.gram(), A.T @ A / total, rtol=1e-12, atol=1e-11)
    assert np.array_equal(design.gram(), design.gram().T)
    chosen = np.array([8, 3, 0])
    block = design.columns(chosen)
    assert block.flags.f_contiguous
    assert np.allclose(block, A[:, chosen], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("form", ["csc", "csr"])
def test_both_ways_to_a_sparse_gram_matrix_agree(form: str, weighted: bool) -> None:
    s = np.arange(N_SAMPLES) % 3.0 if weighted else np.ones(N_SAMPLES)
    design = BUILDERS[form](data(), s, True)
    assert isinstance(design, SparseDesign)
    assert 8 in design.far
    assert 5 in design.far
    A = explicit(data(), s, True)
    sizes = np.outer(np.linalg.norm(A, axis=0), np.linalg.norm(A, axis=0)) / s.sum()
    for Q in (design._gram_of_entries(), design.gram()):
        assert np.all(np.abs(Q - A.T @ A / s.sum()) <= 1e-13 * sizes)


def test_a_sparse_gram_matrix_is_priced_by_its_entries() -> None:
    rng = np.random.default_rng(0)
    thin = scipy.sparse.random_array((50_000, 5000), density=1e-4, rng=rng, format="csr")
    full = scipy.sparse.csr_array(rng.standard_normal((500, 300)))
    weights = np.ones(50_000)
    sparse, dense = (SparseDesign.build(X, weights[: X.shape[0]], centre=True) for X in (thin, full))
    assert sparse._seconds_for_sparse_gram < sparse._seconds_for_dense_gram
    assert dense._seconds_for_sparse_gram > dense._seconds_for_dense_gram
    assert dense.prefers_gram(1, 10)
    assert not sparse.prefers_gram(1, 1)
    assert not gram_pays(20_000, 1000, 0.0, 1.0), "too large for memory"


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("centre", [False, True])
def test_the_problem_of_a_gram_is_in_its_moments(centre: bool, standardize: bool) -> None:
    rng = np.random.default_rng(2)
    X, Y, s = data(), rng.standard_normal((N_SAMPLES, 2)), rng.integers(0, 4, N_SAMPLES).astype(float)
    gram = Gram.from_blocks([(X[:100], Y[:100], s[:100]), (X[100:], Y[100:], s[100:])])
    problem = GramProblem.of(gram, None, "squared", Options(centre, None, standardize), "solve(X, Y, penalty)")
    A, total = explicit(X, s, centre), s.sum()
    T = np.sqrt(s)[:, None] * (Y - (s @ Y / total if centre else 0.0))
    if standardize:
        deviations = np.sqrt(np.sum(explicit(X, s, True) ** 2, axis=0) / total)
        A = np.where(deviations > 0, A / np.where(deviations > 0, deviations, 1.0), 0.0)
    assert np.allclose(problem.gram, A.T @ A / total, rtol=1e-11, atol=1e-11)
    assert np.allclose(problem.curvatures, np.diag(A.T @ A) / total, rtol=1e-11, atol=1e-11)
    assert np.allclose(problem.correlation, A.T @ T / total, rtol=1e-11, atol=1e-11)
    assert np.isclose(problem.null_loss, 0.5 * np.sum(T**2) / total, rtol=1e-12)
    B = np.where(np.arange(N_FEATURES)[:, None] % 3 == 0, rng.standard_normal((N_FEATURES, 2)), 0.0)
    at = problem.evaluate(B)
    R = T - A @ B
    assert np.isclose(at.loss, 0.5 * np.sum(R**2) / total, rtol=1e-10)
    assert np.allclose(at.gradient, A.T @ R / total, rtol=1e-8, atol=1e-9)
    free = np.array([1, 4, 8])
    P = R - A[:, free] @ np.linalg.lstsq(A[:, free], R, rcond=None)[0]
    at = problem.evaluate(B, free)
    assert np.isclose(at.projected_loss, 0.5 * np.sum(P**2) / total, rtol=1e-9)
    assert np.isclose(at.removed_loss, 0.5 * np.sum((R - P) ** 2) / total, rtol=1e-6, atol=1e-10)
    assert np.allclose(at.gradient, A.T @ P / total, atol=1e-9 * np.sqrt(np.max(problem.curvatures)))
    with pytest.raises(NotImplementedError):
        problem.design.columns(free)
    with pytest.raises(NotImplementedError):
        problem.design.predict(B)
    with pytest.raises(NotImplementedError):
        problem.design.correlate(R)


@pytest.mark.parametrize("form", ["csc_array", "csr_array", "csc_matrix", "csr_matrix", "coo_array", "lil_matrix", "dok_matrix"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_sparse_inputs_become_compressed_arrays_of_float64(form: str, dtype: type) -> None:
    X = (data() != 0).astype(dtype) if dtype is not np.float64 else data()
    given = getattr(scipy.sparse, form)(X)
    canonical = as_inputs(given)
    assert canonical.dtype == np.float64
    assert canonical.format in ("csc", "csr")
    assert canonical.has_canonical_format
    assert np.array_equal(canonical.toarray(), X)
    if form.startswith(("csc", "csr")) and dtype is np.float64:
        assert np.shares_memory(canonical.data, given.data)


def test_float32_inputs_are_the_callers_own() -> None:
    X = data().astype(np.float32)
    canonical = as_inputs(X)
    assert canonical.dtype == np.float32
    assert np.shares_memory(canonical, X)
    assert not canonical.flags.writeable
    assert X.flags.writeable
    assert as_inputs(X[:, ::2]).flags.c_contiguous
    assert as_inputs(X.astype(np.float16)).dtype == np.float64
