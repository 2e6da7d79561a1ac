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
    Mutant("variance from the new mean", "removal.py", "d = sign - mean[j]", "d = (sign - mean[j]) * rule.gamma", RULE),
    Mutant(
        "mean forgets its past",
        "removal.py",
        "mean[j] = rule.gamma * mean[j] + (1.0 - rule.gamma) * sign",
        "mean[j] = sign",
        RULE,
    ),
    Mutant("removal below the threshold", "removal.py", "if variance[j] > limit or", "if variance[j] < limit or", RULE),
    Mutant("noise without the threshold", "removal.py", "rule.threshold * noise[j]", "noise[j]", RULE),
    Mutant(
        "a dead switch comes back", "removal.py", "            beta[j] = 0.0\n            continue", "            continue", RULE
    ),
    Mutant("steps to removal rounded down", "removal.py", "for k in (t, t + 1)", "for k in (t + 1, t)", RULE),
    Mutant(
        "Adagrad without its root",
        "training_optimizers.py",
        "(math.sqrt(second[j]) + _ADAGRAD_EPS)",
        "(second[j] + _ADAGRAD_EPS)",
        WALK,
    ),
    Mutant(
        "Adam's first mean not corrected",
        "training_optimizers.py",
        "rate, root = lr / (1.0 - _BETA1**t)",
        "rate, root = lr",
        WALK,
    ),
    Mutant("penalty on beta without its sign", "training_state.py", "-1.0 if v.beta[j] < 0.0 else 0.0)", "1.0)", WALK),
    Mutant(
        "gradient of beta from stepped A", "training_state.py", "g_beta[j] += G[t, j] * v.A[t, j]", "g_beta[j] += G[t, j]", WALK
    ),
    Mutant("power of the penalty on A", "training_state.py", "abs(A[t, j]) ** (p - 1.0)", "abs(A[t, j]) ** p", WALK),
    Mutant(
        "mean of the residual forgotten",
        "training_gram.py",
        "G[t, j] += r[t] * moments.mx[j] - moments.R",
        "G[t, j] += -moments.R",
        WALK,
    ),
    Mutant("a batch weighs as the whole", "training_rows.py", "shares / total if total > 0", "shares if total > 0", WALK),
    Mutant(
        "Gram of all inputs after collection",
        "training_gram.py",
        "Q=Q[np.ix_(kept, kept)]",
        "Q=Q[: len(kept), : len(kept)].copy()",
        WALK,
    ),
    Mutant(
        "optimiser state not sliced",
        "training_state.py",
        "Accumulators(*map(per_input, v.of_A))",
        "Accumulators(*(a[..., : per_input(v.beta).size].copy() for a in v.of_A))",
        RUNS,
    ),
    Mutant(
        "cost counts the survivors",
        "training_run.py",
        "before.n_alive, len(before.live)",
        "self.state.n_alive, len(before.live)",
        RUNS,
    ),
    Mutant(
        "the last state after divergence", "training.py", "run.best if run.log.diverged", "run.state if run.log.diverged", RUNS
    ),
    Mutant(
        "events forget the consumer",
        "training_graph.py",
        "            self.behind.tell_consumers(kept)\n        return kept",
        "        return kept",
        NETWORK,
    ),
    Mutant("a layer keeps its biases", "training_graph.py", "self.biases.keep(kept, axis=0)", "pass", NETWORK),
    Mutant("gradient through dead units", "training_network.py", "dZ = dH * beta * (Z > 0)", "dZ = dH * beta", NETWORK),
    Mutant("switches not folded", "training_network.py", "weights[k + 1] * switch.beta.value", "weights[k + 1]", NETWORK),
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
