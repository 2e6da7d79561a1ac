"""Proposition A.4, the flips of signs: what they keep, and how many points they make."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, strength, with_zeros
from proofs_checks.networks import IDENTITY, RELU, SOFTSIGN, TANH, Activation, Layer, Layers, draw_layers, forward, penalty
from proofs_checks.rationals import Numbers, Space
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, at_least_zero


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


def prove_flips() -> bool | None:
    """Two layers of two units with any activation: the output after each pattern of flips is the same expression (sympy)."""
    import sympy

    activation = sympy.Function("a")
    A = [sympy.symbols(f"A{layer}_:4", real=True) for layer in range(2)]
    beta = [sympy.symbols(f"beta{layer}_:2", real=True) for layer in range(2)]
    b = [sympy.symbols(f"b{layer}_:2", real=True) for layer in range(2)]

    def output(signs: tuple[int, ...]) -> list[Any]:
        values: list[Any] = list(sympy.symbols("x:2", real=True))
        for layer in range(2):
            scaled = [signs[2 * layer + j] * beta[layer][j] * values[j] for j in range(2)]
            columns = [[signs[2 * layer + j] * A[layer][2 * row + j] for j in range(2)] for row in range(2)]
            values = [activation(sum(columns[row][j] * scaled[j] for j in range(2)) + b[layer][row]) for row in range(2)]
        return values

    unflipped = output((1, 1, 1, 1))
    return all(output(signs) == unflipped for signs in itertools.product((1, -1), repeat=4))


STATEMENT = Statement(
    id="A4-flips",
    title="flips of signs make 2^(non-zero beta) points, not 2^k",
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
    proofs=(Proof(Method.SYMBOLIC, "flips keep the output", "two layers of two units, any activation", prove_flips),),
)
