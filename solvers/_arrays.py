"""User input to canonical arrays: float64, finite, contiguous, never written to. Or an error that says what to write instead."""

from __future__ import annotations

import math
import numbers
from typing import Any, cast

import numpy as np

from solvers.errors import IncompatibleError, InputError

Array = np.ndarray[Any, np.dtype[np.float64]]
Sparse = Any
"""A `scipy.sparse` array, compressed by columns or rows; SciPy's classes carry no useful types."""


def as_matrix(X: Any, name: str = "X") -> Array:
    """A two-dimensional array of finite numbers, at least 1 x 1.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        NumPy arrays of any memory order, nested lists, pandas and polars frames. Float64 arrays that are contiguous are not
        copied.
    name : str
        What the caller calls the argument, for the messages.

    Returns
    -------
    ndarray, shape (n_samples, n_features)
        Float64, C or Fortran order, read-only.
    """
    array = as_numbers(X, name)
    _check_matrix_shape(array, name)
    require_finite(array, name)
    return _read_only(_contiguous(array))


def as_inputs(X: Any, name: str = "X") -> Array | Sparse:
    """The inputs of a model: as `as_matrix`, but sparse matrices stay sparse, and float32 stays float32.

    Returns
    -------
    ndarray or csc_array or csr_array, shape (n_samples, n_features)
        Dense: float64 or float32. Sparse: float64, indices sorted, no entry stored twice; the caller's own arrays where they are
        that already, and not to be written to.
    """
    if is_sparse(X):
        return _as_sparse(X, name)
    if not (isinstance(X, np.ndarray) and X.dtype == np.float32) or isinstance(X, np.ma.MaskedArray):
        return as_matrix(X, name)
    _check_matrix_shape(X, name)
    require_finite(X, name)
    return _read_only(_contiguous(X))


def is_sparse(X: Any) -> bool:
    """Whether X is a matrix or an array of scipy.sparse."""
    return hasattr(X, "tocsr")


def _as_sparse(X: Any, name: str) -> Sparse:
    # Loaded with the first sparse matrix: `import solvers` stays fast.
    from scipy.sparse import csc_array, csr_array

    compressed = X if X.format in ("csc", "csr") else X.tocsc()
    _check_matrix_shape(X, name)
    data = as_numbers(compressed.data, name)
    own: Any = csc_array if compressed.format == "csc" else csr_array
    # An object of our own around the caller's arrays: SciPy writes flags to it, and sorts in place.
    matrix = own((data, compressed.indices, compressed.indptr), shape=X.shape)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    _require_finite_entries(matrix, name)
    return matrix


def _require_finite_entries(matrix: Sparse, name: str) -> None:
    if math.isfinite(float(np.sum(np.abs(matrix.data)))):
        return
    entries = matrix.tocoo()
    bad = np.flatnonzero(~np.isfinite(entries.data))
    if len(bad):
        raise InputError(
            f"{name} must be finite, got {entries.data[bad[0]]} at [{entries.row[bad[0]]}, {entries.col[bad[0]]}] "
            f"({len(bad)} such entries): drop those rows or fill them in first"
        )


def _check_matrix_shape(array: Any, name: str) -> None:
    if array.ndim != 2:
        hint = f"{name}.reshape(-1, 1) if it is one column" if array.ndim == 1 else "one row per sample"
        raise InputError(f"{name} must have two dimensions, got shape {array.shape}: write {hint}")
    if 0 in array.shape:
        raise InputError(f"{name} must have at least one row and one column, got shape {array.shape}")


def as_targets(Y: Any, n_samples: int, name: str = "Y") -> tuple[Array, bool]:
    """Targets as a matrix (n_samples, n_targets), and whether they came as a vector."""
    array = as_numbers(Y, name)
    is_vector = array.ndim == 1
    if is_vector:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(f"{name} must have shape (n_samples,) or (n_samples, n_targets), got {array.shape}")
    if array.shape[0] != n_samples:
        raise InputError(
            f"{name} must have one row per row of X: X has {n_samples} rows, {name} has {array.shape[0]}"
            + (f"; write {name}.T" if array.shape[1] == n_samples else "")
        )
    require_finite(array, name)
    return _read_only(_contiguous(array)), is_vector


