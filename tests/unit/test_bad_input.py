"""Wrong input meets an error that names the argument and says what to write; work that is broken off keeps its best result."""

from __future__ import annotations

import ast
import copy
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import numba
import numpy as np
import pytest
from scipy.sparse import csr_matrix

import solvers
from solvers import (
    Certificate,
    ConvergenceWarning,
    Fit,
    Gram,
    GroupSparsity,
    GroupSparsityClassifier,
    GroupSparsityRegressor,
    GroupSparsityRegressorCV,
    IncompatibleError,
    InputError,
    Limit,
    MissingDependencyError,
    Path,
    Penalty,
    RegularizedShrinkNet,
    ShrinkNet,
    SolveError,
    Status,
    certify,
    errors,
    implements,
    lambda_max,
    prox,
    refit,
    results,
    solve,
    solve_path,
    subdiff_distance,
    value,
)
from solvers.errors import require
from tests import bad_dask

NAN, INF = np.nan, np.inf
PACKAGE = FilePath(solvers.__file__).parent
COMPILED = not numba.config.DISABLE_JIT


class RidgeKernel(NamedTuple):
    lam: float


@dataclass(frozen=True)
class Ridge(Penalty):
    """A penalty of one's own, complete."""

    lam: float

    def kernel(self, n_features: int) -> RidgeKernel:
        return RidgeKernel(float(self.lam))


@implements(value, RidgeKernel)
def ridge_value(penalty, w, j):
    total = 0.0
    for t in range(len(w)):
        total += 0.5 * penalty.lam * w[t] ** 2
    return total


@implements(prox, RidgeKernel)
def ridge_prox(penalty, z, step, j, out):
    for t in range(len(z)):
        out[t] = z[t] / (1.0 + step * penalty.lam)


@implements(subdiff_distance, RidgeKernel)
def ridge_distance(penalty, w, g, j):
    total = 0.0
    for t in range(len(w)):
        total += (g[t] - penalty.lam * w[t]) ** 2
    return total**0.5


class BareKernel(NamedTuple):
    lam: float


@dataclass(frozen=True)
class Bare(Penalty):
    """A penalty of one's own without any operation."""

    lam: float

    def kernel(self, n_features: int) -> BareKernel:
        return BareKernel(self.lam)


def fail(_) -> None:
    raise ZeroDivisionError("on purpose")


def interrupt(_) -> None:
    raise KeyboardInterrupt


