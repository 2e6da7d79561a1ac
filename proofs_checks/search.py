"""The smallest counterexample to a wrong claim, and the search for one to a corrected statement, which must find none."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from proofs_checks.rationals import Found, describe
from proofs_checks.statement import Statement, Verdict, Wording

LARGEST = 14
"""Size up to which a counterexample is looked for. All that are known are smaller."""


@dataclass(frozen=True)
class Counterexample:
    """The first instance, in order of size, on which a claim is false; checked in exact arithmetic.

    Attributes
    ----------
    instance : object
        Its numbers.
    size, n_numbers : int
        Its place in the order.
    verdict : Verdict
        By how much the claim fails.
    looked_at : int
        How many instances came before it, and it: none of the others is a counterexample.
    """

    instance: Any
    size: int
    n_numbers: int
    verdict: Verdict
    looked_at: int

    def __str__(self) -> str:
        return describe(self.instance)


def smallest_counterexample(wording: Wording, largest: int = LARGEST) -> Counterexample | None:
    """Look through the rational instances of a wrong claim until it fails; None if it holds on all up to size ``largest``."""
    return _first((found, wording.check(found.instance)) for found in wording.space.instances(largest))


def smallest_without(statement: Statement, hypothesis: str, largest: int = LARGEST) -> Counterexample | None:
    """The smallest instance that violates this hypothesis alone and has a false conclusion: the hypothesis is needed."""
    if statement.space is None:
        return None
    verdicts = ((found, statement.check(found.instance)) for found in statement.space.instances(largest))
    return _first((found, verdict) for found, verdict in verdicts if verdict.violated_hypotheses == (hypothesis,))


def smallest_refutation(statement: Statement, n_instances: int) -> tuple[Counterexample | None, int]:
    """Look through the smallest rational instances of a corrected statement; how many satisfied its hypotheses comes along."""
    if statement.space is None:
        return None, 0
    n_satisfied = 0

    def relevant() -> Iterator[tuple[Found, Verdict]]:
        nonlocal n_satisfied
        for found in itertools.islice(statement.space.instances(LARGEST), n_instances) if statement.space else ():
            verdict = statement.check(found.instance)
            if not verdict.violated_hypotheses:
                n_satisfied += 1
                yield found, verdict

    return _first(relevant()), n_satisfied


def _first(verdicts: Iterator[tuple[Found, Verdict]]) -> Counterexample | None:
    for number, (found, verdict) in enumerate(verdicts, 1):
        if not verdict.holds:
            return Counterexample(found.instance, found.size, found.n_numbers, verdict, number)
    return None
