"""The propositions: no instance that hypothesis thinks of refutes them; every wrong wording is refuted; nothing is vacuous."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from proofs_checks import STATEMENTS, Statement, Wording, smallest_counterexample, smallest_refutation, smallest_without
from proofs_checks.catalogue import PROPOSITIONS
from proofs_checks.microscope import REGULARISED, Problem
from proofs_checks.rationals import Space, any_rational, not_negative_rational, positive_rational, size_of

WORDINGS = [wording for statement in STATEMENTS for wording in statement.wordings]
WITH_SPACE = [statement for statement in STATEMENTS if statement.space is not None]


def named(items):
    return {"argvalues": items, "ids": [item.id for item in items]}


def rationals(values, largest: int = 5):
    return st.sampled_from([value for size in range(1, largest + 1) for value in values(size)])


@st.composite
def instances(draw: st.DrawFn, space: Space):
    """An instance of a space, and its place in the order, computed here."""
    dimensions = draw(st.sampled_from(space.dimensions))
    arguments, drawn = {}, []
    for numbers in space.numbers:
        shape = tuple(dimensions[axis] for axis in numbers.shape)
        values = [draw(rationals(numbers.values)) for _ in range(int(np.prod(shape)))]
        drawn += values
        arguments[numbers.name] = np.array(values, dtype=object).reshape(shape) if shape else values[0]
    choices = {name: draw(st.sampled_from(values)) for name, values in space.choices.items()}
    return (sum(map(size_of, drawn)), len(drawn)), space.build(**arguments, **choices)


def test_the_domains_are_those_the_strategies_know():
    for space in [wording.space for wording in WORDINGS] + [statement.space for statement in WITH_SPACE]:
        assert {numbers.values for numbers in space.numbers} <= {any_rational, not_negative_rational, positive_rational}


@pytest.mark.parametrize("wording", **named(WORDINGS))
def test_hypothesis_finds_a_counterexample_too_and_never_a_smaller_one(wording: Wording):
    smallest = smallest_counterexample(wording)
    assert smallest is not None
    assert wording.check(smallest.instance) == smallest.verdict
    seen = []

    def fails(drawn) -> bool:
        key, instance = drawn
        if not wording.check(instance).holds:
            seen.append(key)
            return True
        return False

    phases = (Phase.generate, Phase.shrink)
    find(instances(wording.space), fails, settings=settings(max_examples=20_000, database=None, derandomize=True, phases=phases))
    assert min(seen) >= (smallest.size, smallest.n_numbers)


@pytest.mark.parametrize("statement", **named(WITH_SPACE))
def test_no_rational_instance_refutes_a_corrected_statement(statement: Statement):
    """Few random instances satisfy rare hypotheses, such as columns of unit length; the smallest ones, below, do."""
    assert statement.space is not None

    @settings(max_examples=100)
    @given(instances(statement.space))
    def check(drawn) -> None:
        assert not statement.check(drawn[1]).refutes

    check()


@pytest.mark.parametrize("statement", **named(WITH_SPACE))
def test_widening_the_search_for_a_corrected_statement_finds_nothing(statement: Statement):
    refutation, n_satisfied = smallest_refutation(statement, 3000)
    assert refutation is None
    assert n_satisfied >= 100


@pytest.mark.parametrize("statement", **named(PROPOSITIONS))
def test_random_instances_of_any_seed_agree(statement: Statement):
    @settings(max_examples=50)
    @given(st.integers(0, 2**32 - 1))
    def check(seed: int) -> None:
        assert not statement.check(statement.draw(np.random.default_rng(seed))).refutes

    check()


# -------------------------------------------------------------------------------------------------------------- vacuity


@pytest.mark.parametrize("statement", **named(STATEMENTS))
def test_most_drawn_instances_satisfy_all_hypotheses(statement: Statement):
    rng = np.random.default_rng(1)
    violated = [[one.name for one in statement.hypotheses if not one.holds(statement.draw(rng))] for _ in range(400)]
    assert sum(not names for names in violated) >= 200


@pytest.mark.parametrize("statement", **named(PROPOSITIONS))
def test_each_hypothesis_is_violated_by_some_draws(statement: Statement):
    rng = np.random.default_rng(2)
    drawn = [statement.draw(rng) for _ in range(600)]
    for hypothesis in statement.hypotheses:
        assert any(not hypothesis.holds(instance) for instance in drawn), hypothesis.name


NEEDED = [(statement, hypothesis.name) for statement in PROPOSITIONS for hypothesis in statement.hypotheses]


@pytest.mark.parametrize(("statement", "name"), NEEDED, ids=[f"{statement.id}: {name}" for statement, name in NEEDED])
def test_without_a_hypothesis_the_claim_can_fail(statement: Statement, name: str):
    dropped = [wording for wording in statement.wordings if wording.drops == name]
    found = [smallest_counterexample(wording) for wording in dropped] or [smallest_without(statement, name)]
    assert all(one is not None and not one.verdict.holds for one in found)


def test_without_its_hypothesis_the_count_of_solve_fails_at_a_tie():
    # y^4 x^2 = 4 lam^2 lam2 in the draft's scale: zero and two others are global minima.
    tie = REGULARISED.check(Problem(np.array([[2.0]]), np.array([[1.0]]), lam=0.5, lam2=0.5))
    assert not tie.holds
    assert tie.violated_hypotheses == ("the reduced problem has one minimiser",)


@pytest.mark.parametrize("statement", **named(STATEMENTS))
def test_every_statement_is_worded(statement: Statement):
    for text in (statement.title, statement.claim, statement.source, statement.meaning, *statement.proof):
        assert text.strip() == text
        assert "  " not in text
    assert statement.proof
    for wording in statement.wordings:
        assert wording.id.startswith(statement.id.split("-")[0])
        assert wording.drops in {"", *(hypothesis.name for hypothesis in statement.hypotheses)}


def test_ids_are_unique():
    ids = [one.id for one in (*STATEMENTS, *WORDINGS)]
    assert len(ids) == len(set(ids))
