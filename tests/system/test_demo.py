"""The main job as a user runs it: every file of the report, and its numbers recomputed without the package."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import solvers
from solvers import IncompatibleError, InputError
from solvers.cli import commands
from solvers.cli.frame import DONE, FAILED, STOPPED, first_interrupt_asks
from solvers.demo import run_demo
from solvers.demo.data import load_digits, standardise
from solvers.demo.page import Evidence, Page, worst
from solvers.demo.report import Run, make_manifest, write_report
from solvers.demo.tradeoff import make_code
from solvers.results import Certificate, Kind, Status

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

TRADEOFF_FILES = {"index.html", "manifest.json", "tradeoff.csv"} | {
    f"{name}.{suffix}" for name in ("tradeoff", "tradeoff_norms") for suffix in ("png", "svg")
}
CLASSIFICATION_FILES = {"classification.csv"} | {
    f"{name}.{suffix}" for name in ("classification", "classification_accuracy") for suffix in ("png", "svg")
}
PROPOSITIONS_FILES = {"propositions.csv"} | {
    f"propositions_{name}.{suffix}" for name in ("hill", "valley", "minima", "penalty") for suffix in ("png", "svg")
}
REMOVAL_FILES = {"removal.csv"} | {
    f"{name}.{suffix}" for name in ("removal_sizes", "removal_accuracy") for suffix in ("png", "svg")
}
LOTTERY_FILES = {"lottery.csv"} | {
    f"{name}.{suffix}" for name in ("lottery_candidates", "lottery_weights") for suffix in ("png", "svg")
}
FILES = TRADEOFF_FILES | CLASSIFICATION_FILES | REMOVAL_FILES | LOTTERY_FILES | PROPOSITIONS_FILES


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One run of the command: what it printed, and the folder it wrote."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "report"
    result = CliRunner().invoke(commands, ["demo", "--out", str(folder), "--seed", "7"])
    return SimpleNamespace(folder=folder, result=result)


@pytest.fixture(scope="module")
def all_rows(demo):
    return read_csv(demo.folder)


@pytest.fixture(scope="module")
def rows(all_rows):
    """Those of group sparsity."""
    return [row for row in all_rows if row["penalty"] == "GroupSparsity"]


@pytest.fixture(scope="module")
def shrinknet_rows(all_rows):
    return {p: [row for row in all_rows if row["penalty"] == f"RegularizedShrinkNet(p={p})"] for p in (2, 1)}


@pytest.fixture(scope="module")
def manifest(demo):
    return json.loads((demo.folder / "manifest.json").read_text(encoding="utf-8"))


def read_csv(folder: Path) -> list[dict[str, str]]:
    with open(folder / "tradeoff.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


# --- the numbers, from the digits, in plain NumPy ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves():
    from sklearn.datasets import load_digits

    images = load_digits().data.reshape(-1, 8, 8)
    return tuple(z_scores(np.stack([image[:, half].ravel() for image in images])) for half in (slice(0, 4), slice(4, 8)))


def z_scores(Z: np.ndarray) -> np.ndarray:
    scores = np.zeros_like(Z)
    for j in range(Z.shape[1]):
        if len(set(Z[:, j])) > 1:
            scores[:, j] = (Z[:, j] - np.mean(Z[:, j])) / np.sqrt(np.mean((Z[:, j] - np.mean(Z[:, j])) ** 2))
    return scores


def proximal_gradient(X: np.ndarray, Y: np.ndarray, lam: float, n_iter: int = 20_000) -> np.ndarray:
    """Group sparsity by accelerated proximal gradient with restarts, on centred data: (n_features, n_targets)."""
    gram, cross = X.T @ X / len(X), X.T @ Y / len(X)
    step = 1.0 / np.linalg.eigvalsh(gram)[-1]
    B = previous = np.zeros_like(cross)
    momentum = 1.0
    for _ in range(n_iter):
        following = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * momentum**2))
        ahead = B + (momentum - 1.0) / following * (B - previous)
        Z = ahead - step * (gram @ ahead - cross)
        norms = np.linalg.norm(Z, axis=1, keepdims=True)
        new = np.maximum(0.0, 1.0 - step * lam / np.where(norms > 0, norms, 1.0)) * Z
        restart = np.sum((ahead - new) * (new - B)) > 0
        previous, B, momentum = B, new, 1.0 if restart else following
        if np.max(np.abs(B - previous)) < 1e-15:
            break
    return B


def loss_of(B: np.ndarray, X: np.ndarray, Y: np.ndarray) -> float:
    return float(np.sum((Y - X @ B) ** 2)) / (2 * len(X))


def test_lam_starts_where_the_last_input_goes(rows, halves):
    X, Y = halves
    lams = np.array([float(row["lam"]) for row in rows])
    assert lams[0] == pytest.approx(np.max(np.linalg.norm(X.T @ Y, axis=1)) / len(X), rel=1e-12)
    np.testing.assert_allclose(lams, np.geomspace(lams[0], lams[0] / 1000, 100), rtol=1e-12)


@pytest.mark.parametrize("index", [0, 1, 7, 20, 38, 60, 99])
def test_loss_and_sparsity_agree_with_a_recomputation_from_the_digits(index, rows, halves):
    X, Y = halves
    row = rows[index]
    B = proximal_gradient(X, Y, float(row["lam"]))
    inputs = np.flatnonzero(B.any(axis=1))
    assert [int(j) for j in row["inputs"].split()] == list(inputs)
    assert int(row["live_inputs"]) == len(inputs)
    assert float(row["sparsity"]) == pytest.approx(1 - len(inputs) / 32, abs=1e-15)
    assert float(row["loss"]) == pytest.approx(loss_of(B, X, Y), rel=1e-6)
    assert float(row["normalised_loss"]) == pytest.approx(np.mean((Y - X @ B)[:, Y.any(axis=0)] ** 2), rel=1e-6)


@pytest.mark.parametrize("index", [0, 5, 16, 99])
def test_refitted_loss_is_that_of_least_squares_on_the_listed_inputs(index, rows, halves):
    X, Y = halves
    chosen = X[:, [int(j) for j in rows[index]["inputs"].split()]]
    residual = Y - chosen @ np.linalg.lstsq(chosen, Y, rcond=None)[0]
    assert float(rows[index]["refitted_loss"]) == pytest.approx(np.sum(residual**2) / (2 * len(X)), rel=1e-10)
    assert float(rows[index]["refitted_normalised_loss"]) == pytest.approx(np.sum(residual**2) / (31 * len(X)), rel=1e-10)


def test_refitting_never_raises_the_loss(rows):
    assert len(rows) == 100
    assert all(float(row["refitted_loss"]) <= float(row["loss"]) * (1 + 1e-12) for row in rows)


def test_every_fit_is_certified(rows):
    for row in rows:
        assert row["status"] == row["refit_status"] == "certified"
        assert 0 <= float(row["gap"]) <= float(row["tol"]) == 1e-12
        assert 0 <= float(row["refit_gap"]) <= float(row["refit_tol"]) == 1e-12


def test_without_inputs_the_normalised_loss_is_one(rows):
    assert float(rows[0]["sparsity"]) == 1.0
    assert float(rows[0]["normalised_loss"]) == pytest.approx(1.0, rel=1e-12)


def test_constant_columns_become_exactly_zero():
    # 0.1 three times has a mean that differs from 0.1 in the last bit: dividing by the deviation would give noise of size one.
    Z = standardise(np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]]))
    assert not Z[:, 0].any()
    np.testing.assert_allclose(Z[:, 1], np.array([-1.0, 0.0, 1.0]) * math.sqrt(1.5))


def test_the_printed_lines_of_code_give_the_numbers_of_the_report(all_rows):
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(make_code(load_digits(), 100), {})
    lines = printed.getvalue().splitlines()
    assert len(lines) == len(all_rows)
    for line, row in zip(lines, all_rows, strict=True):
        names = {"removed": "sparsity", "loss": "normalised_loss", "refitted": "refitted_normalised_loss"}
        printed_numbers = {word: float(number) for word, number in re.findall(r"(removed|loss|refitted) +(\S+)", line)}
        assert printed_numbers.keys() == {word for word, name in names.items() if row[name]}
        for word, number in printed_numbers.items():
            assert number == pytest.approx(float(row[names[word]]), abs=6e-5)


# --- ShrinkNet's curves -----------------------------------------------------------------------------------------------------


def reweighted_ridge(X: np.ndarray, Y: np.ndarray, lam: float, lam2: float) -> np.ndarray:
    """A stationary point of ShrinkNet with p = 2 in which every column of X is used, by ridge regressions.

    For given lengths of the rows of B the best factors cost ``mu sum_j ||B_j||^(2/3)``, concave in the squared lengths.
    """
    mu = 1.5 * lam ** (2 / 3) * (2 * lam2) ** (1 / 3)
    gram, cross = X.T @ X / len(X), X.T @ Y / len(X)
    B = np.linalg.solve(gram, cross)
    for _ in range(2000):
        B = np.linalg.solve(gram + np.diag(mu * 2 / 3 * np.linalg.norm(B, axis=1) ** (-4 / 3)), cross)
    return B


@pytest.mark.parametrize("p", [2, 1])
def test_a_shrinknet_path_runs_from_no_input_to_all(p, shrinknet_rows):
    rows = shrinknet_rows[p]
    assert len(rows) == 100
    lams = np.array([float(row["lam"]) for row in rows])
    # The penalty of the same coefficients is proportional to lam^(p / (p + 1)).
    np.testing.assert_allclose((lams / lams[0]) ** (p / (p + 1)), np.geomspace(1, 1e-3, 100), rtol=1e-9)
    assert rows[0]["inputs"] == ""
    assert float(rows[0]["normalised_loss"]) == pytest.approx(1.0, rel=1e-12)
    assert int(rows[-1]["live_inputs"]) == 30


@pytest.mark.parametrize("p", [2, 1])
def test_shrinknet_is_stationary_where_no_bound_proves_more(p, shrinknet_rows):
    # A fit that meets a lower bound on the global minimum is certified.
    status = {"stationary": "converged", "global_bound": "certified"}
    for row in shrinknet_rows[p]:
        assert row["status"] == status[row["certificate"]]
        assert 0 <= float(row["gap"]) <= float(row["tol"]) == 1e-8
        assert row["refitted_loss"] == row["refit_gap"] == row["refit_status"] == ""
    assert sum(row["certificate"] == "stationary" for row in shrinknet_rows[p]) > 50


@pytest.mark.parametrize("index", [5, 10, 20, 40, 60])
def test_the_loss_is_that_of_a_stationary_point_on_the_listed_inputs(index, shrinknet_rows, halves):
    X, Y = halves
    row = shrinknet_rows[2][index]
    chosen = X[:, [int(j) for j in row["inputs"].split()]]
    B = reweighted_ridge(chosen, Y, float(row["lam"]), float(row["lam2"]))
    assert float(row["loss"]) == pytest.approx(loss_of(B, chosen, Y), rel=1e-6)
    assert float(row["normalised_loss"]) == pytest.approx(np.mean((Y - chosen @ B)[:, Y.any(axis=0)] ** 2), rel=1e-6)


@pytest.mark.parametrize("p", [2, 1])
def test_no_loss_is_below_that_of_least_squares_on_the_listed_inputs(p, shrinknet_rows, halves):
    X, Y = halves
    for row in shrinknet_rows[p][::20]:
        chosen = X[:, [int(j) for j in row["inputs"].split()]]
        least = loss_of(np.linalg.lstsq(chosen, Y, rcond=None)[0], chosen, Y)
        assert least * (1 - 1e-12) <= float(row["loss"]) <= 1.1 * least


def test_shrinknet_loses_less_than_group_sparsity_at_the_same_sparsity(rows, shrinknet_rows):
    best = {int(row["live_inputs"]): float(row["loss"]) for row in rows}
    for p in (2, 1):
        common = [row for row in shrinknet_rows[p] if 0 < int(row["live_inputs"]) < 30 and int(row["live_inputs"]) in best]
        assert len(common) > 20
        assert all(float(row["loss"]) < best[int(row["live_inputs"])] for row in common)


# --- the folder -------------------------------------------------------------------------------------------------------------


def test_the_folder_holds_every_file_and_nothing_else(demo):
    assert {path.name for path in demo.folder.iterdir()} == FILES
    assert all(path.stat().st_size > 500 for path in demo.folder.iterdir())


def test_the_manifest_states_versions_seed_time_and_the_files(manifest):
    assert manifest["versions"].keys() == {"python", "numpy", "scipy", "numba", "scikit-learn", "matplotlib", "solvers"}
    assert manifest["versions"]["solvers"] == solvers.__version__
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["platform"]
    assert manifest["seed"] == 7
    assert manifest["complete"] is True
    assert 0 < manifest["wall_time_seconds"] < 600
    assert {name for page in manifest["pages"] for name in page["files"]} == FILES - {"index.html", "manifest.json"}


def test_the_manifest_names_the_worst_certificate_of_each_curve(manifest, rows, shrinknet_rows):
    page = manifest["pages"][0]
    curves = {curve["curve"]: curve for curve in page["curves"]}
    assert list(curves) == ["group sparsity", "group sparsity, refitted", "ShrinkNet, p = 2", "ShrinkNet, p = 1"]
    columns = {
        "group sparsity": (rows, "gap"),
        "group sparsity, refitted": (rows, "refit_gap"),
        "ShrinkNet, p = 2": (shrinknet_rows[2], "gap"),
        "ShrinkNet, p = 1": (shrinknet_rows[1], "gap"),
    }
    for name, (of_curve, column) in columns.items():
        stated = curves[name]["worst_certificate"]
        gaps = [float(row[column]) for row in of_curve]
        assert stated["gap"] == max(gaps)
        assert stated["holds"] is True
        if name.startswith("ShrinkNet"):
            assert (stated["kind"], stated["status"], stated["tol"]) == ("stationary", "converged", 1e-8)
        else:
            assert (stated["kind"], stated["status"], stated["tol"]) == ("duality_gap", "certified", 1e-12)
        assert stated["of"].endswith(f"lam = {float(of_curve[int(np.argmax(gaps))]['lam']):.6g}")


def test_the_manifest_counts_certificates_and_names_the_worst_of_all(manifest, rows):
    issued = [curve["certificates"]["issued"] for curve in manifest["pages"][0]["curves"]]
    assert issued == [100, len({row["inputs"] for row in rows}), 100, 100]
    curves = [(page["slug"], curve) for page in manifest["pages"] for curve in page["curves"]]
    of_all = sum(curve["certificates"]["issued"] for _, curve in curves)
    assert all(curve["certificates"]["holding"] == curve["certificates"]["issued"] for _, curve in curves)
    assert manifest["certificates"] == {"issued": of_all, "holding": of_all}
    # Exhaustive searches leave no gap and have no tolerance.
    weakest = max(
        ({"page": slug} | curve["worst_certificate"] for slug, curve in curves),
        key=lambda one: one["gap"] / one["tol"] if one["tol"] else one["gap"],
    )
    assert manifest["worst_certificate"] == weakest


class Elements(HTMLParser):
    """All start tags with their attributes, and the text outside style."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: dict[str, list[str]] = {}
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.setdefault(self.open[-1] if self.open else "", []).append(data)


