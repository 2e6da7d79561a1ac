"""On real, ill-conditioned data: read from the folder named by ``SOLVERS_DATA``, skipped without it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from solvers import GroupSparsity, certify, lambda_max, solve, solve_path


@pytest.fixture(scope="module", params=["oes97.npz", "scm20d.npz"])
def data(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    folder = os.environ.get("SOLVERS_DATA")
    if not folder or not (Path(folder) / request.param).exists():
        pytest.skip("SOLVERS_DATA names no folder with the data")
    with np.load(Path(folder) / request.param, allow_pickle=True) as file:
        X, Y = file["X"], file["Y"]
    return (X - X.mean(axis=0)) / X.std(axis=0, ddof=1), (Y - Y.mean(axis=0)) / Y.std(axis=0, ddof=1)


@pytest.mark.parametrize("share", [1e-1, 1e-2, 1e-3, 1e-4])
def test_a_gap_of_1e_12_is_reached(data: tuple[np.ndarray, np.ndarray], share: float) -> None:
    X, Y = data
    fit = solve(X, Y, GroupSparsity(share * lambda_max(X, Y)), tol=1e-12)
    assert fit.certificate.gap <= 1e-12
    assert certify(fit, X, Y).gap <= 1e-12
    assert fit.n_iter <= 100


def test_the_whole_path_is_certified(data: tuple[np.ndarray, np.ndarray]) -> None:
    path = solve_path(*data, n_lams=30, tol=1e-8)
    assert np.all(path.gaps <= 1e-8)
    assert np.all(np.diff(path.losses) < 0)
