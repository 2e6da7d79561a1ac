"""Multinomial and multi-target logistic regression in canonical form, and their evaluation at a point from the data alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from solvers._blas import matmul
from solvers.errors import InputError
from solvers.regression.duality import DualGap, group_gap
from solvers.regression.labels import Labels, as_classes, as_yes_no
from solvers.regression.least_squares import ColumnSpace
from solvers.regression.links import LINKS, Link, Prediction
from solvers.regression.penalties import GroupKernel
from solvers.regression.problem import NOTHING, Evaluation, Indices, Inputs, Options, Problem

Array = np.ndarray[Any, np.dtype[np.float64]]

_INTERCEPT_STEPS = 500

LONGEST_STEP = 2.0
"""Step of the intercept, in log-odds, beyond which its quadratic model is not trusted."""

_STEEP = 10.0
"""Predictors up to this leave no sample's loss linear in the intercept."""

_ROUNDING = 1e-13
_CORRECTIONS = 500
_REFINEMENTS = 3
_REFINED = 1e-3
"""Share of a violation that a correction which comes to anything leaves at most."""

_EXCLUDED = (0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 0.1)
"""Probabilities up to which an outcome is taken for excluded, one after the other until a dual point is found."""

_SETTLED = 4.0 * np.finfo(float).eps


@dataclass(frozen=True)
class LogisticEvaluation(Evaluation):
    """A logistic loss at one point: probabilities ``P``, and nearby ones ``P'`` that are dual feasible.

    ``P'`` has the class frequencies of the labels (with an intercept) and no correlation with the unpenalised columns.
    ``residual`` is ``diag(sqrt(s)) (Y - P')``.

    Attributes
    ----------
    shift : (n_targets,)
        The intercept for centred inputs.
    predictor, probabilities : (n_samples, n_targets)
        ``Z`` and ``P``.
    residuals, dual_residuals : (n_samples, n_targets)
        ``Y - P`` and ``Y - P'``.
    deficit : float
        Length of the gradient in intercept and unpenalised columns.
    found : bool
        Whether P' was.
    link, weights, labels
        The loss, ``s`` and Y.
    """

    shift: Array
    predictor: Array
    probabilities: Array
    residuals: Array
    dual_residuals: Array
    deficit: float
    found: bool
    link: Link
    weights: Array
    labels: Array

    def gap(self, B: Array, kernel: GroupKernel) -> DualGap:
        return group_gap(self._distance, self.gradient, B, kernel, found=self.found)

    def _distance(self, s: float) -> float:
        """``1/n sum_i s_i KL(P''_i || P_i)`` for the probabilities of the dual point ``Y - P'' = s (Y - P')``."""
        excess = self.residuals - s * self.dual_residuals
        divergences = self.link.relative_entropies(self.predictor, self.probabilities, excess)
        return float(np.sum(self.weights * divergences)) / float(np.sum(self.weights))

    @property
    def feasible(self) -> bool:
        return self.found

    @property
    def diverges(self) -> bool:
        """Whether the predictor separates the labels, of one target at least: its multiples then have ever smaller loss."""
        return self.link.separates(self.predictor[self.weights > 0], self.labels[self.weights > 0])

    @property
    def drift(self) -> float:
        return self.deficit


