"""Proposition A.4, first half: a minimiser of the regularised problem exists, under hypotheses that the draft omits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, strength, with_zeros
from proofs_checks.networks import (
    IDENTITY,
    RELU,
    SOFTSIGN,
    STEP,
    TANH,
    Activation,
    Layers,
    draw_layers,
    draw_widths,
    forward,
    penalty,
)
from proofs_checks.rationals import Numbers, Space, positive_rational
from proofs_checks.statement import Hypothesis, Statement, Verdict, Wording, above_zero, at_least_zero


@dataclass(frozen=True)
class Instance:
    """A regularised network and data, a point of its parameters, and a direction to leave it in."""

    activation: Activation
    penalised_bias: bool
    lam: float
    lam2: float
    p: float
    X: Array
    Y: Array
    point: Layers
    direction: Layers


def objective(i: Instance, layers: Layers) -> Any:
    """``||Y - N(X)||^2 + Omega``; without the biases' part of Omega if they are not penalised."""
    error = ((i.Y - forward(layers, i.X, i.activation)) ** 2).sum()
    free = 0 if i.penalised_bias else i.lam2 * sum((abs(one.b) ** i.p).sum() for one in layers)
    return error + penalty(layers, i.lam, i.lam2, i.p) - free


def moved(i: Instance, start: Layers, t: float) -> Layers:
    """``start + t direction``."""
    return tuple(layer.plus(step, t) for layer, step in zip(start, i.direction, strict=True))


def conclude(i: Instance) -> Verdict:
    """The two things the proof needs: no jump upwards in the limit, and far away every value is above that of zero."""
    here, nearby = objective(i, i.point), objective(i, moved(i, i.point, 2.0**-50))
    no_jump = (nearby - here) / (1.0 + abs(here))
    zero = tuple(layer.plus(layer, -1) for layer in i.point)
    at_zero = objective(i, zero)
    # Beyond this radius the price of a single parameter exceeds the value at zero.
    radius = 1.0 + max(at_zero / i.lam, (at_zero / i.lam2) ** (1.0 / i.p))
    reach = radius / max(step.largest() for step in i.direction)
    far = (objective(i, moved(i, zero, reach)) - at_zero) / (1.0 + at_zero)
    return at_least_zero(min(no_jump, far), allowance=1e-7, no_jump=no_jump, far=far)


def draw(rng: np.random.Generator) -> Instance:
    """One to three layers, with zeros in points and directions; one in ten a step activation, one in ten free biases."""
    widths = draw_widths(rng)
    activation = STEP if rng.random() < 0.1 else (IDENTITY, RELU, SOFTSIGN, TANH)[rng.integers(4)]
    point, direction = draw_layers(rng, widths), draw_layers(rng, widths)
    if rng.random() < 0.3:
        point = tuple(layer.plus(layer, -1) for layer in point)
    if not max(step.largest() for step in direction):
        direction = tuple(type(step)(step.A + 1, step.beta, step.b) for step in direction)
    N = int(rng.integers(1, 4))
    X, Y = with_zeros(rng, widths[0], N), with_zeros(rng, widths[-1], N)
    p = float(rng.choice([0.5, 1.0, 2.0, 3.0]))
    return Instance(activation, bool(rng.random() > 0.1), strength(rng), strength(rng), p, X, Y, point, direction)


CONTINUOUS = Hypothesis("the activation is continuous", lambda i: i.activation.is_continuous)
ALL_PENALISED = Hypothesis(
    "every parameter is penalised: lam, lam2 > 0, biases included", lambda i: i.penalised_bias and i.lam > 0 and i.lam2 > 0
)

# ------------------------------------------------------------------------------------------------------------ wrong claims


@dataclass(frozen=True)
class Unit:
    """One unit with one input and one sample: ``min (y - a(A beta x + b))^2 + lam |beta| + lam2 (|A| + |b|)``, p = 1."""

    activation: Activation
    x: Fraction
    y: Fraction
    lam: Fraction
    lam2: Fraction

    def objective(self, A: Any, beta: Any, b: Any, *, penalised_bias: bool = True) -> Any:
        """The value at a point."""
        error = (self.y - self.activation.apply(A * beta * self.x + b)) ** 2
        return error + self.lam * abs(beta) + self.lam2 * (abs(A) + (abs(b) if penalised_bias else 0))


