"""What all estimators share: parameters become a penalty and keyword arguments, an answer becomes attributes.

Estimators are dataclasses: a parameter is a field of the class that reads it, and ``__init__`` takes the fields of all
bases. Where several bases have a field the first one's default counts; positional parameters begin with those of the last base.
``__init__`` is written for decorated classes alone, so each class that is instantiated is decorated; ``eq=False, repr=False``
leave these two to scikit-learn.
"""

# Annotations are evaluated here, not kept as text: in the constructors of classes in other modules they could not be looked up.

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self, cast

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from solvers.errors import InputError
from solvers.regression.fit import Fit
from solvers.regression.penalties import GroupSparsity, Penalty
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.solver import lambda_max, solve
from solvers.results import Limit

Array = np.ndarray[Any, np.dtype[np.float64]]

AUTO_SHARE = 0.1
"""``lam="auto"`` penalises with this share of the strength that removes every input."""

SPARSE = ["csr", "csc"]
"""The sparse formats in which X is accepted."""

FLOATS = [np.float64, np.float32]


@dataclass(frozen=True)
class Data:
    """What one call of ``fit`` was given, checked.

    Attributes
    ----------
    X : (n_samples, n_features)
        Inputs.
    y : (n_samples,) or (n_samples, n_outputs)
        What the caller asked for: numbers or labels.
    Y : (n_samples,) or (n_samples, n_outputs)
        The same as `solve` takes it for this loss.
    outputs : (n_samples, n_outputs)
        The same as numbers, one column per row of ``Fit.coef``; of labels, zeros and ones.
    weights : (n_samples,) or None
        The samples' weights, those of their classes included.
    """

    X: Any
    y: np.ndarray[Any, Any]
    Y: np.ndarray[Any, Any]
    outputs: Array
    weights: Array | None


@dataclass(eq=False, repr=False, kw_only=True)
class Estimator(BaseEstimator, ABC):
    """Data in, `Fit` out. Subclasses say which penalty, which loss, and how its strength is chosen."""

    weights: Any = None
    fit_intercept: bool = True
    standardize: bool = False
    tol: float = 1e-6
    max_iter: int = 10_000
    time_limit: float | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)
            Inputs; also data frames of pandas and polars.
        y : array_like (n_samples,) or (n_samples, n_outputs)
            What is to be predicted.
        sample_weight : array_like (n_samples,), optional
            Non-negative weights: 2 counts as a duplicated row, 0 as a removed one; their scale does not matter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For wrong data, and `InputError`, which is one, for wrong parameters.

        KeyboardInterrupt
            At Ctrl-C, the best answer so far being kept (none in cross-validation).

        Warns
        -----
        ConvergenceWarning
            If the certificate does not meet ``tol``.
        """
        data = self._check(X, y, sample_weight)
        self.result_ = self._solve(data)
        # scikit-learn asks for at least 1; zero is an answer without a round, and so may be a neighbour's on the path.
        self.n_iter_ = max(self.result_.n_iter, 1)
        self._publish(self.result_)
        if self.result_.limit is Limit.INTERRUPT:
            # `solve` keeps its answer at Ctrl-C, and so does the estimator; but a search or a pipeline around it is to stop.
            raise KeyboardInterrupt
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @property
    @abstractmethod
    def _family(self) -> str:
        """The name of the loss, as `solve` takes it."""

    @abstractmethod
    def _penalty(self, lam: float) -> Penalty:
        """The penalty of strength ``lam``."""

    @abstractmethod
    def _check(self, X: Any, y: Any, sample_weight: Any) -> Data:
        """The caller's data, or an error that says what is wrong with it."""

    @abstractmethod
    def _solve(self, data: Data) -> Fit:
        """The fit to publish."""

    @abstractmethod
    def _publish(self, fit: Fit) -> None:
        """Set ``coef_`` and ``intercept_`` in scikit-learn's shapes."""

    def _problem(self) -> dict[str, Any]:
        """Keyword arguments that say what is minimised, the same for `solve`, `solve_path` and `lambda_max`."""
        return {"loss": self._family, "fit_intercept": self.fit_intercept, "standardize": self.standardize}

    def _effort(self) -> dict[str, Any]:
        """Keyword arguments of `solve` and `solve_path` that say how hard to try."""
        return {"tol": self.tol, "max_iter": self.max_iter, "time_limit": self.time_limit}

    def _linear(self, X: Any) -> Array:
        """``X coef_' + intercept_``."""
        check_is_fitted(self)
        fitted = cast(Any, self)
        X = validate_data(self, X, reset=False, accept_sparse=SPARSE, dtype=FLOATS)
        return X @ fitted.coef_.T + fitted.intercept_


@dataclass(eq=False, repr=False)
class AtOneStrength(Estimator):
    """Estimators with a parameter ``lam``."""

    lam: float | str = "auto"
    _: KW_ONLY
    random_state: Any = None

    def _solve(self, data: Data) -> Fit:
        penalty = self._penalty(self._strength(data))
        self.lam_ = penalty.lam
        options = self._problem() | self._effort()
        return solve(data.X, data.Y, penalty, sample_weight=data.weights, random_state=self.random_state, **options)

    def _strength(self, data: Data) -> float:
        if not isinstance(self.lam, str):
            return self.lam
        if self.lam != "auto":
            raise InputError(f"lam must be a number or 'auto', got {self.lam!r}")
        penalty = self._penalty(1.0)
        largest = lambda_max(data.X, data.Y, penalty, sample_weight=data.weights, **self._problem())
        # The share is one of mu for ShrinkNet, which grows like lam^q: as along paths.
        power = penalty.q if isinstance(penalty, RegularizedShrinkNet) else 1.0
        return AUTO_SHARE ** (1.0 / power) * (largest or 1.0)


@dataclass(eq=False, repr=False, kw_only=True)
class GroupSparse(Estimator):
    """Estimators that minimise a loss plus ``sum_j w_j (lam ||coef_:j|| + l2/2 ||coef_:j||^2)``."""

    l2: float = 0.0
    groups: Sequence[int] | Array | None = None

    def _penalty(self, lam: float) -> Penalty:
        return GroupSparsity(lam, self.weights, self.l2, self.groups)


@dataclass(eq=False, repr=False)
class Shrinking(Estimator):
    """Estimators that minimise a loss plus ``lam sum_j w_j |beta_j| + lam2 ||A||_p^p``, with ``coef = A diag(beta)``."""

    lam2: float = 1.0
    p: float = 2.0

    def _penalty(self, lam: float) -> Penalty:
        return RegularizedShrinkNet(lam, self.lam2, self.p, self.weights)
