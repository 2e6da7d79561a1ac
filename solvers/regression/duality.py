"""Duality gaps of group sparsity, each as a sum of non-negative terms: never primal minus dual, which cancels."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.regression.rows import row_norms

Array = np.ndarray[Any, np.dtype[np.float64]]


def dual_scale(gradient: Array, radii: Array) -> float:
    """``s = min(1, min_j radius_j / ||g_j||)``: the largest factor that makes ``s P`` dual feasible."""
    norms = row_norms(gradient)
    live = norms > 0
    return float(np.min(radii[live] / norms[live], initial=1.0))


def group_gap(projected_loss: float, removed_loss: float, gradient: Array, B: Array, radii: Array) -> float:
    """Duality gap of group sparsity at ``B`` with the dual point ``s P``, as a sum of non-negative terms.

    ``||R - s P||^2 / (2n) + sum_j (radius_j ||B_j|| - s <B_j, g_j>)``, ``g = Xs' P / n``. Since P is orthogonal to ``R - P``, the
    first term is ``removed_loss + (1-s)^2 projected_loss``. Every bracket is non-negative because ``s ||g_j|| <= radius_j``.

    Parameters
    ----------
    projected_loss, removed_loss : float
        ``||P||^2 / (2n)`` and ``||R - P||^2 / (2n)``; see `SquaredEvaluation`.
    gradient, B : (n_features, n_targets)
        ``g`` and the coefficients.
    radii : (n_features,)
        ``lam w_j``; columns with radius 0 must have been projected out (``g_j = 0``).
    """
    s = dual_scale(gradient, radii)
    slack = radii * row_norms(B) - s * np.sum(B * gradient, axis=1)
    return removed_loss + (1.0 - s) ** 2 * projected_loss + float(np.sum(np.maximum(slack, 0.0)))


def entropy_gap(divergence: float, s: float, gradient: Array, B: Array, radii: Array) -> float:
    """Duality gap of group sparsity with a logistic loss, as a sum of non-negative terms.

    ``1/n sum_i s_i KL(P''_i || P_i) + sum_j (radius_j ||B_j|| - <B_j, x_j' (Y - P'') / n>)`` for probabilities ``P''`` with the
    class frequencies of the labels and ``||x_j' (Y - P'')|| / n <= radius_j``. With ``Y - P'' = s (Y - P')`` the gradient there
    is s times that at ``P'``.

    Parameters
    ----------
    divergence : float
        The first term.
    s : float
        `dual_scale`.
    gradient, B : (n_features, n_targets)
        ``x_j' (Y - P') / n`` and the coefficients.
    radii : (n_features,)
        ``lam w_j``.
    """
    slack = radii * row_norms(B) - s * np.sum(B * gradient, axis=1)
    return divergence + float(np.sum(np.maximum(slack, 0.0)))
