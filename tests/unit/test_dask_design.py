"""Dask arrays in threads of this process: products against a dense design, answers against data in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from solvers import Gram, GroupSparsity, RegularizedShrinkNet, gram_from_dask, solve
from solvers.regression.dask_design import DaskDesign
from solvers.regression.dask_rows import DaskRows
from solvers.regression.design import DenseDesign

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

SHAPE = (90, 6)


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def inputs(kind: str) -> np.ndarray:
    X = np.random.default_rng(0).standard_normal(SHAPE)
    if kind == "far":
        X += 1e6
    if kind == "ugly":
        X[:, 0], X[:, 1], X[:, 2] = 0.1, 0.0, X[:, 3]
    return X.astype(np.float32) if kind == "float32" else X


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("kind", ["plain", "far", "ugly", "float32"])
def test_products_are_those_of_a_dense_design(kind: str, weighted: bool, centre: bool) -> None:
    X, rng = inputs(kind), np.random.default_rng(1)
    weights = np.ones(len(X))
    if weighted:
        weights = rng.uniform(0.5, 2.0, len(X))
        weights[:30] = 0.0
    design = DaskDesign.build(DaskRows.of(da.from_array(X, chunks=((20, 7, 63), -1))), weights, centre=centre)
    dense = DenseDesign.build(X, weights, centre=centre)
    assert design.shape == dense.shape
    assert (design.total, design.centred) == (dense.total, dense.centred)
    for name in ("root_weights", "low", "high", "constant"):
        np.testing.assert_array_equal(getattr(design, name), getattr(dense, name), err_msg=name)
    size = np.abs(X).max()
    np.testing.assert_allclose(design.means, dense.means, rtol=1e-15, atol=1e-15 * size)
    B, R, chosen = rng.standard_normal((6, 2)), rng.standard_normal((90, 2)), np.array([4, 0, 3])
    # Means that differ in their last digit: what is far from the origin has no more digits than that.
    tol = 1e-14 * size
    np.testing.assert_allclose(design.columns(chosen), dense.columns(chosen), atol=4 * tol)
    np.testing.assert_allclose(design.predict(B), dense.predict(B), atol=10 * tol)
    np.testing.assert_array_equal(design.predict(np.zeros((6, 2))), np.zeros((90, 2)))
    np.testing.assert_allclose(design.correlate(R), dense.correlate(R), atol=10 * tol)
    np.testing.assert_allclose(design.mean_squares(), dense.mean_squares(), rtol=1e-12, atol=1e-12 if centre else tol)
    np.testing.assert_allclose(design.gram(), dense.gram(), rtol=1e-12, atol=1e-12 if centre else tol * size)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize(
    "penalty", [RegularizedShrinkNet(0.05, 0.05), GroupSparsity(0.02, [0.0, 1, 1, 1, 1, 1], l2=0.1)], ids=repr
)
def test_answers_are_those_of_data_in_memory(loss: str, penalty: Any) -> None:
    X = inputs("plain")
    Y = X[:, :2] + np.random.default_rng(2).standard_normal((90, 2))
    Y = (Y > 0).astype(float) if loss == "logistic" else Y
    fit = solve(da.from_array(X, chunks=(25, -1)), Y, penalty, loss=loss, tol=1e-9)
    expected = solve(X, Y, penalty, loss=loss, tol=1e-9)
    assert abs(fit.objective - expected.objective) <= 1e-9 * expected.null_loss
    np.testing.assert_array_equal(fit.support, expected.support)


def test_blocks_may_be_sparse_or_empty_or_without_weight() -> None:
    X, Y = inputs("ugly"), inputs("plain")[:, :2]
    weights = np.where(np.arange(90) < 40, 0.0, 1.0)
    lazy = da.from_array(X, chunks=((30, 0, 60), -1))
    expected = Gram.from_blocks([(X, Y, weights)])
    for gram in (gram_from_dask(lazy, Y, weights), gram_from_dask(lazy.map_blocks(csr_array), Y, weights, split_every=2)):
        assert gram.n_samples == 50
        np.testing.assert_allclose(gram.x_products, expected.x_products, atol=1e-12)
        np.testing.assert_allclose(gram.xy_products, expected.xy_products, atol=1e-12)


def test_a_caller_s_arrays_are_kept() -> None:
    X, Y = inputs("plain"), inputs("plain")[:, :2].copy()
    before = X.copy(), Y.copy()
    gram_from_dask(da.from_array(X, chunks=(10, -1)), Y)
    solve(da.from_array(X, chunks=(10, -1)), Y, GroupSparsity(0.1))
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])
