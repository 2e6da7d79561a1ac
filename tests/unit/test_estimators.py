"""The estimators answer as `solve` and `solve_path` do, in scikit-learn's shapes and among scikit-learn's tools."""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import replace
from typing import Any, get_type_hints

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_matrix
from scipy.special import expit, logsumexp
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import Lasso, LogisticRegression, MultiTaskLasso
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import solvers
from solvers import (
    ConvergenceWarning,
    GroupSparsity,
    GroupSparsityClassifier,
    GroupSparsityClassifierCV,
    GroupSparsityRegressor,
    GroupSparsityRegressorCV,
    IncompatibleError,
    InputError,
    MissingDependencyError,
    RegularizedShrinkNet,
    ShrinkNetClassifier,
    ShrinkNetClassifierCV,
    ShrinkNetRegressor,
    ShrinkNetRegressorCV,
    certify,
    errors,
    lambda_max,
    solve,
    solve_path,
)
from solvers.estimators.base import Data
from solvers.estimators.cross_validation import Choice, choose, grams_pay

EXACT = {"tol": 1e-11}
Labels = np.ndarray[Any, Any]


def regression(n_samples: int = 80, n_features: int = 12, n_targets: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    coef = np.zeros((n_targets, n_features))
    coef[:, :3] = rng.standard_normal((n_targets, 3)) + 1.0
    return X, X @ coef.T + 1.0 + rng.standard_normal((n_samples, n_targets))


def classification(n_classes: int = 3, n_samples: int = 120) -> tuple[np.ndarray, Labels]:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n_samples, 8))
    scores = 2.0 * X[:, :n_classes] + rng.gumbel(size=(n_samples, n_classes))
    return X, np.array(["apple", "pear", "plum", "quince"])[np.argmax(scores, axis=1)]


def yes_no(n_targets: int = 3) -> tuple[np.ndarray, np.ndarray]:
    X, Y = regression(n_targets=n_targets)
    return X, (Y.mean(axis=0) < Y).astype(int)


# At one strength.


@pytest.mark.parametrize(
    ("model", "penalty"),
    [
        (GroupSparsityRegressor(0.1), GroupSparsity(0.1)),
        (GroupSparsityRegressor(0.1, weights=np.arange(12.0)), GroupSparsity(0.1, np.arange(12.0))),
        (GroupSparsityRegressor(0.1, l2=0.3), GroupSparsity(0.1, l2=0.3)),
        (ShrinkNetRegressor(0.2, 0.3, 1), RegularizedShrinkNet(0.2, 0.3, 1)),
    ],
    ids=["group sparsity", "weighted", "with a ridge", "ShrinkNet"],
)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_regressor_is_solve(model, penalty, fit_intercept):
    X, Y = regression()
    s = np.linspace(0, 2, len(X))
    model = clone(model).set_params(fit_intercept=fit_intercept).fit(X, Y, sample_weight=s)
    fit = solve(X, Y, penalty, fit_intercept=fit_intercept, sample_weight=s)
    assert_array_equal(model.coef_, fit.coef)
    assert_array_equal(model.intercept_, fit.intercept)
    assert_allclose(model.predict(X), fit.predict(X), rtol=1e-12)
    assert model.result_.certificate == fit.certificate == certify(model.result_, X, Y, sample_weight=s)
    assert (model.n_iter_, model.lam_) == (fit.n_iter, penalty.lam)


def test_one_target_has_one_row_and_a_column_stays_a_column():
    X, Y = regression(n_targets=1)
    flat, column = GroupSparsityRegressor(0.1).fit(X, Y[:, 0]), GroupSparsityRegressor(0.1).fit(X, Y)
    assert (flat.coef_.shape, column.coef_.shape) == ((12,), (1, 12))
    assert isinstance(flat.intercept_, float)
    assert (flat.predict(X).shape, column.predict(X).shape) == ((80,), (80, 1))
    assert_array_equal(flat.coef_, column.coef_[0])


def test_group_sparsity_is_the_multi_task_lasso():
    X, Y = regression()
    ours, theirs = GroupSparsityRegressor(0.2, **EXACT).fit(X, Y), MultiTaskLasso(0.2, tol=1e-12).fit(X, Y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-6)
    ours, theirs = GroupSparsityRegressor(0.2, **EXACT).fit(X, Y[:, 0]), Lasso(0.2, tol=1e-12).fit(X, Y[:, 0])
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)


