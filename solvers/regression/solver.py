"""`solve`, `refit` and `lambda_max`: from the caller's arrays to a certified `Fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from solvers._arrays import as_number, as_numbers, require_finite
from solvers._compile import require_operations
from solvers._parallel import single_threaded
from solvers._progress import Callback, Monitor
from solvers.errors import IncompatibleError, InputError
from solvers.regression.answers import drive, finish, refit_one, solve_one
from solvers.regression.bridge_solver import BridgeSolver
from solvers.regression.descent import minimise_by_sweeps
from solvers.regression.fit import Fit
from solvers.regression.gram import Gram
from solvers.regression.gram_problem import GramProblem
from solvers.regression.group_solver import GroupSparsitySolver, SquaredGroupSolver
from solvers.regression.logistic_problem import LogisticProblem
from solvers.regression.logistic_solver import LogisticBridgeSolver, LogisticGroupSolver
from solvers.regression.losses import Loss, loss_name
from solvers.regression.penalties import GroupSparsity, Penalty, prox, subdiff_distance, value
from solvers.regression.problem import Options, Problem, check_features
from solvers.regression.shrinknet import RegularizedShrinkNet, ShrinkNet
from solvers.regression.squared_bridge import SquaredBridgeSolver
from solvers.regression.squared_problem import SquaredProblem
from solvers.regression.states import GramState
from solvers.results import Status

Array = np.ndarray[Any, np.dtype[np.float64]]

REFIT_ROUNDS = 1000


@single_threaded
def solve(
    X: Any,
    Y: Any = None,
    penalty: Penalty | None = None,
    *,
    loss: str | Loss = "squared",
    fit_intercept: bool = True,
    standardize: bool = False,
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

    ``minimise  1/n sum_i s_i loss(z_i, y_i) + penalty(coef)``,  ``z_i = coef x_i + intercept``,  ``n = sum_i s_i``;

    =============== =============================================== ==========================================
    ``loss``        loss of a sample                                y
    =============== =============================================== ==========================================
    ``squared``     ``1/2 ||y - z||^2``                             numbers
    ``multinomial`` ``log sum_k exp(z_k) - z_y``                    a class
    ``logistic``    ``sum_t log(1 + exp(z_t)) - y_t z_t``           0 or 1 for each target
    =============== =============================================== ==========================================

    For `GroupSparsity` the penalty is ``sum_j w_j (lam ||coef_:j||_2 + l2/2 ||coef_:j||_2^2)``.

    Parameters
    ----------
    X : array_like or sparse (n_samples, n_features), or Gram
        Inputs, float64, float32 or convertible; any memory order; scipy.sparse, never made dense as a whole; memory-mapped. Never
        modified nor copied whole. Columns whose entries all stay below 1e-290 count as zero: coefficients large enough to matter
        would overflow. A `Gram` stands for X, Y and sample_weight, with the squared loss: write ``solve(gram, penalty=...)``.
    Y : array_like (n_samples,) or (n_samples, n_targets)
        Targets. For ``loss="multinomial"`` labels (n_samples,), numbers or strings, or one-hot rows (n_samples, n_classes).
    penalty : Penalty
        For instance ``GroupSparsity(0.1)``.
    loss : {"squared", "multinomial", "logistic"} or SquaredLoss, MultinomialLoss, LogisticLoss
        See above. A class without weight, or a logistic target that never varies, is left out beside an intercept: its
        coefficients are 0, its intercept -inf or inf, its probability exactly 0 or 1.
    fit_intercept : bool
        Whether to fit an intercept; it is never penalised.
    standardize : bool
        Whether the penalty acts on the coefficients of columns divided by their standard deviation (weighted, over n). X is not
        copied, ``coef`` and ``intercept`` are for X as given. Constant columns count as zero. Without an intercept columns are
        divided alike, and not centred.
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
    O((n_samples + n_features) n_targets). For ``lam = l2 = 0`` the minimum-norm least-squares solution is returned.

    For the logistic losses working sets pass over X. Sweeps minimise quadratics above the loss and identify the support; Newton
    steps by preconditioned conjugate gradients, O(n_samples k n_targets) each, finish. Where unpenalised coefficients can
    separate the labels no minimiser exists: ``status`` is then ``not_attained``, and the loss within ``tol`` of its infimum. A
    ridge ``l2 > 0`` on all inputs excludes that.

    References
    ----------
    ShrinkNets draft, eq. (8). Boehning and Lindsay (1988) for the curvature bounds, 1/2 and 1/4.

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
    >>> labels = np.where(X[:, 0] > 0, "up", "down")
    >>> fit = solve(X, labels, GroupSparsity(0.1), loss="multinomial")
    >>> fit.support, fit.predict(X[:2]), fit.certificate.holds
    (array([0]), array(['up', 'up'], dtype='<U4'), True)
    """
    del random_state
    penalty = check_penalty_argument(penalty)
    tol = as_number(tol, "tol")
    monitor = Monitor(max_iter=max_iter, time_limit=time_limit, callback=callback, verbose=verbose)
    options = Options(fit_intercept, sample_weight, standardize, rescale=isinstance(penalty, KNOWN_PENALTIES))
    problem = build_problem(X, Y, loss, options)
    kernel = penalty.kernel(problem.n_features)
    if not isinstance(penalty, KNOWN_PENALTIES):
        require_operations(kernel, value, prox, subdiff_distance)
    B = problem.from_coef(_as_init(init, problem))
    with monitor.defer_interrupts():
        if not isinstance(penalty, KNOWN_PENALTIES):
            if not isinstance(problem, SquaredProblem):
                raise IncompatibleError(
                    f"loss={loss!r} takes GroupSparsity, RegularizedShrinkNet or ShrinkNet, got {type(penalty).__name__}"
                )
            return _solve_by_sweeps(problem, penalty, B, tol, monitor)
        solver = solver_of(problem, penalty)
        solver.start_from(B)
        return solve_one(solver, penalty, tol, monitor)


