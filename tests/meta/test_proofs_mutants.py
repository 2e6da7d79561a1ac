"""Statements that are corrupted on purpose: each must be refuted within the default number of examples.

A corruption replaces a formula of a statement's module, or drops or weakens a hypothesis.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from proofs_checks import (
    STATEMENTS,
    Hypothesis,
    Statement,
    a1,
    a2,
    a3,
    a4_balance,
    a4_count,
    a4_existence,
    a4_flips,
    a4_one_sample,
    factorisation,
    reduction,
    thresholding,
)
from proofs_checks.run import draw_and_check

EXAMPLES = 10_000
"""The default of the command line."""


@dataclass(frozen=True)
class Formula:
    """A statement with another formula in its module."""

    name: str
    statement: Statement
    function: str
    planted: Callable[..., Any]


def the_same_points(i: a2.Instance) -> Any:
    """The draft's points (0, 2) and (2, 0), whatever the sign of the correlation."""
    (A, beta), (A_too, beta_too) = TWO_POINTS(i)
    return (A, beta), (abs(A_too), beta_too)


def always_half(i: a3.Instance) -> Any:
    """The draft's better point, also for beta = 0."""
    return 2 * i.A, i.beta / 2


def flipped_in_A(layers: Any, signs: Any) -> Any:
    """Signs for the columns of A, none for beta."""
    return tuple(replace(one, A=one.A * sign) for one, sign in zip(layers, signs, strict=True))


TWO_POINTS, BALANCED = a2.two_points, reduction.balanced


def power(lam: float, lam2: float, p: float, factor: float, exponent: float) -> float:
    return factor * lam**exponent * (p * lam2) ** (1 - exponent)


