"""How many candidates a subset sum needs: the measured law of Lueker's theorem, and lower bounds that hold for any method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_count, as_number
from solvers.errors import InputError
from solvers.results import Record

EPS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)
DELTAS = (0.5, 0.1, 0.01)

MEASURED: dict[str, tuple[tuple[tuple[int, int, int], ...], ...]] = {
    "uniform": (
        ((6, 6, 6), (8, 8, 9), (12, 11, 13)),
        ((7, 7, 7), (10, 10, 10), (13, 12, 15)),
        ((9, 9, 9), (11, 11, 12), (14, 14, 18)),
        ((10, 10, 11), (13, 12, 13), (17, 16, 18)),
        ((12, 12, 12), (14, 14, 14), (18, 17, 19)),
        ((13, 13, 14), (16, 15, 16), (19, 19, 20)),
        ((15, 14, 15), (17, 16, 17), (20, 19, 21)),
        ((16, 16, 16), (18, 18, 18), (21, 20, 22)),
    ),
    "product": (
        ((7, 7, 7), (12, 11, 12), (16, 16, 18)),
        ((8, 8, 8), (12, 12, 13), (17, 16, 18)),
        ((9, 9, 10), (13, 13, 14), (18, 17, 20)),
        ((11, 10, 11), (14, 13, 15), (18, 18, 23)),
        ((12, 12, 12), (15, 14, 16), (19, 18, 23)),
        ((13, 13, 13), (16, 16, 17), (20, 19, 23)),
        ((14, 14, 14), (17, 17, 18), (21, 20, 23)),
        ((15, 15, 15), (18, 18, 19), (22, 21, 23)),
    ),
}
"""For each distribution, eps and delta: the smallest n that was enough in a share 1 - delta of the trials, and its 95 % interval.
Printed by
``examples/studies/candidates_needed.py --trials 1000 --most 22``; 23 stands for more than 22."""

BEYOND_SLOPE = 1.5
"""Candidates per halving of eps below the smallest one measured; between the last ones measured it is 1.3 to 1.4."""


@dataclass(frozen=True, repr=False)
class CandidatesNeeded(Record):
    """A number of candidates with its evidence.

    Attributes
    ----------
    n : int
        Candidates that are enough with probability 1 - delta.
    low, high : int
        95 % confidence interval of n.
    measured : bool
        Whether eps and delta lie within what was measured; else n is extrapolated.
    at_least : int
        No fewer can be enough for any distribution: `lower_bound`.
    """

    n: int
    low: int
    high: int
    measured: bool
    at_least: int


def candidates_needed(eps: float, delta: float, *, distribution: str = "uniform") -> int:
    """How many random candidates bring every z in [-1/2, 1/2] within eps of a subset sum, with probability 1 - delta.

    Parameters
    ----------
    eps : float
        Largest error, in units of the distribution's half-width; positive.
    delta : float
        Probability of failure, between 0 and 1; for all of N weights at once write ``delta / N``.
    distribution : {"uniform", "product"}
        Candidates U[-1, 1], or products of two of those.

    Returns
    -------
    int
        See `candidates_law` for its confidence interval.

    Raises
    ------
    InputError
        If eps or delta is out of range, or the distribution unknown.

    Notes
    -----
    Lueker's theorem says ``O(log(1 / eps))`` without a constant. This is the measured one: linear interpolation in
    ``log(1/eps)`` and ``log(1/delta)`` between measured quantiles, beyond them extrapolated with 1.5 candidates per halving of
    eps.

    Examples
    --------
    >>> from solvers import candidates_needed
    >>> candidates_needed(0.01, 0.1), candidates_needed(0.001, 0.1)
    (13, 17)
    """
    return candidates_law(eps, delta, distribution=distribution).n


def candidates_law(eps: float, delta: float, *, distribution: str = "uniform") -> CandidatesNeeded:
    """As `candidates_needed`, with the confidence interval, and whether the number was measured."""
    eps, delta = as_number(eps, "eps", strict=True), as_number(delta, "delta", strict=True)
    if delta >= 1.0:
        raise InputError(f"delta must be below 1, got {delta:g}: it is a probability of failure")
    if distribution not in MEASURED:
        raise InputError(f"distribution must be one of {', '.join(map(repr, MEASURED))}, got {distribution!r}")
    table = np.array(MEASURED[distribution], dtype=np.float64)
    n, low, high = (math.ceil(_interpolate(table[:, :, column], eps, delta) - 1e-9) for column in range(3))
    least = lower_bound(eps)
    return CandidatesNeeded(
        max(n, least), max(low, least), max(high, least), eps >= EPS[-1] and DELTAS[-1] <= delta <= DELTAS[0], least
    )


def _interpolate(table: Any, eps: float, delta: float) -> float:
    halvings = [math.log2(1.0 / e) for e in EPS]
    wanted = math.log2(1.0 / eps)
    by_delta = [float(np.interp(wanted, halvings, table[:, d])) for d in range(len(DELTAS))]
    beyond = BEYOND_SLOPE * max(0.0, wanted - halvings[-1])
    risks = [math.log2(1.0 / d) for d in DELTAS]
    risk = math.log2(1.0 / delta)
    extra = max(0.0, risk - risks[-1]) * (by_delta[-1] - by_delta[-2]) / (risks[-1] - risks[-2])
    return float(np.interp(risk, risks, by_delta)) + beyond + extra


def lower_bound(eps: float) -> int:
    """Fewest candidates with which subset sums can be within eps of all of an interval of length 1: ``log2(1 / (2 eps))``.

    ``2^n`` sums cover at most ``2^n 2 eps``.
    """
    eps = as_number(eps, "eps", strict=True)
    return max(0, math.ceil(math.log2(1.0 / (2.0 * eps)) - 1e-12))


def width_lower_bound(d: int, eps: float) -> int:
    """Smallest hidden width of a two-layer network that can be pruned to every ``x -> W x``, W d x d, ``||W|| <= 1``, within eps.

    ``(d / 2) log2(1 / (2 eps))``: the unit ball holds ``(1 / (2 eps))^(d^2)`` matrices at distance 2 eps, a mask serves one of
    them, and width N has ``2 d N`` weights to mask. Theorem 2 of Pensia et al. with its constant.
    """
    d, eps = as_count(d, "d"), as_number(eps, "eps", strict=True)
    return max(0, math.ceil(0.5 * d * math.log2(1.0 / (2.0 * eps)) - 1e-12))
