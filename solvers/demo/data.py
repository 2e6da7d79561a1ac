"""Data for the trade-off page: standardised, with the words and the lines of code that say where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_matrix
from solvers.errors import InputError, require

Array = np.ndarray[Any, np.dtype[np.float64]]

STANDARDISE_CODE = """\
def standardise(Z):  # mean 0, standard deviation 1; a constant column becomes 0
    varies = np.ptp(Z, axis=0) > 0
    return np.where(varies, Z - Z.mean(axis=0), 0) / np.where(varies, Z.std(axis=0), 1)
"""

_DIGITS_CODE = f"""\
import numpy as np
from sklearn.datasets import load_digits
from solvers import GroupSparsity, RegularizedShrinkNet, refit, solve_path

{STANDARDISE_CODE}
images = load_digits().images  # (1797, 8, 8)
X = standardise(images[:, :, :4].reshape(-1, 32))
Y = standardise(images[:, :, 4:].reshape(-1, 32))
"""


@dataclass(frozen=True)
class Families:
    """Inputs that belong together, for colours and a legend.

    Attributes
    ----------
    title : str
        What a family is.
    names : tuple of str
        One per family.
    of : (n_features,) int
        The family of each input.
    """

    title: str
    names: tuple[str, ...]
    of: np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and outputs of a regression, standardised, and how to speak of them.

    Attributes
    ----------
    X : (n_samples, n_features)
        Inputs: mean 0 and standard deviation 1, a constant one zero.
    Y : (n_samples, n_targets)
        Outputs, likewise.
    name : str
        What the data is called.
    inputs : tuple of str
        Name of each input.
    title, task : str
        Heading of a page on this data, and what a model is to do, as the beginning of a sentence.
    unit : str
        What inputs are called, in the plural.
    notes : tuple of str
        Where the data comes from and how it was prepared.
    code : str
        Lines that make ``X`` and ``Y``, and import what solving needs.
    n_dropped : int
        Rows that were left out because a value is missing.
    families : Families or None
        Inputs that belong together; None where nothing is known.
    tol : float
        The relative duality gap to ask for. The default is one that float64 allows on columns that are nearly the same, too.
    """

    X: Array
    Y: Array
    name: str
    inputs: tuple[str, ...]
    title: str
    task: str
    unit: str
    notes: tuple[str, ...]
    code: str
    n_dropped: int = 0
    families: Families | None = None
    tol: float = 1e-10

    @property
    def n_varying(self) -> int:
        """Number of outputs that are not constant."""
        return int(np.count_nonzero(self.Y.any(axis=0)))

    @property
    def summary(self) -> str:
        """One line: name, sizes, and rows left out."""
        dropped = f"; {_rows(self.n_dropped)} dropped for missing values" if self.n_dropped else ""
        return f"{self.name}: {_sizes(self.X, self.Y)}{dropped}"


def standardise(Z: Array, ddof: int = 0) -> Array:
    """Columns with mean 0 and standard deviation 1 (the unbiased one for ``ddof=1``); a constant column becomes exactly 0."""
    # By a power of two, which rounds nothing: squares of the largest floats would overflow.
    Z = np.ldexp(Z, -np.frexp(np.max(np.abs(Z), axis=0))[1])
    varies = np.ptp(Z, axis=0) > 0
    return np.where(varies, Z - Z.mean(axis=0), 0.0) / np.where(varies, Z.std(axis=0, ddof=ddof), 1.0)


