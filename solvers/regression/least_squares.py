"""Orthogonal bases and minimum-norm least squares for the columns that no penalty holds back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.linalg import qr, svd

from solvers._blas import matmul
from solvers.regression.design import NEGLIGIBLE

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class ColumnSpace:
    """The column space of a matrix ``A (n, k)``: an orthonormal basis, and the minimum-norm least-squares map.

    The rank is decided after scaling each column to unit length, so that a column of size 1e-8 beside one of size 1e8 still
    counts: singular values up to ``max(n, k) eps`` times the largest are taken as zero.

    Attributes
    ----------
    basis : (n, rank)
        Orthonormal columns spanning the space.
    particular : (k, rank)
        ``particular @ (basis' R)`` minimises ``||R - A B||_F``, accurate for columns of any scale.
    shortest : (k, rank)
        The same with the smallest ``||B||_F``; identical to ``particular`` where the columns are independent.
    """

    basis: Array
    particular: Array
    shortest: Array

    @classmethod
    def of(cls, A: Array) -> ColumnSpace:
        """Factorise ``A (n, k)``, in O(n k min(n, k)) operations."""
        scale = _unit_scale(A)
        U, sigma, Vt = svd(A * scale, full_matrices=False)
        rank = int(np.sum(sigma > max(A.shape) * np.finfo(float).eps * sigma.max(initial=0.0)))
        basis, V = np.ascontiguousarray(U[:, :rank]), Vt[:rank].T
        particular = scale[:, np.newaxis] * (V / sigma[:rank])
        return cls(basis, particular, _shortest(particular, scale, V))

    def project(self, R: Array) -> Array:
        """The part of ``R (n, m)`` inside the column space."""
        return matmul(self.basis, matmul(self.basis.T, R))

    def solve(self, R: Array) -> Array:
        """The minimum-norm minimiser ``B (k, m)`` of ``||R - A B||_F``."""
        return matmul(self.shortest, matmul(self.basis.T, R))

    def correct(self, R: Array) -> Array:
        """What to add to a solution whose residual is ``R``: small, hence not of minimum norm, but accurate."""
        return matmul(self.particular, matmul(self.basis.T, R))


def _unit_scale(A: Array) -> Array:
    """Factors that bring each column to unit length; 0 for zero columns."""
    # A power of two first: the squares of a tiny column do not underflow.
    largest = np.max(np.abs(A), axis=0, initial=0.0)
    rough = np.where(largest < NEGLIGIBLE, 0.0, np.ldexp(1.0, -np.frexp(largest)[1].clip(-1000, 1000)))
    norms = np.sqrt(np.sum((A * rough) ** 2, axis=0))
    return np.where(norms > 0, rough / np.where(norms > 0, norms, 1.0), 0.0)


def _shortest(particular: Array, scale: Array, V: Array) -> Array:
    """Project the columns of ``particular`` onto the row space of A, spanned by the columns of ``V / scale``."""
    live = scale > 0
    if V.shape[1] == int(np.sum(live)):
        return particular
    rows: Array = cast(Any, qr(V[live] / scale[live, np.newaxis], mode="economic", pivoting=True))[0]
    shortest = np.zeros_like(particular)
    shortest[live] = matmul(rows, matmul(rows.T, particular[live]))
    return shortest