def test_the_logistic_loss_of_two_classes_is_the_l1_logistic_regression():
    X, y = classification(2)
    ours = GroupSparsityClassifier(0.05, loss="logistic", **EXACT).fit(X, y)
    theirs = LogisticRegression(l1_ratio=1, C=1 / (0.05 * len(X)), solver="saga", tol=1e-10, max_iter=100_000).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    # The multinomial one has two opposite rows of half the size: ||(w, -w) / 2|| = |w| / sqrt(2).
    both = GroupSparsityClassifier(0.05 * np.sqrt(2), **EXACT).fit(X, y)
    assert_allclose(both.coef_, ours.coef_, atol=1e-5)
    assert both.result_.coef.shape == (2, 8)


@pytest.mark.parametrize(
    ("model", "penalty"),
    [
        (GroupSparsityClassifier(0.01), GroupSparsity(0.01)),
        (GroupSparsityClassifier(0.01, l2=0.1), GroupSparsity(0.01, l2=0.1)),
        (ShrinkNetClassifier(0.01), RegularizedShrinkNet(0.01, 1.0)),
    ],
    ids=["group sparsity", "with a ridge", "ShrinkNet"],
)
def test_a_multinomial_classifier_is_solve(model, penalty):
    X, y = classification()
    model = clone(model).set_params(tol=1e-6).fit(X, y)
    fit = solve(X, y, penalty, loss="multinomial")
    assert_array_equal(model.coef_, fit.coef)
    assert_array_equal(model.classes_, ["apple", "pear", "plum"])
    assert_array_equal(model.predict(X), fit.predict(X))
    assert_allclose(model.predict_proba(X), fit.predict_proba(X), rtol=1e-10)
    assert_allclose(model.result_.intercept.sum(), 0.0, atol=1e-12)
    assert certify(model.result_, X, y).holds


def test_two_classes_have_one_row_of_log_odds():
    X, y = classification(2)
    for loss in ("multinomial", "logistic"):
        model = GroupSparsityClassifier(0.02, loss=loss).fit(X, y)
        odds = model.decision_function(X)
        assert (model.coef_.shape, model.intercept_.shape, odds.shape) == ((1, 8), (1,), (len(X),))
        assert_allclose(model.predict_proba(X)[:, 1], expit(odds))
        assert_array_equal(model.predict(X), model.classes_[(odds > 0).astype(int)])


def test_independent_sigmoids_for_more_classes_are_divided_by_their_sum():
    X, y = classification(4)
    model = GroupSparsityClassifier(0.02, loss="logistic").fit(X, y)
    own = expit(model.decision_function(X))
    assert own.shape == (len(X), 4)
    assert_allclose(model.predict_proba(X), own / own.sum(axis=1, keepdims=True))
    assert_array_equal(model.predict(X), model.classes_[np.argmax(own, axis=1)])
    assert model.score(X, y) > 0.6


def test_several_yes_no_targets():
    X, Y = yes_no()
    model = GroupSparsityClassifier(0.02, loss="logistic").fit(X, Y)
    fit = solve(X, Y, GroupSparsity(0.02), loss="logistic", tol=model.tol)
    assert model.multilabel_
    assert_array_equal(model.classes_, [0, 1, 2])
    assert_array_equal(model.coef_, fit.coef)
    assert_array_equal(model.predict(X), fit.predict(X))
    assert_allclose(model.predict_proba(X), fit.predict_proba(X), rtol=1e-12)
    assert 0.4 < model.score(X, Y) <= 1


def test_probabilities_far_out_keep_their_logarithms():
    X, y = classification()
    model = GroupSparsityClassifier(0.02).fit(X, y)
    logs = model.predict_log_proba(1e5 * X)
    assert np.all(np.isfinite(logs))
    assert logs.min() < -1e4
    assert_allclose(np.exp(logs).sum(axis=1), 1.0)


def test_a_class_without_weight_has_probability_zero():
    X, y = classification()
    model = GroupSparsityClassifier(0.02).fit(X, y, sample_weight=(y != "pear").astype(float))
    assert_array_equal(model.classes_, ["apple", "pear", "plum"])
    assert_array_equal(model.predict_proba(X)[:, 1], 0.0)
    assert "pear" not in model.predict(X)


