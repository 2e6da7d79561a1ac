"""Sparse inputs answer as the same inputs made dense do."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solvers import Fit, GroupSparsity, RegularizedShrinkNet, Status, certify, lambda_max, lambda_zero, refit, solve, solve_path
from solvers.regression.design import DenseDesign
from solvers.regression.sparse_design import SparseDesign
from tests.properties.test_group_sparsity import WELL_SCALED, largest_lam, penalty
from tests.strategies import Problem, problems

FORMATS = {
    "csc": scipy.sparse.csc_array,
    "csr": scipy.sparse.csr_matrix,
    "coo": scipy.sparse.coo_array,
    "lil": scipy.sparse.lil_matrix,
}


@st.composite
def thinned(draw: st.DrawFn, *, ugly: tuple[str, ...] | None = None) -> Problem:
    """Problems in which a share of X is zero."""
    p = draw(problems() if ugly is None else problems(ugly=ugly))
    share = draw(st.sampled_from([0.0, 0.5, 0.9]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return replace(p, X=np.where(rng.random(p.X.shape) < share, 0.0, p.X))


def designs(p: Problem, to_sparse) -> tuple[DenseDesign, SparseDesign]:
    return (
        DenseDesign.build(np.array(p.X), p.row_weights, centre=p.fit_intercept),
        SparseDesign.build(to_sparse(p.X), p.row_weights, centre=p.fit_intercept),
    )


def assert_close(ours: np.ndarray, theirs: np.ndarray, sizes: np.ndarray, tol: float) -> None:
    assert np.all(np.abs(ours - theirs) <= tol * sizes + 1e-300), np.max(np.abs(ours - theirs))


@pytest.mark.parametrize("format", ["csc", "csr"])
@given(p=thinned(), seed=st.integers(0, 10**6))
def test_the_sparse_design_is_the_dense_one(format: str, p: Problem, seed: int) -> None:
    dense, sparse = designs(p, {"csc": scipy.sparse.csc_array, "csr": scipy.sparse.csr_array}[format])
    rng = np.random.default_rng(seed)
    n_samples, n_features = p.X.shape
    everything = np.arange(n_features)
    lengths = np.sqrt(dense.mean_squares())
    # A dominating row leaves other rows' share of the variance to the difference of large numbers.
    tol = 1e-9 if "uneven row weights" in p.labels else 1e-12
    assert np.array_equal(dense.constant, sparse.constant)
    assert np.array_equal(dense.low, sparse.low)
    assert np.array_equal(dense.high, sparse.high)
    assert_close(sparse.mean_squares(), dense.mean_squares(), lengths**2, tol)
    assert_close(sparse.gram(), dense.gram(), np.outer(lengths, lengths), tol)
    assert_close(sparse._gram_of_entries(), dense.gram(), np.outer(lengths, lengths), tol)
    far = 1e-15 * np.max(np.abs(p.X), axis=0) * dense.root_weights[:, None]
    assert_close(sparse.columns(everything), dense.columns(everything), np.maximum(np.abs(dense.columns(everything)), far), 1e-6)
    B = np.where(lengths > 0, rng.standard_normal(n_features) / np.where(lengths > 0, lengths, 1.0), 0.0)[:, None]
    root = dense.root_weights[:, None]
    R = root * rng.standard_normal((n_samples, 2))
    if p.fit_intercept:
        R = R - root * (root.T @ R) / dense.total
    size = np.sqrt(np.sum(R**2) / dense.total)
    assert_close(sparse.correlate(R), dense.correlate(R), lengths[:, None] * size, 1e-8 if "far column" in p.labels else tol)
    predicted = dense.predict(B)
    loose = 1e-8 if {"far column", "uneven row weights"} & set(p.labels) else 1e-12
    assert_close(sparse.predict(B), predicted, np.linalg.norm(predicted) + np.sqrt(dense.total) * n_features, loose)


@given(thinned(ugly=WELL_SCALED), st.sampled_from(sorted(FORMATS)))
def test_least_squares_on_sparse_inputs(p: Problem, format: str) -> None:
    X = FORMATS[format](p.X)
    lam = p.lam_share * (largest_lam(p) or 1.0)
    dense = solve(p.X, p.Y, penalty(p, lam), **p.data(), tol=1e-10)
    sparse = solve(X, p.Y, penalty(p, lam), **p.data(), tol=1e-10)
    assert sparse.status is Status.CERTIFIED
    assert abs(sparse.objective - dense.objective) <= 2e-10 * dense.null_loss + 1e-13 * np.sum(p.Y**2)
    assert abs(sparse.null_loss - dense.null_loss) <= 1e-12 * dense.null_loss
    assert certify(sparse, X, p.Y, sample_weight=p.sample_weight).holds
    assert certify(sparse, p.X, p.Y, sample_weight=p.sample_weight).gap <= 2e-10 + 1e-14
    tops = [lambda_max(A, p.Y, penalty(p, 1.0), **p.data()) for A in (X, p.X)]
    assert abs(tops[0] - tops[1]) <= 1e-9 * tops[1] + 1e-13 * np.max(np.abs(p.X)) * np.max(np.abs(p.Y))
    assert np.allclose(sparse.predict(X), sparse.predict(p.X), rtol=1e-12, atol=1e-12 * np.max(np.abs(p.Y)))


@given(thinned(), st.sampled_from(["csc", "csr"]))
def test_every_answer_on_sparse_inputs_is_certified(p: Problem, format: str) -> None:
    fit = solve(FORMATS[format](p.X), p.Y, penalty(p, p.lam_share * (largest_lam(p) or 1.0)), **p.data())
    assert fit.certificate.holds
    assert certify(fit, p.X, p.Y, sample_weight=p.sample_weight).gap <= 1e-6 + 1e-9


@given(thinned(ugly=tuple(sorted(set(WELL_SCALED) - {"free group"}))))
def test_a_refit_on_sparse_inputs_is_least_squares(p: Problem) -> None:
    fit = solve(p.X, p.Y, penalty(p, p.lam_share * (largest_lam(p) or 1.0)), **p.data())
    dense, sparse = (refit(fit, X, p.Y, sample_weight=p.sample_weight) for X in (p.X, scipy.sparse.csr_array(p.X)))
    assert abs(dense.loss - sparse.loss) <= 1e-9 * dense.null_loss + 1e-13 * np.sum(p.Y**2)


@pytest.mark.parametrize("loss", ["multinomial", "logistic"])
@settings(max_examples=50)
@given(p=thinned(ugly=WELL_SCALED))
def test_logistic_losses_on_sparse_inputs(loss: str, p: Problem) -> None:
    labels = np.arange(len(p.X)) % 3 if loss == "multinomial" else (np.median(p.Y, axis=0) < p.Y).astype(int)
    counted = labels[p.row_weights > 0]
    # A target that never varies is warned of, for both kinds of inputs.
    assume(np.all(counted.max(axis=0) > counted.min(axis=0)))
    keywords = {"loss": loss, **p.data()}
    weights = None if p.weights is None else np.maximum(p.weights, 0.1)
    top = lambda_max(p.X, labels, GroupSparsity(1.0, weights), **keywords)
    assume(top > 0)
    penalty = GroupSparsity(max(p.lam_share, 0.1) * top, weights)
    dense, sparse = (solve(X, labels, penalty, **keywords, tol=1e-8) for X in (p.X, scipy.sparse.csr_array(p.X)))
    assert sparse.certificate.holds
    assert abs(dense.objective - sparse.objective) <= 2e-8 * dense.null_loss
    assert np.allclose(sparse.predict_proba(scipy.sparse.csc_array(p.X)), sparse.predict_proba(p.X), atol=1e-12)


def planted(seed: int = 0) -> tuple[scipy.sparse.csr_array, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = scipy.sparse.random_array((300, 40), density=0.1, rng=rng, format="csr")
    return X, X[:, [0, 3]].toarray() + 0.05 * rng.standard_normal((300, 2))


def test_paths_and_bridges_take_sparse_inputs() -> None:
    X, Y = planted()
    sparse, dense = (solve_path(A, Y, n_lams=5, tol=1e-10) for A in (X, X.toarray()))
    assert np.allclose(sparse.coefs, dense.coefs, atol=1e-6)
    bridge = RegularizedShrinkNet(0.01, 0.01)
    assert np.isclose(lambda_zero(X, Y, bridge), lambda_zero(X.toarray(), Y, bridge), rtol=1e-12)
    ours, theirs = (solve(A, Y, bridge) for A in (X, X.toarray()))
    assert np.isclose(ours.objective, theirs.objective, rtol=1e-9)


def test_a_wide_sparse_problem_is_solved_without_a_gram_matrix_or_a_dense_copy() -> None:
    import tracemalloc

    rng = np.random.default_rng(1)
    X = scipy.sparse.random_array((2_000, 30_000), density=1e-3, rng=rng, format="csc")
    Y = X[:, :3].sum(axis=1) + 0.01 * rng.standard_normal(2_000)
    lam = lambda_max(X, Y) / 20
    solve(*planted(), GroupSparsity(0.01))  # compile
    tracemalloc.start()
    try:
        fit = solve(X, Y, GroupSparsity(lam))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fit.certificate.holds
    assert peak < 0.1 * 8 * X.shape[0] * X.shape[1]


@pytest.mark.parametrize("damage", ["unsorted", "twice", "stored zeros"])
def test_the_callers_sparse_matrix_is_left_as_it_was(damage: str) -> None:
    X, Y = planted()
    data, indices, indptr = X.data.copy(), X.indices.copy(), X.indptr.copy()
    if damage == "unsorted":
        for start, stop in pairwise(indptr):
            data[start:stop], indices[start:stop] = data[start:stop][::-1], indices[start:stop][::-1]
    elif damage == "twice":
        data, indices, indptr = np.repeat(0.5 * data, 2), np.repeat(indices, 2), 2 * indptr
    else:
        data[::7] = 0.0
    given = scipy.sparse.csr_array((data, indices, indptr), shape=X.shape)
    arrays = [array.copy() for array in (data, indices, indptr)]
    expected = solve(scipy.sparse.csr_array((data, indices, indptr), shape=X.shape).toarray(), Y, GroupSparsity(0.01))
    fit: Fit = solve(given, Y, GroupSparsity(0.01))
    assert np.isclose(fit.objective, expected.objective, rtol=1e-6)
    for mine, before in zip((given.data, given.indices, given.indptr), arrays, strict=True):
        assert np.array_equal(mine, before)
