"""The tests of distributed data and of the property checkers tested: each planted bug must fail them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.meta import test_mutants as shared
from tests.meta.test_mutants import Mutant, run_checks

pytest.importorskip("dask")

copy = shared.copy

DASK = ("tests/unit/test_dask_design.py",)
PENALTIES = ("tests/unit/test_check_penalty.py",)
LOSSES = ("tests/unit/test_check_loss.py",)

MUTANTS = [
    Mutant("blocks without weights", "dask_design.py", "return DenseDesign(root, ", "return DenseDesign(root**0, ", DASK),
    Mutant("means of blocks counted by rows", "dask_design.py", "design.means * design.total", "design.means * len(block)", DASK),
    Mutant("blocks centred one by one", "dask_design.py", "self.constant, False)", "self.constant, self.centred)", DASK),
    Mutant("columns in the order of X", "dask_design.py", "block[:, chosen]", "block[:, np.sort(chosen)]", DASK),
    Mutant("the last Gram is not merged", "dask_rows.py", "len(level), split_every)", "len(level) - 1, split_every)", DASK),
    Mutant("Grams without weights", "dask_gram.py", "None if weights is None else weights[:, 0]", "None", DASK),
    Mutant("any prox will do", "../checking/penalty_checks.py", "_SLACK = 1e-10", "_SLACK = 1.0", PENALTIES),
    Mutant("any subgradient will do", "../checking/penalty_checks.py", "0 <= distance <= allowed", "0 <= distance", PENALTIES),
    Mutant("any slope at zero will do", "../checking/penalty_checks.py", "got >= least - slack", "got >= 0.0", PENALTIES),
    Mutant(
        "the sign of an entropy",
        "losses.py",
        "np.sum(xlogy(P, P), axis=1), np.inf",
        "-np.sum(xlogy(P, P), axis=1), np.inf",
        LOSSES,
    ),
    Mutant("any conjugate will do", "../checking/loss_checks.py", "_NOTHING = 1e-12", "_NOTHING = 1.0", LOSSES),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_planted_bug_is_caught(mutant: Mutant, copy: Path) -> None:
    shared.test_a_planted_bug_is_caught(mutant, copy)


def test_the_unchanged_copy_passes(copy: Path) -> None:
    result = run_checks(copy, DASK + PENALTIES + LOSSES)
    assert result.returncode == 0, result.stdout[-3000:]