@pytest.mark.parametrize("loss", ["multinomial", "logistic"])
@pytest.mark.parametrize("weighted", [True, False])
def test_class_weight_is_a_sample_weight(loss, weighted):
    X, y = classification()
    s = np.linspace(0.5, 2, len(X)) if weighted else np.ones(len(X))
    given = {"apple": 3.0, "plum": 0.5}
    by_class = GroupSparsityClassifier(0.02, loss=loss, class_weight=given).fit(X, y, sample_weight=s if weighted else None)
    by_sample = GroupSparsityClassifier(0.02, loss=loss).fit(X, y, sample_weight=s * [given.get(label, 1.0) for label in y])
    assert_array_equal(by_class.coef_, by_sample.coef_)
    balanced = GroupSparsityClassifier(0.02, loss=loss, class_weight="balanced", **EXACT).fit(X, y, sample_weight=s)
    totals = {label: s[y == label].sum() for label in y}
    by_hand = clone(balanced).set_params(class_weight={label: 1 / totals[label] for label in totals})
    assert_allclose(balanced.coef_, by_hand.fit(X, y, sample_weight=s).coef_, atol=1e-5)


def test_auto_is_a_tenth_of_lambda_max_in_any_units():
    X, Y = regression()
    model = GroupSparsityRegressor().fit(X, Y)
    assert model.lam_ == pytest.approx(0.1 * lambda_max(X, Y))
    scaled = GroupSparsityRegressor().fit(1e3 * X, 1e-4 * Y)
    assert_allclose(scaled.coef_, 1e-7 * model.coef_, rtol=1e-6, atol=1e-15)
    shrunk = ShrinkNetRegressor().fit(X, Y)
    path = solve_path(X, Y, RegularizedShrinkNet(1.0, 1.0), n_lams=2, lam_ratio=0.1)
    assert shrunk.lam_ == pytest.approx(path.lams[1])


def test_auto_with_nothing_to_learn_predicts_the_mean():
    X, _ = regression()
    assert_array_equal(GroupSparsityRegressor().fit(X, np.full(len(X), 3.0)).predict(X), 3.0)


# Among scikit-learn's tools.


def test_in_a_pipeline_and_a_search():
    X, y = classification()
    pipeline = make_pipeline(StandardScaler(), GroupSparsityClassifier())
    search = GridSearchCV(pipeline, {"groupsparsityclassifier__lam": [0.3, 0.03], "groupsparsityclassifier__tol": [1e-4]}, cv=3)
    search.fit(X, y)
    assert search.best_params_["groupsparsityclassifier__lam"] == 0.03
    assert search.best_score_ > 0.6


def test_select_from_model_keeps_the_support():
    X, Y = regression()
    selector = SelectFromModel(GroupSparsityRegressor(0.3), threshold=1e-12).set_output(transform="pandas")
    selected = selector.fit_transform(pd.DataFrame(X).add_prefix("x"), Y)
    support = solve(X, Y, GroupSparsity(0.3)).support
    assert 0 < len(support) < 12
    assert list(selected.columns) == [f"x{j}" for j in support]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_data_frames_are_taken_and_their_names_kept(frame):
    X, y = classification()
    names = [f"input {j}" for j in range(8)]
    table = frame(dict(zip(names, X.T, strict=True)))
    labels = pd.Series(y) if frame is pd.DataFrame else pl.Series(y)
    for model in (GroupSparsityClassifier(**EXACT), GroupSparsityClassifierCV(n_lams=5, **EXACT)):
        model.fit(table, labels)
        assert list(model.feature_names_in_) == names
        plain = clone(model).fit(X, y)
        assert_allclose(model.coef_, plain.coef_, atol=1e-5)
        assert_array_equal(model.predict(table), plain.predict(X))


def test_two_dimensional_targets_from_a_frame():
    X, Y = regression()
    model = GroupSparsityRegressor(0.1).fit(pd.DataFrame(X), pd.DataFrame(Y))
    assert_allclose(model.coef_, GroupSparsityRegressor(0.1).fit(X, Y).coef_, atol=1e-12)


def test_not_converging_is_a_warning_at_the_callers_line():
    X, Y = regression()
    with pytest.warns(ConvergenceWarning, match="gap .* is above tol") as caught:
        GroupSparsityRegressor(1e-4, tol=1e-13, max_iter=1).fit(X, Y)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("storage", [csr_matrix, csc_array])
@pytest.mark.parametrize(
    "model", [GroupSparsityRegressorCV(n_lams=5, cv=3, standardize=True), ShrinkNetRegressor(), GroupSparsityClassifier()]
)
def test_sparse_inputs_answer_as_dense_ones_do(model, storage):
    X, Y = regression()
    X = np.where(abs(X) > 1, X, 0.0)
    y = (Y[:, 0] > 0).astype(int) if isinstance(model, GroupSparsityClassifier) else Y
    sparse, dense = clone(model).fit(storage(X), y), clone(model).fit(X, y)
    assert_allclose(sparse.coef_, dense.coef_, atol=1e-5)
    assert_allclose(sparse.predict(storage(X)), dense.predict(X), atol=1e-5)


