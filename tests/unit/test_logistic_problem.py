"""The smallest steps of the logistic losses, where rounding decides."""

import numpy as np
import pytest

from solvers import GroupSparsity, certify, lambda_max, solve
from solvers.regression.links import LINKS
from solvers.regression.logistic_problem import LogisticProblem
from solvers.regression.problem import Options


@pytest.mark.parametrize("seed", range(20))
def test_the_pseudo_inverse_ignores_a_constant_added_to_all_classes(seed: int) -> None:
    p = np.random.default_rng(seed).uniform(1e-6, 1.0, size=2 + seed % 4)
    p /= p.sum()
    inverse = LINKS["multinomial"].inverse(np.diag(p) - np.outer(p, p))
    assert np.max(np.abs(inverse @ np.ones(len(p)))) <= 1e-6 * np.max(np.abs(inverse))


@pytest.mark.parametrize("size", [1.0, 1e2, 1e5, 1e9])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_best_intercept_is_found_whatever_the_predictor(size: float, n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    y = np.arange(40) % n_classes
    X = np.eye(n_classes)[y] + rng.uniform(5.0, 50.0) + 0.1 * rng.standard_normal((40, n_classes))
    problem = LogisticProblem.build(X, y, "multinomial", Options(fit_intercept=True))
    B = size * (np.eye(n_classes) + 0.01 * rng.standard_normal((n_classes, n_classes)))
    at = problem.evaluate(B)
    # Of separable labels the loss falls with the size of the predictor, if the intercept follows.
    assert at.loss <= problem.evaluate(B / 10.0).loss
    assert at.deficit <= 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_the_intercept_of_a_column_far_from_zero_may_be_rounded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = np.column_stack([1e6 + rng.standard_normal(3), rng.standard_normal((3, 2))])
    y = np.array([0, 1, 0])
    fit = solve(X, y, GroupSparsity(0.1 * lambda_max(X, y, loss="multinomial")), loss="multinomial")
    assert certify(fit, X, y).holds