@single_threaded
def lambda_max(
    X: Any,
    Y: Any = None,
    penalty: Penalty | None = None,
    *,
    loss: str | Loss = "squared",
    fit_intercept: bool = True,
    standardize: bool = False,
    sample_weight: Any = None,
) -> float:
    """Smallest ``lam`` at which zero is every penalised column's minimiser, the others being zero.

    For group sparsity, whatever its ridge, ``max_j ||x_j' P|| / (n w_j)`` over the penalised columns, where P is the residual of
    the model that fits only the intercept and the unpenalised columns; the minimiser is then zero in all of them. For regularised
    ShrinkNet (at its ``lam2`` and p) several columns together may still be worth their price there: `lambda_zero` excludes that.

    Parameters
    ----------
    X, Y, loss, fit_intercept, standardize, sample_weight
        As in `solve`.
    penalty : Penalty, optional
        Its ``lam`` does not count; ``GroupSparsity`` with unit weights where omitted.

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
    penalty = with_a_path(GroupSparsity(1.0) if penalty is None else check_penalty_argument(penalty), "lambda_max")
    problem = build_problem(X, Y, loss, Options(fit_intercept, sample_weight, standardize), "lambda_max(X, Y)")
    return solver_of(problem, penalty).lambda_max() if problem.null_loss > 0 else 0.0


@single_threaded
def lambda_zero(
    X: Any,
    Y: Any = None,
    penalty: Penalty | None = None,
    *,
    loss: str | Loss = "squared",
    fit_intercept: bool = True,
    standardize: bool = False,
    sample_weight: Any = None,
) -> float:
    """A ``lam`` from which on zero is the global minimiser, proven.

    For group sparsity that is `lambda_max`. For regularised ShrinkNet with p >= 1 it is larger: at `lambda_max` no single input
    pays, yet several together may. With ``g_j = x_j' Y_c / n`` and the null loss ``P0``, zero is optimal if

        mu_j >= P0^(1-q) ||g_j||_{p*}^q      for every j,      1/p + 1/p* = 1,

    since ``loss >= P0 - sum_j <g_j, w_j>``, and any better point has ``mu_j ||w_j||_p^q <= P0``. Sufficient, not necessary.

    Parameters
    ----------
    X, Y, loss, fit_intercept, standardize, sample_weight
        As in `solve`.
    penalty : Penalty
        Its ``lam`` does not count; ``GroupSparsity`` where omitted.

    Returns
    -------
    float
        In the units of ``lam``.

    Raises
    ------
    IncompatibleError
        For p < 1, where no such bound is known, and for penalties without one.

    Examples
    --------
    Neither input says anything about ``y = x_1 - x_2`` alone:

    >>> import numpy as np
    >>> from solvers import RegularizedShrinkNet, lambda_max, lambda_zero
    >>> X = np.array([[1.0, 0.9], [0.9, 1.0], [-1.0, -0.9], [-0.9, -1.0]])
    >>> y, penalty = X @ [1.0, -1.0], RegularizedShrinkNet(1.0, 0.1)
    >>> lambda_max(X, y, penalty) < lambda_zero(X, y, penalty)
    True
    """
    penalty = with_a_path(GroupSparsity(1.0) if penalty is None else check_penalty_argument(penalty), "lambda_zero")
    if isinstance(penalty, RegularizedShrinkNet) and penalty.p < 1:
        raise IncompatibleError(f"lambda_zero is known for p >= 1, got p={penalty.p:g}: lambda_max is the local threshold")
    problem = build_problem(X, Y, loss, Options(fit_intercept, sample_weight, standardize), "lambda_zero(X, Y)")
    return solver_of(problem, penalty).lambda_zero() if problem.null_loss > 0 else 0.0


@single_threaded
def refit(
    fit: Fit,
    X: Any,
    Y: Any = None,
    *,
    sample_weight: Any = None,
    max_iter: int = REFIT_ROUNDS,
    time_limit: float | None = None,
    callback: Callback | None = None,
    verbose: bool | Callable[[str], object] = False,
) -> Fit:
    """The loss alone, minimised on the support of a fit: the same inputs without the penalty's bias.

    Minimises the loss of the fit over coefficients that are zero outside ``fit.support``; for the squared loss, of several
    minimisers the one with the smallest norm. Inputs that separate the labels have no minimiser: the status is then
    ``not_attained``, or, where only some labels can be separated, ``converged`` with the gap that was reached. A fit with a small
    ``lam`` on the same inputs is the better question there.

    Parameters
    ----------
    fit : Fit
        Its support and its choice of an intercept are used.
    X, Y, sample_weight
        The data, as in `solve`.
    max_iter, time_limit, callback, verbose : optional
        As in `solve`, for the logistic losses. Least squares is solved at once, in no rounds: nothing stops it.

    Returns
    -------
    Fit
        With ``penalty`` = ``GroupSparsity(0)``, ``within`` = ``fit.support`` and a duality-gap certificate for that problem.
        A limit or Ctrl-C returns the best point so far, its gap stated.

    Raises
    ------
    InputError, IncompatibleError
        For wrong values and types; the message names the argument and what to write.
    SolveError
        If ``callback`` raised.

    Warns
    -----
    ConvergenceWarning
        If the certificate does not meet the tolerance of ``fit``, or no minimiser exists.

    See Also
    --------
    Path.relaxed : Refits along a path, and blends of them with the penalised fits.

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
    monitor = Monitor(max_iter=max_iter, time_limit=time_limit, callback=callback, verbose=verbose)
    options = Options(fit.fit_intercept, sample_weight, scales=fit.scales, classes=fit.classes)
    problem = build_problem(X, Y, fit.family, options, "refit(fit, X, Y)")
    check_features(fit.coef.shape[1], problem.n_features)
    solver = solver_of(problem, GroupSparsity(0.0))
    solver.start_from(problem.from_coef(fit.coef))
    with monitor.defer_interrupts():
        return refit_one(solver, fit.support, fit.certificate.tol, monitor)


