"""Every example runs, warns of nothing, draws something, and shows what its text says it shows."""

from __future__ import annotations

import ast
import io
import runpy
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import solvers

plt = pytest.importorskip("matplotlib.pyplot")
pytest.importorskip("sklearn")

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("plot_*.py"))


def choosing(e: Any) -> None:
    counts = [len(fit.support) for fit in e.chosen.values()]
    assert counts == sorted(counts, reverse=True)
    true = set(range(e.n_true))
    assert all(true <= set(fit.support) for fit in e.chosen.values())
    assert set(e.chosen["EBIC"].support) == true


def trade_off(e: Any) -> None:
    assert e.at_six["concave"] < e.at_six["refitted"] < e.at_six["convex"]


def bias(e: Any) -> None:
    for fit in e.fits.values():
        np.testing.assert_array_equal(fit.support, np.flatnonzero(e.lengths > e.longest_removed))
    survivors = e.lengths > e.longest_removed
    np.testing.assert_allclose(e.bias["group sparsity"][survivors], 1.0, atol=1e-4)
    np.testing.assert_allclose(e.bias["ShrinkNet, unit columns"], e.bias["group sparsity"], atol=1e-6)
    concave = e.bias["regularised ShrinkNet"][survivors]
    assert np.all(np.diff(concave) < 0)
    assert concave[0] < 0.5


def certificate(e: Any) -> None:
    for tol, fit in e.fits.items():
        assert fit.certificate.holds
        assert (fit.objective - e.best) / fit.null_loss <= min(tol, fit.certificate.gap) + 1e-12
    assert not e.stopped.certificate.holds
    assert e.again.gap == pytest.approx(e.fits[1e-6].certificate.gap, rel=1e-6)


def streaming(e: Any) -> None:
    assert e.difference < 1e-9
    assert e.errors[-1] < e.errors[0] / 3
    assert list(e.fit.support) == list(range(e.n_true))


def pipeline(e: Any) -> None:
    assert e.fit.certificate.holds
    assert len(e.few.support) <= len(e.fit.support) < 65
    assert e.scores.mean() > 0.4


def own_penalty(e: Any) -> None:
    assert e.right.holds
    assert e.wrong.suspect == "prox"
    assert {check.name for check in e.wrong.failures} == {"prox inequality", "prox stationarity"}
    own, grouped = e.fits["a penalty of one's own"], e.fits["GroupSparsity"]
    assert np.count_nonzero(own) < np.count_nonzero(grouped)
    # Stationarity of the lasso, on centred data: |x_j' R / n| = lam on the support, at most lam elsewhere.
    X, Y = e.X - e.X.mean(axis=0), e.Y - e.Y.mean(axis=0)
    gradient = ((Y - X @ own.T).T @ X) / len(X)
    np.testing.assert_allclose(gradient[own != 0], 0.1 * np.sign(own[own != 0]), atol=1e-5)
    assert np.max(np.abs(gradient)) <= 0.1 + 1e-5


def optimum(e: Any) -> None:
    assert all(proof.holds for proof in e.proofs)
    assert any((first.upper - first.lower) / e.null_loss > 1e-2 for first in e.local)
    assert all(proof.lower <= fit.objective * (1 + 1e-12) for proof, fit in zip(e.proofs, e.fits, strict=True))


def without_lam2(e: Any) -> None:
    assert e.free.status is solvers.Status.NOT_ATTAINED
    assert np.all(np.diff(e.objectives) < 0)
    assert e.objectives[-1] - e.free.infimum < 1e-5
    assert (e.below[0], e.below[-1]) == (0, 10)
    assert 0 < len(e.kept.support) < 10


SHOWN: dict[str, Callable[[Any], None]] = {
    "plot_choosing_lam": choosing,
    "plot_loss_against_sparsity": trade_off,
    "plot_bias_of_survivors": bias,
    "plot_certificate": certificate,
    "plot_streaming": streaming,
    "plot_pipeline": pipeline,
    "plot_penalty_of_your_own": own_penalty,
    "plot_global_optimum": optimum,
    "plot_without_lam2": without_lam2,
}


@pytest.fixture
def no_windows():
    backend = plt.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


@pytest.mark.filterwarnings("ignore:.*non-interactive:UserWarning")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_shows_what_it_says(example: Path, no_windows) -> None:
    with redirect_stdout(io.StringIO()) as printed:
        names = SimpleNamespace(**runpy.run_path(str(example)))
    assert printed.getvalue()
    figure = plt.gcf()
    figure.canvas.draw()
    assert any(ax.lines or ax.images or ax.patches for ax in figure.axes)
    SHOWN[example.stem](names)


def test_every_example_is_checked() -> None:
    assert {path.stem for path in EXAMPLES} == set(SHOWN)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_a_title_and_uses_public_names_only(example: Path) -> None:
    tree = ast.parse(example.read_text(encoding="utf-8"))
    lines = (ast.get_docstring(tree) or "").splitlines()
    assert len(lines) > 3
    assert lines[1] == "=" * len(lines[0])
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("solvers")]
    assert imports
    for node in imports:
        assert node.module == "solvers"
        assert {alias.name for alias in node.names} <= set(solvers.__all__)
