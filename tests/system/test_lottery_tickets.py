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
from tests.unit.test_tickets import network


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
