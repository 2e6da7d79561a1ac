"""The demo on data of the user's own: what is read from each source, what is refused and with which words, and the report."""

from __future__ import annotations

import csv
import json
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from solvers import IncompatibleError, InputError
from solvers.cli import commands
from solvers.cli.frame import DONE, FAILED, REFUSED, STOPPED
from solvers.demo import fetch_data, read_data, run_demo
from solvers.demo.page import Context
from solvers.demo.tradeoff_curves import compute_tradeoff
from solvers.demo.tradeoff_figures import first_to_enter

datasets = pytest.importorskip("sklearn.datasets")
Bunch = pytest.importorskip("sklearn.utils").Bunch
pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 4))
Y = X[:, :2] @ RNG.standard_normal((2, 2)) + 0.3 * RNG.standard_normal((30, 2))


def z_scores(Z: np.ndarray) -> np.ndarray:
    return (Z - Z.mean(axis=0)) / Z.std(axis=0, ddof=1)


@pytest.fixture(autouse=True)
def few_lams(monkeypatch):
    monkeypatch.setattr("solvers.demo.tradeoff_curves.N_LAMS", 6)


def run(*arguments: object):
    return CliRunner().invoke(commands, ["demo", *map(str, arguments)])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def csv_text(table: np.ndarray, header: str = "", delimiter: str = ",") -> str:
    lines = [delimiter.join(repr(float(value)) for value in row) for row in table]
    return "\n".join(([header] if header else []) + lines) + "\n"


def npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


# --- what is read -----------------------------------------------------------------------------------------------------------