FORMULAS = [
    Formula("squared length", a1.STATEMENT, "column_strengths", lambda A: (A * A).sum(axis=0)),
    Formula("sum of absolute values for the length", a1.STATEMENT, "column_strengths", lambda A: abs(A).sum(axis=0)),
    Formula("largest entry for the length", a1.STATEMENT, "column_strengths", lambda A: abs(A).max(axis=0)),
    Formula("the same points for every output", a2.STATEMENT, "two_points", the_same_points),
    Formula("halving at beta = 0", a3.NOT_ATTAINED, "better_point", always_half),
    Formula("valley the wrong way", a3.INFIMUM, "valley", lambda W, t: (W * t, 0 * W[0] + 1 / t)),
    Formula("valley without its price", a3.INFIMUM, "valley", lambda W, t: (W / t, 0 * W[0] + 2 * t)),
    Formula(
        "threshold of the count too small",
        a4_count.STATEMENT,
        "threshold_excess",
        lambda c, g, lam, lam2: g * g - 3.9 * lam * lam * lam2 * c,
    ),
    Formula(
        "threshold of the count too large",
        a4_count.STATEMENT,
        "threshold_excess",
        lambda c, g, lam, lam2: g * g - 4.1 * lam * lam * lam2 * c,
    ),
    Formula(
        "lam and lam2 exchanged",
        a4_count.STATEMENT,
        "threshold_excess",
        lambda c, g, lam, lam2: g * g - 4 * lam * lam2 * lam2 * c,
    ),
    Formula("wrong exponent of g", a4_count.STATEMENT, "threshold_excess", lambda c, g, lam, lam2: g - 4 * lam * lam * lam2 * c),
    Formula(
        "2^k with all entries of beta", a4_flips.STATEMENT, "live_pairs", lambda layers: sum(len(one.beta) for one in layers)
    ),
    Formula("flips of A alone", a4_flips.STATEMENT, "flipped", flipped_in_A),
    Formula(
        "balance without p", a4_balance.STATEMENT, "imbalance", lambda i: i.lam * abs(i.beta) - i.lam2 * (abs(i.a) ** i.p).sum()
    ),
    Formula(
        "balance with exponent 1",
        a4_balance.STATEMENT,
        "imbalance",
        lambda i: i.lam * abs(i.beta) - i.p * i.lam2 * abs(i.a).sum(),
    ),
    Formula(
        "mu without 1 + 1/p", factorisation.STATEMENT, "strength_of", lambda lam, lam2, p: power(lam, lam2, p, 1.0, p / (p + 1))
    ),
    Formula(
        "mu with the factor of p = 1",
        factorisation.STATEMENT,
        "strength_of",
        lambda lam, lam2, p: power(lam, lam2, p, 2.0, p / (p + 1)),
    ),
    Formula(
        "mu without p beside lam2",
        factorisation.STATEMENT,
        "strength_of",
        lambda lam, lam2, p: power(lam, lam2 / p, p, 1 + 1 / p, p / (p + 1)),
    ),
    Formula(
        "mu with exponents exchanged",
        factorisation.STATEMENT,
        "strength_of",
        lambda lam, lam2, p: power(lam, lam2, p, 1 + 1 / p, 1 / (p + 1)),
    ),
    Formula(
        "best factor without p",
        factorisation.STATEMENT,
        "best_factor",
        lambda w, lam, lam2, p: (lam2 * (abs(w) ** p).sum() / lam) ** (1 / (p + 1)),
    ),
    Formula(
        "best factor with a square root",
        factorisation.STATEMENT,
        "best_factor",
        lambda w, lam, lam2, p: (p * lam2 * (abs(w) ** p).sum() / lam) ** 0.5,
    ),
    Formula(
        "reduced penalty with exponent q = 1",
        reduction.STATEMENT,
        "reduced_penalty",
        lambda w, lam, lam2, p: factorisation.strength_of(lam, lam2, p) * (abs(w) ** p).sum() ** (1 / p),
    ),
    Formula("unbalanced factors", reduction.STATEMENT, "balanced", lambda layer, lam, lam2, p: BALANCED(layer, lam, 2 * lam2, p)),
    Formula("network that ignores beta", reduction.STATEMENT, "products", lambda layers: [one.A for one in layers]),
    Formula(
        "merging costs the norm",
        a4_one_sample.STATEMENT,
        "reduced_penalty",
        lambda w, lam, lam2, p: (abs(w) ** max(p, 1.0)).sum(),
    ),
    Formula("half threshold too small", thresholding.HALF, "half_threshold", lambda mu: 1.45 * mu ** (2 / 3)),
    Formula("half threshold too large", thresholding.HALF, "half_threshold", lambda mu: 1.55 * mu ** (2 / 3)),
    Formula("half threshold with exponent 3/4", thresholding.HALF, "half_threshold", lambda mu: 1.5 * mu ** (3 / 4)),
    Formula(
        "half threshold in the other convention",
        thresholding.HALF,
        "half_threshold",
        lambda mu: 54 ** (1 / 3) / 4 * mu ** (2 / 3),
    ),
    Formula("2/3 threshold too small", thresholding.TWO_THIRDS, "two_thirds_threshold", lambda mu: 1.95 * (2 * mu / 3) ** 0.75),
    Formula("2/3 threshold too large", thresholding.TWO_THIRDS, "two_thirds_threshold", lambda mu: 2.05 * (2 * mu / 3) ** 0.75),
    Formula(
        "2/3 threshold with exponent 2/3", thresholding.TWO_THIRDS, "two_thirds_threshold", lambda mu: 2 * (2 * mu / 3) ** (2 / 3)
    ),
    Formula(
        "2/3 threshold in the other convention",
        thresholding.TWO_THIRDS,
        "two_thirds_threshold",
        lambda mu: 2 / 3 * (3 * mu**3) ** 0.25,
    ),
    Formula("half prox without one half", thresholding.HALF, "half_prox", lambda z, mu: HALF_PROX(z, 2 * mu)),
    Formula("soft thresholding", thresholding.TWO_THIRDS, "two_thirds_prox", lambda z, mu: np.sign(z) * max(0.0, abs(z) - mu)),
]
HALF_PROX = thresholding.half_prox


@dataclass(frozen=True)
class Weakened:
    """A statement without one of its hypotheses, or with a weaker one in its place."""

    name: str
    statement: Statement
    dropped: str
    instead: Hypothesis | None = None


