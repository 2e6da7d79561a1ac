"""The two proximal operators: half- and two-thirds-thresholding, ``argmin_x 1/2 (x - z)^2 + mu |x|^q`` for q = 1/2 and 2/3.

They minimise regularised ShrinkNet's blocks: q = 1/2 belongs to p = 1 and q = 2/3 to p = 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import strength
from proofs_checks.rationals import Numbers, Space, not_negative_rational
from proofs_checks.smt import all_of, impossible, reals
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, at_least_zero


@dataclass(frozen=True)
class Instance:
    """A point ``z``, a strength ``mu``, and a root ``u >= 0`` of a point to compare with, ``x = u^2`` or ``u^3``."""

    z: Any
    mu: Any
    u: Any


def objective(i: Instance, x: Any, q: float) -> Any:
    """``1/2 (x - z)^2 + mu |x|^q``."""
    return 0.5 * (x - i.z) ** 2 + i.mu * abs(x) ** q


# ---------------------------------------------------------------------------------------------------------- the operators


def half_threshold(mu: float) -> float:
    """``3/2 mu^(2/3)``: where the operator for q = 1/2 jumps from 0 to ``mu^(2/3)``."""
    return 1.5 * mu ** (2.0 / 3.0)


def half_prox(z: float, mu: float) -> float:
    """``2/3 z (1 + cos(2 pi/3 - 2/3 arccos(mu/4 (|z|/3)^(-3/2))))`` beyond the threshold, else 0 (Xu et al. 2012)."""
    if abs(z) <= half_threshold(mu):
        return 0.0
    angle = math.acos(min(1.0, mu / 4.0 * (abs(z) / 3.0) ** -1.5))
    return 2.0 / 3.0 * z * (1.0 + math.cos(2.0 / 3.0 * (math.pi - angle)))


def two_thirds_threshold(mu: float) -> float:
    """``2 (2 mu / 3)^(3/4)``: where the operator for q = 2/3 jumps from 0 to half of that."""
    return 2.0 * (2.0 * mu / 3.0) ** 0.75


def two_thirds_prox(z: float, mu: float) -> float:
    """``sign(z) ((A + sqrt(2 |z|/A - A^2)) / 2)^3`` beyond the threshold, else 0 (Cao, Sun and Xu 2013).

    ``A = 2/sqrt(3) (2 mu)^(1/4) cosh(phi / 3)^(1/2)`` with ``phi = arccosh(27 z^2 / 16 (2 mu)^(-3/2))``.
    """
    if abs(z) <= two_thirds_threshold(mu):
        return 0.0
    phi = math.acosh(27.0 * z * z / 16.0 * (2.0 * mu) ** -1.5)
    A = 2.0 / math.sqrt(3.0) * (2.0 * mu) ** 0.25 * math.sqrt(math.cosh(phi / 3.0))
    return math.copysign(((A + math.sqrt(2.0 * abs(z) / A - A * A)) / 2.0) ** 3, z)


# -------------------------------------------------------------------------------------------------------------- the checks

_GRID = np.linspace(0.0, 1.25, 101)


def conclude_prox(i: Instance, value: float, q: float) -> Verdict:
    """No point of a grid, nor ``u^(1/(1-q))``, has a smaller objective than ``value``; that is 0 or the larger root."""
    grid = np.append(_GRID * i.z, i.u ** (1.0 / (1.0 - q)))
    least = objective(i, value, q)
    slack = float(np.min(objective(i, grid, q)) - least) / (0.5 * i.z * i.z + 1e-300)
    if not value:
        return at_least_zero(slack, value=value)
    slope = abs(value - i.z + math.copysign(i.mu * q * abs(value) ** (q - 1.0), i.z)) / abs(i.z)
    # Convex there: 1 >= mu q (1 - q) |x|^(q - 2).
    convex = 1.0 - i.mu * q * (1.0 - q) * abs(value) ** (q - 2.0)
    return at_least_zero(min(slack, -slope, convex), value=value, slope=slope)


def conclude_half(i: Instance) -> Verdict:
    """No point of a grid has a smaller objective, and what is returned is 0 or the larger root of stationarity.

    Rationals: up to the threshold ``x = u^2`` is no better than zero. It costs ``u (u^3 / 2 - |z| u + mu)`` more.
    """
    if not isinstance(i.z, Fraction):
        return conclude_prox(i, half_prox(i.z, abs(i.mu)), 0.5)
    below = 27 * i.mu**2 >= 8 * abs(i.z) ** 3
    return at_least_zero(i.u * (i.u**3 / 2 - abs(i.z) * i.u + i.mu) if below else Fraction(0), below=below)


def conclude_two_thirds(i: Instance) -> Verdict:
    """No point of a grid has a smaller objective, and what is returned is 0 or the larger root of stationarity.

    Rationals: up to the threshold ``x = u^3`` is no better than zero. It costs ``u^2 (u^4 / 2 - |z| u + mu)`` more.
    """
    if not isinstance(i.z, Fraction):
        return conclude_prox(i, two_thirds_prox(i.z, abs(i.mu)), 2.0 / 3.0)
    below = 128 * abs(i.mu) ** 3 >= 27 * i.z**4
    return at_least_zero(i.u**2 * (i.u**4 / 2 - abs(i.z) * i.u + i.mu) if below else Fraction(0), below=below)


def _draw(rng: np.random.Generator, threshold: float, mu: float) -> Instance:
    """Points around the threshold, exactly there now and then, far away, or zero; one strength in twenty negative."""
    kind = rng.random()
    z = threshold * (1.0 if kind < 0.05 else 1.0 + 1e-6 * rng.standard_normal() if kind < 0.15 else rng.uniform(0.0, 4.0))
    z = 0.0 if kind > 0.98 else z * 1e3 if kind > 0.95 else z
    z = float(z * rng.choice([-1.0, 1.0]))
    return Instance(z, -mu if rng.random() < 0.05 else mu, float(abs(rng.standard_normal())))


def draw_half(rng: np.random.Generator) -> Instance:
    """Around the threshold for q = 1/2."""
    mu = strength(rng)
    return _draw(rng, half_threshold(mu), mu)


def draw_two_thirds(rng: np.random.Generator) -> Instance:
    """Around the threshold for q = 2/3."""
    mu = strength(rng)
    return _draw(rng, two_thirds_threshold(mu), mu)


# ------------------------------------------------------------------------------------------------------------------ proofs


def prove_half_threshold() -> bool | None:
    """Zero is a global minimiser exactly if ``8 |z|^3 <= 27 mu^2`` (z3), by ``x = u^2``."""
    return _threshold_is_sharp(lambda z, mu: 8 * z**3 - 27 * mu**2, power=3, lowest=lambda u, z: 3 * u**2 == 2 * z)


def prove_two_thirds_threshold() -> bool | None:
    """Zero is a global minimiser exactly if ``27 z^4 <= 128 mu^3`` (z3), by ``x = u^3``."""
    return _threshold_is_sharp(lambda z, mu: 27 * z**4 - 128 * mu**3, power=4, lowest=lambda u, z: 2 * u**3 == z)


def _threshold_is_sharp(beyond: Callable[[Any, Any], Any], power: int, lowest: Callable[[Any, Any], Any]) -> bool | None:
    """Below the threshold no u has ``u^power / 2 - z u + mu < 0``; above it the u at ``lowest`` has."""
    z, mu, u = reals("z mu u")
    excess = u**power / 2 - z * u + mu
    return all_of(
        impossible(z > 0, mu > 0, u >= 0, beyond(z, mu) <= 0, excess < 0),
        impossible(z > 0, mu > 0, u > 0, lowest(u, z), beyond(z, mu) > 0, excess >= 0),
    )


def prove_half_root() -> bool | None:
    """The formula solves ``u^3 - z u + mu/2 = 0``, stationarity in ``x = u^2``, by ``cos 3t = 4 cos^3 t - 3 cos t`` (sympy)."""
    import sympy

    z, t = sympy.symbols("z t", positive=True)
    # x = 4 z/3 cos(t)^2 is the formula, with t half of its cosine's argument; and 3 t = pi - arccos(mu/4 (z/3)^(-3/2)).
    u = 2 * sympy.sqrt(z / 3) * sympy.cos(t)
    mu = -4 * (z / 3) ** sympy.Rational(3, 2) * sympy.cos(3 * t)
    same = sympy.simplify(u**2 - sympy.Rational(2, 3) * z * (1 + sympy.cos(2 * t)))
    return same == 0 and sympy.simplify(sympy.expand_trig(u**3 - z * u + mu / 2)) == 0


def prove_two_thirds_root() -> bool | None:
    """The formula solves ``v^4 - z v + 2 mu/3 = 0``, the stationarity of ``x = v^3`` (sympy).

    With ``v = (A + sqrt(2 z/A - A^2)) / 2`` the quartic splits off ``v^2 - A v + (A^2 - z/A) / 2``, if ``B = A^2`` solves
    ``B^3 - 8 mu B / 3 - z^2 = 0``; and ``B = 2 sqrt(8 mu / 9) cosh(phi / 3)`` does, by ``cosh 3t = 4 cosh^3 t - 3 cosh t``.
    """
    import sympy

    z, A, v, mu, t = sympy.symbols("z A v mu t", positive=True)
    factor = v**2 - A * v + (A**2 - z / A) / 2
    other = v**2 + A * v + (A**2 + z / A) / 2
    product = sympy.expand(factor * other)
    constant = (A**4 - z**2 / A**2) / 4
    splits = sympy.simplify(product - (v**4 - z * v + constant)) == 0
    root = (A + sympy.sqrt(2 * z / A - A**2)) / 2
    solves = sympy.simplify(sympy.expand(factor.subs(v, root))) == 0
    # constant = 2 mu / 3 is the resolvent cubic in B = A^2.
    resolvent = sympy.simplify(sympy.expand((constant - 2 * mu / 3) * 4 * A**2) - (A**6 - 8 * mu * A**2 / 3 - z**2)) == 0
    B = 2 * sympy.sqrt(8 * mu / 9) * sympy.cosh(t)
    triple = 4 * sympy.cosh(t) ** 3 - 3 * sympy.cosh(t)
    squared = 16 * (2 * mu) ** sympy.Rational(3, 2) / 27 * triple
    cubic = sympy.simplify(sympy.expand(B**3 - 8 * mu * B / 3 - squared)) == 0
    return splits and solves and resolvent and cubic


# -------------------------------------------------------------------------------------------------------------- statements

POSITIVE = Hypothesis("mu > 0", lambda i: i.mu > 0)


def _space() -> Space:
    return Space(Instance, (Numbers("z"), Numbers("mu"), Numbers("u", (), not_negative_rational)))


HALF = Statement(
    id="prox-half",
    title="half-thresholding: 1/2 (x - z)^2 + mu |x|^(1/2)",
    claim="For mu > 0, 0 is a minimiser exactly if |z| <= 3/2 mu^(2/3). Beyond, the only minimiser is 2/3 z (1 + cos(2 pi/3 "
    "- 2/3 arccos(mu/4 (|z|/3)^(-3/2)))); at the threshold it has jumped to mu^(2/3), and ties with 0.",
    hypotheses=(POSITIVE,),
    proof=(
        "Take z > 0, then x >= 0; put x = u^2. The objective exceeds that of 0 by u (u^3/2 - z u + mu).",
        "The bracket is smallest at u^2 = 2z/3, where it is mu - (2z/3)^(3/2): not negative exactly if z <= 3/2 mu^(2/3).",
        "Beyond, the minimiser is stationary: u^3 - z u + mu/2 = 0, and it is the larger of the two positive roots, for the "
        "objective falls from the smaller one to it. Put u = 2 sqrt(z/3) cos t; cos 3t = 4 cos^3 t - 3 cos t gives cos 3t = "
        "-mu/4 (z/3)^(-3/2).",
    ),
    source="Xu, Chang, Xu and Zhang (2012), in the convention 1/2 (x - z)^2 + mu |x|^q (theirs is (x - z)^2 + lambda |x|^q, "
    "lambda = 2 mu).",
    meaning="The block update of RegularizedShrinkNet with p = 1 and one target. Small inputs are removed, large ones hardly "
    "shrunk.",
    draw=draw_half,
    conclude=conclude_half,
    space=_space(),
    proofs=(
        Proof(Method.SMT, "the threshold", "all real z, mu > 0", prove_half_threshold),
        Proof(Method.SYMBOLIC, "the formula is a root of the stationarity equation", "all real z, mu > 0", prove_half_root),
    ),
)

TWO_THIRDS = Statement(
    id="prox-two-thirds",
    title="2/3-thresholding: 1/2 (x - z)^2 + mu |x|^(2/3)",
    claim="For mu > 0, 0 is a minimiser exactly if |z| <= 2 (2 mu/3)^(3/4). Beyond, the only minimiser is sign(z) ((A + "
    "sqrt(2|z|/A - A^2))/2)^3 with A^2 = 4/3 (2 mu)^(1/2) cosh(phi/3), phi = arccosh(27 z^2/16 (2 mu)^(-3/2)); at the "
    "threshold it has jumped to |z|/2, and ties with 0.",
    hypotheses=(POSITIVE,),
    proof=(
        "Take z > 0, then x >= 0; put x = v^3. The objective exceeds that of 0 by v^2 (v^4/2 - z v + mu).",
        "The bracket is smallest at v^3 = z/2, where it is mu - 3/4 z (z/2)^(1/3): not negative exactly if 27 z^4 <= 128 mu^3.",
        "Beyond, the minimiser is the larger root of v^4 - z v + 2 mu/3 = 0 (stationarity). With B = A^2 a root of B^3 - 8 "
        "mu B/3 - z^2 = 0 the quartic splits into quadratics, and v = (A + sqrt(2z/A - A^2))/2; cosh 3t = 4 cosh^3 t - 3 "
        "cosh t gives B.",
    ),
    source="Cao, Sun and Xu (2013), in the convention 1/2 (x - z)^2 + mu |x|^q.",
    meaning="The block update of RegularizedShrinkNet with p = 2: a column keeps its direction, its length is thresholded. "
    "No penalty is flat at zero: a removed column comes back only where its correlation exceeds the threshold, never by a "
    "small gradient step.",
    draw=draw_two_thirds,
    conclude=conclude_two_thirds,
    space=_space(),
    proofs=(
        Proof(Method.SMT, "the threshold", "all real z, mu > 0", prove_two_thirds_threshold),
        Proof(Method.SYMBOLIC, "the formula is a root of the stationarity equation", "all real z, mu > 0", prove_two_thirds_root),
    ),
)

STATEMENTS = (HALF, TWO_THIRDS)
