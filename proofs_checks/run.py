"""Run statements: random instances, the smallest rational ones, proofs, and the search for counterexamples to wrong wordings."""

from __future__ import annotations

import importlib.util
import itertools
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from proofs_checks.rationals import describe
from proofs_checks.search import Counterexample, smallest_counterexample, smallest_refutation
from proofs_checks.statement import Method, Number, Proof, Statement, Wording
from solvers import InputError

MOST_DRAWS = 4
"""Draws per example: more are not made where hypotheses fail too often."""


class Outcome(StrEnum):
    """What came of a proof."""

    PROVED = "proved"
    REFUTED = "refuted"
    OPEN = "open"
    """The tool gave up in time."""
    MISSING = "missing"
    """The package that would prove it is not installed."""


@dataclass(frozen=True)
class Tested:
    """Random instances of one statement.

    Attributes
    ----------
    n_instances : int
        How many satisfied every hypothesis; the others are not counted.
    n_drawn : int
        How many were drawn.
    worst_margin : float
        The smallest margin among those counted; infinite without any.
    refutation : str
        The first counted instance on which the conclusion is false; empty if there is none.
    """

    n_instances: int
    n_drawn: int
    worst_margin: float
    refutation: str


@dataclass(frozen=True)
class StatementReport:
    """What is known about one statement after a run.

    Attributes
    ----------
    statement : Statement
        The statement.
    tested : Tested
        What random instances say.
    n_exact : int
        How many of the smallest rational instances satisfied the hypotheses; the conclusion was checked exactly on each.
    exact_refutation : Counterexample or None
        One on which it is false.
    proofs : tuple of (Proof, Outcome)
        What is proved for all reals.
    wordings : tuple of (Wording, Counterexample or None)
        The smallest counterexample to each wrong claim.
    seconds : float
        Time taken.
    """

    statement: Statement
    tested: Tested
    n_exact: int
    exact_refutation: Counterexample | None
    proofs: tuple[tuple[Proof, Outcome], ...]
    wordings: tuple[tuple[Wording, Counterexample | None], ...]
    seconds: float

    @property
    def corrected_holds(self) -> bool:
        """Whether the corrected statement survived: no instance and no proof attempt refuted it, and instances were there."""
        refuted_by_proof = any(outcome is Outcome.REFUTED for _, outcome in self.proofs)
        return (
            bool(self.tested.n_instances)
            and not self.tested.refutation
            and self.exact_refutation is None
            and not refuted_by_proof
        )

    @property
    def wordings_refuted(self) -> bool:
        """Whether a counterexample to each of its wrong wordings was found."""
        return all(found is not None for _, found in self.wordings)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What the verdict rests on."""
        proved = dict.fromkeys(proof.method for proof, outcome in self.proofs if outcome is Outcome.PROVED)
        names = {Method.SYMBOLIC: "proved (symbolic)", Method.SMT: "proved (SMT)"}
        exact = ("exact counterexample",) if self.wordings and self.wordings_refuted else ()
        return (*(names[method] for method in proved), *exact, f"tested on {self.tested.n_instances:,} instances")


@dataclass(frozen=True)
class Report:
    """The outcome of a run.

    Attributes
    ----------
    statements : tuple of StatementReport
        In order.
    seed, examples : int
        As asked for.
    seconds : float
        Wall time.
    complete : bool
        False where Ctrl-C came before the last statement.
    """

    statements: tuple[StatementReport, ...]
    seed: int
    examples: int
    seconds: float
    complete: bool

    @property
    def holds(self) -> bool:
        """Whether every corrected statement held and every wrong wording was refuted."""
        return self.complete and all(one.corrected_holds and one.wordings_refuted for one in self.statements)

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages whose proofs could not be run."""
        return tuple(
            dict.fromkeys(
                str(proof.method) for one in self.statements for proof, outcome in one.proofs if outcome is Outcome.MISSING
            )
        )


