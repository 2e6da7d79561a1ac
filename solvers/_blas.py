"""Dense linear algebra, all of it through SciPy's BLAS and LAPACK.

NumPy and SciPy wheels each carry an OpenBLAS with its own threads, which keep spinning for a while after a call. A loop that
alternates between ``@`` and ``scipy.linalg`` therefore fights itself for the cores (a 150 x 150 factorisation next to a NumPy
product took 8 ms instead of 0.2 ms on two cores). Solvers use the functions of this module only, and C-ordered results. Large
products and factorisations run on all threads, small ones on one; see `solvers._parallel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from solvers._parallel import all_threads

Array = np.ndarray[Any, np.dtype[np.float64]]

# SciPy generates these functions at build time: type checkers do not see them.
blas: Any = scipy.linalg.blas
lapack: Any = scipy.linalg.lapack


_THIN = 4
"""A product with more rows than this times its columns is computed in Fortran order, and copied."""


def _fortran(A: Array) -> tuple[Array, int]:
    """``(view, trans)`` such that ``view`` is Fortran-ordered and ``A`` is ``view`` or, for trans = 1, its transpose."""
    if A.flags.f_contiguous:
        return A, 0
    if A.flags.c_contiguous:
        return A.T, 1
    return np.ascontiguousarray(A).T, 1


def matmul(A: Array, B: Array) -> Array:
    """The product ``A @ B`` of two matrices of any memory order, as a C-ordered array."""
    if 0 in A.shape or 0 in B.shape:
        return np.zeros((A.shape[0], B.shape[1]))
    a, trans_a = _fortran(A)
    b, trans_b = _fortran(B)
    with all_threads(2.0 * A.shape[0] * A.shape[1] * B.shape[1]):
        # A general product pads a single row or column to the size of its tiles.
        if A.shape[0] == 1:
            return blas.dgemv(1.0, b, A[0], trans=1 - trans_b)[np.newaxis]
        if B.shape[1] == 1:
            return blas.dgemv(1.0, a, B[:, 0], trans=trans_a)[:, np.newaxis]
        if A.shape[0] > _THIN * B.shape[1]:
            # BLAS blocks by rows: with the long side as columns it takes about twice as long.
            return np.ascontiguousarray(blas.dgemm(1.0, a, b, trans_a=trans_a, trans_b=trans_b))
        return blas.dgemm(1.0, b, a, trans_a=1 - trans_b, trans_b=1 - trans_a).T


def add_gram(A: Array, into: Array) -> None:
    """Add ``A' A`` to the lower triangle of the C-ordered matrix ``into``, in place; both float64 or both float32."""
    a, trans = _fortran(A)
    syrk = blas.ssyrk if into.dtype == np.float32 else blas.dsyrk
    with all_threads(1.0 * A.shape[0] * A.shape[1] ** 2):
        syrk(1.0, a, beta=1.0, c=into.T, trans=1 - trans, lower=0, overwrite_c=1)


def mirror_lower(A: Array) -> Array:
    """Copy the lower triangle of a C-ordered matrix onto its upper triangle, in place, in cache-sized tiles."""
    tile, size = 64, A.shape[0]
    for start in range(0, size, tile):
        stop = min(start + tile, size)
        block = A[start:stop, start:stop]
        block[...] = np.tril(block) + np.tril(block, -1).T
        A[start:stop, stop:] = A[stop:, start:stop].T
    return A


def cholesky(A: Array) -> Array | None:
    """Lower Cholesky factor (Fortran order, upper triangle not cleared) of a symmetric matrix, which is overwritten.

    Only the upper triangle of a C-ordered matrix is read. None where the matrix is not numerically positive definite.
    """
    with all_threads(len(A) ** 3 / 3.0):
        factor, info = lapack.dpotrf(A.T, lower=1, overwrite_a=1, clean=0)
    return factor if info == 0 else None


def cholesky_solve(factor: Array, b: Array) -> Array:
    """Solve ``A x = b`` from the factor of `cholesky`."""
    return lapack.dpotrs(factor, b, lower=1)[0]


def cholesky_inverse(factor: Array) -> Array:
    """The inverse of ``A`` from the factor of `cholesky`, which is overwritten: C-ordered, only the upper triangle is written.

    Mirroring the rest would take half as long again; `upper_matmul` and `cholesky` do without it.
    """
    if len(factor) == 0:
        # LAPACK would print a complaint about its leading dimension.
        return factor.T
    with all_threads(len(factor) ** 3 * 2.0 / 3.0):
        inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    return inverse.T


def upper_matmul(A: Array, B: Array) -> Array:
    """The product ``A @ B`` for a symmetric, C-ordered ``A`` of which only the upper triangle is read."""
    b, _ = _fortran(np.ascontiguousarray(B).T)
    with all_threads(2.0 * A.shape[0] * A.shape[1] * B.shape[1]):
        return blas.dsymm(1.0, A.T, b, side=1, lower=1).T
