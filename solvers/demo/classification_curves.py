"""The curves of the classification page: group sparsity, its path refitted, and ShrinkNet with p = 2, all multinomial."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from solvers.demo.curves import GROUP, REFITTED, Curve, Task, refit_each, solve_curve
from solvers.demo.data import standardise
from solvers.demo.page import Context
from solvers.errors import ConvergenceWarning, require
from solvers.regression.fit import Fit
from solvers.regression.penalties import GroupSparsity
from solvers.regression.shrinknet import RegularizedShrinkNet
from solvers.regression.solver import solve

Array = np.ndarray[Any, np.dtype[np.float64]]
Labels = np.ndarray[Any, np.dtype[np.intp]]

N_LAMS = 40
LAM_RATIO = 1 / 200
TOL = 1e-8

REFIT_RATIO = 1 / 1000
"""Penalty of a refit over that at which every pixel goes."""

SHRINKNET = "ShrinkNet, p = 2"

N_CLASSES = 10

# Shares of the time that all curves take, for the progress bar.
_GROUP_SHARE, _REFIT_SHARE = 0.25, 0.3


@dataclass(frozen=True, eq=False)
class Classification:
    """All curves on the digits.

    Attributes
    ----------
    X : (n_samples, n_features)
        Pixels, standardised.
    labels : (n_samples,) int
        The digit that each image shows.
    group : Curve
        Group sparsity.
    refitted : Curve
        One fit for each of ``group``, on the pixels it keeps. Equal supports share one.
    shrinknets : tuple of Curve
        ShrinkNet with p = 2; none where the run was stopped.
    """

    X: Array
    labels: Labels
    group: Curve
    refitted: Curve
    shrinknets: tuple[Curve, ...]

    @property
    def curves(self) -> tuple[Curve, ...]:
        """All of them, in the order of the page."""
        return (self.group, self.refitted, *self.shrinknets)

    @property
    def complete(self) -> bool:
        """Whether every curve is."""
        return bool(self.shrinknets) and all(curve.complete for curve in self.curves)

    def accuracy(self, curve: Curve) -> Array:
        """Share of the fitted images that each fit of a curve labels correctly."""
        return self._accuracies[curve.name]

    @cached_property
    def _accuracies(self) -> dict[str, Array]:
        return {
            curve.name: np.array([np.mean(fit.predict(self.X) == self.labels) for fit in curve.fits]) for curve in self.curves
        }


def load_labelled_digits() -> tuple[Array, Labels]:
    """Pixels (1797, 64), standardised, and labels (1797,) of scikit-learn's digit images."""
    datasets = require("sklearn.datasets", extra="demo", purpose="the demo")
    X, labels = datasets.load_digits(return_X_y=True)
    return standardise(X), labels


def compute_classification(context: Context) -> Classification:
    """Solve both paths, and refit each support of the group-sparsity path; ``context.progress`` runs from 0 to 1."""
    X, labels = load_labelled_digits()
    task = Task(X, labels, "multinomial", N_LAMS, LAM_RATIO, scale=math.log(N_CLASSES))
    group = solve_curve(GROUP, GroupSparsity(1.0), TOL, task, context.part(0.0, _GROUP_SHARE))
    weakest, middle = GroupSparsity(REFIT_RATIO * float(group.lams[0])), _GROUP_SHARE + _REFIT_SHARE
    refits = refit_each(group, lambda fit: _refit(fit, X, labels, weakest), context.part(_GROUP_SHARE, middle))
    refitted = Curve(REFITTED, refits, group.complete, task.scale)
    if context.stopped():
        return Classification(X, labels, group, refitted, ())
    penalty = RegularizedShrinkNet(lam=1.0, lam2=1.0, p=2)
    shrinknet = solve_curve(SHRINKNET, penalty, TOL, task, context.part(middle, 1.0))
    return Classification(X, labels, group, refitted, (shrinknet,))


def _refit(fit: Fit, X: Array, labels: Labels, penalty: GroupSparsity) -> Fit:
    """The multinomial fit on the support of ``fit``, the other pixels replaced by zeros.

    Penalised: pixels that separate the digits would let the loss fall on and on as their coefficients grow.
    """
    with warnings.catch_warnings():
        # The report shows the certificate and status of every fit, a failing one first.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return solve(X * fit.coef.any(axis=0), labels, penalty, loss="multinomial", tol=TOL, init=fit)
