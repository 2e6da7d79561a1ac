"""The group bridge ``mu ||w||_p^q``, ``q = p / (p + 1)``: what regularised ShrinkNet is in ``W = A diag(beta)``.

Concave in the length of ``w`` and infinitely steep at zero, so that its proximal operator jumps. With one target

    argmin_w 1/2 (w - z)^2 + mu |w|^q = sign(z) x xi(|z| / x),      x = (2 mu (1 - q))^(1 / (2 - q)),

where ``xi(r)`` is the largest root of ``xi + kappa xi^(q-1) = r``, ``kappa = q / (2 (1 - q))``, above the threshold
``r = 1 + kappa``, at which it jumps to 1, and zero up to there. Three kernels implement it for vectors: p = 2, where only the
length of w changes (2/3-thresholding), p = 1, where w is also sparse inside (half-thresholding), and any other p > 0, where the
minimiser is found numerically.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from solvers._compile import helper, implements
from solvers.regression.penalties import prox, subdiff_distance, value

Array = np.ndarray[Any, np.dtype[np.float64]]


class TwoBridgeKernel(NamedTuple):
    """``mu_j ||w||_2^(2/3)``."""

    mu: Array


class OneBridgeKernel(NamedTuple):
    """``mu_j ||w||_1^(1/2)``."""

    mu: Array


class PowerBridgeKernel(NamedTuple):
    """``mu_j ||w||_p^(p / (p + 1))`` for any p > 0."""

    mu: Array
    p: float


BridgeKernel = TwoBridgeKernel | OneBridgeKernel | PowerBridgeKernel


def bridge_kernel(mu: Array, p: float) -> BridgeKernel:
    """The kernel for strengths ``mu (n_features,)``: closed forms for p = 2 and p = 1."""
    if p == 2:
        return TwoBridgeKernel(mu)
    return OneBridgeKernel(mu) if p == 1 else PowerBridgeKernel(mu, float(p))


# ------------------------------------------------------------------------------------------------- the scale-free equation


@helper
def jump(mu: float, q: float) -> float:
    """``x``: the smallest non-zero value of the proximal operator of ``mu |w|^q``, 0 < q < 1."""
    return (2.0 * mu * (1.0 - q)) ** (1.0 / (2.0 - q))


@helper
def threshold(q: float) -> float:
    """``1 + kappa``: the operator is zero for ``|z|`` up to this many jumps; both are global minimisers there."""
    return 1.0 + 0.5 * q / (1.0 - q)


_LINEAR = 1e24
"""Beyond this ``xi(r) = r`` to the last digit, for every exponent q up to about 1/3; closed forms would overflow later."""


@helper
def xi_two_thirds(r: float) -> float:
    """Root of ``xi + xi^(-1/3) = r`` for r >= 2 (Cao, Sun and Xu 2013): a quartic in ``xi^(1/3)``, solved by Ferrari's method."""
    if r > _LINEAR:
        return r
    a = 2.0 / 3.0**0.25 * math.sqrt(math.cosh(math.acosh(0.1875 * math.sqrt(3.0) * r * r) / 3.0))
    return min(r, (0.5 * (a + math.sqrt(max(0.0, 2.0 * r / a - a * a)))) ** 3)


@helper
def xi_half(r: float) -> float:
    """Root of ``xi + xi^(-1/2) / 2 = r`` for r >= 3/2 (Xu et al. 2012): a cubic in ``xi^(1/2)``."""
    if r > _LINEAR:
        return r
    return min(r, 2.0 / 3.0 * r * (1.0 + math.cos(2.0 / 3.0 * (math.pi - math.acos(min(1.0, 0.25 * (r / 3.0) ** -1.5))))))


@helper
def xi(r: float, q: float) -> float:
    """Largest root of ``xi + kappa xi^(q-1) = r``, where there is one, by Newton's method; convex, from the right: monotone.

    It is at least 1 for r >= 1 + kappa and goes down to ``(q/2)^(1/(2-q))`` below that.
    """
    kappa = 0.5 * q / (1.0 - q)
    root = r
    for _ in range(60):
        power = kappa * root ** (q - 1.0)
        step = (root + power - r) / (1.0 - (1.0 - q) * power / root)
        root -= step
        if step <= 1e-16 * root:
            break
    return root


