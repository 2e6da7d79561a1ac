"""What the benchmarks' problems have in common: how they are judged, drawn and read.

This module needs NumPy alone, and shares no code with any solver it judges; nor do `squared` and `multinomial`, which
define the problems.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DATA_VARIABLE = "SOLVERS_DATA"
SEED = 0


class Model(NamedTuple):
    """An answer: `coef (n_outputs, n_features)`, and `intercept (n_outputs,)` where the problem has one."""

    coef: Array
    intercept: Array | None = None


@dataclass(frozen=True)
class Problem(ABC):
    """A design `X (n_samples, n_features)` in column-major order, and `Y`: targets or labels."""

    name: str
    X: Array
    Y: NDArray[Any]

    loss: ClassVar[str]
    """What the package under test calls the loss."""
    has_intercept: ClassVar[bool]

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """Rows of the coefficients."""

    @property
    @abstractmethod
    def lambda_max(self) -> float:
        """The smallest `lam` whose solution is zero."""

    @abstractmethod
    def relative_gap(self, lam: float, model: Model) -> float:
        """The judge: the duality gap of `model`, as a share of the loss of the best model without any input."""

    @abstractmethod
    def corner(self, n: int, p: int) -> Problem:
        """A part of the problem, `n` samples and `p` features, to warm up on."""


class Unavailable(Exception):
    """The problem cannot be built here; the message says what is missing."""


def worst_gap(problem: Problem, lams: Array, models: Iterable[Model]) -> float:
    """The largest relative gap over a path; infinite if a `lam` is left out or a coefficient is not finite."""
    gaps = [problem.relative_gap(float(lam), model) for lam, model in zip(lams, models, strict=False)]
    return max(gaps) if len(gaps) == len(lams) and np.all(np.isfinite(gaps)) else float("inf")


def standardised(X: Array) -> Array:
    """Columns of mean 0 and standard deviation 1, column-major; a constant column becomes zero."""
    spread = X.std(axis=0)
    return np.asfortranarray((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def autoregressive(rng: np.random.Generator, n: int, p: int, rho: float) -> Array:
    """Gaussian rows with `cov(x_i, x_j) = rho^|i-j|`."""
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    return X


def read_data(name: str) -> tuple[Array, NDArray[Any]]:
    """`X` and `Y` of a file in the folder that `SOLVERS_DATA` names, or raise `Unavailable`."""
    folder = os.environ.get(DATA_VARIABLE)
    if folder is None:
        raise Unavailable(f"set {DATA_VARIABLE} to the folder that holds {name}")
    path = Path(folder) / name
    if not path.is_file():
        raise Unavailable(f"there is no {name} in the folder that {DATA_VARIABLE} names")
    with np.load(path, allow_pickle=True) as data:
        return data["X"].astype(float), data["Y"]