@pytest.fixture(scope="module")
def page(demo):
    return Elements((demo.folder / "index.html").read_text(encoding="utf-8"))


def test_the_page_needs_nothing_from_outside(demo, page):
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "object")
        assert "style" not in attributes
        source = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        assert source is None or source.startswith("data:")
        if tag == "a":
            anchors = {"#tradeoff", "#classification", "#removal", "#lottery", "#propositions"}
            assert attributes["href"] in FILES | anchors
    style = "".join(page.text["style"])
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_embeds_the_figures_described_in_words(page):
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 12
    assert all((image["src"] or "").startswith("data:image/svg+xml;base64,") and len(image["alt"] or "") > 50 for image in images)


@pytest.fixture(scope="module")
def section(demo):
    """The part of the document on the trade-off."""
    document = (demo.folder / "index.html").read_text(encoding="utf-8")
    return Elements(document[document.index('<section id="tradeoff">') : document.index('<section id="classification">')])


def tables(page: Elements) -> list[list[dict[str, str]]]:
    """The rows of the losses and of the worst certificates."""
    header, cells = page.text["th"], page.text["td"]
    n_losses = len(cells) - 4 * 5
    split = ((header[:7], cells[:n_losses]), (header[7:], cells[n_losses:]))
    return [
        [dict(zip(names, part[k : k + len(names)], strict=True)) for k in range(0, len(part), len(names))]
        for names, part in split
    ]


