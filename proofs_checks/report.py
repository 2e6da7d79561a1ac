"""A run as a table that a person reads in half a minute, as an explanation of one statement, and as JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from proofs_checks.rationals import as_text
from proofs_checks.run import Outcome, Report, StatementReport
from proofs_checks.search import Counterexample
from proofs_checks.statement import Proof, Wording

WIDTH = 120
"""Columns of text."""


def table(report: Report) -> str:
    """Two lines per statement: verdicts, worst margin and smallest counterexample; below, what they rest on."""
    rows = [("statement", "draft", "corrected", "margin", "smallest counterexample to the draft"), *map(_row, report.statements)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for index, row in enumerate(rows):
        cells = [
            f"{cell:{'>' if column == 3 else ''}{width}}" for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join([*cells, row[4]]).rstrip())
        lines.append("-" * WIDTH if index == 0 else "    " + ", ".join(report.statements[index - 1].evidence))
    return "\n".join([*lines, "", *_summary(report)])


def _row(one: StatementReport) -> tuple[str, str, str, str, str]:
    draft = "" if not one.statement.draft else "wrong" if one.wordings_refuted else "not refuted"
    first = next((str(found) for _, found in one.wordings if found is not None and one.statement.draft), "")
    margin = f"{one.tested.worst_margin:.0e}" if one.tested.worst_margin else "0"
    return f"{one.statement.id}  {one.statement.title}", draft, "holds" if one.corrected_holds else "FAILS", margin, first


def _summary(report: Report) -> Iterator[str]:
    holding = sum(one.corrected_holds for one in report.statements)
    wordings = [found for one in report.statements for _, found in one.wordings]
    refuted = sum(found is not None for found in wordings)
    yield f"{holding} of {len(report.statements)} corrected statements hold; {refuted} of {len(wordings)} wrong wordings refuted."
    yield "Margin: the smallest slack of an inequality, or minus the largest relative error of an equality (rounding), seen."
    yield "Proved: for all real numbers, in the dimensions that --explain states. Tested: on random and on small exact instances."
    for one in report.statements:
        yield from _failures(one)
    for package in report.missing:
        yield f"Missing evidence: {package} is not installed, its proofs were left out: pip install 'shrinknet-solvers[proofs]'"
    if not report.complete:
        yield "Stopped early: the table holds what was finished."
    yield f"seed {report.seed}, {report.examples:,} examples, {report.seconds:.1f} s"


def _failures(one: StatementReport) -> Iterator[str]:
    name = one.statement.id
    if one.tested.refutation:
        yield f"{name} FAILS on {one.tested.refutation}"
    if not one.tested.n_instances:
        yield f"{name} FAILS: no instance satisfied its hypotheses"
    if one.exact_refutation is not None:
        yield f"{name} FAILS exactly on {one.exact_refutation}"
    for proof, outcome in one.proofs:
        if outcome is Outcome.REFUTED:
            yield f"{name} FAILS: {proof.method} refutes '{proof.of}'"
        if outcome is Outcome.OPEN:
            yield f"{name}: {proof.method} gave up on '{proof.of}'"
    for wording, found in one.wordings:
        if found is None:
            yield f"{wording.id}: no counterexample found to '{wording.says}'"


def explain(one: StatementReport) -> str:
    """A statement with its proof, the counterexamples to wrong wordings, and what it means for users."""
    statement = one.statement
    parts = [f"{statement.id}: {statement.title}", "=" * (len(statement.id) + 2 + len(statement.title)), ""]
    if statement.draft:
        parts += ["The draft says", *_paragraph(statement.draft)]
    parts += ["It should say", *_paragraph(statement.claim)]
    if statement.hypotheses:
        parts += ["Hypotheses", *(f"    {hypothesis.name}" for hypothesis in statement.hypotheses), ""]
    parts += ["Proof", *(line for number, step in enumerate(statement.proof, 1) for line in _item(f"{number}.", step)), ""]
    if one.wordings:
        parts += ["Wrong wordings, and the smallest counterexample to each", *_each_wording(one.wordings)]
    parts += ["Evidence", *(line for item in _evidence_items(one) for line in _item("-", item)), ""]
    parts += ["What it means for users", *_paragraph(statement.meaning), f"Source: {statement.source}"]
    return "\n".join(parts)


def _paragraph(text: str) -> list[str]:
    return [*textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    "), ""]


def _item(mark: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"    {mark:<3}", subsequent_indent=" " * 7)


def _each_wording(wordings: Sequence[tuple[Wording, Counterexample | None]]) -> Iterator[str]:
    for wording, found in wordings:
        yield from _item("-", f"{wording.says}")
        if found is None:
            yield from _item("", "No counterexample found.")
        else:
            before = f", and true for the {found.looked_at - 1:,} instances before it in the order" if found.looked_at > 1 else ""
            yield from _item("", f"False for {found} (size {found.size}){before}.")
            numbers = ", ".join(f"{name.replace('_', ' ')} = {as_text(value)}" for name, value in found.verdict.witness.items())
            yield from _item("", f"There {numbers}.") if numbers else ()
        yield from _item("", wording.because)
        yield ""


def _evidence_items(one: StatementReport) -> Iterator[str]:
    tested = one.tested
    yield f"tested on {tested.n_instances:,} random instances, worst margin {tested.worst_margin:.1e}: {_what_is_tested(one)}"
    if one.n_exact:
        yield f"checked exactly on the {one.n_exact:,} smallest rational instances that satisfy the hypotheses"
    for proof, outcome in one.proofs:
        yield _proof_line(proof, outcome)


def _what_is_tested(one: StatementReport) -> str:
    """The first paragraph of the check's docstring, as plain text."""
    text = (one.statement.conclude.__doc__ or "").partition("\n\n")[0]
    return " ".join(text.replace("`", "").split())


