"""Proposition A.3: plain ShrinkNet has no minimiser, unless zero is one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, is_exact, least_squares, least_squares_error, squared_error, strength, with_zeros
from proofs_checks.rationals import Numbers, Space, any_rational, not_negative_rational, positive_rational
from proofs_checks.smt import absolute, all_of, impossible, reals
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, Wording, above_zero, at_least_zero


@dataclass(frozen=True)
class Instance:
    """A regression problem, and a point ``(A, beta)``."""

    X: Array
    Y: Array
    lam: Any
    A: Array
    beta: Array


def objective(i: Instance, A: Array, beta: Array) -> Any:
    """``F(A, beta) = ||Y - A diag(beta) X||^2 + lam ||beta||_1``."""
    return squared_error(i.Y, A * beta, i.X) + i.lam * abs(beta).sum()


def cross_product(i: Any) -> Array:
    """``Y X'``: zero exactly where no input is correlated with any output."""
    return i.Y @ i.X.T


def is_uncorrelated(i: Any) -> bool:
    """Whether ``Y X' = 0``: exactly, or up to rounding."""
    product = cross_product(i)
    return bool(np.all(product == 0) if is_exact(i.X) else np.all(abs(product) <= 1e-12 * (abs(i.Y) @ abs(i.X.T))))


def valley(W: Array, t: Any) -> tuple[Array, Array]:
    """The point ``(W / t, t)``: the same product W for every t > 0, at the price ``lam p t``."""
    return W / t, 0 * W[0] + t


def better_point(i: Instance) -> tuple[Array, Array]:
    """A point with a smaller value than ``(A, beta)``, where there is one.

    Where beta costs something, half of beta and twice A. Otherwise a step down the gradient of the fit in ``W = A diag(beta)``,
    taken in the valley above W so deep that the price is half of the gain.
    """
    if i.lam > 0 and np.any(i.beta != 0):
        return 2 * i.A, i.beta / 2
    W = i.A * i.beta
    G = (i.Y - W @ i.X) @ i.X.T
    along = (G @ i.X * (G @ i.X)).sum()
    # The best step c lowers the error by c ||G||^2.
    step = (G * G).sum() / along if along else 0 * along
    gain = step * (G * G).sum()
    depth = gain / (2 * i.lam * len(i.X)) if i.lam > 0 else 1 + abs(i.beta).sum()
    return valley(W + step * G, depth) if gain or i.lam < 0 else (i.A, i.beta)


def conclude_not_attained(i: Instance) -> Verdict:
    """Some point has a smaller value than ``(A, beta)``: the gain, relative to that value."""
    A, beta = better_point(i)
    gain = (
        squared_error(i.Y, i.A * i.beta, i.X) - squared_error(i.Y, A * beta, i.X) + i.lam * (abs(i.beta).sum() - abs(beta).sum())
    )
    here = objective(i, i.A, i.beta)
    return above_zero(gain / here if here > 0 else gain, better=(A, beta))


def conclude_attained(i: Instance) -> Verdict:
    """``F(A, beta) - F(A, 0)``, relative to the price ``lam ||beta||_1``: positive where ``beta != 0``, else zero."""
    price = i.lam * abs(i.beta).sum()
    excess = squared_error(i.Y, i.A * i.beta, i.X) - (i.Y * i.Y).sum() + price
    if np.any(i.beta != 0):
        return above_zero(excess / price if price else excess, zero=(i.Y * i.Y).sum())
    return at_least_zero(excess, zero=(i.Y * i.Y).sum())


def conclude_infimum(i: Instance) -> Verdict:
    """No point lies below the least-squares error, and the valley above least squares lies ``lam p t`` above it."""
    W, t = least_squares(i.Y, i.X), Fraction(1, 2**20) if is_exact(i.X) else 2.0**-20
    bound = squared_error(i.Y, W, i.X)
    here, there = objective(i, i.A, i.beta), objective(i, *valley(W, t))
    above = (here - bound) / (1 + bound + abs(here))
    off = abs(there - bound - i.lam * len(i.X) * t) / (1 + bound)
    return at_least_zero(min(above, -off), bound=bound)


def draw_correlated(rng: np.random.Generator) -> Instance:
    """Up to four outputs, inputs and samples; ``beta = 0`` often; a few uncorrelated; one in ten ``lam = 0``, fitted exactly."""
    n, p, N = rng.integers(1, 5, 3)
    X, Y, A, beta = with_zeros(rng, p, N), with_zeros(rng, n, N), with_zeros(rng, n, p), with_zeros(rng, p)
    if rng.random() < 0.1:
        X, A, beta = np.round(X), np.round(A), np.round(beta)
        return Instance(X, (A * beta) @ X, 0.0, A, beta)
    return Instance(X, Y, strength(rng), A, 0.0 * beta if rng.random() < 0.4 else beta)


