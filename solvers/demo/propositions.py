"""The propositions page: what the ShrinkNets draft proves about its penalty, corrected, with pictures and counterexamples."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.demo.page import Context, Csv, Evidence, Page
from solvers.demo.propositions_figures import draw_hill, draw_minima, draw_penalties, draw_valley
from solvers.demo.propositions_words import make_notes, make_sentences, minima_table, statement_table
from solvers.demo.tables import certificate_table
from solvers.errors import ConvergenceWarning
from solvers.regression.certify import certify
from solvers.regression.fit import Fit
from solvers.regression.shrinknet import RegularizedShrinkNet, ShrinkNet
from solvers.regression.solver import solve

if TYPE_CHECKING:
    from proofs_checks import Report

Array = np.ndarray[Any, np.dtype[np.float64]]

EXAMPLES = 200
"""Random instances per statement; ``solvers check`` takes 10,000."""

_CODE = """\
import numpy as np
from solvers import RegularizedShrinkNet, ShrinkNet, certify, solve
from proofs_checks import STATEMENTS, run_checks
from proofs_checks.report import table

print(table(run_checks(STATEMENTS)))  # the same as: solvers check

x, y = np.array([[1.0]]), np.array([1.0])
valley = solve(x, y, ShrinkNet(0.5), fit_intercept=False)  # warns that no minimiser exists
print(valley.status, valley.infimum, valley.minimising_sequence(0.1))

X = 2 * np.eye(2)
for y, lam, lam2 in (([0, 0], 0.2, 0.2), ([3, 2], 1.0, 0.5), ([3, 2], 0.2, 0.2)):
    fit = solve(X, np.array(y, float), RegularizedShrinkNet(lam, lam2, 2), fit_intercept=False)
    proof = certify(fit, X, np.array(y, float), level="global")
    print("beta", fit.beta, "global minima", 2 ** len(fit.support), "gap", proof.gap)
"""


@dataclass(frozen=True)
class Minima:
    """A problem with two orthogonal inputs, ``(w_1 - z_1)^2 + (w_2 - z_2)^2`` + penalty, and its global minima.

    Attributes
    ----------
    words : str
        What is special about it.
    targets : (2,)
        ``z``.
    lam, lam2 : float
        Strengths; p = 2.
    fit : Fit
        The answer.
    evidence : Evidence
        A global certificate of it.
    """

    words: str
    targets: Array
    lam: float
    lam2: float
    fit: Fit
    evidence: Evidence

    @property
    def points(self) -> Array:
        """``beta`` at every global minimum, (n_minima, 2): the answer's signs flipped in all ways."""
        assert self.fit.beta is not None
        signs = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
        return np.unique(signs * self.fit.beta + 0.0, axis=0)


def propositions_page(context: Context) -> Page:
    """Run the statements, solve the examples, draw the pictures.

    Parameters
    ----------
    context : Context
        Its seed is that of the random instances; its data is not used.

    Returns
    -------
    Page
        Without the statements that a request to stop left out.
    """
    context.progress(0.0, "solving the examples of the propositions")
    valley, minima = _valley(), tuple(_minima())
    report = _run(context.part(0.2, 0.9))
    context.progress(0.9, "drawing the propositions")
    evidence = (valley, *(one.evidence for one in minima))
    return Page(
        slug="propositions",
        title="What is true about the penalty?",
        sentences=make_sentences(report, minima),
        figures=(draw_hill(), draw_valley(), draw_minima(minima[-1]), draw_penalties()),
        tables=(statement_table(report), minima_table(minima), certificate_table(evidence)),
        notes=make_notes(report),
        code=make_code(),
        files=(_csv(report),),
        evidence=evidence,
        complete=report.complete,
    )


def make_code() -> str:
    """The lines that print the numbers of the page."""
    return _CODE


def _run(context: Context) -> Report:
    """The propositions, one after the other until the context asks to stop."""
    from proofs_checks import Report, run_checks
    from proofs_checks.catalogue import PROPOSITIONS

    done, seconds = [], 0.0
    for index, statement in enumerate(PROPOSITIONS):
        if context.stopped():
            break
        context.progress(index / len(PROPOSITIONS), f"checking {statement.id}: {statement.title}")
        report = run_checks([statement], seed=context.seed, examples=EXAMPLES)
        done += report.statements
        seconds += report.seconds
    return Report(tuple(done), context.seed, EXAMPLES, seconds, complete=len(done) == len(PROPOSITIONS))


def _valley() -> Evidence:
    """The certified infimum of plain ShrinkNet with x = y = 1."""
    with warnings.catch_warnings():
        # That no minimiser exists is what the picture shows.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = solve(np.array([[1.0]]), np.array([1.0]), ShrinkNet(0.5), fit_intercept=False)
    return Evidence("infimum of plain ShrinkNet with x = y = 1", fit.status, fit.certificate, "A.3, no minimiser")


def _minima() -> Iterator[Minima]:
    """Three problems with one, two and four global minima where the draft claims four."""
    X = 2.0 * np.eye(2)
    for words, outputs, lam, lam2 in (
        ("nothing to fit: y = 0", (0.0, 0.0), 0.2, 0.2),
        ("one input worth its price", (3.0, 2.0), 1.0, 0.5),
        ("both inputs worth their price", (3.0, 2.0), 0.2, 0.2),
    ):
        y = np.array(outputs)
        fit = solve(X, y, RegularizedShrinkNet(lam, lam2, 2), fit_intercept=False)
        certificate = certify(fit, X, y, level="global")
        evidence = Evidence(f"global minimum of regularised ShrinkNet, {words}", fit.status, certificate, "A.4, global minima")
        yield Minima(words, y / 2.0, lam, lam2, fit, evidence)


def _csv(report: Report) -> Csv:
    header = ("wording", "says", "counterexample", "size", "looked_at", "because")
    rows = [
        (
            wording.id,
            wording.says,
            str(found or ""),
            found.size if found else "",
            found.looked_at if found else "",
            wording.because,
        )
        for one in report.statements
        for wording, found in one.wordings
    ]
    return Csv("propositions.csv", header, tuple(rows))