@helper
def bridge(w: Array, p: float) -> float:
    """``||w||_p^q = (sum_t |w_t|^p)^(1 / (p + 1))`` for any p > 0, without overflow."""
    largest = 0.0
    for t in range(w.shape[0]):
        largest = max(largest, abs(w[t]))
    if largest == 0.0:
        return 0.0
    total = 0.0
    for t in range(w.shape[0]):
        total += (abs(w[t]) / largest) ** p
    return largest ** (p / (p + 1.0)) * total ** (1.0 / (p + 1.0))


# ------------------------------------------------------------------------------------------------------------------- p = 2


@implements(value, TwoBridgeKernel)
def two_value(penalty: TwoBridgeKernel, w: Array, j: int) -> float:
    """``mu ||w||_2^(2/3)``."""
    return penalty.mu[j] * math.sqrt((w * w).sum()) ** (2.0 / 3.0)


@implements(prox, TwoBridgeKernel)
def two_prox(penalty: TwoBridgeKernel, z: Array, step: float, j: int, out: Array) -> None:
    """``z`` shortened to ``x xi(||z|| / x)``: the rotation-invariant operator keeps the direction."""
    mu = step * penalty.mu[j]
    norm = math.sqrt((z * z).sum())
    if mu <= 0.0:
        out[:] = z
        return
    x = jump(mu, 2.0 / 3.0)
    if norm <= 2.0 * x:
        out[:] = 0.0
        return
    shrink = x / norm * xi_two_thirds(norm / x)
    for t in range(z.shape[0]):
        out[t] = shrink * z[t]


@implements(subdiff_distance, TwoBridgeKernel)
def two_subdiff_distance(penalty: TwoBridgeKernel, w: Array, g: Array, j: int) -> float:
    """Distance of ``g`` from the gradient; 0 at zero, where the penalty is infinitely steep in every direction."""
    norm = math.sqrt((w * w).sum())
    if norm == 0.0:
        return 0.0 if penalty.mu[j] > 0.0 else math.sqrt((g * g).sum())
    slope = 2.0 / 3.0 * penalty.mu[j] * norm ** (-4.0 / 3.0)
    return math.sqrt(((g - slope * w) ** 2).sum())


# ------------------------------------------------------------------------------------------------------------------- p = 1


@implements(value, OneBridgeKernel)
def one_value(penalty: OneBridgeKernel, w: Array, j: int) -> float:
    """``mu ||w||_1^(1/2)``."""
    return penalty.mu[j] * math.sqrt(np.abs(w).sum())


@implements(prox, OneBridgeKernel)
def one_prox(penalty: OneBridgeKernel, z: Array, step: float, j: int, out: Array) -> None:
    """Soft-thresholding by a level that depends on how many entries survive.

    At a minimiser with ``u = sqrt(||w||_1)`` every survivor is ``|z_t| - mu / (2u)``. For each count k of survivors, the sum S of
    the k largest entries gives ``u^3 - S u + k mu / 2 = 0``: with ``r = S / x``, ``x = (k mu)^(2/3)``, its largest root is
    ``u^2 = x xi(r)``, that of half-thresholding, if ``r >= (27/16)^(1/3)``. The best consistent candidate wins.
    """
    mu = step * penalty.mu[j]
    if mu <= 0.0:
        out[:] = z
        return
    sizes = np.sort(np.abs(z))[::-1]
    n = sizes.shape[0]
    best, level = 0.0, -1.0
    total, squares = 0.0, 0.0
    for k in range(1, n + 1):
        if sizes[k - 1] == 0.0:
            break
        total += sizes[k - 1]
        squares += sizes[k - 1] ** 2
        x = (k * mu) ** (2.0 / 3.0)
        if 16.0 * (total / x) ** 3 < 27.0:
            continue
        u = math.sqrt(x * xi_half(total / x))
        cut = 0.5 * mu / u
        if sizes[k - 1] <= cut or (k < n and sizes[k] > cut):
            continue
        # Objective minus that of zero: 1/2 (k cut^2 - squares) + mu u.
        change = 0.5 * (k * cut * cut - squares) + mu * u
        if change < best:
            best, level = change, cut
    for t in range(n):
        out[t] = 0.0 if level < 0.0 or abs(z[t]) <= level else z[t] - math.copysign(level, z[t])


