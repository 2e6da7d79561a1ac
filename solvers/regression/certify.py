"""`certify`: the evidence for a fit, recomputed from the data alone."""

from __future__ import annotations

import sys
from typing import Any

from solvers._arrays import as_number
from solvers._parallel import single_threaded
from solvers._progress import Callback, Monitor
from solvers.errors import IncompatibleError, InputError
from solvers.regression.certificates import certificate_at
from solvers.regression.fit import Fit
from solvers.regression.global_search import search_globally
from solvers.regression.penalties import GroupSparsity
from solvers.regression.problem import Options, check_features
from solvers.regression.shrinknet import RegularizedShrinkNet, ShrinkNet
from solvers.regression.solver import KNOWN_PENALTIES, build_problem
from solvers.regression.squared_problem import SquaredProblem
from solvers.results import Certificate, Kind

_LEVELS = ("auto", "gap", "stationary", "global")

_GLOBAL_TOL = 1e-4
_NO_LIMIT = sys.maxsize


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
    callback: Callback | None = None,
) -> Certificate:
    """Recompute the certificate of a fit from the data, using nothing of the fit but its coefficients and penalty.

    The certificate's ``gap`` is relative to the null loss.

    For group sparsity the dual point is ``s P``, where P is the residual, orthogonal to intercept and unpenalised columns, and
    ``s = min(1, lam / max_j(||x_j'P|| / (n w_j)))``. The gap
    ``||R - s P||^2 / (2n) + sum_j (lam w_j ||A_:j|| - s <A_:j, x_j'P/n>)``
    bounds the distance of the objective from its optimum. With a ridge ``l2`` it is the smaller of two such bounds: that of the
    data with the rows ``sqrt(n l2 w_j) e_j'`` and targets 0 appended, and that of ``s = 1``, where every point is feasible.

    For regularised ShrinkNet, which is not convex, the certificate is ``stationary``: ``gap`` is the largest distance of a column
    to its own global minimiser given the others (times its curvature, over the largest gradient at zero; with a logistic loss
    the minimiser of a quadratic above it), and ``lower`` a bound on the global minimum from the root of the search below. With
    ``level="global"`` and p >= 1 (squared loss) the bound is driven up by branch and bound over the column lengths until it is
    within ``tol`` of the best objective known.

    For ShrinkNet with free columns the certificate is of the ``infimum``.

    Parameters
    ----------
    fit : Fit
        From `solve`, `solve_path` or `refit`.
    X : array_like or sparse (n_samples, n_features), or Gram
        The data of the fit. From a `Gram` the certificate is one of the Gram matrix, as good as its arithmetic: losses far below
        1e-15 times the null loss are not seen.
    Y : array_like (n_samples,) or (n_samples, n_targets)
        Its targets.
    sample_weight : array_like (n_samples,), optional
        The weights of the fit.
    level : {"auto", "gap", "stationary", "global"}
        ``"auto"`` is the strongest certificate that takes no search; ``"gap"`` and ``"stationary"`` ask for these kinds;
        ``"global"`` searches where the penalty is not convex.
    time_limit : float, optional
        Seconds for the search; the bound reached by then is valid.
    tol : float, optional
        Tolerance to state in the certificate; that of the fit where omitted, 1e-4 for a search.
    callback : callable, optional
        For the search: called with a `Progress` (best objective known, gap, number of live inputs) some ten times a second; a
        true answer stops it. Ctrl-C does, too.

    Returns
    -------
    Certificate
        With ``upper`` the recomputed objective; ``holds`` says whether ``gap <= tol``. A search returns a `GlobalCertificate`,
        which also carries a better minimiser if one was found.

    Raises
    ------
    InputError
        If the data does not fit the coefficients, or ``level`` is unknown.
    IncompatibleError
        If the penalty allows no certificate of that level.
    SolveError
        If ``callback`` raised; ``.result`` is the certificate so far.

    Notes
    -----
    O(n_samples n_features n_targets) operations; working memory O((n_samples + n_features) n_targets) and a row block of X. The
    root bound takes the Gram matrix for up to 512 columns. A search may take exponentially long in the number of columns; lower
    bounds are reduced by ``4 eps (n_samples + n_features n_targets)`` times the size of their summands, for rounding.

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
    if not isinstance(fit, Fit):
        raise IncompatibleError(f"fit must be a Fit, as returned by solve, got {type(fit).__name__}")
    _check_level(level, fit)
    monitor = Monitor(max_iter=_NO_LIMIT, time_limit=time_limit, callback=callback)
    tolerance = fit.certificate.tol if tol is None else as_number(tol, "tol")
    options = Options(
        fit.fit_intercept,
        sample_weight,
        scales=fit.scales,
        rescale=isinstance(fit.penalty, KNOWN_PENALTIES),
        classes=fit.classes,
    )
    problem = build_problem(X, Y, fit.family, options, "certify(fit, X, Y)")
    check_features(fit.coef.shape[1], problem.n_features)
    if fit.coef.shape[0] != problem.coef_shape[0]:
        raise InputError(f"Y must have {fit.coef.shape[0]} targets, as in the fit, got {problem.coef_shape[0]}")
    B = problem.from_coef(fit.coef)
    shift = problem.intercept_shift(B, fit.intercept) if fit.fit_intercept else None
    certificate = certificate_at(problem, fit.penalty, B, shift=shift, within=fit.within, tol=tolerance)[0]
    if level != "global" or not isinstance(fit.penalty, RegularizedShrinkNet) or certificate.kind is Kind.INFIMUM:
        return certificate
    assert isinstance(problem, SquaredProblem)
    tolerance = _GLOBAL_TOL if tol is None else tolerance
    with monitor.defer_interrupts():
        return search_globally(problem, fit.penalty, B, certificate.upper, tolerance, monitor)


def _check_level(level: Any, fit: Fit) -> None:
    penalty = fit.penalty
    if level not in _LEVELS:
        raise InputError(f"level must be one of {', '.join(map(repr, _LEVELS))}, got {level!r}")
    concave = isinstance(penalty, RegularizedShrinkNet)
    if level == "gap" and not isinstance(penalty, (GroupSparsity, ShrinkNet)):
        raise IncompatibleError(
            f"level='gap' needs a convex penalty with a dual, got {type(penalty).__name__}: write level='auto'"
            + (" or level='global'" if concave else "")
        )
    if level == "stationary" and isinstance(penalty, (GroupSparsity, ShrinkNet)):
        raise IncompatibleError(f"level='stationary' is for other penalties, got {type(penalty).__name__}: write level='auto'")
    if level == "global" and isinstance(penalty, RegularizedShrinkNet) and penalty.p < 1:
        raise IncompatibleError(
            f"level='global' needs p >= 1, got p={penalty.p:g}: no lower bound is known; level='auto' certifies stationarity"
        )
    if level == "global" and concave and fit.family != "squared":
        raise IncompatibleError(
            f"level='global' is for the squared loss, got a fit with loss={fit.family!r}: level='auto' certifies stationarity"
        )
    if level == "global" and not isinstance(penalty, KNOWN_PENALTIES):
        raise IncompatibleError(
            f"level='global' takes GroupSparsity, RegularizedShrinkNet or ShrinkNet, got {type(penalty).__name__}: "
            "write level='auto'"
        )
