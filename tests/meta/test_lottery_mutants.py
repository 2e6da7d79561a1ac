"""The lottery system's tests tested: each planted bug must fail them. The machinery is that of `test_mutants`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.meta.test_mutants import Mutant, copy, run_checks

__all__ = ["copy"]

SUMS = ("tests/properties/test_lottery.py",)
TICKETS = ("tests/unit/test_tickets.py",)
BELOW = "../lottery/"


def planted(name: str, file: str, original: str, replacement: str, checks: tuple[str, ...] = SUMS) -> Mutant:
    return Mutant(name, BELOW + file, original, replacement, checks)


MUTANTS = [
    planted("mirror image shifted", "half_sums.py", "L[p] = -L[2 * M - 1 - p]", "L[p] = -L[2 * M - 1 - p] - 1000000"),
    planted("scan stops early", "closest.py", "2 << h, shifts, first", "(1 << h) + 1, shifts, first"),
    planted(
        "half of the outer sums forgotten", "closest.py", "range(0, n_shifts, 4)", "range(0, n_shifts - 4 * (n_shifts > 4), 4)"
    ),
    planted("no rounding window", "fixed_point.py", "return slack + np.int64(", "return 0 * np.int64("),
    planted("errors summed in floating point", "fixed_point.py", "if low != 0.0:", "if False:"),
    planted("error rounded twice", "fixed_point.py", "if doubled == x - high:", "if False:"),
    planted("crowded instances not noticed", "closest.py", "or _repeats(A, i, size) or _repeats(B, j, size)", ""),
    planted("search without its first level", "shared_sums.py", "range(inner - 1, -1, -1)", "range(inner - 2, -1, -1)"),
    planted("a size too many", "by_size.py", "most = min(max_size, m)", "most = min(max_size + 1, m)"),
    planted("first hit taken, not the best", "by_size.py", "if error < best_error or (", "if best_error == np.inf or ("),
    planted("Pascal's triangle without a corner", "by_size.py", "range(min(i + 1, most), 0, -1)", "range(min(i, most), 0, -1)"),
    planted(
        "twins across different values", "by_size.py", "row[live[e]] == row[live[i]]", "abs(row[live[e]]) == abs(row[live[i]])"
    ),
    planted(
        "a half of the gadget with the wrong sign",
        "constructions.py",
        "U[: V.shape[1]], -1.0, n)",
        "U[: V.shape[1]], 1.0, n)",
        TICKETS,
    ),
    planted("bias column left out", "tickets.py", "np.ones(len(A))", "np.zeros(len(A))", TICKETS),
    planted("error bound of one layer", "tickets.py", "off = (gain + E) * off + E * length", "off = 0.01 * E * length", TICKETS),
    planted("a missed weight not named", "prune.py", "np.nonzero(one.errors > eps)", "np.nonzero(one.errors > 3 * eps)", TICKETS),
]


@pytest.mark.parametrize("checks", [SUMS, TICKETS], ids=["sums", "tickets"])
def test_the_unchanged_copy_passes(checks: tuple[str, ...], copy: Path) -> None:
    result = run_checks(copy, checks)
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_planted_bug_is_caught(mutant: Mutant, copy: Path) -> None:
    path = copy / "solvers" / "regression" / mutant.file
    source = path.read_text(encoding="utf-8")
    assert source.count(mutant.original) >= 1, f"{mutant.file} no longer contains {mutant.original!r}"
    path.write_text(source.replace(mutant.original, mutant.planted), encoding="utf-8")
    result = run_checks(copy, mutant.checks)
    assert result.returncode == 1, result.stdout[-3000:]
    assert "\nFAILED tests/" in result.stdout, result.stdout[-3000:]
