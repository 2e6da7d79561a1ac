"""Lower bounds for ``1/(2n) ||Ys - Xs W||^2 + sum_j mu_j ||W_j||_p^q`` when each ``||W_j||_p`` is known to lie in a domain.

In the Gram matrix the loss is ``P0 - <C, W> + 1/2 <W, Q W>``. Split ``Q = K + diag(delta)`` with K positive semidefinite and
``delta >= 0``, and give the separable part to the penalty: with ``h_j(t) = 1/2 delta_j t^2 + mu_j t^q`` and the length
``t = ||W_j||_p``, convexity of the first part gives, for *any* point V,

    objective(W)  >=  P0 - 1/2 <V, K V> + sum_j min_{t in domain_j} ( h_j(t) - t ||G_j||_{p*} ),      G = C - K V.

That is the bound; it needs no optimality of V. The best V minimises the convex relaxation, in which each ``h_j`` on its domain is
replaced by its convex envelope; block-coordinate descent finds it.

A domain is an interval ``[low, high]`` of lengths, together with zero while the column is *undecided*. At every global minimiser
a non-zero column is longer than `smallest_length`, so ``low > 0``: an undecided column is in or out. Without the split
(``delta = 0``) the envelope of an undecided column is the chord from zero to ``high``; with it, the slope does not depend on
``high``, and the bound at the root of a well-conditioned problem is much better. It needs ``||W_j||_2 = ||W_j||_p``: p = 2, or
one target.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from solvers._compile import helper
from solvers.regression.bridge import bridge, jump, power_shrink, xi

Array = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[Any]]


class Relaxed(NamedTuple):
    """The problem and its split, for kernels.

    ``K (k, k)``, ``C (k, n_targets)``; ``delta``, ``mu (k,)``, the former zero unless ``||w||_2 = ||w||_p``.
    """

    K: Array
    C: Array
    delta: Array
    mu: Array
    p: float
    null_loss: float


OUT, UNDECIDED, IN = 0, 1, 2
"""What is known of a column at a node: it is zero; it is zero or in ``[low, high]``; it is in ``[low, high]``."""


@helper
def dual_length(g: Array, p: float) -> float:
    """``||g||_{p*}``, ``1/p + 1/p* = 1``, for p >= 1."""
    if p == 2.0:
        return math.sqrt((g * g).sum())
    largest = 0.0
    for t in range(g.shape[0]):
        largest = max(largest, abs(g[t]))
    if p == 1.0 or largest == 0.0:
        return largest
    dual = p / (p - 1.0)
    total = 0.0
    for t in range(g.shape[0]):
        total += (abs(g[t]) / largest) ** dual
    return largest * total ** (1.0 / dual)


@helper
def primal_length(w: Array, p: float) -> float:
    """``||w||_p``."""
    if p == 2.0:
        return math.sqrt((w * w).sum())
    return bridge(w, p) ** ((p + 1.0) / p)


@helper
def cost(delta: float, mu: float, q: float, t: float) -> float:
    """``h(t) = 1/2 delta t^2 + mu t^q``."""
    return 0.5 * delta * t * t + mu * t**q


@helper
def slope(delta: float, mu: float, q: float, t: float) -> float:
    """``h'(t)`` for t > 0."""
    return delta * t + mu * q * t ** (q - 1.0)


@helper
def inner_minimiser(curvature: float, mu: float, q: float, g: float) -> float:
    """The local minimiser of ``1/2 curvature t^2 + mu t^q - g t`` away from zero; 0 where there is none.

    The largest root of ``curvature t + mu q t^(q-1) = g``; in units of ``x`` it is `xi`. The left side is smallest at
    ``(q/2)^(1/(2-q))`` of those units.
    """
    if curvature <= 0.0:
        return 0.0
    x = jump(mu / curvature, q)
    r = g / (curvature * x)
    bottom = (0.5 * q) ** (1.0 / (2.0 - q))
    if r <= bottom + 0.5 * q / (1.0 - q) * bottom ** (q - 1.0):
        return 0.0
    return x * xi(r, q)


