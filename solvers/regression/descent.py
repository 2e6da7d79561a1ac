"""Minimisation on some columns: sweeps identify the support, Newton steps polish on it.

The loss is quadratic with Hessian ``Q = A'A / n`` for the effective columns ``A (n_samples, k)``. Where k is at most about twice
n_samples the state is ``B`` and its negative gradient ``G``, both ``(k, n_targets)``, and everything happens in ``Q``
(`GramState`); for more columns than that the residual is the smaller thing to keep (`SampleState`). Either starts from a gradient
or residual that was computed from the data, so that errors of an earlier run are corrected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from solvers._blas import matmul
from solvers._compile import kernel
from solvers._progress import Monitor
from solvers.regression.certificates import group_gap, row_norms
from solvers.regression.newton import newton_direction, newton_direction_by_cg
from solvers.regression.penalties import prox, subdiff_distance, value

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

_BATCHES = 10
"""Batches of sweeps in a row at most; ten cost about as much as one Newton step."""

_BATCH_PAYS = 0.5
"""Share of the gap that a batch of sweeps may leave if another is to follow."""

_POLISHED = 1e-2
"""Relative stationarity on the support below which the next sweep is worth more than another Newton step."""

_HALVINGS = 20

_STALLED_ROUNDS = 3


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
def penalty_value(penalty: Any, B: Array) -> float:
    """``sum_j phi_j(B_j)``."""
    total = 0.0
    for j in range(B.shape[0]):
        total += value(penalty, B[j], j)
    return total


@kernel
def worst_distance(penalty: Any, B: Array, G: Array) -> float:
    """``max_j dist(G_j, subdifferential of phi_j at B_j)``: zero exactly at stationary points."""
    worst = 0.0
    for j in range(B.shape[0]):
        worst = max(worst, subdiff_distance(penalty, B[j], G[j], j))
    return worst


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


class State(Protocol):
    """Where a minimisation stands: what sweeps and Newton steps need of the loss."""

    B: Array
    """Coefficients (k, n_targets), updated in place."""

    batch: int
    """Sweeps between two looks at the gap: as many as make the gap's own cost small."""

    polish_steps: int
    """Newton steps at most between two batches of sweeps."""

    @property
    def G(self) -> Array:
        """Negative gradient of the loss (k, n_targets)."""
        ...

    @property
    def loss(self) -> float:
        """Loss at ``B``, up to rounding."""
        ...

    def sweep(self, penalty: Any) -> int:
        """One pass of exact block minimisation; returns the number of blocks that moved."""
        ...

    def newton_direction(self, support: Indices, radii: Array) -> Array | None:
        """Newton direction on the support, or None where rounding allows none."""
        ...

    def image(self, support: Indices, step: Array) -> Array:
        """How far G (or the residual) falls where ``step (len(support), n_targets)`` is added on the support."""
        ...

    def loss_change(self, support: Indices, step: Array, image: Array) -> float:
        """``1/2 <step, Q step> - <step, G>``: what the loss gains if ``step`` is added on the support."""
        ...

    def move(self, support: Indices, step: Array, image: Array) -> None:
        """Add ``step`` to the rows ``support`` of ``B``."""
        ...


class GramState:
    """`State` over a Gram matrix ``Q (k, k)``, from a point ``B`` with negative gradient ``G`` and ``loss``."""

    # While many superfluous groups are in the support, sweeps remove them at a lower price than Newton steps.
    batch = 2
    # On collinear data groups leave a few at a time; a sweep before that is over would undo the work.
    polish_steps = 12

    def __init__(self, Q: Array, B: Array, G: Array, loss: float) -> None:
        self.Q, self.B, self.G, self.loss = Q, B, G, loss
        self._support, self._rows = np.arange(len(Q)), Q

    def sweep(self, penalty: Any) -> int:
        before, gradient = self.B.copy(), self.G.copy()
        moved = sweep(self.Q, penalty, self.B, self.G)
        # <step, Q step> = <step, G_before - G_after>: no product with Q is needed.
        step = self.B - before
        self.loss = max(0.0, self.loss - 0.5 * float(np.sum(step * (gradient + self.G))))
        return moved

    def newton_direction(self, support: Indices, radii: Array) -> Array | None:
        rows = self._rows_of(support)
        square = rows if len(support) == len(self.Q) else rows[:, support]
        return newton_direction(square, self.B[support], self.G[support], radii)

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

    def sweep(self, penalty: Any) -> int:
        self._G = None
        return sweep_samples(self.A.T, self.curvatures, self.n, penalty, self.B, self.R)

    def newton_direction(self, support: Indices, radii: Array) -> Array | None:
        return newton_direction_by_cg(self._columns(support), self.n, self.B[support], self.G[support], radii)

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


