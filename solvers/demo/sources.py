"""Data of the user's own: ``.npz``, ``.csv`` and ``.arff`` files, and OpenML."""

from __future__ import annotations

import csv
import io
import numbers
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from solvers._arrays import as_numbers
from solvers.demo.columns import Column, dataset_of, number, split_columns, words
from solvers.demo.data import Dataset, make_dataset
from solvers.errors import InputError, is_installed, require


def read_data(path: str | os.PathLike[str], *, targets: int | None = None) -> Dataset:
    """Read and standardise a file.

    Rows with missing values are left out and counted. Columns of words become columns of zeros and ones, one per category.

    Parameters
    ----------
    path : path-like
        ``.npz`` with arrays ``X (n_samples, n_features)`` and ``Y (n_samples,)`` or ``(n_samples, n_targets)``; or a table,
        ``.csv`` (UTF-8; separated by comma, semicolon or tab; with names in the first row, or without) or ``.arff``.
    targets : int, optional
        How many of the last columns of a table are the targets. Not for ``.npz``.

    Returns
    -------
    Dataset
        Every column with mean 0 and unbiased standard deviation 1; a constant one zero.

    Raises
    ------
    InputError
        If the file is missing, of another format or cannot be fitted, or ``targets`` does not suit it.

    Examples
    --------
    >>> from solvers.demo import read_data
    >>> read_data("oes97.arff", targets=16).X.shape  # doctest: +SKIP
    (334, 263)
    """
    file = Path(path)
    readers: dict[str, Callable[[Path, int | None], Dataset]] = {".npz": _read_npz, ".csv": _read_csv, ".arff": _read_arff}
    if file.suffix.lower() not in readers:
        raise InputError(
            f"--data must be a file with suffix .npz, .csv or .arff, got {str(file)!r}: "
            "write --data FILE.npz, or --data FILE.csv --targets K"
        )
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise InputError(f"--data must be a file, but {str(file)!r} {what}: write the path from here, {str(Path.cwd())!r}")
    return readers[file.suffix.lower()](file, targets)


def fetch_data(name: str, *, targets: int | None = None) -> Dataset:
    """Download (once; scikit-learn keeps it) and standardise a dataset of OpenML.

    Parameters
    ----------
    name : str
        Its name there, such as ``"scm1d"`` or ``"oes97"``; of several versions the oldest active one.
    targets : int, optional
        How many of the last columns are the targets. Where omitted: the targets that OpenML names.

    Returns
    -------
    Dataset
        As from `read_data`.

    Raises
    ------
    InputError
        If there is no such dataset, or it cannot be fitted.
    ConnectionError
        If OpenML cannot be reached.
    MissingDependencyError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from solvers.demo import fetch_data
    >>> fetch_data("scm1d", targets=16).Y.shape  # doctest: +SKIP
    (9803, 16)
    """
    bunch = _fetch(name, "default-target" if targets is None else None)
    inputs = _columns(bunch["data"], bunch.get("feature_names"), bunch.get("categories"))
    outputs = _columns(bunch.get("target"), bunch.get("target_names"), None)
    version = (bunch.get("details") or {}).get("version")
    label = f"{name} (OpenML{f', version {version}' if version else ''})"
    if targets is not None:
        inputs, outputs = split_columns(inputs + outputs, targets, label)
    elif not outputs:
        raise InputError(f"{label} names no targets: write --targets K for the last K of its {len(inputs)} columns")
    return dataset_of(inputs, outputs, name=label, call=_call("fetch_data", name, targets))


def _call(function: str, source: str, targets: int | None) -> str:
    return f"{function}({source!r})" if targets is None else f"{function}({source!r}, targets={targets})"


# --- npz --------------------------------------------------------------------------------------------------------------------