@helper
def least(delta: float, mu: float, q: float, g: float, low: float, high: float) -> tuple[float, float]:
    """``min_{low <= t <= high} h(t) - g t`` and where it is attained."""
    best, at = cost(delta, mu, q, low) - g * low, low
    other = cost(delta, mu, q, high) - g * high
    if other < best:
        best, at = other, high
    inner = inner_minimiser(delta, mu, q, g)
    if low < inner < high:
        other = cost(delta, mu, q, inner) - g * inner
        if other < best:
            best, at = other, inner
    return best, at


@helper
def envelope(delta: float, mu: float, q: float, kind: int, low: float, high: float) -> tuple[float, float, float, float]:
    """The convex envelope of h on its domain, extended to the ball: ``(base, a, slope, b)``.

    It is ``base`` up to a, then a line of that slope up to b, then h up to ``high``. For an undecided column ``base = a = 0`` and
    b is where the line from the origin touches h. For a column that is in, the envelope is flat up to ``a = low``: points of a
    sphere average to points of the ball at no extra cost.
    """
    if kind == UNDECIDED:
        touch = high if delta <= 0.0 else min(high, max(low, jump(mu / delta, q)))
        return 0.0, 0.0, cost(delta, mu, q, touch) / touch, touch
    base = cost(delta, mu, q, low)
    if high <= low:
        return base, low, 0.0, low
    bend = math.inf if delta <= 0.0 else (mu * q * (1.0 - q) / delta) ** (1.0 / (2.0 - q))
    if low >= bend:
        return base, low, slope(delta, mu, q, low), low
    chord = (cost(delta, mu, q, high) - base) / (high - low)
    if high <= bend or chord >= slope(delta, mu, q, high):
        return base, low, chord, high
    left, right = bend, high
    for _ in range(50):
        touch = 0.5 * (left + right)
        if cost(delta, mu, q, touch) - base > slope(delta, mu, q, touch) * (touch - low):
            left = touch
        else:
            right = touch
    # On the right the slope is at least that of the line: nudged to stay below the envelope.
    return base, low, (cost(delta, mu, q, left) - base) / (left - low) if left > low else 0.0, left


@helper
def envelope_value(delta: float, mu: float, q: float, base: float, a: float, line: float, b: float, t: float) -> float:
    """The envelope at length t."""
    if t <= a:
        return base
    if t <= b:
        return base + line * (t - a)
    return cost(delta, mu, q, t)


@helper
def relaxed_length(
    curvature: float, delta: float, mu: float, q: float, a: float, line: float, b: float, high: float, z: float
) -> float:
    """``argmin_{0 <= t <= high} 1/2 curvature t^2 - z t + envelope(t)``."""
    if z <= 0.0:
        return 0.0
    if a > 0.0:
        t = z / curvature if curvature > 0.0 else math.inf
        if t < a:
            return t
    if z <= line + curvature * a:
        return a
    t = (z - line) / curvature if curvature > 0.0 else math.inf
    if t < b:
        return t
    if b >= high or z <= slope(delta, mu, q, b) + curvature * b:
        return b
    return min(high, max(b, inner_minimiser(curvature + delta, mu, q, z)))


_BISECTIONS = 40
"""Only the quality of a bound depends on the block minimiser, not its validity: ten digits are plenty."""


@helper
def _slope_of_envelope(delta: float, mu: float, q: float, a: float, line: float, b: float, high: float, t: float) -> float:
    if t >= high:
        return math.inf
    if t >= b:
        return slope(delta, mu, q, t) if t > 0.0 else line
    return line if t >= a else 0.0


