"""ShrinkNet's penalties: each column of ``coef`` is a product ``beta_j A_:j``, and the penalty is on the factors.

The model sees the factors only through ``W = A diag(beta)``. Minimising the penalty over all factorisations of a given W leaves a
penalty on W alone, and the minimisers correspond:

    min_{beta a = w}  lam |beta| + lam2 ||a||_p^p  =  mu ||w||_p^q,
    q = p / (p + 1),    mu = (1 + 1/p) lam^q (p lam2)^(1 / (p + 1)),    |beta| = (p lam2 ||w||_p^p / lam)^(1 / (p + 1)).

Only ``lam^p lam2`` matters for W: the two strengths are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from solvers._arrays import as_number
from solvers.errors import IncompatibleError, InputError
from solvers.regression.bridge import BridgeKernel, bridge_kernel
from solvers.regression.penalties import GroupKernel, GroupSparsity, Penalty, as_weights, column_norms, column_strengths
from solvers.results import saveable, shorten

Array = np.ndarray[Any, np.dtype[np.float64]]

_SMALLEST = 1e-290
"""Factors and penalty terms below this (or above its inverse) lose digits to underflow: such columns are set to zero."""


class Factors(NamedTuple):
    """A factorisation ``coef = A * beta``.

    ``A (n_targets, n_features)``, ``beta (n_features,)``; ``n_lost`` columns could not be represented and are zero.
    """

    A: Any
    beta: Any
    n_lost: int


@saveable
@dataclass(frozen=True)
class RegularizedShrinkNet(Penalty):
    """Regularised ShrinkNet: ``lam sum_j w_j |beta_j| + lam2 ||A||_p^p`` with ``coef = A diag(beta)``.

    Equal, after the best factorisation, to the group bridge ``sum_j mu_j ||coef_:j||_p^q`` with ``q = p / (p + 1)`` and
    ``mu_j = (1 + 1/p) (lam w_j)^q (p lam2)^(1 / (p + 1))``; this is what is minimised. Not convex: it shrinks large columns less
    than group sparsity does, and removes small ones more sharply. At every minimiser
    ``lam w_j |beta_j| = p lam2 ||A_:j||_p^p``.

    Parameters
    ----------
    lam : float
        Strength on ``beta``, at least 0. With 0 nothing keeps ``beta`` from growing while ``A`` vanishes: the answer is then
        least squares, and its status ``not_attained``.
    lam2 : float
        Strength on ``A``, positive. Both are in units of the loss; the draft's belong to a loss that is a mean over samples and
        outputs: multiply them by ``n_targets / 2``.
    p : float
        Exponent, positive. 2 removes inputs, 1 also single entries inside the inputs that stay.
    weights : array_like (n_features,) or None
        Positive weight ``w_j`` of each ``|beta_j|``; None for all one.

    Raises
    ------
    InputError
        If ``lam`` is negative, ``lam2``, ``p`` or a weight not positive, or one of them not finite.

    References
    ----------
    ShrinkNets draft, eq. (10); Xu et al. (2012) and Cao, Sun and Xu (2013) for the thresholding operators.

    Examples
    --------
    >>> import numpy as np
    >>> penalty = RegularizedShrinkNet(lam=1.0, lam2=0.5, p=2)
    >>> float(penalty.mu(1)[0]), round(penalty.value(np.array([[8.0]])), 12)
    (1.5, 6.0)
    >>> factors = penalty.factors(np.array([[8.0]]))
    >>> factors.A.round(12), factors.beta.round(12)
    (array([[2.]]), array([4.]))
    """

    lam: float
    lam2: float
    p: float = 2.0
    weights: Sequence[float] | Array | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lam", as_number(self.lam, "lam", advice="lam=0 means unpenalised"))
        object.__setattr__(
            self, "lam2", as_number(self.lam2, "lam2", strict=True, advice="without it no minimiser exists: write ShrinkNet(lam)")
        )
        object.__setattr__(self, "p", as_number(self.p, "p", strict=True, advice="the draft recommends p=2 or p=1"))
        weights = as_weights(self.weights)
        if weights is not None and not np.all(weights > 0):
            raise InputError(
                "weights must be positive: with weight 0 beta_j grows without bound while A_:j vanishes, and no minimiser "
                "exists; write GroupSparsity(lam, weights=...) to leave an input unpenalised"
            )
        object.__setattr__(self, "weights", weights)

    @property
    def q(self) -> float:
        """``p / (p + 1)``: the exponent of the penalty on W."""
        return self.p / (self.p + 1.0)

    def lams(self, n_features: int) -> Array:
        """``lam w_j`` for each of ``n_features`` columns."""
        return column_strengths(self.lam, self.weights, n_features)

    def mu(self, n_features: int) -> Array:
        """``mu_j = (1 + 1/p) (lam w_j)^q (p lam2)^(1 / (p + 1))``."""
        return (1.0 + 1.0 / self.p) * self.lams(n_features) ** self.q * (self.p * self.lam2) ** (1.0 / (self.p + 1.0))

    def lam_of(self, mu: float) -> float:
        """The ``lam`` at which a column of weight 1 has strength ``mu``."""
        return (mu / ((1.0 + 1.0 / self.p) * (self.p * self.lam2) ** (1.0 / (self.p + 1.0)))) ** (1.0 / self.q)

    def kernel(self, n_features: int) -> BridgeKernel:
        return bridge_kernel(self.mu(n_features), self.p)

    def factors(self, coef: Array) -> Factors:
        """The cheapest ``A, beta >= 0`` with ``A diag(beta)`` = ``coef (n_targets, n_features)``, to the last digits.

        Columns whose factors or penalty terms under- or overflow are set to zero and counted.
        """
        if self.lam == 0.0:
            return Factors(coef.copy(), coef.any(axis=0).astype(np.float64), 0)
        lams = self.lams(coef.shape[1])
        with np.errstate(all="ignore"):
            root = 1.0 / (self.p + 1.0)
            beta = _bridges(coef, self.p) * ((self.p * self.lam2) ** root / lams**root)
            A = coef / beta
            sizes = np.stack([beta, lams * beta, np.max(np.abs(A), axis=0), np.max(np.abs(coef), axis=0)])
            kept = np.all((sizes > _SMALLEST) & (sizes < 1.0 / _SMALLEST), axis=0)
        lost = coef.any(axis=0) & ~kept
        return Factors(np.where(kept, A, 0.0), np.where(kept, beta, 0.0), int(np.count_nonzero(lost)))

    def __repr__(self) -> str:
        weights = "" if self.weights is None else f", weights={shorten(self.weights)}"
        return f"RegularizedShrinkNet(lam={self.lam!r}, lam2={self.lam2!r}, p={self.p!r}{weights})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RegularizedShrinkNet):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.lam, self.lam2, self.p, None if self.weights is None else tuple(self.weights)


@saveable
@dataclass(frozen=True)
class ShrinkNet(Penalty):
    """ShrinkNet: ``lam ||beta||_1`` with ``coef = A diag(beta)``.

    With free columns of ``A`` nothing is penalised: ``(A / t, t beta)`` has the same ``coef`` at ``t`` times the price. For
    ``lam > 0`` the infimum is that of the loss alone, and no minimiser attains it unless zero coefficients do. With columns of
    unit length it is exactly group sparsity.

    Parameters
    ----------
    lam : float
        Strength, at least 0.
    unit_columns : bool
        Whether ``||A_:j|| = 1`` is required; then ``|beta_j| = ||coef_:j||`` and the penalty is ``GroupSparsity(lam)``.

    Raises
    ------
    InputError, IncompatibleError
        If ``lam`` is negative or not finite, or ``unit_columns`` no bool.

    References
    ----------
    ShrinkNets draft, eq. (7) and (9), Propositions A.1 and A.3.

    Examples
    --------
    >>> import numpy as np
    >>> coef = np.array([[3.0, 0.0], [4.0, 0.0]])
    >>> ShrinkNet(0.5).value(coef), ShrinkNet(0.5, unit_columns=True).value(coef)
    (0.0, 2.5)
    """

    lam: float
    unit_columns: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "lam", as_number(self.lam, "lam", advice="lam=0 means unpenalised"))
        if not isinstance(self.unit_columns, (bool, np.bool_)):
            raise IncompatibleError(f"unit_columns must be True or False, got {self.unit_columns!r}")
        object.__setattr__(self, "unit_columns", bool(self.unit_columns))

    def reduced(self) -> GroupSparsity:
        """The penalty on ``coef`` that is left after the best factorisation."""
        return GroupSparsity(self.lam if self.unit_columns else 0.0)

    def kernel(self, n_features: int) -> GroupKernel:
        return self.reduced().kernel(n_features)

    def factors(self, coef: Array) -> Factors:
        """``A`` of unit columns and ``beta`` their lengths, or ``A`` = ``coef`` and ``beta`` 1 on its support."""
        if not self.unit_columns:
            return Factors(coef.copy(), coef.any(axis=0).astype(np.float64), 0)
        beta = column_norms(coef)
        first = np.zeros_like(coef)
        first[0] = 1.0
        return Factors(np.where(beta > 0, coef / np.where(beta > 0, beta, 1.0), first), beta, 0)


def _bridges(coef: Array, p: float) -> Array:
    """``||coef_:j||_p^q`` of each column, without overflow."""
    largest = np.max(np.abs(coef), axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    return largest ** (p / (p + 1.0)) * np.sum((np.abs(coef) / safe) ** p, axis=0) ** (1.0 / (p + 1.0))
