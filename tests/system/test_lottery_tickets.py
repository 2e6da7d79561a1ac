"""Tickets as a whole: what they compute, promise and count, from Python, from the command line, on threads and on processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from click.testing import CliRunner

import solvers.lottery.prune as prune
from solvers import LotteryTicket, ReluNetwork, Status, prune_to_network, subset_sums
from solvers.cli import commands
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
    ticket = prune_to_network(network(True), eps=0.01, construction=construction, random_state=0)
    worst = max(float(errors.max()) for errors in ticket.weight_errors)
    assert (worst <= 0.01) == (len(ticket.missed) == 0)
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
    for part in ticket.parts:
        assert part.factors is not None
        signs = np.sign(part.factors)
        assert len(np.unique(signs[signs != 0])) == 1
        W, mask = target.weights[part.layer], part.mask
        for k, j in np.ndindex(*part.shape):
            products = part.coefficients[k, j] * part.factors[j]
            assert mask_number(mask[k, j]) == best_mask(Instance(products, float(W[k, j]), ""))
    assert {part.layer: sum(p.layer == part.layer for p in ticket.parts) for part in ticket.parts} == {0: 2, 1: 1, 2: 1}


def test_shared_draws_are_counted_once() -> None:
    target = [np.random.default_rng(0).uniform(-0.5, 0.5, (4, 30))]
    shared = prune_to_network(target, construction="direct", shared=True, random_state=0)
    assert (shared.n_candidates, shared.initial, shared.distinct) == (21, 4 * 30 * 21, 4 * 21)
    assert shared.distinct_kept <= 4 * 21 < shared.kept
    assert prune_to_network(target, construction="direct", random_state=0).distinct == 4 * 30 * 21
    fewest = prune_to_network(target, construction="direct", objective="size", random_state=0)
    assert fewest.kept < shared.kept / 4


def test_kernel_tensors() -> None:
    kernels = np.random.default_rng(0).uniform(-0.3, 0.3, (3, 2, 3, 3))
    ticket = prune_to_network([kernels], construction="linear", random_state=0)
    assert ticket.weights[0].shape == kernels.shape
    assert np.max(np.abs(ticket.weights[0] - kernels)) <= 0.01
    with pytest.raises(TypeError, match="kernel tensors is not evaluated here"):
        ticket.predict(kernels[0, 0])


def test_save_and_load(tmp_path: Path) -> None:
    ticket = prune_to_network(network(True), eps=0.05, random_state=0)
    ticket.save(tmp_path / "ticket")
    loaded = LotteryTicket.load(tmp_path / "ticket.npz")
    X = np.eye(4)
    np.testing.assert_array_equal(loaded.predict(X), ticket.predict(X))
    assert repr(loaded) == repr(ticket)
    assert loaded.error_bound() == ticket.error_bound()


def test_it_goes_on_where_it_was_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"eps": 0.01, "random_state": 0, "checkpoint": tmp_path / "rows.npz", "construction": "direct"}
    target = [np.random.default_rng(0).uniform(-0.5, 0.5, (40, 30))]
    solve, calls = prune.solve_matrix_rows, []

    def interrupted(plan: Any, seeds: Any, task: Any) -> Any:
        calls.append(len(seeds))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return solve(plan, seeds, task)

    monkeypatch.setattr(prune, "_rows_at_once", lambda part: 10)
    monkeypatch.setattr(prune, "solve_matrix_rows", interrupted)
    stopped = prune_to_network(target, **options)
    assert (str(stopped.limit), stopped.status) == ("interrupt", Status.FEASIBLE)
    assert sum(int(np.any(mask)) for mask in stopped.masks[0]) == 10
    assert len(stopped.missed)
    monkeypatch.setattr(prune, "solve_matrix_rows", lambda *call: calls.append(len(call[1])) or solve(*call))
    calls.clear()
    finished = prune_to_network(target, **options)
    assert sum(calls) == 30
    fresh = prune_to_network(target, **{**options, "checkpoint": None})
    np.testing.assert_array_equal(finished.masks[0], fresh.masks[0])
    with pytest.raises(ValueError, match="belongs to other weights or settings"):
        prune_to_network(target, **{**options, "eps": 0.02})


def test_workers_do_not_change_the_masks() -> None:
    """Threads, and two Dask processes through joblib's backend."""
    distributed = pytest.importorskip("distributed")
    rng = np.random.default_rng(0)
    values, targets = rng.uniform(-1, 1, (60, 9)), rng.uniform(-1, 1, 60)
    alone, ticket = subset_sums(values, targets), prune_to_network(network(True), eps=0.05, random_state=0)
    threads = prune_to_network(network(True), eps=0.05, random_state=0, n_jobs=2)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        apart = subset_sums(values, targets, n_jobs=2)
        remote = prune_to_network(network(True), eps=0.05, random_state=0, n_jobs=2)
    np.testing.assert_array_equal(apart.packed, alone.packed)
    for one, two, three in zip(ticket.masks, threads.masks, remote.masks, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_the_command(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    W, b = rng.uniform(-0.5, 0.5, (5, 4)), rng.uniform(-0.5, 0.5, 5)
    np.savez(tmp_path / "net.npz", **{"fc1.weight": W, "fc1.bias": b, "fc2.weight": rng.uniform(-0.5, 0.5, (2, 5))})
    out = tmp_path / "ticket.npz"
    runner = CliRunner()
    result = runner.invoke(commands, ["prune", "--target", str(tmp_path / "net.npz"), "--out", str(out), "--jobs", "1"])
    assert result.exit_code == 0, result.output
    assert "0 beyond eps" in result.output
    ticket = LotteryTicket.load(out)
    assert ticket.target is not None
    np.testing.assert_array_equal(ticket.target.weights[0], W)
    np.testing.assert_array_equal(ticket.target.biases[0], b)
    assert not (tmp_path / "ticket.npz.rows").exists()
    assert runner.invoke(commands, ["prune", "--target", "missing.npz"]).exit_code == 2
    refused = runner.invoke(commands, ["prune", "--target", str(tmp_path / "net.npz"), "--eps", "-1", "--out", str(out)])
    assert refused.exit_code == 2
    assert "eps must be" in refused.output
    few = ["prune", "--target", str(tmp_path / "net.npz"), "--candidates", "2", "--out", str(out)]
    assert runner.invoke(commands, few).exit_code == 1


def test_the_page_of_the_report(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from solvers.demo.lottery import RUNS, lottery_page
    from solvers.demo.page import Context

    page = lottery_page(Context())
    assert page.complete
    assert all(one.certificate.holds for one in page.evidence)
    assert len(page.evidence) == len(RUNS)
    printed: list[str] = []
    code = compile(page.code, "code", "exec")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, {"print": printed.append})
    accuracies = [line.split("accuracy ")[1][:6] for line in printed]
    assert accuracies == [f"{row[1]:.4f}" for row in page.files[0].rows]
    assert not lottery_page(Context(stopped=lambda: True)).complete


@pytest.mark.skipif("SOLVERS_DATA" not in os.environ, reason="needs SOLVERS_DATA")
def test_experiment_one_on_the_real_network() -> None:
    """The paper's target, coefficients shared by a row: every weight proven, accuracy measured on the masked network."""
    folder = Path(os.environ["SOLVERS_DATA"])
    stored, mnist = np.load(folder / "lottery_target_fc2.npz"), np.load(folder / "mnist_uint8.npz")
    target = ReluNetwork([stored["fc1.weight"], stored["fc2.weight"]])
    ticket = prune_to_network(target, eps=0.01, construction="direct", shared=True, random_state=1)
    assert ticket.status is Status.CERTIFIED
    assert (ticket.n_weights, ticket.initial, ticket.distinct, len(ticket.missed)) == (397_000, 8_337_000, 10_710, 0)
    X, y = mnist["X_test"][:2000] / 255.0, mnist["y_test"].ravel()[:2000]
    right, target_right = np.argmax(ticket.predict(X), axis=1) == y, np.argmax(target.forward(X), axis=1) == y
    assert abs(right.mean() - target_right.mean()) <= 0.001
    assert ticket.compare(X).largest < 0.01
