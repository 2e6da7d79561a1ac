"""From a solver's last point to a `Fit`: certify, factorise, translate back, and warn where the evidence falls short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from solvers._progress import CallbackError, Monitor
from solvers.errors import ConvergenceWarning, SolveError, warn_user
from solvers.regression.certificates import certificate_at, global_certificate, is_free
from solvers.regression.fit import Fit
from solvers.regression.penalties import GroupSparsity, Penalty
from solvers.regression.problem import Evaluation, Indices, Problem
from solvers.regression.rows import row_norms
from solvers.regression.shrinknet import Factors, RegularizedShrinkNet, ShrinkNet
from solvers.results import Certificate, Kind, Limit, Status

Array = np.ndarray[Any, np.dtype[np.float64]]

_UNCORRELATED = 1e-12
"""Correlation, as a cosine, up to which a column counts as orthogonal to the targets."""


class Solver(Protocol):
    """What fits a sequence of ``lam``, each from its present point."""

    penalty: Any
    B: Array

    @property
    def problem(self) -> Problem:
        """What is fitted."""
        ...

    def start_from(self, B: Array) -> None:
        """Begin the next `solve` at canonical coefficients ``B``."""
        ...

    def evaluate(self) -> Evaluation:
        """The present point, evaluated from the data."""
        ...

    def solve(self, lam: float, tol: float, monitor: Monitor) -> Status:
        """Minimise at ``lam > 0``; the answer is in ``B``, also where a limit unwinds."""
        ...

    def solve_within(self, within: Indices, tol: float, monitor: Monitor) -> Status:
        """Minimise the loss alone over the columns ``within``, the others being zero; the answer is in ``B``."""
        ...


def solve_one(
    solver: Solver, penalty: Penalty, tol: float, monitor: Monitor, *, warn: bool = True, keep_dual: bool = True
) -> Fit:
    """Fit at one lam from the solver's present point, trivial problems included."""
    problem = solver.problem
    trivial = problem.null_loss == 0 or is_unpenalised(penalty)

    def run() -> Status:
        if not trivial:
            return solver.solve(penalty.lam, tol, monitor)
        # Zero is preferred where it minimises the loss itself: it then costs nothing under any penalty.
        if problem.null_loss == 0 or (is_free(penalty) and is_uncorrelated(problem)):
            solver.start_from(np.zeros((problem.n_features, problem.n_targets)))
            return Status.CONVERGED
        return solver.solve_within(np.arange(problem.n_features), tol, monitor)

    def result(status: Status | None) -> Fit:
        return finish(
            problem, penalty, solver.B, tol, monitor, status=status, solver=None if trivial else solver, keep_dual=keep_dual
        )

    return drive(run, monitor, result, warn)


def refit_one(
    solver: Solver, support: Indices, tol: float, monitor: Monitor, *, warn: bool = True, keep_dual: bool = True
) -> Fit:
    """The loss alone, minimised on the columns ``support`` from the solver's present point."""

    def run() -> Status:
        return solver.solve_within(support, tol, monitor)

    def result(status: Status | None) -> Fit:
        return finish(
            *(solver.problem, GroupSparsity(0.0), solver.B, tol, monitor), status=status, within=support, keep_dual=keep_dual
        )

    return drive(run, monitor, result, warn)


def is_unpenalised(penalty: Penalty) -> bool:
    """Whether minimising loss plus penalty means minimising the loss."""
    if isinstance(penalty, ShrinkNet):
        return not penalty.unit_columns or penalty.lam == 0
    weights: Any = getattr(penalty, "weights", None)
    strongest = max(penalty.lam, getattr(penalty, "l2", 0.0))
    return strongest == 0 or (weights is not None and not np.any(weights))