KNOWN_PENALTIES = (GroupSparsity, RegularizedShrinkNet, ShrinkNet)


def build_problem(
    X: Any, Y: Any, loss: str | Loss, options: Options, call: str = "solve(X, Y, penalty)"
) -> SquaredProblem | LogisticProblem:
    """The caller's data in canonical form, for a loss of `LOSSES`."""
    loss = loss_name(loss)
    if isinstance(X, Gram):
        return GramProblem.of(X, Y, loss, options, call)
    if loss == "squared":
        return SquaredProblem.build(X, Y, options, call)
    return LogisticProblem.build(X, Y, loss, options, call)


def solver_of(problem: SquaredProblem | LogisticProblem, penalty: Penalty, n_lams: int = 1) -> GroupSparsitySolver | BridgeSolver:
    """The solver of one of `KNOWN_PENALTIES`."""
    reduced = penalty.reduced() if isinstance(penalty, ShrinkNet) else penalty
    assert isinstance(reduced, (GroupSparsity, RegularizedShrinkNet))
    if isinstance(problem, LogisticProblem):
        if isinstance(reduced, RegularizedShrinkNet):
            return LogisticBridgeSolver(problem, reduced, n_lams)
        return LogisticGroupSolver(problem, reduced, n_lams)
    if isinstance(reduced, RegularizedShrinkNet):
        return SquaredBridgeSolver(problem, reduced, n_lams)
    return SquaredGroupSolver(problem, reduced, n_lams)