@helper
def relaxed_block(
    curvature: float, delta: float, mu: float, p: float, a: float, line: float, b: float, high: float, z: Array, out: Array
) -> None:
    """Write ``argmin_w 1/2 curvature ||w||_2^2 - <z, w> + envelope(||w||_p)``, ``||w||_p <= high``, to ``out``.

    For p = 2 only the length is unknown. Otherwise the multiplier of the length is bisected: for p = 1 it is the level of a soft
    threshold, for other p the entries solve ``w + c |w|^(p-1) = |z| / curvature`` with a common c.
    """
    q = p / (p + 1.0)
    n = z.shape[0]
    if p == 2.0:
        norm = math.sqrt((z * z).sum())
        t = relaxed_length(curvature, delta, mu, q, a, line, b, high, norm)
        scale = t / norm if norm > 0.0 else 0.0
        for i in range(n):
            out[i] = scale * z[i]
        return
    largest = 0.0
    for i in range(n):
        largest = max(largest, abs(z[i]) / curvature)
    out[:] = 0.0
    if largest == 0.0:
        return
    left, right = (0.0, largest) if p == 1.0 else (1e-18 * largest ** (2.0 - p), 1e18 * largest ** (2.0 - p))
    for _ in range(_BISECTIONS):
        c = 0.5 * (left + right) if p == 1.0 else math.sqrt(left) * math.sqrt(right)
        for i in range(n):
            out[i] = max(0.0, abs(z[i]) / curvature - c) if p == 1.0 else power_shrink(abs(z[i]) / curvature, c, p)
        t = primal_length(out, p)
        multiplier = curvature * c * (1.0 if p == 1.0 else p * t ** (p - 1.0))
        if multiplier < _slope_of_envelope(delta, mu, q, a, line, b, high, t):
            left = c
        else:
            right = c
    for i in range(n):
        out[i] = math.copysign(out[i], z[i])


@helper
def bound_terms(R: Relaxed, V: Array, G: Array, kinds: Integers, lows: Array, highs: Array, terms: Array) -> tuple[float, float]:
    """The lower bound at V, what each column contributes (to ``terms``), and the size of all summands for its rounding error."""
    q = R.p / (R.p + 1.0)
    k, n_targets = V.shape
    total, size = R.null_loss, R.null_loss
    for j in range(k):
        for t in range(n_targets):
            product = 0.5 * V[j, t] * (R.C[j, t] - G[j, t])
            total -= product
            size += abs(product)
    for j in range(k):
        terms[j] = 0.0
        if kinds[j] == OUT:
            continue
        g = dual_length(G[j], R.p)
        value, at = least(R.delta[j], R.mu[j], q, g, lows[j], highs[j])
        size += g * at + cost(R.delta[j], R.mu[j], q, at)
        terms[j] = min(0.0, value) if kinds[j] == UNDECIDED else value
        total += terms[j]
    return total, size


@helper
def narrow(R: Relaxed, j: int, g: float, slack: float, kinds: Integers, lows: Array, highs: Array) -> bool:
    """Cut lengths out of column j's domain whose contribution ``h(t) - g t`` exceeds ``slack``; False if nothing is left.

    What exceeds the slack cannot belong to a point better than the incumbent: the bound at this V would be above it.
    """
    q = R.p / (R.p + 1.0)
    delta, mu = R.delta[j], R.mu[j]
    if kinds[j] == OUT:
        return slack >= 0.0
    zero_allowed = kinds[j] == UNDECIDED and slack >= 0.0
    value, _ = least(delta, mu, q, g, lows[j], highs[j])
    if value > slack:
        if zero_allowed:
            kinds[j], lows[j], highs[j] = OUT, 0.0, 0.0
        return zero_allowed
    if kinds[j] == UNDECIDED and not zero_allowed:
        kinds[j] = IN
    inner = inner_minimiser(delta, mu, q, g)
    dips = lows[j] < inner < highs[j] and cost(delta, mu, q, inner) - g * inner <= slack
    if cost(delta, mu, q, highs[j]) - g * highs[j] > slack:
        inside, outside = inner if dips else lows[j], highs[j]
        if cost(delta, mu, q, inside) - g * inside <= slack:
            highs[j] = _crossing(delta, mu, q, g, slack, inside, outside)
    if cost(delta, mu, q, lows[j]) - g * lows[j] > slack:
        inside, outside = inner if dips else highs[j], lows[j]
        if cost(delta, mu, q, inside) - g * inside <= slack:
            lows[j] = _crossing(delta, mu, q, g, slack, inside, outside)
    return True


@helper
def _crossing(delta: float, mu: float, q: float, g: float, slack: float, inside: float, outside: float) -> float:
    """A length between an allowed and a cut one beyond which, towards the latter, all are cut."""
    for _ in range(40):
        middle = 0.5 * (inside + outside)
        if cost(delta, mu, q, middle) - g * middle <= slack:
            inside = middle
        else:
            outside = middle
    return outside
