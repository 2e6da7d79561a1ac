"""Minimisation over a Gram matrix: sweeps identify the support, Newton steps polish on it.

The model is ``const - <B - B0, G0> + 1/2 <B - B0, Q (B - B0)> + sum_j phi_j(B_j)`` with ``Q (k, k)``; the state is ``B`` and its
negative gradient ``G = G0 - Q (B - B0)``, both ``(k, n_targets)`` and updated in place. The right-hand side never appears: a
caller that recomputes ``G`` from the data corrects whatever rounding errors the Gram matrix carries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._blas import matmul
from solvers._compile import kernel
from solvers._progress import Monitor
from solvers.regression.certificates import group_gap, row_norms
from solvers.regression.newton import newton_direction
from solvers.regression.penalties import prox, subdiff_distance, value

Array = np.ndarray[Any, np.dtype[np.float64]]

_POLISH_STEPS = 12
"""Newton steps between two sweeps. On collinear data groups leave a few at a time; a sweep before that would undo the work."""

_POLISHED = 1e-2
"""Relative stationarity on the support below which the next sweep is worth more than another Newton step."""

_HALVINGS = 20

_STALLED_ROUNDS = 3


@kernel
def sweep(Q: Array, penalty: Any, B: Array, G: Array) -> int:
    """One cyclic pass of exact block minimisation; returns how many blocks moved.

    Block j minimises ``q/2 ||w - z||^2 + phi_j(w)`` with ``q = Q_jj`` and ``z = B_j + G_j / q``, so ``w = prox(z, 1/q)``; then
    ``G -= Q_:j (w - B_j)'``. Columns with ``q = 0`` are left at their value. O(k n_targets) per block that moves, O(n_targets)
    for one that stays zero.
    """
    n_blocks, n_targets = B.shape
    z = np.empty(n_targets)
    new = np.empty(n_targets)
    moved = 0
    for j in range(n_blocks):
        q = Q[j, j]
        if q <= 0.0:
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


@dataclass
class GramState:
    """Where a minimisation over a Gram matrix stands; its arrays are updated in place.

    Attributes
    ----------
    Q : (k, k)
        The Gram matrix.
    B, G : (k, n_targets)
        Coefficients and negative gradient of the loss.
    loss : float
        Loss at ``B``, up to rounding.
    """

    Q: Array
    B: Array
    G: Array
    loss: float

    def sweep(self, penalty: Any) -> int:
        """One pass of `sweep`, keeping ``loss`` in step; returns the number of blocks that moved."""
        before, gradient = self.B.copy(), self.G.copy()
        moved = sweep(self.Q, penalty, self.B, self.G)
        # <step, Q step> = <step, G_before - G_after>: no product with Q is needed.
        step = self.B - before
        self.loss = max(0.0, self.loss - 0.5 * float(np.sum(step * (gradient + self.G))))
        return moved

    def move(self, rows: np.ndarray[Any, Any], step: Array, loss_change: float) -> None:
        """Add ``step (len(rows), n_targets)`` to the given rows of ``B``."""
        self.B[rows] += step
        self.G -= matmul(self.Q[rows].T, step)
        self.loss = max(0.0, self.loss + loss_change)


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
    state: GramState, kernel: Any, tol: float, scale: float, monitor: Monitor, objective_scale: float = 1.0
) -> bool:
    """Identify, then polish: alternate `sweep` with up to `_POLISH_STEPS` Newton steps on the support.

    The sweeps alone converge, slowly on ill-conditioned data; the Newton steps never increase the objective and converge
    quadratically once the support is right.

    Parameters
    ----------
    state : GramState
        Start; holds the answer afterwards, also when a limit raises `Interrupted`.
    kernel : GroupSparsityKernel
        The radii ``lam w_j > 0`` of the k groups.
    tol : float
        Stop at a duality gap of ``tol * scale``, the gap being computed in the Gram matrix.
    scale : float
        The null loss.
    objective_scale : float
        Factor that brings objectives to the caller's units, for the history.

    Returns
    -------
    bool
        True at the tolerance; False where rounding forbids further progress.
    """
    radii = kernel.radii
    stall = Stall(scale)
    while True:
        state.sweep(kernel)
        norms = row_norms(state.B)
        objective = state.loss + float(np.sum(radii * norms))
        gap = group_gap(state.loss, 0.0, state.G, state.B, radii) / scale
        monitor.round(objective * objective_scale, gap, int(np.count_nonzero(norms)))
        if gap <= tol:
            return True
        if stall(objective, gap):
            return False
        polish(state, radii)


def polish(state: GramState, radii: Array) -> None:
    """Up to `_POLISH_STEPS` safeguarded Newton steps on the support of ``state.B``."""
    for _ in range(_POLISH_STEPS):
        support = np.flatnonzero(state.B.any(axis=1))
        if len(support) == 0 or not _newton_step(state, support, radii[support]):
            return


def _newton_step(state: GramState, support: np.ndarray[Any, Any], radii: Array) -> bool:
    """One Newton step with line search on the support; True where another is worth trying.

    A group that the step carries across zero (``<w + d, w> <= 0``) is dropped: the norm has no second-order model there.
    """
    Q, W = state.Q[np.ix_(support, support)], state.B[support]
    direction = newton_direction(Q, W, state.G[support], radii)
    if direction is None:
        return False
    step, change, dropped = _line_search(Q, W, state.G[support], radii, direction)
    if step is None:
        return False
    state.move(support, step, change)
    if np.any(dropped):
        return True
    W = state.B[support]
    residual = state.G[support] - (radii / row_norms(W))[:, np.newaxis] * W
    return bool(np.any(row_norms(residual) > _POLISHED * radii))


def _line_search(
    Q: Array, W: Array, G: Array, radii: Array, direction: Array
) -> tuple[Array | None, float, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Shorten the step until the objective does not rise: ``(step, change of the loss, groups set to zero)``.

    The change is summed from differences, ``||w + d|| - ||w|| = <2w + d, d> / (||w + d|| + ||w||)``, so that it keeps its sign
    down to the last digits; comparing two objectives would stop the polish at 1e-16 of their size.
    """
    norms = row_norms(W)
    towards = np.sum(W * direction, axis=1) / norms
    crossings = np.divide(-norms, towards, out=np.full(len(W), np.inf), where=towards < 0)
    dropped = np.zeros(len(W), dtype=bool)
    for length in _trial_lengths(crossings):
        dropped = crossings <= length
        target = W + length * direction
        target[dropped] = 0.0
        step = target - W
        loss_change = float(np.sum(step * (0.5 * matmul(Q, step) - G)))
        growth = np.sum((W + target) * step, axis=1) / (row_norms(target) + norms)
        if loss_change + float(np.sum(radii * growth)) <= 0.0:
            return step, loss_change, dropped
    return None, 0.0, dropped


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
