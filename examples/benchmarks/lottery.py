"""Lottery tickets: the paper's Experiment 1 on its own network, exactly, and how the time grows.

    SOLVERS_DATA=... python examples/benchmarks/lottery.py [--quick]

* Experiment 1 of Pensia et al.: 397,000 weights, n = 21 candidates each, shared by an output row (their code) and fresh (their
  words); the paper took 77,266 s on 36 cores with Gurobi. CP-SAT and the step limit are measured interleaved with our search.
* The step limit: as many subtractions and comparisons as the two-pointer scans take, on as many numbers, in order, so that the
  processor may vectorise them. Nothing that looks at each step's outcome before it takes the next can reach it.
* Accuracy on the 10,000 MNIST test images, of the masked random network.
* One instance with n = 40 and n = 50 in a process of its own, with its peak memory.
* The slope of log time against log number of weights, and what it means for 124 million weights.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from timing import parser, print_load, seconds

from solvers import ReluNetwork, prune_to_network, subset_sum, subset_sums
from solvers._compile import kernel

PAPER_SECONDS, PAPER_CORES, PAPER_KEPT = 77_266.0, 36, 9.385
N, EPS = 21, 0.01

_ALONE = """
import resource, sys, time
import numpy as np
from solvers import subset_sum
subset_sum(np.ones(6), 2.5)
values = np.random.default_rng(0).uniform(-1, 1, int(sys.argv[1]))
began = time.perf_counter()
answer = subset_sum(values, 0.3)
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, answer.error, answer.status)
"""


@kernel
def limit_steps(A: Any, B: Any, rounds: int) -> int:
    """``rounds`` times ``min |A - B - r|``: what a scan would take if no step had to wait for the one before."""
    best = np.int64(1) << 62
    for r in range(rounds):
        for p in range(A.shape[0]):
            best = min(best, abs(A[p] - B[p] - r))
    return best


def read(quick: bool) -> tuple[ReluNetwork, Any, Any]:
    """The paper's target network, MNIST test images in [0, 1], labels."""
    folder = Path(os.environ["SOLVERS_DATA"])
    stored, mnist = np.load(folder / "lottery_target_fc2.npz"), np.load(folder / "mnist_uint8.npz")
    images = 1000 if quick else 10_000
    rows = 50 if quick else 500
    network = ReluNetwork([stored["fc1.weight"][:rows], stored["fc2.weight"][:, :rows]])
    return network, mnist["X_test"][:images] / 255.0, mnist["y_test"].ravel()[:images]


def experiment_one(network: ReluNetwork, X: Any, y: Any, jobs: int) -> None:
    """Whole network: time, what is kept, errors, accuracy."""
    target = np.mean(np.argmax(network.forward(X), axis=1) == y)
    print(f"target accuracy {target:.4f}, {network.n_parameters} weights\n")
    columns = {"construction": -32, "seconds": 9, "core-s": 9, "paper/ours": 12, "kept": 7, "worst w": 10, "missed": 8}
    columns |= {"accuracy": 10, "logit": 10}
    print("".join(f"{name:>{width}}" if width > 0 else f"{name:<{-width}}" for name, width in columns.items()))
    runs: tuple[tuple[str, dict[str, Any]], ...] = (
        ("direct, shared", {"construction": "direct", "shared": True}),
        ("direct, fresh", {"construction": "direct"}),
        ("direct, fresh, size", {"construction": "direct", "objective": "size"}),
        ("direct, fresh, lexicographic", {"construction": "direct", "objective": "lexicographic"}),
        ("relu, pixels", {"construction": "relu", "nonnegative_inputs": True}),
    )
    scale = network.n_parameters / 397_000
    for name, options in runs:
        cpu = time.process_time()
        ticket = prune_to_network(network, eps=EPS, random_state=1, n_jobs=jobs, **options)
        cpu = time.process_time() - cpu
        comparison = ticket.compare(X)
        accuracy = np.mean(np.argmax(ticket.predict(X), axis=1) == y)
        worst = max(float(errors.max()) for errors in ticket.weight_errors)
        faster = PAPER_SECONDS * PAPER_CORES * scale / cpu
        print(
            f"{name:32}{ticket.elapsed:9.2f}{cpu:9.2f}{faster:11.0f}x{ticket.kept / ticket.n_weights:7.3f}{worst:10.1e}"
            f"{len(ticket.missed):8}{accuracy:10.4f}{comparison.largest:10.1e}  {ticket.status}",
            flush=True,
        )
    print(f"(paper: {PAPER_SECONDS:.0f} s on {PAPER_CORES} cores, {PAPER_KEPT} kept per weight)\n")