def run_checks(
    statements: Sequence[Statement],
    *,
    seed: int = 0,
    examples: int = 10_000,
    on_progress: Callable[[float, str], None] | None = None,
) -> Report:
    """Check statements and look for counterexamples to their wrong wordings.

    Parameters
    ----------
    statements : sequence of Statement
        Usually `proofs_checks.STATEMENTS`.
    seed : int
        For the random instances. Those of a statement depend on the seed and its id alone, not on what else is run.
    examples : int
        Random instances per statement that satisfy its hypotheses; statements whose instances take milliseconds use a stated
        share of it. Half as many rational instances are checked exactly, the smallest ones.
    on_progress : callable, optional
        ``on_progress(share, doing)``, called before each statement.

    Returns
    -------
    Report
        With what was finished, if Ctrl-C came.

    Raises
    ------
    InputError
        If ``examples`` is not a whole number of at least 1, or ``seed`` not one of at least 0.

    Examples
    --------
    >>> from proofs_checks import STATEMENTS, run_checks
    >>> report = run_checks(STATEMENTS[:1], examples=50)
    >>> report.holds, str(report.statements[0].wordings[0][1])
    (True, 'A = 2')
    """
    _check_count(examples, "examples", 1, "examples=100 is a quick run")
    _check_count(seed, "seed", 0, "seed=0 is the default")
    began = time.perf_counter()
    done: list[StatementReport] = []
    try:
        for index, statement in enumerate(statements):
            if on_progress is not None:
                on_progress(index / len(statements), f"{statement.id}: {statement.title}")
            done.append(check_statement(statement, seed=seed, examples=examples))
    except KeyboardInterrupt:
        pass
    return Report(tuple(done), seed, examples, time.perf_counter() - began, complete=len(done) == len(statements))


def _check_count(value: Any, name: str, least: int, advice: str) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}: {advice}")


def check_statement(statement: Statement, *, seed: int, examples: int) -> StatementReport:
    """All the evidence on one statement."""
    began = time.perf_counter()
    tested = draw_and_check(statement, np.random.default_rng([seed, zlib.crc32(statement.id.encode())]), examples)
    refutation, n_exact = smallest_refutation(statement, examples // 2)
    proofs = tuple((proof, attempt(proof)) for proof in statement.proofs)
    wordings = tuple((wording, smallest_counterexample(wording)) for wording in statement.wordings)
    return StatementReport(statement, tested, n_exact, refutation, proofs, wordings, time.perf_counter() - began)


def draw_and_check(statement: Statement, rng: np.random.Generator, examples: int) -> Tested:
    """Draw until so many instances satisfy every hypothesis; stop at the first that refutes the statement."""
    wanted = max(1, round(statement.share * examples))
    n_satisfied, n_drawn, worst = 0, 0, float("inf")
    for instance in itertools.islice(_draws(statement, rng), MOST_DRAWS * wanted):
        n_drawn += 1
        verdict = statement.check(instance)
        if verdict.violated_hypotheses:
            continue
        n_satisfied += 1
        worst = min(worst, _as_float(verdict.margin))
        if verdict.refutes:
            return Tested(n_satisfied, n_drawn, worst, describe(instance))
        if n_satisfied == wanted:
            break
    return Tested(n_satisfied, n_drawn, worst, "")


def _draws(statement: Statement, rng: np.random.Generator) -> Iterator[Any]:
    while True:
        yield statement.draw(rng)


def _as_float(margin: Number) -> float:
    value = float(margin)
    # A margin that is no number would otherwise go unnoticed in a minimum.
    return value if value == value else -float("inf")


def attempt(proof: Proof) -> Outcome:
    """Run a proof, if its package is there."""
    if importlib.util.find_spec(proof.method) is None:
        return Outcome.MISSING
    answer = proof.run()
    if answer is None:
        return Outcome.OPEN
    return Outcome.PROVED if answer else Outcome.REFUTED