@implements(subdiff_distance, OneBridgeKernel)
def one_subdiff_distance(penalty: OneBridgeKernel, w: Array, g: Array, j: int) -> float:
    """In a non-zero column: ``level sign(w_t)`` for non-zero entries, the interval up to ``level`` for the others."""
    norm = np.abs(w).sum()
    if norm == 0.0:
        return 0.0 if penalty.mu[j] > 0.0 else math.sqrt((g * g).sum())
    level = 0.5 * penalty.mu[j] / math.sqrt(norm)
    total = 0.0
    for t in range(w.shape[0]):
        off = max(0.0, abs(g[t]) - level) if w[t] == 0.0 else g[t] - math.copysign(level, w[t])
        total += off * off
    return math.sqrt(total)


# --------------------------------------------------------------------------------------------------------------- any p > 0


@implements(value, PowerBridgeKernel)
def power_value(penalty: PowerBridgeKernel, w: Array, j: int) -> float:
    """``mu ||w||_p^q``."""
    return penalty.mu[j] * bridge(w, penalty.p)


@helper
def power_shrink(a: float, c: float, p: float) -> float:
    """``argmin_w 1/2 (w - a)^2 + c |w|^p`` for a >= 0, c > 0."""
    if a == 0.0:
        return 0.0
    if p == 1.0:
        return max(0.0, a - c)
    if p < 1.0:
        x = jump(c, p)
        return x * xi(a / x, p) if a > x * threshold(p) else 0.0
    if p < 2.0:
        # In v = w^(p-1) the equation v^(1/(p-1)) + c p v = a is convex: Newton's method from the right is monotone.
        k = 1.0 / (p - 1.0)
        v = min(a ** (p - 1.0), a / (c * p))
        for _ in range(60):
            power = v**k
            if power == 0.0:
                return 0.0
            step = (power + c * p * v - a) / (k * power / v + c * p)
            v -= step
            if v <= 0.0:
                return 0.0
            if step <= 1e-16 * v:
                break
        return min(a, v**k)
    # w + c p w^(p-1) = a, convex for p >= 2.
    w = min(a, (a / (c * p)) ** (1.0 / (p - 1.0)))
    for _ in range(60):
        power = c * p * w ** (p - 1.0)
        step = (w + power - a) / (1.0 + (p - 1.0) * power / w)
        w -= step
        if w <= 0.0:
            return 0.0
        if step <= 1e-16 * w:
            break
    return min(a, w)


@helper
def _excess(z: Array, c: float, mu: float, p: float) -> float:
    """Derivative of `prox`'s profile in ``c``: ``sum_t |w_t(c)|^p - s(c)``, ``s(c)`` the argument of the concave conjugate."""
    total = 0.0
    for t in range(z.shape[0]):
        total += power_shrink(abs(z[t]), c, p) ** p
    return total - (mu / ((p + 1.0) * c)) ** ((p + 1.0) / p)


_GRID = 48
_BISECTIONS = 60