def _proof_line(proof: Proof, outcome: Outcome) -> str:
    verb = {Outcome.MISSING: f"{proof.method} is not installed; it would prove", Outcome.OPEN: f"{proof.method} gave up on"}
    return f"{verb.get(outcome, f'{outcome} by {proof.method}')}: {proof.of} ({proof.scope})"


def to_json(report: Report) -> dict[str, Any]:
    """The run as a JSON document; numbers that JSON does not know are words."""
    return {
        "holds": report.holds,
        "complete": report.complete,
        "seed": report.seed,
        "examples": report.examples,
        "seconds": round(report.seconds, 3),
        "missing": list(report.missing),
        "statements": [_statement_json(one) for one in report.statements],
    }


def _statement_json(one: StatementReport) -> dict[str, Any]:
    statement, margin = one.statement, one.tested.worst_margin
    return {
        "id": statement.id,
        "title": statement.title,
        "draft": statement.draft or None,
        "claim": statement.claim,
        "hypotheses": [hypothesis.name for hypothesis in statement.hypotheses],
        "corrected_holds": one.corrected_holds,
        "wordings_refuted": one.wordings_refuted,
        "evidence": list(one.evidence),
        "instances": one.tested.n_instances,
        "drawn": one.tested.n_drawn,
        "exact_instances": one.n_exact,
        "worst_margin": margin if math.isfinite(margin) else str(margin),
        "refutation": one.tested.refutation or (str(one.exact_refutation) if one.exact_refutation else None),
        "proofs": [
            {"of": proof.of, "scope": proof.scope, "package": str(proof.method), "outcome": str(outcome)}
            for proof, outcome in one.proofs
        ],
        "wordings": [_wording_json(wording, found) for wording, found in one.wordings],
        "seconds": round(one.seconds, 3),
    }


def _wording_json(wording: Wording, found: Counterexample | None) -> dict[str, Any]:
    return {
        "id": wording.id,
        "says": wording.says,
        "because": wording.because,
        "drops": wording.drops or None,
        "counterexample": None if found is None else str(found),
        "size": None if found is None else found.size,
        "looked_at": None if found is None else found.looked_at,
    }
