"""Degrees of freedom of fits, and the information criteria that rest on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.linalg import eigh
from scipy.special import gammaln

from solvers._arrays import as_number
from solvers._blas import cholesky, cholesky_inverse, matmul
from solvers.errors import IncompatibleError, InputError
from solvers.regression.fit import Fit
from solvers.regression.gram_problem import GramProblem
from solvers.regression.logistic_problem import LogisticProblem
from solvers.regression.penalties import GroupSparsity, Penalty, RidgedKernel
from solvers.regression.problem import Indices, Problem, inverse_scales
from solvers.regression.rows import row_norms
from solvers.regression.shrinknet import ShrinkNet
from solvers.regression.squared_problem import SquaredProblem
from solvers.results import Record, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]

CRITERIA = ("aic", "bic", "ebic", "aicc")

LARGEST_HESSIAN = 2000
"""Coefficients on live inputs up to which the Hessian of a logistic loss is formed: 32 MB, and some seconds for each lam."""

_DEPENDENT = 4.0 * np.finfo(float).eps
"""Eigenvalues of a scaled matrix up to this, times its order or 8, over the largest: rounding errors."""

_SHALLOW = 1e-3
"""Pivot of a Cholesky factor, of a matrix with unit diagonal, below which eigenvalues decide upon the rank."""

_FLAT = 1e-11
"""Curvature, relative to that of single columns, below which a direction counts as having none."""


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class InformationCriteria(Record):
    """Degrees of freedom and information criteria along a path; the smaller a criterion the better.

    With ``k`` degrees of freedom, ``n`` samples, ``T`` targets and ``N = n T``:

    ======== ====================================================================================
    ``aic``  ``D + 2 k``
    ``bic``  ``D + log(n) k``
    ``ebic`` ``bic + 2 gamma log C(p, m)``, m live inputs of the p that a penalty is on
    ``aicc`` ``aic + 2 k' (k' + 1) / (N - k' - 1)``, ``k' = k + 1``, for the squared loss only
    ======== ====================================================================================

    where ``D`` is -2 times the log-likelihood but for a constant: ``N log(RSS / N)`` for the squared loss, with one unknown
    variance for the noise of all targets, and ``2 n loss`` for the logistic losses.

    Attributes
    ----------
    lams : (n_lams,)
        Penalty strengths, decreasing.
    degrees_of_freedom : (n_lams,)
        Those of coefficients and intercepts; the variance of the noise is not counted.
    aic, bic, ebic, aicc : (n_lams,)
        The criteria; -inf for a perfect fit. ``aicc`` is nan for logistic losses, and where ``N <= k + 2``.
    n_samples : float
        ``n``.
    gamma : float
        That of ``ebic``.
    fits : tuple of Fit
        One per lam.

    References
    ----------
    Akaike (1974); Schwarz (1978); Hurvich and Tsai (1989) for ``aicc``; Chen and Chen (2008) for ``ebic``, which allows for the
    number of models of a size where there are many inputs.
    """

    lams: Array
    degrees_of_freedom: Array
    aic: Array
    bic: Array
    ebic: Array
    aicc: Array
    n_samples: float
    gamma: float
    fits: tuple[Fit, ...] = field(repr=False)

    def best(self, criterion: str = "bic") -> Fit:
        """The fit with the smallest value of a criterion; of several the one with the largest lam.

        Parameters
        ----------
        criterion : {"aic", "bic", "ebic", "aicc"}
            Which.

        Raises
        ------
        InputError
            For an unknown criterion, or one that is nan for every fit.
        """
        if criterion not in CRITERIA:
            raise InputError(f"criterion must be one of {', '.join(map(repr, CRITERIA))}, got {criterion!r}")
        values: Array = getattr(self, criterion)
        if np.all(np.isnan(values)):
            raise InputError(f"criterion {criterion!r} is defined for no fit of this path: write best('bic')")
        return self.fits[int(np.nanargmin(values))]


def information_criteria(
    problem: Problem,
    lams: Array,
    fits: tuple[Fit, ...],
    degrees: Array,
    *,
    n_samples: float | None,
    gamma: float,
) -> InformationCriteria:
    """The criteria of ``fits`` with known ``degrees`` of freedom; see `Path.information_criteria`."""
    n = float(_counted_rows(problem)) if n_samples is None else as_number(n_samples, "n_samples", strict=True)
    gamma = as_number(gamma, "gamma")
    losses = np.array([fit.loss for fit in fits])
    deviances, aicc = 2.0 * n * losses, np.full(len(fits), np.nan)
    if isinstance(problem, SquaredProblem):
        N = n * problem.n_targets
        with np.errstate(divide="ignore"):
            deviances = N * np.log(2.0 * losses / problem.n_targets)
        # The variance of the noise is estimated as well.
        k, room = degrees + 1.0, N - degrees - 2.0
        aicc = deviances + 2.0 * degrees + np.divide(2.0 * k * (k + 1.0), room, out=np.full(len(k), np.nan), where=room > 0)
    bic = deviances + np.log(n) * degrees
    return InformationCriteria(
        lams=lams,
        degrees_of_freedom=degrees,
        aic=deviances + 2.0 * degrees,
        bic=bic,
        ebic=bic + 2.0 * gamma * np.array([_log_models(fit) for fit in fits]),
        aicc=aicc,
        n_samples=n,
        gamma=gamma,
        fits=fits,
    )


def _counted_rows(problem: Problem) -> int:
    if isinstance(problem, GramProblem):
        return problem.design.shape[0]
    return int(np.count_nonzero(problem.design.root_weights))


def _log_models(fit: Fit) -> float:
    """``log C(p, m)``: how many sets of live inputs there are of this size."""
    penalised = np.ones(fit.coef.shape[1], dtype=bool)
    weights: Any = getattr(fit.penalty, "weights", None)
    if weights is not None:
        penalised = np.asarray(weights) > 0
    p, m = int(np.sum(penalised)), int(np.sum(penalised[fit.support]))
    return float(gammaln(p + 1) - gammaln(m + 1) - gammaln(p - m + 1))


class DegreesOfFreedom:
    """Degrees of freedom of fits to one problem.

    For the squared loss the divergence of the fitted values with respect to the targets, which makes Stein's estimate of the
    risk unbiased; for the logistic losses its generalisation. Both are

        trace( (H + P)^+ H ),

    H and P being the Hessians of loss and penalty in the coefficients of the live inputs and the intercept. A row of coefficients
    ``B_j`` has ``P_j = d_j (I - u_j u_j') + r_j I`` with ``d_j = lam w_j / ||B_j||``, ``u_j = B_j / ||B_j||``, ``r_j = l2 w_j``.

    Parameters
    ----------
    problem : Problem
        The data.
    fits : tuple of Fit
        All that will be asked for: the Gram matrix of the inputs that any of them uses is formed once.

    References
    ----------
    Vaiter, Deledalle, Peyre, Fadili and Dossal (2012), The degrees of freedom of the group lasso; Vaiter et al. (2017).
    Tibshirani and Taylor (2012) for one target, where it is the rank of the live inputs. Stein (1981) for the risk.
    """

    def __init__(self, problem: Problem, fits: tuple[Fit, ...]) -> None:
        self._problem = problem
        self._used: Indices = np.flatnonzero(np.any([fit.coef.any(axis=0) for fit in fits], axis=0))
        self._Q = _gram_of(problem, self._used)

    def penalised(self, fit: Fit) -> float:
        """Of a minimiser of loss plus ``fit.penalty``."""
        problem = self._problem
        B = problem.from_coef(fit.coef)
        live = np.flatnonzero(B.any(axis=1))
        W = B[live]
        kernel = problem.canonical_group(group_sparsity_of(fit.penalty))
        curvatures = kernel.radii[live] / row_norms(W)
        ridges = kernel.ridges[live] if isinstance(kernel, RidgedKernel) else np.zeros(len(live))
        if not np.any(curvatures) and not np.any(ridges):
            return self.unpenalised(live)
        if isinstance(problem, LogisticProblem):
            shift = problem.intercept_shift(B, fit.intercept)[problem.observed]
            return logistic_degrees(problem, live, B, shift, curvatures, ridges)
        return self._intercept + group_degrees(self._gram(live), W, curvatures, ridges)

    def unpenalised(self, support: Indices) -> float:
        """Of a refit on a support, the search for which is not counted: rank times outputs."""
        return self._intercept + self._outputs * len(_range(self._gram(support))[0])

    @property
    def _outputs(self) -> int:
        """Numbers that are free for each independent column: of several classes one is settled by the others."""
        problem = self._problem
        return problem.n_targets - (problem.family == "multinomial")

    @property
    def _intercept(self) -> int:
        return self._outputs * self._problem.fit_intercept

    def _gram(self, live: Indices) -> Array:
        places = np.searchsorted(self._used, live)
        return self._Q[np.ix_(places, places)]


def group_sparsity_of(penalty: Penalty) -> GroupSparsity:
    """The penalty whose Hessian counts, or the reason why degrees of freedom are not known."""
    reduced = penalty.reduced() if isinstance(penalty, ShrinkNet) else penalty
    if isinstance(reduced, GroupSparsity) and reduced.groups is not None:
        raise IncompatibleError(
            "degrees of freedom are known for groups of one input, got GroupSparsity with groups=: choose lam by "
            "cross-validation (GroupSparsityRegressorCV, GroupSparsityClassifierCV)"
        )
    if isinstance(reduced, GroupSparsity):
        return reduced
    raise IncompatibleError(
        f"degrees of freedom are known for GroupSparsity, got {type(penalty).__name__}, whose minimisers jump as the targets "
        "vary: choose lam by cross-validation (ShrinkNetRegressorCV, ShrinkNetClassifierCV)"
    )


def _gram_of(problem: Problem, columns: Indices) -> Array:
    """``Q`` of some columns: from the whole Gram matrix where there is one."""
    if isinstance(problem, SquaredProblem) and (isinstance(problem, GramProblem) or "gram" in vars(problem)):
        return problem.gram[np.ix_(columns, columns)]
    A = problem.design.columns(columns)
    return matmul(A.T, A) / problem.design.total


def group_degrees(Q: Array, W: Array, d: Array, r: Array) -> float:
    """``trace((Q (x) I + H)^+ (Q (x) I))`` for group sparsity at ``W (k, n_targets)``, in O(k^3).

    H has the blocks ``d_j (I - u_j u_j') + r_j I``. Columns without curvature are projected out and count in full. For the
    others, with ``C = D + R``, ``e = d / (d + r)`` and ``P = C^(-1/2) Q C^(-1/2) = V diag(p) V'``, the Woodbury identity leaves
    matrices of order k,

        T sum_i p_i / (1 + p_i)  +  trace( (diag(1 - e) + e^(1/2) E o U U' e^(1/2))^+ (e^(1/2) F o U U' e^(1/2)) ),
        E = V diag(p / (1 + p)) V',   F = V diag(p / (1 + p)^2) V',

    of terms that are not negative: ``I - C^(1/2) (Q + C)^-1 C^(1/2) = E`` is never formed as a difference, and a column that has
    just come in, with d near infinity, costs no digits. ``0 <= F o U U' <= E o U U'`` bounds what a direction contributes by 1.
    """
    n_targets, c = W.shape[1], d + r
    free, held = np.flatnonzero(c == 0), np.flatnonzero(c > 0)
    rank, remaining = _without(Q, free, held)
    if len(held) == 0:
        return float(n_targets * rank)
    U = (W[held] / row_norms(W[held])[:, np.newaxis]) * np.sqrt(d[held] / c[held])[:, np.newaxis]
    roots = 1.0 / np.sqrt(c[held])
    values, V = eigh(remaining * roots[:, np.newaxis] * roots)
    p = np.maximum(values, 0.0)
    alike = matmul(U, U.T)
    E = matmul(V * (p / (1.0 + p)), V.T) * alike
    E.flat[:: len(E) + 1] += r[held] / c[held]
    F = matmul(V * (p / (1.0 + p) ** 2), V.T) * alike
    degrees = n_targets * (rank + np.sum(p / (1.0 + p))) + _trace_of_quotient(E, F, _FLAT)
    return float(min(degrees, n_targets * (rank + len(held))))


def _without(Q: Array, free: Indices, held: Indices) -> tuple[int, Array]:
    """Rank of the columns ``free``, and what of the Gram matrix of ``held`` is orthogonal to them."""
    remaining = Q[np.ix_(held, held)]
    if len(free) == 0:
        return 0, remaining
    values, basis = _range(Q[np.ix_(free, free)])
    along = matmul(basis.T, Q[np.ix_(free, held)]) / np.sqrt(values)[:, np.newaxis]
    # What is left of a column is known up to the rounding of the projection, which nearly dependent columns magnify.
    rounding = _DEPENDENT * max(8, len(Q)) / np.min(values, initial=1.0)
    vanished = np.diag(remaining) - np.sum(along**2, axis=0) <= rounding * np.diag(remaining)
    remaining = remaining - matmul(along.T, along)
    remaining[vanished, :] = 0.0
    remaining[:, vanished] = 0.0
    return len(values), remaining


def _range(Q: Array) -> tuple[Array, Array]:
    """Positive ``v`` and ``S (k, rank)`` such that ``S diag(1/v) S'`` is a generalised inverse of Q, columns of any scale."""
    if len(Q) == 0:
        return np.zeros(0), np.zeros((0, 0))
    scales = inverse_scales(np.sqrt(np.diag(Q)))
    values, vectors = eigh(Q * scales[:, np.newaxis] * scales)
    kept = values > _DEPENDENT * max(8, len(Q)) * np.max(values, initial=0.0)
    return values[kept], scales[:, np.newaxis] * vectors[:, kept]


def logistic_degrees(problem: LogisticProblem, live: Indices, B: Array, shift: Array, d: Array, r: Array) -> float:
    """``trace((H + P)^+ H)`` over the live coefficients and the intercept, by forming both."""
    size = len(live) * problem.n_targets
    if size > LARGEST_HESSIAN:
        raise IncompatibleError(
            f"degrees of freedom of loss={problem.family!r} take a Hessian of at most {LARGEST_HESSIAN} rows, got {size} at "
            f"{len(live)} live inputs: write solve_path with a larger lam_ratio, or choose lam by cross-validation"
        )
    columns = problem.design.columns(live)
    if problem.fit_intercept:
        columns = np.column_stack([columns, problem.design.root_weights])
    P = problem.link.predict(problem.predictor(B) + shift, problem.Y).P
    H = _loss_hessian(problem, columns, P)
    M = H + _penalty_hessian(B[live], d, r, len(H))
    return _trace_of_quotient(M, H, _DEPENDENT)


def _loss_hessian(problem: LogisticProblem, columns: Array, P: Array) -> Array:
    """``1/n sum_i x_i x_i' (x) H_i``, of order columns times targets; ``columns`` are multiplied by ``sqrt(s)``."""
    m, K = columns.shape[1], problem.n_targets
    H = np.zeros((m, K, m, K))
    for b in range(K):
        slopes = problem.link.hessian(P, np.ascontiguousarray(np.broadcast_to(np.eye(K)[b], P.shape)))
        for a in np.flatnonzero(slopes.any(axis=0)):
            H[:, a, :, b] = matmul(columns.T, columns * slopes[:, a][:, np.newaxis]) / problem.design.total
    return H.reshape(m * K, m * K)


def _penalty_hessian(W: Array, d: Array, r: Array, size: int) -> Array:
    """Blocks ``d_j (I - u_j u_j') + r_j I``; zero in what is beyond ``W``, the intercept."""
    (k, K), H = W.shape, np.zeros((size, size))
    U = W / row_norms(W)[:, np.newaxis]
    for j in range(k):
        block = slice(j * K, (j + 1) * K)
        H[block, block] = d[j] * (np.eye(K) - np.outer(U[j], U[j])) + r[j] * np.eye(K)
    return H


def _trace_of_quotient(M: Array, N: Array, cutoff: float) -> float:
    """``trace(M^+ N)`` for ``0 <= N <= M``: each eigenvector of M contributes at most 1, one without curvature nothing."""
    scales = inverse_scales(np.sqrt(np.maximum(np.diag(M), 0.0)))
    scaled, N = M * scales[:, np.newaxis] * scales, N * scales[:, np.newaxis] * scales
    quick = _trace_by_cholesky(scaled, N)
    if quick is not None:
        return quick
    values, vectors = eigh(scaled)
    kept = values > cutoff * max(8, len(M)) * np.max(values, initial=0.0)
    shares = np.sum(vectors[:, kept] * matmul(N, vectors[:, kept]), axis=0) / values[kept]
    return float(np.sum(np.clip(shares, 0.0, 1.0)))


def _trace_by_cholesky(M: Array, N: Array) -> float | None:
    """``trace(M^-1 N)``; None where M, of unit diagonal, comes near to being singular."""
    factor = cholesky(M.copy())
    if factor is None or np.min(np.diag(factor)) <= _SHALLOW:
        return None
    inverse = cholesky_inverse(factor)
    return float(2.0 * np.sum(np.triu(inverse, 1) * N) + np.sum(np.diag(inverse) * np.diag(N)))
