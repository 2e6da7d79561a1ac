"""The exact reduction: regularised ShrinkNet of any depth is a problem in the products ``W = A diag(beta)`` alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks import factorisation
from proofs_checks.arithmetic import Array, is_exact, strength, with_zeros
from proofs_checks.factorisation import best_factor, reduced_penalty
from proofs_checks.networks import (
    IDENTITY,
    RELU,
    SOFTSIGN,
    TANH,
    Activation,
    Layer,
    Layers,
    draw_layers,
    draw_widths,
    forward,
    forward_product,
    penalty,
)
from proofs_checks.rationals import Numbers, Space, not_negative_rational
from proofs_checks.statement import Statement, Verdict, at_least_zero


@dataclass(frozen=True)
class Instance:
    """A regularised network, inputs, and a point of its parameters."""

    activation: Activation
    lam: Any
    lam2: Any
    p: Any
    X: Array
    layers: Layers


def products(layers: Layers) -> list[Array]:
    """``W_i = A_i diag(beta_i)``."""
    return [layer.A * layer.beta for layer in layers]


def reduced_objective_penalty(i: Instance) -> Any:
    """``sum_i sum_j mu ||w_ij||_p^q + lam2 sum_i ||b_i||_p^p``."""
    columns = sum(reduced_penalty(w, i.lam, i.lam2, i.p) for W in products(i.layers) for w in W.T)
    return columns + i.lam2 * sum((abs(layer.b) ** i.p).sum() for layer in i.layers)


def balanced(layer: Layer, lam: float, lam2: float, p: float) -> Layer:
    """The cheapest factors of the layer's product, column by column."""
    W = layer.A * layer.beta
    beta = np.array([best_factor(w, lam, lam2, p) for w in W.T])
    return Layer(W / np.where(beta > 0, beta, 1.0), beta, layer.b)


def conclude(i: Instance) -> Verdict:
    """The network depends on the products alone; Omega is at least the reduced penalty, and equal to it at the best factors."""
    out = forward(i.layers, i.X, i.activation)
    same = forward_product(products(i.layers), [layer.b for layer in i.layers], i.X, i.activation)
    apart = np.max(abs(out - same)) / (1 + np.max(abs(out)))
    if is_exact(i.X) or not (i.lam > 0 and i.lam2 > 0):
        return at_least_zero(
            min(-apart, *(_column_margin(i, a, b) for layer in i.layers for a, b in zip(layer.A.T, layer.beta, strict=True)))
        )
    least = reduced_objective_penalty(i)
    size = least if least > 0 else 1.0
    slack = (penalty(i.layers, i.lam, i.lam2, i.p) - least) / size
    best = tuple(balanced(layer, i.lam, i.lam2, i.p) for layer in i.layers)
    off = abs(penalty(best, i.lam, i.lam2, i.p) - least) / size
    moved = np.max(abs(forward(best, i.X, i.activation) - out)) / (1 + np.max(abs(out)))
    return at_least_zero(min(slack, -off, -apart, -moved), slack=slack, off=off, apart=apart, moved=moved)


def _column_margin(i: Instance, a: Array, b: Any) -> Any:
    """Omega splits into columns: the factorisation lemma's margin for this one, ``w = b a``; exact for rationals."""
    return factorisation.conclude(factorisation.Instance(b * a, i.lam, i.lam2, i.p, b)).margin if b else 0


def draw(rng: np.random.Generator) -> Instance:
    """One to three layers of one to three units, zeros among the parameters; one in ten with a strength of zero."""
    widths = draw_widths(rng)
    lam, lam2 = strength(rng), strength(rng)
    if rng.random() < 0.1:
        lam, lam2 = (0.0, lam2) if rng.random() < 0.5 else (lam, 0.0)
    p = float(rng.choice([0.5, 1.0, 1.5, 2.0, 3.0]))
    activation = (IDENTITY, RELU, SOFTSIGN, TANH)[rng.integers(4)]
    return Instance(activation, lam, lam2, p, with_zeros(rng, widths[0], int(rng.integers(1, 4))), draw_layers(rng, widths))


def unit(x: Fraction, A: Fraction, beta: Fraction, lam: Fraction, lam2: Fraction, p: int) -> Instance:
    """One linear unit without bias."""
    X, A1, beta1, b = np.array([x, A, beta, Fraction(0)], dtype=object).reshape(4, 1)
    return Instance(IDENTITY, lam, lam2, p, X.reshape(1, 1), (Layer(A1.reshape(1, 1), beta1, b),))


STATEMENT = Statement(
    id="reduction",
    title="any depth: a problem in W = A diag(beta) alone",
    claim="Over networks of any depth, with any loss and activation, min of loss + Omega over all (A_i, beta_i, b_i) equals "
    "min over (W_i, b_i) of loss + mu sum_ij ||w_ij||_p^q + lam2 sum_i ||b_i||_p^p, and minimisers correspond by W_i = A_i "
    "diag(beta_i) and the best factors of each column.",
    hypotheses=factorisation.PENALISED,
    proof=(
        "A layer sees A_i and beta_i only through W_i = A_i diag(beta_i): the loss is a function of the W_i and b_i.",
        "For given W_i, Omega is a sum over columns of lam |beta_ij| + lam2 ||a_ij||_p^p with beta_ij a_ij = w_ij, and of "
        "lam2 ||b_i||_p^p. Each column is minimised on its own, by the factorisation lemma.",
        "Minimising over factors first, then over (W_i, b_i), gives the reduced problem; the lemma's factors are the minimisers.",
    ),
    source="Follows from the factorisation lemma; not in the ShrinkNets draft.",
    meaning="solve minimises over W, where each block has a closed-form minimiser, and returns A and beta afterwards: "
    "nothing is lost. Fits with equal lam^p lam2 have the same coefficients.",
    draw=draw,
    conclude=conclude,
    space=Space(
        unit,
        (
            *(Numbers("x"), Numbers("A"), Numbers("beta")),
            *(Numbers("lam", (), not_negative_rational), Numbers("lam2", (), not_negative_rational)),
        ),
        choices={"p": (1, 2)},
    ),
)
