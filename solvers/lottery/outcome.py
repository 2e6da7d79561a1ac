"""What a method found for one target, and how it becomes an answer that is evaluated anew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.lottery.answers import SubsetSum, exact_error, exact_total
from solvers.lottery.question import Question
from solvers.results import Certificate, Kind, Limit, Status

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Outcome:
    """A mask and what is proven of the objective.

    Attributes
    ----------
    mask : (n,)
        The best that was found; empty subsets count.
    lower : float
        Proven lower bound: of the error for the objective ``error``, of the size for ``size``; for ``lexicographic`` of the
        size, or, where the size is proven, of the error at that size. Infinite where no subset is within ``tol``.
    kind : Kind
        What the bound rests on.
    limit : Limit
        What stopped the method.
    size_proven : bool
        Whether the size of the mask is proven to be the smallest.
    """

    mask: Mask
    lower: float
    kind: Kind
    limit: Limit = Limit.NONE
    size_proven: bool = False


def as_answer(question: Question, k: int, outcome: Outcome, method: str) -> SubsetSum:
    """Evaluate the mask exactly and compare with the bound."""
    values, target = question.row(k), question.target(k)
    error, size = exact_error(values, outcome.mask, target), int(np.sum(outcome.mask))
    counts_size = question.objective == "size" or (question.objective == "lexicographic" and not outcome.size_proven)
    within = not question.fewest or error <= question.tol
    upper = float(size) if counts_size else float(error)
    if not within:
        upper = math.inf
    lower = min(outcome.lower, upper) if within else outcome.lower
    gap = 0.0 if upper == lower else upper - lower
    certificate = Certificate(outcome.kind, upper, lower, gap, 0.0 if question.fewest else question.tol)
    return SubsetSum(
        mask=outcome.mask,
        total=exact_total(values, outcome.mask),
        error=error,
        size=size,
        objective=question.objective,
        method=method,
        status=_status(certificate, within, outcome),
        limit=outcome.limit,
        certificate=certificate,
    )


def _status(certificate: Certificate, within: bool, outcome: Outcome) -> Status:
    if not within:
        return Status.INFEASIBLE if certificate.lower == math.inf else Status.FEASIBLE
    if certificate.holds:
        return Status.CERTIFIED
    # A search that ran to its end and still has a gap met the limits of its arithmetic.
    ended = outcome.kind is not Kind.NONE and outcome.limit is Limit.NONE
    return Status.CONVERGED if ended else Status.FEASIBLE
