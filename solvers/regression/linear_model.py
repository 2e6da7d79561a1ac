"""What every fitted linear model can do: predict, and say which inputs it uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, softmax

from solvers._arrays import as_inputs, as_number
from solvers.errors import IncompatibleError, InputError
from solvers.regression.design import row_blocks
from solvers.results import Record

Array = np.ndarray[Any, np.dtype[np.float64]]


class LinearModel(Record):
    """Base of results with ``coef (n_targets, n_features)`` and an ``intercept``; ``family`` and ``classes`` as in `Fit`."""

    coef: Array
    intercept: Array
    family: str
    classes: np.ndarray[Any, Any] | None
    is_vector: bool

    @property
    def support(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Indices of the inputs that are in use: columns of ``coef`` with a non-zero entry."""
        return np.flatnonzero(self.coef.any(axis=0))

    @property
    def sparsity(self) -> float:
        """Share of the inputs that are removed, exactly."""
        return 1.0 - len(self.support) / self.coef.shape[1]

    def sparsity_at(self, threshold: float = 1e-3) -> float:
        """Share of the inputs whose coefficients are all below ``threshold`` in absolute value: the draft's measure."""
        threshold = as_number(threshold, "threshold")
        return float(np.mean(np.all(np.abs(self.coef) < threshold, axis=0)))

    def decision_function(self, X: Any) -> Array:
        """``X coef' + intercept`` for ``X (n, n_features)``: shape (n, n_targets), or (n,) where Y was a vector of targets.

        For logistic losses the linear predictor: log-odds, of each class up to a constant per row.
        """
        X = as_inputs(X)
        if X.shape[1] != self.coef.shape[1]:
            raise InputError(f"X must have {self.coef.shape[1]} columns, as in the fit, got {X.shape[1]}")
        if X.dtype == np.float32:
            values = np.concatenate([X[rows] @ self.coef.T for rows in row_blocks(*X.shape)]) + self.intercept
        else:
            values = X @ self.coef.T + self.intercept
        return values[:, 0] if self.is_vector and self.classes is None else values

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """What is most probable at ``X (n, n_features)``, in the form of the Y that was fitted.

        Squared loss: the conditional mean, (n, n_targets) or (n,). Multinomial: class labels (n,), or one-hot rows if Y was
        one-hot. Logistic: zeros and ones, as integers.
        """
        values = self.decision_function(X)
        if self.family == "squared":
            return values
        if self.classes is None:
            return (values > 0).astype(np.int64)
        best = np.argmax(values, axis=1)
        return self.classes[best] if self.is_vector else np.eye(len(self.classes), dtype=np.int64)[best]

    def predict_proba(self, X: Any) -> Array:
        """Probabilities at ``X (n, n_features)``: of each class, (n, n_classes); for logistic fits of each target being 1.

        Raises
        ------
        IncompatibleError
            For the squared loss, which has none.
        """
        if self.family == "squared":
            raise IncompatibleError("predict_proba is for loss='multinomial' and 'logistic': this fit is of the squared loss")
        values = self.decision_function(X)
        if self.classes is None:
            return expit(values)
        return softmax(values, axis=1)
