"""An independent reference: the same convex problems handed to CVXPY and Clarabel, as they stand in the paper.

Slow, for small problems, and sharing no code with the solvers it checks. Clarabel returns no exact zeros: compare objectives, not
supports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from solvers.errors import require

Array = np.ndarray[Any, np.dtype[np.float64]]

_TOLERANCES = {
    # The default tolerances leave a gap of up to 1e-5.
    "tol_gap_abs": 1e-11,
    "tol_gap_rel": 1e-11,
    "tol_feas": 1e-11,
    "tol_ktratio": 1e-9,
}


@dataclass(frozen=True)
class Reference:
    """What the reference solver returned.

    Attributes
    ----------
    coef : (n_targets, n_features)
    intercept : (n_targets,)
    objective : float
        Recomputed at ``coef`` and ``intercept`` in plain NumPy; infinite where Clarabel failed.
    status : str
        Clarabel's word, ``"solver_error"`` where it gave up.
    """

    coef: Array
    intercept: Array
    objective: float
    status: str


def group_sparsity_objective(
    X: Array,
    Y: Array,
    coef: Array,
    intercept: Array,
    lam: float,
    weights: Array,
    sample_weight: Array,
    l2: float = 0.0,
    groups: Array | None = None,
) -> float:
    """``1/(2n) sum_i s_i ||y_i - coef x_i - intercept||^2 + sum_j w_j (lam ||coef_:j|| + l2/2 ||coef_:j||^2)``, term by term."""
    residual = Y - X @ coef.T - intercept
    loss = np.sum(sample_weight[:, None] * residual**2) / (2 * np.sum(sample_weight))
    return float(loss) + _penalty_value(coef, lam, weights, l2, groups)


def _penalty_value(coef: Array, lam: float, weights: Array, l2: float, groups: Array | None) -> float:
    total = 0.0
    for w, block in zip(weights, _blocks(coef, groups), strict=True):
        square = float(np.sum(block**2))
        total += w * (lam * np.sqrt(square) + l2 / 2 * square)
    return total


def _blocks(coef: Any, groups: Array | None) -> Iterator[Any]:
    """The columns of ``coef`` that make up each group, by increasing label."""
    labels = np.arange(coef.shape[1]) if groups is None else np.asarray(groups)
    return (coef[:, np.flatnonzero(labels == label)] for label in np.unique(labels))


def reference_group_sparsity(
    X: Array,
    Y: Array,
    lam: float,
    *,
    weights: Array | None = None,
    sample_weight: Array | None = None,
    fit_intercept: bool = True,
    l2: float = 0.0,
    groups: Array | None = None,
) -> Reference:
    """Minimise the group-sparsity objective with CVXPY and Clarabel at tolerances of 1e-11.

    Parameters
    ----------
    X : (n_samples, n_features)
    Y : (n_samples, n_targets)
    lam : float
    weights : (n_groups,), optional
    sample_weight : (n_samples,), optional
    fit_intercept : bool
    l2 : float
    groups : (n_features,), optional
        Labels; ``weights`` are then those of the groups by increasing label.

    Raises
    ------
    MissingDependencyError
        Without cvxpy: ``pip install 'shrinknet-solvers[reference]'``.
    """

    def loss(cp: Any, Z: Any, s: Array) -> Any:
        return cp.sum_squares(cp.multiply(np.sqrt(s)[:, None], Y - Z)) / (2 * np.sum(s))

    def value(coef: Array, intercept: Array, w: Array, s: Array) -> float:
        return group_sparsity_objective(X, Y, coef, intercept, lam, w, s, l2, groups)

    return _minimise(X, Y.shape[1], lam, l2, weights, sample_weight, fit_intercept, loss, value, groups)


def label_objective(
    X: Array,
    one_hot: Array,
    coef: Array,
    intercept: Array,
    loss: str,
    lam: float,
    weights: Array,
    sample_weight: Array,
    l2: float = 0.0,
    groups: Array | None = None,
) -> float:
    """``1/n sum_i s_i loss(coef x_i + intercept, y_i)`` and the penalty of `group_sparsity_objective`, for zeros and ones."""
    Z = X @ coef.T + intercept
    if loss == "multinomial":
        losses = logsumexp(Z, axis=1) - np.sum(Z * one_hot, axis=1)
    else:
        losses = np.sum(np.logaddexp(0.0, np.where(one_hot == 1, -Z, Z)), axis=1)
    return float(np.sum(sample_weight * losses) / np.sum(sample_weight)) + _penalty_value(coef, lam, weights, l2, groups)


def reference_labels(
    X: Array,
    one_hot: Array,
    loss: str,
    lam: float,
    *,
    weights: Array | None = None,
    sample_weight: Array | None = None,
    fit_intercept: bool = True,
    l2: float = 0.0,
    groups: Array | None = None,
) -> Reference:
    """Minimise the multinomial or logistic objective with CVXPY and Clarabel (exponential cones) at tolerances of 1e-11.

    Parameters
    ----------
    X : (n_samples, n_features)
    one_hot : (n_samples, n_targets)
        Zeros and ones; for ``loss="multinomial"`` one 1 per row.
    loss : {"multinomial", "logistic"}
    lam, weights, sample_weight, fit_intercept, l2, groups
        As in `reference_group_sparsity`.

    Raises
    ------
    MissingDependencyError
        Without cvxpy.
    """

    def mean_loss(cp: Any, Z: Any, s: Array) -> Any:
        if loss == "multinomial":
            losses = cp.log_sum_exp(Z, axis=1) - cp.sum(cp.multiply(one_hot, Z), axis=1)
        else:
            losses = cp.sum(cp.logistic(cp.multiply(1 - 2 * one_hot, Z)), axis=1)
        return s @ losses / np.sum(s)

    def value(coef: Array, intercept: Array, w: Array, s: Array) -> float:
        return label_objective(X, one_hot, coef, intercept, loss, lam, w, s, l2, groups)

    return _minimise(X, one_hot.shape[1], lam, l2, weights, sample_weight, fit_intercept, mean_loss, value, groups)


def _minimise(
    X: Array,
    n_targets: int,
    lam: float,
    l2: float,
    weights: Array | None,
    sample_weight: Array | None,
    fit_intercept: bool,
    loss: Callable[[Any, Any, Array], Any],
    value: Callable[[Array, Array, Array, Array], float],
    groups: Array | None,
) -> Reference:
    """Hand ``loss(cvxpy, linear predictor, sample_weight)``, plus the penalty, to Clarabel; evaluate what comes back.

    ``value(coef, intercept, weights, sample_weight)`` is the objective in plain NumPy.
    """
    cp = require("cvxpy", extra="reference", purpose="the reference solver")
    w = np.ones(X.shape[1] if groups is None else len(np.unique(groups))) if weights is None else weights
    s = np.ones(len(X)) if sample_weight is None else sample_weight
    A, b = cp.Variable((n_targets, X.shape[1])), cp.Variable((1, n_targets))
    if groups is None:
        penalty = lam * cp.sum(cp.multiply(w, cp.norm(A, 2, axis=0)))
    else:
        penalty = lam * cp.sum([weight * cp.norm(block, "fro") for weight, block in zip(w, _blocks(A, groups), strict=True)])
    if l2 > 0:
        of_columns = w if groups is None else w[np.unique(groups, return_inverse=True)[1]]
        penalty += l2 / 2 * cp.sum_squares(cp.multiply(np.sqrt(of_columns)[None], A))
    problem = cp.Problem(
        cp.Minimize(loss(cp, X @ A.T + np.ones((len(X), 1)) @ b, s) + penalty), [] if fit_intercept else [b == 0]
    )
    try:
        problem.solve(solver=cp.CLARABEL, **_TOLERANCES)
    except cp.error.SolverError:
        return Reference(np.full(A.shape, np.nan), np.full(n_targets, np.nan), np.inf, "solver_error")
    if A.value is None:
        return Reference(np.full(A.shape, np.nan), np.full(n_targets, np.nan), np.inf, str(problem.status))
    coef, intercept = np.asarray(A.value), np.asarray(b.value)[0] if fit_intercept else np.zeros(n_targets)
    return Reference(coef, intercept, value(coef, intercept, w, s), str(problem.status))
