"""The factorisation lemma: the cheapest way to write ``w = b a`` is a group penalty on w."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, strength, with_zeros
from proofs_checks.rationals import Numbers, Space, not_negative_rational, positive_rational
from proofs_checks.smt import all_of, impossible, reals
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, at_least_zero


@dataclass(frozen=True)
class Instance:
    """A vector ``w (n,)``, strengths, an exponent, and a factor ``b != 0`` to compare with."""

    w: Array
    lam: Any
    lam2: Any
    p: Any
    b: Any


def norm_power(w: Array, p: Any) -> Any:
    """``||w||_p^p``."""
    return (abs(w) ** p).sum()


def cost(i: Instance, b: Any) -> Any:
    """``lam |b| + lam2 ||a||_p^p`` with ``a = w / b``."""
    return i.lam * abs(b) + i.lam2 * norm_power(i.w / b, i.p)


def strength_of(lam: Any, lam2: Any, p: Any) -> Any:
    """``mu = (1 + 1/p) lam^(p/(p+1)) (p lam2)^(1/(p+1))``."""
    return (1.0 + 1.0 / p) * lam ** (p / (p + 1.0)) * (p * lam2) ** (1.0 / (p + 1.0))


def reduced_penalty(w: Array, lam: Any, lam2: Any, p: Any) -> Any:
    """``mu ||w||_p^q`` with ``q = p / (p + 1)``, that is ``mu (||w||_p^p)^(1/(p+1))``."""
    return strength_of(lam, lam2, p) * norm_power(w, p) ** (1.0 / (p + 1.0))


def best_factor(w: Array, lam: Any, lam2: Any, p: Any) -> Any:
    """``b* = (p lam2 ||w||_p^p / lam)^(1/(p+1))``."""
    return (p * lam2 * norm_power(w, p) / lam) ** (1.0 / (p + 1.0))


def conclude(i: Instance) -> Verdict:
    """No factor is cheaper than the reduced penalty; ``b*`` costs exactly that, and factors next to it cost more."""
    if isinstance(i.lam, Fraction):
        return conclude_exactly(i)
    if not (i.lam > 0 and i.lam2 > 0) or not np.any(i.w):
        return at_least_zero(0.0 if not np.any(i.w) else -1.0)
    least, best = reduced_penalty(i.w, i.lam, i.lam2, i.p), best_factor(i.w, i.lam, i.lam2, i.p)
    slack = min(cost(i, i.b), cost(i, 0.99 * best), cost(i, 1.01 * best)) / least - 1.0
    off = abs(cost(i, best) / least - 1.0)
    return at_least_zero(min(slack, -off), slack=slack, off=off, best=best)


def conclude_exactly(i: Instance) -> Verdict:
    """The same without roots, for p = 1 and 2: ``cost^(p+1) >= mu^(p+1) ||w||_p^p``, and some factor has equality.

    ``mu^(p+1) = ((p+1)/p)^(p+1) lam^p p lam2`` is rational. Equality is ``lam |b|^(p+1) = p lam2 ||w||_p^p``, which a positive b
    solves unless exactly one of the two strengths is zero.
    """
    p, s = i.p, norm_power(i.w, i.p)
    if not s:
        return at_least_zero(Fraction(0))
    least = Fraction(p + 1, p) ** (p + 1) * i.lam**p * p * i.lam2 * s
    slack = cost(i, i.b) ** (p + 1) - least
    attained = (i.lam > 0) == (i.lam2 > 0)
    return at_least_zero(slack if attained else Fraction(-1), attained=attained)


def draw(rng: np.random.Generator) -> Instance:
    """Vectors of up to four entries, zero now and then; exponents from 0.3 to 5; factors far from and near the best one."""
    w = with_zeros(rng, int(rng.integers(1, 5)))
    lam, lam2 = strength(rng), strength(rng)
    p = float(rng.choice([0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0])) if rng.random() < 0.7 else float(rng.uniform(0.2, 6.0))
    near = best_factor(w, lam, lam2, p)
    b = (near if near and rng.random() < 0.5 else 1.0) * float(np.exp(rng.standard_normal())) * rng.choice([-1.0, 1.0])
    if rng.random() < 0.05:
        lam = 0.0
    return Instance(w, lam, 0.0 if rng.random() < 0.05 else lam2, p, float(b))


PENALISED = (Hypothesis("lam > 0", lambda i: i.lam > 0), Hypothesis("lam2 > 0", lambda i: i.lam2 > 0))

# ------------------------------------------------------------------------------------------------------------------ proofs


def prove_convexity() -> bool | None:
    """For every real p > 0: ``g(b) = lam b + lam2 s b^-p``, ``s = ||w||_p^p``, has ``g'' > 0``, ``g'(b*) = 0`` and
    ``g(b*) = mu s^(1/(p+1))`` (sympy).
    """
    import sympy

    b, lam, lam2, p, s = sympy.symbols("b lam lam2 p s", positive=True)
    g = lam * b + lam2 * s * b ** (-p)
    best = (p * lam2 * s / lam) ** (1 / (p + 1))
    mu = (1 + 1 / p) * lam ** (p / (p + 1)) * (p * lam2) ** (1 / (p + 1))
    is_stationary = sympy.simplify(sympy.diff(g, b).subs(b, best)) == 0
    is_convex = bool(sympy.simplify(sympy.diff(g, b, 2)).is_positive)
    # Both sides are positive: equal if their quotient is 1. With L for the logarithm of lam and so on, powers become products.
    ratio = sympy.powsimp(sympy.expand_power_base(sympy.simplify(g.subs(b, best) / (mu * s ** (1 / (p + 1)))), force=True))
    return is_stationary and is_convex and sympy.simplify(ratio - 1) == 0


def prove_polynomial() -> bool | None:
    """For p = 1 and 2 no positive numbers have ``cost^(p+1) < mu^(p+1) s``, ``s = ||w||_p^p``, nor equality off ``b*`` (z3)."""
    b, lam, lam2, s = reals("b lam lam2 s")
    positive = (b > 0, lam > 0, lam2 > 0, s > 0)
    # Multiplied by b^p and b^(2 p + 2): p = 1 has (lam b^2 + lam2 s)^2 >= 4 lam lam2 s b^2.
    one, one_least = (lam * b**2 + lam2 * s) ** 2, 4 * lam * lam2 * s * b**2
    two, two_least = 4 * (lam * b**3 + lam2 * s) ** 3, 27 * lam**2 * b**6 * lam2 * s
    return all_of(
        impossible(*positive, one < one_least),
        impossible(*positive, one == one_least, lam * b**2 != lam2 * s),
        impossible(*positive, two < two_least),
        impossible(*positive, two == two_least, lam * b**3 != 2 * lam2 * s),
    )


STATEMENT = Statement(
    id="factorisation",
    title="the cheapest factorisation w = b a is a group penalty",
    claim="For lam, lam2, p > 0 and w != 0, min over b a = w of lam |b| + lam2 ||a||_p^p is mu ||w||_p^q with q = p/(p+1) "
    "and mu = (1 + 1/p) lam^q (p lam2)^(1/(p+1)), attained at b = +-(p lam2 ||w||_p^p / lam)^(1/(p+1)) only; for w = 0 it is "
    "0, at (0, 0) only.",
    hypotheses=PENALISED,
    proof=(
        "The sign of b does not matter: take b > 0. Then a = w/b and the cost is g(b) = lam b + lam2 ||w||_p^p b^-p.",
        "g'' = p (p+1) lam2 ||w||_p^p b^(-p-2) > 0, so the only stationary point is the only minimum.",
        "g'(b) = 0 means lam b = p lam2 ||w||_p^p b^-p. There g(b) = (1 + 1/p) lam b, which is mu ||w||_p^q.",
        "Both costs are then in a fixed proportion: lam |b| = p lam2 ||a||_p^p.",
    ),
    source="Calculus (weighted inequality of arithmetic and geometric means); behind eq. (10) of the ShrinkNets draft, not "
    "in it.",
    meaning="RegularizedShrinkNet(lam, lam2, p) is a concave group penalty in disguise, and lam and lam2 are one "
    "hyper-parameter: only lam^p lam2 matters for W. p = 2 gives ||w||_2^(2/3), p = 1 gives ||w||_1^(1/2).",
    draw=draw,
    conclude=conclude,
    space=Space(
        Instance,
        (
            *(Numbers("w", ("n",)), Numbers("lam", (), not_negative_rational), Numbers("lam2", (), not_negative_rational)),
            Numbers("b", (), positive_rational),
        ),
        ({"n": 1}, {"n": 2}),
        {"p": (1, 2)},
    ),
    proofs=(
        Proof(
            Method.SYMBOLIC,
            "strictly convex, stationary at b*, value mu ||w||_p^q",
            "all dimensions, every real p > 0",
            prove_convexity,
        ),
        Proof(Method.SMT, "the inequality, and equality at b* only", "all dimensions, p = 1 and 2", prove_polynomial),
    ),
)