class Stall:
    """Notices that neither gap nor objective falls any more: float64 has given what it can."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.best_gap = np.inf
        self.best_objective = np.inf
        self.rounds = 0

    def __call__(self, objective: float, gap: float) -> bool:
        """Record a round; True after `_STALLED_ROUNDS` rounds without progress."""
        progress = gap < 0.5 * self.best_gap or objective < self.best_objective - 1e-15 * self.scale
        self.rounds = 0 if progress else self.rounds + 1
        self.best_gap, self.best_objective = min(self.best_gap, gap), min(self.best_objective, objective)
        return self.rounds >= _STALLED_ROUNDS


def minimise_group_sparsity(
    state: State, kernel: Any, tol: float, scale: float, monitor: Monitor, objective_scale: float = 1.0
) -> bool:
    """Identify, then polish: alternate sweeps with some Newton steps on the support.

    Sweeps go on while each batch halves the gap: on well-conditioned data they are all it takes, and cost a small
    part of a Newton step. Where they crawl, the Newton steps never increase the objective and converge quadratically once the
    support is right.

    Parameters
    ----------
    state : State
        Start; holds the answer afterwards, also when a limit raises `Interrupted`.
    kernel : GroupSparsityKernel
        The radii ``lam w_j > 0`` of the k groups.
    tol : float
        Stop at a duality gap of ``tol * scale`` among these groups.
    scale : float
        The null loss.
    objective_scale : float
        Factor that brings objectives to the caller's units, for the history.

    Returns
    -------
    bool
        True at the tolerance; False where rounding forbids further progress.
    """
    radii, stall = kernel.radii, Stall(scale)
    while True:
        gap, previous, objective = np.inf, np.inf, np.inf
        for _ in range(_BATCHES):
            for _ in range(state.batch):
                state.sweep(kernel)
            norms = row_norms(state.B)
            objective = state.loss + float(np.sum(radii * norms))
            previous, gap = gap, group_gap(state.loss, 0.0, state.G, state.B, radii) / scale
            monitor.round(objective * objective_scale, gap, int(np.count_nonzero(norms)))
            if gap <= tol:
                return True
            if gap > _BATCH_PAYS * previous:
                break
        if stall(objective, gap):
            return False
        polish(state, radii)


def polish(state: State, radii: Array) -> None:
    """Up to ``state.polish_steps`` safeguarded Newton steps on the support of ``state.B``."""
    for _ in range(state.polish_steps):
        support = np.flatnonzero(state.B.any(axis=1))
        if len(support) == 0 or not _newton_step(state, support, radii[support]):
            return


def _newton_step(state: State, support: Indices, radii: Array) -> bool:
    """One Newton step with line search on the support; True where another is worth trying.

    A group that the step carries across zero (``<w + d, w> <= 0``) is dropped: the norm has no second-order model there.
    """
    direction = state.newton_direction(support, radii)
    if direction is None:
        return False
    dropped = _line_search(state, support, radii, direction)
    if dropped is None:
        return False
    if np.any(dropped):
        return True
    W = state.B[support]
    residual = state.G[support] - (radii / row_norms(W))[:, np.newaxis] * W
    return bool(np.any(row_norms(residual) > _POLISHED * radii))


def _line_search(state: State, support: Indices, radii: Array, direction: Array) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    """Shorten the step until the objective does not rise and take it: which groups became zero; None if no step was taken.

    The change is summed from differences, ``||w + d|| - ||w|| = <2w + d, d> / (||w + d|| + ||w||)``, so that it keeps its sign
    down to the last digits; comparing two objectives would stop the polish at 1e-16 of their size.
    """
    W = state.B[support]
    norms = row_norms(W)
    towards = np.sum(W * direction, axis=1) / norms
    crossings = np.divide(-norms, towards, out=np.full(len(W), np.inf), where=towards < 0)
    for length in _trial_lengths(crossings):
        dropped = crossings <= length
        target = W + length * direction
        target[dropped] = 0.0
        step = target - W
        growth = np.sum((W + target) * step, axis=1) / (row_norms(target) + norms)
        image = state.image(support, step)
        if state.loss_change(support, step, image) + float(np.sum(radii * growth)) <= 0.0:
            state.move(support, step, image)
            return dropped
    return None


def _trial_lengths(crossings: Array) -> Iterator[float]:
    """Step lengths to try: 1, then lengths at which half, a quarter, ... of the crossing groups reach zero, then halves.

    Where the Hessian is singular the direction is as long as its ridge is small, and only the crossings know the scale: along
    a flat direction the objective falls up to the first of them.
    """
    yield 1.0
    ends = np.sort(crossings[crossings < 1.0])
    count = len(ends) // 2
    length = 1.0
    while len(ends):
        length = float(ends[count])
        yield length
        if count == 0:
            break
        count //= 2
    for _ in range(_HALVINGS):
        length *= 0.5
        yield length


def minimise_by_sweeps(state: GramState, kernel: Any, tol: float, scale: float, gradient_scale: float, monitor: Monitor) -> bool:
    """Block-coordinate descent for any penalty with a prox, until stationary to ``tol * gradient_scale``."""
    stall = Stall(scale)
    while True:
        moved = state.sweep(kernel)
        objective = state.loss + penalty_value(kernel, state.B)
        distance = worst_distance(kernel, state.B, state.G) / gradient_scale
        monitor.round(objective, distance, int(np.count_nonzero(state.B.any(axis=1))))
        if distance <= tol:
            return True
        if moved == 0 or stall(objective, distance):
            return False
