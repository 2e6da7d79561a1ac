"""How fast does `Gram.from_blocks` read a stream, in how little memory, and how exactly?

    python examples/benchmarks/streaming.py

The blocks are drawn as they are asked for, and forgotten; the clock stands still while they are. Every so often one of
them is also multiplied as `X.T @ X`: what BLAS can do on this machine at that moment. Both rates count `2 n p^2` operations
for `X'X`, though half would do, and `2 n p T` for `X'Y`.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from statistics import median

import numpy as np
from problems import SEED, Array
from threadpoolctl import threadpool_info, threadpool_limits
from timing import parser, print_load

from solvers import Gram, GroupSparsity, lambda_max, solve

N_FEATURES, N_TARGETS = 200, 8
BLOCK_ROWS, QUICK_ROWS = 50_000, 500_000
N_PRODUCTS = 10  # products measured along the way
REMOTE = 1e4  # mean over standard deviation
EXACT_TOL = 1e-12


class Blocks:
    """`n_rows` rows in blocks; counts the seconds spent in here, and those of single products."""

    def __init__(self, n_rows: int) -> None:
        self.n_blocks = -(-n_rows // BLOCK_ROWS)
        self.seconds, self.products = 0.0, list[float]()
        self._threads = max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        rng = np.random.default_rng(SEED)
        truth = rng.standard_normal((N_FEATURES, N_TARGETS))
        for number in range(self.n_blocks):
            began = time.perf_counter()
            X = rng.standard_normal((BLOCK_ROWS, N_FEATURES))
            Y = X @ truth + rng.standard_normal((BLOCK_ROWS, N_TARGETS))
            if number % max(1, self.n_blocks // N_PRODUCTS) == 0:
                self.products.append(self._product(X))
            self.seconds += time.perf_counter() - began
            yield X, Y

    def _product(self, X: Array) -> float:
        # The consumer may have changed the number of threads; the product gets those that the environment allows.
        with threadpool_limits(self._threads, user_api="blas"):
            X.T @ X
            began = time.perf_counter()
            X.T @ X
            return time.perf_counter() - began


def peak_memory() -> float:
    """The most this process ever held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def remote_difference() -> float:
    """Relative difference of the coefficients, blocks against data in memory, for columns far from zero."""
    rng = np.random.default_rng(SEED)
    X = REMOTE + rng.standard_normal((20_000, N_FEATURES))
    Y = REMOTE + (X - REMOTE) @ rng.standard_normal((N_FEATURES, N_TARGETS)) + rng.standard_normal((len(X), N_TARGETS))
    gram = Gram.from_blocks((X[start : start + 1_000], Y[start : start + 1_000]) for start in range(0, len(X), 1_000))
    penalty = GroupSparsity(0.1 * lambda_max(X, Y))
    blocks, whole = solve(gram, penalty=penalty, tol=EXACT_TOL), solve(X, Y, penalty, tol=EXACT_TOL)
    return float(np.linalg.norm(blocks.coef - whole.coef) / np.linalg.norm(whole.coef))


def main() -> None:
    """Print one table."""
    options_parser = parser(__doc__, repeats=1)
    options_parser.add_argument("--rows", type=int, default=10_000_000)
    options = options_parser.parse_args()
    blocks = Blocks(QUICK_ROWS if options.quick else options.rows)
    Gram.from_blocks([(np.eye(5), np.eye(5)[:, :2])])  # imports and compiles
    before = peak_memory()
    began = time.perf_counter()
    gram = Gram.from_blocks(blocks)
    taken = time.perf_counter() - began - blocks.seconds
    memory = peak_memory() - before
    rate = 2 * gram.total * N_FEATURES * (N_FEATURES + N_TARGETS) / taken
    product_rate = 2 * BLOCK_ROWS * N_FEATURES**2 / median(blocks.products)
    rows = {
        "rows, features, targets": f"{gram.n_samples}, {gram.n_features}, {gram.n_targets}",
        "seconds in from_blocks": f"{taken:.2f}",
        "seconds of drawing (not counted)": f"{blocks.seconds:.2f}",
        "operations per second": f"{rate / 1e9:.1f} G",
        "the same of X.T @ X": f"{product_rate / 1e9:.1f} G",
        "share": f"{rate / product_rate:.2f}",
        "additional peak memory": f"{memory:.0f} MB, of which a block {8 * BLOCK_ROWS * (N_FEATURES + N_TARGETS) / 2**20:.0f} MB",
        f"coefficients, mean / std = {REMOTE:.0e}": f"{remote_difference():.1e} relative difference to data in memory",
    }
    print("\n".join(f"{name:36}{value}" for name, value in rows.items()))
    print_load()


if __name__ == "__main__":
    main()
