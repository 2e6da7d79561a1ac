"""ReluNetwork: evaluation against plain NumPy, the ways in, and errors that say what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from solvers import IncompatibleError, InputError, ReluNetwork


def random_network(widths: tuple[int, ...], rng: np.random.Generator, biased: bool = True) -> ReluNetwork:
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    biases = [rng.standard_normal(n_out) for n_out, _ in shapes] if biased else None
    return ReluNetwork([rng.standard_normal(shape) for shape in shapes], biases)


@pytest.mark.parametrize("widths", [(3, 2), (4, 7, 2), (1, 5, 1, 3)])
@pytest.mark.parametrize("biased", [True, False])
def test_forward_is_the_formula(widths: tuple[int, ...], biased: bool) -> None:
    rng = np.random.default_rng(0)
    network, X = random_network(widths, rng, biased), rng.standard_normal((20, widths[0]))
    for x, output in zip(X, network.forward(X), strict=True):
        for k, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
            x = (np.maximum(x, 0.0) if k else x) @ W.T + (0.0 if b is None else b)
        np.testing.assert_allclose(output, x, rtol=1e-12, atol=1e-12)
    activations = network.activations(X)
    assert [A.shape for A in activations] == [(20, width) for width in widths[:-1]]
    last = activations[-1] @ network.weights[-1].T + (network.biases[-1] if biased else 0.0)
    np.testing.assert_allclose(network.forward(X), last, rtol=1e-12, atol=1e-12)


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    network = ReluNetwork([np.ones((4, 3)), np.ones((2, 4))], [None, [1.0, 2.0]])
    assert (network.widths, network.depth, network.n_parameters) == ((3, 4, 2), 2, 22)
    assert "layers [1]" in repr(network)
    network.save(tmp_path / "network.npz")
    loaded = ReluNetwork.load(tmp_path / "network.npz")
    X = np.eye(3)
    np.testing.assert_array_equal(loaded.forward(X), network.forward(X))
    assert loaded.biases[0] is None


def test_the_caller_keeps_the_arrays() -> None:
    W = np.ones((2, 3))
    network = ReluNetwork([W])
    network.forward(np.ones((4, 3)))
    assert W.flags.writeable
    assert not network.weights[0].flags.writeable


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_from_sklearn_predicts_alike() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((60, 5)), rng.integers(0, 3, 60)
    regressor = MLPRegressor(hidden_layer_sizes=(8, 6), max_iter=20, random_state=0).fit(X, X[:, 0])
    np.testing.assert_allclose(ReluNetwork.from_sklearn(regressor).forward(X)[:, 0], regressor.predict(X), rtol=1e-10)
    classifier = MLPClassifier(hidden_layer_sizes=(8,), max_iter=20, random_state=0).fit(X, y)
    logits = ReluNetwork.from_sklearn(classifier).forward(X)
    np.testing.assert_array_equal(np.argmax(logits, axis=1), classifier.predict(X))
    deep = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", max_iter=2, random_state=0).fit(X, X[:, 0])
    with pytest.raises(IncompatibleError, match="activation='relu', got 'tanh'"):
        ReluNetwork.from_sklearn(deep)
    with pytest.raises(IncompatibleError, match="must be a fitted"):
        ReluNetwork.from_sklearn(MLPRegressor())


class Tensor:
    """Stands in for a torch tensor: an array behind ``detach().cpu().numpy()``."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def detach(self) -> Tensor:
        return self

    cpu = detach

    def numpy(self) -> np.ndarray:
        return self.array


class Linear:
    def __init__(self, weight: np.ndarray, bias: np.ndarray | None) -> None:
        self.weight, self.bias = Tensor(weight), None if bias is None else Tensor(bias)


class ReLU: ...


class Dropout: ...


class Conv2d: ...


class Sequential(list[Any]): ...


def test_from_torch_reads_linear_layers() -> None:
    rng = np.random.default_rng(2)
    V, W, b = rng.standard_normal((4, 3)).astype(np.float32), rng.standard_normal((2, 4)), rng.standard_normal(4)
    module = Sequential([Sequential([Linear(V, b), ReLU()]), Dropout(), Linear(W, None)])
    X = rng.standard_normal((6, 3))
    expected = np.maximum(X @ V.astype(np.float64).T + b, 0.0) @ W.T
    np.testing.assert_allclose(ReluNetwork.from_torch(module).forward(X), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Sequential([Conv2d()]), "got a Conv2d: pass its weight matrices"),
        (Sequential([Linear(np.eye(2), None), Linear(np.eye(2), None)]), "two Linear layers without a ReLU"),
        (Sequential([ReLU(), Linear(np.eye(2), None)]), "a ReLU that does not follow"),
        (Sequential([Linear(np.eye(2), None), ReLU()]), "must end with a Linear"),
        (Sequential([]), "must end with a Linear"),
    ],
)
def test_other_modules_are_refused(module: Any, message: str) -> None:
    with pytest.raises(IncompatibleError, match=message):
        ReluNetwork.from_torch(module)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ReluNetwork([]), "one matrix .* per layer, got none"),
        (lambda: ReluNetwork([np.ones((4, 3)), np.ones((4, 2))]), r"weights\[1\].*4 columns.*write weights\[1\].T"),
        (lambda: ReluNetwork([np.ones(3)]), r"weights\[0\] must have two dimensions"),
        (lambda: ReluNetwork([[[np.nan]]]), r"weights\[0\] must be finite"),
        (lambda: ReluNetwork([np.ones((2, 3))], [np.ones(3)]), r"biases\[0\] must have shape \(2,\)"),
        (lambda: ReluNetwork([np.ones((2, 3))], [[np.inf, 0.0]]), r"biases\[0\] must be finite"),
        (lambda: ReluNetwork([np.ones((2, 3))], []), "expected 1, got 0"),
        (lambda: ReluNetwork([np.ones((2, 3))]).forward(np.ones((5, 2))), "the network has 3, X has shape"),
    ],
)
def test_wrong_shapes_are_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
