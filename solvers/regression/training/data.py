"""The data of a training run, checked: inputs, targets or labels, weights; and the loss of a model on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import entr

from solvers._arrays import as_matrix, as_sample_weight, as_targets
from solvers._blas import matmul
from solvers.errors import IncompatibleError, InputError
from solvers.regression.design import row_blocks
from solvers.regression.labels import as_classes, as_yes_no
from solvers.regression.links import LINKS

Array = np.ndarray[Any, np.dtype[np.float64]]

LOSSES = ("squared", "multinomial", "logistic")


@dataclass(frozen=True)
class TrainingData:
    """What is fitted.

    Attributes
    ----------
    X : (n_samples, n_features)
    Y : (n_samples, n_targets)
        Targets; zeros and ones for labels.
    weights : (n_samples,)
        With sum ``total``.
    null_loss, null_intercept : float, (n_targets,)
        Of the model without inputs; with ``fit_intercept=False`` the intercept is 0.
    """

    X: Array
    Y: Array
    weights: Array
    loss: str
    fit_intercept: bool
    classes: np.ndarray[Any, Any] | None
    is_vector: bool

    @classmethod
    def build(cls, X: Any, Y: Any, loss: str, fit_intercept: bool, sample_weight: Any) -> TrainingData:
        """Check the caller's data."""
        X = as_matrix(X)
        if Y is None:
            raise InputError("Y must be given, got None: write train_shrinknet(X, Y, lam=..., lr=..., n_epochs=...)")
        if loss not in LOSSES:
            raise InputError(f"loss must be one of {', '.join(map(repr, LOSSES))}, got {loss!r}")
        if not isinstance(fit_intercept, (bool, np.bool_)):
            raise IncompatibleError(f"fit_intercept must be True or False, got {fit_intercept!r}")
        weights = as_sample_weight(sample_weight, len(X))
        weights = np.ones(len(X)) if weights is None else weights
        weights.flags.writeable = False
        if loss == "squared":
            targets, is_vector = as_targets(Y, len(X))
            return cls(X, targets, weights, loss, bool(fit_intercept), None, is_vector)
        labels = as_classes(Y, len(X)) if loss == "multinomial" else as_yes_no(Y, len(X))
        if loss == "multinomial" and np.count_nonzero(labels.Y[weights > 0].any(axis=0)) < 2:
            raise InputError("Y must have at least two classes with a positive weight, got one: nothing is left to learn")
        return cls(X, labels.Y, weights, loss, bool(fit_intercept), labels.classes, labels.is_vector)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_targets, n_features)``."""
        return self.Y.shape[1], self.X.shape[1]

    @property
    def total(self) -> float:
        """Sum of the weights: the n of every mean."""
        return float(np.sum(self.weights))

    @property
    def null_intercept(self) -> Array:
        """The best intercept without inputs; where a label never occurs, minus infinity."""
        if not self.fit_intercept:
            return np.zeros(self.Y.shape[1])
        means = self.weights @ self.Y / self.total
        if self.loss == "squared":
            return means
        with np.errstate(divide="ignore"):
            return np.log(means) if self.loss == "multinomial" else np.log(means) - np.log1p(-means)

    @property
    def null_loss(self) -> float:
        """Loss of the model without inputs."""
        if self.loss != "squared" and self.fit_intercept:
            means = self.weights @ self.Y / self.total
            return float(np.sum(entr(means)) + (np.sum(entr(1.0 - means)) if self.loss == "logistic" else 0.0))
        return self.loss_of(np.zeros(self.shape), self.null_intercept)

    def loss_of(self, coef: Array, intercept: Array) -> float:
        """The loss of a model, from X in blocks of rows."""
        total = 0.0
        for rows in row_blocks(*self.X.shape):
            Z = matmul(self.X[rows], coef.T) + intercept
            total += float(self.weights[rows] @ losses_and_residuals(self.loss, Z, self.Y[rows])[0])
        return total / self.total


def losses_and_residuals(loss: str, Z: Array, Y: Array) -> tuple[Array, Array]:
    """Loss of each sample (n,), and its negative gradient in the linear predictor Z, (n, n_targets)."""
    if loss == "squared":
        R = Y - Z
        return 0.5 * np.einsum("it,it->i", R, R), R
    prediction = LINKS[loss].predict(Z, Y)
    return prediction.losses, prediction.R


def as_generator(random_state: Any) -> np.random.Generator:
    """A generator of random numbers from what scikit-learn calls ``random_state``, or a generator."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1, size=4))
    if random_state is None or isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state)
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool) and random_state >= 0:
        return np.random.default_rng(int(random_state))
    raise InputError(f"random_state must be None, a non-negative integer or a NumPy generator, got {random_state!r}")