def minimum_exists(i: Unit) -> Verdict:
    """With every parameter penalised: decided exactly for the step, the only activation here that jumps.

    The output is 0 or 1. With output 0 nothing beats the origin, value ``y^2``. With output 1 the argument of the step is
    positive, so the price is positive; it is as small as one likes, since ``b -> 0`` is allowed. So the infimum is
    ``min(y^2, (y - 1)^2)``, and the second is not attained.
    """
    if i.activation.is_continuous:
        return above_zero(Fraction(1))
    origin, infimum_of_ones = i.objective(0, 0, Fraction(0)), (i.y - 1) ** 2
    return at_least_zero(infimum_of_ones - origin, as_b_falls=_values(i, [Fraction(1, 10**k) for k in range(4)], penalised=True))


def minimum_exists_with_free_bias(i: Unit) -> Verdict:
    """With b not penalised: the infimum is the squared distance of y from the values of the activation, ``A = beta = 0``.

    Positive A or beta cost without adding any value of the activation. So a minimiser exists if and only if a value nearest to y
    exists: if y lies below the supremum and above the infimum, where these are finite and not attained.
    """
    high, low = i.activation.high, i.activation.low
    slack = [Fraction(1)]
    if high is not None:
        slack.append(high - i.y)
    if low is not None and i.activation is not RELU:
        slack.append(i.y - low)
    return above_zero(min(slack), as_b_grows=_values(i, [Fraction(10**k) for k in range(4)], penalised=False))


def _values(i: Unit, biases: list[Fraction], *, penalised: bool) -> list[Any]:
    """The objective along ``A = beta = 0`` for these b: they fall towards an infimum that none has."""
    return [i.objective(Fraction(0), Fraction(0), b, penalised_bias=penalised) for b in biases]


_NUMBERS = (Numbers("x"), Numbers("y"), Numbers("lam", (), positive_rational), Numbers("lam2", (), positive_rational))

WORDINGS = (
    Wording(
        id="A4-continuity",
        says="A minimiser exists for every activation with a(0) = 0.",
        space=Space(Unit, _NUMBERS, choices={"activation": (IDENTITY, RELU, SOFTSIGN, STEP)}),
        check=minimum_exists,
        because="The step outputs y = 1 at any b > 0, at a price as small as one likes, but not at b = 0: the infimum 0 is "
        "not a value.",
        drops=CONTINUOUS.name,
    ),
    Wording(
        id="A4-bias",
        says="A minimiser exists if A and beta are penalised, even if b is not.",
        space=Space(Unit, _NUMBERS, choices={"activation": (IDENTITY, RELU, SOFTSIGN)}),
        check=minimum_exists_with_free_bias,
        because="A bounded activation comes as near to y = 1 as one likes while b grows without bound, and never reaches it.",
        drops=ALL_PENALISED.name,
    ),
)

STATEMENT = Statement(
    id="A4-existence",
    title="the regularised problem has a minimiser",
    draft="For lam, lam2, p > 0, ||y - N(x)||^2 + Omega has a minimum for any activation with a(0) = 0: a sequence towards "
    "the infimum would otherwise diverge, in at least one parameter, and the penalty with it.",
    claim="A minimiser exists if the loss is continuous and not negative, the activation continuous, and every parameter "
    "penalised, biases included (lam, lam2, p > 0).",
    hypotheses=(CONTINUOUS, ALL_PENALISED),
    proof=(
        "The objective is continuous and at least Omega. Omega exceeds the value at zero as soon as one parameter is large: "
        "|beta| > F(0)/lam, or |A| or |b| > (F(0)/lam2)^(1/p).",
        "So the infimum is that over a closed, bounded box, and a continuous function attains its minimum there.",
        "The draft's argument skips the second step: a sequence without a limit need not diverge (think of 1, -1, 1, ...); a "
        "bounded one has a convergent subsequence, and continuity gives the value in the limit.",
    ),
    source="ShrinkNets draft, Proposition A.4, with continuity and penalised biases added. A lower semicontinuous objective "
    "is enough.",
    meaning="Leave no parameter without penalty if the activation is bounded. RegularizedShrinkNet with the squared loss is "
    "safe: its free intercept is a least-squares one, for which a best value always exists.",
    draw=draw,
    conclude=conclude,
    wordings=WORDINGS,
)
