"""All statements, in the order of the table."""

from __future__ import annotations

from proofs_checks import (
    a1,
    a2,
    a3,
    a4_balance,
    a4_count,
    a4_existence,
    a4_flips,
    a4_one_sample,
    factorisation,
    microscope,
    reduction,
    thresholding,
)
from proofs_checks.statement import Statement

PROPOSITIONS: tuple[Statement, ...] = (
    *(a1.STATEMENT, a2.STATEMENT, *a3.STATEMENTS),
    *(a4_existence.STATEMENT, a4_count.STATEMENT, a4_flips.STATEMENT, a4_balance.STATEMENT, a4_one_sample.STATEMENT),
    *(factorisation.STATEMENT, reduction.STATEMENT, *thresholding.STATEMENTS),
)
"""The propositions of the draft, corrected, and what they rest on."""

STATEMENTS: tuple[Statement, ...] = (*PROPOSITIONS, *microscope.STATEMENTS)
"""Those, and what they demand of the solvers."""
