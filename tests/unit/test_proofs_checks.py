"""The machinery of proofs_checks: order of the rationals, exact arithmetic, search, runner, table, command line."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from click.testing import CliRunner

from proofs_checks import Hypothesis, Proof, Space, Statement, Verdict, describe, run_checks
from proofs_checks.arithmetic import is_exact, least_squares, least_squares_error, lengths, root
from proofs_checks.command import FAILS, HOLDS, REFUSED, STOPPED, command
from proofs_checks.rationals import Numbers, any_rational, not_negative_rational, positive_rational, size_of
from proofs_checks.report import explain, table, to_json
from proofs_checks.run import Outcome, attempt
from proofs_checks.search import smallest_counterexample, smallest_refutation, smallest_without
from proofs_checks.statement import Method, Wording, above_zero, at_least_zero
from solvers import InputError
from solvers.cli import commands


@dataclass(frozen=True)
class Pair:
    """Two numbers."""

    x: Fraction
    y: Fraction


PAIRS = Space(Pair, (Numbers("x"), Numbers("y", (), positive_rational)))
LARGER = Statement(
    id="T1",
    title="x squared exceeds minus y",
    claim="x^2 + y > 0 for y > 0",
    hypotheses=(Hypothesis("y > 0", lambda i: i.y > 0),),
    proof=("Squares are not negative.",),
    source="a test",
    meaning="none",
    draw=lambda rng: Pair(*rng.standard_normal(2)),
    conclude=lambda i: above_zero(i.x**2 + i.y),
    space=Space(Pair, (Numbers("x"), Numbers("y"))),
    draft="x + y > 0 for y > 0",
    wordings=(Wording("T1-draft", "x + y > 0", PAIRS, lambda i: above_zero(i.x + i.y), "x may be negative"),),
)


def false_for_rationals(i: Pair) -> Verdict:
    return at_least_zero(i.x**2 + i.y - Fraction(1)) if isinstance(i.x, Fraction) else above_zero(1.0)


def statement(**changes: object) -> Statement:
    return replace(LARGER, **changes)  # pyright: ignore[reportArgumentType]


# ------------------------------------------------------------------------------------------------------------ rationals


@pytest.mark.parametrize("size", range(1, 12))
def test_rationals_of_a_size_are_all_there_once(size):
    listed = list(any_rational(size))
    expected = {Fraction(a, b) for a in range(-size, size + 1) for b in range(1, size + 1) if size_of(Fraction(a, b)) == size}
    assert len(listed) == len(set(listed))
    assert set(listed) == expected
    assert set(positive_rational(size)) == {value for value in expected if value > 0}
    assert set(not_negative_rational(size)) == {value for value in expected if value >= 0}


def test_the_order_begins_as_documented():
    values = itertools.chain.from_iterable(any_rational(size) for size in (1, 2, 3))
    assert [str(value) for value in values] == ["0", "1", "-1", "2", "-2", "1/2", "-1/2"]


def test_instances_come_in_order_of_size_then_of_count_and_none_is_missing():
    space = Space(lambda X: X, (Numbers("X", ("n",)),), ({"n": 2}, {"n": 1}))
    found = list(space.instances(6))
    keys = [(one.size, one.n_numbers) for one in found]
    assert keys == sorted(keys)
    assert all(one.size == sum(map(size_of, one.instance)) and one.n_numbers == len(one.instance) for one in found)
    values = [value for size in range(1, 7) for value in any_rational(size)]
    pairs = [(a, b) for a in values for b in values if size_of(a) + size_of(b) <= 6]
    assert len(found) == len(values) + len(pairs) == len({tuple(one.instance) for one in found})


def test_numbers_take_their_shapes_and_choices_do_not_count():
    shapes = ({"n": 2, "p": 1},)
    space = Space(lambda A, t, word: (A, t, word), (Numbers("A", ("n", "p")), Numbers("t")), shapes, {"word": ("a", "b")})
    first, second = itertools.islice(space.instances(5), 2)
    assert first.instance[0].shape == (2, 1)
    assert isinstance(first.instance[1], Fraction)
    assert (first.instance[2], second.instance[2], first.size, second.size) == ("a", "b", 3, 3)


def test_an_instance_is_described_in_one_line():
    assert describe(Pair(Fraction(-1, 2), Fraction(3))) == "x = -1/2, y = 3"
    arrays = Pair(np.array([[Fraction(1), Fraction(2)]]), np.array([[1.0], [0.25]]))  # pyright: ignore[reportArgumentType]
    assert describe(arrays) == "x = [1, 2], y = [1, 0.25]'"
    assert describe(Pair(np.eye(2), np.zeros(1))) == "x = [[1, 0], [0, 1]], y = 0"  # pyright: ignore[reportArgumentType]


# ------------------------------------------------------------------------------------------------------ exact arithmetic


def test_roots_of_rationals_are_exact_or_refused():
    assert root(Fraction(9, 4)) == Fraction(3, 2)
    assert root(2.25) == 1.5
    with pytest.raises(ArithmeticError, match="2 is not the square"):
        root(Fraction(2))


def test_lengths_of_rational_columns_are_rational():
    A = np.array([[Fraction(3), Fraction(0)], [Fraction(-4), Fraction(0)]])
    assert list(lengths(A)) == [5, 0]
    assert is_exact(lengths(A))


def test_least_squares_of_rationals_is_exact_even_with_dependent_rows():
    rng = np.random.default_rng(0)
    for _ in range(50):
        n, p, N = rng.integers(1, 4, 3)
        X, Y = rng.integers(-2, 3, (p, N)), rng.integers(-2, 3, (n, N))
        exact = [np.array([[Fraction(int(value)) for value in row] for row in M], dtype=object) for M in (X, Y)]
        W = least_squares(exact[1], exact[0])
        assert np.all((exact[1] - W @ exact[0]) @ exact[0].T == 0)
        assert float(least_squares_error(exact[1], exact[0])) == pytest.approx(least_squares_error(Y * 1.0, X * 1.0), abs=1e-12)


# --------------------------------------------------------------------------------------------------- verdicts and search


def test_rounding_is_allowed_to_floats_only():
    assert at_least_zero(-1e-12).holds
    assert not at_least_zero(Fraction(-1, 10**12)).holds
    assert not above_zero(0.0).holds
    assert not at_least_zero(float("nan")).holds


def test_a_false_conclusion_refutes_only_under_the_hypotheses():
    assert LARGER.check(Pair(Fraction(0), Fraction(-1))) == Verdict(False, Fraction(-1), ("y > 0",))
    assert not LARGER.check(Pair(Fraction(0), Fraction(-1))).refutes
    assert statement(hypotheses=()).check(Pair(Fraction(0), Fraction(-1))).refutes


def test_the_search_returns_the_first_violation():
    found = smallest_counterexample(LARGER.wordings[0])
    assert found is not None
    assert (str(found), found.size, found.n_numbers) == ("x = -1, y = 1", 4, 2)
    before = list(PAIRS.instances(4))[: found.looked_at]
    assert [one.instance.x + one.instance.y > 0 for one in before] == [True] * (found.looked_at - 1) + [False]


def test_the_search_gives_up_on_true_claims():
    assert smallest_counterexample(replace(LARGER.wordings[0], check=lambda i: above_zero(i.y)), largest=8) is None


def test_a_hypothesis_that_is_needed_has_an_instance_that_shows_it():
    found = smallest_without(LARGER, "y > 0")
    assert found is not None
    assert str(found) == "x = 0, y = 0"
    assert smallest_refutation(LARGER, 500)[0] is None
    assert smallest_refutation(statement(hypotheses=()), 500)[0] is not None


# ---------------------------------------------------------------------------------------------------------------- runner


def test_a_run_reports_what_held():
    report = run_checks([LARGER], examples=100)
    (one,) = report.statements
    assert report.holds
    assert one.tested.n_instances == 100 < one.tested.n_drawn
    assert one.n_exact > 0
    assert one.evidence == ("exact counterexample", "tested on 100 instances")
    assert "1 of 1 corrected statements hold; 1 of 1 wrong wordings refuted." in table(report)
    assert "Tested: on random and on small exact instances.\nseed 0, 100 examples" in table(report)


def test_the_instances_depend_on_seed_and_statement_alone():
    margins = [run_checks(chosen, seed=seed, examples=20).statements[-1].tested for chosen, seed in
               (([LARGER], 3), ([statement(id="T0"), LARGER], 3), ([LARGER], 4))]  # fmt: skip
    assert margins[0] == margins[1] != margins[2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hypotheses": ()}, "T1 FAILS on x = "),
        ({"conclude": false_for_rationals}, "T1 FAILS exactly on x = 0, y = 1/2"),
        ({"hypotheses": (Hypothesis("never", lambda i: False),)}, "T1 FAILS: no instance satisfied its hypotheses"),
        ({"conclude": lambda i: above_zero(float("nan"))}, "T1 FAILS on x = "),
        ({"proofs": (Proof(Method.SYMBOLIC, "all", "everywhere", lambda: False),)}, "T1 FAILS: sympy refutes 'all'"),
        ({"wordings": (replace(LARGER.wordings[0], check=lambda i: above_zero(1)),)}, "T1-draft: no counterexample found"),
    ],
)
def test_a_run_reports_what_did_not_hold(changes, said):
    report = run_checks([statement(**changes)], examples=50)
    assert not report.holds
    assert said in table(report)
    assert not to_json(report)["holds"]


def test_a_proof_that_gives_up_is_open_and_no_failure():
    report = run_checks([statement(proofs=(Proof(Method.SMT, "all", "everywhere", lambda: None),))], examples=20)
    assert report.holds
    assert "T1: z3 gave up on 'all'" in table(report)
    assert "proved (SMT)" not in report.statements[0].evidence


def test_without_a_package_its_evidence_is_missing_and_said_so(monkeypatch):
    monkeypatch.setattr("proofs_checks.run.importlib.util.find_spec", lambda name: None)

    def never() -> bool:
        raise AssertionError("a proof without its package must not run")

    proof = Proof(Method.SMT, "all", "everywhere", never)
    assert attempt(proof) is Outcome.MISSING
    report = run_checks([statement(proofs=(proof,))], examples=20)
    assert report.holds
    assert report.missing == ("z3",)
    assert "Missing evidence: z3 is not installed" in table(report)
    assert "z3 is not installed; it would prove: all (everywhere)" in explain(report.statements[0])


def test_without_sympy_and_z3_a_run_still_works():
    script = (
        "import sys; sys.modules['z3'] = sys.modules['sympy'] = None\n"
        "from proofs_checks import STATEMENTS, run_checks\n"
        "report = run_checks(STATEMENTS[:2], examples=20)\n"
        "print(report.holds, *report.missing, *report.statements[1].evidence, sep='|')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True|z3|sympy|exact counterexample|tested on 20 instances"


def test_an_interrupt_keeps_what_was_finished():
    def interrupted(rng: np.random.Generator) -> Pair:
        raise KeyboardInterrupt

    report = run_checks([LARGER, statement(id="T2", draw=interrupted)], examples=20)
    assert [one.statement.id for one in report.statements] == ["T1"]
    assert not report.complete
    assert not report.holds
    assert "Stopped early" in table(report)


@pytest.mark.parametrize("examples", [0, -1, 1.5, "10", True, None])
def test_unusable_numbers_of_examples_are_refused(examples):
    with pytest.raises(InputError, match=r"examples must be a whole number of at least 1, got .*: examples=100 is a quick run"):
        run_checks([LARGER], examples=examples)


@pytest.mark.parametrize("seed", [-1, 0.5, "1"])
def test_unusable_seeds_are_refused(seed):
    with pytest.raises(InputError, match="seed must be a whole number of at least 0, got"):
        run_checks([LARGER], examples=5, seed=seed)


# ---------------------------------------------------------------------------------------------------------- command line


@pytest.fixture
def only_test_statements(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    chosen = [LARGER]
    monkeypatch.setattr("proofs_checks.catalogue.STATEMENTS", chosen)
    return chosen


def test_the_command_prints_the_table_and_json(only_test_statements):
    result = CliRunner().invoke(command, ["--examples", "20"])
    assert result.exit_code == HOLDS
    assert "T1  x squared exceeds minus y" in result.output
    document = json.loads(CliRunner().invoke(command, ["--examples", "20", "--json", "--seed", "5"]).output)
    assert (document["holds"], document["seed"], document["statements"][0]["wordings"][0]["counterexample"]) == (
        True,
        5,
        "x = -1, y = 1",
    )


def test_the_exit_code_tells_failure_and_interrupt(only_test_statements):
    only_test_statements[0] = statement(hypotheses=())
    assert CliRunner().invoke(command, ["--examples", "20"]).exit_code == FAILS

    def interrupted(rng: np.random.Generator) -> Pair:
        raise KeyboardInterrupt

    only_test_statements[0] = statement(draw=interrupted)
    assert CliRunner().invoke(command, ["--examples", "20"]).exit_code == STOPPED


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "B7"], "no statement has an id that begins with 'B7'"),
        (["--explain", ""], "--explain needs an id"),
        (["--examples", "0"], "0 is not in the range x>=1"),
        (["--seed", "-1"], "-1 is not in the range x>=0"),
    ],
)
def test_unusable_options_are_refused(arguments, said):
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == REFUSED
    assert said in result.output


def test_an_explanation_has_all_a_teacher_needs():
    result = CliRunner().invoke(command, ["--explain", "A3", "--examples", "20"])
    assert result.exit_code == HOLDS
    for part in (
        "The draft says",
        "It should say",
        "Hypotheses",
        "Proof",
        "Wrong wordings",
        "False for X = 0, Y = 0, lam = 1",
        "What it means",
    ):
        assert part in result.output


def test_the_solvers_command_is_the_same():
    here = CliRunner().invoke(commands, ["check", "--only", "A2", "--examples", "20"])
    there = CliRunner().invoke(command, ["--only", "A2", "--examples", "20"])
    assert here.exit_code == there.exit_code == HOLDS
    assert here.output.splitlines()[:-1] == there.output.splitlines()[:-1]
    assert CliRunner().invoke(commands, ["check", "--examples", "0"]).exit_code == REFUSED


def test_the_module_runs():
    done = subprocess.run(
        [sys.executable, "-m", "proofs_checks", "--only", "a2", "--examples", "20"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == HOLDS, done.stderr
    assert "1 of 1 corrected statements hold; 3 of 3 wrong wordings refuted." in done.stdout
