"""The classification page: its losses recomputed with NumPy and SciPy, its certificates, its words and its code."""

from __future__ import annotations

import csv
import io
import re
from contextlib import redirect_stdout
from html import unescape

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from solvers.demo.classification import classification_page, make_code
from solvers.demo.page import Context
from solvers.demo.report import Run, write_report

datasets = pytest.importorskip("sklearn.datasets")
pytest.importorskip("matplotlib")

CURVES = ("group sparsity", "group sparsity, refitted", "ShrinkNet, p = 2")


@pytest.fixture(scope="module")
def page():
    return classification_page(Context())


@pytest.fixture(scope="module")
def folder(page, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classification")
    write_report(folder, [page], Run(seed=0, began=0.0, complete=True))
    return folder


@pytest.fixture(scope="module")
def all_rows(folder):
    with open(folder / "classification.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def rows(all_rows):
    """The rows of each curve."""
    return {name: [row for row in all_rows if row["curve"] == name] for name in CURVES}


@pytest.fixture(scope="module")
def document(folder):
    return unescape((folder / "index.html").read_text(encoding="utf-8"))


# --- the numbers, in plain NumPy and SciPy -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """Standardised pixels (1797, 64) and one-hot labels (1797, 10)."""
    X, labels = datasets.load_digits(return_X_y=True)
    varies = [len(set(column)) > 1 for column in X.T]
    scores = np.zeros_like(X)
    scores[:, varies] = (X[:, varies] - X[:, varies].mean(axis=0)) / X[:, varies].std(axis=0)
    return scores, np.eye(10)[labels]


def inputs_of(row) -> list[int]:
    return [int(j) for j in row["inputs"].split()]


def fit_with(X, one_hot, mu: float, power: float):
    """Minimise the cross-entropy plus ``mu sum_j ||B_j||^power`` where no row of B is zero: ``(B, loss, residual)``.

    Smooth there, so that a quasi-Newton method on coefficients (n_features + 1, 10), the last row the intercept, will do.
    """
    Z = np.column_stack([X, np.ones(len(X))])

    def objective(flat, penalty):
        B = flat.reshape(Z.shape[1], 10)
        z = Z @ B
        lengths = np.maximum(np.linalg.norm(B[:-1], axis=1), 1e-12)
        gradient = Z.T @ (softmax(z, axis=1) - one_hot) / len(X)
        gradient[:-1] += penalty * power * lengths[:, None] ** (power - 2) * B[:-1]
        return -np.sum(one_hot * log_softmax(z, axis=1)) / len(X) + penalty * np.sum(lengths**power), gradient.ravel()

    options = {"maxiter": 20_000, "maxfun": 50_000, "maxcor": 50, "ftol": 0.0, "gtol": 1e-9}
    flat = np.zeros(Z.shape[1] * 10)
    # The first round, smooth at zero, finds a start; the second is the problem.
    flat = minimize(lambda b: ridge(b, Z, one_hot), flat, jac=True, method="L-BFGS-B").x
    flat = minimize(objective, flat, args=(mu,), jac=True, method="L-BFGS-B", options=options).x
    z = Z @ flat.reshape(-1, 10)
    return flat.reshape(-1, 10), -np.sum(one_hot * log_softmax(z, axis=1)) / len(X), one_hot - softmax(z, axis=1)


def ridge(flat, Z, one_hot):
    B = flat.reshape(Z.shape[1], 10)
    gradient = Z.T @ (softmax(Z @ B, axis=1) - one_hot) / len(Z) + 1e-3 * B
    return -np.sum(one_hot * log_softmax(Z @ B, axis=1)) / len(Z) + 5e-4 * np.sum(B**2), gradient.ravel()


def check_row(row, loss: float, residual, one_hot) -> None:
    assert float(row["loss"]) == pytest.approx(loss, rel=1e-4)
    assert float(row["normalised_loss"]) == pytest.approx(loss / np.log(10), rel=1e-4)
    right = np.argmax(one_hot - residual, axis=1) == np.argmax(one_hot, axis=1)
    assert float(row["accuracy"]) == pytest.approx(np.mean(right), abs=2.5 / len(right))


def test_lam_starts_where_the_last_pixel_goes(rows, digits):
    X, one_hot = digits
    lams = np.array([float(row["lam"]) for row in rows["group sparsity"]])
    correlations = np.linalg.norm(X.T @ (one_hot - one_hot.mean(axis=0)), axis=1) / len(X)
    np.testing.assert_allclose(lams, np.geomspace(1, 1 / 200, 40) * np.max(correlations), rtol=1e-10)


def test_without_pixels_the_loss_is_the_entropy_of_the_digits(rows, digits):
    frequencies = digits[1].mean(axis=0)
    for name in CURVES[:2]:
        first = rows[name][0]
        assert first["inputs"] == ""
        assert float(first["sparsity"]) == 1.0
        assert float(first["normalised_loss"]) == pytest.approx(-np.sum(frequencies * np.log10(frequencies)), rel=1e-12)


@pytest.mark.parametrize("index", [1, 4, 12, 39])
def test_group_sparsity_is_optimal_on_the_listed_pixels_and_none_is_missing(index, rows, digits):
    X, one_hot = digits
    row = rows["group sparsity"][index]
    lam, inputs = float(row["lam"]), inputs_of(row)
    _, loss, residual = fit_with(X[:, inputs], one_hot, lam, 1.0)
    check_row(row, loss, residual, one_hot)
    slopes = np.linalg.norm(X.T @ residual, axis=1) / len(X)
    assert np.all(slopes[np.setdiff1d(np.arange(64), inputs)] <= lam * (1 + 1e-4))
    assert float(row["sparsity"]) == pytest.approx(1 - len(inputs) / 64, abs=1e-15)


@pytest.mark.parametrize("index", [1, 4, 12])
def test_a_refit_is_optimal_among_the_pixels_that_its_fit_keeps(index, rows, digits):
    X, one_hot = digits
    fit, row = rows["group sparsity"][index], rows["group sparsity, refitted"][index]
    assert row["refit_of_lam"] == fit["lam"]
    lam, inputs = float(row["lam"]), inputs_of(row)
    assert lam == pytest.approx(float(rows["group sparsity"][0]["lam"]) / 1000, rel=1e-12)
    _, loss, residual = fit_with(X[:, inputs], one_hot, lam, 1.0)
    check_row(row, loss, residual, one_hot)
    dropped = sorted(set(inputs_of(fit)) - set(inputs))
    assert set(inputs) <= set(inputs_of(fit))
    assert np.all(np.linalg.norm(X[:, dropped].T @ residual, axis=1) / len(X) <= lam * (1 + 1e-3))


@pytest.mark.parametrize("index", [0, 8, 16])
def test_shrinknet_is_a_stationary_point_on_the_listed_pixels(index, rows, digits):
    X, one_hot = digits
    row = rows["ShrinkNet, p = 2"][index]
    # For given lengths of the rows of B the best factors cost mu sum_j ||B_j||^(2/3).
    mu = 1.5 * float(row["lam"]) ** (2 / 3) * (2 * float(row["lam2"])) ** (1 / 3)
    _, loss, residual = fit_with(X[:, inputs_of(row)], one_hot, mu, 2 / 3)
    check_row(row, loss, residual, one_hot)


def test_every_fit_carries_a_certificate_that_holds(rows, page):
    for name in CURVES:
        assert len(rows[name]) == 40
        kinds, status = {"duality_gap"}, {"certified"}
        if name.startswith("ShrinkNet"):
            kinds, status = {"stationary"}, {"converged"}
        for row in rows[name]:
            assert row["certificate"] in kinds
            assert row["status"] in status
            assert 0 <= float(row["gap"]) <= float(row["tol"]) == 1e-8
    assert page.complete
    assert all(one.certificate.holds for one in page.evidence)
    assert [one.curve for one in page.evidence] == sorted((one.curve for one in page.evidence), key=CURVES.index)
    assert len(page.evidence) == 80 + len({row["inputs"] for row in rows["group sparsity"]})


def test_refit_and_shrinknet_lose_less_than_the_path_with_no_more_pixels(rows):
    for fit, again in zip(rows["group sparsity"], rows["group sparsity, refitted"], strict=True):
        assert float(again["loss"]) <= float(fit["loss"]) * (1 + 1e-12)
    for row in rows["ShrinkNet, p = 2"]:
        path = [fit for fit in rows["group sparsity"] if int(fit["live_inputs"]) <= int(row["live_inputs"])]
        assert float(row["loss"]) < min(float(fit["loss"]) for fit in path)


def test_the_lines_of_code_give_the_numbers_of_the_page(all_rows):
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(make_code(), {})
    lines = printed.getvalue().splitlines()
    assert len(lines) == len(all_rows)
    names = {"removed": "sparsity", "loss": "normalised_loss", "accuracy": "accuracy"}
    for line, row in zip(lines, all_rows, strict=True):
        assert line.startswith(row["curve"])
        numbers = {word: float(number) for word, number in re.findall(r"(removed|loss|accuracy) +(\S+)", line)}
        assert numbers.keys() == names.keys()
        for word, number in numbers.items():
            assert number == pytest.approx(float(row[names[word]]), abs=6e-5)
        assert float(line.split()[-1]) <= 1e-8


# --- the page ---------------------------------------------------------------------------------------------------------------


def formatted(row) -> tuple[str, str]:
    return f"{float(row['normalised_loss']):.4f}", f"{float(row['accuracy']):.3f}"


def test_the_page_shows_each_loss_with_its_certificate(page, rows, document):
    losses = page.tables[0]
    assert losses.header == ("Pixels kept", "Model", "Loss", "Accuracy", "Gap", "Tol", "Status", "λ / λmax")
    assert 10 <= len(losses.rows) <= 15
    assert {shown[1] for shown in losses.rows} == {"group sparsity", "refitted", "ShrinkNet, p = 2"}
    for shown in losses.rows:
        name = "group sparsity, refitted" if shown[1] == "refitted" else shown[1]
        assert (shown[0], *shown[2:7]) in [
            (row["live_inputs"], *formatted(row), f"{float(row['gap']):.1e}", "1e-08", row["status"]) for row in rows[name]
        ]
        assert all(f">{cell}</td>" in document for cell in shown)


def test_the_page_shows_the_worst_certificate_of_each_curve(page, rows):
    shown = page.tables[1].rows
    assert [row[:2] for row in shown] == [(name, "stationary" if "Shrink" in name else "duality gap") for name in CURVES]
    assert [row[2] for row in shown] == [f"{max(float(row['gap']) for row in rows[name]):.1e}" for name in CURVES]
    assert all(row[4].split()[0] == row[4].split()[2] for row in shown)


def test_the_sentences_are_made_from_the_numbers(page, rows, document):
    def fewest(name):
        return min(int(row["live_inputs"]) for row in rows[name] if float(row["accuracy"]) >= 0.95)

    path, refit, shrinknet = map(fewest, CURVES)
    wanted = f"the group-sparsity path needs {path}, its refit {refit} and ShrinkNet {shrinknet} pixels."
    assert any(sentence.endswith(wanted) for sentence in page.sentences)
    quarter = {name: min(rows[name], key=lambda row: (abs(float(row["sparsity"]) - 0.75), float(row["lam"]))) for name in CURVES}
    text = " ".join(page.sentences)
    for name in ("group sparsity", "ShrinkNet, p = 2"):
        assert f"{float(quarter[name]['normalised_loss']):.3f}" in text
        assert f"{float(quarter[name]['accuracy']):.1%}" in text
    assert "the unpenalised loss falls on and on" in text
    assert all(f"<p>{sentence}</p>" in document for sentence in page.sentences)


def test_the_figures_have_a_curve_for_each_model_and_say_what_they_show(page, folder, document):
    assert [plate.name for plate in page.figures] == ["classification", "classification_accuracy"]
    for plate in page.figures:
        svg = (folder / f"{plate.name}.svg").read_text(encoding="utf-8")
        assert all(f"<!-- {name} -->" in svg for name in CURVES)
        assert (folder / f"{plate.name}.png").stat().st_size > 10_000
        assert all(name in plate.alt for name in CURVES)
        assert plate.alt in document
        assert plate.caption in document


@pytest.mark.parametrize("questions", [0, 30])
def test_a_stopped_page_holds_what_is_finished(questions, tmp_path):
    asked = iter(range(10**9))
    page = classification_page(Context(stopped=lambda: next(asked) >= questions))
    assert not page.complete
    assert all("Shrink" not in one.curve for one in page.evidence)
    assert 1 <= len(page.files[0].rows) < 80
    write_report(tmp_path, [page], Run(seed=0, began=0.0, complete=False))


def test_progress_runs_from_nothing_to_all():
    shares: list[float] = []
    classification_page(Context(progress=lambda share, doing: shares.append(share)))
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert 0.8 < shares[-1] <= 1.0
