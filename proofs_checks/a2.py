"""Proposition A.2: the fit is not convex in the factors."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, squared_error, with_zeros
from proofs_checks.rationals import Numbers, Space, positive_rational
from proofs_checks.smt import impossible, reals
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, Wording, above_zero


@dataclass(frozen=True)
class Instance:
    """Inputs ``X (p, N)`` and outputs ``Y (n, N)``."""

    X: Array
    Y: Array


def fit_error(i: Instance, A: Array, beta: Array) -> Any:
    """``F(A, beta) = ||Y - A diag(beta) X||^2``."""
    return squared_error(i.Y, A * beta, i.X)


def two_points(i: Instance) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The points ``(a, b) = (0, 2)`` and ``(-2 s, 0)`` in one entry a of A and its b of beta, all else zero.

    The input is the one with the largest row of X, and s the sign of its correlation with the first output.
    """
    j = int(np.argmax((i.X * i.X).sum(axis=1)))
    sign = 1 if i.Y[0] @ i.X[j] >= 0 else -1
    A, beta = 0 * (i.Y @ i.X.T), 0 * i.X[:, 0]
    A_there, beta_here = A.copy(), beta.copy()
    beta_here[j], A_there[0, j] = 2, -2 * sign
    return (A, beta_here), (A_there, beta)


def conclude(i: Instance) -> Verdict:
    """Half-way between two points the fit is worse than on average at them: relative to ``||x_j||^2``, at least by 1."""
    (A, beta), (A_too, beta_too) = two_points(i)
    average = (fit_error(i, A, beta) + fit_error(i, A_too, beta_too)) / 2
    middle = fit_error(i, (A + A_too) / 2, (beta + beta_too) / 2)
    size = max((i.X * i.X).sum(axis=1))
    return above_zero((middle - average) / size if size else middle - average, middle=middle, average=average)


def draw(rng: np.random.Generator) -> Instance:
    """Up to four outputs, inputs and samples; one in twenty with X = 0."""
    n, p, N = rng.integers(1, 5, 3)
    X = with_zeros(rng, p, N)
    return Instance(0.0 * X if rng.random() < 0.05 else X, with_zeros(rng, n, N))


SOME_INPUT = Hypothesis("X != 0", lambda i: bool(np.any(i.X != 0)))

# ------------------------------------------------------------------------------------------------------------ wrong claims


@dataclass(frozen=True)
class Scalars:
    """One input and one output, one sample."""

    x: Any
    y: Any

    def fit_error(self, a: Any, b: Any) -> Any:
        """``f(a, b) = (y - a b x)^2``."""
        return (self.y - a * b * self.x) ** 2


@dataclass(frozen=True)
class Input:
    """One input with the output 0."""

    x: Any


def value_in_the_middle(i: Input) -> Verdict:
    """The draft's ``f(1, 1) = x`` for ``y = 0``: minus the error."""
    error = abs(Scalars(i.x, Fraction(0)).fit_error(1, 1) - i.x)
    return Verdict(error == 0, -error)


def the_same_points_for_every_output(i: Scalars) -> Verdict:
    """Whether ``f`` is larger at (1, 1) than on average at (0, 2) and (2, 0)."""
    return above_zero(i.fit_error(1, 1) - (i.fit_error(0, 2) + i.fit_error(2, 0)) / 2)


SCALAR_SPACE = Space(Scalars, (Numbers("x", (), positive_rational), Numbers("y")))
SPACE = Space(
    Instance,
    (Numbers("X", ("p", "N")), Numbers("Y", ("n", "N"))),
    ({"n": 1, "p": 1, "N": 1}, {"n": 1, "p": 2, "N": 1}, {"n": 2, "p": 1, "N": 1}, {"n": 1, "p": 1, "N": 2}),
)