def draw_uncorrelated(rng: np.random.Generator) -> Instance:
    """As above; in nine of ten each sample stands twice, once with its outputs and once with their negatives: ``Y X' = 0``."""
    i = draw_correlated(rng)
    if rng.random() < 0.1:
        return i
    return Instance(np.hstack([i.X, i.X]), np.hstack([i.Y, -i.Y]), i.lam, i.A, i.beta)


def draw_any_strength(rng: np.random.Generator) -> Instance:
    """As `draw_correlated`; one in ten ``lam`` negative."""
    i = draw_correlated(rng)
    return Instance(i.X, i.Y, -i.lam if rng.random() < 0.1 else i.lam, i.A, i.beta)


PENALISED = Hypothesis("lam > 0", lambda i: i.lam > 0)
CORRELATED = Hypothesis("Y X' != 0", lambda i: not is_uncorrelated(i))
UNCORRELATED = Hypothesis("Y X' = 0", is_uncorrelated)

# ------------------------------------------------------------------------------------------------------------ wrong claims


@dataclass(frozen=True)
class Data:
    """A regression problem."""

    X: Array
    Y: Array
    lam: Any


def has_no_solution(i: Data) -> Verdict:
    """Zero would have to be no minimiser: its value would exceed the least-squares error, below which no point lies."""
    return above_zero((i.Y * i.Y).sum() - least_squares_error(i.Y, i.X))


def has_no_solution_with_inputs(i: Data) -> Verdict:
    """The same claim, made for ``X != 0`` only."""
    return has_no_solution(i) if np.any(i.X != 0) else above_zero(1)


def has_no_solution_with_data(i: Data) -> Verdict:
    """The same claim, made for ``X != 0`` and ``Y != 0`` only."""
    return has_no_solution_with_inputs(i) if np.any(i.Y != 0) else above_zero(1)


@dataclass(frozen=True)
class Point:
    """What the draft's proof looks at: a beta and its price."""

    beta: Any
    lam: Any


def halving_pays(i: Point) -> Verdict:
    """``lam |beta / 2| < lam |beta|``."""
    return above_zero(i.lam * abs(i.beta) - i.lam * abs(i.beta / 2))


_DATA = (Numbers("X", ("p", "N")), Numbers("Y", ("n", "N")), Numbers("lam", (), positive_rational))
_SMALL = ({"n": 1, "p": 1, "N": 1}, {"n": 2, "p": 1, "N": 1}, {"n": 1, "p": 2, "N": 1}, {"n": 1, "p": 1, "N": 2})


def _points(lam_values: Any) -> Space:
    data = (Numbers("X", ("p", "N")), Numbers("Y", ("n", "N")), Numbers("lam", (), lam_values))
    return Space(Instance, (*data, Numbers("A", ("n", "p")), Numbers("beta", ("p",))), _SMALL)


WORDINGS = (
    Wording(
        id="A3-never",
        says="For lam > 0 there is no minimiser, whatever x and y are.",
        space=Space(Data, _DATA, _SMALL),
        check=has_no_solution,
        because="Where no input is correlated with any output, beta = 0 is the best one can do, and every A goes with it.",
        drops=CORRELATED.name,
    ),
    Wording(
        id="A3-halving",
        says="Half of beta and twice A always cost less.",
        space=Space(Point, (Numbers("beta"), Numbers("lam", (), positive_rational))),
        check=halving_pays,
        because="With beta = 0 there is nothing to halve: the draft's proof assumes what it does not say.",
    ),
    Wording(
        id="A3-input",
        says="For lam > 0 and X != 0 there is no minimiser.",
        space=Space(Data, _DATA, _SMALL),
        check=has_no_solution_with_inputs,
        because="y = 0, the draft's own example of A.2, is fitted by beta = 0 without error.",
    ),
    Wording(
        id="A3-data",
        says="For lam > 0, X != 0 and Y != 0 there is no minimiser.",
        space=Space(Data, _DATA, _SMALL),
        check=has_no_solution_with_data,
        because="Two samples suffice for an input that is uncorrelated with the output. No condition on X and Y alone will do.",
    ),
)

# ------------------------------------------------------------------------------------------------------------------ proofs


def _scalar_objective(x: Any, y: Any, lam: Any, a: Any, b: Any) -> Any:
    """``(y - a b x)^2 + lam |b|``, for z3."""
    return (y - a * b * x) ** 2 + lam * absolute(b)


def prove_decrease() -> bool | None:
    """No ``x, y, lam > 0, a, b`` with ``xy != 0`` exist at which both ways down fail (z3): from ``b != 0`` and from ``b = 0``."""
    x, y, lam, a, b = reals("x y lam a b")
    here = _scalar_objective(x, y, lam, a, b)
    t = y * y / (2 * lam)
    return all_of(
        impossible(lam > 0, b != 0, _scalar_objective(x, y, lam, 2 * a, b / 2) >= here),
        impossible(lam > 0, x != 0, y != 0, b == 0, _scalar_objective(x, y, lam, y / (x * t), t) >= here),
    )


