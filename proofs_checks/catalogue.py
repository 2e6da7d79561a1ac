"""All statements, in the order of the table."""

from __future__ import annotations

from proofs_checks import a1, a2, a3
from proofs_checks.statement import Statement

STATEMENTS: tuple[Statement, ...] = (a1.STATEMENT, a2.STATEMENT, *a3.STATEMENTS)
"""The propositions of the draft, corrected, and what they rest on."""
