"""Optimality certificates, recomputed from the data in plain NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from solvers._arrays import as_number
from solvers._parallel import single_threaded
from solvers.errors import IncompatibleError, InputError
from solvers.regression.penalties import GroupSparsity, Penalty, subdiff_distance
from solvers.regression.problem import Evaluation, SquaredProblem, check_features
from solvers.results import Certificate, Kind

if TYPE_CHECKING:
    from solvers.regression.fit import Fit

Array = np.ndarray[Any, np.dtype[np.float64]]


def row_norms(B: Array) -> Array:
    """``||B_j||_2`` of each row."""
    return np.sqrt(np.sum(B * B, axis=1))


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
        ``||P||^2 / (2n)`` and ``||R - P||^2 / (2n)``; see `Evaluation`.
    gradient, B : (n_features, n_targets)
        ``g`` and the coefficients.
    radii : (n_features,)
        ``lam w_j``; columns with radius 0 must have been projected out (``g_j = 0``).
    """
    s = dual_scale(gradient, radii)
    slack = radii * row_norms(B) - s * np.sum(B * gradient, axis=1)
    return removed_loss + (1.0 - s) ** 2 * projected_loss + float(np.sum(np.maximum(slack, 0.0)))


def group_certificate(problem: SquaredProblem, at: Evaluation, B: Array, radii: Array, tol: float) -> Certificate:
    """Duality-gap certificate of group sparsity at ``B``, in the caller's units; ``radii`` are canonical."""
    upper = at.loss + float(np.sum(radii * row_norms(B)))
    gap = group_gap(at.projected_loss, at.removed_loss, at.gradient, B, radii)
    return Certificate(
        kind=Kind.DUALITY_GAP,
        upper=upper * problem.loss_scale,
        lower=(upper - gap) * problem.loss_scale,
        gap=relative_gap(gap, problem.null_loss),
        tol=tol,
    )


def relative_gap(gap: float, null_loss: float) -> float:
    """``gap / null_loss``; where the null loss is 0, 0 for a zero gap and infinity otherwise."""
    if null_loss > 0:
        return gap / null_loss
    return 0.0 if gap == 0 else float("inf")


def stationary_certificate(problem: SquaredProblem, at: Evaluation, B: Array, penalty: Penalty, tol: float) -> Certificate:
    """Stationarity: the largest distance of a column's gradient to the subdifferential, over the largest gradient at zero."""
    kernel = penalty.kernel(problem.n_features)
    worst = max(subdiff_distance(kernel, B[j], at.gradient[j], j) for j in range(problem.n_features))
    scale = float(np.max(row_norms(problem.correlation)))
    upper = at.loss * problem.loss_scale + penalty.value(problem.to_coef(B))
    return Certificate(kind=Kind.STATIONARY, upper=upper, lower=-np.inf, gap=worst / scale if scale > 0 else worst, tol=tol)


@single_threaded
def certify(
    fit: Fit,
    X: Any,
    Y: Any = None,
    *,
    sample_weight: Any = None,
    level: str = "auto",
    time_limit: float | None = None,
    tol: float | None = None,
    callback: Any = None,
) -> Certificate:
    """Recompute the certificate of a fit from the data, using nothing of the fit but its coefficients and penalty.

    For group sparsity the dual point is ``s P``, where P is the residual, orthogonal to intercept and unpenalised columns, and
    ``s = min(1, lam / max_j(||x_j'P|| / (n w_j)))``. The gap
    ``||R - s P||^2 / (2n) + sum_j (lam w_j ||A_:j|| - s <A_:j, x_j'P/n>)``
    bounds the distance of the objective from its optimum. The certificate's ``gap`` is that number over the null loss.

    Parameters
    ----------
    fit : Fit
        From `solve`, `solve_path` or `refit`.
    X : array_like (n_samples, n_features)
        The data of the fit.
    Y : array_like (n_samples,) or (n_samples, n_targets)
        Its targets.
    sample_weight : array_like (n_samples,), optional
        The weights of the fit.
    level : {"auto", "gap"}
        ``"gap"`` is the duality gap; ``"auto"`` the strongest certificate that takes no search.
    time_limit, callback : optional
        For levels that search; a duality gap takes one pass over X.
    tol : float, optional
        Tolerance to state in the certificate; that of the fit where omitted.

    Returns
    -------
    Certificate
        With ``upper`` the recomputed objective; ``holds`` says whether ``gap <= tol``.

    Raises
    ------
    InputError
        If the data does not fit the coefficients, or ``level`` is unknown.

    Notes
    -----
    O(n_samples n_features n_targets) operations; working memory O((n_samples + n_features) n_targets) and a row block of X.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import GroupSparsity, certify, solve
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> Y = np.array([1.0, 2.0, 2.0])
    >>> fit = solve(X, Y, GroupSparsity(0.1))
    >>> certify(fit, X, Y).holds
    True
    """
    from solvers.regression.fit import Fit

    if not isinstance(fit, Fit):
        raise IncompatibleError(f"fit must be a Fit, as returned by solve, got {type(fit).__name__}")
    if level not in ("auto", "gap"):
        raise InputError(f"level must be 'auto' or 'gap', got {level!r}")
    del time_limit, callback
    tol = fit.certificate.tol if tol is None else as_number(tol, "tol")
    problem = SquaredProblem.build(
        X,
        Y,
        fit_intercept=fit.fit_intercept,
        sample_weight=sample_weight,
        rescale=isinstance(fit.penalty, GroupSparsity),
        call="certify(fit, X, Y)",
    )
    check_features(fit.coef.shape[1], problem)
    if fit.coef.shape[0] != problem.n_targets:
        raise InputError(f"Y must have {fit.coef.shape[0]} targets, as in the fit, got {problem.n_targets}")
    B = problem.from_coef(fit.coef)
    shift = problem.intercept_shift(B, fit.intercept) if fit.fit_intercept else None
    return certificate_at(problem, fit.penalty, B, shift=shift, within=fit.within, tol=tol)[0]


def certificate_at(
    problem: SquaredProblem,
    penalty: Penalty,
    B: Array,
    *,
    tol: float,
    shift: Array | None = None,
    within: np.ndarray[Any, Any] | None = None,
    at: Evaluation | None = None,
) -> tuple[Certificate, Evaluation, float]:
    """Certificate, evaluation and dual scale at canonical coefficients ``B``.

    ``within`` restricts the problem to some columns, the others being held at zero: what a refit solves. ``at`` is the evaluation
    at ``B`` where the caller has just made it.
    """
    if not isinstance(penalty, GroupSparsity):
        at = problem.evaluate(B, free=np.arange(0), space=None, shift=shift)
        return stationary_certificate(problem, at, B, penalty, tol), at, 1.0
    radii = problem.canonical_lam(penalty.radii(problem.n_features))
    allowed = np.ones(problem.n_features, dtype=bool)
    if within is not None:
        allowed[:] = False
        allowed[within] = True
        if np.any(B[~allowed]):
            raise InputError("coef must be zero outside fit.within, the columns that the refit may use")
    if at is None:
        free = np.flatnonzero((radii == 0) & allowed)
        at = problem.evaluate(B, free=free, space=problem.space(free), shift=shift)
        at.gradient[~allowed] = 0.0
    return group_certificate(problem, at, B, radii, tol), at, dual_scale(at.gradient, radii)
