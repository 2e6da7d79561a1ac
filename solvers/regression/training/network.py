"""Networks with a switch layer behind every hidden layer, trained while neurons are removed: the draft's section 3."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from solvers._arrays import as_count, as_number
from solvers._parallel import single_threaded
from solvers._progress import Callback, CallbackError, Monitor
from solvers.errors import ConvergenceWarning, IncompatibleError, InputError, SolveError, warn_user
from solvers.networks import ReluNetwork
from solvers.regression.training.data import TrainingData, as_generator, losses_and_residuals
from solvers.regression.training.graph import Graph, chain
from solvers.regression.training.ledger import RemovalEvent
from solvers.regression.training.optimizers import Stepper, as_stepper
from solvers.regression.training.removal import Removal, RemovalRule, SignVariance, as_removal
from solvers.results import Limit, Record, Status, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]

_OUT_OF_BOUNDS = 1e8


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class TrainedNetwork(Record):
    """A network after training with removal, its switches multiplied into the weights.

    Attributes
    ----------
    network : ReluNetwork
        What is deployed. A hidden layer that lost every neuron keeps one whose weights are zero.
    widths : (n_epochs, n_hidden) int
        Live neurons of each hidden layer during each epoch.
    events : tuple of RemovalEvent
        ``inputs`` are neurons of hidden layer ``layers[k]``, numbered as at the start.
    layers : tuple of int
        The hidden layer of each event, from 0.
    losses : (n_epochs,)
        Mean over the batches of an epoch, each before its step.
    multiply_adds : int
        Of all matrix products of the training.
    loss : float
        Of the returned network on the training data.
    status, limit
        As in `TrainedShrinkNet`; after divergence the network is that of the epoch with the smallest objective.
    family, classes, is_vector, elapsed
        As in `TrainedShrinkNet`.
    """

    network: ReluNetwork
    widths: np.ndarray[Any, np.dtype[np.int64]] = field(repr=False)
    events: tuple[RemovalEvent, ...] = field(repr=False)
    layers: tuple[int, ...] = field(repr=False)
    losses: Array = field(repr=False)
    multiply_adds: int
    loss: float
    status: Status
    limit: Limit
    family: str
    classes: np.ndarray[Any, Any] | None = field(repr=False)
    is_vector: bool = field(repr=False)
    elapsed: float

    @property
    def n_parameters(self) -> int:
        """Weights and biases of the deployed network."""
        return self.network.n_parameters

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """As `Fit.predict`."""
        Z = self.network.forward(X)
        if self.family == "squared":
            return Z[:, 0] if self.is_vector else Z
        if self.classes is None:
            return ((Z[:, 0] if self.is_vector else Z) > 0).astype(np.int64)
        best = np.argmax(Z, axis=1)
        return self.classes[best] if self.is_vector else np.eye(len(self.classes), dtype=np.int64)[best]

    def predict_proba(self, X: Any) -> Array:
        """As `Fit.predict_proba`."""
        if self.family == "squared":
            raise IncompatibleError("predict_proba is for loss='multinomial' and 'logistic': this network is of the squared loss")
        Z = self.network.forward(X)
        return expit(Z) if self.classes is None else softmax(Z, axis=1)

    def _shown(self) -> dict[str, Any]:
        rows = super()._shown()
        widths = " -> ".join(map(str, self.network.widths))
        return {"status": self.status, "widths": widths, "parameters": self.n_parameters} | {
            name: rows[name] for name in ("loss", "multiply_adds", "limit", "elapsed")
        }


@single_threaded
def train_network(
    X: Any,
    Y: Any,
    *,
    hidden: Sequence[int],
    lam: float,
    lr: float,
    n_epochs: int,
    lam2: float = 0.0,
    loss: str = "multinomial",
    optimizer: str = "adam",
    batch_size: int | None = 64,
    removal: Removal = SignVariance(),  # noqa: B008 (frozen)
    sample_weight: Any = None,
    time_limit: float | None = None,
    callback: Callback | None = None,
    verbose: bool | Callable[[str], object] = False,
    random_state: Any = None,
) -> TrainedNetwork:
    """Train ``x -> W_L H_{L-1} + b_L``, ``H_k = beta_k o relu(W_k H_{k-1} + b_k)``, and remove neurons while training runs.

    The steps descend on ``loss + lam sum_k ||beta_k||_1 + lam2 sum_k ||W_k||_F^2`` (biases are free). The removal rule looks at
    the switches after every step; at the end of an epoch removed neurons are dropped from the switch layer, from the rows of the
    layer before it, from the columns of the layer behind it, and from the optimiser's state.

    Parameters
    ----------
    X : array_like (n_samples, n_inputs)
        Inputs.
    Y : array_like
        Targets, labels, or zeros and ones, as in `solve`.
    hidden : sequence of int
        Neurons of each hidden layer at the start; at least one layer.
    lam, lam2 : float
        Strengths, in units of the loss.
    loss, optimizer, lr, n_epochs, batch_size, sample_weight
        As in `train_shrinknet`; ``batch_size=None`` takes all samples in one step.
    removal : Removal
        For every switch layer alike.
    time_limit, callback, verbose, random_state
        As in `train_shrinknet`; called after every epoch, ``progress.n_active`` counts live neurons.

    Returns
    -------
    TrainedNetwork
        A layer that lost every neuron passes nothing on: the layers behind it are then a constant, and the network is too.

    Raises
    ------
    InputError, IncompatibleError
        For wrong values and types.
    SolveError
        If ``callback`` raised; ``.result`` is the network reached.

    Warns
    -----
    ConvergenceWarning
        If the loss diverges.

    References
    ----------
    ShrinkNets draft, sections 3 and 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import SignVariance, train_network
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (300, 2))
    >>> y = X[:, 0] * X[:, 1] > 0
    >>> net = train_network(X, y, hidden=(32,), lam=2e-3, lr=0.01, n_epochs=200, removal=SignVariance(0.9), random_state=0)
    >>> net.network.widths[1] < 32, bool(np.mean(net.predict(X) == y) > 0.95)
    (True, True)
    """
    data = TrainingData.build(X, Y, loss, True, sample_weight)
    if isinstance(hidden, (int, np.integer)) or len(hidden) == 0:
        raise InputError(f"hidden must name the neurons of at least one hidden layer, got {hidden!r}: write hidden=(64,)")
    sizes = tuple(as_count(n, f"hidden[{k}]") for k, n in enumerate(hidden))
    strengths = as_number(lam, "lam"), as_number(lam2, "lam2")
    stepper = as_stepper(optimizer, as_number(lr, "lr", strict=True, advice="such as lr=0.001"))
    monitor = Monitor(max_iter=as_count(n_epochs, "n_epochs") + 1, time_limit=time_limit, callback=callback, verbose=verbose)
    n_batch = len(data.X) if batch_size is None else min(as_count(batch_size, "batch_size"), len(data.X))
    run = NetworkRun(data, sizes, strengths, stepper, as_removal(removal), n_batch, as_generator(random_state))
    try:
        with monitor.defer_interrupts(), monitor.watch():
            run.follow(monitor, n_epochs)
    except CallbackError as error:
        raise SolveError(
            f"{error} raised {error.__cause__!r}; the network so far is in this error's .result", run.result(monitor)
        ) from error.__cause__
    if monitor.interrupted:
        monitor.limit = Limit.INTERRUPT
    if run.diverged:
        warn_user(
            f"training diverged in epoch {len(run.losses) + 1}; the best network before is returned. Write "
            f"lr={stepper.lr / 10:.2g}, or standardise X",
            ConvergenceWarning,
        )
    return run.result(monitor)


class NetworkRun:
    """A training run under way."""

    def __init__(
        self,
        data: TrainingData,
        hidden: tuple[int, ...],
        strengths: tuple[float, float],
        stepper: Stepper,
        removal: Removal,
        batch_size: int,
        rng: np.random.Generator,
    ) -> None:
        self.data, self.stepper, self.batch_size, self.rng = data, stepper, batch_size, rng
        self.lam, self.lam2 = strengths
        self.rule: RemovalRule = removal.rule()
        n_targets, n_inputs = data.shape
        self.graph = chain((n_inputs, *hidden, n_targets), stepper, removal, rng)
        # Which neurons of the start the live ones are.
        self.names = [np.arange(n) for n in hidden]
        self.ceiling = _OUT_OF_BOUNDS * max(data.null_loss, self._loss()) or math.inf
        self.n_steps, self.diverged = 0, False
        self.losses: list[float] = []
        self.widths: list[list[int]] = []
        self.events: list[RemovalEvent] = []
        self.layers: list[int] = []
        self.best, self.least = copy.deepcopy(self.graph), math.inf

    def follow(self, monitor: Monitor, n_epochs: int) -> None:
        """All epochs, unless the loss diverges or ``monitor`` raises."""
        for _ in range(n_epochs):
            widths = [len(names) for names in self.names]
            start = copy.deepcopy(self.graph)
            loss = self._epoch()
            if not loss <= self.ceiling:
                self.diverged = True
                return
            objective = loss + self._penalty(start)
            if objective < self.least:
                self.best, self.least = start, objective
            self.losses.append(loss)
            self.widths.append(widths)
            self._collect()
            monitor.n_iter = len(self.losses) - 1
            monitor.round(objective, math.nan, sum(map(len, self.names)))

    def result(self, monitor: Monitor) -> TrainedNetwork:
        """The network reached, or the best one before it diverged."""
        graph, data = self.best if self.diverged else self.graph, self.data
        widths = np.array(self.widths, dtype=np.int64).reshape(-1, len(self.names))
        return TrainedNetwork(
            network=folded(graph),
            widths=widths,
            events=tuple(self.events),
            layers=tuple(self.layers),
            losses=np.array(self.losses),
            multiply_adds=multiply_adds(widths, len(data.X), data.shape),
            loss=self._loss(graph),
            status=Status.FAILED if self.diverged else Status.FEASIBLE,
            limit=monitor.limit,
            family=data.loss,
            classes=data.classes,
            is_vector=data.is_vector,
            elapsed=monitor.elapsed,
        )

    def _epoch(self) -> float:
        """Steps over all batches; the mean loss before each."""
        order, loss, n = self.rng.permutation(len(self.data.X)), 0.0, len(self.data.X)
        for start in range(0, n, self.batch_size):
            rows = order[start : start + self.batch_size]
            batch_loss = self._step(rows)
            if not batch_loss <= self.ceiling:
                return batch_loss
            loss += batch_loss * len(rows) / n
        return loss

    def _step(self, rows: np.ndarray[Any, Any]) -> float:
        """One optimiser step on a batch, and the removal rule; the loss of the batch before it."""
        shares = self.data.weights[rows, np.newaxis]
        shares = shares / max(float(np.sum(shares)), np.finfo(float).tiny)
        layers = forward(self.graph, self.data.X[rows])
        losses, R = losses_and_residuals(self.data.loss, layers[-1], self.data.Y[rows])
        loss = float(losses @ shares[:, 0])
        if loss <= self.ceiling:
            gradients = backward(self.graph, layers, -shares * R)
            self._add_penalties(gradients)
            self.n_steps += 1
            for variable, gradient in zip(self.graph.variables, gradients, strict=True):
                variable.step(self.stepper, self.n_steps, gradient)
            for switch in self.graph.switches:
                size = len(switch.alive)
                switch.observe(self.rule, 1.0 - self.rng.random(size) if self.rule.randomized else np.ones(size))
        return loss

    def _add_penalties(self, gradients: list[Array]) -> None:
        n_linear = len(self.graph.linears)
        for k, linear in enumerate(self.graph.linears):
            gradients[2 * k] += 2.0 * self.lam2 * linear.weights.value
        for k, switch in enumerate(self.graph.switches):
            gradients[2 * n_linear + k] += self.lam * np.sign(switch.beta.value)

    def _penalty(self, graph: Graph) -> float:
        switches = sum(float(np.sum(np.abs(switch.beta.value))) for switch in graph.switches)
        return self.lam * switches + self.lam2 * sum(float(np.sum(linear.weights.value**2)) for linear in graph.linears)

    def _collect(self) -> None:
        for layer, switch in enumerate(self.graph.switches):
            kept = switch.collect()
            if len(kept) < len(self.names[layer]):
                gone = np.delete(self.names[layer], kept)
                self.names[layer] = self.names[layer][kept]
                self.events.append(RemovalEvent(len(self.losses), gone.astype(np.int64), len(kept)))
                self.layers.append(layer)

    def _loss(self, graph: Graph | None = None) -> float:
        Z = forward(graph or self.graph, self.data.X)[-1]
        return float(self.data.weights @ losses_and_residuals(self.data.loss, Z, self.data.Y)[0]) / self.data.total


def forward(graph: Graph, X: Array) -> list[Array]:
    """The inputs X, ``Z_k`` and ``H_k`` of every hidden layer in turn, and the outputs."""
    layers = [X]
    for linear, switch in zip(graph.linears, graph.switches, strict=False):
        Z = linear.forward(layers[-1])
        layers += [Z, np.maximum(Z, 0.0) * switch.beta.value]
    return [*layers, graph.linears[-1].forward(layers[-1])]


def backward(graph: Graph, layers: list[Array], dZ: Array) -> list[Array]:
    """Gradients of all variables, in the order of `Graph.variables`, from that in the outputs."""
    of_linears: list[Array] = []
    of_switches: list[Array] = []
    for k in reversed(range(len(graph.linears))):
        dW, db, dH = graph.linears[k].backward(dZ, layers[2 * k], to_inputs=k > 0)
        of_linears = [dW, db, *of_linears]
        if dH is not None:
            Z, beta = layers[2 * k - 1], graph.switches[k - 1].beta.value
            of_switches = [np.sum(dH * np.maximum(Z, 0.0), axis=0), *of_switches]
            dZ = dH * beta * (Z > 0)
    return [*of_linears, *of_switches]


def folded(graph: Graph) -> ReluNetwork:
    """The same function without switch layers: beta multiplied into the weights behind it."""
    weights = [linear.weights.value for linear in graph.linears]
    biases = [linear.biases.value for linear in graph.linears]
    for k, switch in enumerate(graph.switches):
        weights[k + 1] = weights[k + 1] * switch.beta.value
    for k in range(len(graph.switches)):
        if len(biases[k]) == 0:
            # A network has no empty layers: one neuron that nothing reaches.
            weights[k], biases[k] = np.zeros((1, weights[k].shape[1])), np.zeros(1)
            weights[k + 1] = np.zeros((len(weights[k + 1]), 1))
    return ReluNetwork([np.array(W) for W in weights], [np.array(b) for b in biases])


def multiply_adds(widths: np.ndarray[Any, Any], n_samples: int, shape: tuple[int, int]) -> int:
    """Of all products: outputs, weights' gradients and, but for the first layer, inputs' gradients, each ``n n_in n_out``."""
    total, (n_outputs, n_inputs) = 0, shape
    for row in widths.tolist():
        sizes = [n_inputs, *row, n_outputs]
        pairs = [a * b for a, b in pairwise(sizes)]
        total += n_samples * (3 * sum(pairs) - pairs[0])
    return total
