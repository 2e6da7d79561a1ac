"""`check_loss`: are a loss, its derivatives, its conjugate and its curvature bound those of one convex function?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._arrays import as_count, as_number
from solvers.checking.report import PropertyCheck, PropertyReport, examine, numbers
from solvers.errors import IncompatibleError, InputError
from solvers.regression.losses import LOSSES, Loss

Array = np.ndarray[Any, np.dtype[np.float64]]

_SIZES = (0.0, 1.0, 0.1, 5.0, 1e-6, 50.0)
_DIFFERENCE = 1e-5
_DIFFERENCES = 1e-6
"""What central differences are trusted to, relative to the gradient and the loss."""

_ROUNDING = 1e-9
_NOTHING = 1e-12
"""A difference from zero that the rounding of a probability near 1 explains."""

_STEPS = (1.0, 1e-2, 10.0)


@dataclass(frozen=True)
class _Point:
    """One sample's linear predictor, target and a direction."""

    z: Array
    y: Array
    d: Array

    def __str__(self) -> str:
        return f"z={numbers(self.z)}, y={numbers(self.y)}"


@dataclass(frozen=True)
class _Sample:
    """A loss's functions at single samples."""

    loss: Loss

    def value(self, z: Array, y: Array) -> float:
        return float(self.loss.value(z[np.newaxis].copy(), y[np.newaxis].copy())[0])

    def gradient(self, z: Array, y: Array) -> Array:
        return np.asarray(self.loss.gradient(z[np.newaxis].copy(), y[np.newaxis].copy()))[0]

    def hessian(self, z: Array, y: Array, t: Array) -> Array:
        return np.asarray(self.loss.hessian(z[np.newaxis].copy(), y[np.newaxis].copy(), t[np.newaxis].copy()))[0]

    def conjugate(self, u: Array, y: Array) -> float:
        return float(self.loss.conjugate(u[np.newaxis].copy(), y[np.newaxis].copy())[0])


def check_loss(loss: Loss | str, *, n_targets: Sequence[int] = (1, 2, 5), random_state: int = 0) -> PropertyReport:
    """Examine a loss: are ``value``, ``gradient``, ``hessian``, ``conjugate`` and ``curvature_bound`` those of one function?

    For linear predictors that are zero, small and large it tests

    * ``value``: finite, also where ``||z||`` is 1e4;
    * ``gradient``: against central differences of ``value``;
    * ``convexity``: no chord lies below the loss, no slope falls along a line;
    * ``hessian``: against central differences of ``gradient``;
    * ``curvature bound``: ``loss(z + d) <= loss(z) + <gradient, d> + curvature_bound/2 ||d||^2``, and no ``<d, H d>`` exceeds it;
    * ``Fenchel-Young inequality``: ``loss(z) + conjugate(u) >= <u, z>`` for gradients u of other points;
    * ``Fenchel-Young equality``: with equality for the gradient at z itself: what dual values rest on;
    * ``conjugate``: convex between two gradients;
    * ``rows``: each sample is on its own, and no argument is written to.

    Parameters
    ----------
    loss : Loss or str
        The object, or ``"squared"``, ``"multinomial"``, ``"logistic"``.
    n_targets : sequence of int
        Lengths of the linear predictors that are drawn.
    random_state : int
        Seed of the points.

    Returns
    -------
    PropertyReport
        ``holds``, ``failures`` with the smallest failing examples, and ``suspect``. Nothing that fails is raised.

    Raises
    ------
    InputError, IncompatibleError
        If an argument has a wrong value or type, or ``curvature_bound`` is no positive number.

    Examples
    --------
    >>> from solvers import LogisticLoss, check_loss
    >>> check_loss(LogisticLoss()).holds
    True
    """
    loss = _as_loss(loss)
    bound = as_number(getattr(loss, "curvature_bound", None), "loss.curvature_bound", strict=True)
    lengths = sorted({as_count(length, "each of n_targets") for length in n_targets})
    if not lengths:
        raise InputError(f"n_targets must have at least one entry, got {n_targets!r}")
    seed = as_count(random_state, "random_state", minimum=0)
    points, sample = _draw(loss, lengths, np.random.default_rng(seed)), _Sample(loss)
    checks = (
        _check_value(sample, points),
        _check_gradient(sample, points),
        _check_convexity(sample, points),
        _check_hessian(sample, points),
        _check_bound(sample, points, bound),
        _check_fenchel_young(sample, points),
        _check_equality(sample, points),
        _check_conjugate(sample, points),
        _check_rows(loss, points),
    )
    return PropertyReport(repr(loss), checks, _suspect([check.name for check in checks if not check.holds]))


def _as_loss(loss: Any) -> Loss:
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    names = ", ".join(map(repr, LOSSES))
    if isinstance(loss, str):
        raise InputError(f"loss must be one of {names}, or a Loss, got {loss!r}")
    raise IncompatibleError(f"loss must be a Loss or one of {names}, got {loss!r}: subclass solvers.Loss as a frozen dataclass")


