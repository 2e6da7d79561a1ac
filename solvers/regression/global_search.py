"""A global certificate for a regularised ShrinkNet fit: branch and bound, watched, with better points finished by the solver."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._progress import CallbackError, Monitor
from solvers.errors import SolveError
from solvers.regression.answers import finish
from solvers.regression.certificates import global_certificate
from solvers.regression.fit import Fit
from solvers.regression.global_bound import Search
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.squared_bridge import SquaredBridgeSolver
from solvers.regression.squared_problem import SquaredProblem
from solvers.results import Certificate, Limit, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]

_PAUSE = 0.1
"""Seconds of search between two looks at clock and callback, roughly."""

_FIRST_NODES = 16
_BETTER = 1e-12


@saveable
@dataclass(frozen=True, repr=False)
class GlobalCertificate(Certificate):
    """What a global search proved about a fit: no point has an objective below ``lower``.

    Attributes
    ----------
    n_nodes : int
        Nodes of the search tree that were bounded.
    limit : Limit
        What stopped the search before ``gap`` reached ``tol``, if anything did; the bounds are valid all the same.
    improved : Fit or None
        A better minimiser than the fit, if the search found one, with a certificate of its own. ``upper`` and ``gap`` remain
        those of the fit that was certified.
    elapsed : float
        Seconds.
    """

    n_nodes: int
    limit: Limit
    improved: Fit | None
    elapsed: float


def search_globally(
    problem: SquaredProblem, penalty: RegularizedShrinkNet, B: Array, upper: float, tol: float, monitor: Monitor
) -> GlobalCertificate:
    """Raise the lower bound until it is within ``tol`` (relative to the null loss) of the best objective, or a limit comes.

    ``upper`` is the objective at ``B`` in the caller's units.
    """
    objective = upper / problem.loss_scale
    search = Search(problem, problem.canonical_mu(penalty), penalty.p, B, objective, tol * problem.null_loss)
    solver = SquaredBridgeSolver(problem, penalty)
    best = B
    # What the fit exceeds its minimum by is no improvement worth a second fit.
    worthwhile = objective - _BETTER * problem.null_loss

    def run() -> None:
        nonlocal best, objective
        n_nodes, over = _FIRST_NODES, False
        while not over:
            began = time.perf_counter()
            over = search.run(n_nodes)
            spent = time.perf_counter() - began
            n_nodes = max(_FIRST_NODES, int(n_nodes * min(4.0, _PAUSE / max(spent, 1e-9))))
            if search.bound.upper < objective:
                best, objective = solver.finish_from(search.bound.B, penalty.lam, monitor)
                search.improve(best, objective)
            gap = (objective - search.bound.lower) / problem.null_loss
            monitor.round(objective * problem.loss_scale, gap, int(np.count_nonzero(best.any(axis=1))))

    def result() -> GlobalCertificate:
        lower = min(min(search.bound.lower, objective) * problem.loss_scale, upper)
        improved = None
        if objective < worthwhile:
            improved = finish(problem, penalty, best, tol, monitor, proven=lower)
        certificate = global_certificate(problem, upper, lower, tol)
        return GlobalCertificate(
            certificate.kind, upper, lower, certificate.gap, tol, search.bound.n_nodes, monitor.limit, improved, monitor.elapsed
        )

    try:
        with monitor.watch():
            if problem.null_loss > 0:
                run()
    except CallbackError as error:
        raise SolveError(
            f"{error} raised {error.__cause__!r}; the certificate so far is in this error's .result", result()
        ) from error.__cause__
    return result()
