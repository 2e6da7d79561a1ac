"""The README's example runs and prints what it says."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_the_readme_is_true() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    failures, tried = doctest.testfile(str(readme), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried >= 8
    assert failures == 0
