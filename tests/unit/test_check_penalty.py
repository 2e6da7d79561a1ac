"""`check_penalty` passes the package's penalties and names what is wrong with others: each bug here is planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from solvers import (
    GroupSparsity,
    IncompatibleError,
    InputError,
    Penalty,
    PropertyReport,
    RegularizedShrinkNet,
    ShrinkNet,
    check_penalty,
    implements,
    prox,
    subdiff_distance,
    value,
)

Body = Callable[..., Any]


def norm_value(penalty, w, j):
    return penalty.lam * (w * w).sum() ** 0.5


def norm_prox(penalty, z, step, j, out):
    length = (z * z).sum() ** 0.5
    out[:] = 0.0
    if length > step * penalty.lam:
        out[:] = (1.0 - step * penalty.lam / length) * z


def norm_distance(penalty, w, g, j):
    length = (w * w).sum() ** 0.5
    if length == 0.0:
        return max(0.0, (g * g).sum() ** 0.5 - penalty.lam)
    return ((g - penalty.lam / length * w) ** 2).sum() ** 0.5


_numbers = count()


def penalty_of(
    value_body: Body = norm_value, prox_body: Body = norm_prox, distance_body: Body = norm_distance, lam: float = 0.7
) -> Penalty:
    """``lam ||w||`` with some of its operations replaced: a class of its own, as each operation has one body per class."""
    kernel_class: Any = NamedTuple(f"Norm{next(_numbers)}Kernel", [("lam", float)])

    @dataclass(frozen=True)
    class Norm(Penalty):
        lam: float

        def kernel(self, n_features: int) -> Any:
            return kernel_class(float(self.lam))

    # Registered copies: a body serves one class, and Numba remembers functions.
    for operation, body in ((value, value_body), (prox, prox_body), (subdiff_distance, distance_body)):
        implements(operation, kernel_class)(type(body)(body.__code__, body.__globals__, body.__name__, None, body.__closure__))
    return Norm(lam)


def failed(report: PropertyReport) -> set[str]:
    return {check.name for check in report.failures}


@pytest.mark.parametrize(
    ("penalty", "claims"),
    [
        (GroupSparsity(0.5), {"degree": 1, "radial": True}),
        (GroupSparsity(1e-4, l2=0.3), {"radial": True}),
        (GroupSparsity(3.0, [0.0, 1.0, 0.1, 20.0]), {"degree": 1}),
        (GroupSparsity(0.0), {}),
        (ShrinkNet(0.5, unit_columns=True), {"degree": 1}),
        (RegularizedShrinkNet(1.0, 0.5), {"degree": 2 / 3, "radial": True}),
        (RegularizedShrinkNet(1e-2, 0.1, p=1), {"degree": 1 / 2}),
        (RegularizedShrinkNet(0.1, 0.5, p=3), {"degree": 3 / 4}),
    ],
    ids=repr,
)
def test_the_penalties_of_the_package_hold(penalty: Penalty, claims: dict[str, Any]) -> None:
    report = check_penalty(penalty, **claims)
    assert report.holds, report
    assert report.failures == ()
    assert report.suspect == ""
    assert {"value", "prox inequality", "prox stationarity", "subdifferential", "compiled"} <= {c.name for c in report.checks}


def test_a_penalty_of_ones_own_holds() -> None:
    assert check_penalty(penalty_of(), degree=1, radial=True).holds


def mcp_value(penalty, w, j):
    length = (w * w).sum() ** 0.5
    return penalty.lam * length - length**2 / 6.0 if length <= 3.0 * penalty.lam else 1.5 * penalty.lam**2


def mcp_prox(penalty, z, step, j, out):
    length = (z * z).sum() ** 0.5
    out[:] = z
    if length <= step * penalty.lam:
        out[:] = 0.0
    elif length <= 3.0 * penalty.lam:
        out[:] = (1.0 - step * penalty.lam / length) / (1.0 - step / 3.0) * z


def mcp_distance(penalty, w, g, j):
    length = (w * w).sum() ** 0.5
    if length == 0.0:
        return max(0.0, (g * g).sum() ** 0.5 - penalty.lam)
    slope = max(0.0, penalty.lam - length / 3.0)
    return ((g - slope / length * w) ** 2).sum() ** 0.5


def test_a_concave_penalty_holds_for_the_steps_its_prox_is_made_for() -> None:
    """MCP with gamma = 3: firm thresholding is its operator for steps below 3 only."""
    mcp = penalty_of(mcp_value, mcp_prox, mcp_distance)
    assert check_penalty(mcp, steps=[1.0, 0.1, 2.5], radial=True).holds
    report = check_penalty(mcp, steps=[1.0, 10.0])
    assert "prox inequality" in failed(report)
    assert "step=10" in report.failures[0].example
    assert report.suspect == "prox"


# ------------------------------------------------------------------------------------------------------------ planted bugs


def negative_value(penalty, w, j):
    return -penalty.lam * (w * w).sum() ** 0.5


def doubled_value(penalty, w, j):
    return 2.0 * penalty.lam * (w * w).sum() ** 0.5


def squared_value(penalty, w, j):
    return penalty.lam * (w * w).sum()


def shifted_value(penalty, w, j):
    return penalty.lam * (w * w).sum() ** 0.5 - 1e-3


def shifted_threshold(penalty, z, step, j, out):
    length = (z * z).sum() ** 0.5
    out[:] = 0.0
    if length > 1.01 * step * penalty.lam:
        out[:] = (1.0 - step * penalty.lam / length) * z


def prox_without_step(penalty, z, step, j, out):
    length = (z * z).sum() ** 0.5
    out[:] = 0.0
    if length > penalty.lam:
        out[:] = (1.0 - penalty.lam / length) * z


def prox_with_wrong_sign(penalty, z, step, j, out):
    length = (z * z).sum() ** 0.5
    out[:] = 0.0
    if length > step * penalty.lam:
        out[:] = (1.0 + step * penalty.lam / length) * z


def prox_by_entries(penalty, z, step, j, out):
    out[:] = np.sign(z) * np.maximum(np.abs(z) - step * penalty.lam, 0.0)


def forgetful_prox(penalty, z, step, j, out):
    length = (z * z).sum() ** 0.5
    if length > step * penalty.lam:
        out[:] = (1.0 - step * penalty.lam / length) * z
    else:
        out[0] = 0.0


def writing_prox(penalty, z, step, j, out):
    length = (z * z).sum() ** 0.5
    if length > step * penalty.lam:
        z *= 1.0 - step * penalty.lam / length
    else:
        z[:] = 0.0
    out[:] = z


def distance_with_wrong_sign(penalty, w, g, j):
    length = (w * w).sum() ** 0.5
    if length == 0.0:
        return max(0.0, (g * g).sum() ** 0.5 - penalty.lam)
    return ((g + penalty.lam / length * w) ** 2).sum() ** 0.5


def halved_distance(penalty, w, g, j):
    length = (w * w).sum() ** 0.5
    if length == 0.0:
        return max(0.0, (g * g).sum() ** 0.5 - penalty.lam)
    return 0.5 * ((g - penalty.lam / length * w) ** 2).sum() ** 0.5


def distance_with_a_large_ball(penalty, w, g, j):
    length = (w * w).sum() ** 0.5
    if length == 0.0:
        return max(0.0, (g * g).sum() ** 0.5 - 1.1 * penalty.lam)
    return ((g - penalty.lam / length * w) ** 2).sum() ** 0.5


def distance_with_a_small_ball(penalty, w, g, j):
    length = (w * w).sum() ** 0.5
    if length == 0.0:
        return (g * g).sum() ** 0.5
    return ((g - penalty.lam / length * w) ** 2).sum() ** 0.5


def raising_value(penalty, w, j):
    if abs(w).max() > 1e6:
        raise ValueError("too large")
    return penalty.lam * (w * w).sum() ** 0.5


def value_by_an_import(penalty, w, j):
    return penalty.lam * __import__("math").sqrt((w * w).sum())


@pytest.mark.parametrize(
    ("bodies", "name", "suspect"),
    [
        ({"value_body": negative_value}, "value", ""),
        ({"value_body": shifted_value}, "value", ""),
        ({"value_body": doubled_value}, "prox inequality", "value"),
        ({"value_body": squared_value}, "subdifferential", "value"),
        ({"value_body": raising_value}, "value", ""),
        ({"prox_body": shifted_threshold}, "prox inequality", "prox"),
        ({"prox_body": prox_without_step}, "prox inequality", "prox"),
        ({"prox_body": prox_with_wrong_sign}, "prox inequality", "prox"),
        ({"prox_body": prox_by_entries}, "prox inequality", "prox"),
        ({"prox_body": forgetful_prox}, "arguments", ""),
        ({"prox_body": writing_prox}, "arguments", ""),
        ({"distance_body": distance_with_wrong_sign}, "subdifferential", "subdiff_distance"),
        ({"distance_body": halved_distance}, "subdifferential", "subdiff_distance"),
        ({"distance_body": distance_with_a_large_ball}, "subdifferential at zero", "subdiff_distance"),
        ({"distance_body": distance_with_a_small_ball}, "prox stationarity", "subdiff_distance"),
    ],
    ids=lambda argument: next(iter(argument.values())).__name__ if isinstance(argument, dict) else None,
)
def test_a_planted_bug_is_named(bodies: dict[str, Body], name: str, suspect: str, monkeypatch) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)  # compiling adds seconds here, and no finding
    report = check_penalty(penalty_of(**bodies))
    assert not report.holds
    assert name in failed(report), report
    assert report.suspect == suspect, report
    check = next(check for check in report.failures if check.name == name)
    assert check.example
    assert check.advice
    assert check.example.split(" ")[0] in " ".join(repr(report).split())


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_code_that_numba_does_not_take_is_named() -> None:
    report = check_penalty(penalty_of(value_by_an_import))
    assert failed(report) == {"compiled"}
    assert report.failures[0].example.startswith(("TypingError", "UnsupportedError"))


def test_without_compiling_the_report_says_so(monkeypatch) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    report = check_penalty(penalty_of())
    assert report.holds
    assert report.checks[7].n_points == 0
    assert "not tested" in repr(report)


@pytest.mark.parametrize(
    ("penalty", "claims", "name"),
    [
        (GroupSparsity(1.0, l2=0.5), {"degree": 1}, "homogeneity"),
        (GroupSparsity(1.0), {"degree": 2}, "homogeneity"),
        (RegularizedShrinkNet(1.0, 0.5, p=1), {"radial": True}, "rotation"),
    ],
)
def test_a_false_claim_is_named(penalty: Penalty, claims: dict[str, Any], name: str) -> None:
    assert failed(check_penalty(penalty, **claims)) == {name}


def test_the_first_failing_example_has_one_target(monkeypatch) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    report = check_penalty(penalty_of(prox_body=prox_without_step))
    example = report.failures[0].example
    assert example.startswith("prox(z=[1], step=0.1, j=1) is w=[0.3], ")


def test_a_penalty_that_keeps_its_lam_is_named() -> None:
    @dataclass(frozen=True)
    class Fixed(GroupSparsity):
        def with_lam(self, lam: float) -> Any:
            return self

    assert failed(check_penalty(Fixed(0.5))) == {"with_lam"}


def test_a_report_is_saved_and_printed(tmp_path) -> None:
    report = check_penalty(penalty_of(doubled_value))
    report.save(tmp_path / "report")
    assert PropertyReport.load(tmp_path / "report") == report
    text = repr(report)
    assert text.splitlines()[0].endswith("fail")
    assert text.count("FAIL") == len(report.failures)
    assert text.splitlines()[-1] == "  suspect: value"
    assert max(map(len, text.splitlines())) <= 140


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check_penalty("l1"), IncompatibleError, "penalty must be a Penalty such as GroupSparsity"),  # pyright: ignore
        (
            lambda: check_penalty(GroupSparsity(1.0, groups=[0, 0])),
            IncompatibleError,
            "penalty must be a sum over single columns",
        ),
        (lambda: check_penalty(GroupSparsity(1.0), n_features=0), InputError, "n_features must be at least 1, got 0"),
        (lambda: check_penalty(GroupSparsity(1.0, [1.0, 2.0]), n_features=3), InputError, "weights must have one entry"),
        (lambda: check_penalty(GroupSparsity(1.0), n_targets=()), InputError, "n_targets and steps must have at least one"),
        (lambda: check_penalty(GroupSparsity(1.0), steps=[0.0]), InputError, "each of steps must be finite and greater than 0"),
        (lambda: check_penalty(GroupSparsity(1.0), degree=-1), InputError, "degree must be finite and greater than 0"),
    ],
)
def test_wrong_arguments_are_refused(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()


def test_a_missing_operation_is_refused() -> None:
    class BareKernelOfOnesOwn(NamedTuple):
        lam: float

    @dataclass(frozen=True)
    class Bare(Penalty):
        lam: float

        def kernel(self, n_features: int) -> Any:
            return BareKernelOfOnesOwn(self.lam)

    with pytest.raises(NotImplementedError, match="value has no implementation for BareKernelOfOnesOwn"):
        check_penalty(Bare(1.0))


def test_a_kernel_that_is_no_named_tuple_is_refused() -> None:
    @dataclass(frozen=True)
    class Listed(Penalty):
        lam: float

        def kernel(self, n_features: int) -> Any:
            return [self.lam]

    with pytest.raises(IncompatibleError, match=r"penalty.kernel must return a NamedTuple, got list"):
        check_penalty(Listed(1.0))
