"""Where a minimisation stands, and block-coordinate sweeps over it.

The loss is quadratic with Hessian ``Q = A'A / n`` for the effective columns ``A (n_samples, k)``. Where k is at most about twice
n_samples the state is ``B`` and its negative gradient ``G``, both ``(k, n_targets)``, and everything happens in ``Q``
(`GramState`); for more columns than that the residual is the smaller thing to keep (`SampleState`). Either starts from a gradient
or residual that was computed from the data, so that errors of an earlier run are corrected.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from solvers._blas import matmul
from solvers._compile import kernel
from solvers.regression.block_sweep import Spectrum, sweep_groups
from solvers.regression.curvature import Curvature
from solvers.regression.duality import group_gap
from solvers.regression.groups import GroupedKernel
from solvers.regression.penalties import GroupKernel, prox

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]


@kernel
def sweep(Q: Array, penalty: Any, B: Array, G: Array) -> int:
    """One cyclic pass of exact block minimisation; returns how many blocks moved.

    Block j minimises ``q/2 ||w - z||^2 + phi_j(w)`` with ``q = Q_jj`` and ``z = B_j + G_j / q``, so ``w = prox(z, 1/q)``; then
    ``G -= Q_:j (w - B_j)'``. Columns with ``q = 0``, which only the penalty sees, are set to zero. O(k n_targets) per block that
    moves, O(n_targets) for one that stays zero.
    """
    n_blocks, n_targets = B.shape
    z = np.empty(n_targets)
    new = np.empty(n_targets)
    moved = 0
    for j in range(n_blocks):
        q = Q[j, j]
        if q <= 0.0:
            B[j] = 0.0
            continue
        for t in range(n_targets):
            z[t] = B[j, t] + G[j, t] / q
        prox(penalty, z, 1.0 / q, j, new)
        changed = False
        for t in range(n_targets):
            z[t] = new[t] - B[j, t]
            changed |= z[t] != 0.0
            B[j, t] = new[t]
        if not changed:
            continue
        moved += 1
        for i in range(n_blocks):
            slope = Q[j, i]
            for t in range(n_targets):
                G[i, t] -= slope * z[t]
    return moved


@kernel
def sweep_samples(columns: Array, curvatures: Array, n: float, penalty: Any, B: Array, R: Array) -> int:
    """The pass of `sweep` with the residual ``R (n_samples, n_targets)`` in place of the gradient.

    ``columns (k, n_samples)`` holds ``A'``, ``curvatures (k,)`` the diagonal of Q. O(n_samples n_targets) per block.
    """
    n_blocks, n_samples = columns.shape
    n_targets = B.shape[1]
    new = np.empty(n_targets)
    moved = 0
    for j in range(n_blocks):
        q = curvatures[j]
        if q <= 0.0:
            B[j] = 0.0
            continue
        z = np.dot(columns[j], R)
        for t in range(n_targets):
            z[t] = B[j, t] + z[t] / (n * q)
        prox(penalty, z, 1.0 / q, j, new)
        changed = False
        for t in range(n_targets):
            z[t] = new[t] - B[j, t]
            changed |= z[t] != 0.0
            B[j, t] = new[t]
        if not changed:
            continue
        moved += 1
        for i in range(n_samples):
            x = columns[j, i]
            for t in range(n_targets):
                R[i, t] -= x * z[t]
    return moved


def sweep_blocks(Q: Array, spectrum: Spectrum | None, penalty: Any, B: Array, G: Array) -> int:
    """`sweep`, or `sweep_groups` where blocks of Q are groups."""
    if not isinstance(penalty, GroupedKernel):
        return sweep(Q, penalty, B, G)
    assert spectrum is not None
    return sweep_groups(Q, *spectrum, penalty, B, G)


class State(Protocol):
    """Where a minimisation stands: what sweeps and Newton steps need of the loss."""

    B: Array
    """Coefficients (k, n_targets), updated in place."""

    curvatures: Array
    """Diagonal of Q, (k,)."""

    batch: int
    """Sweeps between two looks at the gap: as many as make the gap's own cost small."""

    polish_steps: int
    """Newton steps at most between two batches of sweeps."""

    polished: float
    """Relative stationarity on the support below which the next sweep is worth more than another Newton step."""

    dear: bool
    """Whether a sweep costs about as much as a Newton step."""

    @property
    def G(self) -> Array:
        """Negative gradient of the loss (k, n_targets)."""
        ...

    @property
    def loss(self) -> float:
        """Loss at ``B``, up to rounding."""
        ...

    def gap(self, kernel: GroupKernel) -> float:
        """Duality gap of group sparsity among these columns."""
        ...

    def sweep(self, penalty: Any) -> int:
        """One pass of exact block minimisation; returns the number of blocks that moved."""
        ...

    def newton_direction(self, support: Indices, curvature: Curvature) -> Array | None:
        """Newton direction on the support, where the penalty has ``curvature``; None where rounding allows none."""
        ...

    def image(self, support: Indices, step: Array) -> Any:
        """What `loss_change` and `move` need of ``step (len(support), n_targets)``: how far G, or the residual, falls."""
        ...

    def loss_change(self, support: Indices, step: Array, image: Any) -> float:
        """``1/2 <step, Q step> - <step, G>``: what the loss gains if ``step`` is added on the support."""
        ...

    def move(self, support: Indices, step: Array, image: Any) -> None:
        """Add ``step`` to the rows ``support`` of ``B``."""
        ...


