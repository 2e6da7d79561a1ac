"""The ShrinkNets draft's Propositions A.1 to A.4 as executable statements, with the hypotheses they really need.

Each `Statement` carries the draft's claim, the claim as it should be, its hypotheses as predicates, a proof to read, and a check
that runs on any instance. Counterexamples to the draft's wording are searched for, smallest first, in exact arithmetic; none is
stored. What can be settled for all real numbers is proved by sympy or z3, where they are installed (extra `proofs`).

>>> from proofs_checks import STATEMENTS
>>> statement = next(one for one in STATEMENTS if one.id == "A2")
>>> print(statement.claim[:69])
F(A, beta) = ||Y - A diag(beta) X||^2 is convex if and only if X = 0.

Only public names of `solvers` are used, so that what is verified is what a user calls.
"""

from proofs_checks.catalogue import STATEMENTS
from proofs_checks.rationals import Space, describe
from proofs_checks.run import Report, StatementReport, run_checks
from proofs_checks.search import Counterexample, smallest_counterexample, smallest_refutation, smallest_without
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, Wording

__all__ = [
    "STATEMENTS",
    "Counterexample",
    "Hypothesis",
    "Method",
    "Proof",
    "Report",
    "Space",
    "Statement",
    "StatementReport",
    "Verdict",
    "Wording",
    "describe",
    "run_checks",
    "smallest_counterexample",
    "smallest_refutation",
    "smallest_without",
]
