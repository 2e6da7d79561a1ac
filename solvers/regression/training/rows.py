"""Training on the samples themselves, any loss: full batch, or mini-batches drawn without replacement in each epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._blas import matmul
from solvers.regression.training.batches import batch_epoch
from solvers.regression.training.data import TrainingData, losses_and_residuals
from solvers.regression.training.gram import Stretch
from solvers.regression.training.optimizers import Stepper
from solvers.regression.training.removal import RemovalRule
from solvers.regression.training.state import GatePenalty, Indices, State, take_step

Array = np.ndarray[Any, np.dtype[np.float64]]


class RowEpochs:
    """Runs epochs on the rows of X; holds the columns of the live inputs.

    Parameters
    ----------
    batch_size : int or None
        Samples per step, the last batch of an epoch being what is left; None for all: one step per epoch.
    per_epoch : bool
        Whether the removal rule looks at the switches after the last step of an epoch only.
    """

    form = "rows"

    def __init__(
        self,
        data: TrainingData,
        penalty: GatePenalty,
        stepper: Stepper,
        rule: RemovalRule,
        ceiling: float,
        rng: np.random.Generator,
        batch_size: int | None,
        per_epoch: bool,
    ) -> None:
        # Batches are rows: read in the order of the memory.
        whole = batch_size is None or batch_size >= len(data.X)
        self.data, self.X = data, data.X if whole else _read_only(np.ascontiguousarray(data.X))
        self.shares = (data.weights / data.total)[:, np.newaxis]
        self.penalty, self.stepper, self.rule, self.ceiling, self.rng = penalty, stepper, rule, ceiling, rng
        self.batch_size = len(self.X) if batch_size is None else min(batch_size, len(self.X))
        self.per_epoch = per_epoch
        self._batch = np.empty((0, 0))

    def run(self, state: State, n_epochs: int) -> Stretch:
        """One epoch; its loss is the mean over the batches, each before its step."""
        del n_epochs
        if self.data.loss == "squared" and self.batch_size < len(self.X):
            return self._squared_batches(state)
        loss = 0.0
        batches = self._batches()
        for number, rows in enumerate(batches):
            batch_loss, G, g_b = self._gradients(state, rows)
            if not batch_loss <= self.ceiling:
                return Stretch(np.empty(0), True)
            loss += batch_loss / len(batches)
            observes = not self.per_epoch or number == len(batches) - 1
            state.n_steps += 1
            step = (self.penalty, self.stepper, self.rule, observes, self._noise(state.live))
            take_step(state.variables, G, g_b, *step, state.n_steps)
        return Stretch(np.array([loss]), False)

    def keep(self, kept: Indices) -> None:
        """Forget the inputs that are not at the positions ``kept``."""
        self.X = _read_only(np.take(self.X, kept, axis=1))

    def _squared_batches(self, state: State) -> Stretch:
        batches = self._batches()
        noise = np.stack([self._noise(state.live) for _ in batches]) if self.rule.randomized else np.ones((1, len(state.live)))
        loss = batch_epoch(
            *(state.variables, self.X, self.data.Y, self.data.weights, np.concatenate(batches), self.batch_size),
            *(self.data.fit_intercept, self.penalty, self.stepper, self.rule, self.per_epoch),
            *(noise, state.n_steps + 1, self.ceiling),
        )
        if not loss <= self.ceiling:
            return Stretch(np.empty(0), True)
        state.n_steps += len(batches)
        return Stretch(np.array([loss]), False)

    def _batches(self) -> list[Any]:
        if self.batch_size == len(self.X):
            return [slice(None)]
        order = self.rng.permutation(len(self.X))
        # Within a batch the order does not matter, and sorted rows are read faster.
        return [np.sort(order[start : start + self.batch_size]) for start in range(0, len(order), self.batch_size)]

    def _gradients(self, state: State, rows: Any) -> tuple[float, Array, Array]:
        """Loss and gradients in W and b of one batch, as means over its weights."""
        X, Y, shares = self._rows(rows), self.data.Y[rows], self.shares[rows]
        if len(X) < len(self.X):
            total = float(np.sum(shares))
            shares = shares / total if total > 0 else shares
        Z = matmul(X, state.effective(self.penalty.gate).T)
        Z += state.variables.b
        losses, R = losses_and_residuals(self.data.loss, Z, Y)
        R *= -shares
        g_b = np.sum(R, axis=0) if self.data.fit_intercept else np.zeros(R.shape[1])
        return float(losses @ shares[:, 0]), matmul(R.T, X), g_b

    def _rows(self, rows: Any) -> Array:
        """Rows of X, copied to memory that is used again: fresh pages would cost as much as the products."""
        if isinstance(rows, slice):
            return self.X
        if self._batch.shape != (len(rows), self.X.shape[1]):
            self._batch = np.empty((len(rows), self.X.shape[1]))
        # Indices are valid: "clip" only spares NumPy a copy of the result.
        return np.take(self.X, rows, axis=0, out=self._batch, mode="clip")

    def _noise(self, live: Indices) -> Array:
        if not self.rule.randomized:
            return np.ones(len(live))
        return (1.0 - self.rng.random(self.data.X.shape[1]))[live]


def _read_only(X: Array) -> Array:
    """As the caller's data is: one type for kernels."""
    X = X.view()
    X.flags.writeable = False
    return X
