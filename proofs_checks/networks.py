"""Networks of A.4: layers ``f(x) = a(A diag(beta) x + b)``, one after the other, and the regularised ShrinkNet penalty.

Floats and arrays of exact rationals both pass through, as long as the activation is rational.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from proofs_checks.arithmetic import Array, with_zeros
from proofs_checks.rationals import describe


class Activation(NamedTuple):
    """An element-wise function ``a`` with ``a(0) = 0``.

    Attributes
    ----------
    name : str
        As a formula.
    apply : callable
        On arrays of floats or rationals.
    is_continuous : bool
        Whether it has no jump.
    low, high : float or None
        Infimum and supremum of its values where it is bounded there; neither is attained by those listed here but ``low = 0``.
    """

    name: str
    apply: Callable[[Any], Any]
    is_continuous: bool = True
    low: int | None = None
    high: int | None = None

    def __str__(self) -> str:
        return self.name


IDENTITY = Activation("t", lambda t: t)
RELU = Activation("max(0, t)", lambda t: np.where(t > 0, t, 0 * t), low=0)
SOFTSIGN = Activation("t/(1+|t|)", lambda t: t / (1 + abs(t)), low=-1, high=1)
TANH = Activation("tanh(t)", np.tanh, low=-1, high=1)
STEP = Activation("1 if t > 0 else 0", lambda t: np.where(t > 0, 1 + 0 * t, 0 * t), is_continuous=False, low=0, high=1)


@dataclass(frozen=True)
class Layer:
    """``A (n, p)``, ``beta (p,)``, ``b (n,)``."""

    A: Array
    beta: Array
    b: Array

    def plus(self, other: Layer, t: Any) -> Layer:
        """``self + t other``."""
        return Layer(self.A + t * other.A, self.beta + t * other.beta, self.b + t * other.b)

    def __str__(self) -> str:
        return describe(self)

    def largest(self) -> Any:
        """The largest parameter in absolute value."""
        return max(np.max(abs(values)) for values in (self.A, self.beta, self.b))


Layers = tuple[Layer, ...]


def forward(layers: Layers, X: Array, activation: Activation, *, clipped: bool = False) -> Array:
    """``N(X)`` for samples in the columns of X; ``clipped`` puts ``max(0, beta)`` for beta, the draft's Filter layer, eq. (1)."""
    for layer in layers:
        scale = np.where(layer.beta > 0, layer.beta, 0 * layer.beta) if clipped else layer.beta
        X = activation.apply((layer.A * scale) @ X + layer.b[:, np.newaxis])
    return X


def forward_product(weights: Sequence[Array], biases: Sequence[Array], X: Array, activation: Activation) -> Array:
    """The same network from its products ``W = A diag(beta)``: ``a(W x + b)`` layer by layer."""
    for W, b in zip(weights, biases, strict=True):
        X = activation.apply(W @ X + b[:, np.newaxis])
    return X


def penalty(layers: Layers, lam: Any, lam2: Any, p: Any) -> Any:
    """``sum_i lam ||beta_i||_1 + lam2 (||A_i||_p^p + ||b_i||_p^p)``."""
    return sum(lam * abs(one.beta).sum() + lam2 * ((abs(one.A) ** p).sum() + (abs(one.b) ** p).sum()) for one in layers)


def draw_layers(rng: np.random.Generator, widths: Sequence[int]) -> Layers:
    """Random parameters, some of them zero; ``widths`` are those of the input and of each layer's output."""
    return tuple(Layer(with_zeros(rng, n, p), with_zeros(rng, p), with_zeros(rng, n)) for p, n in itertools.pairwise(widths))


def draw_widths(rng: np.random.Generator) -> list[int]:
    """One to three layers of one to three units."""
    return [int(width) for width in rng.integers(1, 4, rng.integers(2, 5))]
