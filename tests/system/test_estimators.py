"""The estimators behave as scikit-learn asks of any."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from solvers import (
    GroupSparsityClassifier,
    GroupSparsityClassifierCV,
    GroupSparsityRegressor,
    GroupSparsityRegressorCV,
    ShrinkNetClassifier,
    ShrinkNetClassifierCV,
    ShrinkNetRegressor,
    ShrinkNetRegressorCV,
)

CHECKED = [
    GroupSparsityRegressor(),
    ShrinkNetRegressor(),
    GroupSparsityClassifier(),
    GroupSparsityClassifier(loss="logistic"),
    ShrinkNetClassifier(),
    GroupSparsityRegressorCV(n_lams=3, lam_ratio=0.1, cv=2),
    ShrinkNetRegressorCV(n_lams=3, lam_ratio=0.1, cv=2),
    GroupSparsityClassifierCV(n_lams=3, lam_ratio=0.1, cv=2),
    ShrinkNetClassifierCV(n_lams=2, lam_ratio=0.1, cv=2),
]


@pytest.mark.filterwarnings("ignore::solvers.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@parametrize_with_checks(CHECKED)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
