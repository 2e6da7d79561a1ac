"""Regressors with one strength: the squared loss under group sparsity and under regularised ShrinkNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from solvers._arrays import as_sample_weight
from solvers.estimators.base import FLOATS, SPARSE, AtOneStrength, Data, Estimator, GroupSparse, Shrinking
from solvers.estimators.cross_validation import AlongAPath
from solvers.regression.fit import Fit

Array = np.ndarray[Any, np.dtype[np.float64]]


class Regressor(RegressorMixin, Estimator):
    """Least squares for one target or several."""

    def predict(self, X: Any) -> Array:
        """The conditional mean at ``X (n, n_features)``: (n,) or (n, n_targets), as the y that was fitted."""
        return self._linear(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @property
    def _family(self) -> str:
        return "squared"

    def _check(self, X: Any, y: Any, sample_weight: Any) -> Data:
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, accept_sparse=SPARSE, dtype=FLOATS)
        weights = as_sample_weight(sample_weight, X.shape[0])
        return Data(X, y, y, y.reshape(X.shape[0], -1), weights)

    def _publish(self, fit: Fit) -> None:
        single = fit.is_vector
        self.coef_ = fit.coef[0].copy() if single else fit.coef.copy()
        self.intercept_ = float(fit.intercept[0]) if single else fit.intercept.copy()


@dataclass(eq=False, repr=False)
class GroupSparsityRegressor(Regressor, GroupSparse, AtOneStrength):
    """Linear regression that removes whole inputs, for all targets at once: multi-task Lasso with a certificate.

    ``minimise  1/(2n) sum_i s_i ||y_i - coef x_i - intercept||^2 + lam sum_j w_j ||coef_:j||_2``,  n = sum_i s_i.

    Parameters
    ----------
    lam : float or "auto"
        Strength of the penalty, in the units of the loss per unit of ``coef_``; scikit-learn's ``alpha``. ``"auto"`` is a tenth
        of `lambda_max`, the strength that removes every input: it follows the units of X and y, and it is a start, not a
        choice. `GroupSparsityRegressorCV` chooses.
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
        Stop once the duality gap is at most ``tol`` times the loss of the intercept-only model.
    max_iter : int
        Largest number of rounds: one sweep over the inputs and some Newton steps.
    time_limit : float, optional
        Seconds after which the best point so far is taken.
    random_state : optional
        Passed on to `solve`; convex problems do not use it.

    Attributes
    ----------
    coef_ : (n_features,) or (n_targets, n_features)
        Coefficients; a removed input is exactly zero in all targets.
    intercept_ : float or (n_targets,)
        Intercept; zero without one.
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
    GroupSparsityRegressorCV : Chooses ``lam`` by cross-validation.

    Notes
    -----
    The penalty compares coefficients: for inputs of different units write ``standardize=True``. To select inputs in a pipeline,
    write
    ``SelectFromModel(GroupSparsityRegressor(), threshold=1e-12)``: scikit-learn's default threshold is the mean of ``|coef_|``,
    and one of 0 keeps everything.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import GroupSparsityRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> Y = X[:, [0, 1]] + 0.1 * rng.standard_normal((100, 2))
    >>> model = GroupSparsityRegressor(lam=0.1).fit(X, Y)
    >>> model.coef_.round(2)
    array([[ 0.86, -0.02,  0.  ,  0.  ,  0.  ],
           [ 0.  ,  0.91,  0.  ,  0.  ,  0.  ]])
    >>> print(model.result_.status, model.result_.support)
    certified [0 1]
    """


@dataclass(eq=False, repr=False)
class ShrinkNetRegressor(Regressor, Shrinking, AtOneStrength):
    """Linear regression under regularised ShrinkNet: removes whole inputs and shrinks the others less than group sparsity does.

    ``minimise  1/(2n) sum_i s_i ||y_i - coef x_i - intercept||^2 + lam sum_j w_j |beta_j| + lam2 ||A||_p^p``
    over ``coef = A diag(beta)`` and the intercept,  n = sum_i s_i. Not convex: the certificate is that of `RegularizedShrinkNet`.

    Parameters
    ----------
    lam : float or "auto"
        Strength on ``beta``. ``"auto"`` is the one at which the equivalent penalty on ``coef_`` is a tenth of what removes every
        input: a start, not a choice. `ShrinkNetRegressorCV` chooses.
    lam2 : float
        Strength on ``A``, positive. Only ``lam**p * lam2`` matters for ``coef_``: leave one of the two as it is.
    p : float
        Exponent, positive: 2 removes inputs, 1 also single entries inside the inputs that stay.
    weights : array_like (n_features,), optional
        Positive weight ``w_j`` of each ``|beta_j|``; all one where omitted.
    fit_intercept, standardize, tol, max_iter, time_limit, random_state
        As in `GroupSparsityRegressor`.

    Attributes
    ----------
    coef_, intercept_, result_, lam_, n_iter_, n_features_in_, feature_names_in_
        As in `GroupSparsityRegressor`; ``result_.A`` and ``result_.beta`` are the factors.

    See Also
    --------
    solve : The function behind it.
    RegularizedShrinkNet : The penalty and what is known about it.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import ShrinkNetRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> Y = X[:, [0, 1]] + 0.1 * rng.standard_normal((100, 2))
    >>> model = ShrinkNetRegressor().fit(X, Y)
    >>> abs(model.coef_).round(1)
    array([[0.9, 0. , 0. , 0. , 0. ],
           [0. , 1. , 0. , 0. , 0. ]])
    >>> model.result_.support
    array([0, 1])
    """


@dataclass(eq=False, repr=False)
class GroupSparsityRegressorCV(Regressor, GroupSparse, AlongAPath):
    """`GroupSparsityRegressor` with ``lam`` chosen by cross-validation.

    One grid of lam, from `lambda_max` of all the data down, serves all folds. A fold's loss is the weighted mean over its
    held-out samples of the squared error, summed over targets. The answer is the fit to all the data at the chosen lam.

    Parameters
    ----------
    lams : array_like (n_lams,), optional
        The grid; where omitted, ``n_lams`` values spaced geometrically from `lambda_max` to ``lam_ratio`` times that.
    n_lams : int
        Number of values.
    lam_ratio : float
        Smallest over largest value.
    cv : int, splitter or iterable
        Number of folds, a scikit-learn splitter, or pairs of index arrays ``(train, test)``; splitters that need groups are
        written ``cv=list(GroupKFold(5).split(X, y, groups))``.
    selection : {"min", "1se"}
        ``"min"``: the lam of smallest mean loss. ``"1se"``: the largest lam whose mean loss is within one standard error of that,
        a model with fewer inputs that is as good as the data can tell.
    n_jobs : int, optional
        Folds fitted at once, by joblib; in threads unless ``joblib.parallel_config`` says otherwise. The answer does not depend
        on it.
    weights, l2, groups, fit_intercept, standardize, tol
        As in `GroupSparsityRegressor`.
    max_iter : int
        Largest number of rounds for each lam.
    time_limit : float, optional
        Seconds for each of the ``n_folds + 1`` paths; the values of lam that all of them reached are compared.

    Attributes
    ----------
    coef_, intercept_, n_iter_, n_features_in_, feature_names_in_
        As in `GroupSparsityRegressor`.
    lam_, lam_min_, lam_1se_ : float
        The chosen lam, and what either ``selection`` would choose; for one fold they are equal.
    lams_ : (n_lams,)
        The grid, decreasing.
    losses_ : (n_lams, n_folds)
        Held-out losses.
    path_ : Path
        The fits to all the data, each with its certificate.
    result_ : Fit
        The one at ``lam_``.

    See Also
    --------
    solve_path : The function behind it.

    Notes
    -----
    The mean over the folds weights each by its held-out ``sample_weight``; the standard error is
    ``sqrt(variance over the folds / (n_folds - 1))``.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import GroupSparsityRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 20))
    >>> Y = X[:, [0, 1]] + rng.standard_normal((100, 2))
    >>> model = GroupSparsityRegressorCV(n_lams=30, selection="1se").fit(X, Y)
    >>> model.result_.support
    array([0, 1])
    >>> model.lam_min_ < model.lam_1se_
    True
    """


@dataclass(eq=False, repr=False)
class ShrinkNetRegressorCV(Regressor, Shrinking, AlongAPath):
    """`ShrinkNetRegressor` with ``lam`` chosen by cross-validation, as in `GroupSparsityRegressorCV`.

    Parameters
    ----------
    lam2, p
        As in `ShrinkNetRegressor`; only ``lam**p * lam2`` matters for ``coef_``, so that one lam2 is enough.
    lam_ratio : float
        Smallest over largest strength of the equivalent penalty on ``coef_``, as in `solve_path`.
    lams, n_lams, cv, selection, weights, fit_intercept, standardize, tol, max_iter, time_limit, n_jobs
        As in `GroupSparsityRegressorCV`.

    Attributes
    ----------
    coef_, intercept_, lam_, lam_min_, lam_1se_, lams_, losses_, path_, result_, n_iter_, n_features_in_, feature_names_in_
        As in `GroupSparsityRegressorCV`; ``result_.A`` and ``result_.beta`` are the factors.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import ShrinkNetRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 20))
    >>> Y = X[:, [0, 1]] + rng.standard_normal((100, 2))
    >>> ShrinkNetRegressorCV(n_lams=20).fit(X, Y).result_.support
    array([0, 1])
    """
