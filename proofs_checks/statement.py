"""What a statement is: words for people, predicates and a check for the machine, and how it is known to be true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.rationals import Space

Number = float | Fraction

ROUNDING = 1e-9
"""An equality or a weak inequality between floats holds if it is missed by at most this share of the numbers compared.

Exact rationals are given no such allowance.
"""


class Method(StrEnum):
    """How something is proved for all real numbers at once; the value names the package that does it."""

    SYMBOLIC = "sympy"
    SMT = "z3"


@dataclass(frozen=True)
class Verdict:
    """What a check found on one instance.

    Attributes
    ----------
    holds : bool
        Whether the conclusion is true here.
    margin : float or Fraction
        By how much: the slack of an inequality, minus the error of an equality, relative to the numbers compared (absolute where
        a statement says so). Negative by rounding only, or the conclusion is false.
    violated_hypotheses : tuple of str
        Names of the hypotheses that the instance violates: where there are any, a false conclusion contradicts nothing.
    witness : mapping
        The numbers that decide.
    """

    holds: bool
    margin: Number
    violated_hypotheses: tuple[str, ...] = ()
    witness: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refutes(self) -> bool:
        """Whether the instance contradicts the statement: every hypothesis is satisfied and the conclusion is false."""
        return not self.holds and not self.violated_hypotheses


def at_least_zero(margin: Any, allowance: float = ROUNDING, **witness: Any) -> Verdict:
    """The conclusion ``margin >= 0``: exactly for rationals, up to rounding for floats."""
    allowed = 0 if isinstance(margin, (Fraction, int)) else allowance
    return Verdict(bool(margin >= -allowed), margin, witness=witness)


def above_zero(margin: Any, **witness: Any) -> Verdict:
    """The conclusion ``margin > 0``."""
    return Verdict(bool(margin > 0), margin, witness=witness)


@dataclass(frozen=True)
class Hypothesis:
    """One condition of a statement, as a predicate on instances."""

    name: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Proof:
    """A part of a statement that a machine settles for all real numbers.

    Attributes
    ----------
    method : Method
        Symbolic algebra, or an SMT solver over the reals.
    of : str
        What is proved, in words.
    scope : str
        For which dimensions.
    run : callable
        True if it is proved, False if it is refuted, None if the tool gave up.
    """

    method: Method
    of: str
    scope: str
    run: Callable[[], bool | None]


@dataclass(frozen=True)
class Wording:
    """A wrong claim: the draft's own, or a repair that suggests itself and does not do.

    Attributes
    ----------
    id : str
        Begins with the id of its statement.
    says : str
        The wrong claim.
    space : Space
        The rational instances among which the smallest counterexample is looked for.
    check : callable
        Exact; a verdict that does not hold refutes the claim.
    because : str
        Why it is wrong, in one or two sentences.
    drops : str
        The hypothesis whose absence makes it wrong; empty where it is wrong for another reason.
    """

    id: str
    says: str
    space: Space
    check: Callable[[Any], Verdict]
    because: str
    drops: str = ""


@dataclass(frozen=True)
class Statement:
    """A proposition that can be run.

    Attributes
    ----------
    id, title : str
        Short names.
    draft : str
        The claim as the draft words it, in our words; empty where the draft makes none.
    claim : str
        The claim as it should be.
    hypotheses : tuple of Hypothesis
        All it needs.
    proof : tuple of str
        A few lines that a reader can follow.
    source : str
        Where the claim comes from.
    meaning : str
        What it means for users.
    draw : callable
        ``draw(rng)``: a random instance. Most satisfy every hypothesis; ugly cases are drawn on purpose.
    conclude : callable
        The conclusion on one instance, whatever the hypotheses say. Exact on instances of ``space``.
    space : Space or None
        Its rational instances, by size; None where roots or limits leave no rational form.
    wordings : tuple of Wording
        Wrong claims in its neighbourhood.
    proofs : tuple of Proof
        What is proved for all reals.
    share : float
        Of the number of examples asked for: below 1 where one instance takes milliseconds.
    """

    id: str
    title: str
    claim: str
    hypotheses: tuple[Hypothesis, ...]
    proof: tuple[str, ...]
    source: str
    meaning: str
    draw: Callable[[np.random.Generator], Any]
    conclude: Callable[[Any], Verdict]
    draft: str = ""
    space: Space | None = None
    wordings: tuple[Wording, ...] = ()
    proofs: tuple[Proof, ...] = ()
    share: float = 1.0

    def check(self, instance: Any) -> Verdict:
        """The verdict on one instance: its conclusion, and which hypotheses it violates."""
        violated = tuple(hypothesis.name for hypothesis in self.hypotheses if not hypothesis.holds(instance))
        return replace(self.conclude(instance), violated_hypotheses=violated)
