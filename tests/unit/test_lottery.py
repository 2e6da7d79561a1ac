"""Subset sums: the methods, their answers and their refusals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solvers import (
    IncompatibleError,
    InputError,
    Kind,
    Limit,
    SolveError,
    Status,
    SubsetSum,
    SubsetSums,
    allocate_subsets,
    candidates_needed,
    common_subset,
    prune_to_network,
    subset_sum,
    subset_sums,
)
from solvers.lottery import subset_sum as module
from solvers.lottery.scaling import scale
from tests.lottery_problems import Instance, best_mask, mask_number

NAN = np.nan


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: subset_sum([], 1.0), InputError, "values must hold at least one candidate"),
        (lambda: subset_sum([[1.0]], 1.0), InputError, r"values must have shape \(n,\), got \(1, 1\)"),
        (lambda: subset_sum([NAN], 1.0), InputError, "values must be finite, got nan"),
        (lambda: subset_sum([1.0], NAN), InputError, "targets? must be finite"),
        (lambda: subset_sum([1.0], "a"), IncompatibleError, "targets? must be a real number"),
        (lambda: subset_sum([1.0], 1.0, tol=-1.0), InputError, "tol must be finite and at least 0"),
        (lambda: subset_sum([1.0], 1.0, objective="size"), InputError, "needs tol > 0, got 0"),
        (lambda: subset_sum([1.0], 1.0, objective="best"), InputError, "objective must be one of 'error'"),
        (lambda: subset_sum([1.0], 1.0, method="magic"), InputError, "method must be one of 'auto'"),
        (lambda: subset_sum([1.0], 1.0, max_size=-1), InputError, "max_size must be at least 0"),
        (lambda: subset_sum([1.0] * 100, 1.0), InputError, r"n = 100 .* 2\^\(n/2\+4\) = .* method='beam'"),
        (lambda: subset_sum([1.0] * 40, 1.0, memory_limit=1e6), InputError, r"1.68e\+07 bytes, memory_limit is 1e\+06"),
        (lambda: subset_sum([1.0] * 30, 1.0, method="brute_force"), InputError, "brute force takes at most 24"),
        (lambda: subset_sum([1.0], 1.0, method="beam", objective="size", tol=1.0), IncompatibleError, "minimises the error only"),
        (lambda: subset_sum([1e308, 1e308], 1.0), InputError, "finite sum of absolute values"),
        (lambda: subset_sum([2**60], 1), IncompatibleError, r"must not exceed 2\^53"),
        (lambda: subset_sums(np.ones((3, 2)), np.ones(2)), InputError, "3 rows for 2 targets"),
        (lambda: subset_sums(np.ones((3, 2)), 1.0), InputError, "write subset_sum for a single target"),
        (lambda: subset_sums(np.ones((3, 2, 2)), np.ones(3)), InputError, "values must have shape"),
        (lambda: allocate_subsets(np.ones((3, 2)), np.ones(3)), IncompatibleError, "exactly one budget"),
        (lambda: common_subset(np.ones((2, 2)), np.ones(2), objective="lexicographic"), InputError, "'error' or 'size'"),
        (lambda: prune_to_network([np.eye(2)], eps=0.0), InputError, "eps must be finite and greater than 0"),
        (lambda: prune_to_network([np.eye(2)], construction="magic"), InputError, "construction must be one of"),
        (lambda: prune_to_network([np.eye(2)], objective="magic"), InputError, "objective must be one of"),
        (lambda: prune_to_network(np.eye(2)), IncompatibleError, r"write \[weights\] for a single layer"),
        (lambda: prune_to_network([]), InputError, "at least one array"),
        (lambda: prune_to_network([np.full((2, 2, 2), NAN)]), InputError, r"target\[0\] must be finite"),
        (lambda: prune_to_network([np.ones((2, 2, 2)), np.ones(3)]), InputError, "at least two dimensions"),
        (lambda: prune_to_network([np.eye(2)], shared=True), IncompatibleError, "shared=True needs construction='direct'"),
        (lambda: prune_to_network([np.eye(2)], checkpoint="x.npz"), IncompatibleError, "write random_state=0"),
        (lambda: prune_to_network([np.ones((2, 2, 2))], construction="depth_plus_one"), IncompatibleError, "needs a network"),
        (lambda: candidates_needed(0.0, 0.1), InputError, "eps must be finite and greater than 0"),
        (lambda: candidates_needed(0.1, 2.0), InputError, "delta must be below 1"),
        (lambda: candidates_needed(0.1, 0.1, distribution="normal"), InputError, "distribution must be one of"),
    ],
)
def test_wrong_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_one_candidate() -> None:
    assert subset_sum([0.4], 0.3).mask.tolist() == [True]
    assert subset_sum([0.4], 0.1).mask.tolist() == [False]
    assert subset_sum([0.0], 0.1).size == 0


def test_integers_stay_exact() -> None:
    values = [2**53 - 1, 2**53 - 3, -(2**53) + 4, 7]
    answer = subset_sum(values, 2**53 - 2)
    assert (answer.total, answer.error) == (2**53 - 1, 1)
    assert answer.mask.tolist() == [True, False, False, False]
    assert subset_sum(values, 2**53).total == 2**53
    assert isinstance(answer.total, int)
    assert subset_sum([3, 5, 7], 11, objective="size").status is Status.INFEASIBLE
    assert subset_sum([3, 5, 7], 12, objective="size").size == 2


def test_thousands_of_ties_are_no_trouble() -> None:
    """30 equal values: 1.6e8 subsets of 15 are best. The first has the first 15."""
    answer = subset_sum(np.full(30, 0.1), 1.5)
    assert answer.status is Status.CERTIFIED
    np.testing.assert_array_equal(np.flatnonzero(answer.mask), np.arange(15))
    small = subset_sum(np.random.default_rng(0).integers(1, 30, 30), 200)
    assert (small.error, small.status) == (0, Status.CERTIFIED)


def test_rounded_half_sums_do_not_mislead() -> None:
    """At mixed scales the plain search in floating point takes a worse subset: planted here, and found in fixed point."""
    values = np.array([1e8, -1e8, 1e-8, 3e-8, -1e8 + 1.0, 1e8 - 1.0, 2e-8])
    p = Instance(values, 5e-8, "scales")
    assert mask_number(subset_sum(values, 5e-8).mask) == best_mask(p)


@pytest.mark.parametrize("objective", ["error", "size", "lexicographic"])
@pytest.mark.parametrize("method", ["cp_sat", "mip", "mip_highs"])
def test_or_tools_agrees(method: str, objective: str) -> None:
    """The bound is never above what the exact search proves, and meets it up to the stated error."""
    rng = np.random.default_rng(1)
    for n in (1, 6, 13):
        values, target = rng.uniform(-1, 1, n), float(rng.uniform(-0.5, 0.5))
        options: dict[str, Any] = {"objective": objective, "tol": 0.0 if objective == "error" else 0.05}
        exact, other = subset_sum(values, target, **options), subset_sum(values, target, method=method, **options)
        if exact.status is Status.INFEASIBLE:
            assert other.status is Status.INFEASIBLE
            continue
        assert other.certificate.kind is Kind.MIP_BOUND
        assert other.certificate.lower <= exact.certificate.upper
        assert other.error == Instance(values, target, "").error(mask_number(other.mask))
        slack = 1e-12 if method == "cp_sat" else 1e-4
        assert other.certificate.gap <= slack
        if objective == "error":
            assert exact.error <= other.error <= exact.error + slack
        else:
            assert other.size == exact.size


def test_cp_sat_is_exact_on_scaled_integers() -> None:
    rng = np.random.default_rng(2)
    for _ in range(5):
        values, target = rng.integers(-1000, 1000, 14), int(rng.integers(-2000, 2000))
        ours, theirs = subset_sum(values, target), subset_sum(values, target, method="cp_sat")
        assert theirs.status is Status.CERTIFIED
        assert ours.error == theirs.error


def test_scaling_states_its_error() -> None:
    values = np.random.default_rng(3).uniform(-1, 1, 9)
    scaled = scale(values, 0.3, integer=False)
    for mask in range(512):
        kept = [i for i in range(9) if mask >> i & 1]
        true = math.fsum([0.3, *(-values[kept])])
        whole = scaled.in_units(scaled.target - sum(scaled.coefficients[i] for i in kept))
        assert abs(true - whole) <= scaled.error
    assert scale(np.array([0.5, 0.25]), 0.75, integer=False).error == 0.0


def test_a_cross_check_that_contradicts_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    assert subset_sum([0.3, 0.5, -0.2], 0.1, cross_check="cp_sat").status is Status.CERTIFIED
    honest = module._outcome

    def lies(question: Any, k: int, method: str, time_limit: float | None) -> Any:
        outcome = honest(question, k, method, time_limit)
        from dataclasses import replace

        return replace(outcome, mask=~outcome.mask, lower=math.inf) if method == "meet_in_the_middle" else outcome

    monkeypatch.setattr(module, "_outcome", lies)
    with pytest.raises(SolveError, match="report this") as caught:
        subset_sum([0.3, 0.5, -0.2], 0.1, cross_check="brute_force")
    assert isinstance(caught.value.result, SubsetSum)


def test_a_time_limit_leaves_an_incumbent_and_a_bound() -> None:
    values = np.random.default_rng(4).uniform(-1, 1, 60)
    answer = subset_sum(values, 0.2, method="cp_sat", time_limit=0.3)
    assert answer.certificate.lower <= answer.error
    assert answer.status in (Status.FEASIBLE, Status.CONVERGED)


def test_beam_is_good_and_claims_nothing() -> None:
    values = np.random.default_rng(5).uniform(-1, 1, 200)
    answer = subset_sum(values, 0.2, method="beam")
    assert answer.error < 1e-8
    assert (answer.status, answer.certificate.kind, answer.certificate.lower) == (Status.FEASIBLE, Kind.NONE, 0.0)
    few = subset_sum(values, 20.2, method="beam", max_size=30)
    assert few.size <= 30
    assert few.error == abs(math.fsum([20.2, *(-values[few.mask])]))


def test_many_at_once_are_those_one_by_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    values, targets = rng.uniform(-1, 1, (40, 11)), rng.uniform(-1, 1, 40)
    for options in ({}, {"objective": "size", "tol": 0.02}, {"max_size": 3}):
        many = subset_sums(values, targets, **options)
        for k in range(40):
            one = subset_sum(values[k], targets[k], **options)
            np.testing.assert_array_equal(many.masks[k], one.mask)
            assert (many.errors[k], many.sizes[k]) == (one.error, one.size)
            assert (k in many.missed) == (one.status is Status.INFEASIBLE)
        np.testing.assert_array_equal(subset_sums(values, targets, n_jobs=2, **options).packed, many.packed)
    many.save(tmp_path / "sums")
    loaded = SubsetSums.load(tmp_path / "sums")
    np.testing.assert_array_equal(loaded.masks, many.masks)
    assert "max" not in repr(loaded)
    assert len(subset_sums(values[:0], targets[:0])) == 0


def test_other_methods_for_many() -> None:
    rng = np.random.default_rng(7)
    values, targets = rng.uniform(-1, 1, (4, 8)), rng.uniform(-1, 1, 4)
    exact = subset_sums(values, targets)
    np.testing.assert_array_equal(subset_sums(values, targets, method="brute_force").masks, exact.masks)
    assert subset_sums(values, targets, method="cp_sat", tol=1e-9).status is Status.CERTIFIED
    assert subset_sums(values, targets, method="beam").status is Status.FEASIBLE


def test_a_time_limit_for_many_says_what_it_left_out() -> None:
    rng = np.random.default_rng(8)
    answers = subset_sums(rng.uniform(-1, 1, (40_000, 21)), rng.uniform(-1, 1, 40_000), time_limit=0.0)
    assert answers.limit is Limit.TIME
    assert answers.status is Status.FEASIBLE
    assert len(answers.unproven) == 40_000
    assert not answers.certificate.holds


def test_the_arrays_of_the_caller_are_not_touched() -> None:
    values, targets = np.random.default_rng(9).uniform(-1, 1, (5, 7)), np.linspace(-1, 1, 5)
    before = values.copy(), targets.copy()
    for frozen in (values, targets):
        frozen.flags.writeable = False
    subset_sums(values, targets)
    subset_sums(values[0], targets)
    np.testing.assert_array_equal(values, before[0])
    np.testing.assert_array_equal(targets, before[1])


def test_one_mask_for_several_targets() -> None:
    rng = np.random.default_rng(10)
    values, targets = rng.uniform(-1, 1, (2, 9)), np.array([0.3, -0.2])
    masks = [np.array([bool(m >> i & 1) for i in range(9)]) for m in range(512)]
    best = min(float(np.max(np.abs(targets - values @ mask))) for mask in masks)
    answer = common_subset(values, targets)
    assert answer.status in (Status.CERTIFIED, Status.CONVERGED)
    assert math.isclose(float(answer.errors.max()), best, abs_tol=1e-12)
    assert answer.certificate.gap < 1e-11
    fewest = min(int(mask.sum()) for mask in masks if np.max(np.abs(targets - values @ mask)) <= 2 * best)
    small = common_subset(values, targets, objective="size", tol=2 * best)
    assert (small.size, small.status) == (fewest, Status.CERTIFIED)
    assert common_subset([[1, 2], [1, 1]], [3, 5], objective="size").status is Status.INFEASIBLE


def test_budgets_shared_by_all_targets() -> None:
    """Against all allocations, by enumeration over the best error of each size."""
    rng = np.random.default_rng(11)
    values, targets = rng.uniform(-1, 1, (4, 6)), rng.uniform(-1, 1, 4)
    fronts = np.array([[subset_sum(values[k], targets[k], max_size=s).error for s in range(4)] for k in range(4)])
    shares = np.array(np.meshgrid(*[range(4)] * 4)).reshape(4, -1).T
    totals, sizes = fronts[np.arange(4), shares].sum(axis=1), shares.sum(axis=1)
    answer = allocate_subsets(values, targets, total_size=5, max_size=3)
    assert math.isclose(answer.errors.sum(), totals[sizes <= 5].min(), abs_tol=1e-10)
    assert answer.sizes.sum() <= 5
    assert answer.certificate.gap < 1e-9
    budget = float(np.median(totals))
    fewest = allocate_subsets(values, targets, total_error=budget, max_size=3)
    assert fewest.sizes.sum() == sizes[totals <= budget].min()
    assert fewest.errors.sum() <= budget
    assert fewest.status is Status.CERTIFIED
    assert allocate_subsets(values, targets, total_error=0.0, max_size=3).status is Status.INFEASIBLE