def test_the_page_shows_each_loss_with_its_certificate(section, rows, shrinknet_rows):
    losses, _ = tables(section)
    assert len(losses) == 20
    sources = {"ShrinkNet, p = 2": shrinknet_rows[2], "ShrinkNet, p = 1": shrinknet_rows[1]}
    for shown in losses:
        refitted = shown["Model"] == "refitted"
        prefix, gap, status = ("refitted_", "refit_gap", "refit_status") if refitted else ("", "gap", "status")
        wanted = (shown["Loss"], shown["Gap"], shown["Status"])
        candidates = [row for row in sources.get(shown["Model"], rows) if row["live_inputs"] == shown["Inputs kept"]]
        assert wanted in [(f"{float(r[prefix + 'normalised_loss']):.4f}", f"{float(r[gap]):.1e}", r[status]) for r in candidates]
        assert shown["Tol"] == ("1e-08" if shown["Model"] in sources else "1e-12")


def test_the_page_shows_the_worst_certificate_of_each_curve(section, manifest):
    _, shown = tables(section)
    stated = [curve["worst_certificate"] for curve in manifest["pages"][0]["curves"]]
    assert [row["Worst gap"] for row in shown] == [f"{one['gap']:.1e}" for one in stated]
    assert [row["Evidence"] for row in shown[:2]] == ["duality gap", "duality gap"]
    assert all("stationary" in row["Evidence"].split(", ") for row in shown[2:])
    assert [row["Hold"].split()[0] for row in shown] == [row["Hold"].split()[2] for row in shown]


