"""Solutions along a decreasing sequence of penalty strengths, each started from the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from solvers._arrays import as_count, as_number, as_vector
from solvers._parallel import single_threaded
from solvers._progress import Callback, Monitor
from solvers.errors import ConvergenceWarning, IncompatibleError, InputError, SolveError, warn_user
from solvers.regression.answers import Solver, solve_one
from solvers.regression.bridge_solver import BridgeSolver
from solvers.regression.criteria import DegreesOfFreedom, InformationCriteria, information_criteria
from solvers.regression.fit import Fit
from solvers.regression.losses import Loss
from solvers.regression.penalties import GroupSparsity, Penalty
from solvers.regression.problem import Options
from solvers.regression.relaxed import Relaxation
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.solver import REFIT_ROUNDS, build_problem, check_penalty_argument, solver_of, with_a_path
from solvers.results import Limit, Record, Status, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]

AnyPath = TypeVar("AnyPath", bound="Path")


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class Path(Record):
    """Fits for a decreasing sequence of penalty strengths.

    Attributes
    ----------
    lams : (n_lams,)
        Penalty strengths, decreasing; as many as were solved.
    fits : tuple of Fit
        One per lam, each with its certificate.
    limit : Limit
        What ended the path early, if anything did; the last fit is then unfinished.
    """

    lams: Array
    fits: tuple[Fit, ...]
    limit: Limit
    _solver: Solver | None = field(default=None, repr=False, metadata={"saved": False})

    @property
    def coefs(self) -> Array:
        """All coefficients, (n_lams, n_targets, n_features)."""
        return np.stack([fit.coef for fit in self.fits])

    @property
    def intercepts(self) -> Array:
        """All intercepts, (n_lams, n_targets)."""
        return np.stack([fit.intercept for fit in self.fits])

    @property
    def losses(self) -> Array:
        """Loss of each fit, (n_lams,)."""
        return np.array([fit.loss for fit in self.fits])

    @property
    def sparsities(self) -> Array:
        """Share of removed inputs of each fit, (n_lams,)."""
        return np.array([fit.sparsity for fit in self.fits])

    @property
    def gaps(self) -> Array:
        """Certified relative gap of each fit, (n_lams,)."""
        return np.array([fit.certificate.gap for fit in self.fits])

    @single_threaded
    def at(self, lam: float) -> Fit:
        """The fit at any ``lam``: solved, from the nearest fit of the path, never interpolated.

        Raises
        ------
        IncompatibleError
            For a path read from a file: it holds no data to solve with.
        """
        lam = as_number(lam, "lam")
        solver, tol = self._held("solve(X, Y, GroupSparsity(lam))"), self.fits[0].certificate.tol
        nearest = min(self.fits, key=lambda fit: abs(fit.penalty.lam - lam))
        solver.start_from(solver.problem.from_coef(nearest.coef))
        monitor = Monitor(max_iter=10_000)
        with monitor.defer_interrupts():
            return solve_one(solver, self.fits[0].penalty.with_lam(lam), tol, monitor)

    @single_threaded
    def relaxed(
        self,
        gamma: float = 0.0,
        *,
        max_iter: int = REFIT_ROUNDS,
        time_limit: float | None = None,
        callback: Callback | None = None,
        verbose: bool | Callable[[str], object] = False,
    ) -> RelaxedPath:
        """The same path with less of the penalty's bias: for each lam the inputs of its fit, refitted without a penalty.

        A coefficient is ``gamma penalised + (1 - gamma) refitted``, as glmnet's ``relax`` and the relaxed lasso have it, with the
        intercept that is best for it.

        Parameters
        ----------
        gamma : float
            In [0, 1]: 0 for the refits themselves, each with its own certificate (see `refit`); 1 for the fits as they are.
        max_iter : int
            Largest number of rounds of a refit; least squares takes none.
        time_limit : float, optional
            Seconds for the whole path; the fits so far are returned, at least one.
        callback, verbose : optional
            As in `solve_path`. What is known without a round (least squares, a support met before) counts as one.

        Returns
        -------
        RelaxedPath
            A fit for each lam. For gamma strictly between 0 and 1 it is no minimiser: its certificate says how far from the
            minimum of the *penalised* problem it is, its status is ``feasible`` and no warning is due.

        Raises
        ------
        InputError, IncompatibleError
            For wrong values and types, and for a path read from a file, which holds no data to refit with.
        SolveError
            If ``callback`` raised; ``.result`` is the relaxed path so far.

        Warns
        -----
        ConvergenceWarning
            If the certificate of a refit does not meet the path's ``tol``, or labels can be separated by the inputs that are
            kept: the refit then has no minimiser, status ``not_attained``.

        Notes
        -----
        Equal supports are solved once. Least squares costs O(n_samples k^2) for k live inputs, as in `refit`; a logistic refit
        starts from the one before.

        References
        ----------
        Meinshausen, Relaxed Lasso (2007). Hastie, Tibshirani and Tibshirani (2020), whose blend of two fits this is.

        Examples
        --------
        >>> import numpy as np
        >>> from solvers import solve_path
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((100, 5))
        >>> Y = X[:, [0, 1]] + 0.1 * rng.standard_normal((100, 2))
        >>> path = solve_path(X, Y, n_lams=5)
        >>> relaxed = path.relaxed()
        >>> bool(np.all(relaxed.losses <= path.losses)), bool(max(relaxed.gaps) <= 1e-6)
        (True, True)
        """
        gamma = as_number(gamma, "gamma")
        if gamma > 1:
            raise InputError(f"gamma must be at most 1, got {gamma:g}: 0 is for refits, 1 for the penalised fits")
        solver = self._held("refit(fit, X, Y) for each fit of path.fits")
        monitor = Monitor(max_iter=max_iter, time_limit=time_limit, callback=callback, verbose=verbose)
        relaxation = Relaxation(solver, gamma, monitor)

        def path_of(fits: list[Fit], limit: Limit) -> RelaxedPath:
            return RelaxedPath(self.lams[: len(fits)], tuple(fits), limit, solver, gamma=gamma, penalised=self)

        path = follow(self.lams, lambda index: relaxation.of(self.fits[index]), monitor, path_of)
        if gamma < 1:
            _warn_of_refits(path, relaxation.refits)
        return path

    @single_threaded
    def information_criteria(self, *, n_samples: float | None = None, gamma: float = 0.5) -> InformationCriteria:
        """Degrees of freedom of each fit, and the criteria (AIC, BIC, extended BIC, AICc) that choose one without held-out data.

        Parameters
        ----------
        n_samples : float, optional
            How many independent samples the data stands for; the number of rows with a positive weight where omitted. Weights
            are taken as relative precisions, so that their scale does not matter: where they count repetitions, give their sum.
        gamma : float
            That of the extended BIC, usually in [0, 1]; 0 is BIC.

        Returns
        -------
        InformationCriteria
            ``.best("bic")`` is the `Fit` with the smallest BIC.

        Raises
        ------
        InputError, IncompatibleError
            For wrong values and types, and for a path read from a file, which holds no data.
        IncompatibleError
            For `RegularizedShrinkNet`, whose degrees of freedom are not known; for a logistic loss with more than 2000
            coefficients on live inputs.

        Notes
        -----
        Degrees of freedom are exact for the squared loss: the divergence of the fitted values, O(k^3) operations for k live
        inputs whatever the number of targets. For logistic losses they are those of the quadratic model at the answer, from a
        Hessian of order k n_targets: O(n_samples k^2 n_targets^2 + (k n_targets)^3). `InformationCriteria` has the formulas.

        For refits they are rank times targets: the search for the support, which `GroupSparsity` pays for by its bias, is not
        counted, so that refits look better than they are. With the squared loss a fit that comes near to interpolating the
        data (as many degrees of freedom as numbers in Y) has a criterion that tends to -inf: end the path before.

        Examples
        --------
        >>> import numpy as np
        >>> from solvers import solve_path
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((100, 10))
        >>> Y = X[:, [0, 1]] + 0.5 * rng.standard_normal((100, 2))
        >>> criteria = solve_path(X, Y).information_criteria()
        >>> criteria.best("bic").support
        array([0, 1])
        """
        solver = self._held("solve_path(X, Y).information_criteria()")
        count = DegreesOfFreedom(solver.problem, self.fits)
        degrees = np.array([self._degrees(count, index) for index in range(len(self.fits))])
        return information_criteria(solver.problem, self.lams, self.fits, degrees, n_samples=n_samples, gamma=gamma)

    def _degrees(self, count: DegreesOfFreedom, index: int) -> float:
        return count.penalised(self.fits[index])

    def _held(self, instead: str) -> Solver:
        """The solver that holds the data."""
        if self._solver is None:
            raise IncompatibleError(f"this path holds no data (it was loaded from a file): write {instead}")
        return self._solver

    def plot(self, kind: str = "norms", ax: Any = None) -> Any:
        """Draw the path with Matplotlib and return the axes: `plot_norms` or `plot_loss`.

        Parameters
        ----------
        kind : {"norms", "loss"}
            The length of each input's coefficients along the path, or the loss against the share of removed inputs.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure where omitted. ``ax.figure`` shows and saves it.

        Raises
        ------
        MissingDependencyError
            Without Matplotlib.
        """
        from solvers.plots import plot

        return plot(self, kind, ax)

    def _shown(self) -> dict[str, Any]:
        return {
            "lams": self.lams,
            "losses": self.losses,
            "sparsities": self.sparsities,
            "worst gap": float(np.max(self.gaps)),
            "limit": self.limit,
        }


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class RelaxedPath(Path):
    """What `Path.relaxed` returns: a `Path` whose fits are (partly) free of the penalty's bias.

    Attributes
    ----------
    gamma : float
        Share of the penalised fits.
    penalised : Path
        The path that was relaxed.
    """

    gamma: float = field(kw_only=True)
    penalised: Path = field(kw_only=True, repr=False)

    @single_threaded
    def at(self, lam: float) -> Fit:
        """The relaxed fit at any ``lam``: the penalised problem is solved, its support refitted."""
        fit = self.penalised.at(lam)
        solver = self._held("solve and refit with the data")
        return Relaxation(solver, self.gamma, Monitor(max_iter=REFIT_ROUNDS)).of(fit)

    @single_threaded
    def relaxed(self, gamma: float = 0.0, **options: Any) -> RelaxedPath:
        """The path that was relaxed, relaxed with another ``gamma``; see `Path.relaxed`."""
        return self.penalised.relaxed(gamma, **options)

    def _degrees(self, count: DegreesOfFreedom, index: int) -> float:
        """The blend of those of both fits, as the fitted values of the squared loss are."""
        live = np.flatnonzero(self.fits[index].coef.any(axis=0))
        refitted = 0.0 if self.gamma == 1 else (1.0 - self.gamma) * count.unpenalised(live)
        return refitted if self.gamma == 0 else refitted + self.gamma * count.penalised(self.penalised.fits[index])

    def _shown(self) -> dict[str, Any]:
        return super()._shown() | {"gamma": self.gamma}


@single_threaded
def solve_path(
    X: Any,
    Y: Any = None,
    penalty: Penalty | None = None,
    *,
    loss: str | Loss = "squared",
    lams: Any = None,
    n_lams: int = 100,
    lam_ratio: float = 1e-3,
    fit_intercept: bool = True,
    standardize: bool = False,
    sample_weight: Any = None,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    time_limit: float | None = None,
    callback: Callback | None = None,
    verbose: bool | Callable[[str], object] = False,
) -> Path:
    """Solve for a decreasing sequence of ``lam``, each from the last answer, each with its own certificate.

    The objective is that of `solve`. Data is checked, centred and (where that pays) turned into a Gram matrix once.

    Parameters
    ----------
    X, Y, loss, fit_intercept, standardize, sample_weight, tol
        As in `solve`.
    penalty : Penalty, optional
        Its ``lam`` is replaced; ``GroupSparsity`` with unit weights where omitted.
    lams : array_like (n_lams,), optional
        Penalty strengths, solved in decreasing order. Where omitted: ``n_lams`` values spaced geometrically from `lambda_max`
        to ``lam_ratio`` times that (from 1 where lambda_max is 0, every answer then being zero). For `RegularizedShrinkNet` the
        ratio is that of ``mu``, which grows like ``lam^q``.
    n_lams : int
        Number of values.
    lam_ratio : float
        Smallest over largest value, in (0, 1].
    max_iter : int
        Largest number of rounds for each lam.
    time_limit : float, optional
        Seconds for the whole path; the fits so far are returned.
    callback, verbose : optional
        As in `solve`; ``progress.index`` counts the finished values of lam.

    Returns
    -------
    Path
        Ctrl-C or a limit returns the fits so far, the last of them unfinished.

    Raises
    ------
    InputError, IncompatibleError
        As in `solve`.
    SolveError
        If ``callback`` raised; ``.result`` is the path so far.

    Warns
    -----
    ConvergenceWarning
        If a certificate does not meet ``tol``.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import solve_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> Y = X[:, [0, 1]] + 0.1 * rng.standard_normal((100, 2))
    >>> path = solve_path(X, Y, n_lams=5)
    >>> path.sparsities
    array([1. , 0.6, 0.6, 0. , 0. ])
    >>> bool(max(path.gaps) <= 1e-6)
    True
    """
    penalty = with_a_path(GroupSparsity(1.0) if penalty is None else check_penalty_argument(penalty), "solve_path")
    tol = as_number(tol, "tol")
    monitor = Monitor(max_iter=max_iter, time_limit=time_limit, callback=callback, verbose=verbose)
    grid = _lam_grid(lams, n_lams, lam_ratio)
    if lams is None and isinstance(penalty, RegularizedShrinkNet):
        # The ratio applies to mu, which grows like lam^q.
        grid = grid ** (1.0 / penalty.q)
    problem = build_problem(X, Y, loss, Options(fit_intercept, sample_weight, standardize), "solve_path(X, Y)")
    solver = solver_of(problem, penalty, n_lams=len(grid))
    if lams is None:
        grid = grid * ((solver.lambda_max() if problem.null_loss > 0 else 0.0) or 1.0)
    if isinstance(solver, BridgeSolver):
        solver.prepare(grid)

    def fit_at(index: int) -> Fit:
        return solve_one(solver, penalty.with_lam(grid[index]), tol, monitor, warn=False, keep_dual=False)

    path = follow(grid, fit_at, monitor, lambda fits, limit: Path(grid[: len(fits)], tuple(fits), limit, solver))
    _warn_unless_certified(path, tol)
    return path


def follow(
    lams: Array, fit_at: Callable[[int], Fit], monitor: Monitor, path_of: Callable[[list[Fit], Limit], AnyPath]
) -> AnyPath:
    """Fit after fit, until all lams are done or a limit ends the path; an error of the caller's carries the path so far."""
    fits: list[Fit] = []
    try:
        with monitor.defer_interrupts():
            for index, lam in enumerate(lams):
                monitor.begin(lam, index)
                fits.append(fit_at(index))
                if monitor.interrupted or monitor.limit not in (Limit.NONE, Limit.ITERATIONS):
                    break
    except SolveError as error:
        fits.append(error.result)
        raise SolveError(str(error), path_of(fits, monitor.limit)) from error.__cause__
    # A limit of rounds concerns one fit; it does not end the path.
    limit = Limit.NONE if monitor.limit is Limit.ITERATIONS else monitor.limit
    return path_of(fits, Limit.INTERRUPT if monitor.interrupted else limit)


