"""Feed-forward ReLU networks as plain data: weights, biases, forward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from solvers._arrays import as_matrix, as_numbers, require_finite
from solvers._blas import matmul
from solvers._parallel import single_threaded
from solvers.errors import IncompatibleError, InputError
from solvers.results import Record, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]


@saveable
@dataclass(frozen=True, repr=False, eq=False, init=False)
class ReluNetwork(Record):
    """The network ``x -> W_L relu(... relu(W_1 x + b_1) ...) + b_L``: ReLU between the layers, none after the last.

    Parameters
    ----------
    weights : sequence of array_like, ``weights[k]`` (n_out, n_in)
        One matrix per layer; the ``n_in`` of a layer is the ``n_out`` of the one before. Stored as read-only float64; arrays that
        are float64 already are not copied.
    biases : sequence of (array_like (n_out,) or None), optional
        One vector per layer; None, for a layer or for all, where there is none.

    Attributes
    ----------
    weights : tuple of ndarray
        ``weights[k]`` (n_out, n_in).
    biases : tuple of (ndarray or None)
        ``biases[k]`` (n_out,).

    Raises
    ------
    InputError
        Where there is no layer, shapes do not fit each other, or a number is not finite.

    Examples
    --------
    >>> from solvers import ReluNetwork
    >>> absolute = ReluNetwork([[[1.0], [-1.0]], [[1.0, 1.0]]])
    >>> absolute.forward([[-2.0], [3.0]])
    array([[2.],
           [3.]])
    >>> absolute.widths, absolute.n_parameters
    ((1, 2, 1), 4)
    """

    weights: tuple[Array, ...]
    biases: tuple[Array | None, ...]

    def __init__(self, weights: Sequence[ArrayLike], biases: Sequence[ArrayLike | None] | None = None) -> None:
        if len(weights) == 0:
            raise InputError("weights must hold one matrix (n_out, n_in) per layer, got none")
        matrices = tuple(as_matrix(W, f"weights[{k}]") for k, W in enumerate(weights))
        _check_chain(matrices)
        object.__setattr__(self, "weights", matrices)
        object.__setattr__(self, "biases", _as_biases(biases, matrices))

    @classmethod
    def from_sklearn(cls, mlp: Any) -> Self:
        """The network inside a fitted scikit-learn ``MLPClassifier`` or ``MLPRegressor``.

        Its outputs are those before the output activation: logits for a classifier (a single one for two classes), the
        predictions for a regressor.

        Raises
        ------
        IncompatibleError
            If ``mlp`` is not fitted, is no multi-layer perceptron, or has another activation than ``"relu"``.
        """
        if not (hasattr(mlp, "coefs_") and hasattr(mlp, "intercepts_")):
            raise IncompatibleError(
                f"mlp must be a fitted MLPClassifier or MLPRegressor, got {type(mlp).__name__} without coefs_: "
                "write ReluNetwork.from_sklearn(mlp.fit(X, y))"
            )
        if len(mlp.coefs_) > 1 and mlp.activation != "relu":
            raise IncompatibleError(f"mlp must have activation='relu', got {mlp.activation!r}: train it with that activation")
        return cls([np.asarray(W).T for W in mlp.coefs_], mlp.intercepts_)

    @classmethod
    def from_torch(cls, module: Any) -> Self:
        """The network inside a torch ``Sequential`` of ``Linear`` and ``ReLU``.

        ``Flatten``, ``Identity`` and ``Dropout`` are passed over, nested ``Sequential`` modules opened. Torch is not imported.

        Raises
        ------
        IncompatibleError
            If there is any other module, or ReLU does not stand exactly between each two linear layers.
        """
        layers: list[Any] = []
        activated = True
        for name, layer in _torch_layers(module):
            if name == "ReLU":
                if activated:
                    raise IncompatibleError("module has a ReLU that does not follow a Linear: take it out")
                activated = True
            elif not activated:
                raise IncompatibleError("module has two Linear layers without a ReLU between: multiply them into one")
            else:
                layers.append(layer)
                activated = False
        if not layers or activated:
            raise IncompatibleError("module must end with a Linear, got none at its end: take what follows the last Linear out")
        biases = [None if layer.bias is None else _from_tensor(layer.bias) for layer in layers]
        return cls([_from_tensor(layer.weight) for layer in layers], biases)

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers of inputs, of units of each hidden layer, and of outputs."""
        return (self.weights[0].shape[1], *(len(W) for W in self.weights))

    @property
    def depth(self) -> int:
        """How many layers of weights there are."""
        return len(self.weights)

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are, zeros included."""
        return sum(W.size for W in self.weights) + sum(b.size for b in self.biases if b is not None)

    @single_threaded
    def forward(self, X: ArrayLike) -> Array:
        """The outputs (n_samples, n_outputs) for inputs ``X (n_samples, n_inputs)``, in float64.

        Raises
        ------
        InputError
            If X has another number of columns, or holds a number that is not finite.
        """
        *_, outputs = self._layers(X)
        return outputs

    @single_threaded
    def activations(self, X: ArrayLike) -> tuple[Array, ...]:
        """The inputs of every layer for ``X (n_samples, n_inputs)``: X itself, then the hidden layers after their ReLU."""
        *hidden, _ = self._layers(X)
        return (as_matrix(X), *(np.maximum(Z, 0.0) for Z in hidden))

    def _layers(self, X: ArrayLike) -> Iterator[Array]:
        """What each layer gives before its ReLU."""
        A = as_matrix(X)
        if A.shape[1] != self.widths[0]:
            raise InputError(f"X must have one column per input: the network has {self.widths[0]}, X has shape {A.shape}")
        for W, b in zip(self.weights, self.biases, strict=True):
            Z = matmul(A, W.T)
            if b is not None:
                Z += b
            yield Z
            A = np.maximum(Z, 0.0)

    def _shown(self) -> dict[str, Any]:
        biased = [k for k, b in enumerate(self.biases) if b is not None]
        where = "none" if not biased else ("every layer" if len(biased) == self.depth else f"layers {biased}")
        return {"widths": self.widths, "biases": where, "n_parameters": self.n_parameters}


def _check_chain(weights: Sequence[Array]) -> None:
    for k in range(1, len(weights)):
        expected, found = len(weights[k - 1]), weights[k].shape
        if found[1] != expected:
            hint = f": write weights[{k}].T" if found[0] == expected else ""
            raise InputError(
                f"weights[{k}] must have one column per unit of the layer before: {expected} columns, got shape {found}{hint}"
            )


def _as_biases(biases: Sequence[ArrayLike | None] | None, weights: Sequence[Array]) -> tuple[Array | None, ...]:
    if biases is None:
        return (None,) * len(weights)
    if len(biases) != len(weights):
        raise InputError(f"biases must hold one vector per layer, or None: expected {len(weights)}, got {len(biases)}")
    return tuple(None if b is None else _as_bias(b, len(weights[k]), f"biases[{k}]") for k, b in enumerate(biases))


def _as_bias(b: ArrayLike, length: int, name: str) -> Array:
    array = as_numbers(b, name)
    if array.shape != (length,):
        raise InputError(f"{name} must have shape ({length},), one number per output of its layer, got {array.shape}")
    require_finite(array, name)
    array = np.ascontiguousarray(array).view(np.ndarray)
    array.flags.writeable = False
    return array


_INERT = {"Flatten", "Identity", "Dropout"}
"""Modules that do nothing to a batch of flat inputs of a trained network."""


def _torch_layers(module: Any) -> Iterable[tuple[str, Any]]:
    """The linear layers and ReLUs of a module in their order, by the names of their classes: torch itself is not needed."""
    name = type(module).__name__
    if name in ("Linear", "ReLU"):
        yield name, module
    elif name == "Sequential":
        for child in module:
            yield from _torch_layers(child)
    elif name not in _INERT:
        raise IncompatibleError(
            f"module must be a torch Sequential of Linear and ReLU, got a {name}: pass its weight matrices, "
            "ReluNetwork(weights, biases)"
        )


def _from_tensor(tensor: Any) -> Any:
    return tensor.detach().cpu().numpy()
