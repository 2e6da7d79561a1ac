"""Data on a cluster of two worker processes: the answers of data in memory, in the memory of a block, whoever dies."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.model_selection import RepeatedKFold

from solvers import (
    Gram,
    GroupSparsity,
    GroupSparsityRegressorCV,
    certify,
    gram_from_dask,
    lambda_max,
    solve,
    solve_path,
)

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

ARRAYS = ("x_means", "y_means", "x_products", "xy_products", "y_products", "x_low", "x_high", "y_low", "y_high")
ROWS, BLOCK, N_FEATURES = 1200, 150, 20


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers of one thread, in processes of their own."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None, "memory_limit": 0}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs away from zero, three targets, and weights of which some are zero."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((ROWS, N_FEATURES)) + np.linspace(0.0, 1e3, N_FEATURES)
    centred = X - np.linspace(0.0, 1e3, N_FEATURES)
    Y = centred[:, :4] @ rng.standard_normal((4, 3)) + rng.standard_normal((ROWS, 3))
    weights = rng.uniform(0.5, 2.0, ROWS)
    weights[:BLOCK] = 0.0
    return X, Y, weights


def same_gram(gram: Gram, expected: Gram, tol: float = 1e-12) -> None:
    assert (gram.n_samples, gram.is_vector) == (expected.n_samples, expected.is_vector)
    for name in ARRAYS:
        wanted = getattr(expected, name)
        np.testing.assert_allclose(getattr(gram, name), wanted, rtol=0, atol=tol * np.abs(wanted).max(), err_msg=name)


def test_the_gram_is_that_of_the_blocks(client) -> None:
    X, Y, weights = data()
    blocks = [slice(start, start + BLOCK) for start in range(0, ROWS, BLOCK)]
    lazy = da.from_array(X, chunks=(BLOCK, -1))
    weighted = Gram.from_blocks((X[rows], Y[rows], weights[rows]) for rows in blocks)
    for lazy_y, lazy_weights in ((Y, weights), (da.from_array(Y, chunks=(100, 2)), da.from_array(weights, chunks=70))):
        same_gram(gram_from_dask(lazy, lazy_y, lazy_weights), weighted)
    vector = Gram.from_blocks((X[rows], Y[rows, 0]) for rows in blocks)
    gram = gram_from_dask(lazy, da.from_array(Y[:, 0], chunks=200))
    same_gram(gram, vector)
    # In a fixed order: the same bits whatever runs it.
    with dask.config.set(scheduler="synchronous"):
        again = gram_from_dask(lazy, da.from_array(Y[:, 0], chunks=200))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(gram, name))


@pytest.mark.parametrize("loss", ["squared", "logistic", "multinomial"])
def test_answers_are_those_of_data_in_memory(client, loss: str) -> None:
    X, Y, weights = data()
    targets = {"squared": Y, "logistic": (Y.mean(axis=0) < Y).astype(float), "multinomial": np.argmax(Y, axis=1)}[loss]
    lazy = da.from_array(X, chunks=(BLOCK, -1))
    options: dict[str, Any] = {"loss": loss, "sample_weight": weights}
    lam = lambda_max(X, targets, **options)
    assert lambda_max(lazy, targets, **options) == pytest.approx(lam, rel=1e-12)
    penalty, tol = GroupSparsity(0.1 * lam), 1e-8
    fit, expected = (solve(inputs, targets, penalty, tol=tol, **options) for inputs in (lazy, X))
    np.testing.assert_array_equal(fit.support, expected.support)
    assert abs(fit.objective - expected.objective) <= tol * expected.null_loss
    np.testing.assert_allclose(fit.coef, expected.coef, atol=1e-6)
    # The evidence for the answer from the cluster, from the data in memory.
    assert certify(fit, X, targets, sample_weight=weights).gap <= tol
    assert fit.certificate.gap <= tol


def test_a_path_and_standardised_columns(client) -> None:
    X, Y, _ = data()
    lazy = da.from_array(X, chunks=(BLOCK, -1))
    path, expected = (solve_path(inputs, Y, n_lams=4, standardize=True, tol=1e-9) for inputs in (lazy, X))
    np.testing.assert_allclose(path.lams, expected.lams, rtol=1e-10)
    np.testing.assert_allclose(path.coefs, expected.coefs, atol=1e-6)


# ----------------------------------------------------------------------------------------------------------------- robustness


def slowly(block: np.ndarray) -> np.ndarray:
    time.sleep(0.1)
    return block


def test_a_worker_that_dies_is_survived(client) -> None:
    X, Y, _ = data()
    lazy = da.from_array(X, chunks=(100, -1)).map_blocks(slowly)
    victim = next(iter(client.run(os.getpid).values()))
    # Of 1.2 seconds of work for two, when each has some blocks behind it and some before it.
    killer = threading.Timer(0.3, os.kill, (victim, signal.SIGKILL))
    killer.start()
    gram = gram_from_dask(lazy, Y)
    killer.join()
    same_gram(gram, Gram.from_blocks([(X, Y)]))
    assert victim not in client.run(os.getpid).values()


def peak() -> int:
    """The most this process ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def drawn(rows: int, columns: int, block_id: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(block_id[0]).standard_normal((rows, columns))


def test_a_worker_needs_the_memory_of_a_few_blocks(client) -> None:
    rows, columns, n_blocks = 20_000, 100, 16
    block = 8 * rows * columns
    lazy = da.map_blocks(drawn, rows, columns, chunks=((rows,) * n_blocks, (columns,)), dtype=float, meta=np.empty((0, 0)))
    gram_from_dask(lazy[: 2 * rows], lazy[: 2 * rows, 0])  # libraries
    before = client.run(peak)
    gram = gram_from_dask(lazy, lazy[:, 0])
    grown = {worker: after - before[worker] for worker, after in client.run(peak).items()}
    assert gram.n_samples == rows * n_blocks
    assert max(grown.values()) <= 4 * block, grown
    assert lazy.nbytes == n_blocks * block


# --------------------------------------------------------------------------------------------------------------------- sweeps


def test_folds_and_repeats_run_on_the_cluster(client) -> None:
    X, Y, _ = data()
    X, Y = X[:300] - X[:300].mean(axis=0), Y[:300]
    for cv in (3, RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)):
        here = GroupSparsityRegressorCV(n_lams=6, cv=cv).fit(X, Y)
        with distributed.get_task_stream(client) as ran, joblib.parallel_config(backend="dask"):
            there = GroupSparsityRegressorCV(n_lams=6, cv=cv).fit(X, Y)
        assert len(ran.data) > 0
        np.testing.assert_array_equal(there.losses_, here.losses_)
        np.testing.assert_array_equal(there.result_.coef, here.result_.coef)


def process_and_fit(X: np.ndarray, Y: np.ndarray, lam: float) -> tuple[int, Any]:
    return os.getpid(), solve(X, Y, GroupSparsity(lam))


def test_a_sweep_over_lam_runs_on_the_cluster(client) -> None:
    X, Y, _ = data()
    lams = np.geomspace(0.5, 0.05, 6) * lambda_max(X, Y)
    with joblib.parallel_config(backend="dask"):
        answers = joblib.Parallel()(joblib.delayed(process_and_fit)(X, Y, lam) for lam in lams)
    processes, fits = zip(*answers, strict=True)
    assert os.getpid() not in processes
    for lam, fit in zip(lams, fits, strict=True):
        np.testing.assert_array_equal(fit.coef, solve(X, Y, GroupSparsity(lam)).coef)
