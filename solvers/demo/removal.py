"""A network that learns its size: neurons are removed while it is trained on scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.demo.drawing import BLUE, GREEN, GREY, ORANGE, draw
from solvers.demo.page import Context, Csv, Page, Plate, Table
from solvers.errors import require
from solvers.regression.training.network import TrainedNetwork, train_network
from solvers.regression.training.removal import NoRemoval, SignVariance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, np.dtype[np.float64]]

HIDDEN, LR, N_EPOCHS, GAMMA = (128, 64), 0.002, 40, 0.99
LAMS = (3e-3, 1e-2, 3e-2)
N_TRAIN = 1200

_COLOURS = dict(zip(LAMS, (BLUE, GREEN, ORANGE), strict=True))

_CODE = f"""\
import numpy as np
from sklearn.datasets import load_digits
from solvers import NoRemoval, SignVariance, train_network

X, y = load_digits(return_X_y=True)
X = X / 16
order = np.random.default_rng(0).permutation(len(X))  # the seed of the report
train, test = order[:{N_TRAIN}], order[{N_TRAIN}:]

for lam in {LAMS}:
    for removal in (NoRemoval(), SignVariance(gamma={GAMMA})):
        net = train_network(X[train], y[train], hidden={HIDDEN}, lam=lam, lr={LR}, n_epochs={N_EPOCHS}, removal=removal,
                            random_state=0)
        print(f"lam {{lam:g}}  {{type(removal).__name__:<12}}  {{net.network.widths}}  {{net.n_parameters}} parameters  "
              f"test accuracy {{np.mean(net.predict(X[test]) == y[test]):.4f}}")