def peers(network: ReluNetwork, quick: bool, repeats: int) -> None:
    """A sample of weights: ours, CP-SAT, and the step limit, in turn."""
    rng = np.random.default_rng(0)
    weights = np.concatenate([W.ravel() for W in network.weights])
    some, few = 2000, 10 if quick else 200
    values, targets = rng.uniform(weights.min(), weights.max(), (some, N)), rng.choice(weights, some)
    half = 1 << (N - 2) // 2
    A, B = rng.integers(0, 1 << 50, half), rng.integers(0, 1 << 50, half)
    steps = 2 * half << (N - 2 * ((N - 2) // 2))

    def limit() -> None:
        for _ in range(some):
            limit_steps(A, B, steps // half)

    def many() -> None:
        subset_sums(values, targets)

    rounds = [(core_seconds(many), core_seconds(limit)) for _ in range(repeats)]
    ours, ideal = (median(times) / some for times in zip(*rounds, strict=True))
    cp_sat = core_seconds(lambda: subset_sums(values[:few], targets[:few], method="cp_sat")) / few
    print(f"core time per weight: {1e6 * ours:.2f} us; {steps} steps of a scan, {1e9 * ours / steps:.2f} ns each")
    print(f"  step limit {1e6 * ideal:.2f} us: {ideal / ours:.0%} of it reached")
    print(f"  CP-SAT {1e3 * cp_sat:.1f} ms ({few} weights): {cp_sat / ours:.0f} times ours\n")


def core_seconds(call: Any) -> float:
    """Processor time of one call: unlike wall time the same on a machine that others use."""
    began = time.process_time()
    call()
    return time.process_time() - began


def alone(n: int) -> None:
    """One large instance in a process of its own."""
    result = subprocess.run([sys.executable, "-c", _ALONE, str(n)], capture_output=True, text=True, check=True)
    took, memory, error, status = result.stdout.split()
    print(f"n = {n}: {float(took):.2f} s, peak memory {float(memory):.2f} GiB, error {float(error):.1e}, {status}", flush=True)


def slope(quick: bool, jobs: int) -> None:
    """Time against the number of weights."""
    rng = np.random.default_rng(0)
    counts = (1000, 4000, 16_000) if quick else (1000, 4000, 20_000, 100_000, 397_000)
    values, targets = rng.uniform(-0.46, 0.54, (counts[-1], N)), rng.uniform(-0.3, 0.3, counts[-1])
    times = [min(seconds(lambda c=c: subset_sums(values[:c], targets[:c], n_jobs=jobs)) for _ in range(3)) for c in counts]
    cores = [min(core_seconds(lambda c=c: subset_sums(values[:c], targets[:c])) for _ in range(3)) for c in counts]
    exponent = np.polyfit(np.log(counts), np.log(cores), 1)[0]
    print("weights  " + "".join(f"{count:>10}" for count in counts))
    print("seconds  " + "".join(f"{took:10.3f}" for took in times))
    print("core-s   " + "".join(f"{took:10.3f}" for took in cores))
    per_weight = times[-1] / counts[-1]
    print(f"slope of the core time {exponent:.3f}; {1e6 * per_weight:.2f} us per weight on {jobs} threads:")
    print(
        f"  124 million weights: {124e6 * per_weight / 60:.0f} minutes on {jobs} threads, masks of {124e6 * 3 / 2**30:.2f} GiB\n"
    )


def main() -> None:
    """Run all parts."""
    options = parser(__doc__, repeats=5)
    options.add_argument("--jobs", type=int, default=2, help="threads")
    chosen: argparse.Namespace = options.parse_args()
    network, X, y = read(chosen.quick)
    # Compiled before anything is timed.
    for objective in ("error", "size"):
        subset_sum(np.linspace(-1.0, 1.0, 7), 0.3, objective=objective, tol=0.5)
        prune_to_network([np.eye(3)], construction="direct", shared=True, objective=objective, random_state=0)
    subset_sums(np.linspace(-1.0, 1.0, 9), np.linspace(-0.5, 0.5, 500))
    experiment_one(network, X, y, chosen.jobs)
    peers(network, chosen.quick, chosen.repeats)
    for n in (30, 34) if chosen.quick else (40, 44, 50):
        alone(n)
    print()
    slope(chosen.quick, chosen.jobs)
    print_load()


if __name__ == "__main__":
    main()
