"""Coefficients in canonical form whose groups are their rows."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def row_norms(B: Array) -> Array:
    """``||B_j||_2`` of each row."""
    return np.sqrt(np.sum(B * B, axis=1))


class Partition(Protocol):
    """Which of the k rows of a matrix make up a group."""

    def sums(self, values: Array) -> Array:
        """Sums ``(n_groups,)`` of ``values (k,)`` over the groups."""
        ...

    def norms(self, M: Array) -> Array:
        """Lengths ``(n_groups,)`` of the groups of ``M (k, n_targets)``."""
        ...

    def spread(self, values: Array) -> Array:
        """``values (n_groups,)`` for each row, (k, 1)."""
        ...

    def block_sums(self, C: Array) -> Array:
        """Sums of a symmetric ``C (k, k)`` over pairs of groups, (n_groups, n_groups); of both only the upper triangles count.

        The rows of a group must be consecutive.
        """
        ...


class Rows:
    """The partition in which each row is a group."""

    @staticmethod
    def sums(values: Array) -> Array:
        """The values themselves."""
        return values

    @staticmethod
    def norms(M: Array) -> Array:
        """`row_norms`."""
        return row_norms(M)

    @staticmethod
    def spread(values: Array) -> Array:
        """The values as a column."""
        return values[:, np.newaxis]

    @staticmethod
    def block_sums(C: Array) -> Array:
        """The matrix itself."""
        return C


ROWS = Rows()