def squared_gap(state: State, kernel: GroupKernel) -> float:
    """Duality gap of least squares: ``||R - s R||^2 / (2n)`` is ``(1 - s)^2`` times the loss."""
    loss = state.loss
    return group_gap(lambda s: (1.0 - s) ** 2 * loss, state.G, state.B, kernel).gap


_DIRECT = 1500
"""Columns beyond which a factorisation costs so much that conjugate gradients are tried first."""

_COLUMNS_PER_PRODUCT = 40
"""So many products with Q cost half as much as its factorisation, for each that number of columns."""

_INEXACT = 20
"""Iterations on the residual: enough for a good direction, more would cost more than the sweeps they save."""


class GramState:
    """`State` over a Gram matrix ``Q (k, k)``, from a point ``B`` with negative gradient ``G`` and ``loss``.

    For groups of several columns with the ``spectrum`` of their blocks in Q.
    """

    # While many superfluous groups are in the support, sweeps remove them at a lower price than Newton steps.
    batch = 2
    # On collinear data groups leave a few at a time; a sweep before that is over would undo the work.
    polish_steps = 12
    polished = 1e-2
    dear = False

    def __init__(self, Q: Array, B: Array, G: Array, loss: float, spectrum: Spectrum | None = None) -> None:
        self.Q, self.B, self.G, self.loss, self.spectrum = Q, B, G, loss, spectrum
        self.curvatures = np.diag(Q).copy()
        self._support, self._rows = np.arange(len(Q)), Q

    def gap(self, kernel: GroupKernel) -> float:
        return squared_gap(self, kernel)

    def sweep(self, penalty: Any) -> int:
        before, gradient = self.B.copy(), self.G.copy()
        moved = sweep_blocks(self.Q, self.spectrum, penalty, self.B, self.G)
        # <step, Q step> = <step, G_before - G_after>: no product with Q is needed.
        step = self.B - before
        self.loss = max(0.0, self.loss - 0.5 * float(np.sum(step * (gradient + self.G))))
        return moved

    def newton_direction(self, support: Indices, curvature: Curvature) -> Array | None:
        rows = self._rows_of(support)
        square = rows if len(support) == len(self.Q) else rows[:, support]
        W, G = self.B[support], self.G[support]
        if len(support) > _DIRECT:
            most = len(support) // _COLUMNS_PER_PRODUCT
            found = curvature.direction_by_cg(lambda V: matmul(square, V), self.curvatures[support], W, G, most)
            if found is not None and found[1]:
                return found[0]
        return curvature.direction(square, W, G)

    def image(self, support: Indices, step: Array) -> Array:
        return matmul(self._rows_of(support).T, step)

    def loss_change(self, support: Indices, step: Array, image: Array) -> float:
        return float(np.sum(step * (0.5 * image[support] - self.G[support])))

    def move(self, support: Indices, step: Array, image: Array) -> None:
        self.loss = max(0.0, self.loss + self.loss_change(support, step, image))
        self.B[support] += step
        self.G -= image

    def _rows_of(self, support: Indices) -> Array:
        """The rows of Q on the support, copied once for all uses by a Newton step."""
        if not np.array_equal(support, self._support):
            self._support, self._rows = support, self.Q if len(support) == len(self.Q) else self.Q[support]
        return self._rows


class SampleState:
    """`State` over effective columns ``A (n_samples, k)`` and the residual ``R`` at ``B``; ``n`` is the sum of weights."""

    batch = 5
    # Each costs as much as ten sweeps and is not exact.
    polish_steps = 2
    polished = 1e-2
    dear = False

    def __init__(self, A: Array, B: Array, R: Array, n: float) -> None:
        self.A, self.B, self.R, self.n = A, B, R, n
        self.curvatures = np.sum(A * A, axis=0) / n
        self._G: Array | None = None
        self._support, self._live = np.arange(0), A[:, :0]

    @property
    def G(self) -> Array:
        if self._G is None:
            self._G = matmul(self.A.T, self.R) / self.n
        return self._G

    @property
    def loss(self) -> float:
        return 0.5 * float(np.sum(self.R * self.R)) / self.n

    def gap(self, kernel: GroupKernel) -> float:
        return squared_gap(self, kernel)

    def sweep(self, penalty: Any) -> int:
        self._G = None
        return sweep_samples(self.A.T, self.curvatures, self.n, penalty, self.B, self.R)

    def newton_direction(self, support: Indices, curvature: Curvature) -> Array | None:
        A, W, G = self._columns(support), self.B[support], self.G[support]
        found = curvature.direction_by_cg(lambda V: matmul(A.T, matmul(A, V)) / self.n, self.curvatures[support], W, G, _INEXACT)
        return None if found is None else found[0]

    def image(self, support: Indices, step: Array) -> Array:
        return matmul(self._columns(support), step)

    def loss_change(self, support: Indices, step: Array, image: Array) -> float:
        return 0.5 * float(np.sum(image * image)) / self.n - float(np.sum(step * self.G[support]))

    def move(self, support: Indices, step: Array, image: Array) -> None:
        self.B[support] += step
        self.R -= image
        self._G = None

    def _columns(self, support: Indices) -> Array:
        """The columns of the support, copied once for all uses by a Newton step."""
        if not np.array_equal(support, self._support):
            self._support, self._live = support, self.A[:, support]
        return self._live
