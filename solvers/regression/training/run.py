"""One training run from its initial state to its end: stretches of epochs, removal, collection, limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from solvers._progress import Monitor
from solvers.regression.gram import Gram
from solvers.regression.training.data import TrainingData
from solvers.regression.training.gram import GramEpochs, Stretch
from solvers.regression.training.ledger import CostLedger, RemovalEvent
from solvers.regression.training.optimizers import ADAM, SGD, Stepper
from solvers.regression.training.removal import Removal
from solvers.regression.training.rows import RowEpochs
from solvers.regression.training.state import GatePenalty, Indices, State, initial_state, penalty_value

Array = np.ndarray[Any, np.dtype[np.float64]]

_OUT_OF_BOUNDS = 1e8
"""A loss beyond this many times the larger of the first one and that without inputs has diverged."""


@dataclass(frozen=True)
class Plan:
    """The settings of a run, checked. ``gram``: on the Gram of the data instead of its rows."""

    penalty: GatePenalty
    stepper: Stepper
    removal: Removal
    n_epochs: int
    batch_size: int | None
    per_epoch: bool
    collects: bool
    gram: bool


class Epochs(Protocol):
    """What runs epochs on one form of the data."""

    form: str

    def run(self, state: State, n_epochs: int) -> Stretch:
        """Some epochs, at most ``n_epochs``; none after one that removes an input."""
        ...

    def keep(self, kept: Indices) -> None:
        """Forget the inputs that are not at the positions ``kept``."""
        ...


@dataclass
class Log:
    """What a run has seen so far."""

    losses: list[Array] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    events: list[RemovalEvent] = field(default_factory=list)
    diverged: bool = False

    @property
    def n_epochs(self) -> int:
        """Finished epochs."""
        return len(self.live)

    def add(self, losses: Array, n_alive: int, n_held: int) -> None:
        """Note the epochs of a stretch."""
        self.losses.append(losses)
        self.live += [n_alive] * len(losses)
        self.held += [n_held] * len(losses)


class Run:
    """A run under way; ``state`` is where it stands, ``best`` the best beginning of a stretch, should it diverge.

    Parameters
    ----------
    gram : Gram or None
        Of the data, where the plan asks for it.
    """

    def __init__(self, data: TrainingData, gram: Gram | None, plan: Plan, rng: np.random.Generator) -> None:
        self.data, self.plan, self.log = data, plan, Log()
        self.state = initial_state(data.shape, plan.penalty.gate, plan.stepper, plan.removal, rng, data.fit_intercept)
        first_loss = data.loss_of(self.state.effective(plan.penalty.gate), self.state.variables.b)
        ceiling = _OUT_OF_BOUNDS * max(first_loss, data.null_loss) or math.inf
        common = (plan.penalty, plan.stepper, plan.removal.rule(), ceiling, rng)
        self.epochs: Epochs
        if gram is not None:
            self.epochs = GramEpochs(gram, data.fit_intercept, *common)
        else:
            self.epochs = RowEpochs(data, *common, plan.batch_size, plan.per_epoch)
        self.best, self.least = self.state.copy(), math.inf

    def follow(self, monitor: Monitor) -> None:
        """Run until all epochs are done, nothing is left to train, the loss diverges, or ``monitor`` raises."""
        while self.log.n_epochs < self.plan.n_epochs and self.state.n_alive:
            before = self.state.copy()
            stretch = self.epochs.run(self.state, self.plan.n_epochs - self.log.n_epochs)
            self.log.add(stretch.losses, before.n_alive, len(before.live))
            objective = self._weigh(before, stretch)
            if stretch.diverged:
                self.log.diverged = True
                return
            self._note_removals(before)
            monitor.n_iter = self.log.n_epochs - 1
            monitor.round(objective, math.nan, self.state.n_alive)

    def ledger(self) -> CostLedger:
        """The cost so far."""
        slots = {SGD: 1, ADAM: 3}.get(self.plan.stepper.kind, 2)
        live, held = (np.array(counts, dtype=np.int64) for counts in (self.log.live, self.log.held))
        return CostLedger(live, held, len(self.data.X), self.data.shape[0], self.epochs.form, slots)

    def _weigh(self, before: State, stretch: Stretch) -> float:
        """The objective at the beginning of the stretch; the best one is kept."""
        if len(stretch.losses) == 0:
            return math.nan
        objective = float(stretch.losses[0]) + penalty_value(before.variables, self.plan.penalty)
        if objective < self.least:
            self.best, self.least = before, objective
        return objective

    def _note_removals(self, before: State) -> None:
        gone = before.live[before.variables.alive & ~self.state.variables.alive]
        if len(gone) == 0:
            return
        self.log.events.append(RemovalEvent(self.log.n_epochs, gone.astype(np.int64), self.state.n_alive))
        if self.plan.collects:
            self.epochs.keep(self.state.collect())
