"""Groups of several rows: what is summed over them, and their part of the penalty."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class GroupedKernel(NamedTuple):
    """`GroupSparsity` over groups of rows, for kernels.

    Attributes
    ----------
    radii, ridges : (n_groups,)
        ``lam w_g`` and ``l2 w_g``.
    labels : (k,) int
        The group of each row, 0 to n_groups - 1.
    """

    radii: Array
    ridges: Array
    labels: Indices

    def on(self, chosen: Indices) -> GroupedKernel:
        """The same for some of the rows, which make up whole groups."""
        groups, labels = np.unique(self.labels[chosen], return_inverse=True)
        return GroupedKernel(self.radii[groups], self.ridges[groups], labels)

    @property
    def ridge(self) -> Array | None:
        """The ridges, None where there are none."""
        return self.ridges if np.any(self.ridges) else None

    @property
    def free(self) -> Mask:
        """Which rows are unpenalised."""
        return ((self.radii == 0) & (self.ridges == 0))[self.labels]

    def total(self, norms: Array) -> float:
        """The penalty of groups of these lengths."""
        return float(np.sum(self.radii * norms) + 0.5 * np.sum(self.ridges * norms**2))

    def sums(self, values: Array) -> Array:
        """Sums ``(n_groups,)`` of ``values (k,)`` over the groups."""
        return np.bincount(self.labels, values, minlength=len(self.radii)).astype(np.float64, copy=False)

    def norms(self, M: Array) -> Array:
        """Lengths ``(n_groups,)`` of the groups of ``M (k, n_targets)``."""
        return np.sqrt(self.sums(np.sum(M * M, axis=1)))

    def spread(self, values: Array) -> Array:
        """``values (n_groups,)`` for each row, (k, 1)."""
        return values[self.labels, np.newaxis]

    def block_sums(self, C: Array) -> Array:
        """Sums of a symmetric ``C (k, k)`` over all pairs of groups; see `Partition.block_sums`."""
        starts = np.flatnonzero(np.diff(self.labels, prepend=-1))
        sums = np.add.reduceat(np.add.reduceat(np.triu(C), starts, axis=0), starts, axis=1)
        # What lies above the diagonal within a group stands below it, too.
        sums.flat[:: len(sums) + 1] *= 2.0
        sums.flat[:: len(sums) + 1] -= self.sums(np.diag(C))
        return sums
