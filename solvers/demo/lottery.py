"""Lottery tickets: a small network trained on digits, and random networks pruned to it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.demo.drawing import BLUE, GREEN, GREY, ORANGE, draw
from solvers.demo.page import Context, Csv, Evidence, Page, Plate, Table
from solvers.errors import require
from solvers.lottery.prune import prune_to_network
from solvers.lottery.subset_sum import subset_sums
from solvers.lottery.tickets import LotteryTicket
from solvers.networks import ReluNetwork

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EPS = 0.01
HIDDEN = 32
COUNTS = tuple(range(5, 24, 2))
TARGETS = 300

RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("sums of coefficients", {"construction": "direct"}),
    ("fewest coefficients", {"construction": "direct", "objective": "size"}),
    ("gadgets without ReLU", {"construction": "linear"}),
    ("gadgets with ReLU", {"construction": "relu", "nonnegative_inputs": True}),
)

_CODE = f"""\
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from solvers import prune_to_network

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16.0, y, test_size=0.3, random_state=SEED)
network = MLPClassifier(hidden_layer_sizes=({HIDDEN},), max_iter=120, random_state=SEED).fit(X_train, y_train)
print(f"target  accuracy {{network.score(X_test, y_test):.4f}}")
for options in ({", ".join(repr(options) for _, options in RUNS)}):
    ticket = prune_to_network(network, eps={EPS:g}, random_state=SEED, **options)
    accuracy = np.mean(np.argmax(ticket.predict(X_test), axis=1) == y_test)
    print(f"{{ticket.construction:<6}}  {{ticket.objective:<5}}  accuracy {{accuracy:.4f}}  kept {{ticket.kept}}")
