"""The propositions page: its verdicts, its examples recomputed by brute force, its pictures, words and code."""

from __future__ import annotations

import io
import itertools
import re
import warnings
from contextlib import redirect_stdout

import numpy as np
import pytest

from proofs_checks.catalogue import PROPOSITIONS
from solvers.demo.page import Context
from solvers.demo.propositions import EXAMPLES, Minima, _minima, make_code, propositions_page

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def page():
    return propositions_page(Context(seed=3))


@pytest.fixture(scope="module")
def minima() -> list[Minima]:
    return list(_minima())


def test_every_statement_holds_and_every_wording_is_refuted(page):
    rows = page.tables[0].rows
    assert [row[0].partition(":")[0] for row in rows] == [statement.id for statement in PROPOSITIONS]
    for row, statement in zip(rows, PROPOSITIONS, strict=True):
        assert row[2] == "holds"
        assert row[1] == ("wrong" if statement.draft else "")
        assert bool(row[4]) == bool(statement.draft)
        assert f"tested on {EXAMPLES} instances" in row[5]
    n_wordings = sum(len(statement.wordings) for statement in PROPOSITIONS)
    assert len(page.files[0].rows) == n_wordings
    assert all(row[2] for row in page.files[0].rows)
    assert f"For {n_wordings} of {n_wordings} wrong wordings" in page.sentences[1]


def test_every_certificate_holds(page):
    assert [str(one.certificate.kind) for one in page.evidence] == ["infimum", "global_bound", "global_bound", "global_bound"]
    assert all(one.certificate.holds and one.curve for one in page.evidence)
    assert page.complete


def objective(one: Minima, beta: np.ndarray) -> np.ndarray:
    """``(w_1 - z_1)^2 + (w_2 - z_2)^2 + lam |beta| + lam2 a^2`` with the best a for these beta (..., 2): a ridge regression."""
    a = beta * one.targets / (beta**2 + one.lam2)
    return np.sum((a * beta - one.targets) ** 2 + one.lam * abs(beta) + one.lam2 * a**2, axis=-1)


@pytest.mark.parametrize(("index", "count"), [(0, 1), (1, 2), (2, 4)])
def test_the_global_minima_are_those_a_grid_finds(index, count, minima):
    one = minima[index]
    assert len(one.points) == count
    side = np.linspace(-3, 3, 601)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    values = objective(one, grid)
    at_points = objective(one, one.points)
    assert np.ptp(at_points) <= 1e-12
    assert values.min() >= at_points[0] - 1e-12
    # Nothing on the grid comes near the minimum away from the points.
    distance = np.min([np.linalg.norm(grid - point, axis=-1) for point in one.points], axis=0)
    assert values[distance > 0.3].min() > at_points[0] + 1e-3


def test_the_pictures_describe_themselves(page):
    assert [plate.name for plate in page.figures] == [f"propositions_{name}" for name in ("hill", "valley", "minima", "penalty")]
    assert all(len(plate.alt) > 100 and len(plate.caption) > 80 for plate in page.figures)
    stated = dict(zip(("beta1", "beta2"), map(float, re.findall(r"±(\d\.\d+)", page.figures[2].alt)), strict=True))
    assert stated == pytest.approx({"beta1": 1.57, "beta2": 1.15})
    # At w = 2 the prices are 2^(2/3) and 2^(1/2).
    assert "ShrinkNet 1.59 for p = 2 and 1.41 for p = 1" in page.figures[3].alt


def test_a_request_to_stop_leaves_statements_out():
    questions = itertools.count()
    page = propositions_page(Context(seed=0, stopped=lambda: next(questions) >= 2))
    assert not page.complete
    assert len(page.tables[0].rows) == 2


def test_the_lines_of_code_give_the_numbers_of_the_page(minima, monkeypatch):
    import proofs_checks

    printed, few = io.StringIO(), proofs_checks.run_checks
    monkeypatch.setattr(proofs_checks, "run_checks", lambda statements: few(statements[:2], examples=20))
    with warnings.catch_warnings(), redirect_stdout(printed):
        warnings.simplefilter("ignore")
        exec(make_code(), {})
    text = printed.getvalue()
    assert "2 of 2 corrected statements hold" in text
    assert "not_attained 0.0" in text
    assert [int(count) for count in re.findall(r"global minima (\d+)", text)] == [len(one.points) for one in minima]
