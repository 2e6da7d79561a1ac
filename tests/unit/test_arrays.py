"""User input becomes canonical arrays, or an error that names the argument, what came, and what to write."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse

from solvers import IncompatibleError, InputError
from solvers._arrays import as_count, as_matrix, as_number, as_sample_weight, as_targets, as_vector

NAN, INF = np.nan, np.inf

# What is wrong with the entries, whatever the shape they stand in: (values, error, what came, what to write).
ENTRIES = {
    "nan": ([[1.0, NAN], [3.0, 4.0]], InputError, "got nan at [0, 1] (1 such", "drop those rows or fill them in"),
    "inf": ([[1.0, 2.0], [INF, 4.0]], InputError, "got inf at [1, 0] (1 such", "drop those rows or fill them in"),
    "-inf": ([[1.0, -INF], [3.0, 4.0]], InputError, "got -inf at [0, 1] (1 such", "drop those rows or fill them in"),
    "inf that cancels": ([[INF, -INF], [NAN, 4.0]], InputError, "got inf at [0, 0] (3 such", "drop those rows"),
    "float32 nan": (np.array([[1, NAN], [3, 4]], np.float32), InputError, "got nan at [0, 1] (1 such", "drop those rows"),
    "None entries": ([[1.0, None], [3.0, 4.0]], InputError, "got nan at [0, 1] (1 such", "drop those rows"),
    "complex": ([[1.0, 2j], [3.0, 4.0]], InputError, "must be real, got complex128", "write A.real"),
    "strings": ([["1", "2"], ["3", "4"]], InputError, "must be numeric, got dtype <U1", "convert or encode it first"),
    "dates": (np.zeros((2, 2), "datetime64[D]"), InputError, "must be numeric, got dtype datetime64[D]", "convert or encode"),
    "records": (np.zeros((2, 2), [("a", "f8")]), InputError, "must be numeric, got dtype [('a', '<f8')]", "convert or encode"),
    "objects": ([[object(), 2.0], [3.0, 4.0]], InputError, "got objects that are not numbers", "convert or encode them first"),
    "complex objects": (np.array([[1j, 2], [3, "x"]], object), InputError, "got objects that are not numbers", "convert or"),
    "ragged": ([[1.0, 2.0], [3.0]], InputError, "must be an array of numbers with rows of equal length", "inhomogeneous"),
    "sparse matrix": (scipy.sparse.csr_matrix(np.eye(2)), IncompatibleError, "is a sparse matrix", "write A.toarray()"),
    "sparse array": (scipy.sparse.coo_array(np.eye(2)), IncompatibleError, "is a sparse matrix", "write A.toarray()"),
    "huge integers": ([[10**400, 1], [2, 3]], InputError, "must be finite in float64", "got a number beyond"),
    "masked": (np.ma.masked_greater([[1.0, 2.0], [3.0, 4.0]], 3.0), InputError, "masked", "filled"),
}


def message_of(error: type[Exception], call, *arguments, **keywords) -> str:
    with pytest.raises(error) as caught:
        call(*arguments, **keywords)
    assert type(caught.value) is error
    return str(caught.value)


@pytest.mark.parametrize(("values", "error", "came", "advice"), [pytest.param(*row, id=name) for name, row in ENTRIES.items()])
@pytest.mark.parametrize("call", [lambda A: as_matrix(A, "A"), lambda A: as_targets(A, 2, "A")], ids=["matrix", "targets"])
def test_bad_entries_are_refused_by_name(call, values, error, came, advice):
    message = message_of(error, call, values)
    assert message.startswith("A ")
    assert came in message
    assert advice in message


@pytest.mark.parametrize(
    ("values", "came", "advice"),
    [
        (3.0, "got shape ()", "write one row per sample"),
        ([1.0, 2.0], "got shape (2,)", "write A.reshape(-1, 1) if it is one column"),
        (np.zeros((2, 3, 4)), "got shape (2, 3, 4)", "write one row per sample"),
        ([], "got shape (0,)", "write A.reshape(-1, 1)"),
        (np.zeros((0, 3)), "got shape (0, 3)", "at least one row and one column"),
        (np.zeros((3, 0)), "got shape (3, 0)", "at least one row and one column"),
    ],
)
def test_a_matrix_has_two_dimensions_and_is_not_empty(values, came, advice):
    message = message_of(InputError, as_matrix, values, "A")
    assert message.startswith("A must have")
    assert came in message
    assert advice in message


@pytest.mark.parametrize("shape", [(), (4, 1, 1), (4, 0), (0, 0)])
def test_targets_are_a_vector_or_a_matrix(shape):
    message = message_of(InputError, as_targets, np.zeros(shape), 4)
    assert message == f"Y must have shape (n_samples,) or (n_samples, n_targets), got {shape}"


def test_targets_of_another_length_are_refused():
    message = message_of(InputError, as_targets, np.zeros((5, 2)), 4)
    assert message == "Y must have one row per row of X: X has 4 rows, Y has 5"


def test_transposed_targets_are_recognised():
    message = message_of(InputError, as_targets, np.zeros((2, 4)), 4)
    assert message == "Y must have one row per row of X: X has 4 rows, Y has 2; write Y.T"


def test_sample_weights_of_zero_are_refused():
    message = message_of(InputError, as_sample_weight, [0, 0, 0], 3)
    assert message == "sample_weight must have at least one positive entry, got all zero: leave it out for equal weights"


@pytest.mark.parametrize("values", [2.0, [1.0, 2.0], [[1.0], [2.0], [3.0]], []])
def test_a_vector_has_the_length_asked_for(values):
    message = message_of(InputError, as_sample_weight, values, 3)
    assert message == f"sample_weight must have shape (3,), one weight per row of X, got {np.shape(values)}"


def test_a_vector_is_not_negative():
    message = message_of(InputError, as_vector, [1.0, -0.25, -0.5], 3, "v", "one per row")
    assert message == "v must not be negative, got v[2] = -0.5"


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1.0, 2j], InputError, "v must be real, got complex128: write v.real"),
        (["a", "b"], InputError, "v must be numeric, got dtype <U1: convert or encode it first"),
        ([[1.0], [2.0, 3.0]], InputError, "v must be an array of numbers with rows of equal length"),
        (scipy.sparse.csr_matrix([[1.0, 2.0]]), IncompatibleError, "v is a sparse matrix, which this call does not take"),
    ],
)
def test_a_vector_holds_numbers(values, error, message):
    assert message_of(error, as_vector, values, 2, "v", "one per row").startswith(message)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_vector_is_finite(bad):
    assert message_of(InputError, as_vector, [1.0, bad], 2, "v", "one per row").startswith(f"v must be finite, got {bad} at [1]")


def test_no_sample_weights_stay_none():
    assert as_sample_weight(None, 3) is None


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1j, np.complex128(1), [1.0], np.array([1.0]), Decimal(1), object])
def test_a_number_is_real(value):
    message = message_of(IncompatibleError, as_number, value, "lam", advice="write 0.1")
    assert message == f"lam must be a real number, got {value!r} of type {type(value).__name__}: write 0.1"


@pytest.mark.parametrize("value", [NAN, INF, -INF, -1.0, np.float32(-0.5), -1])
def test_a_number_is_finite_and_at_least_its_minimum(value):
    assert message_of(InputError, as_number, value, "tol") == f"tol must be finite and at least 0, got {float(value):g}"
    assert message_of(InputError, as_number, value, "tol", advice="write 0").endswith(f"got {float(value):g}: write 0")


def test_a_strict_minimum_is_excluded():
    assert message_of(InputError, as_number, 0, "q", strict=True) == "q must be finite and greater than 0, got 0"
    assert as_number(np.nextafter(0, 1), "q", strict=True) > 0


def test_another_minimum_is_named():
    assert message_of(InputError, as_number, 1.5, "p", minimum=2) == "p must be finite and at least 2, got 1.5"
    assert as_number(2, "p", minimum=2) == 2.0


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.5, np.float32(0.5), np.float64(3), np.int8(4), Fraction(1, 4), 1e300])
def test_any_real_number_becomes_a_float(value):
    number = as_number(value, "x")
    assert type(number) is float
    assert number == value


@pytest.mark.parametrize("value", [True, np.False_, 1.0, np.float64(3), "3", None, [1], 1j, INF, NAN])
def test_a_count_is_an_integer(value):
    message = message_of(IncompatibleError, as_count, value, "max_iter")
    assert message == f"max_iter must be an integer, got {value!r} of type {type(value).__name__}"


@pytest.mark.parametrize(("value", "minimum"), [(0, 1), (-3, 1), (np.int64(1), 2)])
def test_a_count_is_at_least_its_minimum(value, minimum):
    message = message_of(InputError, as_count, value, "max_iter", minimum=minimum)
    assert message == f"max_iter must be at least {minimum}, got {value}"


@pytest.mark.parametrize("value", [1, 7, np.int8(7), np.uint64(7)])
def test_any_integer_becomes_an_int(value):
    assert type(as_count(value, "n")) is int
    assert as_count(value, "n") == value


BASE = np.arange(12.0).reshape(4, 3)


def read_only(A: np.ndarray) -> np.ndarray:
    A = A.copy()
    A.flags.writeable = False
    return A


ACCEPTED = {
    "float64": BASE.copy(),
    "Fortran order": np.asfortranarray(BASE),
    "every second row and column": np.kron(BASE, np.ones((2, 2)))[::2, ::2],
    "reversed": BASE[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only(BASE),
    "float32": BASE.astype(np.float32),
    "float16": BASE.astype(np.float16),
    "longdouble": BASE.astype(np.longdouble),
    "big-endian": BASE.astype(">f8"),
    "integers": BASE.astype(np.int32),
    "unsigned": BASE.astype(np.uint8),
    "objects": BASE.astype(object),
    "fractions": np.array([[Fraction(int(x)) for x in row] for row in BASE]),
    "lists": BASE.tolist(),
    "tuples of arrays": tuple(BASE),
    "lists of ints": BASE.astype(int).tolist(),
    "large entries": np.full((4, 3), 1e308),
}


@pytest.mark.parametrize("values", ACCEPTED.values(), ids=ACCEPTED)
def test_any_array_of_numbers_becomes_a_read_only_float64_matrix(values):
    X = as_matrix(values)
    assert type(X) is np.ndarray
    assert X.dtype == np.float64
    assert X.dtype.isnative
    assert X.flags.c_contiguous or X.flags.f_contiguous
    assert not X.flags.writeable
    np.testing.assert_array_equal(X, np.asarray(values, dtype=float))


def test_booleans_are_numbers():
    np.testing.assert_array_equal(as_matrix([[True, False]]), [[1.0, 0.0]])


@pytest.mark.parametrize("values", [v for v in ACCEPTED.values() if isinstance(v, np.ndarray) and v.flags.writeable])
@pytest.mark.parametrize("call", [as_matrix, lambda A: as_targets(A, 4)[0]], ids=["matrix", "targets"])
def test_the_callers_array_is_left_as_it_was(call, values):
    before, flags = values.copy(), str(values.flags)
    call(values)
    np.testing.assert_array_equal(values, before)
    assert str(values.flags) == flags


@pytest.mark.parametrize("name", ["float64", "Fortran order", "read-only"])
def test_contiguous_float64_is_not_copied(name):
    assert np.shares_memory(as_matrix(ACCEPTED[name]), ACCEPTED[name])


@pytest.mark.parametrize("name", ["every second row and column", "reversed"])
def test_strided_arrays_are_copied_together(name):
    X = as_matrix(ACCEPTED[name])
    assert not np.shares_memory(X, ACCEPTED[name])
    assert X.flags.c_contiguous


def test_a_memory_map_becomes_a_plain_view(tmp_path):
    np.save(tmp_path / "X.npy", BASE)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    X = as_matrix(mapped)
    assert type(X) is np.ndarray
    assert np.shares_memory(X, mapped)


def test_a_vector_of_targets_becomes_one_column():
    Y, is_vector = as_targets([1, 2, 3], 3)
    assert Y.shape == (3, 1)
    assert is_vector


def test_a_matrix_of_targets_keeps_its_shape():
    Y, is_vector = as_targets(BASE, 4)
    assert Y.shape == (4, 3)
    assert not is_vector


@pytest.mark.parametrize(
    "values", [[0, 2, 1], np.array([0, 9, 2, 9, 1, 9.0])[::2], np.array([0, 2, 1], np.uint8), (0.0, 2.0, 1.0)]
)
def test_weights_become_a_read_only_vector(values):
    weights = as_sample_weight(values, 3)
    assert weights is not None
    assert weights.dtype == np.float64
    assert weights.flags.c_contiguous
    assert not weights.flags.writeable
    np.testing.assert_array_equal(weights, [0.0, 2.0, 1.0])


def test_a_callers_weights_stay_writeable():
    weights = np.ones(3)
    as_sample_weight(weights, 3)
    assert weights.flags.writeable


def test_data_frames_are_taken():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(BASE, columns=list("abc"))
    np.testing.assert_array_equal(as_matrix(frame), BASE)
    np.testing.assert_array_equal(as_targets(frame["b"], 4)[0][:, 0], BASE[:, 1])


def test_data_frames_with_missing_entries_are_refused():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, None], "b": ["x", "y"]})
    assert "got nan" in message_of(InputError, as_matrix, frame[["a"]], "X")
    assert "objects that are not numbers" in message_of(InputError, as_matrix, frame, "X")