def _suspect(failed: list[str]) -> str:
    """The function at fault, where the failures have one in common that everything else acquits."""
    young = {"Fenchel-Young inequality", "Fenchel-Young equality", "conjugate"}
    if not failed or "rows" in failed:
        return ""
    if set(failed) <= young:
        return "conjugate"
    if "value" in failed or failed == ["convexity"]:
        return "value"
    if "gradient" in failed:
        return "gradient"
    if "hessian" in failed:
        return "hessian"
    return "curvature_bound" if failed == ["curvature bound"] else ""


def _draw(loss: Loss, lengths: Sequence[int], rng: np.random.Generator) -> list[_Point]:
    """Points from plain to extreme: few targets before many, small predictors before large ones."""
    points = []
    for length in lengths:
        for size in _SIZES:
            count = 1 if size == 0 else 6
            Y = np.asarray(loss.draw_targets(count, length, rng), dtype=float)
            if Y.shape != (count, length):
                raise InputError(f"loss.draw_targets must return shape (n_samples, n_targets) = {(count, length)}, got {Y.shape}")
            points += [_Point(size * rng.standard_normal(length).round(2), y, rng.standard_normal(length)) for y in Y]
    return points


def _check_value(sample: _Sample, points: Sequence[_Point]) -> PropertyCheck:
    def test(point: _Point) -> str | None:
        for factor in (1.0, 1e4):
            z = factor * point.z
            got, slopes = sample.value(z, point.y), sample.gradient(z, point.y)
            if not (np.isfinite(got) and np.all(np.isfinite(slopes))):
                return f"at z={numbers(z)}, y={numbers(point.y)} the value is {got:g}, the gradient {numbers(slopes)}"
        return None

    advice = "value and gradient: an exponential that overflows; write log1p(exp(-|z|)) and logsumexp"
    return examine("value", "finite, and so is the gradient, up to ||z|| = 1e4", advice, points, test)


def _check_gradient(sample: _Sample, points: Sequence[_Point]) -> PropertyCheck:
    def test(point: _Point) -> str | None:
        gradient, h = sample.gradient(point.z, point.y), _DIFFERENCE * (1.0 + float(np.max(np.abs(point.z))))
        for t in range(len(point.z)):
            step = h * np.eye(len(point.z))[t]
            above, below = sample.value(point.z + step, point.y), sample.value(point.z - step, point.y)
            difference = (above - below) / (2.0 * h)
            slack = _DIFFERENCES * (abs(difference) + abs(gradient[t]) + 1e-3) + 1e-15 * (abs(above) + abs(below)) / h
            if not abs(gradient[t] - difference) <= slack + h * h:
                return f"gradient({point})[{t}] is {gradient[t]:.6g}; value changes by {difference:.6g} per unit of z[{t}]"
        return None

    return examine("gradient", "that of value, by central differences", "gradient: its sign, a missing factor", points, test)


def _check_convexity(sample: _Sample, points: Sequence[_Point]) -> PropertyCheck:
    def test(point: _Point) -> str | None:
        for step in _STEPS:
            a, b = point.z, point.z + step * point.d
            ends = sample.value(a, point.y), sample.value(b, point.y)
            middle = sample.value(0.5 * (a + b), point.y)
            if not middle <= 0.5 * sum(ends) + _ROUNDING * (abs(middle) + max(map(abs, ends))):
                return f"value is {middle:.6g} of y={numbers(point.y)} half way from z={numbers(a)} to z={numbers(b)}"
            slopes = sample.gradient(a, point.y), sample.gradient(b, point.y)
            rise = float((slopes[1] - slopes[0]) @ (b - a))
            if not rise >= -_ROUNDING * float(np.abs(slopes).sum() + 1.0) * float(np.linalg.norm(b - a)):
                return f"the slope falls by {-rise:.6g} from z={numbers(a)} to z={numbers(b)}, y={numbers(point.y)}"
        return None

    return examine("convexity", "no point lies above a chord", "value: is the loss convex in z?", points, test)


def _check_hessian(sample: _Sample, points: Sequence[_Point]) -> PropertyCheck:
    def test(point: _Point) -> str | None:
        h = _DIFFERENCE * (1.0 + float(np.max(np.abs(point.z))))
        got = sample.hessian(point.z, point.y, point.d)
        above, below = (sample.gradient(point.z + sign * h * point.d, point.y) for sign in (1.0, -1.0))
        difference = (above - below) / (2.0 * h)
        slack = 1e-5 * (np.linalg.norm(difference) + np.linalg.norm(got)) + 1e-15 * np.abs([above, below]).max() / h + 10 * h**2
        if not np.linalg.norm(got - difference) <= slack:
            return f"hessian({point}, t={numbers(point.d)}) is {numbers(got)}; gradient changes by {numbers(difference)}"
        return None

    return examine("hessian", "its products, by central differences of gradient", "hessian: a missing factor", points, test)


