"""Duality gaps of group sparsity, each as a sum of non-negative terms: never primal minus dual, which cancels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from solvers.regression.groups import GroupedKernel
from solvers.regression.penalties import GroupKernel, GroupSparsityKernel, RidgedKernel

Array = np.ndarray[Any, np.dtype[np.float64]]


class DualGap(NamedTuple):
    """A duality gap, and the factor ``s`` of the dual point ``s P`` that proves it."""

    gap: float
    scale: float


def dual_scale(norms: Array, radii: Array) -> float:
    """``s = min(1, min_j radius_j / ||g_j||)``: the largest factor that makes ``s P`` dual feasible, from the ``||g_j||``."""
    live = norms > 0
    return float(np.min(radii[live] / norms[live], initial=1.0))


def group_gap(
    distance: Callable[[float], float], gradient: Array, B: Array, kernel: GroupKernel, *, found: bool = True
) -> DualGap:
    """The smallest duality gap of group sparsity at ``B`` that dual points ``s P`` prove, as a sum of non-negative terms.

    ``distance(s) + sum_j (radius_j ||B_j|| - s <B_j, g_j>)``, ``g = Xs' P / n``. Every bracket is non-negative because
    ``s ||g_j|| <= radius_j``.

    With a ridge there are two such gaps. Rows ``sqrt(n ridge_j) e_j'`` with targets 0, appended to the data, turn it into a part
    of the squared loss: the same formula, for ``g_j - ridge_j B_j``. And the conjugate of norm and ridge together is finite
    everywhere, so that P itself is feasible: `conjugate_slack`. The first is the better one for small ridges, the second for
    small radii.

    Parameters
    ----------
    distance : callable
        What the loss and its conjugate add to the gap at ``s P``.
    gradient, B : (n_features, n_targets)
        ``g`` and the coefficients.
    kernel : GroupSparsityKernel or RidgedKernel
        ``lam w_j`` and ``l2 w_j``; columns with neither must have been projected out (``g_j = 0``).
    found : bool
        Whether P satisfies the constraints of intercept and unpenalised columns; else ``s = 0``.
    """
    if isinstance(kernel, GroupSparsityKernel) or kernel.ridge is None:
        return _norm_gap(distance, gradient, B, kernel, found)
    pull = kernel.spread(kernel.ridges) * B
    ridge = 0.5 * float(np.sum(pull * B))
    appended = _norm_gap(lambda s: distance(s) + (1.0 - s) ** 2 * ridge, gradient - pull, B, kernel, found)
    if not found:
        return appended
    return min(appended, DualGap(distance(1.0) + conjugate_slack(gradient, B, kernel), 1.0))


def _norm_gap(distance: Callable[[float], float], gradient: Array, B: Array, kernel: GroupKernel, found: bool) -> DualGap:
    s = dual_scale(kernel.norms(gradient), kernel.radii) if found else 0.0
    slack = kernel.radii * kernel.norms(B) - s * kernel.sums(np.sum(B * gradient, axis=1))
    return DualGap(distance(s) + float(np.sum(np.maximum(slack, 0.0))), s)


def conjugate_slack(gradient: Array, B: Array, kernel: RidgedKernel | GroupedKernel) -> float:
    """``sum_j phi_j(B_j) + phi_j*(g_j) - <B_j, g_j>`` for ``phi_j(w) = radius_j ||w|| + ridge_j / 2 ||w||^2``.

    A column with ``||g_j|| > radius_j`` attains its conjugate at ``p_j = (||g_j|| - radius_j) / ridge_j u_j``, ``u_j = g_j /
    ||g_j||``, which makes its term ``ridge_j / 2 ||B_j - p_j||^2 + radius_j (||B_j|| - <B_j, u_j>)``, and the last bracket is
    ``||B_j|| / 2`` times the squared distance of the directions of ``B_j`` and ``g_j``. For the others the conjugate is 0.
    Columns without a ridge must be unpenalised, with ``g_j = 0``.
    """
    radii, ridges, norms, lengths = kernel.radii, kernel.ridges, kernel.norms(B), kernel.norms(gradient)
    pulled = lengths > radii
    safe_norms, safe_lengths, safe_ridges = (np.where(a > 0, a, 1.0) for a in (norms, lengths, ridges))
    u = gradient / kernel.spread(safe_lengths)
    apart = B / kernel.spread(safe_norms) - u
    with np.errstate(over="ignore"):
        missing = B - kernel.spread((lengths - radii) / safe_ridges) * u
        bent = 0.5 * ridges * kernel.norms(missing) ** 2 + 0.5 * radii * norms * kernel.norms(apart) ** 2
    held = np.maximum(radii * norms - kernel.sums(np.sum(B * gradient, axis=1)), 0.0) + 0.5 * ridges * norms**2
    return float(np.sum(np.where(pulled, bent, held)))
