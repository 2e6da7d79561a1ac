"""Class labels and yes-no targets: from what a caller writes to a matrix of zeros and ones, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_targets
from solvers.errors import IncompatibleError, InputError

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class Labels:
    """What is to be predicted.

    Attributes
    ----------
    Y : (n_samples, n_outputs)
        Zeros and ones; for classes one 1 per row.
    classes : (n_outputs,) or None
        The label of each column; None for yes-no targets.
    is_vector : bool
        Whether the caller's labels were one-dimensional.
    """

    Y: Array
    classes: np.ndarray[Any, Any] | None
    is_vector: bool


def as_classes(Y: Any, n_samples: int, known: np.ndarray[Any, Any] | None = None) -> Labels:
    """Labels ``(n_samples,)`` of any sortable kind, or one-hot rows ``(n_samples, n_classes)``; ``known`` fixes the classes."""
    array = np.asarray(Y)
    if array.ndim == 2 and array.shape[1] > 1:
        one_hot, _ = as_targets(Y, n_samples)
        if not np.all((one_hot == 0) | (one_hot == 1)) or not np.all(one_hot.sum(axis=1) == 1):
            raise InputError("Y must be labels (n_samples,) or one-hot, a single 1 in each row of zeros: write Y.argmax(axis=1)")
        if known is not None and len(known) != one_hot.shape[1]:
            raise InputError(f"Y must have one column for each of the {len(known)} classes of the fit, got {one_hot.shape[1]}")
        return Labels(one_hot, np.arange(one_hot.shape[1]) if known is None else known, False)
    labels = _as_labels(array, n_samples)
    classes = np.unique(labels) if known is None else known
    one_hot = (labels[:, np.newaxis] == classes).astype(np.float64)
    if not np.all(one_hot.any(axis=1)):
        unknown = labels[~one_hot.any(axis=1)][0]
        raise InputError(f"Y must only have the classes of the fit, {_listed(classes)}, got {unknown!r}")
    return Labels(one_hot, classes, True)


def as_yes_no(Y: Any, n_samples: int) -> Labels:
    """Targets of zeros and ones, ``(n_samples,)`` or ``(n_samples, n_targets)``."""
    targets, is_vector = as_targets(Y, n_samples)
    if not np.all((targets == 0) | (targets == 1)):
        worst = targets[(targets != 0) & (targets != 1)][0]
        hint = "write (Y + 1) / 2" if np.all(np.abs(targets) == 1) else "write loss='multinomial' for more than two classes"
        raise InputError(f"Y must be 0 or 1 for loss='logistic', got {worst:g}: {hint}")
    return Labels(targets, None, is_vector)


def _as_labels(array: np.ndarray[Any, Any], n_samples: int) -> np.ndarray[Any, Any]:
    labels = array.reshape(-1) if array.ndim == 2 else array
    if labels.ndim != 1 or len(labels) != n_samples:
        raise InputError(f"Y must have one label per row of X: expected ({n_samples},), got {array.shape}")
    if labels.dtype.kind == "f" and not np.all(np.isfinite(labels)):
        raise InputError("Y must not have missing labels, got nan or inf: drop those rows first")
    if labels.dtype.kind == "O":
        if not (all(isinstance(label, str) for label in labels) or not any(isinstance(label, str) for label in labels)):
            raise IncompatibleError("Y must have labels of one kind, got strings among others: write Y.astype(str)")
        try:
            labels = np.array(labels.tolist())
        except ValueError:
            raise IncompatibleError("Y must have one label per row, got objects of several values") from None
    if labels.dtype.kind not in "biufUS":
        raise IncompatibleError(f"Y must have numbers or strings as labels, got dtype {labels.dtype}: write Y.astype(str)")
    return labels


def _listed(classes: np.ndarray[Any, Any]) -> str:
    shown = ", ".join(map(str, classes[:5]))
    return shown if len(classes) <= 5 else f"{shown}, ... ({len(classes)} in all)"
