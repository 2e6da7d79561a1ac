"""What a training run cost, and when it removed what: exact integer counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers.results import Record, saveable

Integers = np.ndarray[Any, np.dtype[np.int64]]


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class RemovalEvent(Record):
    """Inputs removed at the end of one epoch.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    inputs : (n_removed,) int
        Columns of X.
    n_left : int
        Inputs that are alive afterwards.
    """

    epoch: int
    inputs: Integers
    n_left: int


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class CostLedger(Record):
    """The cost of training, epoch by epoch.

    Attributes
    ----------
    live : (n_epochs,) int
        Inputs that are alive during each epoch.
    held : (n_epochs,) int
        Inputs whose numbers the arrays hold: those alive, or all of them without collection.
    n_samples, n_targets : int
        Of the data.
    form : {"gram", "rows"}
        What the epochs ran on.
    numbers_per_weight : int
        Floats held for each weight: itself, and the optimiser's accumulators.
    """

    live: Integers = field(repr=False)
    held: Integers = field(repr=False)
    n_samples: int
    n_targets: int
    form: str
    numbers_per_weight: int = field(repr=False)

    @property
    def cost(self) -> int:
        """The draft's measure: live inputs, summed over the epochs."""
        return int(np.sum(self.live))

    @property
    def multiply_adds(self) -> int:
        """Of the matrix products: per epoch ``n_targets held^2`` on the Gram, ``2 n_samples n_targets held`` on rows."""
        if self.form == "gram":
            return self.n_targets * int(np.sum(self.held**2))
        return 2 * self.n_samples * self.n_targets * int(np.sum(self.held))

    @property
    def parameters(self) -> Integers:
        """Weights, switches and intercepts of the live model during each epoch, (n_epochs,)."""
        return self.live * (self.n_targets + 1) + self.n_targets

    @property
    def bytes(self) -> Integers:
        """Memory of weights, switches, accumulators, and statistics of signs during each epoch, (n_epochs,)."""
        weights = self.held * (self.n_targets + 1) + self.n_targets
        return 8 * self.numbers_per_weight * weights + 17 * self.held

    def _shown(self) -> dict[str, Any]:
        rows = super()._shown()
        totals = {"cost": self.cost, "multiply_adds": self.multiply_adds}
        ends = {"parameters": self.parameters[[0, -1]], "bytes": self.bytes[[0, -1]]} if len(self.live) else {}
        return rows | totals | {f"{name} (first, last)": value for name, value in ends.items()}