def with_a_path(penalty: Penalty, what: str) -> Penalty:
    """The penalty, unless its minimisers do not depend on ``lam`` or nothing is known about how."""
    if isinstance(penalty, ShrinkNet) and not penalty.unit_columns:
        raise IncompatibleError(
            f"{what}: ShrinkNet with free columns has the same infimum for every lam > 0; "
            "write ShrinkNet(lam, unit_columns=True) or RegularizedShrinkNet(lam, lam2)"
        )
    if not isinstance(penalty, KNOWN_PENALTIES):
        raise IncompatibleError(f"{what} takes GroupSparsity, RegularizedShrinkNet or ShrinkNet, got {type(penalty).__name__}")
    return penalty


def check_penalty_argument(penalty: Any) -> Penalty:
    """The penalty, or an error that says what one looks like."""
    if isinstance(penalty, Penalty):
        return penalty
    if penalty is None:
        raise IncompatibleError(
            "penalty is missing: write solve(X, Y, GroupSparsity(0.1)), or solve(gram, penalty=...) for a Gram"
        )
    if isinstance(penalty, str):
        raise InputError(f"penalty {penalty!r} is unknown: write GroupSparsity(0.1)")
    raise IncompatibleError(f"penalty must be a Penalty such as GroupSparsity(0.1), got {penalty!r}")


def _solve_by_sweeps(problem: SquaredProblem, penalty: Penalty, B: Array, tol: float, monitor: Monitor) -> Fit:
    """Any penalty with a prox: block-coordinate descent in the Gram matrix, certified stationary."""
    gradient = problem.evaluate(B)
    state = GramState(problem.gram, B, gradient.gradient, gradient.loss)
    gradient_scale = max(problem.gradient_scale, np.finfo(float).tiny)

    def run() -> Status:
        kernel = penalty.kernel(problem.n_features)
        minimise_by_sweeps(state, kernel, 0.5 * tol, problem.null_loss, gradient_scale, monitor)
        return Status.CONVERGED

    return drive(run, monitor, lambda status: finish(problem, penalty, state.B, tol, monitor, status=status))


def _as_init(init: Any, problem: Problem) -> Array:
    shape = problem.coef_shape
    if init is None:
        return np.zeros(shape)
    coef = as_numbers(init.coef if isinstance(init, Fit) else init, "init")
    if coef.shape != shape:
        raise InputError(f"init must have shape (n_targets, n_features) = {shape}, or be a Fit of that shape, got {coef.shape}")
    require_finite(coef, "init")
    return coef
