"""The two ways of looking at the columns, the whole Gram matrix and growing working sets, answer alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given

from solvers import GroupSparsity, Status, solve, solve_path
from solvers.regression import group_solver, working_set
from solvers.regression.design import dense_gram_pays
from tests.properties.test_group_sparsity import WELL_SCALED, largest_lam, penalty
from tests.strategies import Problem, problems


@contextmanager
def forced(*, full: bool = False, columns_per_sample: float = 2) -> Iterator[None]:
    """Inside the block the choice of the method is not the cost rule's; undone at its end, so that no test sees another's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_solver, "prefers_full_gram", lambda *_: full)
        patch.setattr(working_set, "_COLUMNS_PER_SAMPLE", columns_per_sample)
        yield


@pytest.mark.parametrize("columns_per_sample", [0, np.inf], ids=["on the residual", "in the Gram matrix"])
@given(p=problems())
def test_working_sets_are_certified_too(columns_per_sample: float, p: Problem) -> None:
    lam = p.lam_share * (largest_lam(p) or 1.0)
    with forced(columns_per_sample=columns_per_sample):
        fit = solve(p.X, p.Y, penalty(p, lam), **p.data())
    assert fit.status is Status.CERTIFIED
    assert fit.certificate.gap <= 1e-6
    assert fit.n_iter <= 300


@given(problems(ugly=WELL_SCALED))
def test_working_sets_reach_the_same_value_as_the_whole_gram_matrix(p: Problem) -> None:
    lam = p.lam_share * (largest_lam(p) or 1.0)
    with forced(columns_per_sample=np.inf):
        ours = solve(p.X, p.Y, penalty(p, lam), **p.data(), tol=1e-10)
    with forced(full=True):
        other = solve(p.X, p.Y, penalty(p, lam), **p.data(), tol=1e-10)
    assert abs(ours.objective - other.objective) <= 1e-10 * ours.null_loss + 1e-13 * np.sum(p.Y**2)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("centre", [0.0, 1e4])
def test_a_wide_path_grows_its_working_set(order: str, centre: float) -> None:
    rng = np.random.default_rng(0)
    X = np.asarray(rng.standard_normal((60, 3000)) + centre, order=order)
    Y = X[:, :5] @ rng.standard_normal((5, 3)) + rng.standard_normal((60, 3))
    assert not dense_gram_pays(60, 3000, 3, 20)
    path = solve_path(X, Y, n_lams=20, lam_ratio=1e-2, tol=1e-9)
    assert np.all(path.gaps <= 1e-9)
    alone = solve(X, Y, GroupSparsity(path.lams[-1]), tol=1e-9)
    assert abs(alone.objective - path.fits[-1].objective) <= 1e-9 * alone.null_loss
    assert 0 < len(alone.support) < 3000


def test_the_cost_rule_follows_shape_and_memory() -> None:
    assert dense_gram_pays(10_000, 280, 16, 1)
    assert not dense_gram_pays(500, 20_000, 20, 1)
    assert not dense_gram_pays(10**6, 5_000, 1, 1)
    assert dense_gram_pays(10**6, 5_000, 1, 100)
    assert not dense_gram_pays(10**6, 20_000, 1000, 1000)
