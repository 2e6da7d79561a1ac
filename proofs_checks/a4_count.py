"""Proposition A.4, the count: how many global minima the regularised problem has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, is_exact, strength, with_zeros
from proofs_checks.rationals import Numbers, Space, not_negative_rational, positive_rational
from proofs_checks.smt import all_of, impossible, reals
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, Wording, above_zero, at_least_zero


@dataclass(frozen=True)
class Design:
    """A problem whose inputs are orthogonal (rows of ``X (p, N)``), so that it falls apart into columns; p = 2 in the penalty."""

    X: Array
    Y: Array
    lam: Any
    lam2: Any


def column_numbers(i: Design) -> list[tuple[Any, Any]]:
    """For each input ``c = ||x_j||^2``, ``g = ||Y x_j'||^2``: its part of the fit is ``c ||w - Y x_j'/c||^2``."""
    return [(row @ row, ((i.Y @ row) ** 2).sum()) for row in i.X]


def threshold_excess(c: Any, g: Any, lam: Any, lam2: Any) -> Any:
    """``g^2 - 4 lam^2 lam2 c``: positive where a column beats zero. Without roots: ``c^3 ||z||^4`` against ``4 lam^2 lam2``."""
    return g * g - 4 * lam * lam * lam2 * c


def minima_by_threshold(c: Any, g: Any, lam: Any, lam2: Any) -> float:
    """How many global minimisers ``(a, beta)`` one column has: by the threshold of the 2/3-operator, without roots.

    Zero alone if ``g^2 < 4 lam^2 lam2 c``, two of opposite sign if it is larger, all three at equality. If a strength is zero no
    minimiser exists with ``g > 0`` (its factor grows without bound), and with ``g = 0`` every value of that factor will do.
    """
    if not (lam > 0 and lam2 > 0):
        return 0 if g else math.inf
    excess = threshold_excess(c, g, lam, lam2)
    if not c or excess < 0:
        return 1
    return 2 if excess > 0 else 3


def minima_by_roots(c: float, g: float, lam: float, lam2: float) -> float:
    """The same count from all stationary points.

    With ``alpha = ||a||`` and ``beta = 2 lam2 alpha^2 / lam`` the objective above that of zero is ``c k^2 alpha^6 - 2 c k z
    alpha^3 + 3 lam2 alpha^2``, where ``k = 2 lam2 / lam`` and ``z = sqrt(g) / c``; its derivative over ``6 alpha`` is a quartic.
    """
    if not c or not (lam > 0 and lam2 > 0):
        return minima_by_threshold(c, g, lam, lam2)
    k, z = 2.0 * lam2 / lam, g**0.5 / c
    roots = np.roots([c * k * k, 0.0, 0.0, -c * k * z, lam2])
    alpha = roots.real[(abs(roots.imag) < 1e-7 * abs(roots)) & (roots.real > 0)]
    values = alpha**2 * (c * k * k * alpha**4 - 2.0 * c * k * z * alpha + 3.0 * lam2)
    least = min(values, default=1.0)
    rounding = 1e-11 * (c * z * z)
    return 1 if least > rounding else 2 if least < -rounding else 3


def conclude_count(i: Design) -> Verdict:
    """The number of global minimisers is ``2^nnz``, nnz that of the reduced problem's minimiser."""
    columns = column_numbers(i)
    count = minima_by_threshold if is_exact(i.X) else minima_by_roots
    counts = [count(c, g, i.lam, i.lam2) for c, g in columns]
    found = 0 if 0 in counts else math.prod(counts)
    nnz = sum(threshold_excess(c, g, i.lam, i.lam2) > 0 for c, g in columns)
    return at_least_zero(-abs(found - 2**nnz), found=found, nnz=nnz)