def prove_zero_is_best() -> bool | None:
    """With ``xy = 0`` no ``(a, b)`` with ``b != 0`` has a value of ``y^2``, that of ``b = 0``, or less (z3)."""
    x, y, lam, a, b = reals("x y lam a b")
    return impossible(lam > 0, x * y == 0, b != 0, _scalar_objective(x, y, lam, a, b) <= y * y)


def prove_infimum() -> bool | None:
    """No value lies below ``y^2`` if x = 0, or below 0; and for ``x != 0`` the valley's value is ``lam t`` (z3)."""
    x, y, lam, a, b, t = reals("x y lam a b t")
    value = _scalar_objective(x, y, lam, a, b)
    return all_of(
        impossible(lam >= 0, value < 0),
        impossible(lam >= 0, x == 0, value < y * y),
        impossible(lam >= 0, x != 0, t > 0, _scalar_objective(x, y, lam, y / (x * t), t) != lam * t),
    )


NOT_ATTAINED = Statement(
    id="A3",
    title="plain ShrinkNet has no minimiser if Y X' != 0",
    draft="For lam > 0, min ||y - A diag(beta) x||^2 + lam ||beta||_1 has no solution.",
    claim="Let lam > 0 and Y X' != 0. Then every point (A, beta) has a better one: no minimiser exists.",
    hypotheses=(PENALISED, CORRELATED),
    proof=(
        "If beta != 0, (2 A, beta/2) has the same product, hence the same fit, and half the price.",
        "If beta = 0 the value is ||Y||^2. By the normal equations W = 0 is least squares only if Y X' = 0, so some W has a "
        "smaller error: W = c Y X' with c = ||Y X'||^2 / ||Y X' X||^2 lowers it by d = c ||Y X'||^2 > 0.",
        "(W/t, t 1) has that error too, at the price lam p t. For t = d / (2 lam p) the value is ||Y||^2 - d/2.",
    ),
    source="ShrinkNets draft, Proposition A.3, with the hypothesis it needs and the case beta = 0.",
    meaning="Plain ShrinkNet has no regularisation path. solve says `not_attained`, gives the infimum and a minimising "
    "sequence. The sparsity of a run comes from the optimiser and when it was stopped, not from the objective.",
    draw=draw_correlated,
    conclude=conclude_not_attained,
    space=_points(not_negative_rational),
    wordings=WORDINGS,
    proofs=(Proof(Method.SMT, "a better point exists for every beta", "n = p = N = 1, all real numbers", prove_decrease),),
)

ATTAINED = Statement(
    id="A3-zero",
    title="its minimisers are the points with beta = 0 if Y X' = 0",
    claim="Let lam > 0 and Y X' = 0. Then the minimisers are exactly the points (A, 0), A arbitrary: every other point costs "
    "at least lam ||beta||_1 more.",
    hypotheses=(PENALISED, UNCORRELATED),
    proof=(
        "||Y - W X||^2 = ||Y||^2 - 2 <Y X', W> + ||W X||^2 = ||Y||^2 + ||W X||^2, since Y X' = 0.",
        "So F(A, beta) >= ||Y||^2 + lam ||beta||_1, and F(A, 0) = ||Y||^2.",
    ),
    source="Converse of Proposition A.3; the draft does not have it.",
    meaning="Here solve certifies the answer beta = 0.",
    draw=draw_uncorrelated,
    conclude=conclude_attained,
    space=_points(not_negative_rational),
    proofs=(Proof(Method.SMT, "beta = 0 is strictly best", "n = p = N = 1, all real numbers", prove_zero_is_best),),
)

INFIMUM = Statement(
    id="A3-infimum",
    title="its infimum is the least-squares error",
    claim="For lam >= 0, inf ||Y - A diag(beta) X||^2 + lam ||beta||_1 = min_W ||Y - W X||^2: the penalty costs nothing.",
    hypotheses=(Hypothesis("lam >= 0", lambda i: i.lam >= 0),),
    proof=(
        "No point is better: the penalty is not negative, and A diag(beta) is some W.",
        "Take a least-squares W. The points (W/t, t 1) have its error and the price lam p t, which goes to 0 with t.",
    ),
    source="Behind Proposition A.3; the draft does not have it.",
    meaning="Fit.infimum is certified as a least-squares problem; Fit.minimising_sequence(t) walks down the valley.",
    draw=draw_any_strength,
    conclude=conclude_infimum,
    space=_points(any_rational),
    proofs=(Proof(Method.SMT, "the infimum, and the valley towards it", "n = p = N = 1, all real numbers", prove_infimum),),
)

STATEMENTS = (NOT_ATTAINED, ATTAINED, INFIMUM)