"""


@dataclass(frozen=True, eq=False)
class Pair:
    """The same network from the same start, trained without removal and with it."""

    lam: float
    kept: TrainedNetwork
    removed: TrainedNetwork
    kept_accuracy: float
    removed_accuracy: float

    @property
    def both(self) -> tuple[tuple[str, TrainedNetwork, float], ...]:
        """What removal is called, the network, and its accuracy on new images."""
        return ("none", self.kept, self.kept_accuracy), ("sign variance", self.removed, self.removed_accuracy)


def removal_page(context: Context) -> Page:
    """Train networks on digits with and without removal, and put accuracy, size and time on a page.

    Parameters
    ----------
    context : Context
        Its data is not used: labels are needed. The seed draws the split and the initial networks.

    Returns
    -------
    Page
        With the pairs so far where the context asked to stop.
    """
    pairs = tuple(_train(context))
    context.progress(0.95, "drawing the networks' sizes")
    return Page(
        slug="removal",
        title="How many neurons does a network need?",
        sentences=_sentences(pairs),
        figures=tuple(_plates(pairs)),
        tables=(_table(pairs),) if pairs else (),
        notes=_notes(),
        code=_CODE,
        files=(_csv(pairs),),
        complete=len(pairs) == len(LAMS),
    )


def _train(context: Context) -> Iterator[Pair]:
    datasets = require("sklearn.datasets", extra="demo", purpose="the demo")
    X, y = datasets.load_digits(return_X_y=True)
    X = X / 16.0
    order = np.random.default_rng(context.seed).permutation(len(X))
    train, test = order[:N_TRAIN], order[N_TRAIN:]

    def network(lam: float, removal: Any) -> TrainedNetwork:
        settings: dict[str, Any] = {"hidden": HIDDEN, "lr": LR, "n_epochs": N_EPOCHS, "random_state": context.seed}
        return train_network(X[train], y[train], lam=lam, removal=removal, **settings)

    for index, lam in enumerate(LAMS):
        if context.stopped():
            return
        context.progress(0.95 * index / len(LAMS), f"training networks with and without removal, lam = {lam:g}")
        kept, removed = network(lam, NoRemoval()), network(lam, SignVariance(GAMMA))
        accuracies = (float(np.mean(net.predict(X[test]) == y[test])) for net in (kept, removed))
        yield Pair(lam, kept, removed, *accuracies)


def _sentences(pairs: tuple[Pair, ...]) -> tuple[str, ...]:
    first = (
        f"A network with {HIDDEN[0]} and {HIDDEN[1]} hidden neurons learns to read digits. Behind each hidden layer every neuron "
        "has a switch, a number that multiplies it, and the training objective charges lambda for the sum of their sizes. A "
        "neuron whose switch changes sign for good is removed on the spot, from the layer before, the layer behind and the "
        "optimiser's memory."
    )
    if not pairs:
        return (first,)
    small = min(pairs, key=lambda pair: pair.removed.n_parameters)
    drops = [pair.kept_accuracy - pair.removed_accuracy for pair in pairs]
    saved = [1.0 - pair.removed.multiply_adds / pair.kept.multiply_adds for pair in pairs]
    return (
        first,
        f"At lambda = {small.lam:g} it ends with {_hidden(small.removed)} hidden neurons and "
        f"{small.kept.n_parameters / small.removed.n_parameters:.1f} times fewer parameters. On images it was not trained on it "
        f"reads {small.removed_accuracy:.1%} of the digits; the same network, same start and penalty, nothing removed: "
        f"{small.kept_accuracy:.1%}.",
        f"Over all values of lambda, removing changes the accuracy on new images by between {0.0 - max(drops):+.1%} and "
        f"{0.0 - min(drops):+.1%}, and saves between {min(saved):.0%} and {max(saved):.0%} of the training's "
        f"multiplications. All trainings together took {_seconds(pairs, 'kept'):.1f} s without removal and "
        f"{_seconds(pairs, 'removed'):.1f} s with it.",
    )


def _seconds(pairs: tuple[Pair, ...], which: str) -> float:
    return sum(getattr(pair, which).elapsed for pair in pairs)


def _hidden(net: TrainedNetwork) -> str:
    return " and ".join(map(str, net.network.widths[1:-1]))


def _plates(pairs: tuple[Pair, ...]) -> Iterator[Plate]:
    if not pairs:
        return

    def paint_sizes(ax: Axes) -> None:
        for pair in pairs:
            epochs = np.arange(1, len(pair.removed.widths) + 1)
            ax.step(epochs, pair.removed.widths.sum(axis=1), where="mid", color=_COLOURS[pair.lam], label=f"λ = {pair.lam:g}")
        ax.axhline(sum(HIDDEN), color=GREY, linestyle="--", linewidth=1.2, label="no removal")
        ax.set_ylim(bottom=0)
        ax.set_title("Neurons that are left")
        ax.set_xlabel("epoch")
        ax.set_ylabel("live hidden neurons")
        ax.legend()

    def paint_accuracy(ax: Axes) -> None:
        for pair in pairs:
            sizes = pair.kept.n_parameters, pair.removed.n_parameters
            accuracies = pair.kept_accuracy, pair.removed_accuracy
            ax.plot(sizes, accuracies, "-", color=_COLOURS[pair.lam], linewidth=1.2)
            ax.plot(sizes[0], accuracies[0], "s", color=_COLOURS[pair.lam], markerfacecolor="white")
            ax.plot(sizes[1], accuracies[1], "o", color=_COLOURS[pair.lam], label=f"λ = {pair.lam:g}")
        ax.set_xlim(left=0)
        ax.set_title("Accuracy on new images")
        ax.set_xlabel("parameters of the deployed network")
        ax.set_ylabel("share read correctly")
        ax.legend()

    yield draw(
        "removal_sizes",
        paint_sizes,
        alt="Live hidden neurons over epochs: one falling staircase for each lambda, lower for larger lambda.",
        caption="Live hidden neurons during training with removal.",
    )
    yield draw(
        "removal_accuracy",
        paint_accuracy,
        alt="Accuracy over the number of parameters: for each lambda a square without removal joined to a dot with it, "
        "to its left.",
        caption="Squares: nothing removed. Dots: the same start and penalty, with removal.",
    )


def _table(pairs: tuple[Pair, ...]) -> Table:
    rows = []
    for pair in pairs:
        for words, net, accuracy in pair.both:
            numbers = f"{accuracy:.4f}", f"{net.loss:.4f}", f"{net.multiply_adds / 1e9:.2f}", f"{net.elapsed:.2f}"
            rows.append((f"{pair.lam:g}", words, _hidden(net), f"{net.n_parameters:,}", *numbers))
    return Table(
        caption="The same network with and without removal. Accuracy is on new images, loss on those trained on; "
        "products are the "
        "multiply-adds of the whole training.",
        header=("λ", "Removal", "Neurons", "Parameters", "Accuracy", "Loss", "Products / 1e9", "Seconds"),
        align="llrrrrrr",
        rows=tuple(rows),
    )


def _notes() -> tuple[str, ...]:
    return (
        f"Data: scikit-learn's 1797 digit images of 8 by 8 pixels, divided by 16; {N_TRAIN} drawn at random to train on, "
        f"the others "
        "to test.",
        "Layers: H = beta o relu(W x + b) twice, then a linear layer; multinomial loss plus lambda times the sum of "
        "|beta|. Before "
        "deployment beta is multiplied into the weights behind it and is not counted as parameters.",
        f"Training: Adam, learning rate {LR}, {N_EPOCHS} epochs of batches of 64. Removal: sign variance with gamma = {GAMMA} "
        f"and threshold 0.5, so that a change of sign has to last {SignVariance(GAMMA).steps_to_removal} steps.",
        "No certificate: training proves nothing about its result.",
    )


def _csv(pairs: tuple[Pair, ...]) -> Csv:
    rows = [
        (pair.lam, words, *net.network.widths[1:-1], net.n_parameters, accuracy, net.loss, net.multiply_adds, net.elapsed)
        for pair in pairs
        for words, net, accuracy in pair.both
    ]
    header = ("lam", "removal", "width_1", "width_2", "parameters", "test_accuracy", "loss", "multiply_adds", "seconds")
    return Csv("removal.csv", header, tuple(rows))
