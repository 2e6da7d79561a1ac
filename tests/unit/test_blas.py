"""The BLAS and LAPACK calls agree with NumPy for every memory order and every size around the tile."""

from __future__ import annotations

import numpy as np
import pytest

from solvers._blas import add_gram, cholesky, cholesky_inverse, cholesky_solve, matmul, mirror_lower, upper_matmul

SIZES = [1, 2, 63, 64, 65, 127, 128, 129, 200]
ORDERS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda A: np.kron(A, np.ones((2, 3)))[::2, ::3],
    "reversed": lambda A: A[::-1, ::-1].copy()[::-1, ::-1],
    "row slice": lambda A: np.vstack([A, A])[: len(A)],
    "column slice": lambda A: np.hstack([A, A])[:, : A.shape[1]],
}


def random_matrix(*shape: int) -> np.ndarray:
    return np.random.default_rng(list(shape)).standard_normal(shape)


def positive_definite(size: int) -> np.ndarray:
    A = random_matrix(size, size)
    return A @ A.T / size + np.eye(size)


def frozen(A: np.ndarray) -> np.ndarray:
    A.flags.writeable = False
    return A


@pytest.mark.parametrize("order_a", ORDERS)
@pytest.mark.parametrize("order_b", ORDERS)
def test_matmul_takes_any_memory_order(order_a, order_b):
    A, B = random_matrix(5, 7), random_matrix(7, 3)
    product = matmul(frozen(ORDERS[order_a](A.copy())), frozen(ORDERS[order_b](B.copy())))
    assert product.flags.c_contiguous
    np.testing.assert_allclose(product, A @ B, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("size", SIZES)
def test_matmul_takes_any_size(size):
    A, B = random_matrix(size, 66), random_matrix(66, size)
    np.testing.assert_allclose(matmul(A, B), A @ B, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(matmul(A.T, B.T), A.T @ B.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shapes", [((1, 1), (1, 1)), ((1, 4), (4, 1)), ((4, 1), (1, 4)), ((1, 4), (4, 3)), ((3, 4), (4, 1))])
def test_matmul_takes_single_rows_and_columns(shapes):
    A, B = (random_matrix(*shape) for shape in shapes)
    product = matmul(A, B)
    assert product.shape == (len(A), B.shape[1])
    np.testing.assert_allclose(product, A @ B, rtol=1e-13)


@pytest.mark.parametrize("shapes", [((0, 4), (4, 3)), ((2, 0), (0, 3)), ((2, 4), (4, 0)), ((0, 0), (0, 0))])
def test_an_empty_product_is_zero(shapes):
    A, B = (np.ones(shape) for shape in shapes)
    np.testing.assert_array_equal(matmul(A, B), A @ B)


def test_matmul_refuses_operands_that_do_not_fit():
    with pytest.raises(Exception, match="dgemm"):
        matmul(np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (5, 7), (3, 65), (130, 64)])
def test_add_gram_adds_to_the_lower_triangle_in_place(order, shape):
    A = random_matrix(*shape)
    into = random_matrix(shape[1], shape[1])
    expected = np.tril(into + A.T @ A) + np.triu(into, 1)
    add_gram(frozen(ORDERS[order](A.copy())), into=into)
    np.testing.assert_allclose(into, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [0, *SIZES])
def test_mirror_lower_copies_the_lower_triangle_up(size):
    A = random_matrix(size, size)
    expected = np.tril(A) + np.tril(A, -1).T
    assert mirror_lower(A) is A
    np.testing.assert_array_equal(A, expected)


@pytest.mark.parametrize("order", ["C", "Fortran"])
@pytest.mark.parametrize("size", SIZES)
def test_cholesky_factorises(size, order):
    A = positive_definite(size)
    factor = cholesky(ORDERS[order](A.copy()))
    assert factor is not None
    L = np.tril(factor)
    np.testing.assert_allclose(L @ L.T, A, rtol=1e-12, atol=1e-12)


def test_cholesky_works_in_place():
    A = positive_definite(5)
    factor = cholesky(A)
    assert np.shares_memory(factor, A)


@pytest.mark.parametrize("A", [np.zeros((1, 1)), -np.eye(3), np.diag([1.0, 1.0, 0.0]), np.array([[1.0, 2.0], [2.0, 1.0]])])
def test_no_factor_of_what_is_not_positive_definite(A):
    assert cholesky(A.copy()) is None


def test_one_negative_direction_beyond_the_first_tile_is_noticed():
    A = positive_definite(130)
    A[129, 129] = -1.0
    assert cholesky(A) is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("order", ["C", "Fortran", "strided"])
def test_cholesky_solve_solves_and_leaves_its_operands(size, order):
    A, x = positive_definite(size), random_matrix(size, 3)
    factor = cholesky(A.copy())
    assert factor is not None
    b = ORDERS[order](A @ x)
    before = factor.copy(), b.copy()
    np.testing.assert_allclose(cholesky_solve(frozen(factor), frozen(b)), x, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(factor, before[0])
    np.testing.assert_array_equal(b, before[1])


def test_cholesky_solve_takes_a_vector():
    A, x = positive_definite(6), random_matrix(6)
    factor = cholesky(A.copy())
    assert factor is not None
    solution = cholesky_solve(factor, A @ x)
    assert solution.shape == (6,)
    np.testing.assert_allclose(solution, x, rtol=1e-10)


@pytest.mark.parametrize("size", SIZES)
def test_cholesky_inverse_has_the_inverse_in_its_upper_triangle(size):
    A = positive_definite(size)
    factor = cholesky(A.copy())
    assert factor is not None
    inverse = cholesky_inverse(factor)
    assert inverse.flags.c_contiguous
    inverse = np.triu(inverse) + np.triu(inverse, 1).T
    np.testing.assert_allclose(inverse @ A, np.eye(size), atol=1e-10)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", SIZES)
def test_upper_matmul_reads_the_upper_triangle_alone(size, order):
    A, B = positive_definite(size), random_matrix(size, 3)
    upper = np.triu(A) + np.tril(np.full_like(A, np.nan), -1)
    product = upper_matmul(frozen(upper), frozen(ORDERS[order](B.copy())))
    assert product.flags.c_contiguous
    np.testing.assert_allclose(product, A @ B, rtol=1e-12, atol=1e-12)


def test_cholesky_reads_the_upper_triangle_of_a_c_ordered_matrix_alone():
    A = positive_definite(70)
    factor = cholesky(np.triu(A) + np.tril(np.full_like(A, np.nan), -1))
    assert factor is not None
    L = np.tril(factor)
    np.testing.assert_allclose(L @ L.T, A, rtol=1e-12, atol=1e-12)


def test_an_empty_matrix_is_inverted_in_silence(capfd):
    assert cholesky_inverse(np.zeros((0, 0), order="F")).shape == (0, 0)
    assert capfd.readouterr() == ("", "")