def finish(
    problem: Problem,
    penalty: Penalty,
    B: Array,
    tol: float,
    monitor: Monitor,
    *,
    status: Status | None = None,
    within: np.ndarray[Any, Any] | None = None,
    keep_dual: bool = True,
    solver: Solver | None = None,
    proven: float | None = None,
) -> Fit:
    """Certify canonical coefficients and translate them back.

    ``status`` is what the solver claims where the certificate proves nothing. A ``solver`` lends its last evaluation, made from
    the data. ``proven`` is a lower bound on the global minimum from elsewhere, in the caller's units.
    """
    penalised, A, factors = problem.to_penalised(B), None, None
    coef = problem.to_caller(penalised)
    if isinstance(penalty, (RegularizedShrinkNet, ShrinkNet)):
        factors = penalty.factors(penalised)
        A = problem.to_caller(factors.A)
        coef = A * factors.beta
    # The certificate is for what is returned: a coefficient may have underflowed in the caller's units.
    returned = problem.from_coef(coef)
    at = solver.evaluate() if solver is not None and np.array_equal(returned, B) else None
    certificate, at, s = certificate_at(problem, penalty, returned, within=within, at=at, tol=tol)
    if proven is not None:
        certificate = global_certificate(problem, certificate.upper, min(proven, certificate.upper), tol)
    loss = at.loss * problem.loss_scale
    has_dual = certificate.kind in (Kind.DUALITY_GAP, Kind.INFIMUM)
    return Fit(
        coef=coef,
        intercept=at.intercept,
        objective=_objective(penalty, certificate, factors, loss),
        loss=loss,
        penalty=penalty,
        status=_status(certificate, status),
        limit=monitor.limit,
        certificate=certificate,
        null_loss=problem.null_loss * problem.loss_scale,
        dual=problem.to_dual(s * at.residual) if keep_dual and len(at.residual) and has_dual else None,
        n_iter=monitor.n_iter,
        elapsed=monitor.spent,
        history=monitor.history,
        fit_intercept=problem.fit_intercept,
        within=within,
        is_vector=problem.is_vector,
        A=A,
        beta=None if factors is None else factors.beta,
        n_lost=0 if factors is None else factors.n_lost,
        family=problem.family,
        classes=problem.classes,
        scales=problem.scales,
        infimum=certificate.upper if certificate.kind is Kind.INFIMUM else None,
    )


def _status(certificate: Certificate, claimed: Status | None) -> Status:
    """Only a bound on the optimal value proves an answer; stationarity is the end of a local search."""
    if certificate.kind is Kind.INFIMUM:
        return Status.NOT_ATTAINED
    if certificate.holds:
        return Status.CONVERGED if certificate.kind is Kind.STATIONARY else Status.CERTIFIED
    # A proof that the recomputed certificate does not confirm is none.
    return Status.FEASIBLE if claimed in (None, Status.CERTIFIED) else claimed


def _objective(penalty: Penalty, certificate: Certificate, factors: Factors | None, loss: float) -> float:
    """Loss plus penalty; where no minimiser exists, at the factors that are returned."""
    if certificate.kind is not Kind.INFIMUM or factors is None:
        return certificate.upper
    if isinstance(penalty, GroupSparsity):
        return loss
    if isinstance(penalty, RegularizedShrinkNet):
        return loss + penalty.lam2 * float(np.sum(np.abs(factors.A) ** penalty.p))
    return loss + penalty.lam * float(np.sum(factors.beta))


def warn_unless_certified(fit: Fit) -> None:
    """The warning of a fit that has no minimiser, or whose certificate does not meet a positive tolerance."""
    if fit.status is Status.NOT_ATTAINED and isinstance(fit.penalty, GroupSparsity):
        warn_user(
            f"no minimiser exists: the labels are separable, and the loss, {fit.loss:.2e} here, falls for ever as the "
            "coefficients grow; penalise them, with lam > 0",
            ConvergenceWarning,
        )
    elif fit.status is Status.NOT_ATTAINED:
        instead = (
            "write RegularizedShrinkNet(lam, lam2), or ShrinkNet(lam, unit_columns=True)"
            if isinstance(fit.penalty, ShrinkNet)
            else "write RegularizedShrinkNet with a positive lam"
        )
        warn_user(
            f"no minimiser exists: scaling A against beta brings the objective as near to {fit.infimum:.6g} as you like, with "
            f"the same coef; {instead}",
            ConvergenceWarning,
        )
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


def drive(run: Callable[[], Status], monitor: Monitor, result: Callable[[Status | None], Fit], warn: bool = True) -> Fit:
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


def is_uncorrelated(problem: Problem) -> bool:
    """Whether every centred column is orthogonal to the targets, to rounding: then the null model minimises the loss."""
    lengths = np.sqrt(problem.curvatures) * problem.residual_size
    return bool(np.all(row_norms(problem.correlation) <= _UNCORRELATED * lengths))
