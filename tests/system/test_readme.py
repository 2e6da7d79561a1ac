"""The examples of the README and of the pages run and print what they say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("page", "at_least"),
    [("README.md", 8), ("docs/how_to_choose.md", 20), ("docs/lottery.md", 20), ("docs/scaling_out.md", 12)],
)
def test_a_page_is_true(page: str, at_least: int) -> None:
    failures, tried = doctest.testfile(str(ROOT / page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried >= at_least
    assert failures == 0
