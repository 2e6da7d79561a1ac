"""Subset sums against every subset looked at, and what must not change the answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from solvers import Status, subset_sum, subset_sums
from solvers.lottery import shared_sums
from solvers.lottery.closest import closest_subsets
from solvers.lottery.fixed_point import exact_error
from tests.lottery_problems import Instance, best_mask, instances, mask_number


@given(instances(), st.data())
def test_the_smallest_error_is_found(p: Instance, data: st.DataObject) -> None:
    """Ties go to fewer kept, then to the first mask, whether or not a size is prescribed."""
    max_size = data.draw(st.one_of(st.none(), st.integers(0, len(p.values))))
    answer = subset_sum(p.values, p.target, max_size=max_size)
    mask = mask_number(answer.mask)
    assert mask == best_mask(p, max_size)
    assert answer.error == p.error(mask)
    assert answer.size == mask.bit_count()
    assert answer.status is Status.CERTIFIED
    assert answer.certificate.upper == answer.certificate.lower == answer.error


@given(instances(), st.sampled_from([1e-3, 0.05, 0.3, 1.0]), st.sampled_from(["size", "lexicographic"]))
def test_the_fewest_within_a_tolerance_are_found(p: Instance, share: float, objective: str) -> None:
    tol = share * (float(np.abs(p.values).max()) or 1.0)
    answer = subset_sum(p.values, p.target, objective=objective, tol=tol)
    expected = best_mask(p, tol=tol)
    if expected is None:
        assert answer.status is Status.INFEASIBLE
        assert mask_number(answer.mask) == best_mask(p)
    else:
        assert answer.status is Status.CERTIFIED
        assert mask_number(answer.mask) == expected
        assert answer.error <= tol


@given(instances(), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_one_set_of_candidates_for_many_targets(p: Instance, seed: int) -> None:
    """The search in one long list agrees, however many values stay outside it."""
    rng = np.random.default_rng(seed)
    targets = np.array([p.target, *(p.target * rng.uniform(-1, 1, 3))])
    answers = subset_sums(p.values, targets)
    masks, crowded = np.zeros(4, np.int64), np.zeros(4, np.bool_)
    shared_sums.closest_shared(p.values, targets, int(rng.integers(2, 5)), masks, crowded)
    for k, target in enumerate(targets):
        expected = best_mask(Instance(p.values, float(target), p.kind))
        assert mask_number(answers.masks[k]) == expected
        assert crowded[k] or masks[k] == expected


@given(instances(7))
@settings(max_examples=40)
def test_brute_force_agrees(p: Instance) -> None:
    assert mask_number(subset_sum(p.values, p.target, method="brute_force").mask) == best_mask(p)


@given(instances(), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_what_does_not_change_the_error(p: Instance, seed: int) -> None:
    rng = np.random.default_rng(seed)
    error = subset_sum(p.values, p.target).error
    assert subset_sum(rng.permutation(p.values), p.target).error == error
    assert subset_sum(-p.values, -p.target).error == error
    assert subset_sum(4.0 * p.values, 4.0 * p.target).error == 4.0 * error
    assert subset_sum([*p.values, 0.0], p.target).error == error
    assert subset_sum([*p.values, rng.uniform(-1.0, 1.0)], p.target).error <= error


@pytest.mark.parametrize("unit", [1.0, 0.1])
def test_ties_and_near_ties_in_small_instances(unit: float) -> None:
    """Whole numbers tie exactly; in tenths 0.1 + 0.2 and 0.3 are a rounding error apart, and only the better one is right."""
    for seed in range(150):
        rng = np.random.default_rng(seed)
        values = unit * rng.integers(-4, 5, rng.integers(5, 10)).astype(float)
        p = Instance(values, unit * float(rng.integers(-6, 7)), "ties")
        masks, crowded = np.zeros(1, np.int64), np.zeros(1, np.bool_)
        closest_subsets(values[np.newaxis], np.array([p.target]), masks, crowded)
        expected = best_mask(p)
        assert crowded[0] or masks[0] == expected
        assert mask_number(subset_sum(values, p.target).mask) == expected


def test_equal_and_nearly_equal_half_sums() -> None:
    """Planted: one value is the sum of two others, exactly or up to a few units in the last place."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        a, b = rng.uniform(0.05, 0.15, 2)
        values = np.array([a, b, (a + b) * (1.0 + rng.integers(-3, 4) * 2.0**-52), *rng.uniform(-0.3, 0.3, 5)])
        if seed % 2:
            values = np.array([1.0, 2.0, 3.0, 50.0, 60.0, 110.0, 400.0, 500.0])
        values = rng.permutation(values) if seed % 4 else values
        some = values[rng.random(8) < 0.4]
        p = Instance(values, math.fsum(some) + (0 if seed % 2 else rng.integers(-2, 3) * 2.0**-55), "planted")
        assert mask_number(subset_sum(values, p.target).mask) == best_mask(p)


@example([-(2.0**-53), -(2.0**-106)], 1.0, 3)
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=12), st.floats(-1e300, 1e300), st.integers(0, 4095))
def test_errors_are_rounded_once(values: list[float], target: float, mask: int) -> None:
    n = len(values)
    chosen = [-v for i, v in enumerate(values) if mask >> i & 1]
    error = exact_error(np.array(values), np.arange(n), n, mask, target, np.empty(n + 2))
    assert error == abs(math.fsum([target, *chosen]))


@pytest.mark.parametrize("n", [12, 16, 17, 18])
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["uniform", "integers", "scales", "equal"]))
@settings(max_examples=6)
def test_larger_instances_agree_with_brute_force(n: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    values = {
        "uniform": rng.uniform(-1, 1, n),
        "integers": rng.integers(-50, 50, n).astype(float),
        "scales": rng.uniform(-1, 1, n) * 10.0 ** rng.integers(-8, 9, n),
        "equal": np.full(n, 0.1),
    }[kind]
    target = float(rng.uniform(-1, 1) * np.abs(values).max())
    ours, theirs = subset_sum(values, target), subset_sum(values, target, method="brute_force")
    assert (ours.error, ours.size, mask_number(ours.mask)) == (theirs.error, theirs.size, mask_number(theirs.mask))
    tol = 0.02 * float(np.abs(values).max())
    options = {"objective": "lexicographic", "tol": tol}
    ours, theirs = subset_sum(values, target, **options), subset_sum(values, target, method="brute_force", **options)
    assert (ours.status, ours.error, mask_number(ours.mask)) == (theirs.status, theirs.error, mask_number(theirs.mask))
