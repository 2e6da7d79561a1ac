"""The demo's page on training with removal: its numbers, and the lines of code it shows."""

from __future__ import annotations

import contextlib
import io
import re

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from solvers.demo import removal
from solvers.demo.page import Context

LAM = 0.03


@pytest.fixture(scope="module")
def page():
    patch = pytest.MonkeyPatch()
    patch.setattr(removal, "LAMS", (LAM,))
    with patch.context():
        yield removal.removal_page(Context(seed=0))


def test_the_page_says_what_was_saved_and_lost(page):
    assert page.complete
    (file,) = page.files
    kept, removed = ({name: row[k] for k, name in enumerate(file.header)} for row in file.rows)
    assert (kept["width_1"], kept["width_2"]) == removal.HIDDEN
    assert removed["parameters"] < 0.3 * kept["parameters"]
    assert removed["test_accuracy"] > kept["test_accuracy"] - 0.03
    assert removed["multiply_adds"] < kept["multiply_adds"]
    assert f"{kept['parameters'] / removed['parameters']:.1f} times fewer parameters" in page.sentences[1]
    assert removed["parameters"] == 64 * removed["width_1"] + removed["width_1"] + sum(
        (removed["width_1"] * removed["width_2"] + removed["width_2"], 10 * removed["width_2"] + 10)
    )


def test_the_lines_of_code_print_the_numbers_of_the_page(page):
    code, count = re.subn(r"for lam in \(.*\):", f"for lam in ({LAM},):", page.code)
    assert count == 1
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "page", "exec"), {})
    accuracies = [float(number) for number in re.findall(r"accuracy ([\d.]+)", printed.getvalue())]
    assert accuracies == [pytest.approx(row[5], abs=5e-5) for row in page.files[0].rows]


def test_it_can_be_stopped():
    page = removal.removal_page(Context(seed=0, stopped=lambda: True))
    assert not page.complete
    assert page.figures == page.tables == ()