def test_the_page_says_what_each_certificate_proves(section):
    paragraphs = " ".join(section.text["p"])
    assert "duality gap proves that no other coefficients have a lower objective" in paragraphs
    assert "stationarity proves only that no single input's column of coefficients can be improved" in paragraphs


def test_the_figure_has_a_curve_for_each_penalty(demo):
    svg = (demo.folder / "tradeoff.svg").read_text(encoding="utf-8")
    assert all(
        f"<!-- {name} -->" in svg
        for name in ("group sparsity", "group sparsity, refitted", "ShrinkNet, p = 2", "ShrinkNet, p = 1")
    )


def test_the_png_decodes_and_shows_something(demo):
    from matplotlib.image import imread

    for path in demo.folder.glob("*.png"):
        pixels = imread(path)
        assert pixels.shape[0] > 700
        assert pixels.shape[1] > 900
        assert pixels[..., :3].std() > 0.05


def test_running_again_gives_the_same_answers(all_rows, tmp_path):
    run_demo(tmp_path, seed=7)
    for before, after in zip(all_rows, read_csv(tmp_path), strict=True):
        assert [before[name] for name in ("inputs", "status", "refit_status")] == [
            after[name] for name in ("inputs", "status", "refit_status")
        ]
        assert float(after["loss"]) == pytest.approx(float(before["loss"]), rel=1e-6)
        if before["refitted_loss"]:
            assert float(after["refitted_loss"]) == pytest.approx(float(before["refitted_loss"]), rel=1e-10)


