"""The tests of training with removal, tested: see `test_mutants`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.meta.test_mutants import Mutant, copy, run_checks

__all__ = ["copy"]  # the fixture

RULE = ("tests/unit/test_training_removal.py",)
WALK = ("tests/reference/test_training.py",)
RUNS = ("tests/unit/test_training.py",)
NETWORK = ("tests/unit/test_training_network.py",)

MUTANTS = [
    Mutant("variance from the new mean", "training/removal.py", "d = sign - mean[j]", "d = (sign - mean[j]) * rule.gamma", RULE),
    Mutant("removal below the threshold", "training/removal.py", "if variance[j] > limit or", "if variance[j] < limit or", RULE),
    Mutant("batches forget their weights", "training/batches.py", "weights[chosen[i]] / total if", "1.0 / size if", WALK),
    Mutant(
        "Adagrad without its root",
        "training/optimizers.py",
        "(math.sqrt(second[j]) + _ADAGRAD_EPS)",
        "(second[j] + _ADAGRAD_EPS)",
        WALK,
    ),
    Mutant("penalty on beta without its sign", "training/state.py", "-1.0 if v.beta[j] < 0.0 else 0.0)", "1.0)", WALK),
    Mutant(
        "gradient of beta from stepped A", "training/state.py", "g_beta[j] += G[t, j] * v.A[t, j]", "g_beta[j] += G[t, j]", WALK
    ),
    Mutant("a batch weighs as the whole", "training/rows.py", "shares / total if total > 0", "shares if total > 0", WALK),
    Mutant(
        "Gram of all inputs after collection",
        "training/gram.py",
        "Q=Q[np.ix_(kept, kept)]",
        "Q=Q[: len(kept), : len(kept)].copy()",
        WALK,
    ),
    Mutant(
        "optimiser state not sliced",
        "training/state.py",
        "Accumulators(*map(per_input, v.of_A))",
        "Accumulators(*(a[..., : per_input(v.beta).size].copy() for a in v.of_A))",
        RUNS,
    ),
    Mutant(
        "cost counts the survivors",
        "training/run.py",
        "before.n_alive, len(before.live)",
        "self.state.n_alive, len(before.live)",
        RUNS,
    ),
    Mutant(
        "the last state after divergence",
        "training/procedure.py",
        "run.best if run.log.diverged",
        "run.state if run.log.diverged",
        RUNS,
    ),
    Mutant("a layer keeps its biases", "training/graph.py", "self.biases.keep(kept, axis=0)", "pass", NETWORK),
    Mutant("gradient through dead units", "training/network.py", "dZ = dH * beta * (Z > 0)", "dZ = dH * beta", NETWORK),
]


@pytest.mark.parametrize("checks", [RULE, WALK, RUNS + NETWORK], ids=["rule", "walk", "runs"])
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