WEAKENED = [
    Weakened(f"{statement.id} without {hypothesis.name}", statement, hypothesis.name)
    for statement in STATEMENTS
    for hypothesis in statement.hypotheses
    # That minima exist for lam >= 0 only is no matter of one point; and exact ties are not drawn for the solver.
    if (statement.id, hypothesis.name)
    not in {("A1", a1.NOT_NEGATIVE.name), ("solve-A4", "the reduced problem has one minimiser")}
] + [
    Weakened("A3 with lam >= 0", a3.NOT_ATTAINED, "lam > 0", Hypothesis("lam >= 0", lambda i: i.lam >= 0)),
    Weakened("A3-zero with lam >= 0", a3.ATTAINED, "lam > 0", Hypothesis("lam >= 0", lambda i: i.lam >= 0)),
    Weakened("factorisation with lam2 >= 0", factorisation.STATEMENT, "lam2 > 0", Hypothesis("lam2 >= 0", lambda i: i.lam2 >= 0)),
    Weakened("prox-half with mu != 0", thresholding.HALF, "mu > 0", Hypothesis("mu != 0", lambda i: i.mu != 0)),
    Weakened(
        "one live column", a4_one_sample.STATEMENT, a4_one_sample.TWO_LIVE.name, Hypothesis("W != 0", lambda i: bool(i.W.any()))
    ),
    Weakened("biases free", a4_existence.STATEMENT, a4_existence.ALL_PENALISED.name, Hypothesis("lam > 0", lambda i: i.lam > 0)),
]


def refutation(statement: Statement) -> str:
    with np.errstate(all="ignore"):
        try:
            return draw_and_check(statement, np.random.default_rng(0), EXAMPLES).refutation
        except ValueError as error:
            # A formula that has no real value at some instance is refuted as well.
            if "math domain" in str(error):
                return str(error)
            raise


@pytest.mark.parametrize("mutant", FORMULAS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_wrong_formula_is_refuted(mutant: Formula, monkeypatch: pytest.MonkeyPatch):
    module = importlib.import_module(mutant.statement.conclude.__module__)
    assert mutant.planted is not getattr(module, mutant.function)
    monkeypatch.setattr(module, mutant.function, mutant.planted)
    assert refutation(mutant.statement)


@pytest.mark.parametrize("mutant", WEAKENED, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_weaker_hypothesis_is_refuted(mutant: Weakened):
    kept = tuple(one for one in mutant.statement.hypotheses if one.name != mutant.dropped)
    assert len(kept) == len(mutant.statement.hypotheses) - 1
    weaker = (*kept, mutant.instead) if mutant.instead else kept
    assert refutation(replace(mutant.statement, hypotheses=weaker))


def test_the_sound_statements_pass_the_same_procedure():
    for statement in {mutant.statement.id: mutant.statement for mutant in FORMULAS}.values():
        assert not draw_and_check(statement, np.random.default_rng(0), 500).refutation


# ------------------------------------------------------------------------------------------------------------- proofs


def test_a_wrong_threshold_is_not_proved():
    pytest.importorskip("z3")
    lowest = {3: lambda u, z: 3 * u**2 == 2 * z, 4: lambda u, z: 2 * u**3 == z}
    for constant, expected in ((26, False), (27, True), (28, False)):
        beyond = {3: lambda z, mu, k=constant: 8 * z**3 - k * mu**2, 4: lambda z, mu, k=constant: k * z**4 - 128 * mu**3}
        for degree in (3, 4):
            assert thresholding._threshold_is_sharp(beyond[degree], degree, lowest[degree]) is expected


def test_a_wrong_example_is_not_proved(monkeypatch):
    pytest.importorskip("z3")
    monkeypatch.setattr(a2.Scalars, "fit_error", lambda i, a, b: (i.y - a * b) ** 2 * i.x - i.x * i.x)
    assert a2.prove_one_dimension() is False


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.id)
def test_every_proof_is_settled(statement: Statement):
    for proof in statement.proofs:
        pytest.importorskip(str(proof.method))
        assert proof.run() is True, proof.of
