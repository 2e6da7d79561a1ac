"""Classifiers with one strength: multinomial and logistic regression under group sparsity and under regularised ShrinkNet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.sparse import issparse
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import validate_data

from solvers._arrays import as_number, as_sample_weight
from solvers.errors import IncompatibleError, InputError
from solvers.estimators.base import FLOATS, SPARSE, AtOneStrength, Data, Estimator, GroupSparse, Shrinking
from solvers.estimators.cross_validation import AlongAPath
from solvers.regression.fit import Fit

Array = np.ndarray[Any, np.dtype[np.float64]]
ClassWeight = Mapping[Any, float] | str | None

_LOSSES = ("multinomial", "logistic")


@dataclass(eq=False, repr=False, kw_only=True)
class Classifier(ClassifierMixin, Estimator):
    """Linear classification: one label per sample, or, with the logistic loss, several yes-no targets."""

    tol: float = 1e-12
    loss: str = "multinomial"
    class_weight: ClassWeight = None

    def decision_function(self, X: Any) -> Array:
        """Log-odds at ``X (n, n_features)``.

        Two classes: of the second, (n,). More: a column per class, (n, n_classes), up to a constant per row for the multinomial
        loss and against all other classes for the logistic one. Several targets: of each being 1, (n, n_targets).
        """
        values = self._linear(X)
        return values[:, 0] if values.shape[1] == 1 else values

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """The most probable label for each row of ``X (n, n_features)``, (n,); or zeros and ones, (n, n_targets)."""
        values = self.decision_function(X)
        if self.multilabel_:
            return (values > 0).astype(np.int64)
        return self.classes_[(values > 0).astype(np.intp) if values.ndim == 1 else np.argmax(values, axis=1)]

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes at ``X (n, n_features)``, (n, n_classes); of several targets that of each being 1.

        With ``loss="logistic"`` and more than two classes: each class's own probability, divided by their sum.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of `predict_proba`, also where the probabilities themselves would be 0 in float64."""
        values = self.decision_function(X)
        if self.multilabel_:
            return log_expit(values)
        if values.ndim == 1:
            return np.column_stack([log_expit(-values), log_expit(values)])
        return log_softmax(values if self.loss == "multinomial" else log_expit(values), axis=1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        cast(Any, tags.classifier_tags).multi_label = self.loss == "logistic"
        return tags

    @property
    def _family(self) -> str:
        return self.loss

    def _check(self, X: Any, y: Any, sample_weight: Any) -> Data:
        if self.loss not in _LOSSES:
            raise InputError(f"loss must be one of {', '.join(map(repr, _LOSSES))}, got {self.loss!r}")
        several = self.loss == "logistic"
        X, y = validate_data(self, X, y, multi_output=several, accept_sparse=SPARSE, dtype=FLOATS)
        check_classification_targets(y)
        weights = as_sample_weight(sample_weight, X.shape[0])
        self.multilabel_ = several and type_of_target(y) == "multilabel-indicator"
        if self.multilabel_:
            return self._of_targets(X, y.toarray() if issparse(y) else y, weights)
        return self._of_labels(X, column_or_1d(y, warn=True), weights)

    def _of_targets(self, X: Any, Y: np.ndarray[Any, Any], weights: Array | None) -> Data:
        if self.class_weight is not None:
            raise IncompatibleError(
                f"class_weight is for one label per sample, got y of shape {Y.shape}: write fit(X, y, sample_weight=...)"
            )
        self.classes_ = np.arange(Y.shape[1])
        return Data(X, Y, Y, Y.astype(np.float64), weights)

    def _of_labels(self, X: Any, y: np.ndarray[Any, Any], weights: Array | None) -> Data:
        self.classes_, codes = np.unique(y, return_inverse=True)
        weights = self._with_class_weight(codes, weights)
        seen = np.unique(codes if weights is None else codes[weights > 0])
        if len(seen) < 2:
            raise InputError(
                f"y must have at least two classes with positive weight, got one class, {self.classes_[seen].tolist()}: "
                "there is nothing to tell apart"
            )
        one_hot = np.eye(len(self.classes_))[codes]
        if self.loss == "multinomial":
            return Data(X, y, y, one_hot, weights)
        if len(self.classes_) == 2:
            return Data(X, y, codes, one_hot[:, 1:], weights)
        return Data(X, y, one_hot, one_hot, weights)

    def _with_class_weight(self, codes: np.ndarray[Any, Any], weights: Array | None) -> Array | None:
        """The weights times those of the classes; ``codes`` (n_samples,) are indices into ``classes_``."""
        if self.class_weight is None:
            return weights
        weights = np.ones(len(codes)) if weights is None else weights
        if isinstance(self.class_weight, Mapping):
            given = self.class_weight
            of_class = [as_number(given.get(label, 1.0), f"class_weight[{label!r}]") for label in self.classes_.tolist()]
            return weights * np.array(of_class)[codes]
        if self.class_weight != "balanced":
            raise InputError(f"class_weight must be None, 'balanced' or a dict from labels to weights, got {self.class_weight!r}")
        totals = np.bincount(codes, weights=weights)
        return weights / np.where(totals > 0, totals, 1.0)[codes]

    def _publish(self, fit: Fit) -> None:
        coef, intercept = fit.coef.copy(), fit.intercept.copy()
        if self.loss == "multinomial" and len(coef) == 2:
            # The log-odds of the second class, as scikit-learn has them; ``result_`` keeps both rows.
            coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
        self.coef_, self.intercept_ = coef, intercept


@dataclass(eq=False, repr=False)
class GroupSparsityClassifier(Classifier, GroupSparse, AtOneStrength):
    """Multinomial or logistic regression that removes whole inputs, for all classes at once.

    ``minimise  1/n sum_i s_i loss(coef x_i + intercept, y_i) + lam sum_j w_j ||coef_:j||_2``,  n = sum_i s_i,
    with the negative log-likelihood as loss.

    Parameters
    ----------
    lam : float or "auto"
        Strength of the penalty, in the units of the loss per unit of ``coef_``. ``"auto"`` is a tenth of `lambda_max`, the
        strength that removes every input: it follows the units of X, and it is a start, not a choice.
        `GroupSparsityClassifierCV` chooses.
    loss : {"multinomial", "logistic"}
        ``"multinomial"``: one label per sample, probabilities by softmax. ``"logistic"``: an independent sigmoid for each class
        (two classes need one), or for each column of a y of zeros and ones, (n_samples, n_targets).
    class_weight : dict from labels to weights, "balanced" or None
        Multiplies ``sample_weight`` by the weight of each sample's class; classes that a dict leaves out have weight 1.
        ``"balanced"`` gives all classes the same total weight.
    weights : array_like (n_features,), optional
        Non-negative weight ``w_j`` of each input; 0 leaves one unpenalised; all one where omitted.
    l2 : float
        Strength of the ridge ``l2/2 sum_j w_j ||coef_:j||^2`` beside it, at least 0: it makes nearly collinear inputs share their
        coefficients. `solve` says more; `docs/penalty_strength.md` translates it to scikit-learn's ``l1_ratio``.
    groups : array_like of int (n_features,), optional
        The group of each input; the inputs of a group stay or go together, and ``weights`` are those of the groups by increasing
        number, or "sqrt_size". One group per input where omitted.
    fit_intercept : bool
        Whether to fit an intercept; it is never penalised.
    standardize : bool
        Whether the penalty acts on the coefficients of columns divided by their standard deviation; ``coef_`` is for X as given.
    tol : float
        Stop once the duality gap is at most ``tol`` times the loss of the intercept-only model. Newton steps make the default
        nearly as cheap as 1e-6, and it fixes seven digits of the probabilities, as scikit-learn's checks ask.
    max_iter : int
        Largest number of rounds: one sweep over the inputs and some Newton steps.
    time_limit : float, optional
        Seconds after which the best point so far is taken.
    random_state : optional
        Passed on to `solve`; convex problems do not use it.

    Attributes
    ----------
    coef_ : (n_classes, n_features), (1, n_features) or (n_targets, n_features)
        Coefficients; a removed input is exactly zero in all rows. Of two classes the one row is that of the log-odds of the
        second, as in scikit-learn; under the multinomial loss ``result_.coef`` has a row for each.
    intercept_ : (n_classes,), (1,) or (n_targets,)
        Intercepts; infinite for a class or target of which only one outcome has weight.
    classes_ : (n_classes,)
        The labels, sorted; for several targets their numbers.
    multilabel_ : bool
        Whether y was several targets.
    result_ : Fit
        The full answer: certificate, status, objective, dual point.
    lam_ : float
        The strength that was used.
    n_iter_ : int
        Rounds of the solver, at least 1.
    n_features_in_ : int
        Number of inputs.
    feature_names_in_ : (n_features,) of str
        Their names, where X was a data frame.

    See Also
    --------
    solve : The function behind it.
    GroupSparsityClassifierCV : Chooses ``lam`` by cross-validation.

    Notes
    -----
    The penalty compares coefficients: for inputs of different units write ``standardize=True``.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import GroupSparsityClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> y = np.where(X[:, 1] > 0.5, "high", np.where(X[:, 1] < -0.5, "low", "middle"))
    >>> model = GroupSparsityClassifier(lam=0.1).fit(X, y)
    >>> model.coef_.round(2)
    array([[ 0.  ,  1.95,  0.  ,  0.  ,  0.  ],
           [ 0.  , -2.  ,  0.  ,  0.  ,  0.  ],
           [ 0.  ,  0.05,  0.  ,  0.  ,  0.  ]])
    >>> model.predict([[0.0, 2.0, 0.0, 0.0, 0.0]])
    array(['high'], dtype='<U6')
    """


@dataclass(eq=False, repr=False)
class ShrinkNetClassifier(Classifier, Shrinking, AtOneStrength):
    """Multinomial or logistic regression under regularised ShrinkNet: removes whole inputs and shrinks the others less.

    ``minimise  1/n sum_i s_i loss(coef x_i + intercept, y_i) + lam sum_j w_j |beta_j| + lam2 ||A||_p^p``
    over ``coef = A diag(beta)`` and the intercept,  n = sum_i s_i. Not convex: the certificate is that of `RegularizedShrinkNet`.

    Parameters
    ----------
    lam : float or "auto"
        Strength on ``beta``. ``"auto"`` is the one at which the equivalent penalty on ``coef_`` is a tenth of what removes every
        input: a start, not a choice. `ShrinkNetClassifierCV` chooses.
    lam2 : float
        Strength on ``A``, positive. Only ``lam**p * lam2`` matters for ``coef_``: leave one of the two as it is.
    p : float
        Exponent, positive: 2 removes inputs, 1 also single entries inside the inputs that stay.
    weights : array_like (n_features,), optional
        Positive weight ``w_j`` of each ``|beta_j|``; all one where omitted.
    loss, class_weight, fit_intercept, standardize, tol, max_iter, time_limit, random_state
        As in `GroupSparsityClassifier`.

    Attributes
    ----------
    coef_, intercept_, classes_, multilabel_, result_, lam_, n_iter_, n_features_in_, feature_names_in_
        As in `GroupSparsityClassifier`; ``result_.A`` and ``result_.beta`` are the factors.

    See Also
    --------
    solve : The function behind it.
    RegularizedShrinkNet : The penalty and what is known about it.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import ShrinkNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> y = np.where(X[:, 1] > 0.5, "high", np.where(X[:, 1] < -0.5, "low", "middle"))
    >>> model = ShrinkNetClassifier().fit(X, y)
    >>> model.result_.support
    array([1])
    """


@dataclass(eq=False, repr=False)
class GroupSparsityClassifierCV(Classifier, GroupSparse, AlongAPath):
    """`GroupSparsityClassifier` with ``lam`` chosen by cross-validation.

    One grid of lam, from `lambda_max` of all the data down, serves all folds. A fold's loss is the weighted mean over its
    held-out samples of the negative log-likelihood; classes that its training part lacks do not count. The answer is the fit to
    all the data at the chosen lam.

    Parameters
    ----------
    lams, n_lams, lam_ratio, selection, max_iter, time_limit, n_jobs
        As in `GroupSparsityRegressorCV`.
    cv : int, splitter or iterable
        As in `GroupSparsityRegressorCV`; a number of folds means stratified ones where each sample has one label.
    loss, weights, l2, groups, fit_intercept, standardize, tol
        As in `GroupSparsityClassifier`.
    class_weight : dict from labels to weights, "balanced" or None
        As in `GroupSparsityClassifier`; computed once, from all the data, it counts in training and in the held-out loss, as a
        ``sample_weight`` does.

    Attributes
    ----------
    coef_, intercept_, classes_, multilabel_, n_iter_, n_features_in_, feature_names_in_
        As in `GroupSparsityClassifier`.
    lam_, lam_min_, lam_1se_, lams_, losses_, path_, result_
        As in `GroupSparsityRegressorCV`.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import GroupSparsityClassifierCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 10))
    >>> y = np.where(X[:, 1] + 0.5 * rng.standard_normal(100) > 0, "yes", "no")
    >>> model = GroupSparsityClassifierCV(n_lams=20, selection="1se").fit(X, y)
    >>> model.result_.support, model.score(X, y)
    (array([1, 3]), 0.78)
    """


@dataclass(eq=False, repr=False)
class ShrinkNetClassifierCV(Classifier, Shrinking, AlongAPath):
    """`ShrinkNetClassifier` with ``lam`` chosen by cross-validation, as in `GroupSparsityClassifierCV`.

    Parameters
    ----------
    lam2, p
        As in `ShrinkNetClassifier`; only ``lam**p * lam2`` matters for ``coef_``, so that one lam2 is enough.
    lam_ratio : float
        Smallest over largest strength of the equivalent penalty on ``coef_``, as in `solve_path`.
    lams, n_lams, cv, selection, loss, class_weight, weights, fit_intercept, standardize, tol, max_iter, time_limit, n_jobs
        As in `GroupSparsityClassifierCV`.

    Attributes
    ----------
    coef_, intercept_, classes_, multilabel_, lam_, lam_min_, lam_1se_, lams_, losses_, path_, result_, n_iter_, \
    n_features_in_, feature_names_in_
        As in `GroupSparsityClassifierCV`; ``result_.A`` and ``result_.beta`` are the factors.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import ShrinkNetClassifierCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 10))
    >>> y = np.where(X[:, 1] + 0.5 * rng.standard_normal(100) > 0, "yes", "no")
    >>> ShrinkNetClassifierCV(n_lams=10).fit(X, y).result_.support
    array([1])
    """