def as_sample_weight(sample_weight: Any, n_samples: int) -> Array | None:
    """Weights (n_samples,), non-negative with a positive sum; None stays None (all weights one)."""
    if sample_weight is None:
        return None
    weights = as_vector(sample_weight, n_samples, "sample_weight", "one weight per row of X")
    if not np.any(weights > 0):
        raise InputError("sample_weight must have at least one positive entry, got all zero: leave it out for equal weights")
    return weights


def as_vector(values: Any, length: int | None, name: str, meaning: str) -> Array:
    """A vector of ``length`` finite, non-negative numbers; of any length for None."""
    array = as_numbers(values, name)
    if length is None:
        length = array.size
    if array.shape != (length,):
        raise InputError(f"{name} must have shape ({length},), {meaning}, got {array.shape}")
    require_finite(array, name)
    if np.any(array < 0):
        worst = int(np.argmin(array))
        raise InputError(f"{name} must not be negative, got {name}[{worst}] = {array[worst]:g}")
    return _read_only(np.ascontiguousarray(array))


def as_number(value: Any, name: str, *, minimum: float = 0.0, strict: bool = False, advice: str = "") -> float:
    """A finite real number, at least ``minimum`` (above it where ``strict``)."""
    tail = f": {advice}" if advice else ""
    if (
        isinstance(value, (bool, np.bool_))
        or not isinstance(value, (numbers.Real, np.number))
        or isinstance(value, np.complexfloating)
    ):
        raise IncompatibleError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}{tail}")
    number = float(cast(float, value))
    bound = f"{'greater than' if strict else 'at least'} {minimum:g}"
    if not math.isfinite(number) or number < minimum or (strict and number == minimum):
        raise InputError(f"{name} must be finite and {bound}, got {number:g}{tail}")
    return number


def as_count(value: Any, name: str, *, minimum: int = 1) -> int:
    """An integer of at least ``minimum``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (numbers.Integral, np.integer)):
        raise IncompatibleError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}")
    if int(value) < minimum:
        raise InputError(f"{name} must be at least {minimum}, got {int(value)}")
    return int(value)


def as_numbers(values: Any, name: str) -> Array:
    """Real numbers of any shape as float64; the caller's own array where it is that already."""
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array: write {name}.filled(value), or drop the masked rows")
    if hasattr(values, "tocsr"):
        raise IncompatibleError(f"{name} is a sparse matrix, which this call does not take: write {name}.toarray()")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name} must be an array of numbers with rows of equal length: {error}") from None
    if np.iscomplexobj(array):
        raise InputError(f"{name} must be real, got {array.dtype}: write {name}.real, or its real and imaginary parts as columns")
    if array.dtype == np.float64:
        return array
    if array.dtype.kind not in "biufO":
        raise InputError(f"{name} must be numeric, got dtype {array.dtype}: convert or encode it first")
    try:
        with np.errstate(over="ignore"):
            return array.astype(np.float64)
    except OverflowError:
        raise InputError(f"{name} must be finite in float64, got a number beyond 1.8e308") from None
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numeric, got objects that are not numbers: convert or encode them first") from None


def require_finite(array: Array, name: str) -> None:
    """Raise if an entry is NaN or infinite, naming the first."""
    # One pass without a temporary: a NaN or an infinity survives in the sum. A finite sum proves all entries finite; a sum that
    # merely overflowed costs the second look.
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(float(np.sum(array))):
            return
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = ", ".join(map(str, bad[0]))
        raise InputError(
            f"{name} must be finite, got {array[tuple(bad[0])]} at [{place}] ({len(bad)} such entries): "
            "drop those rows or fill them in first"
        )


def _contiguous(array: Array) -> Array:
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return array
    return np.ascontiguousarray(array)


def _read_only(array: Array) -> Array:
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
