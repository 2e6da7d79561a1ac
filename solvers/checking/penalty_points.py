"""Where a penalty is examined: plain points before extreme ones, points beside its jump, and rivals of its proximal operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.checking.report import numbers
from solvers.regression.penalties import prox, subdiff_distance, value

Array = np.ndarray[Any, np.dtype[np.float64]]

_SIZES = (1.0, 0.1, 10.0, 1e-8, 1e8)
_FRACTIONS = np.concatenate([10.0 ** np.arange(-6.0, 0.0), [0.3, 0.5, 0.9]])


@dataclass(frozen=True)
class Point:
    """Arguments of one call, at the column ``j``."""

    z: Array
    step: float
    j: int

    def __str__(self) -> str:
        return f"z={numbers(self.z)}, step={self.step:g}, j={self.j}"


@dataclass(frozen=True)
class Operations:
    """A penalty's operations as plain Python functions of fresh arrays."""

    kernel: Any

    def value(self, w: Array, j: int) -> float:
        """``phi_j(w)``."""
        return float(value(self.kernel, w.copy(), j))

    def prox(self, z: Array, step: float, j: int) -> Array:
        """What the operator writes to an ``out`` of NaN."""
        out = np.full_like(z, np.nan)
        prox(self.kernel, z.copy(), step, j, out)
        return out

    def distance(self, w: Array, g: Array, j: int) -> float:
        """Of ``g`` from the subdifferential at ``w``."""
        return float(subdiff_distance(self.kernel, w.copy(), g.copy(), j))


def draw(lengths: Sequence[int], steps: Sequence[float], n_features: int, rng: np.random.Generator) -> Iterator[Point]:
    """Points from plain to extreme: few targets before many, round numbers before tiny and huge ones."""
    for length in lengths:
        shapes = [np.ones(length), -np.ones(length), np.eye(length)[-1], rng.standard_normal(length).round(2)]
        if length > 1:
            half = rng.standard_normal(length).round(2)
            half[: length // 2] = 0.0
            shapes += [half, rng.standard_normal(length).round(2)]
        vectors = [np.zeros(length), *(size * shape for size in _SIZES for shape in shapes)]
        for number, z in enumerate(vectors):
            for step in steps:
                yield Point(z, step, number % n_features)


def beside_the_jump(operations: Operations, points: Sequence[Point]) -> list[Point]:
    """Points just below and above the length at which ``prox`` leaves zero, by bisection."""
    found = []
    starts = {len(point.z): point for point in points if point.step == points[0].step and np.all(np.abs(point.z) == 1.0)}
    for point in starts.values():

        def zero(length: float, point: Point = point) -> bool:
            with np.errstate(all="ignore"):
                return not np.any(operations.prox(length * point.z, point.step, point.j))

        low, high = 1e-9, 1e9
        try:
            if not zero(low) or zero(high):
                continue
            for _ in range(80):
                middle = float(np.sqrt(low * high))
                low, high = (middle, high) if zero(middle) else (low, middle)
        # What the user's code raises is reported by `examine`, with its example.
        except Exception:
            return []
        found += [Point(high * factor * point.z, point.step, point.j) for factor in (0.7, 0.999, 1.001, 1.3)]
    return found


def competitors(w: Array, z: Array, rng: np.random.Generator) -> Iterator[Array]:
    """Points that might be better than ``w``: zero, z, shorter and longer ones, sparser ones, neighbours."""
    yield np.zeros_like(w)
    yield z
    for fraction in _FRACTIONS:
        yield w * (1.0 - fraction)
        yield w * (1.0 + fraction)
        yield z * fraction
    for t in range(len(w)) if len(w) > 1 else ():
        for entry in (0.0, z[t], 0.5 * w[t], 0.99 * w[t], 1.01 * w[t]):
            u = w.copy()
            u[t] = entry
            yield u
    sizes = np.abs(z)
    for level in sizes.max(initial=0.0) * np.array([0.01, 0.1, 0.3, 0.5, 0.8]):
        yield np.sign(z) * np.maximum(sizes - level, 0.0)
    size = max(float(np.linalg.norm(w)), float(np.linalg.norm(z)))
    for fraction in (1e-4, 1e-2, 1.0):
        yield w + fraction * size * rng.standard_normal(len(w))