def correlated(n_samples: int, n_features: int, n_targets: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Data on which a solver needs several rounds: columns from three factors."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 3)) @ rng.standard_normal((3, n_features))
    X += 0.1 * rng.standard_normal((n_samples, n_features))
    Y = X[:, :n_targets] - X[:, n_targets : 2 * n_targets] + 0.5 * rng.standard_normal((n_samples, n_targets))
    return X, Y


# Wrong input. What a call is given, `d`, is fresh for each row: X (12, 5), Y (12, 2), a sample weight, a penalty, fits, a folder.

SHAPE = (12, 5)


@pytest.fixture(scope="module")
def pristine() -> SimpleNamespace:
    X, Y = correlated(*SHAPE)
    penalty = GroupSparsity(0.1)
    fit = solve(X, Y, penalty)
    path = solve_path(X, Y, n_lams=2)
    return SimpleNamespace(
        X=X,
        Y=Y,
        s=np.linspace(0.0, 2.0, SHAPE[0]),
        penalty=penalty,
        fit=fit,
        refit=refit(fit, X, Y),
        path=path,
        bridged=solve(X, Y, RegularizedShrinkNet(0.1, 0.1)),
        own=solve(X, Y, Ridge(1.0)),
        gram=Gram.from_blocks([(X, Y)]),
        scaled=solve(X, Y, penalty, standardize=True),
        labels=np.array(["a", "b", "c"] * 4),
        classified=solve(X, ["a", "b", "c"] * 4, penalty, loss="multinomial"),
    )


@pytest.fixture
def d(pristine, tmp_path) -> SimpleNamespace:
    return SimpleNamespace(**copy.deepcopy(vars(pristine)), folder=tmp_path)


def call(name: str, d: SimpleNamespace, **changes: Any) -> object:
    """A public function with good arguments, but for the changes."""
    data = {"X": d.X, "Y": d.Y, "sample_weight": d.s}
    if name in PENALTIES:
        return getattr(solvers, name)(**PENALTIES[name] | changes)
    if name == "predict":
        return d.fit.predict(**{"X": d.X} | changes)
    given = {"solve": {"penalty": d.penalty}, "solve_path": {"n_lams": 3}, "certify": {"fit": d.fit}, "refit": {"fit": d.fit}}
    return getattr(solvers, name)(**data | given.get(name, {}) | changes)


PENALTIES: dict[str, dict[str, Any]] = {
    "GroupSparsity": {"lam": 0.1},
    "RegularizedShrinkNet": {"lam": 0.1, "lam2": 0.2},
    "ShrinkNet": {"lam": 0.1},
}
WEIGHTED = ("GroupSparsity", "RegularizedShrinkNet")
SOLVES = ("solve", "solve_path")
FITS = (*SOLVES, "lambda_max", "lambda_zero")
ALL = (*FITS, "certify", "refit")


def at(place: int | tuple[int, ...], entry: float) -> Callable[[np.ndarray], np.ndarray]:
    """An array with one entry replaced."""

    def replaced(A: np.ndarray) -> np.ndarray:
        A[place] = entry
        return A

    return lambda A: replaced(A.copy())


def many_targets(d: SimpleNamespace) -> Path:
    """A logistic path of 2010 targets, said to use every input."""
    path = solve_path(d.X, np.tile(d.labels[:, None] == "a", 2010), loss="logistic", lams=[1e3])
    return replace(path, fits=(replace(path.fits[0], coef=np.ones_like(path.fits[0].coef)),))


# Functions, argument, value (or how to make it from d), error, message. In messages " ... " stands for any text.
ARGUMENTS: list[tuple[tuple[str, ...], str, Any, type[Exception], str]] = [
    (
        (*ALL, "predict"),
        "X",
        lambda d: at((1, 2), NAN)(d.X),
        InputError,
        "X must be finite, got nan at [1, 2] (1 such ... drop those rows",
    ),
    (
        (*ALL, "predict"),
        "X",
        lambda d: at((0, 0), INF)(d.X),
        InputError,
        "X must be finite, got inf at [0, 0] (1 such ... drop those rows",
    ),
    ((*ALL, "predict"), "X", lambda d: -INF + d.X, InputError, "X must be finite, got -inf at [0, 0] (60 such ... fill them in"),
    ((*ALL, "predict"), "X", lambda d: d.X[:0], InputError, "X must have at least one row and one column, got shape (0, 5)"),
    ((*ALL, "predict"), "X", lambda d: d.X[:, :0], InputError, "X must have at least one row and one column, got shape (12, 0)"),
    (
        (*ALL, "predict"),
        "X",
        lambda d: d.X[:, 0],
        InputError,
        "X must have two dimensions, got shape (12,): write X.reshape(-1, 1)",
    ),
    ((*ALL, "predict"), "X", lambda d: d.X[..., None], InputError, "X must have two dimensions, got shape (12, 5, 1)"),
    (
        (*ALL, "predict"),
        "X",
        lambda d: d.X.astype(str),
        InputError,
        "X must be numeric, got dtype <U32: convert or encode it first",
    ),
    ((*ALL, "predict"), "X", [[object()] * 5] * 12, InputError, "X must be numeric, got objects that are not numbers: convert"),
    ((*ALL, "predict"), "X", [[1.0, 2.0], [3.0]], InputError, "X must be an array of numbers with rows of equal length"),
    ((*ALL, "predict"), "X", lambda d: d.X * 1j, InputError, "X must be real, got complex128: write X.real"),
    (
        (*ALL, "predict"),
        "X",
        lambda d: csr_matrix(at((1, 2), NAN)(d.X)),
        InputError,
        "X must be finite, got nan at [1, 2] (1 such ... drop those rows",
    ),
    ((*ALL, "predict"), "X", lambda d: csr_matrix(d.X * 1j), InputError, "X must be real, got complex128: write X.real"),
    ((*ALL, "predict"), "X", lambda d: csr_matrix((0, 5)), InputError, "X must have at least one row and one column, got shape"),
    (
        (*ALL, "predict"),
        "X",
        lambda d: at((1, 2), NAN)(d.X.astype(np.float32)),
        InputError,
        "X must be finite, got nan at [1, 2]",
    ),
    (("certify", "refit", "predict"), "X", lambda d: d.X[:, 1:], InputError, "X must have 5 columns, as in the fit, got 4"),
    (("predict",), "X", lambda d: d.X.T, InputError, "X must have 5 columns, as in the fit, got 12"),
    (("predict",), "X", lambda d: d.X[0], InputError, "X must have two dimensions, got shape (5,)"),
    (ALL, "Y", lambda d: at((3, 1), NAN)(d.Y), InputError, "Y must be finite, got nan at [3, 1] (1 such ... drop those rows"),
    (ALL, "Y", lambda d: at((3, 1), -INF)(d.Y), InputError, "Y must be finite, got -inf at [3, 1] (1 such ... drop those rows"),
    (ALL, "Y", lambda d: at(2, NAN)(d.Y[:, 0]), InputError, "Y must be finite, got nan at [2, 0] (1 such"),
    (ALL, "Y", lambda d: d.Y[:7], InputError, "Y must have one row per row of X: X has 12 rows, Y has 7"),
    (ALL, "Y", lambda d: d.Y.T, InputError, "Y must have one row per row of X: X has 12 rows, Y has 2; write Y.T"),
    (ALL, "Y", lambda d: d.Y[:, :0], InputError, "Y must have shape (n_samples,) or (n_samples, n_targets), got (12, 0)"),
    (ALL, "Y", lambda d: d.Y[..., None], InputError, "Y must have shape (n_samples,) or (n_samples, n_targets), got (12, 2, 1)"),
    (ALL, "Y", ["a", "b"] * 6, InputError, "Y must be numeric, got dtype <U1: convert or encode it first"),
    (ALL, "Y", lambda d: d.Y * 1j, InputError, "Y must be real, got complex128: write Y.real"),
    (ALL, "Y", lambda d: csr_matrix(d.Y), IncompatibleError, "Y is a sparse matrix, which this call ... write Y.toarray()"),
    (ALL, "Y", None, IncompatibleError, "Y is missing: write ... Y of shape (n_samples, n_targets)"),
    (("certify",), "Y", lambda d: d.Y[:, 0], InputError, "Y must have 2 targets, as in the fit, got 1"),
    (
        ALL,
        "sample_weight",
        lambda d: 0 * d.s,
        InputError,
        "sample_weight must have at least one positive ... all zero: leave it out",
    ),
    (ALL, "sample_weight", lambda d: -d.s, InputError, "sample_weight must not be negative, got sample_weight[11] = -2"),
    (ALL, "sample_weight", lambda d: at(4, NAN)(d.s), InputError, "sample_weight must be finite, got nan at [4]"),
    (ALL, "sample_weight", lambda d: at(4, INF)(d.s), InputError, "sample_weight must be finite, got inf at [4]"),
    (
        ALL,
        "sample_weight",
        lambda d: d.s[1:],
        InputError,
        "sample_weight must have shape (12,), one weight per row of X, got (11,)",
    ),
    (ALL, "sample_weight", 2.0, InputError, "sample_weight must have shape (12,), one weight per row of X, got ()"),
    (ALL, "sample_weight", "balanced", InputError, "sample_weight must be numeric, got dtype <U8"),
    (SOLVES, "fit_intercept", 1, IncompatibleError, "fit_intercept must be True or False, got 1"),
    (FITS, "fit_intercept", "no", IncompatibleError, "fit_intercept must be True or False, got 'no'"),
    (FITS, "fit_intercept", None, IncompatibleError, "fit_intercept must be True or False, got None"),
    (FITS, "standardize", "yes", IncompatibleError, "standardize must be True or False, got 'yes'"),
    (FITS, "loss", "hinge", InputError, "loss must be ... 'squared', ... got 'hinge'"),
    (FITS, "loss", None, InputError, "loss must be ... 'squared', ... got None"),
    (SOLVES, "tol", -1e-9, InputError, "tol must be finite and at least 0, got -1e-09"),
    ((*SOLVES, "certify"), "tol", NAN, InputError, "tol must be finite and at least 0, got nan"),
    (("certify",), "tol", INF, InputError, "tol must be finite and at least 0, got inf"),
    (SOLVES, "tol", None, IncompatibleError, "tol must be a real number, got None of type NoneType"),
    ((*SOLVES, "refit"), "max_iter", 0, InputError, "max_iter must be at least 1, got 0"),
    ((*SOLVES, "refit"), "max_iter", 10.0, IncompatibleError, "max_iter must be an integer, got 10.0 of type float"),
    ((*SOLVES, "refit"), "time_limit", -1, InputError, "time_limit must be finite and at least 0, got -1"),
    ((*SOLVES, "refit"), "time_limit", NAN, InputError, "time_limit must be finite and at least 0, got nan"),
    ((*SOLVES, "refit"), "time_limit", "1s", IncompatibleError, "time_limit must be a real number, got '1s' of type str"),
    ((*SOLVES, "refit"), "callback", 3, IncompatibleError, "callback must be callable or None, got 3"),
    (("certify",), "level", "best", InputError, "level must be ... 'auto', 'gap' ... got 'best'"),
    (("certify",), "level", "stationary", IncompatibleError, "level='stationary' ... got GroupSparsity: write level='auto'"),
    (("certify", "refit"), "fit", lambda d: d.X, IncompatibleError, "fit must be a Fit, as returned by solve, got ndarray"),
    (("certify", "refit"), "fit", lambda d: d.path, IncompatibleError, "fit must be a Fit, as returned by solve, got Path"),
    (
        ("certify",),
        "fit",
        lambda d: replace(d.refit, within=d.refit.within[1:]),
        InputError,
        "coef must be zero outside fit.within, the columns that the refit may use",
    ),
    (
        ("solve",),
        "init",
        lambda d: d.fit.coef.T,
        InputError,
        "init must have shape (n_targets, n_features) = (2, 5), ... got (5, 2)",
    ),
    (("solve",), "init", "zero", InputError, "init must be numeric, got dtype"),
    (("solve",), "init", np.full((2, 5), NAN), InputError, "init must be finite, got nan at [0, 0]"),
    (("solve",), "init", np.full((2, 5), -INF), InputError, "init must be finite, got -inf at [0, 0]"),
    (("solve",), "init", np.full((2, 5), 1j), InputError, "init must be real, got complex128"),
    (("solve",), "init", [["0"] * 5] * 2, InputError, "init must be numeric, got dtype"),
    (("solve_path",), "lams", [], InputError, "lams must have at least one entry, got none: leave it out for a grid"),
    (("solve_path",), "lams", 0.1, InputError, "lams must have shape (1,), one value per fit, got ()"),
    (("solve_path",), "lams", [[1, 2]], InputError, "lams must have shape (2,), one value per fit, got (1, 2)"),
    (("solve_path",), "lams", [1, -1], InputError, "lams must not be negative, got lams[1] = -1"),
    (("solve_path",), "lams", [1, NAN], InputError, "lams must be finite, got nan at [1]"),
    (("solve_path",), "lams", ["a"], InputError, "lams must be numeric, got dtype <U1"),
    (("solve_path",), "n_lams", 0, InputError, "n_lams must be at least 1, got 0"),
    (("solve_path",), "n_lams", 5.0, IncompatibleError, "n_lams must be an integer, got 5.0 of type float"),
    (("solve_path",), "lam_ratio", 0, InputError, "lam_ratio must be finite and greater than 0, got 0"),
    (("solve_path",), "lam_ratio", NAN, InputError, "lam_ratio must be finite and greater than 0, got nan"),
    (("solve_path",), "lam_ratio", 2, InputError, "lam_ratio must be at most 1, got 2: it is the smallest lam over the largest"),
    (("solve_path",), "lam_ratio", "a", IncompatibleError, "lam_ratio must be a real number, got 'a' of type str"),
    (("solve",), "penalty", None, IncompatibleError, "penalty is missing: write solve(X, Y, GroupSparsity(0.1))"),
    (FITS, "penalty", "l1", InputError, "penalty 'l1' is unknown: write GroupSparsity(0.1)"),
    (FITS, "penalty", 0.1, IncompatibleError, "penalty must be a Penalty such as GroupSparsity(0.1), got 0.1"),
    (FITS, "penalty", GroupSparsity, IncompatibleError, "penalty must be a Penalty such as GroupSparsity(0.1), got <class"),
    *(
        ((function,), "penalty", wrong, IncompatibleError, f"{function}{message}")
        for function in ("solve_path", "lambda_max", "lambda_zero")
        for wrong, message in (
            (Ridge(1), " takes GroupSparsity, RegularizedShrinkNet or ShrinkNet, got Ridge"),
            (
                ShrinkNet(1),
                ": ShrinkNet with free columns has the same infimum for every lam > 0; "
                "write ShrinkNet(lam, unit_columns=True) or RegularizedShrinkNet(lam, lam2)",
            ),
        )
    ),
    (
        ("lambda_zero",),
        "penalty",
        RegularizedShrinkNet(1, 1, 0.5),
        IncompatibleError,
        "lambda_zero is known for p >= 1, got p=0.5: lambda_max is the local threshold",
    ),
    (
        FITS,
        "penalty",
        RegularizedShrinkNet(1, 1, weights=[1, 2]),
        InputError,
        "weights must have one entry per column of X: expected (5,), got (2,)",
    ),
    (
        FITS,
        "penalty",
        GroupSparsity(1, [1, 2]),
        InputError,
        "weights must have one entry per column of X: expected (5,), got (2,)",
    ),
    (FITS, "penalty", GroupSparsity(1, []), InputError, "weights must have one entry per column of X: expected (5,), got (0,)"),
    ((*PENALTIES,), "lam", -1.0, InputError, "lam must be finite and at least 0, got -1: lam=0 means unpenalised"),
    ((*PENALTIES,), "lam", NAN, InputError, "lam must be finite and at least 0, got nan: lam=0 means unpenalised"),
    ((*PENALTIES,), "lam", INF, InputError, "lam must be finite and at least 0, got inf: lam=0 means unpenalised"),
    ((*PENALTIES,), "lam", "0.1", IncompatibleError, "lam must be a real number, got '0.1' of type str"),
    ((*PENALTIES,), "lam", np.ones(2), IncompatibleError, "lam must be a real number, got array ... of type ndarray"),
    ((*PENALTIES,), "lam", 1j, IncompatibleError, "lam must be a real number, got 1j of type complex"),
    ((*PENALTIES,), "lam", True, IncompatibleError, "lam must be a real number, got True of type bool"),
    ((*PENALTIES,), "lam", None, IncompatibleError, "lam must be a real number, got None of type NoneType"),
    (("GroupSparsity",), "l2", -1.0, InputError, "l2 must be finite and at least 0, got -1: l2=0 means no ridge"),
    (("GroupSparsity",), "l2", NAN, InputError, "l2 must be finite and at least 0, got nan: l2=0 means no ridge"),
    (("GroupSparsity",), "l2", INF, InputError, "l2 must be finite and at least 0, got inf: l2=0 means no ridge"),
    (("GroupSparsity",), "l2", "0.1", IncompatibleError, "l2 must be a real number, got '0.1' of type str"),
    (("GroupSparsity",), "l2", None, IncompatibleError, "l2 must be a real number, got None of type NoneType"),
    (WEIGHTED, "weights", [1, -2], InputError, "weights must not be negative, got weights[1] = -2"),
    (WEIGHTED, "weights", [1, NAN], InputError, "weights must be finite, got nan at [1]"),
    (WEIGHTED, "weights", ["a"], InputError, "weights must be numeric, got dtype <U1: convert or encode it first"),
    (WEIGHTED, "weights", [1j], InputError, "weights must be real, got complex128: write weights.real"),
    (WEIGHTED, "weights", [[1, 2]], InputError, "weights must have shape (2,), one weight per column of X, got (1, 2)"),
    (WEIGHTED, "weights", 2.0, InputError, "weights must have shape (1,), one weight per column of X, got ()"),
    (
        WEIGHTED,
        "weights",
        csr_matrix([[1.0]]),
        IncompatibleError,
        "weights is a sparse matrix ... write weights.toarray()",
    ),
    *(
        (
            ("RegularizedShrinkNet",),
            "weights",
            wrong,
            InputError,
            "weights must be positive: with weight 0 beta_j grows ... write GroupSp",
        )
        for wrong in ([1, 0], [0.0], np.zeros(3))
    ),
    *(
        (
            ("RegularizedShrinkNet",),
            "lam2",
            wrong,
            InputError,
            f"lam2 must be finite and greater than 0, got {wrong:g}: without it no minimiser exists: write ShrinkNet(lam)",
        )
        for wrong in (0, -1, NAN, INF)
    ),
    *(
        (
            ("RegularizedShrinkNet",),
            "p",
            wrong,
            InputError,
            f"p must be finite and greater than 0, got {wrong:g}: the draft recommends p=2 or p=1",
        )
        for wrong in (0, -2, NAN, INF)
    ),
    (("RegularizedShrinkNet",), "lam2", None, IncompatibleError, "lam2 must be a real number, got None of type NoneType"),
    (("RegularizedShrinkNet",), "p", "2", IncompatibleError, "p must be a real number, got '2' of type str"),
    (("ShrinkNet",), "unit_columns", 1, IncompatibleError, "unit_columns must be True or False, got 1"),
    (("ShrinkNet",), "unit_columns", None, IncompatibleError, "unit_columns must be True or False, got None"),
]

# Calls that a table of arguments cannot hold.
OTHER_CALLS: list[tuple[Callable[[SimpleNamespace], object], type[Exception], str]] = [
    (lambda d: solve(d.X, d.penalty), IncompatibleError, "penalty is missing: write solve(X, Y, GroupSparsity(0.1))"),
    (lambda d: d.penalty.with_lam(-1), InputError, "lam must be finite and at least 0, got -1"),
    (lambda d: d.fit.sparsity_at(-1), InputError, "threshold must be finite and at least 0, got -1"),
    (lambda d: d.path.at(-1), InputError, "lam must be finite and at least 0, got -1"),
    (
        lambda d: reread(d.path, d, Path).at(1),
        IncompatibleError,
        "this path holds no data ... write solve(X, Y, GroupSparsity(lam))",
    ),
    (
        lambda d: reread(d.path, d, Path).relaxed(),
        IncompatibleError,
        "this path holds no data ... write refit(fit, X, Y) for each fit of path.fits",
    ),
    (
        lambda d: reread(d.path, d, Path).information_criteria(),
        IncompatibleError,
        "this path holds no data ... write solve_path(X, Y).information_criteria()",
    ),
    (lambda d: d.path.relaxed(1.5), InputError, "gamma must be at most 1, got 1.5: 0 is for refits, 1 for the penalised fits"),
    (lambda d: d.path.relaxed(-0.5), InputError, "gamma must be finite and at least 0, got -0.5"),
    (lambda d: d.path.relaxed("all"), IncompatibleError, "gamma must be a real number, got 'all' of type str"),
    (lambda d: d.path.relaxed(time_limit=-1), InputError, "time_limit must be finite and at least 0, got -1"),
    (lambda d: d.path.relaxed(callback=fail), SolveError, "callback raised ZeroDivisionError('on purpose') ... error's .result"),
    (lambda d: d.path.information_criteria(gamma=-1), InputError, "gamma must be finite and at least 0, got -1"),
    (lambda d: d.path.information_criteria(n_samples=0), InputError, "n_samples must be finite and greater than 0, got 0"),
    (
        lambda d: d.path.information_criteria().best("cp"),
        InputError,
        "criterion must be one of 'aic', 'bic', 'ebic', 'aicc', got 'cp'",
    ),
    (
        lambda d: solve_path(d.X, d.labels, loss="multinomial", n_lams=2).information_criteria().best("aicc"),
        InputError,
        "criterion 'aicc' is defined for no fit of this path: write best('bic')",
    ),
    (
        lambda d: solve_path(d.X, d.Y, d.bridged.penalty, n_lams=2).information_criteria(),
        IncompatibleError,
        "degrees of freedom are known for GroupSparsity, got RegularizedShrinkNet ... choose lam by cross-validation",
    ),
    (
        lambda d: many_targets(d).information_criteria(),
        IncompatibleError,
        "degrees of freedom of loss='logistic' take a Hessian of at most 2000 rows, got ... live inputs: write",
    ),
    (lambda d: reread(d.path, d, Fit), InputError, "holds a Path: write Path.load('"),
    (lambda d: reread(d.fit, d, Certificate), InputError, "holds a Fit: write Fit.load('"),
    (
        lambda d: reread(replace(d.fit, penalty=Bare(1)), d, Fit),
        InputError,
        "a Bare cannot be saved: mark its dataclass with @solvers.saveable",
    ),
    (lambda d: read_arrays(d, a=np.ones(2)), InputError, "was not written by Fit.save"),
    (lambda d: read_arrays(d, __document__=np.array('{"class": "Odd"}')), InputError, "holds a Odd: write Odd.load("),
    (
        lambda d: read_arrays(d, __document__=np.array('{"class": "Fit", "fields": {"penalty": {"class": "Odd"}}}')),
        InputError,
        "the file holds a Odd: import the module",
    ),
    (
        lambda d: replace(d.fit, coef=np.array([[None]])).save(d.folder / "objects"),
        InputError,
        "an array of objects cannot be saved: convert it to numbers first",
    ),
    (
        lambda d: Bare(1.0).value(d.X),
        NotImplementedError,
        "value has no implementation for BareKernel: write one with @implements(",
    ),
    (
        lambda d: errors.require("no_such_package", extra="demo", purpose="the demo"),
        MissingDependencyError,
        "the demo needs the package 'no_such_package', which is not installed: pip install 'shrinknet-solvers[demo]'",
    ),
    (
        lambda d: call("solve", d, callback=fail),
        SolveError,
        "callback raised ZeroDivisionError('on purpose') ... error's .result",
    ),
    (
        lambda d: call("solve_path", d, callback=fail),
        SolveError,
        "callback raised ZeroDivisionError('on purpose') ... error's .result",
    ),
    (lambda d: GroupSparsity(1, [[1], [2, 3]]), InputError, "weights must be an array of numbers with rows"),
    (
        lambda d: after_highspy(),
        MissingDependencyError,
        "the test needs OR-Tools, which cannot be loaded after highspy ... write 'import ortools.sat.python.cp_model' before",
    ),
    (lambda d: GroupSparsity(1, groups=[0.5, 1.0]), InputError, "groups must be integers of shape (n_features,)"),
    (lambda d: GroupSparsity(1, groups=[[0, 1]]), InputError, "groups must be integers ... got shape (1, 2)"),
    (lambda d: GroupSparsity(1, groups=[]), InputError, "groups must be integers"),
    (
        lambda d: GroupSparsity(1, [1.0], groups=[0, 0, 1]),
        InputError,
        "weights must have one entry per group: expected (2,), got (1,)",
    ),
    (lambda d: GroupSparsity(1, "sizes"), InputError, "weights must be numbers, 'sqrt_size' or None, got 'sizes'"),
    (
        lambda d: call("solve", d, penalty=GroupSparsity(1, groups=[0, 0, 1])),
        InputError,
        "groups must name the group of each column of X: expected (5,), got (3,)",
    ),
    (
        lambda d: solve_path(d.X, d.Y, GroupSparsity(1, groups=[0, 0, 1, 1, 1]), n_lams=2).information_criteria(),
        IncompatibleError,
        "degrees of freedom are known for groups of one input, got GroupSparsity with groups=",
    ),
    (lambda d: call("solve_path", d, lams=[[1], [2, 3]]), InputError, "lams must be an array of numbers with rows"),
    (lambda d: call("solve", d, init=[[1], [2, 3]]), InputError, "init must"),
    (lambda d: call("solve", d, loss=d.Y), InputError, "loss must be ... 'squared', ... got"),
    (lambda d: d.penalty.value(np.ones(3)), InputError, "coef must have"),
    (lambda d: implements(print, BareKernel)(fail), IncompatibleError, "operation"),
    (
        lambda d: call("solve", d, penalty=Bare(1.0)),
        NotImplementedError,
        "value has no implementation for BareKernel: write one with @implements(value, BareKernel)",
    ),
    (lambda d: call("certify", d, Y=None), IncompatibleError, "write certify(fit, X, Y)"),
    (lambda d: call("refit", d, Y=None), IncompatibleError, "write refit(fit, X, Y)"),
    (
        lambda d: call("solve", d, verbose=fail),
        SolveError,
        "verbose raised ZeroDivisionError('on purpose') ... error's .result",
    ),
    (lambda d: call("solve", d, X=np.ma.masked_greater(d.X, 1.0)), InputError, "X is a masked array: write X.filled(value)"),
    (lambda d: call("solve", d, X=[[10**400, 1.0]]), InputError, "X must be finite in float64, got a number beyond"),
    (lambda d: implements(prox, Bare)(fail), IncompatibleError, "kernel_class must be a NamedTuple class, got"),
    (
        lambda d: d.fit.minimising_sequence(0.5),
        IncompatibleError,
        "minimising_sequence is for fits without a minimiser, got status certified: use A and beta",
    ),
    (lambda d: d.bridged.minimising_sequence(0.5), IncompatibleError, "minimising_sequence is for fits without a minimiser, got"),
    (lambda d: d.bridged.minimising_sequence(0), InputError, "t must be finite and greater than 0, got 0"),
    (lambda d: d.bridged.minimising_sequence("a"), IncompatibleError, "t must be a real number, got 'a' of type str"),
    (lambda d: d.bridged.penalty.with_lam(-1), InputError, "lam must be finite and at least 0, got -1"),
    (lambda d: d.bridged.penalty.value(np.ones(3)), InputError, "coef must have"),
    (
        lambda d: certify(d.bridged, d.X, d.Y, level="gap"),
        IncompatibleError,
        "level='gap' ... got RegularizedShrinkNet: write level=",
    ),
    (lambda d: certify(d.own, d.X, d.Y, level="gap"), IncompatibleError, "level='gap' ... got Ridge: write level='auto'"),
    (lambda d: certify(d.own, d.X, d.Y, level="global"), IncompatibleError, "level='global' ... got Ridge"),
    (
        lambda d: certify(replace(d.bridged, penalty=RegularizedShrinkNet(0.1, 0.1, 0.5)), d.X, d.Y, level="global"),
        IncompatibleError,
        "level='global' needs p >= 1, got p=0.5",
    ),
    (
        lambda d: call("solve", d, penalty=RegularizedShrinkNet(0.1, 0.1), callback=fail),
        SolveError,
        "callback raised ZeroDivisionError('on purpose') ... error's .result",
    ),
    (
        lambda d: certify(d.bridged, d.X, d.Y, level="global", tol=0, callback=fail),
        SolveError,
        "callback raised ZeroDivisionError('on purpose') ... the certificate so far is in this error's .result",
    ),
]


OTHER_CALLS += [
    (lambda d: solve(d.gram, d.Y, d.penalty), IncompatibleError, "Y must be left out ... Gram ... solve(gram, penalty=penalty)"),
    (
        lambda d: solve(d.gram, d.penalty),
        IncompatibleError,
        "penalty is missing: write ... or solve(gram, penalty=...)",
    ),
    (lambda d: lambda_max(d.gram, d.Y), IncompatibleError, "Y must be left out beside a Gram ... write lambda_max(gram)"),
    (lambda d: certify(d.fit, d.gram, d.Y), IncompatibleError, "Y must be left out beside a Gram ... write certify(fit, gram)"),
    (
        lambda d: solve(d.gram, penalty=d.penalty, sample_weight=d.s),
        IncompatibleError,
        "sample_weight must be left out beside a Gram ... write Gram.from_blocks([(X, Y, sample_weight)])",
    ),
    (
        lambda d: solve(d.gram, penalty=d.penalty, loss="logistic"),
        IncompatibleError,
        "loss must be 'squared' with a Gram, got 'logistic': write solve(X, Y, penalty)",
    ),
    (lambda d: refit(d.fit, Gram.from_blocks([(d.X[:, 1:], d.Y)])), InputError, "X must have 5 columns, as in the fit, got 4"),
    (lambda d: refit(d.scaled, Gram.from_blocks([(d.X[:, 1:], d.Y)])), InputError, "X must have 5 columns, as in the fit, got 4"),
    (lambda d: certify(d.scaled, d.X[:, 1:], d.Y), InputError, "X must have 5 columns, as in the fit, got 4"),
    (lambda d: Gram.from_blocks([]), InputError, "blocks must hold at least one row with a positive weight, got none"),
    (lambda d: Gram.from_blocks([(d.X, d.Y, 0 * d.s)]), InputError, "blocks must hold at least one row with a positive weight"),
    (lambda d: Gram.from_blocks([d.X]), IncompatibleError, "blocks[0] must be (X_block, Y_block) or ... got ndarray"),
    (
        lambda d: Gram.from_blocks([(d.X, d.Y), (d.X,)]),
        IncompatibleError,
        "blocks[1] must be (X_block, Y_block) or ... got 1 ent",
    ),
    (
        lambda d: Gram.from_blocks([(d.X, d.Y), (d.X[:, 1:], d.Y)]),
        InputError,
        "each of blocks must have 5 features and 2 targets",
    ),
    (lambda d: Gram.from_blocks([(d.X, d.Y[1:])]), InputError, "Y of blocks[0] must have one row per row of X"),
    (lambda d: Gram.from_blocks([(at((1, 2), NAN)(d.X), d.Y)]), InputError, "X of blocks[0] must be finite, got nan at [1, 2]"),
    (lambda d: Gram.from_blocks([(d.X, d.Y, -d.s)]), InputError, "weights of blocks[0] must not be negative"),
    (lambda d: Gram.from_blocks([(1e200 * d.X, d.Y)]), InputError, "blocks[0] must have squares below 1.8e308 ... divide X or Y"),
    (lambda d: d.gram.merge(d.X), IncompatibleError, "other must be a Gram, got ndarray: write Gram.from_blocks([(X, Y)])"),
    (
        lambda d: d.gram + Gram.from_blocks([(d.X, d.Y[:, 0])]),
        InputError,
        "other must have 5 features and 2 targets ... got 5 and 1",
    ),
    (lambda d: Gram.merged([]), InputError, "grams must have at least one entry, got none"),
]


OTHER_CALLS += [
    (lambda d: GroupSparsityRegressor(l2=-1.0).fit(d.X, d.Y), InputError, "l2 must be finite and at least 0, got -1"),
    (lambda d: GroupSparsityRegressor("best").fit(d.X, d.Y), InputError, "lam must be a number or 'auto', got 'best'"),
    (
        lambda d: GroupSparsityRegressorCV(selection="best").fit(d.X, d.Y),
        InputError,
        "selection must be one of 'min', '1se', got 'best'",
    ),
    (
        lambda d: GroupSparsityClassifier(loss="hinge").fit(d.X, d.Y[:, 0] > 0),
        InputError,
        "loss must be one of 'multinomial', 'logistic', got 'hinge'",
    ),
    (
        lambda d: GroupSparsityClassifier(class_weight="even").fit(d.X, d.Y[:, 0] > 0),
        InputError,
        "class_weight must be None, 'balanced' or a dict from labels to weights, got 'even'",
    ),
    (
        lambda d: GroupSparsityClassifier(loss="logistic", class_weight="balanced").fit(d.X, (d.Y > 0).astype(int)),
        IncompatibleError,
        "class_weight is for one label per sample, got y of shape (12, 2): write fit(X, y, sample_weight=...)",
    ),
    (
        lambda d: GroupSparsityClassifier(class_weight={"b": 0}).fit(d.X, ["a", "b"] * 6),
        InputError,
        "y must have at least two classes with positive weight, got one class, ['a']: there is nothing",
    ),
]


def classify(d: SimpleNamespace, Y: Any, loss: str = "multinomial", penalty: Penalty | None = None) -> Fit:
    """A fit of labels Y."""
    return solve(d.X, Y, d.penalty if penalty is None else penalty, loss=loss)


OTHER_CALLS += [
    (lambda d: classify(d, np.full((12, 2), 0.5)), InputError, "Y must be labels (n_samples,) or one-hot ... Y.argmax(axis=1)"),
    (lambda d: classify(d, np.ones((12, 2))), InputError, "Y must be labels (n_samples,) or one-hot ... Y.argmax(axis=1)"),
    (lambda d: certify(d.classified, d.X, np.eye(2)[np.arange(12) % 2]), InputError, "one column for each of the 3 classes"),
    (lambda d: certify(d.classified, d.X, ["z"] * 12), InputError, "Y must only have the classes of the fit, a, b, c, got"),
    (
        lambda d: certify(solve(d.X, np.arange(12), d.penalty, loss="multinomial"), d.X, np.full(12, 99)),
        InputError,
        "Y must only have the classes of the fit, 0, 1, 2, 3, 4, ... (12 in all), got",
    ),
    (lambda d: classify(d, d.labels[1:]), InputError, "Y must have one label per row of X: expected (12,), got (11,)"),
    (lambda d: classify(d, at(3, NAN)(np.arange(12.0))), InputError, "Y must not have missing labels, got nan or inf: drop"),
    (
        lambda d: classify(d, np.array(["a", 1] * 6, object)),
        IncompatibleError,
        "Y must have labels of one kind ... Y.astype(str)",
    ),
    (lambda d: classify(d, odd_labels()), IncompatibleError, "Y must have one label per row, got objects of several values"),
    (lambda d: classify(d, np.arange(12) * 1j), IncompatibleError, "Y must have numbers or strings as labels, got dtype compl"),
    (lambda d: classify(d, ["a"] * 12), InputError, "Y must have at least two classes with positive weight, got one"),
    (lambda d: classify(d, [0, 1, 2] * 4, "logistic"), InputError, "Y must be 0 or 1 ... got 2: write loss='multinomial'"),
    (lambda d: classify(d, [-1, 1] * 6, "logistic"), InputError, "Y must be 0 or 1 ... got -1: write (Y + 1) / 2"),
    (lambda d: classify(d, [1] * 12, "logistic"), InputError, "Y must have a target that is neither all 0 nor all 1, got none"),
    (
        lambda d: classify(d, d.labels, penalty=Ridge(1.0)),
        IncompatibleError,
        "loss='multinomial' takes GroupSparsity ... got Ridge",
    ),
    (lambda d: d.fit.predict_proba(d.X), IncompatibleError, "predict_proba is for loss='multinomial' and 'logistic'"),
    (
        lambda d: certify(classify(d, d.labels, penalty=RegularizedShrinkNet(0.1, 0.1)), d.X, d.labels, level="global"),
        IncompatibleError,
        "level='global' is for the squared loss, got a fit with loss='multinomial'",
    ),
]


def odd_labels() -> np.ndarray:
    """Objects that are lists of different lengths."""
    labels = np.empty(12, object)
    labels[:] = [[1] * (1 + i % 2) for i in range(12)]
    return labels


def reread(result: results.Record, d: SimpleNamespace, cls: type) -> Any:
    """What ``cls`` reads from the file that ``result`` writes."""
    result.save(d.folder / "result")
    return cls.load(d.folder / "result")


def read_arrays(d: SimpleNamespace, **arrays: Any) -> Fit:
    """What a file of these arrays is as a fit."""
    np.savez(d.folder / "other.npz", **arrays)
    return Fit.load(d.folder / "other.npz")


def after_highspy() -> object:
    """What a broken import of OR-Tools says where HiGHS was there first."""
    with mock.patch.dict(sys.modules, highspy=mock.Mock()):
        return require("ortools.does_not_load", extra="lottery", purpose="the test")


def with_argument(function: str, argument: str, given: Any) -> Callable[[SimpleNamespace], object]:
    """The call of a function with one argument replaced; a lambda makes the value from the good ones."""
    made_from_d = getattr(given, "__name__", "") == "<lambda>"
    return lambda d: call(function, d, **{argument: given(d) if made_from_d else given})


CALLS = [
    *(
        pytest.param(with_argument(function, argument, given), error, message, id=f"{function}: {message}")
        for functions, argument, given, error, message in ARGUMENTS
        for function in functions
    ),
    *(pytest.param(*row, id=row[-1]) for row in (*OTHER_CALLS, *bad_dask.OTHER_CALLS)),
]


def assert_says(text: str, message: str) -> None:
    """The text holds the parts of the message, in their order."""
    pattern = ".*".join(map(re.escape, message.split(" ... ")))
    assert re.search(pattern, text), text


def assert_unchanged(d: SimpleNamespace, pristine: SimpleNamespace) -> None:
    for name in ("X", "Y", "s"):
        mine = getattr(d, name)
        np.testing.assert_array_equal(mine, getattr(pristine, name))
        assert mine.flags.writeable
    np.testing.assert_array_equal(d.fit.coef, pristine.fit.coef)


@pytest.mark.parametrize(("wrong", "error", "message"), CALLS)
def test_wrong_input_is_refused_with_advice(wrong, error, message, d, pristine):
    with pytest.raises(error) as caught:
        wrong(d)
    assert type(caught.value) is error
    assert_says(str(caught.value), message)
    assert_unchanged(d, pristine)


@pytest.mark.parametrize("function", [*ALL, "predict", *PENALTIES])
def test_right_input_is_taken_and_left_as_it_was(function, d, pristine):
    call(function, d)
    assert_unchanged(d, pristine)


OURS = (InputError, IncompatibleError, MissingDependencyError, SolveError)


def system_files() -> list[FilePath]:
    """The rows of training stand beside its other tests."""
    files = [path for system in ("regression", "estimators") for path in (PACKAGE / system).rglob("*.py")]
    return [path for path in files if path.parent.name != "training"]


def raise_statements() -> set[tuple[str, int, int]]:
    """File, first and last line of each statement of the library that raises one of the package's errors."""
    found = set()
    for path in [*PACKAGE.glob("_*.py"), PACKAGE / "errors.py", PACKAGE / "results.py", *system_files()]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and any(
                ast.unparse(node.exc or node).startswith(error.__name__ + "(") for error in OURS
            ):
                found.add((str(path), node.lineno, node.end_lineno or node.lineno))
    return found


def test_every_error_of_the_library_is_met_by_a_row(d, monkeypatch):
    made: set[tuple[str, int]] = set()

    def recording(plain):
        def init(self, *arguments):
            caller = sys._getframe(1)
            made.add((caller.f_code.co_filename, caller.f_lineno))
            plain(self, *arguments)

        return init

    for error in OURS:
        monkeypatch.setattr(error, "__init__", recording(error.__init__))
    for case in CALLS:
        wrong, error, _ = case.values
        with pytest.raises(error):
            wrong(d)
    statements = raise_statements()
    assert len(statements) > 25
    missed = [
        f"{FilePath(file).name}:{first}"
        for file, first, last in sorted(statements)
        if not any(where == file and first <= line <= last for where, line in made)
    ]
    assert missed == []


# Work that is broken off.

STOPS: dict[str, tuple[dict[str, Any], Limit]] = {
    "rounds": ({"max_iter": 1}, Limit.ITERATIONS),
    "time": ({"time_limit": 0}, Limit.TIME),
    "callback": ({"callback": lambda _: True}, Limit.CALLBACK),
    "ctrl-c": ({"callback": interrupt}, Limit.INTERRUPT),
}
stops = pytest.mark.parametrize(("keywords", "limit"), STOPS.values(), ids=STOPS)
shapes = pytest.mark.parametrize("shape", [(60, 12), (30, 80)], ids=["tall", "wide"])
TOL = 1e-12


def problem(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, GroupSparsity]:
    X, Y = correlated(*shape)
    return X, Y, GroupSparsity(lambda_max(X, Y) / 50)


def assert_usable(fit: Fit, X: np.ndarray, Y: np.ndarray) -> None:
    """The fit is no worse than the null model, and what it says of itself is true."""
    recomputed = certify(fit, X, Y)
    assert np.isfinite(fit.objective)
    assert fit.objective <= fit.null_loss
    assert recomputed.upper == pytest.approx(fit.objective, rel=1e-10)
    assert recomputed.gap == pytest.approx(fit.certificate.gap, rel=1e-6)
    assert len(fit.history) == fit.n_iter


@stops
@shapes
def test_a_fit_that_is_broken_off_is_usable_and_says_so(shape, keywords, limit):
    X, Y, penalty = problem(shape)
    with pytest.warns(ConvergenceWarning) as caught:
        fit = solve(X, Y, penalty, tol=TOL, **keywords)
    assert (fit.status, fit.limit, fit.n_iter) == (Status.FEASIBLE, limit, 1)
    assert not fit.certificate.holds
    assert_usable(fit, X, Y)
    (warning,) = caught
    expected = f"gap {fit.certificate.gap:.2e} is above tol 1.00e-12 after 1 rounds (status feasible, limit {limit}): raise "
    assert str(warning.message).startswith(expected)


@stops
@shapes
def test_a_fit_that_is_broken_off_can_be_taken_up_again(shape, keywords, limit):
    X, Y, penalty = problem(shape)
    with pytest.warns(ConvergenceWarning):
        fit = solve(X, Y, penalty, tol=TOL, **keywords)
    finished = solve(X, Y, penalty, tol=TOL, init=fit)
    assert (finished.status, finished.limit) == (Status.CERTIFIED, Limit.NONE)
    assert finished.objective <= fit.objective


@shapes
def test_each_round_leaves_a_result_no_worse_than_the_last(shape):
    X, Y, penalty = problem(shape)
    objectives = []
    for rounds in range(1, 5):
        with pytest.warns(ConvergenceWarning, match=f"after {rounds} rounds"):
            objectives.append(solve(X, Y, penalty, tol=TOL, max_iter=rounds).objective)
    assert objectives == sorted(objectives, reverse=True)


@shapes
def test_an_exception_in_the_callback_carries_the_result(shape):
    X, Y, penalty = problem(shape)
    with pytest.raises(SolveError) as caught:
        solve(
            X,
            Y,
            penalty,
            tol=TOL,
            callback=lambda progress: progress.n_iter < 3 or fail(progress) if progress.n_iter == 3 else None,
        )
    fit = caught.value.result
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert isinstance(fit, Fit)
    assert (fit.status, fit.limit, fit.n_iter) == (Status.FEASIBLE, Limit.NONE, 3)
    assert_usable(fit, X, Y)


@pytest.mark.parametrize("shape", [(60, 12)])
@stops
def test_a_penalty_of_ones_own_is_broken_off_alike(shape, keywords, limit):
    X, Y, _ = problem(shape)
    with pytest.warns(ConvergenceWarning, match="after 1 rounds"):
        fit = solve(X, Y, Ridge(1e-3), tol=TOL, **keywords)
    assert (fit.status, fit.limit) == (Status.FEASIBLE, limit)
    assert fit.objective <= fit.null_loss


@stops
@shapes
@pytest.mark.parametrize("p", [1, 2])
def test_regularised_shrinknet_is_broken_off_alike_and_taken_up_again(p, shape, keywords, limit):
    X, Y, _ = problem(shape)
    penalty = RegularizedShrinkNet(1.0, 0.1, p)
    penalty = penalty.with_lam(lambda_max(X, Y, penalty) / 50)
    with pytest.warns(ConvergenceWarning, match="after 1 rounds"):
        fit = solve(X, Y, penalty, tol=1e-10, **keywords)
    assert (fit.status, fit.limit, fit.n_iter) == (Status.FEASIBLE, limit, 1)
    assert not fit.certificate.holds
    assert fit.objective <= fit.null_loss
    assert certify(fit, X, Y).upper == pytest.approx(fit.objective, rel=1e-10)
    np.testing.assert_array_equal(fit.coef, fit.A * fit.beta)
    finished = solve(X, Y, penalty, tol=1e-10, init=fit)
    assert finished.certificate.holds
    assert finished.limit is Limit.NONE
    assert finished.objective <= fit.objective


def test_no_warning_where_all_that_float64_gives_was_asked_for():
    X, Y, penalty = problem((60, 12))
    fit = solve(X, Y, penalty, tol=0)
    assert fit.certificate.gap < 1e-12


@pytest.mark.parametrize(
    "unfinished",
    [
        lambda X, Y, penalty: solve(X, Y, penalty, tol=TOL, max_iter=1),
        lambda X, Y, penalty: solve(X, Y, Ridge(1e-3), tol=TOL, max_iter=1),
        lambda X, Y, penalty: solve_path(X, Y, tol=TOL, max_iter=1, n_lams=3),
    ],
    ids=["group sparsity", "penalty of one's own", "path"],
)
def test_the_warning_points_at_the_callers_line(unfinished):
    with pytest.warns(ConvergenceWarning) as caught:
        unfinished(*problem((60, 12)))
    assert [warning.filename for warning in caught] == [__file__]


def at_third_lam(action: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda progress: action(progress) if progress.index == 2 else None


PATH_STOPS: dict[str, tuple[dict[str, Any], Limit]] = {
    "time": ({"time_limit": 0}, Limit.TIME),
    "callback": ({"callback": at_third_lam(lambda _: True)}, Limit.CALLBACK),
    "ctrl-c": ({"callback": at_third_lam(interrupt)}, Limit.INTERRUPT),
}


def assert_usable_path(path: Path, X: np.ndarray, Y: np.ndarray) -> None:
    """All fits but the last are finished, and a path that was broken off still answers for any lam."""
    assert len(path.lams) == len(path.fits)
    assert all(fit.status is Status.CERTIFIED for fit in path.fits[:-1])
    assert not path.fits[-1].certificate.holds
    for fit in path.fits:
        assert_usable(fit, X, Y)
    between = float(np.mean(path.lams[-2:]))
    assert path.at(between).certificate.holds


@pytest.mark.parametrize(("keywords", "limit"), PATH_STOPS.values(), ids=PATH_STOPS)
@shapes
def test_a_path_that_is_broken_off_keeps_its_fits(shape, keywords, limit):
    X, Y, _ = problem(shape)
    with pytest.warns(ConvergenceWarning) as caught:
        path = solve_path(X, Y, tol=TOL, n_lams=6, lam_ratio=1e-2, **keywords)
    assert path.limit is limit
    assert len(path.fits) == (2 if limit is Limit.TIME else 3), "the first fit, of zeros, takes no round"
    assert_usable_path(path, X, Y)
    worst = path.fits[-1]
    assert str(caught[0].message).startswith(
        f"1 of {len(path.fits)} fits have a gap above tol 1.00e-12, the worst {worst.certificate.gap:.2e} at lam "
        f"{worst.penalty.lam:.4g} (status feasible, limit {limit}): raise "
    )


@shapes
def test_an_exception_in_the_callback_carries_the_path(shape):
    X, Y, _ = problem(shape)
    with pytest.raises(SolveError, match="on purpose") as caught:
        solve_path(X, Y, tol=TOL, n_lams=6, lam_ratio=1e-2, callback=at_third_lam(fail))
    path = caught.value.result
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert isinstance(path, Path)
    assert len(path.fits) == 3
    assert_usable_path(path, X, Y)


@shapes
def test_the_round_limit_holds_for_each_lam_of_a_path(shape):
    X, Y, _ = problem(shape)
    with pytest.warns(ConvergenceWarning, match="5 of 6 fits have a gap above tol"):
        path = solve_path(X, Y, tol=TOL, n_lams=6, lam_ratio=1e-2, max_iter=1)
    assert [fit.n_iter for fit in path.fits] == [0, 1, 1, 1, 1, 1]
    assert [fit.limit for fit in path.fits] == [Limit.NONE] + [Limit.ITERATIONS] * 5
    for fit in path.fits:
        assert_usable(fit, X, Y)


# Waits in its callback until the signal has come and a line says so, whether or not the signal wakes it.
WAITING = """
import signal, sys, warnings
import numpy as np
from solvers import GroupSparsity, solve, solve_path
from tests.unit.test_bad_input import problem
signal.signal(signal.SIGINT, signal.default_int_handler)
warnings.simplefilter("ignore")
X, Y, penalty = problem((60, 12))

def wait(progress):
    if progress.n_iter == 2:
        print("ready", flush=True)
        sys.stdin.readline()

fit = {call}
print(fit.limit, len(getattr(fit, "fits", [fit])), getattr(fit, "fits", [fit])[-1].n_iter, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT between processes")
@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("solve(X, Y, penalty, tol=1e-12, callback=wait)", "interrupt 1 2"),
        ("solve_path(X, Y, tol=1e-12, n_lams=6, lam_ratio=1e-2, callback=wait)", "interrupt 2 2"),
    ],
    ids=["solve", "solve_path"],
)
def test_ctrl_c_from_outside_returns_the_best_so_far(call, found):
    with subprocess.Popen(
        [sys.executable, "-c", WAITING.replace("{call}", call)],
        cwd=PACKAGE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate("go on\n", timeout=300)
        finally:
            process.kill()
    assert rest.strip() == found
    assert process.returncode == 0
