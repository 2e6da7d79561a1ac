"""Results: what their words mean, how they print, and that a file gives back every field as it was."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import subprocess
import sys
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np
import pytest

import solvers
from solvers import (
    Certificate,
    Fit,
    GroupSparsity,
    IncompatibleError,
    InputError,
    Kind,
    Limit,
    Path,
    Penalty,
    Status,
    results,
    solve_path,
)
from solvers._progress import HISTORY
from solvers.results import Record, saveable

NAN, INF = math.nan, math.inf

# Words.


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (Status, ["certified", "converged", "feasible", "not_attained", "infeasible", "failed"]),
        (Limit, ["none", "iterations", "time", "callback", "interrupt"]),
        (
            Kind,
            ["duality_gap", "global_bound", "stationary", "infimum", "exhaustive", "mip_bound", "residual", "none"],
        ),
    ],
)
def test_the_words_are_those_of_the_design(words, values):
    assert [str(word) for word in words] == values
    assert [word.name for word in words] == [value.upper() for value in values]
    assert all(word == value and words(value) is word for word, value in zip(words, values, strict=True))


@pytest.mark.parametrize("status", list(Status))
def test_every_status_gives_advice(status):
    assert len(status.advice) > 10
    assert status.advice == status.advice.strip(" .")


def test_no_two_statuses_give_the_same_advice():
    assert len({status.advice for status in Status}) == len(Status)


@pytest.mark.parametrize(
    ("gap", "tol", "holds"),
    [(0.0, 0.0, True), (1e-6, 1e-6, True), (1.1e-6, 1e-6, False), (1e-300, 0.0, False), (NAN, 1.0, False), (INF, 1e300, False)],
)
def test_a_certificate_holds_where_the_gap_is_at_most_tol(gap, tol, holds):
    assert Certificate(Kind.DUALITY_GAP, upper=1.0, lower=0.5, gap=gap, tol=tol).holds is holds


# Examples with every kind of content: odd floats, signed zeros, missing arrays, memory orders, weights.


def certificate(**changes: Any) -> Certificate:
    return replace(Certificate(kind=Kind.STATIONARY, upper=0.1 + 0.2, lower=-INF, gap=NAN, tol=5e-324), **changes)


def fit(**changes: Any) -> Fit:
    history = np.array([(1, 0.25, 0.1, NAN, 3), (2, 0.5, -0.0, INF, 0)], dtype=HISTORY)
    example = Fit(
        coef=np.array([[0.1, -0.0, NAN], [INF, -INF, 5e-324]]),
        intercept=np.array([1 / 3, 1e308]),
        objective=0.1 + 0.2,
        loss=NAN,
        penalty=GroupSparsity(1 / 3, weights=np.array([1.0, 0.0, 1 / 7])),
        status=Status.FEASIBLE,
        limit=Limit.TIME,
        certificate=certificate(),
        null_loss=INF,
        dual=None,
        n_iter=2,
        elapsed=0.5,
        history=history,
        fit_intercept=True,
        within=None,
        is_vector=False,
    )
    return replace(example, **changes)


def path(**changes: Any) -> Path:
    fits = (fit(), fit(dual=np.asfortranarray(np.eye(3, 2)), status=Status.CERTIFIED, penalty=GroupSparsity(0.0)))
    return replace(Path(lams=np.array([1 / 3, 0.0]), fits=fits, limit=Limit.CALLBACK), **changes)


EXAMPLES: dict[str, Record] = {
    "certificate": certificate(),
    "certificate without a bound": certificate(kind=Kind.NONE, upper=INF, gap=INF, tol=0.0),
    "fit": fit(),
    "fit with arrays": fit(dual=np.asfortranarray(np.eye(3, 2)), within=np.array([0, 2])),
    "fit without rounds": fit(history=np.array([], dtype=HISTORY), n_iter=0, is_vector=True, fit_intercept=False),
    "fit of NumPy scalars": fit(objective=np.float64(0.1), n_iter=np.int64(7), is_vector=np.True_),
    "fit in Fortran order": fit(coef=np.asfortranarray(np.eye(2, 3))),
    "refit": fit(penalty=GroupSparsity(0.0), within=np.array([], dtype=np.intp)),
    "path": path(),
    "path of one": path(lams=np.array([1.0]), fits=(fit(),)),
}
examples = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def assert_same(left: Any, right: Any, where: str = "result") -> None:
    """The same types and bits, all the way down."""
    if isinstance(left, (float, np.floating)):
        assert struct.pack("d", left) == struct.pack("d", right), where
    elif isinstance(left, np.ndarray):
        assert (type(right), right.dtype, right.shape) == (np.ndarray, left.dtype, left.shape), where
        assert right.flags.f_contiguous == left.flags.f_contiguous, where
        assert right.tobytes() == left.tobytes(), where
    elif isinstance(left, tuple):
        assert isinstance(right, tuple), where
        assert len(left) == len(right), where
        for index, (mine, yours) in enumerate(zip(left, right, strict=True)):
            assert_same(mine, yours, f"{where}[{index}]")
    elif dataclasses.is_dataclass(left):
        assert type(left) is type(right), where
        for field in dataclasses.fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name), f"{where}.{field.name}")
    elif isinstance(left, Enum):
        assert left is right, where
    else:
        assert left == right, where
        assert isinstance(left, (int, np.generic, str, type(None))), where


# Printing.


def shown_rows(record: Record) -> list[str]:
    first, *rows = repr(record).splitlines()
    assert first == type(record).__name__
    assert rows
    return rows


@examples
def test_names_are_right_aligned_in_one_column(example):
    rows = shown_rows(example)
    colons = {row.index(": ") for row in rows}
    assert len(colons) == 1
    assert colons == {max(len(row.split(": ")[0].strip()) for row in rows)}


def huge_fit(n_targets: int, n_features: int, **changes: Any) -> Fit:
    coef = np.random.default_rng(0).standard_normal((n_targets, n_features)) * 1e-300
    dual = np.zeros((100, n_targets))
    history = np.zeros(5000, dtype=HISTORY)
    return fit(coef=coef, intercept=np.full(n_targets, -1 / 3), dual=dual, history=history, penalty=GroupSparsity(0.1), **changes)


HUGE: dict[str, Record] = {
    "many inputs": huge_fit(3, 200_000),
    "many targets": huge_fit(100_000, 3),
    "many fits": path(lams=np.geomspace(1, 1e-3, 500), fits=(fit(),) * 500),
}


@pytest.mark.parametrize(
    "record",
    [
        *(pytest.param(record, id=name) for name, record in HUGE.items()),
        pytest.param(
            fit(penalty=GroupSparsity(0.1, weights=np.linspace(1 / 3, 3, 2000))),
            id="many weights",
        ),
    ],
)
def test_a_huge_result_prints_as_short_as_a_small_one(record):
    rows = shown_rows(record)
    assert len(rows) <= 12
    assert all(len(row) < 130 for row in rows)
    assert len({row.index(": ") for row in rows}) == 1


def test_long_arrays_show_both_ends_and_their_shape():
    row = next(row for row in shown_rows(fit(coef=np.arange(4000.0).reshape(2, 2000))) if row.strip().startswith("coef:"))
    start, end = row.split(": ")[1].removesuffix("], shape (2, 2000)").removeprefix("[").split(" ... ")
    assert [float(text) for text in start.split()] == [0.0, 1.0, 2.0]
    assert [float(text) for text in end.split()] == [3997.0, 3998.0, 3999.0]


@dataclass(frozen=True, repr=False)
class Anything(Record):
    content: Any


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (1 / 3, "0.333333"),
        (NAN, "nan"),
        (12, "12"),
        (None, "None"),
        (True, "True"),
        ("text", "'text'"),
        (Limit.TIME, "time"),
        ((1, 2), "(1, 2)"),
        ((0,) * 1000, "1000 items"),
        (np.array([1, 2, 3]), "[1 2 3]"),
        (np.array([1 / 3]), "[0.3333]"),
        (np.ones((1, 2)), "[1. 1.], shape (1, 2)"),
        (np.arange(100), "[ 0  1  2 ... 97 98 99]"),
        (np.array(1.0), "array of shape ()"),
        (np.ones((0, 3)), "array of shape (0, 3)"),
        (np.zeros(2, dtype=HISTORY), "array of shape (2,)"),
    ],
    ids=lambda x: x if isinstance(x, str) else type(x).__name__,
)
def test_any_content_prints_on_one_line(content, text):
    assert repr(Anything(content)) == f"Anything\ncontent: {text}"


def test_a_fit_prints_its_status_with_advice_and_its_evidence():
    text = repr(fit(status=Status.FEASIBLE, certificate=certificate(kind=Kind.DUALITY_GAP, gap=2e-3, tol=1e-6)))
    assert f"status: 'feasible ({Status.FEASIBLE.advice})'".replace("'", "") in text.replace("'", "")
    assert "certificate: duality_gap, gap 2.00e-03 (tol 1e-06)" in text
    assert "limit: time" in text


# Files.


@examples
def test_a_file_gives_back_every_field_bit_by_bit(example, tmp_path):
    example.save(tmp_path / "result.npz")
    assert_same(example, type(example).load(tmp_path / "result.npz"))


@examples
def test_a_file_holds_arrays_and_json_and_no_pickle(example, tmp_path):
    example.save(tmp_path / "result.npz")
    with np.load(tmp_path / "result.npz", allow_pickle=False) as file:
        assert all(file[name].dtype.kind != "O" for name in file)
        assert json.loads(str(file["__document__"]))["class"] == type(example).__name__


@pytest.mark.parametrize("name", ["result", "result.npz", "result.v2", "result.txt"])
@pytest.mark.parametrize("kind", [str, FilePath])
def test_the_suffix_is_appended_where_it_is_missing(name, kind, tmp_path):
    certificate().save(kind(tmp_path / name))
    assert [file.name for file in tmp_path.iterdir()] == [name.removesuffix(".npz") + ".npz"]
    assert_same(certificate(), Certificate.load(kind(tmp_path / name)))


def test_a_second_save_replaces_the_first(tmp_path):
    fit(n_iter=1).save(tmp_path / "result")
    fit(n_iter=2).save(tmp_path / "result")
    assert Fit.load(tmp_path / "result").n_iter == 2


def test_saving_leaves_the_result_as_it_was(tmp_path):
    example = fit(coef=np.eye(2, 3))
    example.save(tmp_path / "result")
    assert_same(example, fit(coef=np.eye(2, 3)))


@pytest.mark.parametrize(
    ("written", "read"), [(fit(), Path), (path(), Fit), (certificate(), Fit), (fit(), Certificate)], ids=lambda x: str(x)[:11]
)
def test_another_class_is_refused_with_the_call_that_works(written, read, tmp_path):
    file = str(tmp_path / "result.npz")
    written.save(file)
    right = type(written).__name__
    with pytest.raises(InputError) as caught:
        read.load(file)
    assert str(caught.value) == f"{file} holds a {right}: write {right}.load({file!r})"


def test_any_result_can_be_read_by_the_base_class(tmp_path):
    path().save(tmp_path / "result")
    assert_same(path(), Record.load(tmp_path / "result"))


def write_bytes(content: bytes):
    return lambda file: file.write_bytes(content)


def write_array(file: FilePath) -> None:
    with file.open("wb") as stream:
        np.save(stream, np.ones(3))


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda file: np.savez(file, coef=np.ones(3)), id="another npz"),
        pytest.param(write_array, id="npy"),
        pytest.param(write_bytes(b"name: x"), id="text"),
        pytest.param(write_bytes(b""), id="empty"),
    ],
)
def test_a_file_that_save_did_not_write_is_refused(write, tmp_path):
    file = tmp_path / "result.npz"
    write(file)
    with pytest.raises(InputError) as caught:
        Fit.load(file)
    assert str(caught.value) == f"{file} was not written by Fit.save"


def test_a_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        Fit.load(tmp_path / "nowhere")


class HalvedKernel(NamedTuple):
    lam: float


@dataclass(frozen=True)
class Halved(Penalty):
    lam: float

    def kernel(self, n_features: int) -> HalvedKernel:
        return HalvedKernel(self.lam / 2)


def test_a_penalty_of_ones_own_is_refused_until_it_is_marked(tmp_path):
    with pytest.raises(InputError, match=r"a Halved cannot be saved: mark its dataclass with @solvers\.saveable"):
        fit(penalty=Halved(0.5)).save(tmp_path / "result")
    assert list(tmp_path.iterdir()) == []


def test_a_penalty_of_ones_own_is_saved_once_it_is_marked(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "_saveable", dict(results._saveable))
    saveable(Halved)
    fit(penalty=Halved(0.5)).save(tmp_path / "result")
    assert Fit.load(tmp_path / "result").penalty == Halved(0.5)


def test_a_class_that_is_not_loaded_is_named(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(results, "_saveable", dict(results._saveable))
        saveable(Halved)
        fit(penalty=Halved(0.5)).save(tmp_path / "result")
    with pytest.raises(InputError, match="the file holds a Halved: import the module that defines it first"):
        Fit.load(tmp_path / "result")


def test_two_saveable_classes_have_two_names():
    with pytest.raises(TypeError, match="a class named Fit is already saveable"):
        saveable(type("Fit", (), {}))


@pytest.mark.parametrize("value", [{"a": 1}, 1j, object(), {1}])
def test_what_no_file_can_hold_is_refused(value, tmp_path):
    with pytest.raises(InputError, match=f"a {type(value).__name__} cannot be saved"):
        fit(penalty=value).save(tmp_path / "result")


def test_an_array_of_objects_is_refused(tmp_path):
    with pytest.raises(InputError, match="object"):
        fit(coef=np.array([[None, 1.0]])).save(tmp_path / "result")


def load_in_a_new_process(class_name: str, file: FilePath) -> str:
    script = (
        f"from solvers import {class_name}\ntry: print({class_name}.load({str(file)!r}))\nexcept Exception as error: print(error)"
    )
    root = FilePath(solvers.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["fit", "path", "certificate"])
def test_a_new_process_needs_only_the_class_to_read_a_file(name, tmp_path):
    example = EXAMPLES[name]
    example.save(tmp_path / "result.npz")
    assert load_in_a_new_process(type(example).__name__, tmp_path / "result.npz") == str(example)


def test_a_new_process_is_told_the_call_that_works(tmp_path):
    file = tmp_path / "result.npz"
    path().save(file)
    assert load_in_a_new_process("Fit", file) == f"{file} holds a Path: write Path.load({str(file)!r})"


def test_a_path_from_a_file_holds_no_data_to_solve_with(tmp_path):
    path().save(tmp_path / "path")
    with pytest.raises(IncompatibleError) as caught:
        Path.load(tmp_path / "path").at(0.5)
    assert str(caught.value) == "this path holds no data (it was loaded from a file): write solve(X, Y, GroupSparsity(lam))"


def test_the_data_of_a_path_is_not_saved(tmp_path):
    X = np.random.default_rng(0).standard_normal((400, 2))
    solved = solve_path(X, X[:, 0], n_lams=3)
    solved.save(tmp_path / "path.npz")
    assert (tmp_path / "path.npz").stat().st_size < X.nbytes
    assert_same(replace(solved, _solver=None), Path.load(tmp_path / "path.npz"))


def test_a_path_from_a_file_keeps_its_summaries(tmp_path):
    path().save(tmp_path / "path")
    read = Path.load(tmp_path / "path")
    for name in ("coefs", "intercepts", "losses", "sparsities", "gaps"):
        np.testing.assert_array_equal(getattr(read, name), getattr(path(), name))


@examples
def test_results_are_frozen(example):
    name = dataclasses.fields(example)[0].name  # pyright: ignore[reportArgumentType]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(example, name, None)


def test_fits_compare_by_identity():
    # Equality of arrays is an array: a field-wise == would raise or mislead.
    example = fit()
    assert example == example
    assert example != fit()


# What a fit tells about its coefficients.


@pytest.mark.parametrize(
    ("coef", "support", "sparsity"),
    [
        ([[0.0, 1.0, 0.0, 2.0]], [1, 3], 0.5),
        ([[0.0, 0.0], [0.0, 1e-300]], [1], 0.5),
        ([[0.0, -0.0]], [], 1.0),
        ([[1.0, 0.0], [0.0, 1.0]], [0, 1], 0.0),
    ],
)
def test_the_support_is_where_a_column_is_not_zero(coef, support, sparsity):
    example = fit(coef=np.array(coef))
    assert example.support.tolist() == support
    assert example.sparsity == sparsity


def test_sparsity_at_a_threshold_counts_small_columns():
    example = fit(coef=np.array([[1e-3, 9e-4, 0.0, -2.0], [0.0, -9e-4, 0.0, 0.0]]))
    assert example.sparsity_at() == 0.5
    assert example.sparsity_at(1e-3) == 0.5
    assert example.sparsity_at(0.0) == 0.0
    assert example.sparsity_at(3) == 1.0