# --- the command ------------------------------------------------------------------------------------------------------------


def test_the_summary_says_where_how_good_and_how_long(demo, manifest):
    assert demo.result.exit_code == DONE
    assert demo.result.stderr == ""
    lines = demo.result.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["report", str(demo.folder / "index.html")]
    assert f"gap {manifest['worst_certificate']['gap']:.1e} (tol {manifest['worst_certificate']['tol']:.0e})" in lines[2]
    assert manifest["worst_certificate"]["of"] in lines[2]
    assert "wall time" in lines[3]


def test_python_m_solvers_version():
    done = subprocess.run([sys.executable, "-m", "solvers", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"solvers {solvers.__version__}\n"


def test_importing_the_command_loads_nothing_heavy():
    heavy = ["sklearn", "matplotlib", "numba", "scipy", "rich", "cvxpy"]
    code = f"import sys, solvers.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_help_lists_the_commands():
    result = CliRunner().invoke(commands, ["-h"])
    assert result.exit_code == 0
    assert "demo" in result.stdout


def failing(arguments: list[str]) -> str:
    """The one line on stderr of a command that must fail with exit code 1."""
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == FAILED
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("inside", ["", "report"])
def test_out_that_is_a_file_is_one_clear_line(inside, tmp_path):
    (tmp_path / "taken").write_text("mine")
    message = failing(["demo", "--out", str(tmp_path / "taken" / inside)])
    assert message.startswith("Error: out must be a folder")
    assert "choose another name" in message
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_negative_seed_is_one_clear_line(tmp_path):
    assert "seed must be at least 0, got -1" in failing(["demo", "--out", str(tmp_path), "--seed", "-1"])


@pytest.mark.parametrize(("seed", "error"), [(-1, InputError), (0.5, IncompatibleError), (True, IncompatibleError)])
def test_a_wrong_seed_is_refused_before_anything_is_written(seed, error, tmp_path):
    with pytest.raises(error, match="seed must be"):
        run_demo(tmp_path / "report", seed=seed)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("package", ["sklearn", "matplotlib"])
def test_a_missing_package_is_one_line_with_the_cure(package, tmp_path, monkeypatch):
    monkeypatch.setattr("solvers.errors.is_installed", lambda module: module != package)
    message = failing(["demo", "--out", str(tmp_path)])
    assert f"the demo needs the package '{package}'" in message
    assert "pip install 'shrinknet-solvers[demo]'" in message


# --- stopping early ---------------------------------------------------------------------------------------------------------


def stop_after(questions: int):
    """A ``stopped`` that answers True from the given question on."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= questions


def test_a_stopped_run_writes_what_is_finished_and_exits_with_3(tmp_path, monkeypatch):
    @contextmanager
    def impatient():
        yield stop_after(40)

    monkeypatch.setattr("solvers.cli.demo.first_interrupt_asks", impatient)
    result = CliRunner().invoke(commands, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == STOPPED
    assert "stopped early" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == TRADEOFF_FILES
    rows = read_csv(tmp_path)
    assert 1 < len(rows) < 100
    assert all(row["status"] == "certified" for row in rows[:-1])
    assert all(float(row["refitted_loss"]) <= float(row["loss"]) * (1 + 1e-12) for row in rows)
    assert "stopped early" in (tmp_path / "index.html").read_text(encoding="utf-8")
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["complete"] is False
    assert manifest["worst_certificate"]["gap"] == max(float(row["gap"]) for row in rows)


@pytest.mark.parametrize("questions", [0, 1])
def test_stopping_at_once_still_writes_a_report(questions, tmp_path):
    result = run_demo(tmp_path, stopped=stop_after(questions))
    assert not result.complete
    assert result.index.exists()
    assert (result.worst is None) == (questions == 0)


def test_the_first_interrupt_asks_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with first_interrupt_asks() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_progress_runs_from_nothing_to_all(tmp_path):
    seen: list[tuple[float, str]] = []
    run_demo(tmp_path, on_progress=lambda share, doing: seen.append((share, doing)))
    shares = [share for share, _ in seen]
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert 0.8 < shares[-1] <= 1.0
    assert all(doing for _, doing in seen)


# --- pages and evidence -----------------------------------------------------------------------------------------------------


def evidence(gap: float, tol: float, name: str = "a number") -> Evidence:
    return Evidence(name, Status.CONVERGED, Certificate(Kind.DUALITY_GAP, 1.0, 0.0, gap, tol))


@pytest.mark.parametrize(
    ("gap", "tol", "strain"),
    [(1e-9, 1e-6, 1e-3), (1e-3, 1e-6, 1e3), (0.0, 0.0, 0.0), (1e-9, 0.0, math.inf), (math.nan, 1e-6, math.inf)],
)
def test_strain_is_the_gap_in_units_of_tol(gap, tol, strain):
    assert evidence(gap, tol).strain == pytest.approx(strain)


def test_the_worst_of_different_tolerances_is_the_least_kept_one():
    kept, broken = evidence(1e-4, 1e-3), evidence(1e-10, 1e-12)
    assert worst([kept, broken]) is broken
    assert worst([]) is None


def test_a_failing_certificate_is_shown_and_exits_with_1(tmp_path, monkeypatch):
    failed = Page("bad", "A <b>page</b>", ("1 < 2 & so on.",), evidence=(evidence(math.inf, 1e-6, "x < y"),))
    monkeypatch.setattr("solvers.demo.run.PAGES", (lambda context: failed,))
    result = CliRunner().invoke(commands, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == FAILED
    assert "0 of 1 hold" in result.stdout
    document = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "0 of 1 hold" in document
    assert "A &lt;b&gt;page&lt;/b&gt;" in document
    assert "1 &lt; 2 &amp; so on." in document
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["worst_certificate"]["gap"], manifest["worst_certificate"]["holds"]) == ("inf", False)


def test_several_pages_get_a_list_of_contents(tmp_path):
    pages = [Page(slug, f"Page {slug}", ()) for slug in ("one", "two")]
    run = Run(seed=0, began=0.0, complete=True)
    index, _ = write_report(tmp_path, pages, run)
    document = Elements(index.read_text(encoding="utf-8"))
    assert [attributes["href"] for tag, attributes in document.tags if tag == "a"][:2] == ["#one", "#two"]
    assert make_manifest(pages, run, 1.0)["worst_certificate"] is None
