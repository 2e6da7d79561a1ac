"""What the propositions page says: sentences, tables and notes, all from the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solvers.demo.page import Table

if TYPE_CHECKING:
    from proofs_checks import Report
    from solvers.demo.propositions import Minima


def make_sentences(report: Report, minima: tuple[Minima, ...]) -> tuple[str, ...]:
    """What is seen, in plain words with numbers."""
    holding = sum(one.corrected_holds for one in report.statements)
    wordings = [found for one in report.statements for _, found in one.wordings]
    refuted = sum(found is not None for found in wordings)
    counts = [len(one.points) for one in minima]
    return (
        "The draft states four propositions on its penalty (A.1 to A.4), and each is wrong in part as worded. Corrected, and "
        f"with what they rest on, they are {len(report.statements)} statements. {holding} of them hold on {report.examples} "
        "random instances each; what a computer can prove for all real numbers, it proves.",
        f"For {refuted} of {len(wordings)} wrong wordings, the draft's own and repairs that suggest themselves, a search through "
        "all rational instances in order of size found the smallest counterexample, checked in exact arithmetic.",
        "A.1 survives with the length of a column in place of its square: with unit columns ShrinkNet is group sparsity, hence "
        "convex. A.2 survives wherever there is an input. A.3 fails where no input is correlated with any output, for instance "
        "for y = 0: zero is then a minimiser. A.4 counts too much: a minimiser with k inputs in use stands for 2 to the power k "
        "points.",
        f"Two orthogonal inputs, for which the draft claims at least four global minima, have {counts[0]}, {counts[1]} or "
        f"{counts[2]}, depending on how many inputs are worth their price.",
    )


def statement_table(report: Report) -> Table:
    """All statements with their verdicts."""
    rows = []
    for one in report.statements:
        first = next((str(found) for _, found in one.wordings if found is not None and one.statement.draft), "")
        draft = "" if not one.statement.draft else "wrong" if one.wordings_refuted else "not refuted"
        evidence = ", ".join(one.evidence)
        cells = (draft, "holds" if one.corrected_holds else "FAILS", f"{one.tested.worst_margin:.0e}", first, evidence)
        rows.append((f"{one.statement.id}: {one.statement.title}", *cells))
    return Table(
        caption="Each statement as corrected, and the smallest counterexample to the draft's wording.",
        header=("Statement", "Draft", "Corrected", "Margin", "Counterexample", "Evidence"),
        align="lllrll",
        rows=tuple(rows),
    )


def minima_table(minima: tuple[Minima, ...]) -> Table:
    """How many global minima the examples have."""
    rows = []
    for one in minima:
        assert one.fit.beta is not None
        beta = ", ".join(f"{value:.4f}" for value in one.fit.beta)
        rows.append((one.words, f"{one.lam:g}", f"{one.lam2:g}", beta, str(len(one.points)), "4"))
    return Table(
        caption="Global minima of regularised ShrinkNet with two orthogonal inputs: the draft claims at least 2 to the power 2.",
        header=("Problem", "λ", "λ₂", "β of the answer", "Global minima", "Draft"),
        align="lrrlrr",
        rows=tuple(rows),
    )


def make_notes(report: Report) -> tuple[str, ...]:
    """How the numbers are defined and how to read their certificates."""
    missing = f" Left out here: {', '.join(report.missing)} not installed." if report.missing else ""
    return (
        "Holds: no random instance that satisfies the hypotheses, and none of the smallest rational ones, contradicts the "
        "statement.",
        "Margin: the smallest slack of an inequality seen, or minus the largest relative error of an equality, which is "
        "rounding.",
        "Size of a rational number: absolute numerator plus denominator. Of an instance: the sum over its numbers. A "
        "counterexample is the first one in order of size, so there is no smaller one.",
        f"Proved: by sympy (symbolic) or by the SMT solver z3, for all real numbers in the dimensions stated.{missing} "
        "“solvers check --explain A3” prints statement, proof, counterexamples and what they mean.",
        "The penalty picture: prices are scaled to 1 at w = 1. In truth the price is μ|w| to the power p/(p+1) with μ = (1 + "
        "1/p) λ^(p/(p+1)) (pλ₂)^(1/(p+1)): only λᵖλ₂ matters.",
        "Global certificate: branch and bound over the lengths of the columns proves that no other coefficients are better, "
        "up to the gap. Infimum: the least-squares error, certified by its own duality gap.",
    )
