"""The estimators behave as scikit-learn's own do, and answer as `solve` and `solve_path` do."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from solvers import GroupSparsityClassifier, GroupSparsityRegressor, ShrinkNetRegressor

SINGLE = [
    GroupSparsityRegressor(),
    ShrinkNetRegressor(),
    GroupSparsityClassifier(),
    GroupSparsityClassifier(loss="logistic"),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@parametrize_with_checks(SINGLE)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
