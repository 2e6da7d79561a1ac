"""Training with removal: what an epoch costs beside the matrix products it stands for, and what collection saves.

Four parts, each measured in turn with its yardstick in one process:

1. squared loss, full batch, 9803 x 280 x 16: an epoch on the Gram against the products ``X W'`` and ``R' X`` of a plain one;
2. the same shape, mini-batches (squared) and full batch (multinomial): an epoch against its own products;
3. oes97 (from the folder SOLVERS_DATA; random data of its shape without), lam 0.8: first sign change with collection against no
   removal, whole trainings;
4. the same training written in PyTorch, per epoch, where torch is installed.

    python examples/benchmarks/training.py [--repeats N] [--quick]
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from timing import parser, print_load, seconds

from solvers import NoRemoval, SignVariance, train_shrinknet
from solvers._blas import matmul
from solvers._parallel import single_threaded
from solvers.demo.data import standardise

SHAPE, QUICK = (9803, 280, 16), (2000, 60, 8)
BATCH = 256
OES97 = (334, 263, 16)


def random_data(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Standardised inputs with some correlation, targets linear in half of them."""
    n, p, n_targets = shape
    rng = np.random.default_rng(0)
    X = standardise(rng.standard_normal((n, p)) + 0.5 * rng.standard_normal((n, 1)))
    Y = X[:, : p // 2] @ rng.standard_normal((p // 2, n_targets)) + rng.standard_normal((n, n_targets))
    return X, standardise(Y)


def per_epoch(train: Callable[[int], Any], few: int, many: int) -> Callable[[], float]:
    """Seconds of one epoch: a long training minus a short one, so that checking data and building a Gram cancel."""

    def measure() -> float:
        return max(seconds(partial(train, many)) - seconds(partial(train, few)), 1e-9) / (many - few)

    return measure


@single_threaded
def products(X: np.ndarray, W: np.ndarray, batch: int) -> None:
    """``Z = X W'`` and ``G = R' X`` of one epoch, batch by batch, with the package's own products."""
    for start in range(0, len(X), batch):
        rows = X[start : start + batch]
        Z = matmul(rows, W.T)
        matmul(Z.T, rows)


def alternate(ours: Callable[[], float], yardstick: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Medians, measured in turn; a first round warms up."""
    rounds = [(ours(), yardstick()) for _ in range(repeats + 1)][1:]
    a, b = zip(*rounds, strict=True)
    return median(a), median(b)


def report(name: str, ours: float, other: float, what: str, wanted: str) -> None:
    """One line."""
    print(
        f"{name:44}{1e3 * ours:>11.4g} ms   {what:28}{1e3 * other:>11.4g} ms   ratio {other / ours:8.2f}   wanted {wanted}",
        flush=True,
    )


def epochs(shape: tuple[int, int, int], repeats: int) -> None:
    """Parts 1 and 2."""
    X, Y = random_data(shape)
    labels = np.argmax(Y, axis=1)
    W = np.random.default_rng(1).standard_normal((shape[2], shape[1]))
    common = {"lam": 1e-3, "lr": 0.01, "removal": NoRemoval(), "random_state": 0}

    def gram(n: int) -> object:
        return train_shrinknet(X, Y, n_epochs=n, gram=True, **common)

    def batches(n: int) -> object:
        return train_shrinknet(X, Y, n_epochs=n, batch_size=BATCH, **common)

    def multinomial(n: int) -> object:
        return train_shrinknet(X, labels, loss="multinomial", n_epochs=n, **common)

    whole = partial(seconds, partial(products, X, W, len(X)))
    cut = partial(seconds, partial(products, X, W, BATCH))
    report("squared, full batch, Gram", *alternate(per_epoch(gram, 100, 1100), whole, repeats), "two plain products", ">= 20")
    report(f"squared, batches of {BATCH}", *alternate(per_epoch(batches, 1, 6), cut, repeats), "its products", ">= 0.77")
    report("multinomial, full batch", *alternate(per_epoch(multinomial, 2, 22), whole, repeats), "its products", ">= 0.77")


def collection(X: np.ndarray, Y: np.ndarray, n_epochs: int, repeats: int) -> None:
    """Part 3."""
    common = {"lam": 0.8, "lr": 10**-1.35, "n_epochs": n_epochs, "random_state": 0}
    removing = partial(train_shrinknet, X, Y, removal=SignVariance(0.0, initial_mean=1), **common)
    keeping = partial(train_shrinknet, X, Y, removal=NoRemoval(), **common)
    times = alternate(partial(seconds, removing), partial(seconds, keeping), repeats)
    report(f"first sign change, {n_epochs} epochs", *times, "no removal", ">= 5")


def against_torch(X: np.ndarray, Y: np.ndarray, repeats: int) -> None:
    """Part 4."""
    if importlib.util.find_spec("torch") is None:
        print("PyTorch: not compared, torch is not installed")
        return
    import torch

    torch.set_default_dtype(torch.float64)
    inputs, targets = torch.tensor(np.array(X)), torch.tensor(np.array(Y))

    def train(n: int) -> None:
        torch.manual_seed(0)
        layer, beta = torch.nn.Linear(X.shape[1], Y.shape[1]), torch.nn.Parameter(torch.randn(X.shape[1]))
        optimizer = torch.optim.Adagrad([*layer.parameters(), beta], lr=10**-1.35)
        for _ in range(n):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(layer(beta * inputs), targets) + 0.1 * beta.abs().sum()
            loss.backward()
            optimizer.step()

    def ours(n: int) -> object:
        return train_shrinknet(X, Y, lam=0.8, lr=10**-1.35, n_epochs=n, removal=NoRemoval(), random_state=0)

    times = alternate(per_epoch(ours, 100, 1100), per_epoch(train, 20, 220), repeats)
    report("oes97's shape, full batch", *times, "PyTorch", ">= 3")


def oes97() -> tuple[np.ndarray, np.ndarray]:
    """The data where it is at hand, else random data of its shape."""
    folder = os.environ.get("SOLVERS_DATA")
    if folder is None:
        print("SOLVERS_DATA is not set: random data of oes97's shape")
        return random_data(OES97)
    with np.load(Path(folder) / "oes97.npz", allow_pickle=False) as file:
        return standardise(file["X"], ddof=1), standardise(file["Y"], ddof=1)


def main() -> None:
    """Measure all parts."""
    options = parser(__doc__, repeats=5).parse_args()
    shape = QUICK if options.quick else SHAPE
    repeats = 1 if options.quick else options.repeats
    print(f"shape {' x '.join(map(str, shape))}; ratio: yardstick / ours; median of {repeats}\n")
    epochs(shape, repeats)
    X, Y = oes97()
    collection(X, Y, 2000 if options.quick else 21_000, repeats)
    against_torch(X, Y, repeats)
    print_load()


if __name__ == "__main__":
    main()
