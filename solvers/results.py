"""What solvers return: a status, what stopped them, and the evidence. Plain data, printed aligned, saved without pickle."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from solvers.errors import InputError


class Status(StrEnum):
    """What is known about an answer. `advice` says what to do with it."""

    CERTIFIED = "certified"
    """The certificate proves the answer optimal within ``tol``."""
    CONVERGED = "converged"
    """No further progress is possible in float64; the certificate states the gap that was reached."""
    FEASIBLE = "feasible"
    """A usable answer; a limit came before the proof."""
    NOT_ATTAINED = "not_attained"
    """The problem has an infimum but no minimiser."""
    INFEASIBLE = "infeasible"
    """No answer satisfies the constraints."""
    FAILED = "failed"
    """No usable answer."""

    @property
    def advice(self) -> str:
        """What the status means for the caller, in one sentence."""
        return _ADVICE[self]


_ADVICE = {
    Status.CERTIFIED: "use the answer",
    Status.CONVERGED: "use the answer if the stated gap is small enough, or ask for a larger tol",
    Status.FEASIBLE: "use the answer with its stated gap, or raise the limit and pass it as init",
    Status.NOT_ATTAINED: "add a term that keeps the parameters bounded",
    Status.INFEASIBLE: "relax the constraints",
    Status.FAILED: "check the input",
}


class Limit(StrEnum):
    """What stopped a computation before its own criterion did."""

    NONE = "none"
    ITERATIONS = "iterations"
    TIME = "time"
    CALLBACK = "callback"
    INTERRUPT = "interrupt"
    """Ctrl-C."""


class Kind(StrEnum):
    """What a certificate rests on."""

    DUALITY_GAP = "duality_gap"
    GLOBAL_BOUND = "global_bound"
    STATIONARY = "stationary"
    INFIMUM = "infimum"
    EXHAUSTIVE = "exhaustive"
    MIP_BOUND = "mip_bound"
    RESIDUAL = "residual"
    NONE = "none"


_saveable: dict[str, type] = {}
_Class = TypeVar("_Class", bound=type)


def saveable(cls: _Class) -> _Class:
    """Class decorator: lets a frozen dataclass stand in a saved result. Names must be unique."""
    if cls.__name__ in _saveable:
        raise TypeError(f"a class named {cls.__name__} is already saveable")
    _saveable[cls.__name__] = cls
    return cls


class Record:
    """Base of the result dataclasses: an aligned repr with long arrays shortened, and `save` / `load`."""

    def __repr__(self) -> str:
        rows = self._shown()
        width = max(map(len, rows), default=0)
        lines = [f"{name:>{width}}: {shorten(value)}" for name, value in rows.items()]
        return "\n".join([type(self).__name__, *lines])

    def _shown(self) -> dict[str, Any]:
        fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(self)  # pyright: ignore[reportArgumentType]
        return {field.name: getattr(self, field.name) for field in fields if field.repr}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to one ``.npz`` file: arrays as arrays, all else as JSON, no pickle.

        Parameters
        ----------
        path : path-like
            The file; ``.npz`` is appended where it is missing.
        """
        arrays: dict[str, Any] = {}
        document = json.dumps(_encode(self, arrays))
        np.savez_compressed(_npz(path), __document__=np.array(document), **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a result written by `save`.

        Raises
        ------
        InputError
            If the file does not hold a result of this class.
        """
        document, arrays = _read(_npz(path), f"{path} was not written by {cls.__name__}.save")
        known = _saveable.get(document["class"])
        if known is None or not issubclass(known, cls):
            raise InputError(f"{path} holds a {document['class']}: write {document['class']}.load({str(path)!r})")
        return _decode(document, arrays)


@saveable
@dataclass(frozen=True, repr=False)
class Certificate(Record):
    """The evidence for an answer, recomputed from the data.

    Attributes
    ----------
    kind : Kind
        What the evidence rests on.
    upper : float
        Objective of the answer.
    lower : float
        Proven lower bound on the optimal value (-inf where there is none).
    gap : float
        ``(upper - lower)`` relative to the scale that the solver states; for regression the null loss. Computed as a sum of
        non-negative terms, so it may be far below the rounding error of ``upper - lower``.
    tol : float
        The tolerance asked for, on the scale of ``gap``.
    """

    kind: Kind
    upper: float
    lower: float
    gap: float
    tol: float

    @property
    def holds(self) -> bool:
        """Whether ``gap <= tol``."""
        return self.gap <= self.tol


def _npz(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")


def _read(path: Path, complaint: str) -> tuple[Any, dict[str, Any]]:
    """The JSON document and the arrays of a file."""
    with path.open("rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            return json.loads(str(arrays.pop("__document__"))), arrays
        except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError):
            raise InputError(complaint) from None


def _encode(value: Any, arrays: dict[str, Any]) -> Any:
    """A JSON document for ``value``; arrays go to ``arrays`` and leave their key behind."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            raise InputError("an array of objects cannot be saved: convert it to numbers first")
        key = f"array_{len(arrays)}"
        arrays[key] = value
        return {"array": key}
    if isinstance(value, (np.generic, StrEnum)):
        value = value.item() if isinstance(value, np.generic) else str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return {"tuple": [_encode(item, arrays) for item in value]}
    name = type(value).__name__
    if _saveable.get(name) is not type(value):
        raise InputError(f"a {name} cannot be saved: mark its dataclass with @solvers.saveable")
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.metadata.get("saved", True)}
    return {"class": name, "fields": {key: _encode(item, arrays) for key, item in fields.items()}}


def _decode(document: Any, arrays: Any) -> Any:
    if not isinstance(document, dict):
        return document
    if "array" in document:
        return arrays[document["array"]]
    if "tuple" in document:
        return tuple(_decode(item, arrays) for item in document["tuple"])
    cls = _saveable.get(document["class"])
    if cls is None:
        raise InputError(f"the file holds a {document['class']}: import the module that defines it first")
    fields = {key: _decode(item, arrays) for key, item in document["fields"].items()}
    return cls(**_restore_enums(cls, fields))


def _restore_enums(cls: type, fields: dict[str, Any]) -> dict[str, Any]:
    enums: dict[str, Callable[[str], StrEnum]] = {"Status": Status, "Limit": Limit, "Kind": Kind}
    declared = {field.name: str(field.type) for field in dataclasses.fields(cls)}
    return {key: enums[declared[key]](value) if declared[key] in enums else value for key, value in fields.items()}


def shorten(value: Any) -> str:
    """One line for a value, long arrays with their middle left out."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0 or value.size == 0 or value.dtype.names:
            return f"array of shape {value.shape}"
        text = np.array2string(value.ravel(), precision=4, threshold=6, edgeitems=3, max_line_width=10_000)
        return text if value.ndim == 1 else f"{text}, shape {value.shape}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Certificate):
        return f"{value.kind}, gap {value.gap:.2e} (tol {value.tol:.0e})"
    if isinstance(value, tuple) and len(value) > 3:
        return f"{len(value)} items"
    return str(value) if isinstance(value, StrEnum) else repr(value)
