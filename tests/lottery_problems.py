"""Subset-sum instances, ugly ones by construction, and the oracle: every subset, each with its exact error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import event
from hypothesis import strategies as st


@dataclass(frozen=True)
class Instance:
    """Candidates and a target; ``kind`` says what is ugly about them."""

    values: np.ndarray
    target: float
    kind: str

    def error(self, mask: int) -> float:
        return abs(math.fsum([self.target, *(-v for i, v in enumerate(self.values.tolist()) if mask >> i & 1)]))


def mask_number(mask: np.ndarray) -> int:
    """Bit i for value i."""
    return sum(1 << i for i, kept in enumerate(mask) if kept)


def best_mask(instance: Instance, max_size: int | None = None, tol: float | None = None) -> int | None:
    """Smallest error, then size, then mask; with a ``tol`` smallest size, then error, then mask, or None."""
    n = len(instance.values)
    best: tuple[float, float, int] | None = None
    for mask in range(1 << n):
        size = mask.bit_count()
        if max_size is not None and size > max_size:
            continue
        error = instance.error(mask)
        if tol is not None and error > tol:
            continue
        key = (error, size, mask) if tol is None else (size, error, mask)
        best = key if best is None or key < best else best
    return None if best is None else best[2]


KINDS = ("uniform", "integers", "scales", "positive", "repeated", "rounded", "huge", "tiny")
AIMS = ("inside", "zero", "sum of some", "all", "beyond", "far beyond", "one value")


@st.composite
def instances(draw: st.DrawFn, largest: int = 9) -> Instance:
    """Up to ``largest`` candidates."""
    n = draw(st.integers(1, largest))
    kind, aim = draw(st.sampled_from(KINDS)), draw(st.sampled_from(AIMS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    v = rng.uniform(-1.0, 1.0, n)
    if kind == "integers":
        v = rng.integers(-4, 5, n).astype(float)
    elif kind == "scales":
        v = v * 10.0 ** rng.integers(-8, 9, n)
    elif kind == "positive":
        v = np.abs(v)
    elif kind == "repeated":
        v = rng.choice(v, n) * rng.choice([1.0, 1.0, 0.0], n)
    elif kind == "rounded":
        v = np.round(v, 1)
    elif kind == "huge":
        v = v * 1e300
    elif kind == "tiny":
        v = v * 1e-300
    size = float(np.abs(v).max()) or 1.0
    some = v[rng.random(n) < 0.5]
    target = {
        "inside": size * rng.uniform(-1.0, 1.0),
        "zero": 0.0,
        "sum of some": math.fsum(some),
        "all": math.fsum(v),
        "beyond": 2.0 * math.fsum(np.abs(v)) + size,
        "far beyond": -1e6 * size,
        "one value": float(rng.choice(v)),
    }[aim]
    event(f"{kind}, {aim}")
    return Instance(v, float(target), kind)
