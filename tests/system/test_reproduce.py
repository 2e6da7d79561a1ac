"""`solvers reproduce` as a user runs it: resumable, honest about agreement, on the draft's data and on other."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("matplotlib")

from solvers import InputError
from solvers.cli import commands
from solvers.cli.frame import DONE, REFUSED, STOPPED
from solvers.demo.data import make_dataset
from solvers.demo.page import Context
from solvers.demo.reproduce import figure1, figure2
from solvers.demo.reproduce.figure1_page import figure1_page
from solvers.demo.reproduce.figure2_page import figure2_page
from solvers.demo.reproduce.recipes import AGGRESSIVENESS, BASELINE, DETERMINISTIC, OES97, RECIPES, Outcome, published, recipe_for
from solvers.demo.reproduce.run import RUNS, reproduce
from solvers.demo.reproduce.store import Store

DATA = os.environ.get("SOLVERS_DATA")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 12))
    return make_dataset(X, X[:, :3] + 0.3 * rng.standard_normal((80, 3)), name="small", call="none")


@pytest.fixture(scope="module")
def file(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(path, X=data.X, Y=data.Y)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("figure", ["figure1", "figure2"])
def test_the_command_writes_a_report_and_does_not_train_again(figure, file, tmp_path):
    arguments = ["reproduce", figure, "--data", str(file), "--out", str(tmp_path)]
    first = CliRunner().invoke(commands, arguments)
    assert first.exit_code == DONE, first.output
    assert "small.npz: 80 samples, 12 inputs, 3 outputs" in first.output
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "A rehearsal" in html
    assert "No recipe of this dataset is known: these are the settings of scm1d" in html
    assert {f"{figure}.csv", RUNS, "manifest.json"} <= {path.name for path in tmp_path.iterdir()}
    before = (tmp_path / RUNS).read_bytes()
    second = CliRunner().invoke(commands, [*arguments, "--jobs", "2"])
    assert second.exit_code == DONE
    assert (tmp_path / RUNS).read_bytes() == before


def test_a_stopped_reproduction_goes_on_where_it_stopped(data, tmp_path):
    finished = []
    stopped = reproduce("figure2", data, tmp_path, on_progress=lambda *_: finished.append(1), stopped=lambda: len(finished) >= 5)
    assert not stopped.complete
    lines = (tmp_path / RUNS).read_text(encoding="utf-8")
    assert len(lines.splitlines()) == 5
    # An interrupt in the middle of a line loses that run alone.
    (tmp_path / RUNS).write_text(lines[:-20], encoding="utf-8")
    whole = reproduce("figure2", data, tmp_path, n_jobs=2)
    assert whole.complete
    reproduce("figure2", data, tmp_path / "fresh")
    timeless = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in rows(out / "figure2.csv")]
        for out in (tmp_path, tmp_path / "fresh")
    ]
    assert timeless[0] == timeless[1]


def test_figure2_summarises_its_runs(data, tmp_path):
    figure = figure2.compute_figure2(data, figure2.SCALES["smoke"], Store(tmp_path / RUNS), 1, Context(seed=3))
    page = figure2_page(figure)
    assert figure.complete
    assert not figure.known
    for summary in figure.summaries:
        losses = [run["loss"] for run in summary.runs]
        assert summary.mean("loss") == pytest.approx(np.mean(losses))
        assert summary.sd("loss") == pytest.approx(np.std(losses, ddof=1))
        if summary.point.variant == BASELINE:
            assert summary.mean("cost") == 12 * summary.point.setting.n_epochs
            assert summary.mean("live") == 12
        assert summary.recorded is None
    assert len(page.figures) == 6
    # The runs of a repeat start at the same point: the first sign change is one deterministic rule however it is called.
    curve = figure.curve(0.1, DETERMINISTIC)
    assert curve[0].point.aggressiveness == 1.0


def test_the_verdict_is_two_joint_standard_deviations():
    point = next(iter(figure2.points_of(OES97, figure2.SCALES["paper"])))
    runs = tuple({"loss": loss, "live": 3.0} for loss in (0.20, 0.22, 0.24))
    sd = 0.02
    for mean, agrees in ((0.22 + 1.99 * np.hypot(sd, 0.01), True), (0.22 + 2.01 * np.hypot(sd, 0.01), False)):
        summary = figure2.Summary(point, runs, Outcome(float(mean), 0.01, 3.0, None, 1))
        assert summary.agrees("loss") is agrees
        assert summary.agrees("live") is None
    assert figure2.Summary(point, runs, None).agrees("loss") is None


def test_figure1_lays_trainings_beside_exact_answers(data, tmp_path):
    scale = figure1.Scale(share=0.02, n_lams=6)
    figure = figure1.compute_figure1(data, scale, Store(tmp_path / RUNS), 1, Context(seed=0))
    page = figure1_page(figure)
    assert figure.complete
    assert all(one.certificate.holds for one in page.evidence)
    assert len(figure.trainings) == 20
    for training in figure.trainings:
        assert training.run["objective"] * figure.half_targets >= training.exact.objective * (1 - 1e-5)
    table = rows_of(page)
    assert len(table) == 20 + 3 * 6


def rows_of(page):
    return page.files[0].rows


def test_the_recipes_are_complete():
    for recipe in RECIPES:
        for method, settings in (("group", recipe.group), ("shrink", recipe.shrink)):
            assert len(recipe.figure1[method]) == len(settings)
            assert [s.draft_lam for s in settings] == sorted((s.draft_lam for s in settings), reverse=True)
        names = {published(0.0), *map(published, AGGRESSIVENESS)}
        for (draft_lam, _, aggressiveness), outcome in recipe.recorded.items():
            assert draft_lam in recipe.figure2
            assert aggressiveness in names
            assert outcome.cost > 0
        # The recorded baselines hold all inputs for three times the epochs of Figure 1.
        for draft_lam in recipe.figure2:
            n_epochs = next(s.n_epochs for s in recipe.shrink if s.draft_lam == draft_lam)
            assert recipe.recorded[draft_lam, BASELINE, "0"].cost == 3 * n_epochs * recipe.shape[1]
        assert recipe_for(recipe.shape) == (recipe, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "figure1"], "the data is missing: write solvers reproduce figure1 --data FILE"),
        (["reproduce", "figure3"], "'figure3' is not one of"),
        (["reproduce", "figure2", "--data", "nowhere.npz"], "does not exist"),
        (["reproduce", "figure2", "--data", "x.npz", "--scale", "large"], "'large' is not one of"),
        (["reproduce", "figure2", "--data", "x.npz", "--jobs", "0"], "0 is not in the range"),
    ],
)
def test_wrong_options_are_refused(arguments, message):
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == REFUSED
    assert message in " ".join(result.output.split())


def test_wrong_arguments_name_what_to_write(data, tmp_path):
    with pytest.raises(InputError, match="figure must be one of 'figure1', 'figure2', got 'figure3'"):
        reproduce("figure3", data, tmp_path)
    with pytest.raises(InputError, match="scale must be one of 'smoke', 'paper', got 'large'"):
        reproduce("figure1", data, tmp_path, scale="large")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="out must be a folder"):
        reproduce("figure1", data, tmp_path / "file")


@pytest.mark.skipif(DATA is None, reason="SOLVERS_DATA is not set")
@pytest.mark.parametrize("figure", ["figure1", "figure2"])
def test_oes97_is_recognised(figure, tmp_path):
    result = CliRunner().invoke(
        commands, ["reproduce", figure, "--data", str(Path(str(DATA)) / "oes97.npz"), "--out", str(tmp_path)]
    )
    assert result.exit_code in (DONE, STOPPED), result.output
    assert result.exit_code == DONE
    assert "No recipe" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["complete"]