def draw_count(rng: np.random.Generator) -> Design:
    """Up to three orthogonal inputs and outputs, strengths around the threshold; exact ties and ``lam = 0`` now and then."""
    n, p = (int(size) for size in rng.integers(1, 4, 2))
    if rng.random() < 0.1:
        x, y = 2.0 * rng.integers(1, 4), float(rng.integers(1, 4))
        # y^4 x^2 = 4 lam^2 lam2, in whole numbers.
        return Design(np.array([[x]]), np.array([[y]]), y * y, x * x / 4.0)
    X = np.linalg.qr(rng.standard_normal((p, p)))[0] * 10.0 ** rng.uniform(-1, 1, (p, 1))
    X[rng.random(p) < 0.1] = 0.0
    Y, lam = with_zeros(rng, n, p), strength(rng)
    largest = max(max((g * g / c for c, g in column_numbers(Design(X, Y, lam, lam)) if c), default=1.0), 1e-12)
    lam2 = largest / (4.0 * lam * lam) * 10.0 ** rng.uniform(-4, 1)
    return Design(X, Y, 0.0 if rng.random() < 0.05 else lam, lam2)


def has_no_tie(i: Design) -> bool:
    """Whether no column is exactly at its threshold: the reduced problem then has one minimiser."""
    for c, g in column_numbers(i):
        excess = threshold_excess(c, g, i.lam, i.lam2)
        if c and (excess == 0 if is_exact(i.X) else abs(excess) <= 1e-9 * g * g):
            return False
    return True


# ------------------------------------------------------------------------------------------------------------ wrong claims


@dataclass(frozen=True)
class OneSample:
    """A linear layer with one output on one sample, ``y`` from ``x (p,)``; p = 2 in the penalty, the bias penalised too."""

    x: Array
    y: Any
    lam: Any
    lam2: Any


def one_sample_excess(i: OneSample) -> Any:
    """Positive if zero is no global minimiser, zero at a tie.

    The best bias leaves ``c (y - w x)^2`` with ``c = lam2 / (1 + lam2)``, and at most one input is used, one with the largest
    ``|x_j|`` (statement A4-one-sample): what remains is the threshold of the 2/3-operator.
    """
    c = i.lam2 / (1 + i.lam2)
    return c**3 * i.y**4 * max(i.x * i.x) - 4 * i.lam**2 * i.lam2


def number_of_minima(i: OneSample) -> int:
    """How many global minimisers ``(A, beta, b)`` there are: two for each input with the largest ``|x_j|``, or zero alone."""
    largest = 2 * int(np.sum(i.x * i.x == max(i.x * i.x)))
    excess = one_sample_excess(i)
    return 1 if excess < 0 else largest if excess > 0 else 1 + largest


def as_many_as_the_draft_says(i: OneSample) -> Verdict:
    """The count minus ``2^k``, k the number of entries of beta."""
    found, claimed = number_of_minima(i), 2 ** len(i.x)
    return at_least_zero(Fraction(found - claimed), found=found, claimed=claimed)


def as_many_with_data(i: OneSample) -> Verdict:
    """The same, claimed only where neither x nor y has a zero."""
    return as_many_as_the_draft_says(i) if i.y and np.all(i.x != 0) else above_zero(1)


def as_many_beyond_zero(i: OneSample) -> Verdict:
    """The same, claimed only where zero is no minimiser."""
    return as_many_as_the_draft_says(i) if one_sample_excess(i) > 0 else above_zero(1)


_ONE_SAMPLE = Space(
    OneSample,
    (Numbers("x", ("p",)), Numbers("y"), Numbers("lam", (), positive_rational), Numbers("lam2", (), positive_rational)),
    ({"p": 1}, {"p": 2}),
)

