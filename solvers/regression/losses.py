"""Losses as objects: what `check_loss` examines, and the three that are minimised.

A loss is a function of a sample's linear predictor ``z (n_targets,)`` and its target y, convex in z. All methods work on rows:
``Z (n_samples, n_targets)`` and targets ``Y (n_samples, n_targets)`` as numbers, zeros and ones for the logistic losses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlogy

from solvers.errors import IncompatibleError, InputError
from solvers.regression.links import Link, Sigmoid, Softmax
from solvers.results import saveable

Array = np.ndarray[Any, np.dtype[np.float64]]

_ROUNDING = 1e-9
"""By how much a conjugate's argument may leave the domain."""


class Loss(ABC):
    """A loss ``loss(z, y)`` of one sample, convex and smooth in z; subclass it as a frozen dataclass.

    ``curvature_bound`` is an upper bound on the eigenvalues of the Hessian in z, for every z and y.
    """

    name: ClassVar[str]
    curvature_bound: ClassVar[float]

    @abstractmethod
    def value(self, Z: Array, Y: Array) -> Array:
        """The loss of each sample, (n_samples,)."""

    @abstractmethod
    def gradient(self, Z: Array, Y: Array) -> Array:
        """Its gradient in z, (n_samples, n_targets)."""

    @abstractmethod
    def hessian(self, Z: Array, Y: Array, T: Array) -> Array:
        """The products ``H_i t_i`` of the Hessians in z with the rows of ``T``, (n_samples, n_targets)."""

    @abstractmethod
    def conjugate(self, U: Array, Y: Array) -> Array:
        """``sup_z <u, z> - loss(z, y)`` of each sample, (n_samples,); infinite outside its domain."""

    @abstractmethod
    def draw_targets(self, n_samples: int, n_targets: int, rng: np.random.Generator) -> Array:
        """Random targets ``Y (n_samples, n_targets)`` of the kind the loss is for."""


@saveable
@dataclass(frozen=True)
class SquaredLoss(Loss):
    """``1/2 ||y - z||^2``, for numbers; ``solve(loss="squared")``.

    Examples
    --------
    >>> import numpy as np
    >>> SquaredLoss().value(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    array([2.])
    """

    name = "squared"
    curvature_bound = 1.0

    def value(self, Z: Array, Y: Array) -> Array:
        return 0.5 * np.sum((Y - Z) ** 2, axis=1)

    def gradient(self, Z: Array, Y: Array) -> Array:
        return Z - Y

    def hessian(self, Z: Array, Y: Array, T: Array) -> Array:
        return T.copy()

    def conjugate(self, U: Array, Y: Array) -> Array:
        return np.sum(0.5 * U**2 + U * Y, axis=1)

    def draw_targets(self, n_samples: int, n_targets: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal((n_samples, n_targets))


class _LinkLoss(Loss):
    """A loss that the solvers know as a `Link`."""

    _link: ClassVar[Link]

    def value(self, Z: Array, Y: Array) -> Array:
        return self._link.predict(Z, Y).losses

    def gradient(self, Z: Array, Y: Array) -> Array:
        return -self._link.predict(Z, Y).R

    def hessian(self, Z: Array, Y: Array, T: Array) -> Array:
        return self._link.hessian(self._link.predict(Z, Y).P, T)


@saveable
@dataclass(frozen=True)
class MultinomialLoss(_LinkLoss):
    """``log sum_k exp(z_k) - <y, z>``, one of several classes, y being zeros and a one; ``solve(loss="multinomial")``.

    Examples
    --------
    >>> import numpy as np
    >>> MultinomialLoss().value(np.zeros((1, 4)), np.eye(4)[:1]).round(4)
    array([1.3863])
    """

    name = "multinomial"
    curvature_bound = Softmax.bound
    _link = Softmax()

    def conjugate(self, U: Array, Y: Array) -> Array:
        """Minus the entropy of the probabilities ``u + y``."""
        P = U + Y
        inside = np.all(-_ROUNDING <= P, axis=1) & (np.abs(np.sum(P, axis=1) - 1.0) <= _ROUNDING)
        P = np.clip(P, 0.0, 1.0)
        return np.where(inside, np.sum(xlogy(P, P), axis=1), np.inf)

    def draw_targets(self, n_samples: int, n_targets: int, rng: np.random.Generator) -> Array:
        return np.eye(n_targets)[rng.integers(0, n_targets, n_samples)]


@saveable
@dataclass(frozen=True)
class LogisticLoss(_LinkLoss):
    """``sum_t log(1 + exp(z_t)) - y_t z_t``, several yes-no targets, y being zeros and ones; ``solve(loss="logistic")``.

    Examples
    --------
    >>> import numpy as np
    >>> LogisticLoss().value(np.zeros((1, 2)), np.array([[0.0, 1.0]])).round(4)
    array([1.3863])
    """

    name = "logistic"
    curvature_bound = Sigmoid.bound
    _link = Sigmoid()

    def conjugate(self, U: Array, Y: Array) -> Array:
        """Minus the entropies of the probabilities ``u + y``."""
        P = U + Y
        inside = np.all((-_ROUNDING <= P) & (P <= 1.0 + _ROUNDING), axis=1)
        P = np.clip(P, 0.0, 1.0)
        return np.where(inside, np.sum(xlogy(P, P) + xlogy(1.0 - P, 1.0 - P), axis=1), np.inf)

    def draw_targets(self, n_samples: int, n_targets: int, rng: np.random.Generator) -> Array:
        return (rng.random((n_samples, n_targets)) < 0.5).astype(np.float64)


LOSSES: dict[str, Loss] = {loss.name: loss for loss in (SquaredLoss(), MultinomialLoss(), LogisticLoss())}


def loss_name(loss: Any) -> str:
    """The name of one of `LOSSES`, given as itself or as the object."""
    if isinstance(loss, str) and loss in LOSSES:
        return loss
    if isinstance(loss, Loss):
        if LOSSES.get(getattr(loss, "name", "")) == loss:
            return loss.name
        raise IncompatibleError(
            f"loss must be one of {', '.join(map(repr, LOSSES))} to be minimised, got {loss!r}: "
            "a loss of your own can be examined by check_loss, its certificate needs a solver of its own"
        )
    raise InputError(f"loss must be one of {', '.join(map(repr, LOSSES))}, got {loss!r}")
