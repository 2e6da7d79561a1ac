"""The variables of a training run: A, beta, intercept, what the optimiser remembers of them, and their collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from solvers._compile import helper, kernel
from solvers.regression.training.optimizers import Accumulators, Stepper, accumulators, step_matrix, step_vector
from solvers.regression.training.removal import Mask, Removal, RemovalRule, remove

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

SIGNED, RELU, OPEN = 0, 1, 2
"""What a switch multiplies its input by: beta, max(0, beta), or 1: then the columns of A themselves are penalised."""


class GatePenalty(NamedTuple):
    """Kind of gate, and strengths: ``lam ||gate||_1 + lam2 ||A||_p^p``; for `OPEN` ``lam sum_j ||A_:j|| + lam2 ||A||_p^p``."""

    gate: int
    lam: float
    lam2: float
    p: float


class Variables(NamedTuple):
    """The live variables, for kernels.

    ``A (n_targets, n_live)``, ``beta (n_live,)``, ``b (n_targets,)`` with accumulators; running mean and variance of the signs of
    ``beta``; which of them are not removed.
    """

    A: Array
    beta: Array
    b: Array
    of_A: Accumulators
    of_beta: Accumulators
    of_b: Accumulators
    mean: Array
    variance: Array
    alive: Mask


@dataclass
class State:
    """A training run between two epochs.

    Attributes
    ----------
    live : (n_live,) int
        Which inputs of the data the columns of ``variables.A`` belong to.
    n_steps : int
        Optimiser steps taken.
    """

    variables: Variables
    live: Indices
    n_steps: int = 0

    @property
    def n_alive(self) -> int:
        """Inputs that are not removed."""
        return int(np.count_nonzero(self.variables.alive))

    @property
    def nbytes(self) -> int:
        """Of all variables, accumulators and statistics of signs that are held."""
        return sum(array.nbytes for array in _arrays(self.variables))

    def copy(self) -> State:
        """One that later steps do not change."""
        return State(_mapped(self.variables, np.copy, np.copy), self.live, self.n_steps)

    def collect(self) -> Indices:
        """Take the removed inputs out of every array; returns the positions that stay, among those there were."""
        keep = np.flatnonzero(self.variables.alive)
        # `take`, for indexing would order the memory by columns.
        self.variables = _mapped(self.variables, lambda a: np.take(a, keep, axis=-1) if a.shape[-1] else a, lambda a: a)
        self.live = self.live[keep]
        return keep

    def effective(self, gate: int) -> Array:
        """``W = A diag(gate(beta))``, (n_targets, n_live)."""
        return self.variables.A * gates(self.variables.beta, gate)


def _arrays(v: Variables) -> list[np.ndarray[Any, Any]]:
    return [v.A, v.beta, v.b, *v.of_A, *v.of_beta, *v.of_b, v.mean, v.variance, v.alive]


def _mapped(v: Variables, per_input: Any, per_output: Any) -> Variables:
    """Functions applied to all arrays: the last axis counts inputs, except for those of the intercept."""
    return Variables(
        per_input(v.A),
        per_input(v.beta),
        per_output(v.b),
        Accumulators(*map(per_input, v.of_A)),
        Accumulators(*map(per_input, v.of_beta)),
        Accumulators(*map(per_output, v.of_b)),
        per_input(v.mean),
        per_input(v.variance),
        per_input(v.alive),
    )


def initial_state(
    shape: tuple[int, int], gate: int, stepper: Stepper, removal: Removal, rng: np.random.Generator, fit_intercept: bool
) -> State:
    """The draft's initial point: beta from N(0, 1), or from U(0, 1] behind a ReLU; A and b as PyTorch's linear layers."""
    n_targets, n_features = shape
    bound = 1.0 / np.sqrt(n_features)
    beta = {SIGNED: rng.standard_normal, RELU: lambda size: 1.0 - rng.random(size), OPEN: np.ones}[gate](n_features)
    variables = Variables(
        A=rng.uniform(-bound, bound, shape),
        beta=beta,
        b=rng.uniform(-bound, bound, n_targets) if fit_intercept else np.zeros(n_targets),
        of_A=accumulators(stepper, shape),
        of_beta=accumulators(stepper, (n_features,)),
        of_b=accumulators(stepper, (n_targets,)),
        mean=removal.initial_means(beta),
        variance=np.zeros(n_features),
        alive=np.ones(n_features, dtype=np.bool_),
    )
    return State(variables, np.arange(n_features))


def gates(beta: Array, gate: int) -> Array:
    """What the inputs are multiplied by."""
    return {SIGNED: lambda: beta, RELU: lambda: np.maximum(beta, 0.0), OPEN: lambda: np.ones_like(beta)}[gate]()


def penalty_value(variables: Variables, penalty: GatePenalty) -> float:
    """``lam ||gate||_1 + lam2 ||A||_p^p`` over the inputs that are alive."""
    A = variables.A[:, variables.alive]
    if penalty.gate == OPEN:
        first = float(np.sum(np.sqrt(np.sum(A**2, axis=0))))
    else:
        first = float(np.sum(np.abs(gates(variables.beta, penalty.gate))))
    return penalty.lam * first + (penalty.lam2 * float(np.sum(np.abs(A) ** penalty.p)) if penalty.lam2 else 0.0)


@helper
def gate_of(beta: float, gate: int) -> float:
    """`gates` for one switch."""
    if gate == OPEN:
        return 1.0
    return max(beta, 0.0) if gate == RELU else beta


@helper
def write_effective(v: Variables, gate: int, W: Array) -> None:
    """``W = A diag(gate(beta))``."""
    scale = np.empty_like(v.beta)
    for j in range(v.beta.shape[0]):
        scale[j] = gate_of(v.beta[j], gate)
    for t in range(W.shape[0]):
        for j in range(W.shape[1]):
            W[t, j] = v.A[t, j] * scale[j]


@helper
def advance(
    v: Variables,
    G: Array,
    g_b: Array,
    penalty: GatePenalty,
    stepper: Stepper,
    rule: RemovalRule,
    observes: bool,
    noise: Array,
    t: int,
) -> int:
    """Optimiser step ``t`` from the gradients ``G (n_targets, n_live)`` in W (overwritten) and ``g_b`` in the intercept.

    Then, where ``observes``, the removal rule; returns how many inputs it removed.
    """
    g_beta = _chain_rule(v, G, penalty)
    step_matrix(stepper, t, v.A, G, v.of_A)
    if penalty.gate != OPEN:
        step_vector(stepper, t, v.beta, g_beta, v.of_beta.first, v.of_beta.second)
    step_vector(stepper, t, v.b, g_b, v.of_b.first, v.of_b.second)
    if observes and penalty.gate != OPEN:
        return remove(rule, v.beta, v.mean, v.variance, v.alive, noise, penalty.gate == RELU)
    for j in range(v.beta.shape[0]):
        if not v.alive[j]:
            v.beta[j] = 0.0
    return 0


@helper
def _chain_rule(v: Variables, G: Array, penalty: GatePenalty) -> Array:
    """Turn the gradient in W into that in A, in place, penalties included; returns the one in beta.

    ``dA = G diag(gate)``, ``dbeta_j = <G_:j, A_:j> gate'(beta_j) + lam sign(gate_j)``; behind a ReLU both vanish at beta <= 0.
    """
    n_targets, n_live = G.shape
    g_beta, scale = np.zeros(n_live), np.empty(n_live)
    for j in range(n_live):
        scale[j] = gate_of(v.beta[j], penalty.gate)
    for t in range(n_targets):
        for j in range(n_live):
            g_beta[j] += G[t, j] * v.A[t, j]
            G[t, j] *= scale[j]
    for j in range(n_live):
        if penalty.gate == RELU:
            g_beta[j] = g_beta[j] + penalty.lam if v.beta[j] > 0.0 else 0.0
        else:
            g_beta[j] += penalty.lam * (1.0 if v.beta[j] > 0.0 else (-1.0 if v.beta[j] < 0.0 else 0.0))
    if penalty.gate == OPEN:
        _add_group_gradient(v.A, G, penalty.lam)
    if penalty.lam2 > 0.0:
        _add_power_gradient(v.A, G, penalty.lam2, penalty.p)
    return g_beta


@helper
def _add_group_gradient(A: Array, G: Array, lam: float) -> None:
    """``G += lam A_:j / ||A_:j||``; 0 for a zero column."""
    norms = np.zeros(A.shape[1])
    for t in range(A.shape[0]):
        for j in range(A.shape[1]):
            norms[j] += A[t, j] * A[t, j]
    for j in range(A.shape[1]):
        norms[j] = lam / np.sqrt(norms[j]) if norms[j] > 0.0 else 0.0
    for t in range(A.shape[0]):
        for j in range(A.shape[1]):
            G[t, j] += norms[j] * A[t, j]


@helper
def _add_power_gradient(A: Array, G: Array, lam2: float, p: float) -> None:
    """``G += lam2 p |A|^{p-1} sign(A)``; 0 at 0."""
    for t in range(A.shape[0]):
        if p == 2.0:
            for j in range(A.shape[1]):
                G[t, j] += 2.0 * lam2 * A[t, j]
        else:
            for j in range(A.shape[1]):
                if A[t, j] != 0.0:
                    G[t, j] += lam2 * p * abs(A[t, j]) ** (p - 1.0) * (1.0 if A[t, j] > 0.0 else -1.0)


@kernel
def take_step(
    v: Variables,
    G: Array,
    g_b: Array,
    penalty: GatePenalty,
    stepper: Stepper,
    rule: RemovalRule,
    observes: bool,
    noise: Array,
    t: int,
) -> int:
    """`advance`, called from Python."""
    return advance(v, G, g_b, penalty, stepper, rule, observes, noise, t)
