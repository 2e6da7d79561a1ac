"""When a neuron (here: an input with its switch beta) is removed while training runs: the draft's section 3.1.

The adopted strategy watches the sign ``s_t = sign(beta_t)`` after each optimiser step, by an exponentially weighted mean ``m``
and variance ``v`` with inertia ``gamma``:

    d_t = s_t - m_{t-1},    v_t = gamma v_{t-1} + (1 - gamma) d_t^2,    m_t = gamma m_{t-1} + (1 - gamma) s_t,

and removes where ``v_t > threshold``. **What this does.** From a settled sign (m = -s, v = 0), t steps after a zero crossing

    v_t = 4 gamma^{t-1} (1 - gamma^t),

which rises to ``1 / gamma`` (where gamma^t = 1/2). So for a threshold of at most 1 *one* crossing removes the input as soon as it
has lasted ``ln((1 + sqrt(1 - gamma threshold)) / 2) / ln gamma`` steps, about ``0.158 / (1 - gamma)`` at threshold 1/2; a shorter
one is forgiven. It is a rule about crossings that last, not about oscillation.

All strategies here are one rule with different numbers, so that one compiled kernel serves them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from solvers._arrays import as_number
from solvers._compile import helper
from solvers.errors import IncompatibleError, InputError
from solvers.results import saveable

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class RemovalRule(NamedTuple):
    """A strategy for kernels: remove where ``v > threshold`` (or, randomized, at random), or ``|beta| < magnitude``."""

    gamma: float
    threshold: float
    magnitude: float
    randomized: bool


class Removal(ABC):
    """A strategy of removal."""

    @abstractmethod
    def rule(self) -> RemovalRule:
        """The numbers of the rule."""

    def initial_means(self, beta: Array) -> Array:
        """``m_0`` for the initial ``beta (n_features,)``."""
        return np.sign(beta)


@saveable
@dataclass(frozen=True)
class SignVariance(Removal):
    """Remove an input whose switch changed sign, and kept the new sign long enough.

    Parameters
    ----------
    gamma : float
        Inertia, in [0, 1); ``1 - gamma`` is what the draft's Figure 2 calls aggressiveness. 0 is `FirstSignChange`.
    threshold : float
        Largest variance of the sign that is tolerated, in (0, 4).
    initial_mean : {"sign", 0, 1}
        The running mean at the start: the sign of the initial switch, or that number for all inputs. With 1 every switch that
        starts negative is removed unless it turns positive within `steps_to_removal` steps, however useful: about half of
        them. The recorded runs of the draft's Figure 2 did so. With 0 and ``gamma < 1 - threshold`` everything is removed at
        once.
    randomized : bool
        Remove with probability ``v / threshold`` at each step instead.

    Raises
    ------
    InputError, IncompatibleError
        For numbers out of range, and wrong types.

    References
    ----------
    ShrinkNets draft, section 3.1, and the authors' published code.

    Examples
    --------
    >>> SignVariance(gamma=0.99).steps_to_removal  # 0.158 / (1 - gamma)
    16
    >>> SignVariance(gamma=0.999).steps_to_removal
    159
    """

    gamma: float = 0.99
    threshold: float = 0.5
    initial_mean: str | int = "sign"
    randomized: bool = False

    def __post_init__(self) -> None:
        gamma = as_number(self.gamma, "gamma", advice="gamma=0 removes at the first change of sign")
        if gamma >= 1:
            raise InputError(f"gamma must be less than 1, got {gamma:g}: write NoRemoval() to keep every input")
        threshold = as_number(self.threshold, "threshold", strict=True, advice="the draft's is 0.5")
        if threshold >= 4:
            raise InputError(
                f"threshold must be less than 4, the largest variance of a sign, got {threshold:g}: write NoRemoval() to keep "
                "every input"
            )
        if isinstance(self.initial_mean, bool) or self.initial_mean not in ("sign", 0, 1):
            raise InputError(f"initial_mean must be 'sign', 0 or 1, got {self.initial_mean!r}")
        if not isinstance(self.randomized, (bool, np.bool_)):
            raise IncompatibleError(f"randomized must be True or False, got {self.randomized!r}")
        object.__setattr__(self, "gamma", gamma)
        object.__setattr__(self, "threshold", threshold)
        object.__setattr__(self, "randomized", bool(self.randomized))

    def rule(self) -> RemovalRule:
        return RemovalRule(self.gamma, self.threshold, 0.0, self.randomized)

    def initial_means(self, beta: Array) -> Array:
        return np.sign(beta) if self.initial_mean == "sign" else np.full(len(beta), float(self.initial_mean))

    def variance_after(self, t: int) -> float:
        """``4 gamma^{t-1} (1 - gamma^t)``: the variance ``t`` steps after a lasting change of a settled sign."""
        return 4.0 * self.gamma ** (t - 1) * (1.0 - self.gamma**t)

    @property
    def steps_to_removal(self) -> int | None:
        """Steps for which a change of a settled sign has to last to remove the input; None where one change never does.

        The first t with ``variance_after(t) > threshold``: the smaller root of ``4 u (1 - u) = gamma threshold`` in
        ``1 - u = 1 - gamma^t``, rounded up.
        """
        if self.variance_after(1) > self.threshold:
            return 1
        inside = 1.0 - self.gamma * self.threshold
        if inside < 0:
            return None
        t = max(1, math.floor(math.log(0.5 * (1.0 + math.sqrt(inside))) / math.log(self.gamma)))
        # Between the two roots there may be no integer: then no step exceeds the threshold.
        return next((k for k in (t, t + 1) if self.variance_after(k) > self.threshold), None)


@saveable
@dataclass(frozen=True)
class FirstSignChange(Removal):
    """Remove an input as soon as its switch changes sign: `SignVariance` with ``gamma=0``. Sensitive to noise in the gradient."""

    def rule(self) -> RemovalRule:
        return RemovalRule(0.0, 0.5, 0.0, False)


@saveable
@dataclass(frozen=True)
class Threshold(Removal):
    """Remove an input once ``|beta| < value``. Depends on the scale of A: ``(t A, beta / t)`` is the same model.

    Parameters
    ----------
    value : float
        Positive.

    Raises
    ------
    InputError, IncompatibleError
        If it is not.
    """

    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", as_number(self.value, "value", strict=True, advice="write NoRemoval() to keep all"))

    def rule(self) -> RemovalRule:
        return RemovalRule(0.0, math.inf, self.value, False)


@saveable
@dataclass(frozen=True)
class NoRemoval(Removal):
    """Keep every input: the baseline."""

    def rule(self) -> RemovalRule:
        return RemovalRule(0.0, math.inf, 0.0, False)


def as_removal(removal: object) -> Removal:
    """The strategy that the caller gave."""
    if not isinstance(removal, Removal):
        raise IncompatibleError(
            f"removal must be a strategy, got {removal!r}: "
            "write SignVariance(), FirstSignChange(), Threshold(value) or NoRemoval()"
        )
    return removal


@helper
def remove(rule: RemovalRule, beta: Array, mean: Array, variance: Array, alive: Mask, noise: Array, stays_dead: bool) -> int:
    """Update the statistics by the present signs, set the switches of removed inputs to 0, and count the newly removed.

    ``noise (n_features,)`` in (0, 1] is read for randomized rules only. ``stays_dead`` removes every switch that is not positive.
    """
    n_removed = 0
    for j in range(beta.shape[0]):
        if not alive[j]:
            beta[j] = 0.0
            continue
        sign = 1.0 if beta[j] > 0.0 else (-1.0 if beta[j] < 0.0 else 0.0)
        d = sign - mean[j]
        variance[j] = rule.gamma * variance[j] + (1.0 - rule.gamma) * d * d
        mean[j] = rule.gamma * mean[j] + (1.0 - rule.gamma) * sign
        limit = rule.threshold * noise[j] if rule.randomized else rule.threshold
        if variance[j] > limit or abs(beta[j]) < rule.magnitude or (stays_dead and not beta[j] > 0.0):
            alive[j] = False
            beta[j] = 0.0
            n_removed += 1
    return n_removed