def _check_bound(sample: _Sample, points: Sequence[_Point], bound: float) -> PropertyCheck:
    def test(point: _Point) -> str | None:
        start, slopes = sample.value(point.z, point.y), sample.gradient(point.z, point.y)
        for step in _STEPS:
            d = step * point.d
            reached = sample.value(point.z + d, point.y)
            above = reached - start - float(slopes @ d) - 0.5 * bound * float(d @ d)
            if not above <= _ROUNDING * (abs(reached) + abs(start) + abs(float(slopes @ d))):
                return f"the loss exceeds the quadratic of curvature {bound:g} by {above:.6g} at {point}, d={numbers(d)}"
        curvature = float(point.d @ sample.hessian(point.z, point.y, point.d)) / float(point.d @ point.d)
        if not curvature <= bound * (1.0 + _ROUNDING):
            return f"<d, H d> / ||d||^2 is {curvature:.6g}, above {bound:g}, at {point}, d={numbers(point.d)}"
        return None

    advice = "curvature_bound: the largest eigenvalue of the Hessian, over all z and y; or gradient"
    return examine("curvature bound", f"no curvature exceeds curvature_bound = {bound:g}", advice, points, test)


def _check_fenchel_young(sample: _Sample, points: Sequence[_Point]) -> PropertyCheck:
    def test(point: _Point) -> str | None:
        for step in _STEPS:
            u = sample.gradient(point.z + step * point.d, point.y)
            loss, dual, product = sample.value(point.z, point.y), sample.conjugate(u, point.y), float(u @ point.z)
            if not loss + dual - product >= -_ROUNDING * (abs(loss) + abs(dual) + abs(product)) - _NOTHING:
                return f"value({point}) + conjugate(u={numbers(u)}) - <u, z> is {loss + dual - product:.6g}, below 0"
        return None

    advice = "conjugate: a sign, a missing factor, its domain; or gradient, of which u is one"
    return examine("Fenchel-Young inequality", "value(z) + conjugate(u) >= <u, z>", advice, points, test)


def _check_equality(sample: _Sample, points: Sequence[_Point]) -> PropertyCheck:
    def test(point: _Point) -> str | None:
        u = sample.gradient(point.z, point.y)
        loss, dual, product = sample.value(point.z, point.y), sample.conjugate(u, point.y), float(u @ point.z)
        if not abs(loss + dual - product) <= _ROUNDING * (abs(loss) + abs(dual) + abs(product)) + _NOTHING:
            return f"value({point}) + conjugate(u={numbers(u)}) - <u, z> is {loss + dual - product:.6g} at u = gradient(z), not 0"
        return None

    advice = "conjugate: a constant, a missing factor; or gradient. For an entropy: of the probabilities u + y"
    return examine("Fenchel-Young equality", "with equality for u = gradient(z)", advice, points, test)


def _check_conjugate(sample: _Sample, points: Sequence[_Point]) -> PropertyCheck:
    def test(point: _Point) -> str | None:
        u, v = sample.gradient(point.z, point.y), sample.gradient(point.z + point.d, point.y)
        ends = sample.conjugate(u, point.y), sample.conjugate(v, point.y)
        middle = sample.conjugate(0.5 * (u + v), point.y)
        if not middle <= 0.5 * sum(ends) + _ROUNDING * (abs(middle) + max(map(abs, ends))) + _NOTHING:
            return f"conjugate is {middle:.6g} of y={numbers(point.y)} half way from u={numbers(u)} to u={numbers(v)}"
        return None

    return examine("conjugate", "convex between any two gradients", "conjugate: the sign of an entropy", points, test)


def _check_rows(loss: Loss, points: Sequence[_Point]) -> PropertyCheck:
    groups = {len(point.z): [other for other in points if len(other.z) == len(point.z)] for point in points}

    def test(group: list[_Point]) -> str | None:
        Z, Y, D = (np.array([getattr(point, name) for point in group]) for name in "zyd")
        given = Z.copy(), Y.copy(), D.copy()
        U = np.asarray(loss.gradient(Z, Y)).copy()
        calls = {
            "value": (lambda rows: loss.value(Z[rows], Y[rows]), (len(Z),)),
            "gradient": (lambda rows: loss.gradient(Z[rows], Y[rows]), Z.shape),
            "hessian": (lambda rows: loss.hessian(Z[rows], Y[rows], D[rows]), Z.shape),
            "conjugate": (lambda rows: loss.conjugate(U[rows], Y[rows]), (len(Z),)),
        }
        for name, (call, shape) in calls.items():
            whole = np.asarray(call(slice(None)))
            if whole.shape != shape:
                return f"{name} of Z {Z.shape} has shape {whole.shape}, not {shape}"
            for row in range(len(Z)):
                if not np.allclose(np.asarray(call(slice(row, row + 1)))[0], whole[row], rtol=1e-9, atol=1e-12, equal_nan=True):
                    return f"{name} of sample {row} alone differs from its row among {len(Z)}: {group[row]}"
        if not all(np.array_equal(before, after) for before, after in zip(given, (Z, Y, D), strict=True)):
            return f"an argument with {len(Z)} rows was written to"
        return None

    advice = "sums and means over axis=0; in-place operations"
    return examine("rows", "each sample is on its own; no argument is written to", advice, groups.values(), test)
