"""What may be given as the network to approximate, and its one internal form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_numbers, require_finite
from solvers.errors import IncompatibleError, InputError
from solvers.networks import ReluNetwork

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Target:
    """Matrices to approximate.

    Attributes
    ----------
    matrices : tuple of ndarray (n_out, n_in)
        Weights; the last column of a layer with biases holds them: they are the weights of a constant input 1.
    biased : tuple of bool
        Which layers have that column.
    shapes : tuple of tuple of int
        Shapes of the weights as they came; a kernel tensor (n_out, ...) is a matrix (n_out, product of the rest).
    network : ReluNetwork or None
        None for tensors, which cannot be evaluated here.
    """

    matrices: tuple[Array, ...]
    biased: tuple[bool, ...]
    shapes: tuple[tuple[int, ...], ...]
    network: ReluNetwork | None

    @property
    def n_weights(self) -> int:
        """Weights and biases."""
        return sum(W.size for W in self.matrices)


def as_target(target: Any) -> Target:
    """A `ReluNetwork`, a list of weights (n_out, n_in) or of tensors (n_out, ...), a scikit-learn MLP, a torch Sequential."""
    if isinstance(target, ReluNetwork):
        return _of_network(target)
    if hasattr(target, "coefs_"):
        return _of_network(ReluNetwork.from_sklearn(target))
    if hasattr(target, "state_dict"):
        return _of_network(ReluNetwork.from_torch(target))
    if isinstance(target, np.ndarray) or not isinstance(target, Sequence) or isinstance(target, str):
        raise IncompatibleError(
            "target must be a ReluNetwork, a list of weight arrays, a fitted MLPClassifier or MLPRegressor, or a torch "
            f"Sequential, got {type(target).__name__}: write [weights] for a single layer"
        )
    if len(target) == 0:
        raise InputError("target must hold at least one array of weights, got an empty list")
    arrays = [as_numbers(W, f"target[{k}]") for k, W in enumerate(target)]
    if all(W.ndim == 2 for W in arrays):
        return _of_network(ReluNetwork(arrays))
    for k, W in enumerate(arrays):
        if W.ndim < 2 or W.size == 0:
            raise InputError(f"target[{k}] must have at least two dimensions (n_out, n_in, ...), got shape {W.shape}")
        require_finite(W, f"target[{k}]")
    matrices = tuple(np.ascontiguousarray(W.reshape(len(W), -1)) for W in arrays)
    return Target(matrices, (False,) * len(arrays), tuple(W.shape for W in arrays), None)


def _of_network(network: ReluNetwork) -> Target:
    matrices = tuple(W if b is None else np.column_stack([W, b]) for W, b in zip(network.weights, network.biases, strict=True))
    biased = tuple(b is not None for b in network.biases)
    return Target(matrices, biased, tuple(W.shape for W in network.weights), network)


def with_constant_neuron(target: Target) -> Target:
    """The same network with its biases carried by a neuron that is always 1, in every hidden layer: no bias but in the first."""
    if not any(target.biased[1:]):
        return target
    matrices, last = [], len(target.matrices) - 1
    for k, (W, has_bias) in enumerate(zip(target.matrices, target.biased, strict=True)):
        if not has_bias:
            W = np.column_stack([W, np.zeros(len(W))])
        one = np.zeros((1, W.shape[1]))
        one[0, -1] = 1.0
        matrices.append(W if k == last else np.vstack([W, one]))
    biased = (True, *(False,) * last)
    return Target(tuple(matrices), biased, target.shapes, target.network)