def test_standardize_is_a_scaler_in_front():
    X, y = classification()
    X = X * np.geomspace(1e-3, 1e3, 8) + 5.0
    ours = GroupSparsityClassifier(standardize=True).fit(X, y)
    theirs = make_pipeline(StandardScaler(), GroupSparsityClassifier()).fit(X, y)
    assert_allclose(ours.coef_ * X.std(axis=0), theirs[-1].coef_, atol=1e-6)
    assert_array_equal(ours.predict(X), theirs.predict(X))


# Cross-validation.


def held_out(kind: str, Z: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Loss of each sample, written another way than in the package."""
    if kind == "squared":
        return np.linalg.norm(Y - Z, axis=1) ** 2
    if kind == "multinomial":
        return logsumexp(Z, axis=1) - Z[np.arange(len(Z)), Y]
    return np.logaddexp(0, np.where(Y == 1, -Z, Z)).sum(axis=1)


def by_hand(X, Y, penalty, splits, s, n_lams, **options):
    """Grid and losses (n_lams, n_folds) of a plain loop."""
    lams = solve_path(X, Y, penalty, n_lams=n_lams, sample_weight=s, **options).lams
    losses = np.empty((n_lams, len(splits)))
    for k, (train, test) in enumerate(splits):
        path = solve_path(X[train], Y[train], penalty, lams=lams, sample_weight=s[train], **options)
        for i, fit in enumerate(path.fits):
            each = held_out(options["loss"], X[test] @ fit.coef.T + fit.intercept, Y[test])
            losses[i, k] = np.average(each, weights=s[test])
    return lams, losses


def cases() -> list[Any]:
    X, Y = regression()
    Z, y = classification()
    codes = np.unique(y, return_inverse=True)[1]
    V, W = yes_no()
    group, ridged, bridge = GroupSparsity(1.0), GroupSparsity(1.0, l2=0.5), RegularizedShrinkNet(1.0, 1.0)
    return [
        pytest.param(GroupSparsityRegressorCV(), X, Y, Y, group, "squared", KFold, id="group sparsity"),
        pytest.param(GroupSparsityRegressorCV(l2=0.5), X, Y, Y, ridged, "squared", KFold, id="with a ridge"),
        pytest.param(ShrinkNetRegressorCV(), X, Y, Y, bridge, "squared", KFold, id="ShrinkNet"),
        pytest.param(GroupSparsityClassifierCV(), Z, y, codes, group, "multinomial", StratifiedKFold, id="multinomial"),
        pytest.param(ShrinkNetClassifierCV(), Z, y, codes, bridge, "multinomial", StratifiedKFold, id="ShrinkNet, multinomial"),
        pytest.param(GroupSparsityClassifierCV(loss="logistic"), V, W, W, group, "logistic", KFold, id="logistic"),
        pytest.param(
            GroupSparsityClassifierCV(loss="logistic", l2=0.5), V, W, W, ridged, "logistic", KFold, id="logistic with a ridge"
        ),
    ]


@pytest.mark.parametrize(("model", "X", "y", "Y", "penalty", "loss", "folds"), cases())
def test_cross_validation_is_the_plain_loop(model, X, y, Y, penalty, loss, folds):
    s = np.random.default_rng(2).uniform(0.5, 2.0, len(X))
    splits = list(folds(4).split(X, y))
    lams, losses = by_hand(X, Y, penalty, splits, s, 8, loss=loss, tol=model.tol)
    model = clone(model).set_params(n_lams=8, cv=4).fit(X, y, sample_weight=s)
    assert_allclose(model.lams_, lams, rtol=1e-12)
    assert_allclose(model.losses_, losses, rtol=1e-6)
    means = np.average(losses, axis=1, weights=[s[test].sum() for _, test in splits])
    assert model.lam_ == model.lam_min_ == model.lams_[np.argmin(means)]
    whole = solve_path(X, y, penalty, loss=loss, n_lams=8, sample_weight=s, tol=model.tol)
    index = list(model.lams_).index(model.lam_)
    assert_array_equal(model.result_.coef, whole.fits[index].coef)
    assert_array_equal(model.path_.coefs, whole.coefs)
    assert model.result_ is model.path_.fits[index]
    sparser = clone(model).set_params(selection="1se").fit(X, y, sample_weight=s)
    assert sparser.lam_ == sparser.lam_1se_ == model.lam_1se_ >= model.lam_min_


def test_the_choice_follows_the_definition():
    # Means 3, 1.1, 1, 1; at the third lam the folds are 0.8 and 1.2: standard error 0.2 / sqrt(1).
    losses = np.array([[3.0, 3.0], [1.1, 1.1], [0.8, 1.2], [1.2, 0.8]])
    assert choose(losses, np.ones(2)) == Choice(2, 1)
    # The fold of 1.2 counts three times: means 3, 1.1, 1.1, 0.9; deviations 0.3 and 0.1, standard error sqrt(0.03).
    assert choose(losses, np.array([1.0, 3.0])) == Choice(3, 3)
    # A fold without weight does not count, one fold has no standard error.
    assert choose(losses, np.array([0.0, 1.0])) == Choice(3, 3)
    assert choose(np.array([[np.nan, 1.0], [np.nan, 1.0]]), np.array([0.0, 1.0])) == Choice(0, 0)


@pytest.mark.parametrize("model", [GroupSparsityRegressorCV(n_lams=10), ShrinkNetRegressorCV(n_lams=5)], ids=["group", "bridge"])
def test_the_answer_does_not_depend_on_the_number_of_jobs(model):
    X, Y = regression()
    alone = clone(model).fit(X, Y)
    together = clone(model).set_params(n_jobs=2).fit(X, Y)
    assert_array_equal(alone.losses_, together.losses_)
    assert_array_equal(alone.coef_, together.coef_)


def test_processes_answer_as_threads_do():
    X, Y = regression()
    alone = GroupSparsityRegressorCV(n_lams=5, cv=3).fit(X, Y)
    with joblib.parallel_config("loky"):
        together = GroupSparsityRegressorCV(n_lams=5, cv=3, n_jobs=2).fit(X, Y)
    assert_array_equal(alone.losses_, together.losses_)


def test_folds_may_be_given_as_indices():
    X, Y = regression()
    groups = np.arange(len(X)) % 3
    splits = list(GroupKFold(3).split(X, Y, groups))
    given, made = GroupSparsityRegressorCV(n_lams=5, cv=splits), GroupSparsityRegressorCV(n_lams=5, cv=iter(splits))
    assert given.fit(X, Y).losses_.shape == (5, 3)
    assert_array_equal(given.losses_, made.fit(X, Y).losses_)


@pytest.mark.parametrize("standardize", [True, False])
def test_merged_grams_train_as_the_rows_themselves(standardize):
    X, Y = regression(200)
    s = np.random.default_rng(3).uniform(0, 2, len(X))
    splits = list(KFold(4).split(X))
    model = GroupSparsityRegressorCV(n_lams=6, cv=splits, standardize=standardize, **EXACT).fit(X, Y, sample_weight=s)
    # Two splits that are no partition take the other way.
    lone = clone(model).set_params(cv=splits[:2]).fit(X, Y, sample_weight=s)
    assert_allclose(model.losses_[:, :2], lone.losses_, rtol=1e-7)


def test_grams_stand_for_folds_only_where_each_is_trained_on_the_others():
    X, Y = regression(200)
    data = Data(X, Y, Y, Y, None)
    splits = list(KFold(4).split(X))
    assert grams_pay(data, splits)
    assert not grams_pay(data, splits[1:])
    assert not grams_pay(data, [(train[1:], test) for train, test in splits])
    assert not grams_pay(data, [(test, train) for train, test in splits])
    assert not grams_pay(data, list(KFold(17).split(X)))
    first = np.arange(200) >= len(splits[0][1])
    assert not grams_pay(replace(data, weights=first.astype(float)), splits)


def test_a_class_that_a_fold_lacks_does_not_count_there():
    X, y = classification()
    y[0] = "quince"
    splits = list(KFold(3).split(X))
    model = GroupSparsityClassifierCV(n_lams=5, cv=splits).fit(X, y)
    assert np.all(np.isfinite(model.losses_))
    assert model.predict_proba(X).shape == (len(X), 4)
    V, W = yes_no()
    W[:, 0] = 0
    W[0, 0] = 1
    assert np.all(np.isfinite(GroupSparsityClassifierCV(n_lams=5, cv=3, loss="logistic").fit(V, W).losses_))


def test_class_weights_count_in_the_held_out_loss():
    X, y = classification()
    given = {"apple": 5.0}
    by_class = GroupSparsityClassifierCV(n_lams=5, class_weight=given).fit(X, y)
    by_sample = GroupSparsityClassifierCV(n_lams=5).fit(X, y, sample_weight=np.where(y == "apple", 5.0, 1.0))
    assert_array_equal(by_class.losses_, by_sample.losses_)
    assert_array_equal(by_class.coef_, by_sample.coef_)


@pytest.mark.filterwarnings("ignore::solvers.ConvergenceWarning")
def test_a_time_limit_compares_what_all_paths_reached():
    X, Y = regression(300, 60)
    model = GroupSparsityRegressorCV(time_limit=0.0).fit(X, Y)
    assert len(model.lams_) == len(model.losses_) == len(model.path_.fits) < 100
    assert model.lam_ in model.lams_


def test_a_fitted_estimator_holds_no_training_data():
    X, Y = regression()
    with pytest.raises(IncompatibleError, match="holds no data"):
        GroupSparsityRegressorCV(n_lams=3).fit(X, Y).path_.at(0.1)


# Parameters that the solver refuses; what the estimators refuse themselves stands with the other bad input.


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (GroupSparsityClassifier(-1), InputError, "lam must be finite and at least 0, got -1"),
        (ShrinkNetClassifier(lam2=0), InputError, "lam2 must be finite and greater than 0, got 0"),
        (GroupSparsityClassifier(loss=None), InputError, "loss must be one of 'multinomial', 'logistic', got None"),
        (GroupSparsityClassifier(class_weight={"pear": -1}), InputError, r"class_weight\['pear'\] must be finite and at least 0"),
        (GroupSparsityClassifier(class_weight={"pear": 0, "plum": 0}), InputError, r"got one class, \['apple'\]"),
        (GroupSparsityClassifier(l2=-1), InputError, "l2 must be finite and at least 0, got -1"),
        (GroupSparsityClassifierCV(l2=np.nan), InputError, "l2 must be finite and at least 0, got nan"),
        (GroupSparsityClassifier(weights=[1.0]), InputError, "weights must have one entry per column of X"),
        (GroupSparsityClassifierCV(lams=[-1.0]), InputError, "lams must not be negative"),
        (GroupSparsityClassifierCV(n_lams=0), InputError, "n_lams must be at least 1"),
        (GroupSparsityClassifierCV(cv=1), ValueError, "n_splits=1"),
    ],
)
def test_wrong_parameters_are_refused_with_advice(model, error, message):
    X, y = classification()
    with pytest.raises(error, match=message):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("cls", "positional", "tol"),
    [
        (GroupSparsityRegressor, ["lam"], 1e-6),
        (ShrinkNetRegressor, ["lam", "lam2", "p"], 1e-6),
        (GroupSparsityRegressorCV, [], 1e-6),
        (ShrinkNetRegressorCV, ["lam2", "p"], 1e-6),
        (GroupSparsityClassifier, ["lam"], 1e-12),
        (ShrinkNetClassifier, ["lam", "lam2", "p"], 1e-12),
        (GroupSparsityClassifierCV, [], 1e-12),
        (ShrinkNetClassifierCV, ["lam2", "p"], 1e-12),
    ],
)
def test_parameters_have_the_documented_order_and_defaults(cls, positional, tol):
    parameters = inspect.signature(cls).parameters
    assert [name for name, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY] == positional
    assert cls().tol == tol
    assert set(get_type_hints(cls.__init__)) == {*parameters, "return"}
    section = inspect.getdoc(cls).partition("Parameters\n")[2].partition("Attributes\n")[0]
    documented = [line.partition(" : ")[0] for line in section.splitlines() if line[:1].isalpha()]
    assert {name for names in documented for name in names.split(", ")} == set(parameters)


def test_without_scikit_learn_the_name_says_how_to_get_it(monkeypatch):
    for name in [key for key in sys.modules if key.startswith("solvers.estimators")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(vars(solvers), "GroupSparsityRegressor", raising=False)
    monkeypatch.setattr(errors, "is_installed", lambda module: module != "sklearn")
    with pytest.raises(MissingDependencyError, match=r"pip install 'shrinknet-solvers\[sklearn\]'"):
        importlib.import_module("solvers.estimators.regressors")
    with pytest.raises(MissingDependencyError, match="an estimator needs the package 'sklearn'"):
        _ = solvers.GroupSparsityRegressor
