"""Branch and bound: a proven lower bound on the global minimum of regularised ShrinkNet, p >= 1, and better points on the way.

Nodes are boxes of column lengths (`relaxation`). Each is bounded by some sweeps over its convex relaxation, started from its
parent's point; lengths that cannot belong to a better point are cut off; what is left is split, an undecided column into zero and
non-zero, the others at the relaxation's length. The most promising child is followed at once, the other waits in a heap, the
lowest bound first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._blas import matmul
from solvers._compile import helper, kernel
from solvers.regression.bridge import bridge, bridge_kernel, smallest_length
from solvers.regression.relaxation import (
    IN,
    OUT,
    UNDECIDED,
    Relaxed,
    bound_terms,
    cost,
    dual_length,
    envelope,
    envelope_value,
    narrow,
    primal_length,
    relaxed_block,
)
from solvers.regression.separable import inverse
from solvers.regression.squared_problem import SquaredProblem
from solvers.regression.states import sweep
from solvers.regression.stationarity import penalty_value

Array = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[Any]]


@helper
def _push(heap: Integers, bounds: Array, counters: Integers) -> None:
    """Take the slot behind the heap into it."""
    i = counters[0]
    counters[0] += 1
    while i > 0:
        parent = (i - 1) // 2
        if bounds[heap[parent]] <= bounds[heap[i]]:
            break
        heap[parent], heap[i] = heap[i], heap[parent]
        i = parent


@helper
def _pop(heap: Integers, bounds: Array, counters: Integers) -> int:
    """The slot with the lowest bound; it stands behind the heap afterwards, free."""
    last = counters[0] - 1
    counters[0] = last
    heap[0], heap[last] = heap[last], heap[0]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= last:
            break
        if child + 1 < last and bounds[heap[child + 1]] < bounds[heap[child]]:
            child += 1
        if bounds[heap[i]] <= bounds[heap[child]]:
            break
        heap[i], heap[child] = heap[child], heap[i]
        i = child
    return int(heap[last])


@helper
def _widest(kind: Integers, low: Array, high: Array) -> int:
    """The column with the widest domain that is wide enough to be split; -1 if there is none."""
    branch, widest = -1, 1e-12
    for j in range(kind.shape[0]):
        width = high[j] if kind[j] == UNDECIDED else high[j] - low[j]
        if width > widest * high[j]:
            branch, widest = j, width / high[j]
    return branch


_SWEEPS = 200
_LOOK = 4
"""Sweeps over a relaxation at most, and between two looks at its bound."""

_PROGRESS = 0.3
_BATCH = 25
_EXACT_SWEEPS = 10
"""After so many nodes the best point seen is improved by so many exact sweeps, in search of a better incumbent."""


@kernel
def explore(
    R: Relaxed,
    rounding: float,
    tolerance: float,
    n_nodes: int,
    max_sweeps: int,
    bounds: Array,
    kinds: Integers,
    lows: Array,
    highs: Array,
    points: Array,
    heap: Integers,
    counters: Integers,
    record: Array,
    candidate: Array,
) -> None:
    """Process up to ``n_nodes`` nodes of the store.

    The store holds nodes in slots: ``bounds (N,)``, ``kinds, lows, highs (N, k)``, ``points (N, k, n_targets)``. ``heap (N,)``
    is a permutation of the slots: the first ``counters[0]`` are a binary heap by bound, the others are free. ``counters[1]``
    counts nodes. ``record`` is (objective of the incumbent, least bound among nodes that were closed, least objective at a
    relaxation's point), and ``candidate`` that point. ``rounding`` times the size of a bound's summands is subtracted from it;
    nodes are closed at bounds above the incumbent minus ``tolerance``.
    """
    k, n_targets = R.C.shape
    q = R.p / (R.p + 1.0)
    kind, low, high = np.empty(k, np.int8), np.empty(k), np.empty(k)
    V, G = np.empty((k, n_targets)), np.empty((k, n_targets))
    z, w, terms = np.empty(n_targets), np.empty(n_targets), np.empty(k)
    shapes = np.empty((k, 4))
    following = False
    known = -np.inf
    done = 0
    while done < n_nodes and counters[0] < heap.shape[0] - 2:
        if not following:
            if counters[0] == 0:
                break
            slot = _pop(heap, bounds, counters)
            known = bounds[slot]
            if known >= record[0] - tolerance:
                # All others are at least as high.
                record[1] = min(record[1], known)
                counters[0] = 0
                break
            kind[:], low[:], high[:], V[:] = kinds[slot], lows[slot], highs[slot], points[slot]
        following = False
        done += 1
        counters[1] += 1
        for j in range(k):
            if kind[j] == OUT:
                V[j] = 0.0
                continue
            base, a, line, b = envelope(R.delta[j], R.mu[j], q, kind[j], low[j], high[j])
            shapes[j, 0], shapes[j, 1], shapes[j, 2], shapes[j, 3] = base, a, line, b
        G[:] = R.C
        for j in range(k):
            for t in range(n_targets):
                if V[j, t] != 0.0:
                    for i in range(k):
                        G[i, t] -= R.K[i, j] * V[j, t]
        # -------------------------------------------------------------------------------------- sweeps over the relaxation
        bound = known
        closed = False
        for number in range(1, max_sweeps + 1):
            for j in range(k):
                if kind[j] == OUT:
                    continue
                for t in range(n_targets):
                    z[t] = R.K[j, j] * V[j, t] + G[j, t]
                relaxed_block(R.K[j, j], R.delta[j], R.mu[j], R.p, shapes[j, 1], shapes[j, 2], shapes[j, 3], high[j], z, w)
                changed = False
                for t in range(n_targets):
                    z[t] = w[t] - V[j, t]
                    changed |= z[t] != 0.0
                    V[j, t] = w[t]
                if changed:
                    for i in range(k):
                        for t in range(n_targets):
                            G[i, t] -= R.K[j, i] * z[t]
            if number % _LOOK and number < max_sweeps:
                continue
            raw, size = bound_terms(R, V, G, kind, low, high, terms)
            bound = max(bound, raw - rounding * size)
            if bound >= record[0] - tolerance:
                closed = True
                break
            relaxed = R.null_loss
            for j in range(k):
                if kind[j] == OUT:
                    continue
                for t in range(n_targets):
                    relaxed -= 0.5 * V[j, t] * (R.C[j, t] + G[j, t])
                length = primal_length(V[j], R.p)
                relaxed += envelope_value(R.delta[j], R.mu[j], q, shapes[j, 0], shapes[j, 1], shapes[j, 2], shapes[j, 3], length)
            # More sweeps can raise the bound to the relaxation's value at most.
            if relaxed - raw <= _PROGRESS * max(0.0, record[0] - tolerance - relaxed):
                break
        if not closed:
            # ------------------------------------------------------------------------------------------- cut the domains
            raw, size = bound_terms(R, V, G, kind, low, high, terms)
            # What is cut is no better than the incumbent. (Cutting what is not better by the tolerance would leave boxes without
            # the minimiser, whose bounds say nothing about it.)
            rest = record[0] - (raw - rounding * size)
            for j in range(k):
                g = dual_length(G[j], R.p)
                if not narrow(R, j, g, rest + terms[j], kind, low, high):
                    closed = True
                    bound = record[0]
                    break
        if closed:
            record[1] = min(record[1], bound)
            continue
        # ----------------------------------------------------------------------------------- note the most promising point
        objective = R.null_loss
        for j in range(k):
            for t in range(n_targets):
                objective -= 0.5 * V[j, t] * (R.C[j, t] + G[j, t] - R.delta[j] * V[j, t])
            objective += R.mu[j] * bridge(V[j], R.p)
        if objective < record[2]:
            record[2] = objective
            candidate[:] = V
        # ------------------------------------------------------------------------------------------------------- branch
        branch, worst = -1, 0.0
        for j in range(k):
            if kind[j] == OUT:
                continue
            t = primal_length(V[j], R.p)
            if kind[j] == IN and (t <= low[j] or t >= high[j]):
                continue
            if kind[j] == UNDECIDED and t == 0.0:
                continue
            base, a, line, b = envelope(R.delta[j], R.mu[j], q, kind[j], low[j], high[j])
            gap = cost(R.delta[j], R.mu[j], q, t) - envelope_value(R.delta[j], R.mu[j], q, base, a, line, b, t)
            if gap > worst:
                branch, worst = j, gap
        if branch < 0 or worst <= 1e-14 * R.null_loss:
            branch = _widest(kind, low, high)
        if branch < 0:
            record[1] = min(record[1], bound)
            continue
        slot = heap[counters[0]]
        kinds[slot], lows[slot], highs[slot], points[slot] = kind, low, high, V
        bounds[slot] = bound
        t = primal_length(V[branch], R.p)
        if kind[branch] == UNDECIDED:
            # The likelier child is followed.
            if 2.0 * t > shapes[branch, 3]:
                kinds[slot, branch], lows[slot, branch], highs[slot, branch] = OUT, 0.0, 0.0
                kind[branch] = IN
            else:
                kinds[slot, branch] = IN
                kind[branch], low[branch], high[branch] = OUT, 0.0, 0.0
        else:
            width = high[branch] - low[branch]
            t = min(max(t, low[branch] + 0.1 * width), high[branch] - 0.1 * width)
            lows[slot, branch] = t
            high[branch] = t
        _push(heap, bounds, counters)
        known = bound
        following = True
    if following:
        # The node in work goes back to the store.
        slot = heap[counters[0]]
        kinds[slot], lows[slot], highs[slot], points[slot] = kind, low, high, V
        bounds[slot] = known
        _push(heap, bounds, counters)


@dataclass(frozen=True)
class Bound:
    """What a search proved, in canonical units.

    Attributes
    ----------
    lower : float
        No point has a smaller objective, up to nothing: the rounding allowance is subtracted.
    upper : float
        The best objective known, in the Gram matrix's arithmetic.
    B : (n_features, n_targets)
        The point that attains it.
    n_nodes : int
        Nodes processed.
    """

    lower: float
    upper: float
    B: Array
    n_nodes: int


_ALLOWANCE = 4.0
"""Rounding errors of a bound, in units of eps times the number of summands times their sizes."""

_UNBOUNDED = 1e100
_CONDITIONED = 1e-3
"""Share of a column's curvature that must be separable for the ellipsoid around least squares to be of use."""

_FIRST_CAPACITY = 64
_STORE_BYTES = 2**31
"""Memory for open nodes at most; a search that needs more stops with the bound it has."""


class Search:
    """Branch and bound, resumable: each `run` processes some more nodes.

    Parameters
    ----------
    problem : SquaredProblem
        Its Gram matrix, correlation and null loss.
    mu : (n_features,)
        Strengths in canonical units; the penalty is ``sum_j mu_j ||w_j||_p^q`` with p >= 1.
    B : (n_features, n_targets)
        A feasible point and its ``objective``: the incumbent.
    tolerance : float
        Nodes that cannot hold a point better than the incumbent by more than this are closed.
    """

    def __init__(self, problem: SquaredProblem, mu: Array, p: float, B: Array, objective: float, tolerance: float) -> None:
        self.shape = B.shape
        self.columns = chosen = np.flatnonzero(np.diag(problem.gram) > 0)
        self.Q = np.ascontiguousarray(problem.gram[np.ix_(chosen, chosen)])
        C, mu = np.ascontiguousarray(problem.correlation[chosen]), mu[chosen].copy()
        n_samples, n_targets = problem.design.shape[0], C.shape[1]
        # For other norms ||w||_2 is no function of the length, and a split would leave a gap that no branching closes.
        delta = problem.separable[chosen] if p == 2 or n_targets == 1 else np.zeros(len(chosen))
        self.R = Relaxed(self.Q - np.diag(delta), C, delta, mu, float(p), problem.null_loss)
        self.penalty = bridge_kernel(mu, p)
        self.tolerance = tolerance
        self.rounding = _ALLOWANCE * np.finfo(float).eps * (n_samples + len(chosen) * n_targets)
        self.incumbent = np.ascontiguousarray(B[chosen])
        self.record = np.array([objective, np.inf, np.inf])
        self.candidate = np.zeros_like(self.incumbent)
        self.counters = np.zeros(2, dtype=np.int64)
        self.bounds, self.points = np.zeros(0), np.zeros((0, *C.shape))
        self.kinds, self.lows, self.highs = np.zeros((0, len(C)), np.int8), np.zeros((0, len(C))), np.zeros((0, len(C)))
        self.heap = np.arange(0)
        self._grow(_FIRST_CAPACITY)
        self._plant_root(objective)

    def run(self, n_nodes: int, max_sweeps: int = _SWEEPS) -> bool:
        """Process up to ``n_nodes`` nodes; True if the search is over."""
        stop = self.counters[1] + n_nodes
        while self.counters[1] < stop and self.open:
            if self.counters[0] >= len(self.heap) - 2 and not self._grow(2 * len(self.heap)):
                return True
            batch = int(min(stop - self.counters[1], _BATCH))
            explore(
                self.R, self.rounding, self.tolerance, batch, max_sweeps, self.bounds, self.kinds, self.lows, self.highs,
                self.points, self.heap, self.counters, self.record, self.candidate,
            )  # fmt: skip
            if n_nodes > 1:
                self._improve_candidate()
        return not self.open

    def _improve_candidate(self) -> None:
        """Follow the most promising point by exact sweeps; it may become the incumbent."""
        if not np.isfinite(self.record[2]):
            return
        W = self.candidate.copy()
        H = self.R.C - matmul(self.Q, W)
        for _ in range(_EXACT_SWEEPS):
            sweep(self.Q, self.penalty, W, H)
        loss = self.R.null_loss - 0.5 * float(np.sum(W * (self.R.C + H)))
        objective = loss + float(penalty_value(self.penalty, W))
        if objective < self.record[0]:
            self.record[0] = objective
            self.incumbent = W
        self.record[2] = np.inf

    @property
    def open(self) -> bool:
        """Whether nodes are left."""
        return bool(self.counters[0] > 0)

    @property
    def bound(self) -> Bound:
        """What is proven so far."""
        lowest = self.bounds[self.heap[0]] if self.open else np.inf
        lower = max(0.0, min(float(self.record[1]), float(lowest), float(self.record[0])))
        B = np.zeros(self.shape)
        B[self.columns] = self.incumbent
        return Bound(lower, float(self.record[0]), B, int(self.counters[1]))

    def improve(self, B: Array, objective: float) -> None:
        """Replace the incumbent by a better point."""
        self.record[0] = objective
        self.incumbent[:] = B[self.columns]

    def _grow(self, capacity: int) -> bool:
        k, n_targets = self.R.C.shape
        if capacity * (8 * k * (n_targets + 2) + k + 16) > _STORE_BYTES and capacity > _FIRST_CAPACITY:
            return False
        old = len(self.heap)

        def grown(array: Any) -> Any:
            new = np.zeros((capacity, *array.shape[1:]), dtype=array.dtype)
            new[:old] = array
            return new

        self.bounds, self.points = grown(self.bounds), grown(self.points)
        self.kinds, self.lows, self.highs = grown(self.kinds), grown(self.lows), grown(self.highs)
        self.heap = np.concatenate([self.heap, np.arange(old, capacity)])
        return True

    def _plant_root(self, objective: float) -> None:
        """Domains from the incumbent: the penalty of a better point is below its objective, its loss within an ellipsoid."""
        R, q = self.R, self.R.p / (self.R.p + 1.0)
        n_targets = R.C.shape[1]
        curvatures = np.diag(self.Q)
        lows = np.array([smallest_length(m / c, R.p, n_targets) for m, c in zip(R.mu, curvatures, strict=True)])
        with np.errstate(over="ignore", divide="ignore"):
            highs = (objective / R.mu) ** (1.0 / q)
        inverted = inverse(self.Q) if np.all(R.delta > _CONDITIONED * curvatures) else None
        if inverted is not None:
            least_squares = matmul(inverted, R.C)
            excess = max(0.0, objective - (R.null_loss - 0.5 * float(np.sum(R.C * least_squares))))
            reach = np.linalg.norm(least_squares, axis=1) + np.sqrt(2.0 * excess * np.diag(inverted))
            highs = np.minimum(highs, reach * n_targets ** max(0.0, 1.0 / R.p - 0.5))
        if np.any(highs > _UNBOUNDED):
            # A penalty that is nothing to float64: the trivial bound is all there is.
            self.record[1] = 0.0
            return
        self.lows[0] = lows * (1.0 - 1e-9)
        self.highs[0] = highs * (1.0 + 1e-9)
        self.points[0] = self.incumbent
        self.kinds[0] = np.where(self.highs[0] >= self.lows[0], UNDECIDED, OUT)
        self.lows[0, self.kinds[0] == OUT] = self.highs[0, self.kinds[0] == OUT] = 0.0
        self.bounds[0] = 0.0
        self.counters[0] = 1
