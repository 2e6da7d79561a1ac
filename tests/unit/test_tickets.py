"""Tickets: what they compute, promise and count, unit by unit on small networks."""

from __future__ import annotations

import numpy as np
import pytest

from solvers import LotteryTicket, ReluNetwork, Status, prune_to_network
from tests.lottery_problems import Instance, best_mask, mask_number

CONSTRUCTIONS = ("direct", "linear", "relu", "depth_plus_one")


def network(biased: bool, seed: int = 0) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    shapes = [(6, 4), (5, 6), (3, 5)]
    biases = [rng.uniform(-0.5, 0.5, n_out) for n_out, _ in shapes] if biased else None
    return ReluNetwork([rng.uniform(-0.5, 0.5, shape) for shape in shapes], biases)


def unit_by_unit(ticket: LotteryTicket, x: np.ndarray) -> np.ndarray:
    """The masked random network, one edge after the other, as the constructions are defined."""
    a = x
    for layer, has_bias in enumerate(ticket.biased):
        inputs = [*a, 1.0] if has_bias else list(a)
        out = np.zeros(next(part.shape[0] for part in ticket.parts if part.layer == layer))
        for part in (part for part in ticket.parts if part.layer == layer):
            for k, j, c in np.argwhere(part.mask):
                v = part.coefficients[k, min(j, part.coefficients.shape[1] - 1), c]
                if part.kind == "copies":
                    out[k] += v * inputs[j * part.coefficients.shape[2] + c]
                    continue
                hidden = inputs[j] if part.factors is None else part.factors[j, c] * inputs[j]
                out[k] += v * (max(hidden, 0.0) if part.kind == "relu" else hidden)
        a = np.maximum(out, 0.0)
    return out


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_a_ticket_is_its_masked_random_network(construction: str, biased: bool) -> None:
    target = network(biased)
    ticket = prune_to_network(target, eps=0.05, construction=construction, random_state=1, n_candidates=9)
    X = np.random.default_rng(2).standard_normal((3, 4))
    for x, output in zip(X, ticket.predict(X), strict=True):
        np.testing.assert_allclose(output, unit_by_unit(ticket, x), rtol=1e-10, atol=1e-12)
    comparison = ticket.compare(X)
    assert comparison.worst <= comparison.bound
    np.testing.assert_allclose(comparison.largest, np.max(np.abs(ticket.predict(X) - target.forward(X))), rtol=1e-9)
    assert ticket.status is Status.CERTIFIED
    assert ticket.kept == sum(int(mask.sum()) for mask in ticket.masks)
    if construction != "depth_plus_one":
        assert ticket.n_weights == target.n_parameters


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_weights_come_within_eps_or_are_named(construction: str) -> None:
    ticket = prune_to_network(network(True), eps=0.1, construction=construction, random_state=0)
    worst = max(float(errors.max()) for errors in ticket.weight_errors)
    assert (worst <= 0.1) == (len(ticket.missed) == 0)
    assert worst == ticket.certificate.upper
    few = prune_to_network(network(True), eps=0.01, construction=construction, random_state=0, n_candidates=3)
    beyond = sum(int(np.sum(errors > 0.01)) for errors in few.weight_errors)
    assert 0 < beyond <= len(few.missed)
    assert np.all(few.missed["error"] > 0.01)
    far = few.missed["reach"] < np.abs(few.missed["weight"]) - few.missed["error"] - 1e-9
    assert not np.any(far)


def test_masks_are_the_best_ones() -> None:
    """Every weight of a gadget's both halves against all subsets of its products."""
    target = network(False)
    ticket = prune_to_network(target, eps=0.01, construction="relu", random_state=3, n_candidates=6)
    seen: list[tuple[float, ...]] = []
    for part in ticket.parts:
        assert part.factors is not None
        signs = np.unique(np.sign(part.factors))
        seen.append((part.layer, *signs[signs != 0.0]))
        assert len(np.unique(part.coefficients)) == part.coefficients.size
        W, mask = target.weights[part.layer], part.mask
        for k, j in np.ndindex(*part.shape):
            products = part.coefficients[k, j] * part.factors[j]
            assert mask_number(mask[k, j]) == best_mask(Instance(products, float(W[k, j]), ""))
    assert sorted(seen) == [(0, -1.0), (0, 1.0), (1, 1.0), (2, 1.0)]


def test_shared_draws_are_counted_once() -> None:
    target = [np.random.default_rng(0).uniform(-0.5, 0.5, (4, 30))]
    shared = prune_to_network(target, eps=0.1, construction="direct", shared=True, random_state=0)
    assert (shared.n_candidates, shared.initial, shared.distinct) == (9, 4 * 30 * 9, 4 * 9)
    assert shared.distinct_kept <= 4 * 9 < shared.kept
    assert prune_to_network(target, eps=0.1, construction="direct", random_state=0).distinct == 4 * 30 * 9
    fewest = prune_to_network(target, eps=0.1, construction="direct", objective="size", random_state=0)
    assert fewest.kept < shared.kept / 3


def test_kernel_tensors() -> None:
    kernels = np.random.default_rng(0).uniform(-0.3, 0.3, (3, 2, 3, 3))
    ticket = prune_to_network([kernels], eps=0.05, construction="linear", random_state=0)
    assert ticket.weights[0].shape == kernels.shape
    assert np.max(np.abs(ticket.weights[0] - kernels)) <= 0.05
    with pytest.raises(TypeError, match="kernel tensors is not evaluated here"):
        ticket.predict(kernels[0, 0])