"""


@dataclass(frozen=True)
class _Run:
    """A ticket and how it does on held-out data."""

    name: str
    ticket: LotteryTicket
    accuracy: float
    largest: float
    agreement: float


def lottery_page(context: Context) -> Page:
    """Train a network on scikit-learn's digits, prune random networks to it, compare accuracies on held-out data.

    Parameters
    ----------
    context : Context
        Its data is not used.

    Returns
    -------
    Page
        With the tickets so far where the context asked to stop.
    """
    context.progress(0.0, "training a network on digits")
    network, X, y = _train(context.seed)
    target = float(np.mean(np.argmax(network.forward(X), axis=1) == y))
    runs: list[_Run] = []
    for k, (name, options) in enumerate(RUNS):
        if context.stopped():
            break
        context.progress(0.2 + 0.15 * k, f"pruning a random network: {name}")
        runs.append(_run(name, prune_to_network(network, eps=EPS, random_state=context.seed, **options), X, y))
    context.progress(0.8, "measuring the error against the number of candidates")
    errors = np.zeros((0, TARGETS)) if context.stopped() else _errors_by_count(context.seed)
    complete = len(runs) == len(RUNS) and len(errors) == len(COUNTS)
    figures = _figures(runs, errors)
    context.progress(1.0, "lottery tickets done")
    return Page(
        slug="lottery",
        title="Lottery tickets: random networks pruned to a trained one",
        sentences=_sentences(network, target, runs),
        figures=figures,
        tables=(_table(target, runs),) if runs else (),
        notes=_NOTES,
        code=_CODE.replace("SEED", str(context.seed)),
        files=(_csv(target, runs),),
        evidence=tuple(
            Evidence(f"the worst weight, {one.name}", one.ticket.status, one.ticket.certificate, "tickets") for one in runs
        ),
        complete=complete,
    )


def _train(seed: int) -> tuple[ReluNetwork, Any, Any]:
    """The trained network and held-out digits."""
    datasets = require("sklearn.datasets", extra="demo", purpose="the demo")
    selection = require("sklearn.model_selection", extra="demo", purpose="the demo")
    neural = require("sklearn.neural_network", extra="demo", purpose="the demo")
    exceptions = require("sklearn.exceptions", extra="demo", purpose="the demo")
    X, y = datasets.load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = selection.train_test_split(X / 16.0, y, test_size=0.3, random_state=seed)
    with warnings.catch_warnings():
        # It need not converge to be a target.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        mlp = neural.MLPClassifier(hidden_layer_sizes=(HIDDEN,), max_iter=120, random_state=seed).fit(X_train, y_train)
    return ReluNetwork.from_sklearn(mlp), X_test, y_test


def _run(name: str, ticket: LotteryTicket, X: Any, y: Any) -> _Run:
    comparison = ticket.compare(X)
    accuracy = float(np.mean(np.argmax(ticket.predict(X), axis=1) == y))
    return _Run(name, ticket, accuracy, comparison.largest, comparison.agreement)


def _errors_by_count(seed: int) -> Any:
    """Smallest errors of random targets in [-1/2, 1/2] with n candidates U[-1, 1], (len(COUNTS), TARGETS)."""
    rng = np.random.default_rng(seed)
    return np.array([subset_sums(rng.uniform(-1, 1, (TARGETS, n)), rng.uniform(-0.5, 0.5, TARGETS)).errors for n in COUNTS])


# ------------------------------------------------------------------------------------------------------------------ words

_NOTES = (
    "Every weight of the trained network is replaced by a subset of random numbers; no random number is ever changed. For each "
    "weight the subset is proven best: all subsets were covered by meeting in the middle in exact arithmetic.",
    "Accuracies are those of the masked random network itself, on digits that took no part in training.",
    "Gadgets have a random first factor for each input, shared by all outputs, and random second factors: a random network of "
    "twice the depth. With ReLU, the first layer's pixels are never negative, so one half of each gadget is enough.",
    "Coefficients are counted once for each weight that can choose them.",
)


def _sentences(network: ReluNetwork, target: float, runs: list[_Run]) -> tuple[str, ...]:
    sizes = "-".join(map(str, network.widths))
    first = f"A network of {sizes} units with {network.n_parameters} weights reads {target:.1%} of the held-out digits."
    if not runs:
        return (first,)
    missed = sum(len(one.ticket.missed) for one in runs)
    total = sum(one.ticket.n_weights for one in runs)
    second = (
        f"Each of {len(runs)} random networks was pruned to approximate it, every weight within {EPS:g} if possible: "
        f"{missed} of {total} were not."
    )
    words = ", ".join(f"{one.accuracy:.1%} with {one.name}" for one in runs)
    return first, second, f"The masked random networks read {words}."


def _table(target: float, runs: list[_Run]) -> Table:
    rows = [("the trained network", f"{target:.2%}", "", "", "", "")]
    for one in runs:
        ticket = one.ticket
        worst = max(float(errors.max()) for errors in ticket.weight_errors)
        kept = f"{ticket.kept / ticket.n_weights:.2f} of {ticket.initial / ticket.n_weights:.0f}"
        rows.append((one.name, f"{one.accuracy:.2%}", kept, f"{worst:.1e}", f"{one.largest:.1e}", f"{one.agreement:.2%}"))
    header = ("random network", "accuracy", "kept per weight", "worst weight", "worst logit", "same digit")
    return Table("Held-out accuracy, and how far the pruned networks are from their target.", header, "lrrrrr", tuple(rows))


def _csv(target: float, runs: list[_Run]) -> Csv:
    header = ("network", "accuracy", "kept", "initial", "weights", "largest_weight_error", "largest_logit_difference", "seconds")
    rows: list[tuple[float | int | str, ...]] = [("trained", target, 0, 0, 0, 0.0, 0.0, 0.0)]
    for one in runs:
        t = one.ticket
        worst = max(float(errors.max()) for errors in t.weight_errors)
        rows.append((one.name, one.accuracy, t.kept, t.initial, t.n_weights, worst, one.largest, t.elapsed))
    return Csv("lottery.csv", header, tuple(rows))


# ---------------------------------------------------------------------------------------------------------------- figures


def _figures(runs: list[_Run], errors: Any) -> tuple[Plate, ...]:
    figures = []
    if len(errors):
        figures.append(
            draw(
                "lottery_candidates",
                lambda ax: _paint_counts(ax, errors),
                alt="The smallest error falls by a factor of about two with every candidate, from a tenth to a millionth.",
                caption=f"Smallest error of {TARGETS} random targets against the number of random candidates for each.",
            )
        )
    if runs:
        figures.append(
            draw(
                "lottery_weights",
                lambda ax: _paint_errors(ax, runs),
                alt="Share of weights whose error is below a bound, one curve for each random network.",
                caption="How far the weights of the pruned random networks are from those of the trained one.",
            )
        )
    return tuple(figures)


def _paint_counts(ax: Axes, errors: Any) -> None:
    for share, colour, name in ((0.5, BLUE, "median"), (0.9, ORANGE, "90 %"), (1.0, GREY, "worst")):
        ax.plot(COUNTS, np.quantile(errors, share, axis=1), "o-", color=colour, markersize=4, label=name)
    ax.axhline(EPS, color=GREEN, linewidth=1.2, linestyle="--", label=f"eps = {EPS:g}")
    ax.set_yscale("log")
    ax.set_xticks(COUNTS[::2])
    ax.set_title("Error against number of candidates")
    ax.set_xlabel("candidates per target")
    ax.set_ylabel("smallest error, proven")
    ax.legend(loc="lower left")


def _paint_errors(ax: Axes, runs: list[_Run]) -> None:
    for one, colour in zip(runs, (BLUE, ORANGE, GREY, GREEN), strict=False):
        errors = np.sort(np.concatenate([part.ravel() for part in one.ticket.weight_errors]))
        ax.plot(np.maximum(errors, 1e-12), np.linspace(0.0, 1.0, len(errors)), color=colour, label=one.name)
    ax.set_xscale("log")
    ax.set_title("Errors of the weights")
    ax.set_xlabel("error of a weight")
    ax.set_ylabel("share of weights below")
    ax.legend(loc="upper left")
