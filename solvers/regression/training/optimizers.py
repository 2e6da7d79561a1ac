"""Gradient steps as deep-learning libraries take them: plain SGD, Adagrad and Adam, with their accumulators."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from solvers._compile import helper
from solvers.errors import InputError

Array = np.ndarray[Any, np.dtype[np.float64]]

SGD, ADAGRAD, ADAM = 0, 1, 2

_BETA1, _BETA2 = 0.9, 0.999
_ADAGRAD_EPS, _ADAM_EPS = 1e-10, 1e-8


class Stepper(NamedTuple):
    """An optimiser for kernels."""

    kind: int
    lr: float


class Accumulators(NamedTuple):
    """What an optimiser remembers of each variable; arrays of size 0 where it needs none.

    ``first``: Adam's mean of gradients. ``second``: Adagrad's sum, or Adam's mean, of their squares.
    """

    first: Array
    second: Array


OPTIMIZERS = {"sgd": SGD, "adagrad": ADAGRAD, "adam": ADAM}


def as_stepper(optimizer: object, lr: float) -> Stepper:
    """The optimiser of that name."""
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        raise InputError(f"optimizer must be one of {', '.join(map(repr, OPTIMIZERS))}, got {optimizer!r}")
    return Stepper(OPTIMIZERS[optimizer], lr)


def accumulators(stepper: Stepper, shape: tuple[int, ...]) -> Accumulators:
    """Fresh accumulators for a variable of this shape."""
    none = (0,) * len(shape)
    return Accumulators(np.zeros(shape if stepper.kind == ADAM else none), np.zeros(none if stepper.kind == SGD else shape))


@helper
def step_vector(stepper: Stepper, t: int, x: Array, g: Array, first: Array, second: Array) -> None:
    """Step number ``t`` (from 1) of one vector of variables ``x`` against its gradient ``g``, in place.

    Adagrad: ``G += g^2, x -= lr g / (sqrt(G) + 1e-10)``. Adam: means of g and g^2 with 0.9 and 0.999, divided by what they lack
    at the start, and 1e-8 in the denominator. Both as PyTorch has them.
    """
    lr = stepper.lr
    if stepper.kind == ADAGRAD:
        for j in range(x.shape[0]):
            second[j] += g[j] * g[j]
            x[j] -= lr * g[j] / (math.sqrt(second[j]) + _ADAGRAD_EPS)
    elif stepper.kind == ADAM:
        rate, root = lr / (1.0 - _BETA1**t), 1.0 / math.sqrt(1.0 - _BETA2**t)
        for j in range(x.shape[0]):
            first[j] = _BETA1 * first[j] + (1.0 - _BETA1) * g[j]
            second[j] = _BETA2 * second[j] + (1.0 - _BETA2) * g[j] * g[j]
            x[j] -= rate * first[j] / (math.sqrt(second[j]) * root + _ADAM_EPS)
    else:
        for j in range(x.shape[0]):
            x[j] -= lr * g[j]


@helper
def step_matrix(stepper: Stepper, t: int, x: Array, g: Array, memory: Accumulators) -> None:
    """`step_vector` for each row of a matrix."""
    remembers_first, remembers_second = memory.first.shape[0] > 0, memory.second.shape[0] > 0
    for i in range(x.shape[0]):
        first = memory.first[i] if remembers_first else x[i]
        second = memory.second[i] if remembers_second else x[i]
        step_vector(stepper, t, x[i], g[i], first, second)