def _lam_grid(lams: Any, n_lams: int, lam_ratio: float) -> Array:
    """The values asked for, decreasing; relative to lambda_max where ``lams`` is None."""
    if lams is not None:
        grid = np.sort(as_vector(lams, None, "lams", "one value per fit"))[::-1]
        if len(grid) == 0:
            raise InputError("lams must have at least one entry, got none: leave it out for a grid from lambda_max down")
        return grid.copy()
    n_lams = as_count(n_lams, "n_lams")
    lam_ratio = as_number(lam_ratio, "lam_ratio", strict=True)
    if lam_ratio > 1:
        raise InputError(f"lam_ratio must be at most 1, got {lam_ratio:g}: it is the smallest lam over the largest")
    return np.geomspace(1.0, lam_ratio, n_lams) if n_lams > 1 else np.ones(1)


def _warn_unless_certified(path: Path, tol: float) -> None:
    failing = [fit for fit in path.fits if not fit.certificate.holds]
    if not failing or tol == 0:
        return
    worst = max(failing, key=lambda fit: fit.certificate.gap)
    warn_user(
        f"{len(failing)} of {len(path.fits)} fits have a gap above tol {tol:.2e}, the worst {worst.certificate.gap:.2e} at lam "
        f"{worst.penalty.lam:.4g} (status {worst.status}, limit {path.limit}): "
        "raise max_iter or time_limit, or ask for a larger tol",
        ConvergenceWarning,
    )


def _warn_of_refits(path: RelaxedPath, refits: list[Fit]) -> None:
    failing = [fit for fit in refits if not fit.certificate.holds and fit.certificate.tol > 0]
    if failing:
        worst = max(failing, key=lambda fit: fit.certificate.gap)
        warn_user(
            f"{len(failing)} of {len(refits)} refits have a gap above tol {worst.certificate.tol:.2e}, the worst "
            f"{worst.certificate.gap:.2e} on {len(worst.support)} inputs (status {worst.status}, limit {path.limit}): "
            "raise max_iter or time_limit, or solve the path with a larger tol",
            ConvergenceWarning,
        )
    separated = sum(fit.status is Status.NOT_ATTAINED for fit in refits)
    if separated:
        warn_user(
            f"{separated} of {len(refits)} refits have no minimiser: their inputs separate the labels, and the loss falls "
            "for ever as the coefficients grow; take a gamma near 1, or solve with a small lam on those inputs",
            ConvergenceWarning,
        )
