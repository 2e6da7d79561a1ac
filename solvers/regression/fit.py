"""The answer of a regression solver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers._arrays import as_number
from solvers.errors import IncompatibleError
from solvers.regression.linear_model import LinearModel
from solvers.regression.penalties import Penalty
from solvers.regression.shrinknet import ShrinkNet
from solvers.results import Certificate, Limit, Status, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class Fit(LinearModel):
    """Coefficients, what is known about them, and the evidence.

    Attributes
    ----------
    coef : (n_targets, n_features)
        Coefficients on the scale of the data; a removed input is a column of exact zeros.
    intercept : (n_targets,)
        Unpenalised intercept; zeros without one.
    objective : float
        Loss plus penalty; where no minimiser exists, at the returned ``A`` and ``beta``.
    loss : float
        The loss alone, recomputed from the data: a weighted mean over samples, summed over targets.
    penalty : Penalty
        The penalty that was minimised.
    status : Status
        What is known; ``fit.status.advice`` says what to do with it.
    limit : Limit
        What stopped the solver early, if anything did.
    certificate : Certificate
        The evidence; its ``gap`` is relative to ``null_loss``.
    null_loss : float
        Loss of the intercept-only model (of the zero model without intercept).
    dual : (n_samples, n_targets) or None
        A feasible point of the dual problem: ``||X_:j' dual|| <= lam w_j``, equality in every non-zero column of an exact answer,
        and column sums zero with an intercept. With a ridge that length is ``w_j (lam + l2 ||coef_:j||)`` in an exact answer, and
        what exceeds ``lam w_j`` costs its square over ``2 l2 w_j``. None in paths, and for fits to a `Gram`.
    n_iter : int
        Rounds of the solver, each a sweep over the groups and some Newton steps.
    elapsed : float
        Seconds.
    history : structured array (n_iter,)
        Columns ``n_iter, elapsed, objective, gap, n_active``, one row per round.
    fit_intercept : bool
        Whether the intercept was fitted.
    within : (n_allowed,) int or None
        For a refit: the columns it was allowed to use.
    is_vector : bool
        Whether Y was one-dimensional; predictions then are too.
    A : (n_targets, n_features) or None
        For ShrinkNet's penalties: the factor of ``coef = A * beta``, exact to the last bit. In a standardised fit the penalty on
        A is on ``A * scales``.
    beta : (n_features,) or None
        The other factor, non-negative.
    n_lost : int
        Columns set to zero because their factors would under- or overflow.
    infimum : float or None
        Where no minimiser exists: the infimum of the objective, up to the certificate's gap.
    family : {"squared", "multinomial", "logistic"}
        The loss that was minimised: the name given to `solve`.
    classes : (n_targets,) or None
        For multinomial fits the class that each row of ``coef`` stands for. A class without a sample has coefficients 0 and
        intercept -inf, a logistic target that never varies intercept -inf or inf: probabilities exactly 0 or 1.
    scales : (n_features,) or None
        For standardised fits the standard deviation of each column, 0 where it is constant: the penalty is on ``coef * scales``.
    """

    coef: Array
    intercept: Array
    objective: float
    loss: float
    penalty: Penalty
    status: Status
    limit: Limit
    certificate: Certificate
    null_loss: float
    dual: Array | None = field(repr=False)
    n_iter: int
    elapsed: float
    history: np.ndarray[Any, Any] = field(repr=False)
    fit_intercept: bool = field(repr=False)
    within: np.ndarray[Any, Any] | None = field(default=None, repr=False)
    is_vector: bool = field(default=False, repr=False)
    A: Array | None = field(default=None, repr=False)
    beta: Array | None = field(default=None, repr=False)
    n_lost: int = field(default=0, repr=False)
    infimum: float | None = field(default=None, repr=False)
    family: str = field(default="squared", repr=False)
    classes: np.ndarray[Any, Any] | None = field(default=None, repr=False)
    scales: Array | None = field(default=None, repr=False)

    def minimising_sequence(self, t: float) -> tuple[Array, Array]:
        """Factors ``(A, beta)`` with the same ``coef`` whose objective tends to `infimum` as ``t`` falls from 1 to 0.

        For ``ShrinkNet(lam)`` they are ``(A / t, t beta)``, with objective at most ``infimum + lam n_features t``; for
        ``RegularizedShrinkNet(0, lam2, p)`` they are ``(t A, beta / t)``, at most ``infimum + lam2 ||A||_p^p t^p``.

        Raises
        ------
        IncompatibleError
            If a minimiser exists: the fit is one.
        """
        t = as_number(t, "t", strict=True)
        if self.infimum is None or self.A is None or self.beta is None:
            raise IncompatibleError(
                f"minimising_sequence is for fits without a minimiser, got status {self.status}: use A and beta"
            )
        scale = t if isinstance(self.penalty, ShrinkNet) else 1.0 / t
        return self.A / scale, self.beta * scale

    def _shown(self) -> dict[str, Any]:
        rows = super()._shown()
        shown = {
            "status": f"{self.status} ({self.status.advice})",
            "certificate": self.certificate,
            "objective": self.objective,
            "loss": self.loss,
            "support": f"{len(self.support)} of {self.coef.shape[1]} inputs",
            "coef": self.coef,
            "intercept": self.intercept,
            "penalty": self.penalty,
        }
        return shown | {name: rows[name] for name in ("limit", "n_iter", "elapsed")}
