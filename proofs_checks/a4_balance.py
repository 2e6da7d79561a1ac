"""Proposition A.4, what holds at every minimiser: the prices of beta_j and of its column are in a fixed proportion."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, is_exact, strength, with_zeros
from proofs_checks.factorisation import best_factor, norm_power
from proofs_checks.rationals import Numbers, Space, positive_rational
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, above_zero


@dataclass(frozen=True)
class Pair:
    """One input of a layer: its ``beta`` and its column ``a (n,)``, with the penalty's constants."""

    a: Array
    beta: Any
    lam: Any
    lam2: Any
    p: Any


def price(i: Pair, a: Array, beta: Any) -> Any:
    """``lam |beta| + lam2 ||a||_p^p``."""
    return i.lam * abs(beta) + i.lam2 * norm_power(a, i.p)


def imbalance(i: Pair) -> Any:
    """``lam |beta| - p lam2 ||a||_p^p``."""
    return i.lam * abs(i.beta) - i.p * i.lam2 * norm_power(i.a, i.p)


def nearby(i: Pair) -> tuple[Array, Any]:
    """A pair with the same product, a hundredth of the way to the best one on the curve ``(a / s, s beta)``.

    If one factor is zero the other one is shortened instead. Rationals (p = 1 only) take a Babylonian step towards the best
    factor, a square root.
    """
    if not i.beta or not np.any(i.a):
        return i.a * Fraction(99, 100) if is_exact(i.a) else i.a * 0.99, i.beta * Fraction(99, 100) if is_exact(
            i.a
        ) else i.beta * 0.99
    if is_exact(i.a):
        s = (1 + i.lam2 * norm_power(i.a, 1) / (i.lam * abs(i.beta))) / 2
    else:
        s = (best_factor(i.beta * i.a, i.lam, i.lam2, i.p) / abs(i.beta)) ** 0.01
    return i.a / s, s * i.beta


def conclude(i: Pair) -> Verdict:
    """A cheaper pair with the same product is near: by how much, relative to the price times the square of the imbalance."""
    here, there = price(i, i.a, i.beta), price(i, *nearby(i))
    if not here:
        return above_zero(here)
    return above_zero((here - there) / here / (imbalance(i) / here) ** 2 if imbalance(i) else (here - there) / here, there=there)


def draw(rng: np.random.Generator) -> Pair:
    """Columns of up to four entries, zero now and then; one pair in ten is balanced."""
    a, beta, lam, lam2 = with_zeros(rng, int(rng.integers(1, 5))), float(with_zeros(rng, 1)[0]), strength(rng), strength(rng)
    p = float(rng.choice([0.5, 1.0, 1.5, 2.0, 3.0]))
    if rng.random() < 0.1:
        # Powers of two balance to the last bit.
        a, p, lam, lam2 = 2.0 ** rng.integers(-2, 3, len(a)), float(rng.integers(1, 4)), 1.0, 1.0
        beta = float(p * norm_power(a, p))
    return Pair(a, beta, lam, lam2, p)


def is_unbalanced(i: Pair) -> bool:
    """Whether the identity fails: for floats by more than rounding."""
    return bool(abs(imbalance(i)) > (0 if is_exact(i.a) else 1e-6 * price(i, i.a, i.beta)))


def prove_derivative() -> bool | None:
    """Along ``(e^t beta, e^-t a)`` the price is strictly convex, with slope ``lam |beta| - p lam2 ||a||_p^p`` at 0 (sympy)."""
    import sympy

    lam, lam2, p, beta, s = sympy.symbols("lam lam2 p beta s", positive=True)
    t = sympy.Symbol("t", real=True)
    along = lam * sympy.exp(t) * beta + lam2 * sympy.exp(-p * t) * s
    slope = sympy.simplify(sympy.diff(along, t).subs(t, 0) - (lam * beta - p * lam2 * s))
    return slope == 0 and bool(sympy.diff(along, t, 2).is_positive)


STATEMENT = Statement(
    id="A4-balance",
    title="at a local minimiser lam |beta_j| = p lam2 ||a_j||_p^p",
    claim="If lam |beta_j| differs from p lam2 ||a_j||_p^p in some column of some layer, the point is no local minimiser: a "
    "nearby point has the same network, or a shorter column that the network does not see, and a smaller Omega. In "
    "particular beta_j = 0 if and only if a_j = 0.",
    hypotheses=(Hypothesis("lam |beta_j| != p lam2 ||a_j||_p^p", is_unbalanced),),
    proof=(
        "Move along (e^t beta_j, e^-t a_j): the product, hence the network, stays the same.",
        "The price lam e^t |beta_j| + lam2 e^(-pt) ||a_j||_p^p has the derivative lam |beta_j| - p lam2 ||a_j||_p^p at t = "
        "0. If that is not zero, a small t of the other sign lowers the price.",
        "If one of beta_j, a_j is zero and the other is not, the product is zero, and shortening the other one lowers the price.",
    ),
    source="Behind Proposition A.4; the draft does not have it.",
    meaning="A free test of convergence for any training run: print lam |beta_j| and p lam2 ||a_j||_p^p side by side. solve "
    "returns factors that satisfy it to the last digits.",
    draw=draw,
    conclude=conclude,
    space=Space(
        Pair,
        (
            *(Numbers("a", ("n",)), Numbers("beta")),
            *(Numbers("lam", (), positive_rational), Numbers("lam2", (), positive_rational)),
        ),
        ({"n": 1}, {"n": 2}),
        {"p": (1,)},
    ),
    proofs=(
        Proof(Method.SYMBOLIC, "derivative and convexity along the curve", "all dimensions, every real p > 0", prove_derivative),
    ),
)
