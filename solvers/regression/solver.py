"""`solve`, `refit` and `lambda_max`: from the caller's arrays to a certified `Fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from solvers._arrays import as_number, as_numbers, require_finite
from solvers._compile import require_operations
from solvers._parallel import single_threaded
from solvers._progress import Callback, CallbackError, Monitor
from solvers.errors import ConvergenceWarning, IncompatibleError, InputError, SolveError, warn_user
from solvers.regression.certificates import certificate_at, row_norms
from solvers.regression.descent import GramState, minimise_by_sweeps
from solvers.regression.fit import Fit
from solvers.regression.group_solver import GroupSparsitySolver
from solvers.regression.penalties import GroupSparsity, Penalty, prox, subdiff_distance, value
from solvers.regression.problem import SquaredProblem, check_features
from solvers.results import Limit, Status

Array = np.ndarray[Any, np.dtype[np.float64]]


@single_threaded
def solve(
    X: Any,
    Y: Any = None,
    penalty: Penalty | None = None,
    *,
    loss: str = "squared",
    fit_intercept: bool = True,
    sample_weight: Any = None,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    time_limit: float | None = None,
    init: Any = None,
    callback: Callback | None = None,
    verbose: bool | Callable[[str], object] = False,
    random_state: Any = None,
) -> Fit:
    """Minimise a loss plus a penalty over ``coef`` and an unpenalised intercept, with a certificate.

    ``minimise  1/(2n) sum_i s_i ||y_i - coef x_i - intercept||^2 + penalty(coef)``,  n = sum_i s_i;

    for `GroupSparsity` the penalty is ``lam sum_j w_j ||coef_:j||_2``.

    Parameters
    ----------
    X : array_like (n_samples, n_features)
        Inputs, float64 or convertible; any memory order; never modified nor copied whole. Columns whose entries all stay below
        1e-290 count as zero: coefficients large enough to matter would overflow.
    Y : array_like (n_samples,) or (n_samples, n_targets)
        Targets.
    penalty : Penalty
        For instance ``GroupSparsity(0.1)``.
    loss : {"squared"}
        The loss.
    fit_intercept : bool
        Whether to fit an intercept; it is never penalised.
    sample_weight : array_like (n_samples,), optional
        Non-negative weights ``s_i``: 2 counts as a duplicated row, 0 as a removed one; their scale does not matter.
    tol : float
        Stop once the duality gap is at most ``tol`` times the null loss (the loss of the intercept-only model, or of the zero
        model). 1e-12 is within reach on standardised data; 0 asks for all that float64 gives.
    max_iter : int
        Largest number of rounds: one sweep over the groups and some Newton steps.
    time_limit : float, optional
        Seconds after which the best point so far is returned.
    init : array_like (n_targets, n_features) or Fit, optional
        Start; zero where omitted.
    callback : callable, optional
        Called with a `Progress` after each round; a true answer stops the solver. If it raises, a `SolveError` carries the best
        result so far.
    verbose : bool or callable
        True prints a line per round; a callable is given the line.
    random_state : optional
        Unused by convex problems; accepted so that all penalties are called alike.

    Returns
    -------
    Fit
        ``status`` is ``certified`` where the recomputed gap is at most ``tol``; ``converged`` where rounding forbids that (the
        certificate states the gap reached); ``feasible`` where a limit came first. Ctrl-C returns the best point so far with
        ``limit`` = ``interrupt``.

    Raises
    ------
    InputError, IncompatibleError
        For wrong values and types; the message names the argument and what to write.
    SolveError
        If ``callback`` raised.

    Warns
    -----
    ConvergenceWarning
        If the certificate does not meet ``tol`` (and ``tol`` is positive).

    Notes
    -----
    Where the Gram matrix pays off it is formed once, ``n p^2`` operations, and nothing but the certificate touches X again;
    otherwise growing working sets pass over X. Block-coordinate sweeps identify the support; exact Newton steps on it, O(k^3 +
    k^2 n_targets) for k live inputs, finish. Working memory: the Gram matrix (or that of the working set), a row block of X, and
    O((n_samples + n_features) n_targets). For ``lam = 0`` the minimum-norm least-squares solution is returned.

    References
    ----------
    ShrinkNets draft, eq. (8).

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import GroupSparsity, solve
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> Y = X[:, [0, 1]] + 0.1 * rng.standard_normal((100, 2))
    >>> fit = solve(X, Y, GroupSparsity(0.1))
    >>> fit.support
    array([0, 1])
    >>> print(fit.status, fit.certificate.holds)
    certified True
    """
    del random_state
    penalty = check_penalty_argument(penalty)
    check_loss_argument(loss)
    tol = as_number(tol, "tol")
    monitor = Monitor(max_iter=max_iter, time_limit=time_limit, callback=callback, verbose=verbose)
    problem = SquaredProblem.build(
        X, Y, fit_intercept=fit_intercept, sample_weight=sample_weight, rescale=isinstance(penalty, GroupSparsity)
    )
    require_operations(penalty.kernel(problem.n_features), value, prox, subdiff_distance)
    B = problem.from_coef(_as_init(init, problem))
    with monitor.defer_interrupts():
        if not isinstance(penalty, GroupSparsity):
            return _solve_by_sweeps(problem, penalty, B, tol, monitor)
        solver = GroupSparsitySolver(problem, penalty)
        solver.start_from(B)
        return solve_one(solver, penalty, tol, monitor)


@single_threaded
def lambda_max(
    X: Any,
    Y: Any = None,
    penalty: Penalty | None = None,
    *,
    loss: str = "squared",
    fit_intercept: bool = True,
    sample_weight: Any = None,
) -> float:
    """Smallest ``lam`` at which every penalised column of the minimiser is zero.

    ``max_j ||x_j' P|| / (n w_j)`` over the penalised columns, where P is the residual of the model that fits only the intercept
    and the unpenalised columns.

    Parameters
    ----------
    X, Y, loss, fit_intercept, sample_weight
        As in `solve`.
    penalty : GroupSparsity, optional
        Its weights count, its ``lam`` does not; unit weights where omitted.

    Returns
    -------
    float
        In the units of ``lam``; 0 where the targets are constant or no column is correlated with them.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import lambda_max
    >>> lambda_max(np.array([[1.0], [-1.0]]), np.array([3.0, 1.0]))
    1.0
    """
    check_loss_argument(loss)
    penalty = GroupSparsity(1.0) if penalty is None else check_penalty_argument(penalty)
    if not isinstance(penalty, GroupSparsity):
        raise IncompatibleError(f"lambda_max is known for GroupSparsity, got {type(penalty).__name__}: choose lam by hand")
    problem = SquaredProblem.build(X, Y, fit_intercept=fit_intercept, sample_weight=sample_weight, call="lambda_max(X, Y)")
    return GroupSparsitySolver(problem, penalty).lambda_max() if problem.null_loss > 0 else 0.0


@single_threaded
def refit(fit: Fit, X: Any, Y: Any = None, *, sample_weight: Any = None) -> Fit:
    """Least squares on the support of a fit: the same inputs without the penalty's bias.

    Minimises ``1/(2n) sum_i s_i ||y_i - coef x_i - intercept||^2`` over coefficients that are zero outside ``fit.support``; of
    several minimisers the one with the smallest norm.

    Parameters
    ----------
    fit : Fit
        Its support and its choice of an intercept are used.
    X, Y, sample_weight
        The data, as in `solve`.

    Returns
    -------
    Fit
        With ``penalty`` = ``GroupSparsity(0)``, ``within`` = ``fit.support`` and a duality-gap certificate for that problem.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import GroupSparsity, refit, solve
    >>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> fit = solve(X, X[:, 0], GroupSparsity(0.1))
    >>> fit.coef.round(3), refit(fit, X, X[:, 0]).coef.round(3)
    (array([[0.8, 0. ]]), array([[1., 0.]]))
    """
    if not isinstance(fit, Fit):
        raise IncompatibleError(f"fit must be a Fit, as returned by solve, got {type(fit).__name__}")
    problem = SquaredProblem.build(X, Y, fit_intercept=fit.fit_intercept, sample_weight=sample_weight, call="refit(fit, X, Y)")
    check_features(fit.coef.shape[1], problem)
    monitor = Monitor(max_iter=1)
    B = _least_squares(problem, fit.support)
    refitted = finish(problem, GroupSparsity(0.0), B, fit.certificate.tol, monitor, status=Status.CONVERGED, within=fit.support)
    warn_unless_certified(refitted)
    return refitted


def check_penalty_argument(penalty: Any) -> Penalty:
    """The penalty, or an error that says what one looks like."""
    if isinstance(penalty, Penalty):
        return penalty
    if penalty is None:
        raise IncompatibleError("penalty is missing: write solve(X, Y, GroupSparsity(0.1))")
    if isinstance(penalty, str):
        raise InputError(f"penalty {penalty!r} is unknown: write GroupSparsity(0.1)")
    raise IncompatibleError(f"penalty must be a Penalty such as GroupSparsity(0.1), got {penalty!r}")


def check_loss_argument(loss: Any) -> None:
    """Raise unless the loss is known."""
    if not isinstance(loss, str) or loss != "squared":
        raise InputError(f"loss must be 'squared', got {loss!r}")


def finish(
    problem: SquaredProblem,
    penalty: Penalty,
    B: Array,
    tol: float,
    monitor: Monitor,
    *,
    status: Status | None = None,
    within: np.ndarray[Any, Any] | None = None,
    keep_dual: bool = True,
    solver: GroupSparsitySolver | None = None,
) -> Fit:
    """Certify canonical coefficients and translate them back.

    ``status`` is what the solver claims where the certificate does not hold. A ``solver`` lends its last evaluation, made from
    the data.
    """
    coef = problem.to_coef(B)
    # The certificate is for what is returned: a coefficient may have underflowed in the caller's units.
    returned = problem.from_coef(coef)
    at = solver.evaluate() if solver is not None and np.array_equal(returned, B) else None
    B = returned
    certificate, at, s = certificate_at(problem, penalty, B, within=within, at=at, tol=tol)
    if certificate.holds:
        status = Status.CERTIFIED
    elif status is None:
        status = Status.FEASIBLE
    dual = at.residual * (s * problem.y_scale / problem.design.total * problem.design.root_weights)[:, np.newaxis]
    return Fit(
        coef=coef,
        intercept=at.intercept,
        objective=certificate.upper,
        loss=at.loss * problem.loss_scale,
        penalty=penalty,
        status=status,
        limit=monitor.limit,
        certificate=certificate,
        null_loss=problem.null_loss * problem.loss_scale,
        dual=dual if keep_dual else None,
        n_iter=monitor.n_iter,
        elapsed=monitor.spent,
        history=monitor.history,
        fit_intercept=problem.fit_intercept,
        within=within,
        is_vector=problem.is_vector,
    )


def warn_unless_certified(fit: Fit) -> None:
    """The warning of a fit whose certificate does not meet a positive tolerance."""
    if fit.certificate.holds or fit.certificate.tol == 0:
        return
    advice = {
        Status.CONVERGED: "rounding allows no smaller gap: ask for a larger tol, or standardise the columns of X",
    }.get(fit.status, "raise max_iter or time_limit, or pass this fit as init to continue")
    warn_user(
        f"gap {fit.certificate.gap:.2e} is above tol {fit.certificate.tol:.2e} after {fit.n_iter} rounds "
        f"(status {fit.status}, limit {fit.limit}): {advice}",
        ConvergenceWarning,
    )


def solve_one(
    solver: GroupSparsitySolver,
    penalty: GroupSparsity,
    tol: float,
    monitor: Monitor,
    *,
    warn: bool = True,
    keep_dual: bool = True,
) -> Fit:
    """Fit at one lam from the solver's present point, trivial problems included."""
    problem = solver.problem

    def run() -> Status:
        if problem.null_loss == 0:
            solver.start_from(np.zeros_like(solver.B))
        elif np.any(penalty.radii(problem.n_features)):
            return solver.solve(penalty.lam, tol, monitor)[1]
        else:
            solver.start_from(_least_squares(problem, np.arange(problem.n_features)))
        return Status.CONVERGED

    def result(status: Status | None) -> Fit:
        known = solver if problem.null_loss > 0 and np.any(penalty.radii(problem.n_features)) else None
        return finish(problem, penalty, solver.B, tol, monitor, status=status, solver=known, keep_dual=keep_dual)

    return _drive(run, monitor, result, warn)


