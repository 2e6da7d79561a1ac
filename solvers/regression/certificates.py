"""Optimality certificates, recomputed from the data in plain NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from solvers.errors import InputError
from solvers.regression.bridge import bridge_kernel
from solvers.regression.global_bound import Search
from solvers.regression.penalties import GroupKernel, GroupSparsity, Penalty
from solvers.regression.problem import Evaluation, Problem
from solvers.regression.relaxation import dual_length
from solvers.regression.shrinknet import RegularizedShrinkNet, ShrinkNet
from solvers.regression.squared_problem import SquaredProblem
from solvers.regression.stationarity import block_distance
from solvers.results import Certificate, Kind

Array = np.ndarray[Any, np.dtype[np.float64]]


def group_certificate(problem: Problem, at: Evaluation, B: Array, kernel: GroupKernel, tol: float) -> tuple[Certificate, float]:
    """Duality-gap certificate of group sparsity at ``B``, in the caller's units, and the scale of its dual point.

    ``kernel`` is canonical.
    """
    upper = at.loss + kernel.total(kernel.norms(B))
    gap, s = at.gap(B, kernel)
    certificate = Certificate(
        kind=Kind.DUALITY_GAP,
        upper=upper * problem.loss_scale,
        lower=(upper - gap) * problem.loss_scale,
        gap=relative_gap(gap, problem.null_loss),
        tol=tol,
    )
    return certificate, s


def relative_gap(gap: float, null_loss: float) -> float:
    """``gap / null_loss``; where the null loss is 0, 0 for a zero gap and infinity otherwise."""
    if null_loss > 0:
        return gap / null_loss
    return 0.0 if gap == 0 else float("inf")


def stationary_certificate(problem: Problem, at: Evaluation, B: Array, penalty: Penalty, tol: float) -> Certificate:
    """Stationarity: the distance to blockwise minimality over the largest gradient at zero, in ``gap``.

    The distance is `block_distance`, or that of the intercept from its best value if this is larger. ``lower`` is the bound at
    the root of the global search; where it already proves the answer to ``tol``, the certificate is that of a global minimiser.
    """
    penalty_kernel = _canonical_kernel(problem, penalty)
    worst = block_distance(penalty_kernel, problem.block_curvatures, B, at.gradient)
    worst = max(float(worst), at.drift)
    scale = problem.gradient_scale
    upper = at.loss * problem.loss_scale + penalty.value(problem.to_penalised(B))
    if not isinstance(penalty, RegularizedShrinkNet):
        return Certificate(kind=Kind.STATIONARY, upper=upper, lower=-np.inf, gap=relative_gap(worst, scale), tol=tol)
    lower = min(upper, root_bound(problem, penalty, B, at, upper / problem.loss_scale) * problem.loss_scale)
    certificate = global_certificate(problem, upper, lower, tol)
    if certificate.holds:
        return certificate
    return Certificate(kind=Kind.STATIONARY, upper=upper, lower=lower, gap=relative_gap(worst, scale), tol=tol)


def global_certificate(problem: Problem, upper: float, lower: float, tol: float) -> Certificate:
    """Evidence from a proven lower bound on the global minimum; both bounds in the caller's units."""
    gap = relative_gap(max(0.0, upper - lower) / problem.loss_scale, problem.null_loss)
    return Certificate(kind=Kind.GLOBAL_BOUND, upper=upper, lower=lower, gap=gap, tol=tol)


_ROOT_COLUMNS = 512
_ROOT_WORK = 1000
"""Sweeps times columns spent on a root bound; fewer where a block has no closed form."""

_SCALES = np.linspace(0.0, 1.0, 11)