def _read_npz(file: Path, targets: int | None) -> Dataset:
    if targets is not None:
        raise InputError(f"--targets is for tables: {file.name} has its targets in the array Y; leave --targets out")
    X, Y = _load_npz(file)
    if X.ndim != 2:
        raise InputError(f"X in {file.name} must have shape (n_samples, n_features), got {X.shape}: save X.reshape(-1, 1)")
    if Y.ndim not in (1, 2) or len(Y) != len(X) or 0 in Y.shape:
        raise InputError(
            f"Y in {file.name} must have shape ({len(X)},) or ({len(X)}, n_targets), a row per row of X, got {Y.shape}"
        )
    Y = Y.reshape(len(Y), -1)
    kept = ~(np.isnan(X).any(axis=1) | np.isnan(Y).any(axis=1))
    n_dropped = int(np.count_nonzero(~kept))
    return make_dataset(X[kept], Y[kept], name=file.name, call=_call("read_data", str(file), None), n_dropped=n_dropped)


def _load_npz(file: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    how = "write np.savez(FILE, X=X, Y=Y) with arrays of numbers"
    if not zipfile.is_zipfile(file):
        raise InputError(f"{file.name} must be an .npz file, but it is none: {how}")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            for key in "XY":
                if key not in arrays:
                    raise InputError(f"{file.name} must hold arrays X and Y, got {', '.join(arrays) or 'no array'}: {how}")
            X, Y = (as_numbers(arrays[key], f"{key} in {file.name}") for key in "XY")
    except InputError:
        raise
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{file.name} must hold arrays of numbers, but cannot be read ({error}): {how}") from None
    return X, Y


# --- csv --------------------------------------------------------------------------------------------------------------------


def _read_csv(file: Path, targets: int | None) -> Dataset:
    lines, rows = _rows(file)
    cells = list(zip(*rows, strict=True))
    read = [[number(cell) for cell in column] for column in cells]
    names = [f"column {j + 1}" for j in range(len(cells))]
    if _has_header(read, rows[0], file.name):
        names = [str(cell) for cell in rows[0]]
        lines, cells, read = lines[1:], [column[1:] for column in cells], [column[1:] for column in read]
    if not lines:
        raise InputError(f"{file.name} must have rows of numbers, got only a header")
    parsed = zip(names, cells, read, strict=True)
    columns = [_csv_column(name, column, values, lines, file.name) for name, column, values in parsed]
    return dataset_of(*split_columns(columns, targets, file.name), name=file.name, call=_call("read_data", str(file), targets))


def _rows(file: Path) -> tuple[list[int], list[list[str]]]:
    """The rows that are not empty, as many cells in each, and the numbers of their lines."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file.name} must be text in UTF-8, but is not: save it as 'CSV UTF-8'") from None
    first = text.partition("\n")[0]
    delimiter = next((sign for sign in ";\t" if sign in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        numbered = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise InputError(f"{file.name} must be a table of comma-separated values: line {reader.line_num}: {error}") from None
    if not numbered:
        raise InputError(f"{file.name} must have rows of numbers, got an empty file")
    n_cells = len(numbered[0][1])
    for line, row in numbered:
        if len(row) != n_cells:
            raise InputError(
                f"{file.name} must have as many cells in every line: the first has {n_cells}, line {line} has {len(row)}"
            )
    return [line for line, _ in numbered], [row for _, row in numbered]


def _has_header(read: Sequence[Sequence[float | None]], first: Sequence[str], name: str) -> bool:
    """Whether the first row holds names: words above numbers. Some target is a number, so names never stand above words alone."""
    above = [column[0] is None and _is_numeric(column[1:]) for column in read]
    if not any(above):
        return False
    numbers = [cell for cell, column in zip(first, read, strict=True) if column[0] is not None and not np.isnan(column[0])]
    if numbers:
        raise InputError(
            f"the first line of {name} must hold names or values, got both: {first[above.index(True)]!r} stands above numbers, "
            f"{numbers[0]!r} is one; correct the value, or name every column with a word"
        )
    return True


def _is_numeric(values: Sequence[float | None]) -> bool:
    """Whether there are numbers and no words."""
    return None not in values and not np.all(np.isnan(np.array(values, dtype=np.float64)))


def _csv_column(name: str, cells: Sequence[str], values: Sequence[float | None], lines: Sequence[int], source: str) -> Column:
    if None not in values:
        return Column(name, np.array(values, dtype=np.float64))
    if any(value is not None and not np.isnan(value) for value in values):
        index = values.index(None)
        raise InputError(
            f"column {name!r} of {source} must hold either numbers or categories, got {cells[index]!r} in line {lines[index]} "
            "among numbers: correct the value, or leave the cell empty where it is missing"
        )
    return words(name, cells)


# --- arff -------------------------------------------------------------------------------------------------------------------


def _read_arff(file: Path, targets: int | None) -> Dataset:
    from scipy.io import arff

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table, meta = arff.loadarff(file)
    except (arff.ArffError, ValueError, IndexError, StopIteration, NotImplementedError) as error:
        raise InputError(
            f"{file.name} must be a dense ARFF table of numeric and nominal attributes, but cannot be read "
            f"({error or type(error).__name__}): write it as .csv"
        ) from None
    table = np.atleast_1d(table)
    columns = [_arff_column(name, meta[name][0], table[name], file.name) for name in meta.names()]
    return dataset_of(*split_columns(columns, targets, file.name), name=file.name, call=_call("read_data", str(file), targets))


def _arff_column(name: str, kind: str, values: np.ndarray[Any, Any], source: str) -> Column:
    if kind == "nominal":
        return words(name, (value.decode() for value in values))
    if kind != "numeric":
        raise InputError(f"column {name!r} of {source} must be numeric or nominal, got {kind}: remove it or write it as numbers")
    return Column(name, values.astype(np.float64))


# --- OpenML -----------------------------------------------------------------------------------------------------------------


def _fetch(name: str, target_column: str | None) -> Any:
    datasets = require("sklearn.datasets", extra="demo", purpose="--openml")
    # Without pandas only scikit-learn's own, slower parser works.
    frames = {"as_frame": "auto", "parser": "auto"} if is_installed("pandas") else {"as_frame": False, "parser": "liac-arff"}
    try:
        with warnings.catch_warnings():
            # Retries and several versions: the answer says which version came, an error what went wrong.
            warnings.simplefilter("ignore")
            return datasets.fetch_openml(name=name, target_column=target_column, **frames)
    except (OSError, HTTPException) as error:
        raise ConnectionError(
            f"OpenML could not be reached for {name!r} ({error}): check the connection and try again, or download the .arff file "
            "and write --data FILE.arff --targets K"
        ) from error
    except ValueError as error:
        raise InputError(
            f"--openml must be the name of a table on www.openml.org, such as scm1d or oes97; {name!r} cannot be used ({error})"
        ) from None


def _columns(block: Any, names: Sequence[str] | None, categories: dict[str, Sequence[Any]] | None) -> list[Column]:
    """Columns of what scikit-learn returns: a frame, a series, an array (dense or sparse), or None."""
    if block is None:
        return []
    if hasattr(block, "to_frame"):
        block = block.to_frame()
    if hasattr(block, "columns"):
        return [_frame_column(str(name), block.iloc[:, j]) for j, name in enumerate(block.columns)]
    values = np.asarray(block.toarray() if hasattr(block, "toarray") else block)
    values = values.reshape(len(values), -1)
    labels = [str(name) for name in names] if names else [f"column {j + 1}" for j in range(values.shape[1])]
    return [_array_column(label, values[:, j], (categories or {}).get(label)) for j, label in enumerate(labels)]


def _frame_column(name: str, series: Any) -> Column:
    if getattr(series.dtype, "kind", "O") in "biuf":
        return Column(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    return words(name, (None if absent else value for value, absent in zip(series, series.isna(), strict=True)))


def _array_column(name: str, values: np.ndarray[Any, Any], categories: Sequence[Any] | None) -> Column:
    """Numbers, words, or numbers of words in ``categories``."""
    if values.dtype.kind not in "biuf" and not all(isinstance(value, (numbers.Real, type(None))) for value in values):
        return words(name, values)
    values = values.astype(np.float64)
    if categories is None:
        return Column(name, values)
    return words(name, (None if np.isnan(value) else categories[int(value)] for value in values))