def _solve_by_sweeps(problem: SquaredProblem, penalty: Penalty, B: Array, tol: float, monitor: Monitor) -> Fit:
    """Any penalty with a prox: block-coordinate descent in the Gram matrix, certified stationary."""
    gradient = problem.evaluate(B, free=np.arange(0), space=None)
    state = GramState(problem.gram, B, gradient.gradient, gradient.loss)
    gradient_scale = max(float(np.max(row_norms(problem.correlation))), np.finfo(float).tiny)

    def run() -> Status:
        kernel = penalty.kernel(problem.n_features)
        minimise_by_sweeps(state, kernel, 0.5 * tol, problem.null_loss, gradient_scale, monitor)
        return Status.CONVERGED

    return _drive(run, monitor, lambda status: finish(problem, penalty, state.B, tol, monitor, status=status))


def _drive(run: Callable[[], Status], monitor: Monitor, result: Callable[[Status | None], Fit], warn: bool = True) -> Fit:
    """Run a solver under its limits; whatever stops it, the point it reached becomes the result."""
    status = None
    try:
        with monitor.watch():
            status = run()
    except CallbackError as error:
        raise SolveError(
            f"{error} raised {error.__cause__!r}; the best result so far is in this error's .result", result(None)
        ) from error.__cause__
    if monitor.interrupted:
        # Ctrl-C after the last round: the answer is complete, but a caller's loop must learn of it.
        monitor.limit = Limit.INTERRUPT
    fit = result(status)
    if warn:
        warn_unless_certified(fit)
    return fit


def _least_squares(problem: SquaredProblem, chosen: np.ndarray[Any, Any]) -> Array:
    """Minimum-norm least squares on the chosen columns, as canonical coefficients."""
    B = np.zeros((problem.n_features, problem.n_targets))
    space = problem.space(chosen)
    if space is not None:
        B[chosen] = space.solve(problem.targets)
        B[chosen] += space.correct(problem.targets - problem.design.predict(B))
    return B


def _as_init(init: Any, problem: SquaredProblem) -> Array:
    shape = (problem.n_targets, problem.n_features)
    if init is None:
        return np.zeros(shape)
    coef = as_numbers(init.coef if isinstance(init, Fit) else init, "init")
    if coef.shape != shape:
        raise InputError(f"init must have shape (n_targets, n_features) = {shape}, or be a Fit of that shape, got {coef.shape}")
    require_finite(coef, "init")
    return coef