WORDINGS = (
    Wording(
        id="A2-always",
        says="||y - A diag(beta) x||^2 is not convex in A and beta, whatever x and y are.",
        space=SPACE,
        check=conclude,
        because="With X = 0 the fit does not depend on A and beta at all, and a constant is convex.",
        drops=SOME_INPUT.name,
    ),
    Wording(
        id="A2-value",
        says="With y = 0 and x > 0 the example has f(1, 1) = x.",
        space=Space(Input, (Numbers("x", (), positive_rational),)),
        check=value_in_the_middle,
        because="f(1, 1) = (0 - 1 * 1 * x)^2 = x^2. The conclusion f(1, 1) > 0 survives.",
    ),
    Wording(
        id="A2-points",
        says="The points (0, 2) and (2, 0) show it for every y and every x > 0.",
        space=SCALAR_SPACE,
        check=the_same_points_for_every_output,
        because="f(1, 1) = (y - x)^2 exceeds f(0, 2) = f(2, 0) = y^2 only if y < x/2. For larger y take (0, 2) and (-2, 0).",
    ),
)

# ------------------------------------------------------------------------------------------------------------------ proofs


def prove_one_dimension() -> bool | None:
    """No x != 0 and y exist at which both pairs of points satisfy the midpoint inequality of convex functions (z3)."""
    x, y = reals("x y")

    def midpoint_is_no_worse(i: Scalars, sign: int) -> Any:
        return i.fit_error(-sign, 1) <= (i.fit_error(0, 2) + i.fit_error(-2 * sign, 0)) / 2

    scalars = Scalars(x, y)
    return impossible(x != 0, midpoint_is_no_worse(scalars, 1), midpoint_is_no_worse(scalars, -1))


def prove_general() -> bool | None:
    """In one entry a of A and its b, ``F = c0 - 2 c1 a b + c2 (a b)^2``: the excess half-way is ``c2 + 2 |c1|`` (sympy)."""
    import sympy

    c0, c1, sign = sympy.symbols("c0 c1 s", real=True)
    c2 = sympy.Symbol("c2", positive=True)

    def F(a: Any, b: Any) -> Any:
        return c0 - 2 * c1 * a * b + c2 * (a * b) ** 2

    excess = F(-sign, 1) - (F(0, 2) + F(-2 * sign, 0)) / 2
    # With s = sign(c1), s c1 = |c1| and s^2 = 1: the excess is c2 + 2 |c1|, and c2 > 0.
    return all(sympy.simplify(excess.subs(sign, s) - (c2 + 2 * s * c1)) == 0 for s in (1, -1)) and bool(c2 > 0)


STATEMENT = Statement(
    id="A2",
    title="the fit is not convex in A and beta",
    draft="||y - A diag(beta) x||^2 is not convex in A and beta; the example has (the value of y is missing) x > 0, f(0, 2) "
    "= f(2, 0) = 0 and f(1, 1) = x.",
    claim="F(A, beta) = ||Y - A diag(beta) X||^2 is convex if and only if X = 0. For X != 0 two points whose midpoint is "
    "worse than their average: (0, 2) and (-2 s, 0) in one entry of A and its beta_j, s the sign of (Y X')_ij.",
    hypotheses=(SOME_INPUT,),
    proof=(
        "If X = 0, F is constant.",
        "Otherwise take j with x_j != 0 (row j of X) and any i, set all else to zero and vary a = A_ij, b = beta_j. Then F = "
        "c0 - 2 c1 ab + c2 (ab)^2 with c2 = ||x_j||^2 > 0 and c1 = (Y X')_ij.",
        "At (a, b) = (0, 2) and (-2s, 0) the product is 0 and F = c0. Half-way, at (-s, 1), F = c0 + 2 s c1 + c2.",
        "With s = sign(c1) that is c0 + 2 |c1| + c2 > c0: F lies above its chord.",
    ),
    source="ShrinkNets draft, Proposition A.2: its own two points, with a sign that makes them work for every Y.",
    meaning="Descent on (A, beta) may stop at points that are not minima: the origin is always stationary. The package "
    "minimises over W = A diag(beta) instead and factorises afterwards.",
    draw=draw,
    conclude=conclude,
    space=SPACE,
    wordings=WORDINGS,
    proofs=(
        Proof(Method.SMT, "not convex for any x != 0 and y", "n = p = N = 1, all real numbers", prove_one_dimension),
        Proof(Method.SYMBOLIC, "excess of the midpoint is ||x_j||^2 + 2 |(Y X')_ij|", "all dimensions", prove_general),
    ),
)
