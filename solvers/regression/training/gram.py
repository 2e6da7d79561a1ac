"""Full-batch training for the squared loss, on the Gram of the live inputs: ``n_live^2 n_targets`` multiply-adds per epoch.

With means ``mx``, ``my`` and centred products ``Q = Xc'Xc / n``, ``R = Yc'Xc / n``, the gradients of
``1/(2n) sum_i ||y_i - W x_i - b||^2`` are

    dW = W Q - R + r mx',    db = r,    r = W mx + b - my,

and the loss is ``(||Yc||^2 / n + <W, W Q - 2 R> + ||r||^2) / 2``. No sample is touched after the Gram is built, and a whole
stretch of epochs is one call of a compiled kernel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from solvers._compile import kernel
from solvers.regression.gram import Gram
from solvers.regression.training.data import TrainingData
from solvers.regression.training.optimizers import Stepper
from solvers.regression.training.removal import RemovalRule
from solvers.regression.training.state import GatePenalty, Indices, State, Variables, advance, write_effective

Array = np.ndarray[Any, np.dtype[np.float64]]

STRETCH = 100
"""Most epochs between two looks at limits and callbacks."""


class Stretch(NamedTuple):
    """Epochs that were run: the loss at the start of each, and whether the next one, not counted, found it out of bounds."""

    losses: Array
    diverged: bool


class Moments(NamedTuple):
    """The Gram of the live inputs, for kernels; see the module's docstring. ``yy`` is ``||Yc||^2 / n``."""

    Q: Array
    R: Array
    mx: Array
    my: Array
    yy: float
    has_intercept: bool


@kernel
def gram_epochs(
    v: Variables,
    moments: Moments,
    penalty: GatePenalty,
    stepper: Stepper,
    rule: RemovalRule,
    noise: Array,
    first_step: int,
    ceiling: float,
    losses: Array,
) -> tuple[int, bool]:
    """Up to ``len(losses)`` epochs, until one removes an input; returns how many, and whether the loss exceeds ``ceiling``."""
    n_targets, n_live = v.A.shape
    W, G, change = np.empty((n_targets, n_live)), np.empty((n_targets, n_live)), np.empty(n_live)
    for epoch in range(losses.shape[0]):
        write_effective(v, penalty.gate, W)
        np.dot(W, moments.Q, G)
        r = v.b - moments.my
        r += np.dot(W, moments.mx)
        # One sum per input: sums along rows would be a chain of dependent additions.
        change[:] = 0.0
        for t in range(n_targets):
            for j in range(n_live):
                change[j] += W[t, j] * (G[t, j] - 2.0 * moments.R[t, j])
                G[t, j] += r[t] * moments.mx[j] - moments.R[t, j]
        loss = 0.5 * (moments.yy + change.sum() + (r * r).sum())
        if not loss <= ceiling:
            return epoch, True
        losses[epoch] = max(loss, 0.0)
        if not moments.has_intercept:
            r[:] = 0.0
        row = noise[min(epoch, noise.shape[0] - 1)]
        if advance(v, G, r, penalty, stepper, rule, True, row, first_step + epoch) > 0:
            return epoch + 1, False
    return losses.shape[0], False


class GramEpochs:
    """Runs epochs on the Gram; holds the Gram of the live inputs.

    Parameters
    ----------
    gram : Gram
        Of all inputs; shared by repeats.
    rng : Generator
        For randomized rules: one number per input *of the data* and step, so that collection does not change them.
    """

    form = "gram"

    def __init__(
        self,
        gram: Gram,
        has_intercept: bool,
        penalty: GatePenalty,
        stepper: Stepper,
        rule: RemovalRule,
        ceiling: float,
        rng: np.random.Generator,
    ) -> None:
        n = gram.total
        self.moments = Moments(
            gram.x_products / n,
            np.ascontiguousarray(gram.xy_products.T) / n,
            np.array(gram.x_means),
            np.array(gram.y_means),
            float(np.sum(gram.y_products)) / n,
            has_intercept,
        )
        self.penalty, self.stepper, self.rule, self.ceiling, self.rng = penalty, stepper, rule, ceiling, rng
        self.n_features = gram.n_features
        self.noise = np.empty((0, self.n_features))

    def run(self, state: State, n_epochs: int) -> Stretch:
        """At most ``n_epochs``, and `STRETCH`; fewer where inputs are removed."""
        losses = np.empty(min(n_epochs, STRETCH))
        noise = self._noise(len(losses), state.live)
        done, diverged = gram_epochs(
            *(state.variables, self.moments, self.penalty, self.stepper, self.rule),
            *(noise, state.n_steps + 1, self.ceiling, losses),
        )
        self.noise = self.noise[done:]
        state.n_steps += done
        return Stretch(losses[:done], diverged)

    def keep(self, kept: Indices) -> None:
        """Forget the inputs that are not at the positions ``kept``."""
        Q, R, mx = self.moments.Q, self.moments.R, self.moments.mx
        self.moments = self.moments._replace(Q=Q[np.ix_(kept, kept)], R=np.take(R, kept, axis=1), mx=mx[kept])

    def _noise(self, n_epochs: int, live: Indices) -> Array:
        if not self.rule.randomized:
            return np.ones((1, len(live)))
        if len(self.noise) < n_epochs:
            fresh = 1.0 - self.rng.random((STRETCH, self.n_features))
            self.noise = np.concatenate([self.noise, fresh])
        return np.take(self.noise[:n_epochs], live, axis=1)


def gram_of(data: TrainingData) -> Gram:
    """The Gram of the data of a squared loss."""
    return Gram.from_blocks([(data.X, data.Y, data.weights)])
