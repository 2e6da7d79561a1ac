"""From named columns, some of them words, some values missing, to a dataset: the last columns are the targets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_count
from solvers.demo.data import Array, Dataset, make_dataset
from solvers.errors import InputError

_MOST_CATEGORIES = 100
"""A column with more different words than this is a name, a date or a text, which one-hot columns do not help to fit."""

_MISSING = {"", "?", "na", "n/a", "null"}


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        What it is called.
    values : (n_rows,)
        Float64 with NaN where a value is missing; or objects, words with None where one is missing.
    """

    name: str
    values: np.ndarray[Any, Any]

    @property
    def is_category(self) -> bool:
        """Whether the values are words."""
        return self.values.dtype == object

    @property
    def missing(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which values are missing."""
        return np.array([value is None for value in self.values], dtype=bool) if self.is_category else np.isnan(self.values)


def words(name: str, values: Iterable[Any]) -> Column:
    """A column of categories; None, NaN and the usual signs for a missing value become None."""
    return Column(name, np.array([_word(value) for value in values], dtype=object))


def _word(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    word = str(value).strip()
    return None if word.lower() in _MISSING else word


def number(cell: str) -> float | None:
    """What a cell says: a number, NaN for a missing value, None for a word."""
    try:
        # Python reads 1_000 as a number; nobody else does.
        return None if "_" in cell else float(cell)
    except ValueError:
        return math.nan if cell.strip().lower() in _MISSING else None


def split_columns(columns: Sequence[Column], targets: int | None, name: str) -> tuple[list[Column], list[Column]]:
    """Inputs, and the last ``targets`` columns.

    Raises
    ------
    InputError
        If ``targets`` is None, less than 1, or leaves no input.
    """
    most = len(columns) - 1
    if most < 1:
        raise InputError(f"{name} must have at least two columns, an input and a target, got {len(columns)}")
    if targets is None:
        raise InputError(
            f"--targets is missing: {name} has {len(columns)} columns and does not say which are the targets; "
            f"write --targets K for the last K of them, 1 to {most}"
        )
    targets = as_count(targets, "--targets")
    if targets > most:
        raise InputError(
            f"--targets must leave at least one input: {name} has {len(columns)} columns, got {targets}; "
            f"write --targets K with K from 1 to {most}"
        )
    return list(columns[:-targets]), list(columns[-targets:])


def dataset_of(inputs: Sequence[Column], targets: Sequence[Column], *, name: str, call: str) -> Dataset:
    """Drop rows with missing values, spread categories over one-hot columns, and standardise.

    Parameters
    ----------
    inputs, targets : sequence of Column
        At least one of each, of equal length.
    name, call : str
        As in `make_dataset`.

    Raises
    ------
    InputError
        If a target is no number, a category has too many different words, or what is left cannot be fitted.
    """
    numeric = [_as_numeric(target, name) for target in targets]
    kept = ~np.any([column.missing for column in (*inputs, *numeric)], axis=0)
    names: list[str] = []
    blocks: list[Array] = []
    for column in inputs:
        labels, block = _spread(column, kept, name)
        names += labels
        blocks.append(block)
    return make_dataset(
        np.hstack(blocks),
        np.column_stack([target.values[kept] for target in numeric]),
        name=name,
        call=call,
        inputs=tuple(names),
        n_dropped=int(np.count_nonzero(~kept)),
        encoded=_on_categories(inputs, len(names)),
    )


def _as_numeric(target: Column, name: str) -> Column:
    """The target with its words read as numbers."""
    if not target.is_category:
        return target
    values = [math.nan if word is None else number(word) for word in target.values]
    if None in values:
        word = target.values[values.index(None)]
        raise InputError(
            f"the targets of {name} must be numbers, got {word!r} in column {target.name!r}: the targets are the last columns, "
            "as many as --targets says; move others before them, or write their values as numbers"
        )
    return Column(target.name, np.array(values, dtype=np.float64))


def _spread(column: Column, kept: np.ndarray[Any, np.dtype[np.bool_]], name: str) -> tuple[list[str], Array]:
    """Names and values of the columns that stand for an input: itself, or one of zeros and ones per category."""
    values = column.values[kept]
    if not column.is_category:
        return [column.name], values[:, np.newaxis]
    categories = sorted(set(values))
    if len(categories) > _MOST_CATEGORIES:
        raise InputError(
            f"column {column.name!r} of {name} must be numbers or at most {_MOST_CATEGORIES} categories, got {len(categories)} "
            f"different words such as {categories[0]!r}: remove the column or write it as numbers"
        )
    block = values[:, np.newaxis] == np.array(categories, dtype=object)
    return [f"{column.name} = {category}" for category in categories], block.astype(np.float64)


def _on_categories(inputs: Sequence[Column], n_columns: int) -> str:
    n_categorical = sum(column.is_category for column in inputs)
    if not n_categorical:
        return ""
    n_spread = n_columns - (len(inputs) - n_categorical)
    which = "One categorical column was" if n_categorical == 1 else f"{n_categorical} categorical columns were"
    return f"{which} replaced by {n_spread} of zeros and ones, one for each category; each can be removed alone."
