"""The fits of a path with less of the penalty's bias: refits on their supports, and what lies between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from solvers._progress import Monitor
from solvers.regression.answers import Solver, drive, finish, refit_one
from solvers.regression.fit import Fit
from solvers.regression.squared_problem import SquaredProblem
from solvers.results import Limit, Status

Array = np.ndarray[Any, np.dtype[np.float64]]


class Relaxation:
    """Relaxes fits one after the other, in the order of a path.

    Equal supports are solved once; a refit starts from the one before where that has the smaller loss.

    Parameters
    ----------
    solver : Solver
        Of the path, for its problem.
    gamma : float
        Share of the penalised fit, in [0, 1].
    monitor : Monitor
        Begun anew by the caller for each fit.
    """

    def __init__(self, solver: Solver, gamma: float, monitor: Monitor) -> None:
        self._solver, self._gamma, self._monitor = solver, gamma, monitor
        self._known: dict[bytes, Fit] = {}
        self._last: Array | None = None

    def of(self, fit: Fit) -> Fit:
        """``gamma fit + (1 - gamma) refit``; at gamma 1 and 0 one of these itself."""
        relaxed = fit if self._gamma == 1 else self._refit(fit)
        if 0 < self._gamma < 1:
            relaxed = self._blend(fit, relaxed)
        return relaxed if self._monitor.n_iter else self._count_one_round(relaxed)

    @property
    def refits(self) -> list[Fit]:
        """One for each support so far."""
        return list(self._known.values())

    def _refit(self, fit: Fit) -> Fit:
        key = fit.support.tobytes()
        if key not in self._known:
            self._solver.start_from(self._start(fit))
            self._known[key] = refit_one(
                self._solver, fit.support, fit.certificate.tol, self._monitor, warn=False, keep_dual=False
            )
            self._last = self._solver.B.copy()
            # One factorisation for each support of a path would fill the memory.
            self._solver.problem.forget(fit.support)
        return self._known[key]

    def _start(self, fit: Fit) -> Array:
        problem = self._solver.problem
        penalised = problem.from_coef(fit.coef)
        if self._last is None or isinstance(problem, SquaredProblem):
            return penalised
        kept = np.logical_and(np.any(self._last, axis=1, keepdims=True), np.any(penalised, axis=1, keepdims=True))
        continued = np.where(kept, self._last, penalised)
        return min((penalised, continued), key=lambda B: problem.evaluate(B).loss)

    def _blend(self, fit: Fit, again: Fit) -> Fit:
        """With the best intercept, and the certificate of the penalised problem at that point."""
        problem = self._solver.problem
        B = problem.from_coef(self._gamma * fit.coef + (1.0 - self._gamma) * again.coef)
        return finish(problem, fit.penalty, B, fit.certificate.tol, self._monitor, status=Status.FEASIBLE, keep_dual=False)

    def _count_one_round(self, fit: Fit) -> Fit:
        """Give limits and callback their turn where least squares, or a known support, took no rounds."""

        def run() -> Status:
            self._monitor.round(fit.objective, fit.certificate.gap, len(fit.support))
            return fit.status

        def stopped(_: Status | None) -> Fit:
            limit = self._monitor.limit
            return fit if limit is Limit.NONE else replace(fit, limit=limit)

        return drive(run, self._monitor, stopped, warn=False)