COUNT_WORDINGS = (
    Wording(
        id="A4-2^k",
        says="There are at least 2^k global minima, k the number of entries of beta.",
        space=_ONE_SAMPLE,
        check=as_many_as_the_draft_says,
        because="One linear layer on one sample, p = 2. With y = 0 zero is the only minimiser, and negating zero changes "
        "nothing: 1, not 2.",
    ),
    Wording(
        id="A4-2^k-data",
        says="There are at least 2^k global minima where neither x nor y is zero.",
        space=_ONE_SAMPLE,
        check=as_many_with_data,
        because="If y is small for the strengths, using the input does not pay: zero is the only minimiser again.",
    ),
    Wording(
        id="A4-2^k-nonzero",
        says="There are at least 2^k global minima where zero is not one.",
        space=_ONE_SAMPLE,
        check=as_many_beyond_zero,
        because="Only inputs in use count: the second one is not, so two of the four sign patterns are the same point.",
    ),
)

# ------------------------------------------------------------------------------------------------------------------ proofs


def prove_threshold() -> bool | None:
    """In one column, zero is the only minimiser if ``c^3 z^4 < 4 lam^2 lam2``, and none if it is larger (z3).

    Minimisers are balanced (A4-balance): ``lam beta = 2 lam2 a^2``. There ``lam^2 / lam2`` times the objective above that of zero
    is ``a^2`` times a polynomial, whose minimum is where ``4 lam2 a^3 = lam z``.
    """
    a, z, c, lam, lam2 = reals("a z c lam lam2")
    positive = (a > 0, z > 0, c > 0, lam > 0, lam2 > 0)
    excess = 4 * c * lam2 * a**4 - 4 * c * lam * z * a + 3 * lam**2
    # The quartic is convex for a > 0: it is smallest where its derivative is zero.
    lowest = 4 * lam2 * a**3 == lam * z
    return all_of(
        impossible(*positive, lowest, c**3 * z**4 < 4 * lam**2 * lam2, excess <= 0),
        impossible(*positive, lowest, c**3 * z**4 > 4 * lam**2 * lam2, excess >= 0),
        impossible(*positive, lowest, c**3 * z**4 == 4 * lam**2 * lam2, excess != 0),
    )


STATEMENT = Statement(
    id="A4-count",
    title="the number of global minima, inputs orthogonal",
    draft="The regularised problem has at least 2^k global minima, k = sum_i #beta_i the number of entries of all beta_i.",
    claim="The number of global minima is the sum of 2^nnz(W) over the minimisers W of the reduced problem, nnz the number "
    "of non-zero columns: 2^nnz if it has one. It may be 1.",
    hypotheses=(
        Hypothesis("lam, lam2 > 0", lambda i: i.lam > 0 and i.lam2 > 0),
        Hypothesis("the reduced problem has one minimiser", has_no_tie),
    ),
    proof=(
        "By the reduction theorem, global minimisers are the best factorisations of the reduced problem's minimisers.",
        "A non-zero column has exactly two best factorisations, of opposite sign; a zero column has one, (0, 0).",
        "With orthogonal inputs each column is minimised on its own: c ||w - z||^2 + mu ||w||^(2/3) with c = ||x_j||^2, z = "
        "Y x_j' / c. Zero wins alone if c^3 ||z||^4 < 4 lam^2 lam2, a multiple of z if it is larger, both at equality.",
    ),
    source="ShrinkNets draft, Proposition A.4, with the count corrected; thresholds by the 2/3-operator.",
    meaning="Do not expect many equivalent optima: a sparse answer with nnz live inputs has 2^nnz sign variants, all the "
    "same model.",
    draw=draw_count,
    conclude=conclude_count,
    space=Space(
        Design,
        (
            *(Numbers("X", ("p", "N")), Numbers("Y", ("n", "N"))),
            *(Numbers("lam", (), not_negative_rational), Numbers("lam2", (), not_negative_rational)),
        ),
        ({"n": 1, "p": 1, "N": 1}, {"n": 2, "p": 1, "N": 1}, {"n": 1, "p": 1, "N": 2}),
    ),
    wordings=COUNT_WORDINGS,
    proofs=(Proof(Method.SMT, "the threshold between one and two minimisers", "one column, all real numbers", prove_threshold),),
)
