"""The event graph of the draft's section 3.1: layers are vertices, edges tell their neighbours which neurons are gone.

A switch layer removes neurons. The event runs against the arrows to the layer that produces them, which drops rows of its
weights, and along the arrows to the layers that consume them, which drop columns; layers that work neuron by neuron pass it on.
Optimiser state is sliced with the variables it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from solvers._blas import matmul
from solvers._compile import kernel
from solvers.regression.training.optimizers import Accumulators, Stepper, accumulators, step_vector
from solvers.regression.training.removal import Mask, Removal, RemovalRule, remove

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]


@kernel
def step_flat(stepper: Stepper, t: int, x: Array, g: Array, memory: Accumulators) -> None:
    """`step_vector`, called from Python."""
    step_vector(stepper, t, x, g, memory.first, memory.second)


@kernel
def remove_switches(rule: RemovalRule, beta: Array, mean: Array, variance: Array, alive: Mask, noise: Array) -> int:
    """`remove`, called from Python."""
    return remove(rule, beta, mean, variance, alive, noise, False)


@dataclass
class Variable:
    """Numbers that are trained, and what the optimiser remembers of them."""

    value: Array
    memory: Accumulators

    @classmethod
    def fresh(cls, value: Array, stepper: Stepper) -> Variable:
        """A variable that no step has been taken of."""
        return cls(value, accumulators(stepper, value.shape))

    def step(self, stepper: Stepper, t: int, gradient: Array) -> None:
        """Optimiser step number ``t``."""
        flat = Accumulators(*(array.reshape(-1) for array in self.memory))
        step_flat(stepper, t, self.value.reshape(-1), np.ascontiguousarray(gradient).reshape(-1), flat)

    def keep(self, kept: Indices, axis: int) -> None:
        """Drop what is not at the positions ``kept`` of an axis."""
        self.value = np.take(self.value, kept, axis=axis)
        self.memory = Accumulators(*(np.take(a, kept, axis=axis) if a.size else a for a in self.memory))


class Vertex(Protocol):
    """A layer, as the graph knows it."""

    def keep_inputs(self, kept: Indices) -> None:
        """The layers before have dropped all but these neurons."""
        ...

    def keep_outputs(self, kept: Indices) -> None:
        """The layers behind need only these neurons."""
        ...


@dataclass
class Hub:
    """An edge: it tells the producer, or the consumers, of one bundle of neurons which of them stay."""

    producer: Vertex | None = None
    consumers: list[Vertex] = field(default_factory=list)

    def tell_producer(self, kept: Indices) -> None:
        """Against the arrow."""
        if self.producer is not None:
            self.producer.keep_outputs(kept)

    def tell_consumers(self, kept: Indices) -> None:
        """Along the arrow."""
        for consumer in self.consumers:
            consumer.keep_inputs(kept)


@dataclass
class Linear:
    """``Z = H W' + b``: where events end."""

    weights: Variable
    biases: Variable

    def keep_inputs(self, kept: Indices) -> None:
        """Columns of W."""
        self.weights.keep(kept, axis=1)

    def keep_outputs(self, kept: Indices) -> None:
        """Rows of W, entries of b."""
        self.weights.keep(kept, axis=0)
        self.biases.keep(kept, axis=0)

    def forward(self, H: Array) -> Array:
        """``H W' + b``."""
        Z = matmul(H, self.weights.value.T)
        Z += self.biases.value
        return Z

    def backward(self, dZ: Array, H: Array, *, to_inputs: bool) -> tuple[Array, Array, Array | None]:
        """Gradients in W, b and, where asked for, H."""
        return matmul(dZ.T, H), np.sum(dZ, axis=0), matmul(dZ, self.weights.value) if to_inputs else None


@dataclass
class Switch:
    """``H = beta o relu(Z)``: where events begin; ``before`` and ``behind`` are its edges."""

    beta: Variable
    mean: Array
    variance: Array
    alive: Mask
    before: Hub
    behind: Hub

    @classmethod
    def fresh(cls, beta: Array, stepper: Stepper, removal: Removal, before: Hub, behind: Hub) -> Switch:
        """A switch layer before any step."""
        alive = np.ones(len(beta), dtype=np.bool_)
        return cls(Variable.fresh(beta, stepper), removal.initial_means(beta), np.zeros(len(beta)), alive, before, behind)

    def observe(self, rule: RemovalRule, noise: Array) -> int:
        """Apply the rule to the present signs; how many neurons it removed."""
        return remove_switches(rule, self.beta.value, self.mean, self.variance, self.alive, noise)

    def collect(self) -> Indices:
        """Drop removed neurons here, and in all layers that hold numbers of them; the positions that stay."""
        kept = np.flatnonzero(self.alive)
        if len(kept) < len(self.alive):
            self._keep(kept)
            self.before.tell_producer(kept)
            self.behind.tell_consumers(kept)
        return kept

    def keep_inputs(self, kept: Indices) -> None:
        """Neuron by neuron: the event goes on along the arrows."""
        self._keep(kept)
        self.behind.tell_consumers(kept)

    def keep_outputs(self, kept: Indices) -> None:
        """Neuron by neuron: the event goes on against the arrows."""
        self._keep(kept)
        self.before.tell_producer(kept)

    def _keep(self, kept: Indices) -> None:
        self.beta.keep(kept, axis=0)
        self.mean, self.variance, self.alive = self.mean[kept], self.variance[kept], self.alive[kept]


@dataclass
class Graph:
    """A chain of linear layers with a switch layer behind each but the last."""

    linears: list[Linear]
    switches: list[Switch]

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, neurons held in each hidden layer, outputs."""
        return (self.linears[0].weights.value.shape[1], *(len(linear.biases.value) for linear in self.linears))

    @property
    def variables(self) -> Iterator[Variable]:
        """All that is trained."""
        for linear in self.linears:
            yield from (linear.weights, linear.biases)
        for switch in self.switches:
            yield switch.beta


def chain(widths: tuple[int, ...], stepper: Stepper, removal: Removal, rng: np.random.Generator) -> Graph:
    """A random network: weights and biases as PyTorch's linear layers have them, switches from U(-1, 1)."""
    linears = [_random_linear(n_in, n_out, stepper, rng) for n_in, n_out in pairwise(widths)]
    switches = []
    for producer, consumer in pairwise(linears):
        beta = rng.uniform(-1.0, 1.0, len(producer.biases.value))
        before = Hub(producer=producer)
        behind = Hub(consumers=[consumer])
        switch = Switch.fresh(beta, stepper, removal, before, behind)
        before.consumers.append(switch)
        behind.producer = switch
        switches.append(switch)
    return Graph(linears, switches)


def _random_linear(n_in: int, n_out: int, stepper: Stepper, rng: np.random.Generator) -> Linear:
    bound = 1.0 / np.sqrt(n_in)
    weights, biases = rng.uniform(-bound, bound, (n_out, n_in)), rng.uniform(-bound, bound, n_out)
    return Linear(Variable.fresh(weights, stepper), Variable.fresh(biases, stepper))
