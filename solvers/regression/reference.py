"""An independent reference: the same convex problems handed to CVXPY and Clarabel, as they stand in the paper.

Slow, for small problems, and sharing no code with the solvers it checks. Clarabel returns no exact zeros: compare objectives, not
supports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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
    X: Array, Y: Array, coef: Array, intercept: Array, lam: float, weights: Array, sample_weight: Array
) -> float:
    """``1/(2n) sum_i s_i ||y_i - coef x_i - intercept||^2 + lam sum_j w_j ||coef_:j||``, term by term."""
    residual = Y - X @ coef.T - intercept
    loss = np.sum(sample_weight[:, None] * residual**2) / (2 * np.sum(sample_weight))
    return float(loss + lam * np.sum(weights * np.sqrt(np.sum(coef**2, axis=0))))


def reference_group_sparsity(
    X: Array,
    Y: Array,
    lam: float,
    *,
    weights: Array | None = None,
    sample_weight: Array | None = None,
    fit_intercept: bool = True,
) -> Reference:
    """Minimise the group-sparsity objective with CVXPY and Clarabel at tolerances of 1e-11.

    Parameters
    ----------
    X : (n_samples, n_features)
    Y : (n_samples, n_targets)
    lam : float
    weights : (n_features,), optional
    sample_weight : (n_samples,), optional
    fit_intercept : bool

    Raises
    ------
    MissingDependencyError
        Without cvxpy: ``pip install 'shrinknet-solvers[reference]'``.
    """
    cp = require("cvxpy", extra="reference", purpose="the reference solver")
    (n_samples, n_features), n_targets = X.shape, Y.shape[1]
    w = np.ones(n_features) if weights is None else weights
    s = np.ones(n_samples) if sample_weight is None else sample_weight
    A, b = cp.Variable((n_targets, n_features)), cp.Variable((1, n_targets))
    residual = cp.multiply(np.sqrt(s)[:, None], Y - X @ A.T - np.ones((n_samples, 1)) @ b)
    objective = cp.sum_squares(residual) / (2 * np.sum(s)) + lam * cp.sum(cp.multiply(w, cp.norm(A, 2, axis=0)))
    problem = cp.Problem(cp.Minimize(objective), [] if fit_intercept else [b == 0])
    try:
        problem.solve(solver=cp.CLARABEL, **_TOLERANCES)
    except cp.error.SolverError:
        return Reference(np.full((n_targets, n_features), np.nan), np.full(n_targets, np.nan), np.inf, "solver_error")
    coef, intercept = np.asarray(A.value), np.asarray(b.value)[0] if fit_intercept else np.zeros(n_targets)
    value = group_sparsity_objective(X, Y, coef, intercept, lam, w, s)
    return Reference(coef, intercept, value, str(problem.status))