def test_npz_gives_standardised_arrays(tmp_path):
    data = read_data(npz(tmp_path / "mine.npz", X=X, Y=Y, other=np.arange(3)))
    np.testing.assert_allclose(data.X, z_scores(X), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(data.Y, z_scores(Y), rtol=1e-13, atol=1e-14)
    assert data.name == "mine.npz"
    assert data.n_dropped == 0


def test_npz_with_a_vector_of_integers_as_targets(tmp_path):
    data = read_data(str(npz(tmp_path / "mine.NPZ.npz", X=X.astype(np.float32), Y=np.arange(30, dtype=np.uint8))))
    assert data.Y.shape == (30, 1)
    np.testing.assert_allclose(data.Y[:, 0], z_scores(np.arange(30.0)), rtol=1e-13)


def test_rows_with_nan_are_dropped_and_counted(tmp_path):
    X2, Y2 = X.copy(), Y.copy()
    X2[3, 1] = X2[7, 0] = Y2[7, 1] = np.nan
    kept = [i for i in range(30) if i not in (3, 7)]
    data = read_data(npz(tmp_path / "gaps.npz", X=X2, Y=Y2))
    np.testing.assert_allclose(data.X, z_scores(X[kept]), rtol=1e-13, atol=1e-14)
    assert data.n_dropped == 2
    assert data.summary == "gaps.npz: 28 samples, 4 inputs, 2 outputs; 2 rows dropped for missing values"


def test_constant_columns_become_zero(tmp_path):
    constant = np.full((30, 1), 0.1)
    data = read_data(npz(tmp_path / "flat.npz", X=np.hstack([X, constant]), Y=np.hstack([constant, Y])))
    assert not data.X[:, 4].any()
    assert not data.Y[:, 0].any()
    assert data.n_varying == 2
    assert "Constant columns become columns of zeros: 1 input, always removed, and 1 output." in data.notes


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_extreme_scales_do_not_matter(scale, tmp_path):
    data = read_data(npz(tmp_path / "extreme.npz", X=scale * X, Y=Y / scale))
    np.testing.assert_allclose(data.X, z_scores(X), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(data.Y, z_scores(Y), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["", "a b,cost,x3,x4,y1,y2"])
def test_csv_with_and_without_header(header, delimiter, tmp_path):
    file = write(tmp_path / "table.csv", csv_text(np.hstack([X, Y]), header.replace(",", delimiter), delimiter))
    data = read_data(file, targets=2)
    np.testing.assert_allclose(data.X, z_scores(X), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(data.Y, z_scores(Y), rtol=1e-13, atol=1e-14)
    assert data.inputs == (("a b", "cost", "x3", "x4") if header else ("column 1", "column 2", "column 3", "column 4"))


def test_csv_as_spreadsheets_write_it(tmp_path):
    text = '"size, cm",y\r\n1.5,2\r\n\r\n" 2.5 ",1e1\r\n4,-3\r\n'
    (tmp_path / "sheet.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    data = read_data(tmp_path / "sheet.csv", targets=1)
    assert data.inputs == ("size, cm",)
    np.testing.assert_allclose(data.X[:, 0], z_scores(np.array([1.5, 2.5, 4.0])), rtol=1e-13)
    np.testing.assert_allclose(data.Y[:, 0], z_scores(np.array([2.0, 10.0, -3.0])), rtol=1e-13)


def test_csv_categories_become_columns_of_zeros_and_ones(tmp_path):
    file = write(tmp_path / "kinds.csv", "colour,size,y\nred,1,1\nblue,2,3\n,3,4\nred,4,4\ngreen,?,5\nblue,5,NA\ngreen,6,2\n")
    data = read_data(file, targets=1)
    assert data.inputs == ("colour = blue", "colour = green", "colour = red", "size")
    assert data.n_dropped == 3
    raw = np.array([[0, 0, 1, 1], [1, 0, 0, 2], [0, 0, 1, 4], [0, 1, 0, 6]], dtype=float)
    np.testing.assert_allclose(data.X, z_scores(raw), rtol=1e-13, atol=1e-14)
    assert any("One categorical column was replaced by 3 of zeros and ones" in note for note in data.notes)
    assert "3 rows with missing values left out." in data.notes


def test_csv_of_categories_without_a_header_keeps_its_first_row(tmp_path):
    data = read_data(write(tmp_path / "bare.csv", "red,1\nblue,2\nred,4\n"), targets=1)
    assert len(data.X) == 3
    assert data.inputs == ("column 1 = blue", "column 1 = red")


ARFF = """% a comment
@relation plants
@attribute height numeric
@attribute 'leaf kind' {round, long}
@attribute weight real
@attribute flowers {0, 1}
@data
1.5,round,2,0
2.5,long,?,1
3.5,long,5,1
?,round,1,0
0.5,?,1,0
1.0,round,2.5,1
"""


def test_arff_with_nominal_attributes_and_missing_values(tmp_path):
    data = read_data(write(tmp_path / "plants.arff", ARFF), targets=2)
    assert data.inputs == ("height", "leaf kind = long", "leaf kind = round")
    assert data.n_dropped == 3
    np.testing.assert_allclose(data.X, z_scores(np.array([[1.5, 0, 1], [3.5, 1, 0], [1.0, 0, 1]])), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(data.Y, z_scores(np.array([[2, 0], [5, 1], [2.5, 1]])), rtol=1e-13, atol=1e-14)


# --- what is refused --------------------------------------------------------------------------------------------------------


def object_npz(path: Path) -> Path:
    return npz(path, X=np.array([[1, "a"]], dtype=object), Y=[1])


WRONG = {
    "a missing file": (lambda at: ["--data", at / "none.npz"], ["none.npz' does not exist", "write the path"]),
    "a folder": (lambda at: ["--data", (at / "d.npz").mkdir() or at / "d.npz"], ["is a folder"]),
    "an unknown suffix": (lambda at: ["--data", write(at / "a.xlsx", "")], [".npz, .csv or .arff", "write --data FILE.npz"]),
    "no suffix": (lambda at: ["--data", write(at / "a", "")], [".npz, .csv or .arff"]),
    "npz without Y": (lambda at: ["--data", npz(at / "a.npz", X=X, y=Y)], ["arrays X and Y", "got X, y", "np.savez"]),
    "npz without anything": (lambda at: ["--data", npz(at / "a.npz")], ["got no array", "np.savez"]),
    "npz that is none": (lambda at: ["--data", write(at / "a.npz", "1,2")], ["must be an .npz file", "np.savez"]),
    "npz of objects": (lambda at: ["--data", object_npz(at / "a.npz")], ["arrays of numbers", "np.savez"]),
    "npz of words": (lambda at: ["--data", npz(at / "a.npz", X=[["a"]], Y=[1])], ["X in a.npz must be numeric"]),
    "npz with X a vector": (lambda at: ["--data", npz(at / "a.npz", X=Y[:, 0], Y=Y)], ["X in a.npz", "X.reshape(-1, 1)"]),
    "npz of unequal length": (lambda at: ["--data", npz(at / "a.npz", X=X, Y=Y[1:])], ["Y in a.npz", "(30,)", "(29, 2)"]),
    "npz with infinity": (lambda at: ["--data", npz(at / "a.npz", X=X / 0, Y=Y)], ["the inputs of a.npz must be finite"]),
    "npz of one row": (lambda at: ["--data", npz(at / "a.npz", X=X[:1], Y=Y[:1])], ["at least two rows", "got 1"]),
    "npz with constant Y": (lambda at: ["--data", npz(at / "a.npz", X=X, Y=0 * Y + 3)], ["targets that vary"]),
    "npz with constant X": (lambda at: ["--data", npz(at / "a.npz", X=0 * X, Y=Y)], ["inputs that vary"]),
    "npz of missing values": (
        lambda at: ["--data", npz(at / "a.npz", X=X * np.nan, Y=Y)],
        ["at least two rows", "got 0 left after dropping 30 rows"],
    ),
    "targets for npz": (lambda at: ["--data", npz(at / "a.npz", X=X, Y=Y), "--targets", 1], ["leave --targets out"]),
    "csv without targets": (lambda at: ["--data", write(at / "a.csv", "1,2,3\n4,5,7\n")], ["--targets is missing", "1 to 2"]),
    "too many targets": (
        lambda at: ["--data", write(at / "a.csv", "1,2,3\n4,5,7\n"), "--targets", 3],
        ["at least one input", "3 columns, got 3", "K from 1 to 2"],
    ),
    "no target": (lambda at: ["--data", write(at / "a.csv", "1,2\n3,4\n"), "--targets", 0], ["--targets must be at least 1"]),
    "one column": (lambda at: ["--data", write(at / "a.csv", "1\n3\n"), "--targets", 1], ["at least two columns"]),
    "a word among numbers": (
        lambda at: ["--data", write(at / "a.csv", "a,b\n1,2\n2,3\n3,x1\n"), "--targets", 1],
        ["column 'b'", "'x1' in line 4", "correct the value"],
    ),
    "a decimal comma": (
        lambda at: ["--data", write(at / "a.csv", "1;1,5\n2;2,5\n"), "--targets", 1],
        ["must be numbers", "'1,5'"],
    ),
    "words as targets": (
        lambda at: ["--data", write(at / "a.csv", "1,red\n2,blue\n"), "--targets", 1],
        ["targets of a.csv must be numbers", "'red'", "column 2"],
    ),
    "a header that is half one": (
        lambda at: ["--data", write(at / "a.csv", "id,2019\n1,2\n3,4\n"), "--targets", 1],
        ["'id' stands above numbers", "'2019'"],
    ),
    "an identifier": (
        lambda at: ["--data", write(at / "a.csv", "".join(f"id{i},{i}\n" for i in range(200))), "--targets", 1],
        ["at most 100 categories, got 200", "remove the column"],
    ),
    "ragged lines": (
        lambda at: ["--data", write(at / "a.csv", "1,2\n3,4,5\n"), "--targets", 1],
        ["the first has 2, line 2 has 3"],
    ),
    "an empty csv": (lambda at: ["--data", write(at / "a.csv", "\n\n"), "--targets", 1], ["an empty file"]),
    "a lone header": (lambda at: ["--data", write(at / "a.csv", "a,b\n"), "--targets", 1], ["a.csv"]),
    "csv in another encoding": (
        lambda at: ["--data", (at / "a.csv").write_bytes(b"h\xf6he,y\n1,2\n") and at / "a.csv", "--targets", 1],
        ["UTF-8"],
    ),
    "arff that is none": (lambda at: ["--data", write(at / "a.arff", "1,2,3\n"), "--targets", 1], ["ARFF", "write it as .csv"]),
    "sparse arff": (
        lambda at: ["--data", write(at / "a.arff", ARFF.partition("@data")[0] + "@data\n{0 1, 2 3}\n"), "--targets", 1],
        ["dense ARFF", "write it as .csv"],
    ),
    "arff with a date": (
        lambda at: [
            "--data",
            write(at / "a.arff", "@relation a\n@attribute d date 'yyyy'\n@attribute y real\n@data\n2001,1\n2002,2\n"),
            "--targets",
            1,
        ],
        ["column 'd'", "numeric or nominal, got date"],
    ),
    "arff without targets": (lambda at: ["--data", write(at / "a.arff", ARFF)], ["--targets is missing", "1 to 3"]),
    "two sources": (
        lambda at: ["--data", at / "a.npz", "--openml", "oes97"],
        ["--data and --openml exclude each other", "write --data FILE or --openml NAME"],
    ),
    "targets of nothing": (lambda at: ["--targets", 2], ["write --data FILE.csv --targets 2, or --openml NAME --targets 2"]),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_wrong_input_is_one_line_and_exit_code_2(name, tmp_path):
    arguments, expected = WRONG[name]
    result = run("--out", tmp_path / "report", *arguments(tmp_path))
    assert result.exit_code == REFUSED
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert all(part in result.stderr for part in expected), result.stderr
    assert not (tmp_path / "report").exists()


def test_a_cell_that_is_too_long_is_refused(tmp_path):
    limit = csv.field_size_limit(100)
    try:
        with pytest.raises(InputError, match="comma-separated values: line 2: field larger than field limit"):
            read_data(write(tmp_path / "a.csv", "1,2\n" + "a" * 200 + ",1\n"), targets=1)
    finally:
        csv.field_size_limit(limit)


def test_targets_that_are_no_integer_are_refused(tmp_path):
    result = run("--data", tmp_path / "a.csv", "--targets", "two")
    assert result.exit_code == REFUSED
    assert "--targets" in result.stderr
    with pytest.raises(IncompatibleError, match="--targets must be an integer"):
        read_data(write(tmp_path / "a.csv", "1,2\n3,4\n"), targets=1.0)  # pyright: ignore[reportArgumentType]


def test_run_demo_wants_a_dataset(tmp_path):
    with pytest.raises(IncompatibleError, match=r"data must be a Dataset, got ndarray: write read_data\(path\)"):
        run_demo(tmp_path / "report", data=X)  # pyright: ignore[reportArgumentType]
    assert not (tmp_path / "report").exists()


# --- OpenML -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def openml(monkeypatch):
    """Lets ``fetch_openml`` answer or raise what a test asks for, and notes its arguments; no network."""
    asked: list[dict[str, object]] = []

    def serve(answer: object) -> list[dict[str, object]]:
        def fetch_openml(**arguments: object) -> object:
            asked.append(arguments)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(datasets, "fetch_openml", fetch_openml)
        return asked

    return serve


NAMES = ["a", "b", "c", "d", "u", "v"]


def test_openml_frames_with_the_targets_it_names(openml):
    frame = pd.DataFrame(np.hstack([X, Y]), columns=NAMES)
    asked = openml(Bunch(data=frame[NAMES[:4]], target=frame[NAMES[4:]], details={"version": "2"}))
    data = fetch_data("scm1d")
    np.testing.assert_allclose(data.X, z_scores(X), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(data.Y, z_scores(Y), rtol=1e-13, atol=1e-14)
    assert data.name == "scm1d (OpenML, version 2)"
    assert data.inputs == ("a", "b", "c", "d")
    assert asked[0]["name"] == "scm1d"
    assert asked[0]["target_column"] == "default-target"


def test_openml_frames_with_the_last_columns_as_targets(openml):
    asked = openml(Bunch(data=pd.DataFrame(np.hstack([X, Y]), columns=NAMES), target=None))
    data = fetch_data("oes97", targets=2)
    np.testing.assert_allclose(data.X, z_scores(X), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(data.Y, z_scores(Y), rtol=1e-13, atol=1e-14)
    assert asked[0]["target_column"] is None


def test_openml_frames_of_all_kinds_of_columns(openml):
    frame = pd.DataFrame(
        {
            "count": pd.array([1, 2, None, 4, 7], dtype="Int64"),
            "kind": pd.Categorical(["x", "y", "x", None, "y"]),
            "flag": [True, False, True, True, True],
            "word": ["p", "p", "q", "q", "q"],
        }
    )
    openml(Bunch(data=frame, target=pd.Series([1.0, 2.0, 3.0, 4.0, 6.0], name="y")))
    data = fetch_data("mixed")
    assert data.inputs == ("count", "kind = x", "kind = y", "flag", "word = p", "word = q")
    assert data.n_dropped == 2
    raw = np.array([[1, 1, 0, 1, 1, 0], [2, 0, 1, 0, 1, 0], [7, 0, 1, 1, 0, 1]], dtype=float)
    np.testing.assert_allclose(data.X, z_scores(raw), rtol=1e-13, atol=1e-14)


def test_openml_arrays_with_numbered_categories_where_pandas_is_missing(openml, monkeypatch):
    monkeypatch.setattr("solvers.demo.sources.is_installed", lambda module: module != "pandas")
    table = np.array([[0.0, 1.5], [1.0, 2.5], [np.nan, 3.0], [1.0, 4.0]])
    categories = {"kind": ["long", "round"]}
    asked = openml(
        Bunch(data=table, target=Y[:4], feature_names=["kind", "size"], target_names=["u", "v"], categories=categories)
    )
    data = fetch_data("plants")
    assert data.inputs == ("kind = long", "kind = round", "size")
    assert data.n_dropped == 1
    assert data.Y.shape == (3, 2)
    assert (asked[0]["as_frame"], asked[0]["parser"]) == (False, "liac-arff")


def test_openml_arrays_of_numbers(openml):
    openml(Bunch(data=X, target=Y[:, 0]))
    data = fetch_data("plain")
    np.testing.assert_allclose(data.X, z_scores(X), rtol=1e-13, atol=1e-14)
    assert data.Y.shape == (30, 1)
    openml(Bunch(data=X.astype(object), target=None, feature_names=NAMES[:4]))
    np.testing.assert_allclose(fetch_data("plain", targets=1).X, z_scores(X[:, :3]), rtol=1e-13, atol=1e-14)


def test_openml_sparse_data(openml):
    from scipy.sparse import csr_matrix

    openml(Bunch(data=csr_matrix(np.where(X > 0, X, 0)), target=Y))
    np.testing.assert_allclose(fetch_data("sparse").X, z_scores(np.where(X > 0, X, 0)), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("error", [URLError("no route"), TimeoutError("timed out"), IncompleteRead(b"")])
def test_openml_out_of_reach_is_one_clear_line(error, openml, tmp_path):
    openml(error)
    result = run("--out", tmp_path / "report", "--openml", "scm1d", "--targets", 16)
    assert result.exit_code == FAILED
    assert result.stderr.startswith("Error: OpenML could not be reached for 'scm1d'")
    assert "write --data FILE.arff --targets K" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unknown_openml_name_is_refused(openml):
    openml(ValueError("Dataset scm1x not found."))
    result = run("--openml", "scm1x")
    assert result.exit_code == REFUSED
    assert "such as scm1d or oes97; 'scm1x' cannot be used (Dataset scm1x not found.)" in result.stderr


@pytest.mark.parametrize(
    ("answer", "arguments", "expected"),
    [
        (Bunch(data=X, target=None), [], "names no targets: write --targets K for the last K of its 4 columns"),
        (Bunch(data=X, target=None), ["--targets", 4], "write --targets K with K from 1 to 3"),
        (Bunch(data=X[:2], target=np.array(["a", "b"], dtype=object)), [], "must be numbers, got 'a'"),
    ],
)
def test_openml_targets_that_cannot_be_used_are_refused(answer, arguments, expected, openml):
    openml(answer)
    result = run("--openml", "some", *arguments)
    assert result.exit_code == REFUSED
    assert expected in result.stderr


def test_openml_without_scikit_learn_says_what_to_install(monkeypatch):
    monkeypatch.setattr("solvers.errors.is_installed", lambda module: module != "sklearn")
    result = run("--openml", "scm1d")
    assert result.exit_code == FAILED
    assert "pip install 'shrinknet-solvers[demo]'" in result.stderr


# --- the report -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path) -> Path:
    rows = csv_text(np.hstack([X, Y]), "soil,rain,sun & shade,wind,wheat,rye")
    return write(tmp_path / "farm.csv", rows + "1,2,3,,5,6\n")


def test_the_report_is_on_the_users_data(table, tmp_path):
    result = run("--data", table, "--targets", 2, "--out", tmp_path / "report")
    assert result.exit_code == DONE
    assert result.stdout.splitlines()[0] == (
        "data               farm.csv: 30 samples, 4 inputs, 2 outputs; 1 row dropped for missing values"
    )
    document = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "How many inputs can a linear model of farm.csv lose?" in document
    assert "A linear model predicts 2 outputs of farm.csv from 4 inputs" in document
    assert "1 row with missing values left out." in document
    assert "unbiased standard deviation 1" in document
    assert "digit" not in document.replace("digits shown", "")
    assert "pixel" not in document
    assert "sun &amp; shade" not in document  # names stand in the figure alone
    assert "sun &amp; shade" in (tmp_path / "report" / "tradeoff_norms.svg").read_text(encoding="utf-8")
    manifest = json.loads((tmp_path / "report" / "manifest.json").read_text(encoding="utf-8"))
    assert [page["title"] for page in manifest["pages"]] == ["How many inputs can a linear model of farm.csv lose?"]
    assert manifest["certificates"]["holding"] == manifest["certificates"]["issued"]


def test_the_numbers_are_those_of_the_users_data(table, tmp_path):
    run_demo(tmp_path / "report", data=read_data(table, targets=2))
    with open(tmp_path / "report" / "tradeoff.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["penalty"] for row in rows[::6]] == ["GroupSparsity", "RegularizedShrinkNet(p=2)", "RegularizedShrinkNet(p=1)"]
    A, B = z_scores(X), z_scores(Y)
    assert float(rows[0]["lam"]) == pytest.approx(np.max(np.linalg.norm(A.T @ B, axis=1)) / 30, rel=1e-12)
    assert float(rows[0]["loss"]) == pytest.approx(np.sum(B**2) / 60, rel=1e-12)
    for row in rows[1:6]:
        chosen = A[:, [int(j) for j in row["inputs"].split()]]
        residual = B - chosen @ np.linalg.lstsq(chosen, B, rcond=None)[0]
        assert float(row["refitted_normalised_loss"]) == pytest.approx(np.sum(residual**2) / np.sum(B**2), rel=1e-9)


def test_the_lines_of_code_on_the_page_run(table, tmp_path, capsys):
    from solvers.demo.tradeoff import make_code

    exec(make_code(read_data(table, targets=2), 6), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 18
    assert all("removed" in line for line in lines)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (X[:, :1], Y[:, 0]),
        (X[:2], Y[:2]),
        (np.hstack([X, X, np.ones((30, 1))]), X[:, :2] @ np.ones((2, 3))),
        (np.array([[1.0, 1], [-1, 1], [1, -1], [-1, -1]]), np.array([1.0, -1, -1, 1])),
        (RNG.standard_normal((8, 40)), RNG.standard_normal((8, 2))),
    ],
    ids=["one input", "two rows", "duplicates", "uncorrelated", "wide"],
)
def test_odd_data_gives_a_report_whose_certificates_hold(inputs, outputs, tmp_path):
    result = run_demo(tmp_path / "report", data=read_data(npz(tmp_path / "odd.npz", X=inputs, Y=outputs)))
    assert result.complete
    assert result.holds
    page = result.index.read_text(encoding="utf-8").partition("<img")[0]
    assert "nan" not in page.split("<section", 1)[1]


def test_fits_that_meet_a_global_bound_are_counted(tmp_path):
    # With a single input stationary means optimal.
    result = run_demo(tmp_path / "report", data=read_data(npz(tmp_path / "one.npz", X=X[:, :1], Y=Y)))
    n_proven = sum(one.certificate.kind == "global_bound" for one in result.evidence)
    assert n_proven > 0
    document = result.index.read_text(encoding="utf-8")
    assert f"Global bound: {n_proven} of ShrinkNet&#x27;s 12 fits" in document
    assert "global bound" in document


def test_names_in_the_legend_are_shortened_and_harmless():
    norms = np.array([[0.0, 0, 0, 0], [0, 2, 1, 0], [3, 3, 3, 0]])
    families = first_to_enter(norms, ("_hidden", "cost in $", "a name that is longer than a legend", "never"))
    assert families.names == ("hidden", "a name that is long…", r"cost in \$")
    assert list(families.of) == [0, 2, 1, -1]


# --- stopping and progress --------------------------------------------------------------------------------------------------


def test_stopping_inside_the_shrinknet_paths_keeps_what_is_finished(table, tmp_path):
    data = read_data(table, targets=2)
    asked: list[str] = []
    doing: list[str] = []

    def stopped() -> bool:
        asked.append(doing[-1] if doing else "")
        return "p = 1" in asked[-1]

    result = run_demo(tmp_path / "report", data=data, on_progress=lambda share, words: doing.append(words), stopped=stopped)
    assert not result.complete
    curves = {one.curve for one in result.evidence}
    assert {"group sparsity", "group sparsity, refitted", "ShrinkNet, p = 2"} <= curves
    assert "stopped early" in result.index.read_text(encoding="utf-8")


def test_the_command_exits_with_3_when_stopped(table, tmp_path, monkeypatch):
    from contextlib import contextmanager

    @contextmanager
    def impatient():
        calls = iter(range(10**9))
        yield lambda: next(calls) > 3

    monkeypatch.setattr("solvers.cli.demo.first_interrupt_asks", impatient)
    assert run("--data", table, "--targets", 2, "--out", tmp_path / "report").exit_code == STOPPED


def test_progress_moves_while_starts_are_compared(table):
    seen: list[tuple[float, str]] = []
    compute_tradeoff(read_data(table, targets=2), Context(progress=lambda share, doing: seen.append((share, doing))))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    for p in (2, 1):
        preparing = {share for share, doing in seen if f"p = {p}" in doing and "comparing starts" in doing}
        assert len(preparing) > 5
    assert shares[-1] < 1
