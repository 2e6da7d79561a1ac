"""The study of global optima as a user runs it, its statements checked without the package's search."""

from __future__ import annotations

import importlib.util
import io
import itertools
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

STUDY = Path(__file__).parents[2] / "examples" / "studies" / "global_optimum.py"


@pytest.fixture(scope="module")
def study() -> ModuleType:
    specification = importlib.util.spec_from_file_location("global_optimum", STUDY)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ran(study, tmp_path_factory):
    """One run: its outcomes, what it printed, what it wrote."""
    file = tmp_path_factory.mktemp("study") / "outcomes.json"
    with redirect_stdout(io.StringIO()) as printed:
        outcomes = study.main(["--quick", "--json", str(file)])
    return SimpleNamespace(outcomes=outcomes, printed=printed.getvalue(), written=json.loads(file.read_text()))


def redrawn(study, outcome):
    options = study.parse(["--quick"])
    rng = np.random.default_rng([options.seed, outcome.number])
    return study.draw(rng, options.designs[outcome.number % len(options.designs)], options)


def test_no_objective_is_below_a_proven_bound(ran) -> None:
    for outcome in ran.outcomes:
        assert outcome.proven
        assert outcome.lower <= outcome.optimum * (1 + 1e-12)
        for answer in outcome.answers.values():
            assert outcome.lower <= answer.objective * (1 + 1e-12)
            assert answer.excess >= 0


def test_the_optimum_is_that_of_descents_from_every_set_of_inputs(study, ran) -> None:
    for outcome in sorted(ran.outcomes, key=lambda outcome: outcome.n_inputs)[:4]:
        problem = redrawn(study, outcome)
        descent = study.Descent(problem)
        every = (np.array(chosen, dtype=bool) for chosen in itertools.product([False, True], repeat=outcome.n_inputs))
        best = min(problem.objective(descent.from_inputs(chosen).T) for chosen in every)
        assert best >= outcome.lower * (1 - 1e-12)
        assert best == pytest.approx(outcome.optimum, abs=2e-6 * outcome.null_loss)


def test_the_objective_is_loss_plus_penalty(study, ran) -> None:
    problem = redrawn(study, ran.outcomes[0])
    coef = np.random.default_rng(0).standard_normal((problem.Y.shape[1], problem.X.shape[1]))
    loss = sum(float(np.sum((y - coef @ x) ** 2)) for x, y in zip(problem.X, problem.Y, strict=True)) / (2 * len(problem.X))
    assert problem.objective(coef) == pytest.approx(loss + problem.penalty.value(coef), rel=1e-12)


def test_the_table_says_what_the_outcomes_say(study, ran) -> None:
    total = len(ran.outcomes)
    last = next(line for line in ran.printed.splitlines() if line.startswith("all "))
    for method in ("solvers", "descent"):
        optimal = sum(outcome.answers[method].objective - outcome.optimum <= 1e-6 * outcome.null_loss for outcome in ran.outcomes)
        assert f"{100 * optimal / total:.1f} %" in last
    assert f"settled {total} of {total} problems" in ran.printed
    assert "skglm not compared" in ran.printed
    assert [outcome["optimum"] for outcome in ran.written] == [outcome.optimum for outcome in ran.outcomes]
    # Several starts are there to beat a single one.
    assert study.hits(ran.outcomes, "solvers", 1e-6) >= study.hits(ran.outcomes, "descent", 1e-6)


def test_sets_of_inputs_are_compared(study) -> None:
    def relation(found: str, optimal: str) -> str:
        return study.relation(*(np.array([letter == "x" for letter in word]) for word in (found, optimal)))

    assert relation("x..x", "x..x") == "same inputs"
    assert relation("x...", "x..x") == "too few"
    assert relation("xx.x", "x..x") == "too many"
    assert relation("xx..", "x..x") == "one exchanged"
    assert relation("xxx.", "x..x") == "other"
    moves = [
        (kind, "".join("x" if chosen else "." for chosen in set_)) for kind, set_ in study.neighbours(np.array([True, False]))
    ]
    assert moves == [("left out", ".."), ("added", "xx"), ("exchanged", ".x")]


@pytest.mark.parametrize("arguments", [["--p", "0.5"], ["--inputs", "8", "5"], ["--problems", "0"]])
def test_wrong_options_are_refused(study, arguments) -> None:
    with pytest.raises(SystemExit):
        study.parse(arguments)