def root_bound(problem: Problem, penalty: RegularizedShrinkNet, B: Array, at: Evaluation, objective: float) -> float:
    """The lower bound at the root of the global search, in canonical units; at least the trivial bound 0.

    Some sweeps over the relaxation of the root, started at ``B``; for more than `_ROOT_COLUMNS` columns the best of the bounds at
    some multiples of ``B``, which takes no Gram matrix.
    """
    if penalty.p < 1 or penalty.lam == 0:
        return 0.0
    mu = problem.canonical_mu(penalty)
    if not isinstance(problem, SquaredProblem):
        return max(0.0, _tangent_bound(problem, mu, penalty.p, B, at, objective))
    if problem.n_features <= _ROOT_COLUMNS:
        search = Search(problem, mu, penalty.p, B, objective, tolerance=0.0)
        work = _ROOT_WORK if penalty.p in (1, 2) else _ROOT_WORK // 20
        search.run(1, max(4, work // problem.n_features))
        return search.bound.lower
    bounds = [
        _bound_at(problem, mu, penalty.p, s * B, problem.correlation + s * (at.gradient - problem.correlation), objective)
        for s in _SCALES
    ]
    return max(0.0, *bounds)


def _bound_at(problem: SquaredProblem, mu: Array, p: float, V: Array, G: Array, objective: float) -> float:
    """The bound of `relaxation` without a split, every column undecided: a column contributes at its longest or not at all."""
    quadratic = 0.5 * float(np.sum(V * (problem.correlation - G)))
    return _sum_below(problem, problem.null_loss, -quadratic, _least_columns(mu, p, G, objective))


def _tangent_bound(problem: Problem, mu: Array, p: float, B: Array, at: Evaluation, objective: float) -> float:
    """For any convex loss: it lies above its tangent at ``B``, a column contributes at its longest or not at all."""
    tangent = at.loss + float(np.sum(at.gradient * B))
    return _sum_below(problem, tangent, _least_columns(mu, p, at.gradient, objective))


def _least_columns(mu: Array, p: float, G: Array, objective: float) -> float:
    """``sum_j min_w mu_j ||w||_p^q - <g_j, w>`` over the columns that alone cost no more than ``objective``.

    Concave in the length of w: the least value is at length 0 or at the largest, where the penalty is ``objective``.
    """
    longest = (objective / mu) ** ((p + 1.0) / p)
    dual = np.array([dual_length(g, p) for g in G])
    return float(np.sum(np.minimum(0.0, objective - longest * dual)))


def _sum_below(problem: Problem, *parts: float) -> float:
    """The sum, less what rounding may have added to it."""
    rounding = 4.0 * np.finfo(float).eps * (problem.design.shape[0] + problem.n_features)
    return float(np.sum(parts) - rounding * np.sum(np.abs(parts)))


def _canonical_kernel(problem: Problem, penalty: Penalty) -> Any:
    if isinstance(penalty, RegularizedShrinkNet):
        return bridge_kernel(problem.canonical_mu(penalty), penalty.p)
    return penalty.kernel(problem.n_features)


def is_free(penalty: Penalty) -> bool:
    """Whether the penalty lets the factors of any ``coef`` cost as little as one likes, without attaining it."""
    if isinstance(penalty, ShrinkNet):
        return penalty.lam > 0 and not penalty.unit_columns
    return isinstance(penalty, RegularizedShrinkNet) and penalty.lam == 0


def certificate_at(
    problem: Problem,
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
    if is_free(penalty) and B.any():
        certificate, at, s = certificate_at(problem, GroupSparsity(0.0), B, tol=tol, shift=shift, within=within)
        return replace(certificate, kind=Kind.INFIMUM), at, s
    if isinstance(penalty, ShrinkNet):
        penalty = penalty.reduced()
    if not isinstance(penalty, GroupSparsity):
        at = problem.evaluate(B, shift=shift) if at is None else at
        return stationary_certificate(problem, at, B, penalty, tol), at, 1.0
    kernel = problem.canonical_group(penalty)
    allowed = np.ones(problem.n_features, dtype=bool)
    if within is not None:
        allowed[:] = False
        allowed[within] = True
        if np.any(B[~allowed]):
            raise InputError("coef must be zero outside fit.within, the columns that the refit may use")
    if at is None:
        at = problem.evaluate(B, np.flatnonzero(kernel.free & allowed), shift)
    at.gradient[~allowed] = 0.0
    certificate, s = group_certificate(problem, at, B, kernel, tol)
    if np.all(kernel.free[allowed]) and at.diverges:
        certificate = replace(certificate, kind=Kind.INFIMUM)
    return certificate, at, s
