"""The random networks that are pruned: which random numbers each weight of the target may choose from.

=================  ==========================================================================================================
``direct``         Experiment 1 of Pensia et al.: a weight is a sum of random coefficients ``a_c``, all of them edges between the
                   same two neurons.
``linear``         Their gadget without activation: ``w x ~ sum_c v_c (u_c x)``; a random network of twice the depth.
``relu``           The gadget with ReLU, ``w x ~ sum_{S+} v_c relu(u_c x) + sum_{S-} v_c relu(u_c x)`` with ``u_c > 0`` on S+ and
                   ``u_c < 0`` on S-: both sums of ``v_c u_c`` approximate w, then the error is at most ``eps |x|`` for all x.
                   Inputs that cannot be negative (behind a ReLU, or the constant that carries the bias) need no S-.
``depth_plus_one``  Burkholz (2022): gadgets in the first layer only, which makes ``n`` copies of every hidden neuron; a later
                   weight is a sum of the random weights from the copies of its input neuron, for each copy of its output.
=================  ==========================================================================================================

The first factors u are shared by all outputs of a layer. Random numbers of one output row come from a seed of their own, so that
rows can be solved anywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.lottery.targets import Target, with_constant_neuron

Array = np.ndarray[Any, np.dtype[np.float64]]

CONSTRUCTIONS = ("direct", "linear", "relu", "depth_plus_one")


@dataclass(frozen=True)
class Plan:
    """One set of subset sums: every entry of ``matrix`` from ``n`` candidates of its own.

    Attributes
    ----------
    layer : int
        Layer of the target.
    kind : str
        ``sum`` (parallel edges), ``linear``, ``relu`` (products with first factors), ``copies`` (edges from the copies of a
        neuron).
    matrix : ndarray (n_out, n_in)
        The weights to approximate.
    factors : ndarray (n_in, n) or None
        First factors.
    low, high : float
        Coefficients are uniform between these.
    shared : bool
        Whether one draw serves a whole output row.
    n : int
        Candidates per weight.
    units : int
        Random first-layer units per input, from which those with the right sign were taken; n where there is no choice.
    """

    layer: int
    kind: str
    matrix: Array
    factors: Array | None
    low: float
    high: float
    shared: bool
    n: int
    units: int

    def coefficients(self, seed: tuple[int, ...]) -> Array:
        """The random coefficients of one output row, (n_in, n), or (1, n) where shared."""
        count = 1 if self.shared else self.matrix.shape[1]
        return np.random.default_rng(seed).uniform(self.low, self.high, (count, self.n))

    def candidates(self, coefficients: Array) -> Array:
        """What a subset is chosen from, (n_in, n) or (1, n)."""
        return coefficients if self.factors is None else coefficients * self.factors


def plan(target: Target, construction: str, n: int, *, shared: bool, nonnegative_inputs: bool, seed: int) -> list[Plan]:
    """The subset sums of a construction."""
    rng = np.random.default_rng((seed, 0))
    if construction == "direct":
        low = min(float(W.min()) for W in target.matrices)
        high = max(float(W.max()) for W in target.matrices)
        if low == high:
            low, high = -max(abs(low), 1.0), max(abs(high), 1.0)
        return [Plan(k, "sum", W, None, low, high, shared, n, n) for k, W in enumerate(target.matrices)]
    if construction == "linear":
        return [_linear(k, W, n, rng) for k, W in enumerate(target.matrices)]
    if construction == "relu":
        return [
            part
            for k, W in enumerate(target.matrices)
            for part in _relu(k, W, target.biased[k], n, rng, nonnegative=nonnegative_inputs or k > 0)
        ]
    return _depth_plus_one(with_constant_neuron(target), n, rng, nonnegative=nonnegative_inputs)


def _reach(W: Array) -> float:
    """Half-width of the distribution of second factors: sums of random numbers of size one cover targets up to one half."""
    return max(1.0, 2.0 * float(np.max(np.abs(W), initial=0.0)))


def _linear(layer: int, W: Array, n: int, rng: np.random.Generator) -> Plan:
    reach = _reach(W)
    return Plan(layer, "linear", W, rng.uniform(-1.0, 1.0, (W.shape[1], n)), -reach, reach, False, n, n)


def _relu(layer: int, W: Array, biased: bool, n: int, rng: np.random.Generator, *, nonnegative: bool) -> list[Plan]:
    """One half for non-negative inputs, two for others; the bias column's constant input is not negative."""
    # So many that each sign occurs n times in all but one of 1e5 draws or fewer.
    units = math.ceil(2 * n + 6.0 * math.sqrt(2 * n))
    U = rng.uniform(-1.0, 1.0, (W.shape[1], units))
    reach = _reach(W)
    parts = [Plan(layer, "relu", W, _first_of_sign(U, 1.0, n), -reach, reach, False, n, units)]
    if not nonnegative:
        V = W[:, :-1] if biased else W
        if V.shape[1]:
            parts.append(Plan(layer, "relu", V, _first_of_sign(U[: V.shape[1]], -1.0, n), -reach, reach, False, n, units))
    return parts


def _first_of_sign(U: Array, sign: float, n: int) -> Array:
    """The first n entries of each row that have this sign; zeros where there are fewer."""
    order = np.argsort(sign * U <= 0.0, axis=1, kind="stable")[:, :n]
    chosen = np.take_along_axis(U, order, axis=1)
    return np.where(sign * chosen > 0.0, chosen, 0.0)


def _depth_plus_one(target: Target, n: int, rng: np.random.Generator, *, nonnegative: bool) -> list[Plan]:
    parts, last = [], len(target.matrices) - 1
    for k, W in enumerate(target.matrices):
        copied = W if k == last else np.repeat(W, n, axis=0)
        if k == 0:
            parts += _relu(0, copied, target.biased[0], n, rng, nonnegative=nonnegative)
        else:
            reach = _reach(W)
            parts.append(Plan(k, "copies", copied, None, -reach, reach, False, n, n))
    return parts