@dataclass(frozen=True)
class LogisticProblem(Problem):
    """``1/n sum_i s_i loss(B' xc_i + b, y_i)`` over ``B (n_features, n_targets)`` and b, ``xc_i`` being the centred inputs.

    Classes without weight and targets without variation are left out: ``n_targets`` counts the others, ``observed``.

    Attributes
    ----------
    link : Link
        Multinomial or logistic.
    Y : (n_samples, n_targets)
        Zeros and ones.
    frequencies : (n_targets,)
        Weighted means of the columns of Y.
    labels : Labels
        As the caller has them, all classes or targets.
    observed : (n_targets,) int
        Columns of ``labels.Y`` that are fitted.
    tried : list of (n_targets,)
        Intercepts from which the next search for the best one may start.
    """

    link: Link
    Y: Array
    frequencies: Array
    labels: Labels
    observed: Indices
    tried: list[Array] = field(default_factory=list, repr=False)
    _bases: dict[bytes, Array] = field(default_factory=dict, repr=False)

    @classmethod
    def build(
        cls,
        X: Any,
        Y: Any,
        loss: str,
        options: Options,
        call: str = "solve(X, Y, penalty)",
    ) -> LogisticProblem:
        """Check the caller's data and bring it into canonical form; see `SquaredProblem.build`."""
        inputs = Inputs.build(X, Y, call=call, options=options)
        n_samples, weights = inputs.design.shape[0], inputs.weights
        labels = as_classes(Y, n_samples, options.classes) if loss == "multinomial" else as_yes_no(Y, n_samples)
        counted = labels.Y[weights > 0]
        varies = counted.any(axis=0)
        if loss == "multinomial":
            if np.count_nonzero(varies) < 2:
                raise InputError("Y must have at least two classes with positive weight, got one: there is nothing to tell apart")
        elif inputs.fit_intercept:
            varies &= ~counted.all(axis=0)
            if not varies.any():
                raise InputError("Y must have a target that is neither all 0 nor all 1, got none: there is nothing to tell apart")
        # Without an intercept nothing predicts with certainty, and every outcome has coefficients to be fitted.
        observed = np.flatnonzero(varies | (not inputs.fit_intercept))
        one_hot = np.ascontiguousarray(labels.Y[:, observed])
        frequencies = matmul(weights[np.newaxis], one_hot)[0] / inputs.design.total
        link = LINKS[loss]
        null_loss = link.null_loss(frequencies if inputs.fit_intercept else link.uniform(len(observed)))
        return cls(
            design=inputs.design,
            fit_intercept=inputs.fit_intercept,
            x_scale=inputs.x_scale,
            y_scale=1.0,
            null_loss=null_loss,
            is_vector=labels.is_vector,
            scales=inputs.scales,
            link=link,
            Y=one_hot,
            frequencies=frequencies,
            labels=labels,
            observed=observed,
        )

    @property
    def family(self) -> str:
        return self.link.name

    @property
    def classes(self) -> np.ndarray[Any, Any] | None:
        return self.labels.classes

    @property
    def n_targets(self) -> int:
        return len(self.observed)

    @property
    def coef_shape(self) -> tuple[int, int]:
        return self.labels.Y.shape[1], self.n_features

    @property
    def block_curvatures(self) -> Array:
        """Those of the quadratic with the largest curvature that any prediction can have."""
        return self.link.bound * self.curvatures

    @property
    def exact_blocks(self) -> bool:
        return False

    @cached_property
    def null_probabilities(self) -> Array:
        """What the model without inputs predicts, (n_targets,)."""
        return self.frequencies if self.fit_intercept else self.link.uniform(self.n_targets)

    @cached_property
    def correlation(self) -> Array:
        return self.correlate(self.Y - self.null_probabilities)

    @property
    def residual_size(self) -> float:
        squares = np.sum((self.Y - self.null_probabilities) ** 2, axis=1)
        return float(np.sqrt(np.sum(self.weights * squares) / self.design.total))

    @cached_property
    def weights(self) -> Array:
        """``s``, (n_samples,)."""
        return self.design.root_weights**2

    @cached_property
    def inverse_roots(self) -> Array:
        """``1 / sqrt(s)``; 0 for samples without weight, whose predictions do not count."""
        root = self.design.root_weights
        return np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)

    def correlate(self, R: Array) -> Array:
        """``sum_i s_i xc_i r_i' / n`` for residuals ``R (n_samples, n_targets)``."""
        return self.design.correlate(R * self.design.root_weights[:, np.newaxis])

    def predictor(self, B: Array) -> Array:
        """``xc_i' B`` of every sample, without the intercept."""
        return self.design.predict(B) * self.inverse_roots[:, np.newaxis]

    def evaluate(self, B: Array, free: Indices = NOTHING, shift: Array | None = None) -> LogisticEvaluation:
        Z = self.predictor(B)
        b = np.zeros(self.n_targets)
        if self.fit_intercept:
            b = self.best_intercept(Z) if shift is None else shift[self.observed]
        Z += b
        losses, P, R = self.link.predict(Z, self.Y)
        dual, deficit, found = self.dual_residuals(P, R, free)
        gradient = self.correlate(dual)
        gradient[free] = 0.0
        return LogisticEvaluation(
            loss=float(np.sum(self.weights * losses)) / self.design.total,
            gradient=gradient,
            residual=dual * self.design.root_weights[:, np.newaxis],
            intercept=self._full_intercept(b - self.mean_prediction(B) if self.fit_intercept else b),
            shift=b,
            predictor=Z,
            probabilities=P,
            residuals=R,
            dual_residuals=dual,
            deficit=deficit,
            found=found,
            link=self.link,
            weights=self.weights,
            labels=self.Y,
        )

    def best_intercept(self, Z: Array) -> Array:
        """The intercept that minimises the loss of ``Z + b``: Newton steps until the gradient is rounding.

        Where the loss is nearly linear, as it is around labels that the predictor separates, such a step goes far too far. Then
        each probability is multiplied by what its mean is short of the class frequency: iterative proportional fitting, which
        never raises the loss.
        """
        b, prediction = self._first_intercept(Z)
        for _ in range(_INTERCEPT_STEPS):
            better = self._better_intercept(Z, b, prediction)
            if better is None:
                break
            b, prediction = better
        # A constant added to all classes changes nothing but rounding: of equal intercepts the one that sums to zero.
        self.tried[:] = [self.link.centred(b[np.newaxis])[0]]
        return self.tried[0]

    def _better_intercept(self, Z: Array, b: Array, prediction: Prediction) -> tuple[Array, Prediction] | None:
        """The intercept after one step; None where neither the loss nor its gradient falls by more than rounding."""
        loss, deficit = self._loss(prediction), self.deficit(prediction.R)
        size = float(np.max(np.abs(deficit)))
        if size <= _SETTLED * self.design.total:
            return None
        curvature = self.link.curvature(prediction.P, self.weights)
        newton = b + self.link.centred(matmul(deficit[np.newaxis], self.link.inverse(curvature)))[0]
        reached = self.link.predict(Z + newton, self.Y)
        if self._loss(reached) < loss * (1.0 - _SETTLED):
            return newton, reached
        if self._loss(reached) <= loss * (1.0 + _SETTLED) and np.max(np.abs(self.deficit(reached.R))) < 0.5 * size:
            return newton, reached
        fitted = b + self.link.proportional_step(Z + b, self.weights, self.frequencies * self.design.total)[0]
        reached = self.link.predict(Z + fitted, self.Y)
        return (fitted, reached) if self._loss(reached) < loss * (1.0 - _SETTLED) else None

    def _first_intercept(self, Z: Array) -> tuple[Array, Prediction]:
        """Where to start: the best of those at hand or, where all are poor, twice what is best for half the predictor.

        Far from its minimum the loss of a large predictor is linear in the intercept, and Newton's method lost.
        """

        def best(intercepts: list[Array]) -> tuple[Array, Prediction]:
            return min(((b, self.link.predict(Z + b, self.Y)) for b in intercepts), key=lambda start: self._loss(start[1]))

        b, prediction = best([self.link.null_intercept(self.frequencies), *self.tried])
        if self._loss(prediction) <= self.null_loss * self.design.total or np.max(np.abs(Z), initial=0.0) <= _STEEP:
            return b, prediction
        return best([b, 2.0 * self.best_intercept(0.5 * Z)])

    def intercept_shift(self, B: Array, intercept: Array) -> Array:
        shift = intercept.copy()
        shift[self.observed] += self.mean_prediction(B)
        return shift

    def to_penalised(self, B: Array) -> Array:
        coef = np.zeros(self.coef_shape)
        coef[self.observed] = super().to_penalised(B)
        return coef

    def from_coef(self, coef: Array) -> Array:
        return super().from_coef(coef[self.observed])

    def to_dual(self, residual: Array) -> Array:
        dual = np.zeros_like(self.labels.Y)
        dual[:, self.observed] = super().to_dual(residual)
        return dual

    def _loss(self, prediction: Prediction) -> float:
        return float(np.sum(self.weights * prediction.losses))

    def deficit(self, R: Array) -> Array:
        return matmul(self.weights[np.newaxis], R)[0]

    def _full_intercept(self, b: Array) -> Array:
        """The intercepts of all classes or targets: infinite where only one outcome was seen."""
        full = np.zeros(self.coef_shape[0])
        if self.fit_intercept:
            full[:] = np.where(self.labels.Y[self.weights > 0].any(axis=0), np.inf, -np.inf)
        full[self.observed] = b
        return full

    def dual_residuals(self, P: Array, R: Array, free: Indices = NOTHING) -> tuple[Array, float, bool]:
        """``Y - P'`` for probabilities near P that satisfy the constraints of intercept and unpenalised columns.

        Outcomes that are nearly excluded have no curvature to be corrected with: where need be they are excluded altogether, at
        the cost of about their probability. That is what inputs which separate some labels from others ask for.

        Returns
        -------
        dual : (n_samples, n_targets)
        deficit : float
            Length of P's violation.
        found : bool
            Whether ``dual`` satisfies the constraints.
        """
        if not self.fit_intercept and len(free) == 0:
            return R, 0.0, True
        constraints, roots = self._constraints(free), self.design.root_weights[:, np.newaxis]
        deficit = matmul(constraints.T, R * roots)
        size = float(np.sqrt(np.sum(deficit**2) / self.design.total))
        if np.max(np.abs(deficit), initial=0.0) <= 0.1 * _ROUNDING * np.sqrt(self.design.total):
            return R, size, True
        for least in _EXCLUDED:
            some = R if least == 0.0 else self.link.truncated(R, self.Y, least)
            dual = self._corrected(constraints, P if some is R else self.Y - some, some)
            if dual is not None:
                return dual, size, True
        if len(free):
            return R, size, False
        return self._mixed(R), size, True

    def _corrected(self, constraints: Array, P: Array, R: Array) -> Array | None:
        """``R`` less the step that makes it orthogonal to the constraints; None where that leaves the simplex."""
        roots = self.design.root_weights[:, np.newaxis]
        dual, left = R, matmul(constraints.T, R * roots)
        # Conjugate gradients that are asked for the last digit may drift away from it: what they leave is corrected again.
        for _ in range(_REFINEMENTS):
            before = np.max(np.abs(left))
            if before <= _ROUNDING * np.sqrt(self.design.total):
                break
            dual = dual - self._correction(constraints, P, self.link.centred(left))
            left = matmul(constraints.T, dual * roots)
            if not np.max(np.abs(left)) <= _REFINED * before:
                return None
        if np.max(np.abs(left)) > _ROUNDING * np.sqrt(self.design.total):
            return None
        inside = np.all(self.Y - dual >= 0.0) and np.all(self.Y - dual <= 1.0)
        return dual if inside else None

    def _mixed(self, R: Array) -> Array:
        """``Y - P'`` for ``P' = (1-t) P + t 1 r'``, r making the class frequencies right and t as small as r allows."""
        missing = self.deficit(R)
        t = self.link.mixing(self.frequencies * self.design.total, missing, self.design.total)
        if t == 0.0:
            return R
        r = self.frequencies + (1.0 - t) / t * missing / self.design.total
        return (1.0 - t) * R + t * (self.Y - r)

    def _constraints(self, free: Indices) -> Array:
        """Orthonormal basis of the columns that no dual residual correlates with, rows weighted: intercept and ``free``."""
        key = free.tobytes()
        if key not in self._bases:
            root = self.design.root_weights[:, np.newaxis]
            columns = [root] if self.fit_intercept else []
            space = ColumnSpace.of(np.column_stack([*columns, self.design.columns(free)]))
            self._bases[key] = space.basis
        return self._bases[key]

    def forget(self, columns: Indices) -> None:
        self._bases.pop(columns.tobytes(), None)

    def _correction(self, basis: Array, P: Array, deficit: Array) -> Array:
        """``H_i f_i V`` with V such that the rows, weighted by s, add up to ``deficit`` along the basis: a Newton step.

        Linear in V, so that what it leaves is rounding; small where P is nearly right.
        """
        columns = basis * self.inverse_roots[:, np.newaxis]
        if basis.shape[1] == 1:
            curvature = self.link.curvature(P, np.square(basis[:, 0]))
            V = matmul(deficit, self.link.inverse(curvature))
            return self.link.hessian(P, matmul(columns, V))

        def operate(V: Array) -> Array:
            return matmul(basis.T, self.link.hessian(P, matmul(basis, V.reshape(deficit.shape)))).ravel()

        size = deficit.size
        operator: Any = LinearOperator((size, size), matvec=operate)  # pyright: ignore[reportCallIssue]
        # Where all predictions are certain there is no curvature, and no answer.
        with np.errstate(all="ignore"):
            V = cg(operator, deficit.ravel(), rtol=1e-15, maxiter=min(_CORRECTIONS, 10 * size + 50))[0]
            return self.link.hessian(P, matmul(columns, np.nan_to_num(V).reshape(deficit.shape)))
