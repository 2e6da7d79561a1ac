"""Block-coordinate descent over groups of several columns, each minimised exactly.

With the others fixed, group g with Gram block ``Q_gg = V diag(d) V'`` minimises

    1/2 <W, Q_gg W> - <Z, W> + r ||W|| + ridge/2 ||W||^2,      Z = G_g + Q_gg B_g,

at zero where ``||Z|| <= r``, else at ``W = V diag(nu / ((d + ridge) nu + r)) V' Z``, where ``nu = ||W||`` is the root of the
secular equation ``sum_i ||(V'Z)_i||^2 / ((d_i + ridge) nu + r)^2 = 1``: a trust-region problem with the radius unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from solvers._compile import helper, kernel

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

_FLAT = 1e-14
"""Eigenvalues below this share of the largest are zero to rounding: along their vectors an unpenalised group stays at 0."""


class Spectrum(NamedTuple):
    """Eigenvectors ``(k, largest group)``, the matrices V one below the other, and eigenvalues ``(k,)`` of Gram blocks."""

    vectors: Array
    values: Array


class Spectra:
    """Eigenvectors and eigenvalues of the Gram blocks of groups, each computed when first needed.

    Parameters
    ----------
    labels : (n_features,) int
        The group of each column.
    """

    def __init__(self, labels: Indices) -> None:
        sizes = np.bincount(labels)
        self.labels = labels
        self.known = np.zeros(len(sizes), dtype=bool)
        # Touched only where a group was looked at.
        self.vectors = np.zeros((len(labels), int(sizes.max())))
        self.values = np.zeros(len(labels))

    def on(self, chosen: Indices, block: Callable[[int, int], Array]) -> Spectrum:
        """Those of the groups in ``chosen``, each of which stands together there.

        ``block(start, stop)`` is the Gram matrix of the columns ``chosen[start:stop]``.
        """
        labels = self.labels[chosen]
        starts: list[int] = np.flatnonzero(np.diff(labels, prepend=-1)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(labels)], strict=True):
            if not self.known[labels[start]]:
                columns = chosen[start:stop]
                values, vectors = np.linalg.eigh(block(start, stop))
                self.vectors[columns, : stop - start] = vectors
                self.values[columns] = np.where(values > _FLAT * values[-1], values, 0.0)
                self.known[labels[start]] = True
        return Spectrum(self.vectors[chosen], self.values[chosen])


@kernel
def sweep_groups(Q: Array, vectors: Array, values: Array, penalty: Any, B: Array, G: Array) -> int:
    """One cyclic pass of exact minimisation over the groups of ``penalty``, a `GroupedKernel`; returns how many moved.

    ``vectors`` and ``values`` are the `Spectrum` of the blocks of Q. O(k m n_targets) per group of m columns that moves,
    O(m^2 n_targets) for one that does not.
    """
    k, n_targets = B.shape
    Z = np.empty((vectors.shape[1], n_targets))
    Y = np.empty((vectors.shape[1], n_targets))
    moved = 0
    start = 0
    while start < k:
        stop = end_of_group(penalty.labels, start)
        for i in range(start, stop):
            for t in range(n_targets):
                Z[i - start, t] = G[i, t]
        if move_group(vectors, values, penalty, start, stop, B, Z, Y):
            moved += 1
            for i in range(start, stop):
                for j in range(k):
                    slope = Q[i, j]
                    for t in range(n_targets):
                        G[j, t] -= slope * Z[i - start, t]
        start = stop
    return moved


@helper
def end_of_group(labels: Indices, start: int) -> int:
    """Where the rows of the group that begins at ``start`` end."""
    stop = start + 1
    while stop < len(labels) and labels[stop] == labels[start]:
        stop += 1
    return stop


@helper
def move_group(vectors: Array, values: Array, penalty: Any, start: int, stop: int, B: Array, Z: Array, Y: Array) -> bool:
    """Minimise over one group, whose negative gradient is in ``Z``; its step is there afterwards. False where it stays."""
    group = penalty.labels[start]
    radius, ridge = penalty.radii[group], penalty.ridges[group]
    m, n_targets = stop - start, B.shape[1]
    live, total = False, 0.0
    for i in range(m):
        for t in range(n_targets):
            live |= B[start + i, t] != 0.0
            total += Z[i, t] * Z[i, t]
    if not live and math.sqrt(total) <= radius:
        return False
    squares = np.zeros(m)
    for i in range(m):
        for t in range(n_targets):
            along, here = 0.0, 0.0
            for j in range(m):
                along += vectors[start + j, i] * Z[j, t]
                here += vectors[start + j, i] * B[start + j, t]
            Y[i, t] = along + values[start + i] * here
            squares[i] += Y[i, t] * Y[i, t]
    length = secular_root(values, start, stop, ridge, radius, squares)
    for i in range(m):
        curvature = values[start + i] + ridge
        weight = 0.0
        if radius > 0.0:
            weight = length / (curvature * length + radius)
        elif curvature > 0.0:
            weight = 1.0 / curvature
        for t in range(n_targets):
            Y[i, t] *= weight
    changed = False
    for j in range(m):
        for t in range(n_targets):
            new = 0.0
            for i in range(m):
                new += vectors[start + j, i] * Y[i, t]
            Z[j, t] = new - B[start + j, t]
            changed |= Z[j, t] != 0.0
            B[start + j, t] = new
    return changed


@helper
def secular_root(values: Array, start: int, stop: int, ridge: float, radius: float, squares: Array) -> float:
    """The root nu of ``sum_i y_i^2 / (e_i nu + r)^2 = 1``, ``e = values + ridge``; 0 where the sum at nu = 0 is at most 1.

    Newton's method on the inverse root of the sum, which is concave in nu: from nu = 0 it approaches the root from below, and for
    equal e in one step.
    """
    nu = 0.0
    if radius <= 0.0:
        return nu
    for _ in range(100):
        total, slope = 0.0, 0.0
        for i in range(stop - start):
            e = (values[start + i] + ridge) / radius
            factor = 1.0 / (e * nu + 1.0)
            part = squares[i] / (radius * radius) * factor * factor
            total += part
            slope += part * e * factor
        step = (math.sqrt(total) - 1.0) * total / slope if slope > 0.0 else 0.0
        if step <= 1e-15 * nu:
            break
        nu += step
    return nu