@implements(prox, PowerBridgeKernel)
def power_prox(penalty: PowerBridgeKernel, z: Array, step: float, j: int, out: Array) -> None:
    """The concave function of ``s = sum_t |w_t|^p`` is the lower envelope of its tangents ``c s + h(c)``; for a fixed slope c the
    entries separate (`power_shrink`), and what remains is a search over c alone.

    Local minima are where `_excess` changes sign upwards. They are bracketed on a geometric grid of c and bisected; the best one,
    or zero, is taken. The range: ``||w||_p`` lies between its smallest value at a non-zero minimiser and ``||z||_p``.
    """
    mu, p = step * penalty.mu[j], penalty.p
    q = p / (p + 1.0)
    n = z.shape[0]
    if mu <= 0.0:
        out[:] = z
        return
    out[:] = 0.0
    # In units of the largest entry: its powers neither over- nor underflow.
    unit = 0.0
    for t in range(n):
        unit = max(unit, abs(z[t]))
    if unit == 0.0:
        return
    z = z / unit
    mu *= unit ** (q - 2.0)
    largest, smallest = bridge(z, p), smallest_length(mu, p, n) ** q
    if largest <= smallest:
        return
    if n == 1:
        x = jump(mu, q)
        if abs(z[0]) > x * threshold(q):
            out[0] = unit * math.copysign(x * xi(abs(z[0]) / x, q), z[0])
        return
    # The slope of mu s^(1 / (p + 1)) at s = ||w||_p^p, where s^q = (||w||_p^q)^p.
    # Half of it below: where next to nothing is taken off, rounding decides the sign of the excess at the end itself.
    low, high = 0.5 * mu / (p + 1.0) * largest**-p, mu / (p + 1.0) * smallest**-p
    ratio = (high / low) ** (1.0 / (_GRID - 1))
    best = 0.0
    w = np.empty(n)
    left, before = low, _excess(z, low, mu, p)
    for _ in range(_GRID):
        right = left * ratio
        after = _excess(z, right, mu, p)
        if before <= 0.0 < after:
            a, b = left, right
            for _ in range(_BISECTIONS):
                middle = math.sqrt(a) * math.sqrt(b)
                if middle <= a or middle >= b:
                    break
                if _excess(z, middle, mu, p) <= 0.0:
                    a = middle
                else:
                    b = middle
            change = 0.0
            for t in range(n):
                w[t] = power_shrink(abs(z[t]), a, p)
                # 1/2 (w - |z|)^2 - 1/2 z^2
                change += w[t] * (0.5 * w[t] - abs(z[t]))
            change += mu * bridge(w, p)
            if change < best:
                best = change
                for t in range(n):
                    out[t] = unit * math.copysign(w[t], z[t])
        left, before = right, after


@helper
def smallest_length(mu: float, p: float, n: int) -> float:
    """A lower bound on ``||w||_p`` at every non-zero minimiser of ``1/2 ||w - z||^2 + mu ||w||_p^q``, ``w (n,)``.

    Stationarity along w and a value no worse than zero's give ``mu (1-q) ||w||_p^q <= ||w||_2^2 / 2``; and
    ``||w||_2 <= max(1, n^(1/2 - 1/p)) ||w||_p``. For p = 2 the bound is the jump.
    """
    q = p / (p + 1.0)
    ratio = n ** (0.5 - 1.0 / p) if p > 2.0 else 1.0
    return jump(mu / (ratio * ratio), q)


@implements(subdiff_distance, PowerBridgeKernel)
def power_subdiff_distance(penalty: PowerBridgeKernel, w: Array, g: Array, j: int) -> float:
    """Distance from the gradient; for p < 1, and for p = 1 in part, zero entries may have any slope."""
    mu, p = penalty.mu[j], penalty.p
    size = bridge(w, p)
    if size == 0.0:
        return 0.0 if mu > 0.0 else math.sqrt((g * g).sum())
    total = 0.0
    for t in range(w.shape[0]):
        if w[t] == 0.0 and p < 1.0:
            continue
        # The slope of mu s^(1 / (p + 1)), times that of |w_t|^p.
        slope = mu / (p + 1.0) * size**-p * p * abs(w[t]) ** (p - 1.0)
        off = max(0.0, abs(g[t]) - slope) if w[t] == 0.0 else g[t] - math.copysign(slope, w[t])
        total += off * off
    return math.sqrt(total)
