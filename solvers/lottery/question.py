"""What a subset-sum call asks, checked: values, targets, objective, tolerance, method."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_count, as_number, as_numbers, require_finite
from solvers.errors import IncompatibleError, InputError

Array = np.ndarray[Any, np.dtype[np.float64]]

OBJECTIVES = ("error", "size", "lexicographic")
METHODS = ("auto", "meet_in_the_middle", "brute_force", "cp_sat", "mip", "mip_highs", "beam")
EXACT_INTEGERS = 2**53


@dataclass(frozen=True)
class Question:
    """A checked call. ``values`` (1 or n_targets, n) and ``targets`` (n_targets,) are float64; integers are exact in it."""

    values: Array
    targets: Array
    integer: bool
    objective: str
    tol: float
    max_size: int
    method: str

    @property
    def n(self) -> int:
        """How many values there are for each target."""
        return self.values.shape[1]

    @property
    def fewest(self) -> bool:
        """Whether size comes first."""
        return self.objective != "error"

    def row(self, k: int) -> list[Any]:
        """The values for target k as Python numbers: integers where they are."""
        row = self.values[min(k, len(self.values) - 1)].tolist()
        return [int(value) for value in row] if self.integer else row

    def target(self, k: int) -> Any:
        """Target k as a Python number."""
        return int(self.targets[k]) if self.integer else float(self.targets[k])


def ask(values: Any, targets: Any, *, single: bool, objective: str, tol: float, max_size: int | None, method: str) -> Question:
    """Check a call of `subset_sum` (``single``) or `subset_sums`."""
    if objective not in OBJECTIVES:
        raise InputError(f"objective must be one of {', '.join(map(repr, OBJECTIVES))}, got {objective!r}")
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(map(repr, METHODS))}, got {method!r}")
    integer = _is_integer(values) and _is_integer(targets)
    V, T = _as_values(values, single), _as_target_vector(targets, single)
    if not single and V.ndim == 2 and len(V) != len(T):
        raise InputError(
            f"values must have one row per target, or be a single row (n,) for all: got {len(V)} rows for {len(T)} targets"
        )
    if integer:
        _check_integers(V, "values")
        _check_integers(T, "targets")
    with np.errstate(over="ignore"):
        if not np.all(np.isfinite(np.sum(np.abs(V), axis=-1) + (np.max(np.abs(T)) if len(T) else 0.0))):
            raise InputError(
                "values must have a finite sum of absolute values in float64: divide values and targets by a power of 2"
            )
    tol = as_number(tol, "tol")
    if objective != "error" and tol == 0.0 and not integer:
        raise InputError(
            f"objective={objective!r} with float values needs tol > 0, got 0: say how close a sum must come, such as tol=0.01"
        )
    V = V.reshape(1, -1) if V.ndim == 1 else V
    most = V.shape[1] if max_size is None else as_count(max_size, "max_size", minimum=0)
    return Question(np.ascontiguousarray(V), np.ascontiguousarray(T), integer, objective, tol, min(most, V.shape[1]), method)


def _is_integer(numbers: Any) -> bool:
    return np.asarray(numbers).dtype.kind in "iu"


def _as_values(values: Any, single: bool) -> Array:
    array = as_numbers(values, "values")
    shapes = "(n,)" if single else "(n_targets, n) or (n,)"
    if array.ndim not in ((1,) if single else (1, 2)):
        raise InputError(f"values must have shape {shapes}, got {array.shape}")
    if array.shape[-1] == 0:
        raise InputError(f"values must hold at least one candidate, got shape {array.shape}")
    require_finite(array, "values")
    return array


def _as_target_vector(targets: Any, single: bool) -> Array:
    if single:
        return np.array([as_number(targets, "target", minimum=-np.inf)])
    array = as_numbers(targets, "targets")
    if array.ndim != 1:
        raise InputError(f"targets must have shape (n_targets,), got {array.shape}: write subset_sum for a single target")
    require_finite(array, "targets")
    return array


def _check_integers(array: Array, name: str) -> None:
    if array.size and np.max(np.abs(array)) > EXACT_INTEGERS:
        raise IncompatibleError(f"{name} must not exceed 2^53 where integers are to stay exact: divide by a common factor")


def memory_allowed(memory_limit: float | None) -> float:
    """The limit in bytes: half the machine's memory for None."""
    if memory_limit is not None:
        return as_number(memory_limit, "memory_limit", strict=True)
    try:
        return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 4.0 * 2**30
