"""`check_penalty`: do the three operations of a penalty belong together?

``value``, ``prox`` and ``subdiff_distance`` are written separately and describe one function. Each pair is tested against the
other, so that a failure points at one of them; what is drawn is ordered from plain to extreme, so that the first failing example
is the smallest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba.core.config
import numpy as np

from solvers._arrays import as_count, as_number
from solvers._compile import kernel, require_operations
from solvers.checking.penalty_points import Operations, Point, beside_the_jump, competitors, draw
from solvers.checking.report import PropertyCheck, PropertyReport, examine, numbers
from solvers.errors import IncompatibleError, InputError
from solvers.regression.penalties import Penalty, prox, subdiff_distance, value

Array = np.ndarray[Any, np.dtype[np.float64]]

_config: Any = numba.core.config

_SLACK = 1e-10
"""By how much a competitor must beat an answer of ``prox``, relative to the objective."""

_STATIONARY = 1e-8
"""Distance from the subdifferential, relative to what rounding of ``z / step`` leaves."""

_DIFFERENCE = 1e-6
"""Step of finite differences, relative; and the accuracy that they are trusted to."""

_NEAR_ZERO = (1e-8, 1e-12)


def check_penalty(
    penalty: Penalty,
    *,
    n_features: int | None = None,
    n_targets: Sequence[int] = (1, 2, 5),
    steps: Sequence[float] = (1.0, 0.1, 10.0),
    degree: float | None = None,
    radial: bool = False,
    random_state: int = 0,
) -> PropertyReport:
    """Examine a penalty: do ``value``, ``prox`` and ``subdiff_distance`` describe one function, compiled and interpreted alike?

    For columns ``w (n_targets,)`` that are zero, sparse, tiny and huge it tests

    * ``value``: ``phi_j(w)`` is finite and at least 0;
    * ``prox inequality``: with ``w = prox(z, step)``, no other point has a smaller ``1/2 ||u - z||^2 + step phi_j(u)``; just
      beside the length at which ``w`` becomes non-zero, too;
    * ``prox stationarity``: ``(z - w) / step`` has distance 0 from the subdifferential at ``w``;
    * ``subdifferential``: where ``phi_j`` is smooth, the distance of g is that from the gradient, by central differences;
    * ``subdifferential at zero``: no slope of ``phi_j`` at 0 exceeds what the distance admits;
    * ``arguments``: nothing but ``out`` is written to, and all of it;
    * ``with_lam``: the same penalty with another ``lam``;
    * ``compiled``: Numba compiles the operations, with the results of plain Python;

    and, where claimed, ``homogeneity`` and ``rotation``.

    Parameters
    ----------
    penalty : Penalty
        Any, the package's own included.
    n_features : int, optional
        Columns of the problem that the kernel is made for; the length of ``penalty.weights`` where it has any, else 3.
    n_targets : sequence of int
        Lengths of the columns that are drawn.
    steps : sequence of float
        Positive steps of ``prox``: the solver uses one over the curvature of a column.
    degree : float, optional
        A claim: ``phi_j(t w) = t^degree phi_j(w)`` for t > 0.
    radial : bool
        A claim: ``phi_j(w)`` depends on the length of ``w`` alone, and ``prox`` keeps directions.
    random_state : int
        Seed of the points.

    Returns
    -------
    PropertyReport
        ``holds``, ``failures`` with the smallest failing examples, and ``suspect``. Nothing that fails is raised, not even what
        the penalty's own functions raise.

    Raises
    ------
    InputError, IncompatibleError
        If an argument has a wrong value or type, or the kernel is no NamedTuple.
    NotImplementedError
        If an operation is missing.

    Notes
    -----
    Some hundred points and a second or two, most of it compiling. A concave penalty whose ``prox`` is right for short steps only
    fails at longer ones, as it would in `solve`: pass the ``steps`` that are meant.

    Examples
    --------
    >>> from solvers import GroupSparsity, check_penalty
    >>> check_penalty(GroupSparsity(0.5), degree=1, radial=True).holds
    True
    """
    points, operations = _prepared(penalty, n_features, n_targets, steps, random_state)
    checks = [
        _check_value(operations, points),
        _check_prox(operations, [*points, *beside_the_jump(operations, points)]),
        _check_stationarity(operations, [*points, *beside_the_jump(operations, points)]),
        _check_gradient(operations, points, random_state),
        _check_zero(operations, points),
        _check_arguments(operations, points),
        _check_with_lam(penalty),
        _check_compiled(operations, points),
    ]
    if degree is not None:
        checks.append(_check_degree(operations, points, as_number(degree, "degree", strict=True)))
    if radial:
        checks.append(_check_rotation(operations, points, random_state))
    return PropertyReport(repr(penalty), tuple(checks), _suspect({check.name for check in checks if not check.holds}))


_PAIRS = {
    "prox inequality": {"value", "prox"},
    "prox stationarity": {"prox", "subdiff_distance"},
    "subdifferential": {"value", "subdiff_distance"},
    "subdifferential at zero": {"value", "subdiff_distance"},
}
# Stationarity acquits nobody: it asks for distances of zero, and of points that need not be global minimisers.
_ACQUITTED = {"prox inequality": {"value", "prox"}, "subdifferential": {"value"}}


def _suspect(failed: set[str]) -> str:
    """The one function that all failed pairs share and that none which holds acquits."""
    guilty = [pair for name, pair in _PAIRS.items() if name in failed]
    if not guilty or failed & {"value", "arguments"}:
        return ""
    common = set.intersection(*guilty)
    if len(common) > 1:
        common -= {function for name, pair in _ACQUITTED.items() if name not in failed for function in pair}
    return common.pop() if len(common) == 1 else ""


def _prepared(
    penalty: Any, n_features: int | None, n_targets: Sequence[int], steps: Sequence[float], seed: int
) -> tuple[list[Point], Operations]:
    """The checked arguments as points and operations."""
    if not isinstance(penalty, Penalty):
        raise IncompatibleError(
            f"penalty must be a Penalty such as GroupSparsity(0.1), got {penalty!r}: subclass solvers.Penalty"
        )
    if n_features is None:
        weights = getattr(penalty, "weights", None)
        n_features = 3 if weights is None else len(weights)
    n_features = as_count(n_features, "n_features")
    lengths = sorted({as_count(length, "each of n_targets") for length in n_targets})
    steps = [as_number(step, "each of steps", strict=True) for step in steps]
    if not lengths or not steps:
        raise InputError(f"n_targets and steps must have at least one entry, got {n_targets!r} and {steps!r}")
    if getattr(penalty, "groups", None) is not None:
        raise IncompatibleError("penalty must be a sum over single columns, got groups of several: write it without groups")
    kernel = penalty.kernel(n_features)
    if not (isinstance(kernel, tuple) and hasattr(kernel, "_fields")):
        raise IncompatibleError(f"penalty.kernel must return a NamedTuple, got {type(kernel).__name__}")
    require_operations(kernel, value, prox, subdiff_distance)
    rng = np.random.default_rng(as_count(seed, "random_state", minimum=0))
    return list(draw(lengths, steps, n_features, rng)), Operations(kernel)


def _check_value(operations: Operations, points: Sequence[Point]) -> PropertyCheck:
    def test(point: Point) -> str | None:
        got = operations.value(point.z, point.j)
        return None if np.isfinite(got) and got >= 0 else f"value(w={numbers(point.z)}, j={point.j}) is {got:g}"

    return examine("value", "phi_j(w) is finite and at least 0", "value: signs, powers of negative numbers", points, test)


def _check_prox(operations: Operations, points: Sequence[Point]) -> PropertyCheck:
    rng = np.random.default_rng(1)

    def test(point: Point) -> str | None:
        def objective(u: Array) -> float:
            return 0.5 * float(np.sum((u - point.z) ** 2)) + point.step * operations.value(u, point.j)

        w = operations.prox(point.z, point.step, point.j)
        if not np.all(np.isfinite(w)):
            return f"prox({point}) is {numbers(w)}"
        reached = objective(w)
        other, u = min(((objective(u), u) for u in competitors(w, point.z, rng)), key=lambda pair: pair[0])
        if other >= reached - _SLACK * (abs(reached) + abs(other)):
            return None
        return (
            f"prox({point}) is w={numbers(w)}, where 1/2||w - z||^2 + step value(w) = {reached:.8g}; "
            f"at u={numbers(u)} it is {other:.8g}"
        )

    return examine(
        "prox inequality",
        "w = prox(z, step) minimises 1/2||w - z||^2 + step phi_j(w)",
        "prox: its threshold, the factor `step`, the sign; value: a missing factor, the power",
        points,
        test,
    )


def _check_stationarity(operations: Operations, points: Sequence[Point]) -> PropertyCheck:
    def test(point: Point) -> str | None:
        w = operations.prox(point.z, point.step, point.j)
        g = (point.z - w) / point.step
        distance = operations.distance(w, g, point.j)
        allowed = _STATIONARY * float(np.linalg.norm(point.z) + np.linalg.norm(w)) / point.step
        if 0 <= distance <= allowed:
            return None
        return f"w = prox({point}) is {numbers(w)}; subdiff_distance(w, g={numbers(g)}, j={point.j}) is {distance:.6g}, not 0"

    return examine(
        "prox stationarity",
        "(z - w)/step is a subgradient at w = prox(z, step)",
        "prox and subdiff_distance: which of them also fails against value? At w = 0 the subdifferential is a set",
        points,
        test,
    )


def _check_gradient(operations: Operations, points: Sequence[Point], seed: int) -> PropertyCheck:
    rng = np.random.default_rng(seed)
    smooth = [point for point in points if np.all(point.z) and point.step == points[0].step]

    def test(point: Point) -> str | None:
        w, j = point.z, point.j
        gradient, size = _central_differences(operations, w, j)
        length = max(float(np.linalg.norm(gradient)), operations.value(w, j) / float(np.linalg.norm(w)))
        if length == 0.0:
            length = 1.0
        off = rng.standard_normal(len(w))
        off *= length / np.linalg.norm(off)
        for g, expected in ((gradient, 0.0), (gradient + off, length)):
            got = operations.distance(w, g, j)
            if not abs(got - expected) <= 1e3 * _DIFFERENCE * length + size:
                return (
                    f"value has the gradient {numbers(gradient)} at w={numbers(w)}; "
                    f"subdiff_distance(w, g={numbers(g)}, j={j}) is {got:.6g}, not {expected:.6g}"
                )
        return None

    return examine(
        "subdifferential",
        "where phi_j is smooth, the distance is that from its gradient",
        "subdiff_distance: the gradient of value, a missing factor, the sign of g",
        smooth,
        test,
    )


def _central_differences(operations: Operations, w: Array, j: int) -> tuple[Array, float]:
    """The gradient of ``value`` at ``w``, and the size of its rounding errors."""
    gradient = np.empty_like(w)
    for t in range(len(w)):
        h = _DIFFERENCE * abs(w[t])
        above, below = w.copy(), w.copy()
        above[t] += h
        below[t] -= h
        gradient[t] = (operations.value(above, j) - operations.value(below, j)) / (above[t] - below[t])
    errors = 1e-15 * operations.value(w, j) / (_DIFFERENCE * float(np.min(np.abs(w))))
    return gradient, len(w) * errors


def _check_zero(operations: Operations, points: Sequence[Point]) -> PropertyCheck:
    directions = [point for point in points if point.step == points[0].step and 0.5 < np.max(np.abs(point.z), initial=0.0) < 5]

    def slope(u: Array, j: int) -> float:
        """The one-sided derivative of ``phi_j`` at 0 along ``u``; infinite where it grows without bound."""
        zero = operations.value(np.zeros_like(u), j)
        far, near = ((operations.value(t * u, j) - zero) / t for t in _NEAR_ZERO)
        return np.inf if near > 1.5 * far and near > 0 else far

    def test(point: Point) -> str | None:
        u, j = point.z / np.linalg.norm(point.z), point.j
        steep = slope(u, j)
        for factor in (0.0, 0.5, 0.99, 1.01, 2.0):
            g = factor * (steep if 0 < steep < np.inf else 1.0) * u
            got = operations.distance(np.zeros_like(u), g, j)
            least = 0.0 if np.isinf(steep) else max(0.0, float(g @ u) - steep)
            exact = len(u) == 1 or np.isinf(steep)
            slack = 1e-5 * (float(np.linalg.norm(g)) + (0.0 if np.isinf(steep) else steep))
            if not got >= least - slack or (exact and not got <= least + slack):
                relation = "not" if exact else "less than"
                return (
                    f"value has the slope {steep:.6g} at 0 along {numbers(u)}; "
                    f"subdiff_distance(0, g={numbers(g)}, j={j}) is {got:.6g}, {relation} {least:.6g}"
                )
        return None

    return examine(
        "subdifferential at zero",
        "at 0 the distance is what g exceeds the slopes of phi_j by",
        "subdiff_distance at w = 0: a norm has the ball of its slope there, a steeper penalty everything",
        directions,
        test,
    )


def _check_arguments(operations: Operations, points: Sequence[Point]) -> PropertyCheck:
    def test(point: Point) -> str | None:
        z, g = point.z.copy(), point.z[::-1].copy()
        first, second = np.full_like(z, np.nan), np.full_like(z, 7.0)
        value(operations.kernel, z, point.j)
        subdiff_distance(operations.kernel, z, g, point.j)
        prox(operations.kernel, z, point.step, point.j, first)
        prox(operations.kernel, z, point.step, point.j, second)
        if not (np.array_equal(z, point.z) and np.array_equal(g, point.z[::-1])):
            return f"an operation has changed its argument z={numbers(point.z)}"
        if not np.array_equal(first, second, equal_nan=True):
            return f"prox({point}) leaves entries of out as they were: {numbers(second)} after out was [7, ...]"
        return None

    return examine(
        "arguments",
        "only out is written to, all of it, whatever it held",
        "in-place operations on w, z, g; entries of out without an assignment",
        points,
        test,
    )


def _check_with_lam(penalty: Penalty) -> PropertyCheck:
    def test(lam: float) -> str | None:
        other = penalty.with_lam(lam)
        if type(other) is not type(penalty) or other.lam != lam:
            return f"with_lam({lam:g}) is {other!r}"
        return None

    return examine(
        "with_lam",
        "with_lam(lam) is the same penalty with that lam",
        "the dataclass: frozen, with a field lam",
        (1.0, 0.25),
        test,
    )


@kernel
def run_operations(
    penalty: Any, Z: Array, G: Array, steps: Array, columns: Any, out: Array, values: Array, distances: Array
) -> None:
    """All three operations on the rows of ``Z``, compiled."""
    for i in range(Z.shape[0]):
        values[i] = value(penalty, Z[i].copy(), columns[i])
        prox(penalty, Z[i].copy(), steps[i], columns[i], out[i])
        distances[i] = subdiff_distance(penalty, Z[i].copy(), G[i].copy(), columns[i])


def _check_compiled(operations: Operations, points: Sequence[Point]) -> PropertyCheck:
    if _config.DISABLE_JIT:
        return PropertyCheck("compiled", "not tested: NUMBA_DISABLE_JIT is set", 0, "", "")
    groups = {len(point.z): [other for other in points if len(other.z) == len(point.z)] for point in points}

    def test(group: list[Point]) -> str | None:
        Z = np.array([point.z for point in group])
        G = Z[:, ::-1].copy()
        steps, columns = np.array([point.step for point in group]), np.array([point.j for point in group])
        out, values, distances = np.empty_like(Z), np.empty(len(Z)), np.empty(len(Z))
        run_operations(operations.kernel, Z, G, steps, columns, out, values, distances)
        for i, point in enumerate(group):
            scale = float(np.linalg.norm(point.z))
            rows = {
                f"value(w={numbers(point.z)}, j={point.j})": (values[i], operations.value(point.z, point.j), 0.0),
                f"prox({point})": (out[i], operations.prox(point.z, point.step, point.j), scale),
                f"subdiff_distance(w={numbers(point.z)}, g={numbers(G[i])}, j={point.j})": (
                    distances[i],
                    operations.distance(point.z, G[i], point.j),
                    scale,
                ),
            }
            for call, (compiled, plain, size) in rows.items():
                if not np.allclose(compiled, plain, rtol=1e-9, atol=1e-12 * size, equal_nan=True):
                    return f"{call} is {numbers(compiled)} compiled and {numbers(plain)} interpreted"
        return None

    return examine(
        "compiled",
        "compiled by Numba the operations return what plain Python does",
        "the functions' types: integers that overflow, Python features that Numba lacks, values kept outside the kernel",
        groups.values(),
        test,
    )


def _check_degree(operations: Operations, points: Sequence[Point], degree: float) -> PropertyCheck:
    def test(point: Point) -> str | None:
        for t in (2.0, 0.125, 1e3):
            got, expected = operations.value(t * point.z, point.j), t**degree * operations.value(point.z, point.j)
            if not abs(got - expected) <= 1e-9 * max(abs(expected), abs(got)):
                return f"value({t:g} w) is {got:.6g} and {t:g}^{degree:g} value(w) is {expected:.6g} at w={numbers(point.z)}"
        return None

    return examine(
        "homogeneity",
        f"phi_j(t w) = t^{degree:g} phi_j(w) for t > 0",
        "the claimed degree; a constant or a second term in value",
        points,
        test,
    )


def _check_rotation(operations: Operations, points: Sequence[Point], seed: int) -> PropertyCheck:
    rng = np.random.default_rng(seed)

    def test(point: Point) -> str | None:
        turn = np.linalg.qr(rng.standard_normal((len(point.z), len(point.z))))[0]
        turned = turn @ point.z
        before, after = operations.value(point.z, point.j), operations.value(turned, point.j)
        if not abs(before - after) <= 1e-9 * max(abs(before), abs(after)):
            return f"value is {before:.6g} at w={numbers(point.z)} and {after:.6g} at the rotated {numbers(turned)}"
        w = operations.prox(point.z, point.step, point.j)
        across = w * float(point.z @ point.z) - point.z * float(point.z @ w)
        if not np.linalg.norm(across) <= 1e-9 * float(point.z @ point.z) * max(float(np.linalg.norm(w)), 1e-300):
            return f"prox({point}) is {numbers(w)}, which is not along z"
        return None

    return examine(
        "rotation",
        "phi_j depends on ||w|| alone, and prox keeps directions",
        "the claim `radial`; sums of absolute values instead of a length",
        points,
        test,
    )
