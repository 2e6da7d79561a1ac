"""The tests tested: a copy of the package with one planted bug must fail them, the unchanged copy must pass.

Every bug is caught by a property, a definition or an independent recomputation: no test here compares with a stored number.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONVEX = ("tests/unit/test_kernels.py", "tests/properties/test_group_sparsity.py", "tests/properties/test_working_sets.py")
BLOCKS = ("tests/unit/test_bridge.py",)
SEARCH = ("tests/reference/test_shrinknet_gradient.py", "tests/properties/test_shrinknet.py")
FREE = ("tests/properties/test_free_shrinknet.py",)
LABELS = ("tests/unit/test_links.py", "tests/properties/test_logistic.py")
CHOICE = ("tests/properties/test_criteria.py", "tests/properties/test_relaxed.py")
RIDGE = ("tests/unit/test_kernels.py", "tests/properties/test_ridge.py")
GROUPS = ("tests/unit/test_groups.py", "tests/properties/test_groups.py")
LONG = "tests/properties/test_working_sets.py::test_a_wide_path_grows_its_working_set"
"""Interpreted, a minute and a half; the bugs in its reach are caught by shorter tests."""
DIVE = re.compile(r"^_DIVE_WORK = .*$", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """One planted bug: ``original`` is replaced by ``planted`` in a file of ``solvers/regression``."""

    name: str
    file: str
    original: str
    planted: str
    checks: tuple[str, ...] = CONVEX


MUTANTS = [
    Mutant("conjugate gradients without the curvature of the norms", "newton.py", "+ V - radial(V)", "- radial(V)"),
    Mutant("line search accepts any step", "polish.py", "curvature.change(W, step) <= 0.0", "curvature.change(W, step) <= 1e9"),
    Mutant("soft threshold without the step", "penalties.py", "radius = step * penalty.radii[j]", "radius = penalty.radii[j]"),
    Mutant(
        "subdifferential at zero too small",
        "penalties.py",
        "math.sqrt((g * g).sum()) - penalty.radii[j])",
        "math.sqrt((g * g).sum()))",
    ),
    Mutant(
        "Hessian without the curvature of the norms", "newton.py", "M.flat[:: len(M) + 1] += 1.0", "M.flat[:: len(M) + 1] += 1e-3"
    ),
    Mutant("Newton coupling with the wrong sign", "newton.py", "np.negative(coupling, out=coupling)", "pass"),
    Mutant(
        "dual point not scaled into the feasible set",
        "duality.py",
        "return float(np.min(radii[live] / norms[live], initial=1.0))",
        "return 1.0",
    ),
    Mutant(
        "gap without the rescaled residual",
        "squared_problem.py",
        "self.removed_loss + (1.0 - s) ** 2 * self.projected_loss",
        "self.removed_loss",
    ),
    Mutant("gap without the intercept's error", "squared_problem.py", "return self.removed_loss + (1.0 - s)", "return (1.0 - s)"),
    Mutant(
        "gap with the unscaled inner product",
        "duality.py",
        "kernel.norms(B) - s * kernel.sums",
        "kernel.norms(B) - kernel.sums",
    ),
    Mutant("unpenalised columns not projected out", "squared_problem.py", "P = P - space.project(P)", "P = P - 0.0"),
    Mutant(
        "lambda_max from the mean, not the maximum",
        "group_solver.py",
        "top = float(np.max(scores_of",
        "top = float(np.mean(scores_of",
    ),
    Mutant("certified without looking", "group_solver.py", "if certificate.gap <= tol:", "if True:"),
    Mutant(
        "minimum norm forgotten",
        "least_squares.py",
        "shortest[live] = matmul(rows, matmul(rows.T, particular[live]))",
        "shortest = 1.5 * particular",
    ),
    Mutant("2/3-threshold below the tie", "bridge.py", "if norm <= 2.0 * x:", "if norm <= 1.9 * x:", BLOCKS),
    Mutant(
        "half-thresholding takes a worse local minimum", "bridge.py", "- squares) + mu * u", "- squares) + 0.9 * mu * u", BLOCKS
    ),
    Mutant("conjugate with the wrong exponent", "bridge.py", "** ((p + 1.0) / p)", "** (1.0 / p)", BLOCKS),
    Mutant("search begins at the answer", "bridge.py", "low, high = 0.5 * mu", "low, high = mu", BLOCKS),
    Mutant("beta with the wrong exponent", "shrinknet.py", "root = 1.0 / (self.p + 1.0)", "root = 1.0 / (self.p + 2.0)", BLOCKS),
    Mutant(
        "weights of beta forgotten",
        "shrinknet.py",
        "column_strengths(self.lam, self.weights, n_features)",
        "column_strengths(self.lam, None, n_features)",
        BLOCKS,
    ),
    Mutant("curvature of the bridge with the wrong exponent", "curvature.py", "* s**-self.q", "* s**-1.0", BLOCKS),
    Mutant(
        "change of the penalty to first order only",
        "curvature.py",
        "factors = np.expm1(np.log1p(np.maximum(growth, -1.0)) / (p + 1.0))",
        "factors = growth / (p + 1.0)",
        BLOCKS,
    ),
    Mutant(
        "lambda_max too small",
        "bridge_solver.py",
        "low, high = factor, sufficient[j]",
        "low, high = factor, 0.9 * sufficient[j]",
        SEARCH,
    ),
    Mutant("lambda_zero too small", "bridge_solver.py", "norms**q * self.problem", "0.1 * norms**q * self.problem", SEARCH),
    Mutant(
        "the last start kept, not the best",
        "bridge_solver.py",
        "unless_better = not self.objective(mu) < objective",
        "unless_better = False",
        BLOCKS,
    ),
    Mutant("strengths in the wrong units", "problem.py", "(penalty.q - 2.0) * np.log2", "(penalty.q - 1.0) * np.log2", SEARCH),
    Mutant("stationary without looking", "stationarity.py", "worst = max(worst, distance)", "pass", SEARCH),
    Mutant("weak correlations taken for none", "answers.py", "_UNCORRELATED = 1e-12", "_UNCORRELATED = 1e-3", FREE),
    Mutant("divergence to second order only", "links.py", "P[i, k] * excess_exponential(x)", "P[i, k] * 0.5 * x * x", LABELS),
    Mutant("residual of a sure prediction not from the others", "links.py", "(rest / (1.0 + rest) if", "(rest if", LABELS),
    Mutant("gap without the divergence", "duality.py", "return DualGap(distance(s) + float(", "return DualGap(float(", LABELS),
    Mutant(
        "divergence at the unscaled dual point",
        "logistic_problem.py",
        "excess = self.residuals - s * self.dual_residuals",
        "excess = self.residuals - self.dual_residuals",
        LABELS,
    ),
    Mutant("certain outcomes the wrong way", "logistic_problem.py", "np.inf, -np.inf)", "-np.inf, np.inf)", LABELS),
    Mutant("gap without the ridge", "duality.py", "bent = 0.5 * ridges * kernel.norms(missing) ** 2 + ", "bent = ", RIDGE),
    Mutant("gap without the appended rows", "duality.py", "distance(s) + (1.0 - s) ** 2 * ridge, ", "distance(s), ", RIDGE),
    Mutant("gradient of the ridge with the wrong sign", "duality.py", "ridge, gradient - pull", "ridge, gradient + pull", RIDGE),
    Mutant(
        "ridge not scaled by the weights",
        "penalties.py",
        "column_strengths(self.l2, self.weights, self.n_groups(n_features))",
        "column_strengths(self.l2, None, n_features)",
        RIDGE,
    ),
    Mutant("ridge without one half", "penalties.py", "+ 0.5 * np.sum(self.ridges", "+ np.sum(self.ridges", RIDGE),
    Mutant(
        "ridge in the wrong units", "problem.py", "features) / self.x_scale / self.x_scale", "features) / self.x_scale", RIDGE
    ),
    Mutant(
        "shrinkage by the ridge without the step", "penalties.py", "1.0 + step * penalty.ridges", "1.0 + penalty.ridges", RIDGE
    ),
    Mutant(
        "curvature of the ridge with the wrong sign", "curvature.py", "gradient + self.ridges", "gradient - self.ridges", RIDGE
    ),
    Mutant("Newton step that forgets the ridge's pull", "newton.py", "gap - groups.spread(ridges) * W", "gap", RIDGE),
    Mutant(
        "a group's threshold shifted", "block_sweep.py", "math.sqrt(total) <= radius", "math.sqrt(total) <= 2.0 * radius", GROUPS
    ),
    Mutant(
        "secular equation without the ridge", "block_sweep.py", "e = (values[start + i] + ridge)", "e = values[start + i]", GROUPS
    ),
    Mutant("block target without the present point", "block_sweep.py", "along + values[start + i] * here", "along", GROUPS),
    Mutant("group coupling counted once", "groups.py", "sums.flat[:: len(sums) + 1] *= 2.0", "pass", GROUPS),
    Mutant(
        "weights of groups for their inputs",
        "groups.py",
        "return values[self.labels, np.newaxis]",
        "return values[0 * self.labels, np.newaxis]",
        GROUPS,
    ),
    Mutant(
        "curvature per input within a group",
        "curvature.py",
        "kernel.spread(kernel.sums(np.sum(U * V, axis=1)))",
        "np.sum(U * V, axis=1, keepdims=True)",
        GROUPS,
    ),
    Mutant(
        "groups cut in two by the working set",
        "working_set.py",
        "return chosen if self.labels is None else",
        "return chosen if True else",
        GROUPS,
    ),
    Mutant("a ridge alone counts as no penalty", "answers.py", "strongest == 0", "penalty.lam == 0", RIDGE),
    Mutant("minimising sequence the wrong way", "fit.py", "scale = t if isinstance", "scale = 1.0 / t if isinstance", FREE),
    Mutant(
        "degrees of freedom of one target only",
        "criteria.py",
        "n_targets * (rank + np.sum(p / (1.0 + p)))",
        "n_targets * rank + np.sum(p / (1.0 + p))",
        CHOICE,
    ),
    Mutant(
        "degrees of freedom along the norms with the wrong sign",
        "criteria.py",
        "+ _trace_of_quotient(E, F",
        "- _trace_of_quotient(E, F",
        CHOICE,
    ),
    Mutant("slopes of the penalty not over the norms", "criteria.py", "[live] / row_norms(W)", "[live]", CHOICE),
    Mutant("Hessian curved along the norms", "criteria.py", "- np.outer(U[j], U[j])", "+ np.outer(U[j], U[j])", CHOICE),
    Mutant("blend the wrong way round", "relaxed.py", "self._gamma * fit.coef + (1.0 - self._gamma)", "fit.coef + 0.0", CHOICE),
]


def run_checks(folder: Path, checks: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """The numerical tests on the copy in ``folder``, interpreted, stopping at the first failure."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1", "HYPOTHESIS_PROFILE": "mutants"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", "--deselect", LONG, *checks]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of package and tests that shadows the installed one."""
    for name in ("solvers", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    # Interpreted, the nodes of the global search that a solve may take would last minutes; no test asks for them.
    solver = tmp_path / "solvers" / "regression" / "squared_bridge.py"
    source, count = DIVE.subn("_DIVE_WORK = 0", solver.read_text(encoding="utf-8"))
    assert count == 1
    solver.write_text(source, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "checks",
    [CONVEX, BLOCKS + SEARCH + FREE, LABELS, CHOICE, RIDGE],
    ids=["convex", "concave", "labels", "choice", "ridge"],
)
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
    # 1: a test failed. Anything else (2: broken import, 5: nothing run) would be no catch, nor would a file that cannot be read.
    assert result.returncode == 1, result.stdout[-3000:]
    assert "\nFAILED tests/" in result.stdout, result.stdout[-3000:]
