"""Proposition A.4, second half: how many global minima the regularised problem has."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, is_exact, strength, with_zeros
from proofs_checks.networks import (
    IDENTITY,
    RELU,
    SOFTSIGN,
    TANH,
    Activation,
    Layer,
    Layers,
    draw_layers,
    forward,
    penalty,
)
from proofs_checks.rationals import Numbers, Space, not_negative_rational, positive_rational
from proofs_checks.smt import all_of, impossible, reals
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, Wording, above_zero, at_least_zero

# ------------------------------------------------------------------------------------------------------------- sign flips


@dataclass(frozen=True)
class Network:
    """A network, inputs, and a point of its parameters; ``clipped`` puts ``max(0, beta)`` for beta, as the Filter layer does."""

    activation: Activation
    clipped: bool
    lam: float
    lam2: float
    p: float
    X: Array
    layers: Layers


def flipped(layers: Layers, signs: list[Array]) -> Layers:
    """``(beta_ij, a_ij)`` times a sign, for every input j of every layer i."""
    return tuple(Layer(one.A * sign, one.beta * sign, one.b) for one, sign in zip(layers, signs, strict=True))


def live_pairs(layers: Layers) -> int:
    """How many ``beta_ij`` are not zero."""
    return sum(int(np.count_nonzero(layer.beta)) for layer in layers)


def conclude_flips(i: Network) -> Verdict:
    """Every pattern of signs keeps output and penalty, and there are ``2^(non-zero beta)`` different points among them."""
    out, price = forward(i.layers, i.X, i.activation, clipped=i.clipped), penalty(i.layers, i.lam, i.lam2, i.p)
    points, off = set(), 0.0
    for pattern in itertools.product((1, -1), repeat=sum(len(layer.beta) for layer in i.layers)):
        point = flipped(i.layers, np.split(np.array(pattern), np.cumsum([len(layer.beta) for layer in i.layers])[:-1]))
        points.add(tuple(value + 0.0 for layer in point for values in (layer.A, layer.beta) for value in values.ravel().tolist()))
        moved = np.max(abs(forward(point, i.X, i.activation, clipped=i.clipped) - out)) / (1 + np.max(abs(out)))
        off = max(off, moved, abs(penalty(point, i.lam, i.lam2, i.p) - price) / (1 + price))
    expected = 2 ** live_pairs(i.layers)
    margin = -off if len(points) == expected else -float(abs(len(points) - expected))
    return at_least_zero(margin, points=len(points), expected=expected)


def zeros_agree(i: Network) -> bool:
    """Whether ``beta_ij = 0`` exactly where ``a_ij = 0``, as at every global minimiser."""
    return all(bool(np.all((layer.beta == 0) == np.all(layer.A == 0, axis=0))) for layer in i.layers)


def draw_flips(rng: np.random.Generator) -> Network:
    """One or two layers of one or two units, some columns removed; one in ten clipped, one in twenty with unmatched zeros."""
    widths = [int(width) for width in rng.integers(1, 3, rng.integers(2, 4))]
    layers = draw_layers(rng, widths)
    if rng.random() > 0.05:
        layers = tuple(_with_matching_zeros(layer) for layer in layers)
    activation = (IDENTITY, RELU, SOFTSIGN, TANH)[rng.integers(4)]
    p = float(rng.choice([0.5, 1.0, 2.0, 3.0]))
    X = with_zeros(rng, widths[0], int(rng.integers(1, 4)))
    return Network(activation, bool(rng.random() < 0.1), strength(rng), strength(rng), p, X, layers)


def _with_matching_zeros(layer: Layer) -> Layer:
    dead = (layer.beta == 0) | np.all(layer.A == 0, axis=0)
    return Layer(np.where(dead, 0.0, layer.A), np.where(dead, 0.0, layer.beta), layer.b)


def unit_network(x: Fraction, A: Fraction, beta: Fraction, clipped: bool) -> Network:
    """One linear unit without bias as a network; lam = lam2 = 1, p = 1."""
    values = np.array([x, A, beta, Fraction(0)], dtype=object)
    layer = Layer(values[1:2].reshape(1, 1), values[2:3], values[3:])
    return Network(IDENTITY, clipped, 1, 1, 1, values[:1].reshape(1, 1), (layer,))


FLIPS = Statement(
    id="A4-flips",
    title="each removed sign halves the count: 2^(non-zero beta), not 2^k",
    claim="The flips keep network and Omega. If beta_ij = 0 exactly where a_ij = 0, as at every minimiser, the flips of a "
    "point are 2^nnz points, nnz the number of non-zero beta_ij.",
    hypotheses=(
        Hypothesis("beta is not clipped at zero", lambda i: not i.clipped),
        Hypothesis("beta_ij = 0 exactly where a_ij = 0", zeros_agree),
    ),
    proof=(
        "The layer sees beta_ij a_ij, in which the two signs cancel; Omega sees absolute values.",
        "A flip moves the point if and only if beta_ij or a_ij is not zero, that is, at a minimiser, if beta_ij != 0.",
        "So k has to be the number of non-zero beta_ij. With max(0, beta), the draft's Filter layer of eq. (1), a flip "
        "removes the input.",
    ),
    source="ShrinkNets draft, Proposition A.4, second paragraph of the proof.",
    meaning="Signs are a convention: solve returns beta >= 0, the representative that the Filter layer can use as well.",
    draw=draw_flips,
    conclude=conclude_flips,
    space=Space(unit_network, (Numbers("x"), Numbers("A"), Numbers("beta")), choices={"clipped": (False, True)}),
)

# -------------------------------------------------------------------------------------------------- counting all minimisers


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
        because="With y = 0 zero is the only minimiser, and negating zero changes nothing: 1, not 2.",
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


COUNT = Statement(
    id="A4-count",
    title="the number of global minima where inputs are orthogonal",
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

STATEMENTS = (FLIPS, COUNT)
