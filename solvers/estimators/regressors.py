"""Regressors with one strength: the squared loss under group sparsity and under regularised ShrinkNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from solvers._arrays import as_sample_weight
from solvers.estimators.base import FLOATS, SPARSE, AtOneStrength, Data, Estimator, GroupSparse, Shrinking
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
        return Data(X, y, y.reshape(X.shape[0], -1), weights)

    def _publish(self, fit: Fit) -> None:
        single = fit.is_vector
        self.coef_ = fit.coef[0].copy() if single else fit.coef.copy()
        self.intercept_ = float(fit.intercept[0]) if single else fit.intercept.copy()


class GroupSparsityRegressor(GroupSparse, AtOneStrength, Regressor):
    """Linear regression that removes whole inputs, for all targets at once: multi-task Lasso with a certificate.

    ``minimise  1/(2n) sum_i s_i ||y_i - coef x_i - intercept||^2 + lam sum_j w_j ||coef_:j||_2``,  n = sum_i s_i.

    Parameters
    ----------
    lam : float or "auto"
        Strength of the penalty, in the units of the loss per unit of ``coef_``; scikit-learn's ``alpha``. ``"auto"`` is a tenth of
        `lambda_max`, the strength that removes every input: it follows the units of X and y, and it is a start, not a choice.
        `GroupSparsityRegressorCV` chooses.
    weights : array_like (n_features,), optional
        Non-negative weight ``w_j`` of each input; 0 leaves one unpenalised; all one where omitted.
    fit_intercept : bool
        Whether to fit an intercept; it is never penalised.
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
        Rounds of the solver.
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
    The penalty compares coefficients: inputs of different units should be standardised first
    (``make_pipeline(StandardScaler(), GroupSparsityRegressor())``). To select inputs in a pipeline, write
    ``SelectFromModel(GroupSparsityRegressor(), threshold=1e-12)``: scikit-learn's default threshold is the mean of ``|coef_|``, and
    one of 0 keeps everything.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import GroupSparsityRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> Y = X[:, [0, 1]] + 0.1 * rng.standard_normal((100, 2))
    >>> model = GroupSparsityRegressor(lam=0.1).fit(X, Y)
    >>> model.coef_.round(2)
    array([[0.91, 0.  , 0.  , 0.  , 0.  ],
           [0.  , 0.87, 0.  , 0.  , 0.  ]])
    >>> print(model.result_.status, model.result_.support)
    certified [0 1]
    """

    def __init__(
        self,
        lam: float | str = "auto",
        *,
        weights: Sequence[float] | Array | None = None,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        time_limit: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.lam = lam
        self.weights = weights
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.time_limit = time_limit
        self.random_state = random_state


class ShrinkNetRegressor(Shrinking, AtOneStrength, Regressor):
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
    fit_intercept, tol, max_iter, time_limit, random_state
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
    >>> ShrinkNetRegressor().fit(X, Y).coef_.round(2)
    """

    def __init__(
        self,
        lam: float | str = "auto",
        lam2: float = 1.0,
        p: float = 2.0,
        *,
        weights: Sequence[float] | Array | None = None,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        time_limit: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.lam = lam
        self.lam2 = lam2
        self.p = p
        self.weights = weights
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.time_limit = time_limit
        self.random_state = random_state
