"""What a solver holds beside the caller's data."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from solvers import GroupSparsity, solve


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("lam", [0.3, 0.001])
@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_no_second_copy_of_x_in_gram_mode(order: str, lam: float, mean: float) -> None:
    rng = np.random.default_rng(0)
    X = np.asarray(rng.standard_normal((120_000, 60)) + mean, order=order)
    Y = X[:, :2] - mean + rng.standard_normal((120_000, 2))
    small = slice(0, 500)
    solve(np.array(X[small], order=order), Y[small], GroupSparsity(lam))  # compile, load libraries
    tracemalloc.start()
    try:
        fit = solve(X, Y, GroupSparsity(lam))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fit.certificate.holds
    block, targets = 8 * 2**20, Y.nbytes
    # A handful of arrays of the size of Y, two of a row block (8 MiB each); X itself has 58 MB.
    assert peak < 2.5 * block + 8 * targets
    assert peak < 0.75 * X.nbytes
