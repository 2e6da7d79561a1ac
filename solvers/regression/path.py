"""Solutions along a decreasing sequence of penalty strengths, each started from the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers._arrays import as_count, as_number, as_vector
from solvers._parallel import single_threaded
from solvers._progress import Callback, Monitor
from solvers.errors import ConvergenceWarning, IncompatibleError, InputError, SolveError, warn_user
from solvers.regression.answers import Solver, solve_one
from solvers.regression.bridge_solver import BridgeSolver
from solvers.regression.fit import Fit
from solvers.regression.penalties import GroupSparsity, Penalty
from solvers.regression.problem import Options
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.solver import build_problem, check_penalty_argument, solver_of, with_a_path
from solvers.results import Limit, Record, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]


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
        if self._solver is None:
            raise IncompatibleError("this path holds no data (it was loaded from a file): write solve(X, Y, GroupSparsity(lam))")
        solver, tol = self._solver, self.fits[0].certificate.tol
        nearest = min(self.fits, key=lambda fit: abs(fit.penalty.lam - lam))
        solver.start_from(solver.problem.from_coef(nearest.coef))
        monitor = Monitor(max_iter=10_000)
        with monitor.defer_interrupts():
            return solve_one(solver, self.fits[0].penalty.with_lam(lam), tol, monitor)

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


@single_threaded
def solve_path(
    X: Any,
    Y: Any = None,
    penalty: Penalty | None = None,
    *,
    loss: str = "squared",
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
    fits: list[Fit] = []
    try:
        with monitor.defer_interrupts():
            for index, lam in enumerate(grid):
                monitor.begin(lam, index)
                fits.append(solve_one(solver, penalty.with_lam(lam), tol, monitor, warn=False, keep_dual=False))
                if monitor.interrupted or monitor.limit not in (Limit.NONE, Limit.ITERATIONS):
                    break
    except SolveError as error:
        fits.append(error.result)
        path = Path(grid[: len(fits)], tuple(fits), monitor.limit, solver)
        raise SolveError(str(error), path) from error.__cause__
    # A limit of rounds concerns one fit; it does not end the path.
    limit = Limit.NONE if monitor.limit is Limit.ITERATIONS else monitor.limit
    path = Path(grid[: len(fits)], tuple(fits), Limit.INTERRUPT if monitor.interrupted else limit, solver)
    _warn_unless_certified(path, tol)
    return path


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