def load_digits() -> Dataset:
    """Left halves (inputs) and right halves (outputs) of scikit-learn's 1797 digit images, (1797, 32) each."""
    datasets = require("sklearn.datasets", extra="demo", purpose="the demo")
    images = datasets.load_digits().images
    return Dataset(
        X=standardise(images[:, :, :4].reshape(-1, 32)),
        Y=standardise(images[:, :, 4:].reshape(-1, 32)),
        name="digits",
        inputs=tuple(f"row {row}, column {column}" for row in range(1, 9) for column in range(1, 5)),
        title="How many inputs can a linear model lose?",
        task="A linear model predicts the right half of a handwritten digit from its left half",
        unit="pixels",
        notes=(
            "Data: scikit-learn's 1797 digit images of 8 by 8 pixels. Inputs are the 32 pixels of the left four columns, outputs "
            "the 32 of the right four, all standardised to mean 0 and standard deviation 1 over the images. As in the draft, a "
            "loss is that on the data that was fitted, not on new images.",
            "Constant pixels become columns of zeros. Two inputs are constant (rows 1 and 5, outermost column) and always "
            "removed, so that sparsity never falls below 2/32 = 0.0625; one output is (row 5, outermost column).",
        ),
        code=_DIGITS_CODE,
        families=Families(
            "input's pixel column", ("1 (outermost)", "2", "3", "4 (innermost)"), np.tile(np.arange(4), 8).astype(np.intp)
        ),
        tol=1e-12,
    )


def make_dataset(
    X: Array, Y: Array, *, name: str, call: str, inputs: tuple[str, ...] | None = None, n_dropped: int = 0, encoded: str = ""
) -> Dataset:
    """Standardise numbers that a user brought, and find the words for them.

    Parameters
    ----------
    X, Y : (n_samples, n_features), (n_samples, n_targets)
        Without missing values.
    name : str
        What the data is called.
    call : str
        The call that gives this dataset, for the lines of code on the page.
    inputs : tuple of str, optional
        Name of each input.
    n_dropped : int
        Rows that were left out before.
    encoded : str
        A sentence on columns that were no numbers.

    Raises
    ------
    InputError
        If there are fewer than two rows, an infinite entry, or nothing that varies among the inputs or the outputs.
    """
    if len(X) < 2:
        left = f" left after dropping {_rows(n_dropped)} with missing values" if n_dropped else ""
        raise InputError(f"{name} must have at least two rows to fit, got {len(X)}{left}")
    X = standardise(as_matrix(X, f"the inputs of {name}"), ddof=1)
    Y = standardise(as_matrix(Y, f"the targets of {name}"), ddof=1)
    for Z, words in ((X, "input"), (Y, "target")):
        if not Z.any():
            raise InputError(f"{name} must have {words}s that vary, got the same value in every row: there is nothing to fit")
    return Dataset(
        X=X,
        Y=Y,
        name=name,
        inputs=inputs or tuple(f"X[:, {j}]" for j in range(X.shape[1])),
        title=f"How many inputs can a linear model of {name} lose?",
        task=f"A linear model predicts {_count(Y.shape[1], 'output')} of {name} from {_count(X.shape[1], 'input')}",
        unit="inputs",
        notes=_notes(X, Y, name, n_dropped, encoded),
        code=_code(call),
        n_dropped=n_dropped,
    )


def _code(call: str) -> str:
    function = call.partition("(")[0]
    return f"""\
from solvers import GroupSparsity, RegularizedShrinkNet, refit, solve_path
from solvers.demo import {function}

data = {call}
X, Y = data.X, data.Y
"""


def _notes(X: Array, Y: Array, name: str, n_dropped: int, encoded: str) -> tuple[str, ...]:
    data = (
        f"Data: {name}: {_sizes(X, Y)}, all standardised to mean 0 and unbiased standard deviation 1. As in the draft, a loss "
        "is that on the data that was fitted, not on new samples."
    )
    dropped = f"{_rows(n_dropped).capitalize()} with missing values left out." if n_dropped else ""
    constant = tuple(np.count_nonzero(~Z.any(axis=0)) for Z in (X, Y))
    zeros = ""
    if any(constant):
        zeros = (
            f"Constant columns become columns of zeros: {_count(constant[0], 'input')}, always removed, and "
            f"{_count(constant[1], 'output')}."
        )
    return tuple(note for note in (data, dropped, encoded, zeros) if note)


def _sizes(X: Array, Y: Array) -> str:
    return f"{_count(len(X), 'sample')}, {_count(X.shape[1], 'input')}, {_count(Y.shape[1], 'output')}"


def _rows(n: int) -> str:
    return _count(n, "row")


def _count(n: int | np.integer[Any], noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
