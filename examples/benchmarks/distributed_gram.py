"""How fast do Dask workers build a Gram, per worker, against one process on the same blocks?

    python examples/benchmarks/distributed_gram.py --gigabytes 20

The blocks are drawn where they are used, by one process as by the workers, and drawing counts for both: in place of reading.
One BLAS thread each. The process takes some of the blocks before the cluster takes all, and again after it: a change of the
machine's load shows.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from problems import SEED, Array
from threadpoolctl import threadpool_limits
from timing import parser, print_load, seconds

from solvers import Gram, gram_from_dask

N_TARGETS = 4
BILLION = 1e9
KEEP = {"MALLOC_TRIM_THRESHOLD_": 2**30, "MALLOC_MMAP_THRESHOLD_": 2**30}
"""Memory that a worker keeps between blocks. Dask tells workers to give it all back, and asking for it again costs as much as
some of the work."""


def draw(number: int, rows: int, columns: int) -> Array:
    """Uniform numbers, which cost about as much as reading them from a fast disk."""
    return np.random.default_rng([SEED, number, columns]).random((rows, columns))


def one_process(numbers: range, rows: int, columns: int) -> Gram:
    """What a loop over the blocks makes of them."""
    return Gram.from_blocks((draw(number, rows, columns), draw(number, rows, N_TARGETS)) for number in numbers)


def draw_block(rows: int, columns: int, block_id: tuple[int, int]) -> Array:
    """A block as Dask asks for it."""
    return draw(block_id[0], rows, columns)


def lazy(numbers: range, rows: int, columns: int) -> tuple[Any, Any]:
    """The same blocks as Dask arrays X and Y."""
    import dask.array as da

    options = {"dtype": float, "meta": np.empty((0, 0))}
    sizes = (rows,) * len(numbers)
    widths = (columns, N_TARGETS)
    X, Y = (da.map_blocks(draw_block, rows, width, chunks=(sizes, (width,)), **options) for width in widths)
    return X, Y


@contextmanager
def cluster_of(n_workers: int) -> Iterator[Any]:
    """A client of that many worker processes, one thread each."""
    import dask
    from distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "memory_limit": 0}
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": dask.config.get("distributed.nanny.pre-spawn-environ") | KEEP}),
        LocalCluster(n_workers=n_workers, **options) as cluster,
        Client(cluster) as client,
    ):
        yield client


def peak_megabytes() -> float:
    """The most this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def processor_seconds(client: Any) -> float:
    """Of the workers and of this process, which schedules them."""
    return sum(client.run(time.process_time).values()) + time.process_time()


@dataclass(frozen=True)
class Work:
    """Blocks of one size: all for the cluster, a few for the single process."""

    rows: int
    columns: int
    every: range
    few: range

    @property
    def block_bytes(self) -> int:
        """Of X and Y."""
        return 8 * self.rows * (self.columns + N_TARGETS)

    def alone(self) -> Gram:
        """The few, in this process."""
        return one_process(self.few, self.rows, self.columns)

    def together(self) -> Gram:
        """All of them, on the cluster."""
        return gram_from_dask(*lazy(self.every, self.rows, self.columns))


@dataclass
class Rates:
    """Rows per second, of the clock and of the processor, round by round; the cluster's per worker."""

    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    busy_alone: list[float] = field(default_factory=list)
    busy_together: list[float] = field(default_factory=list)

    def add_round(self, work: Work, client: Any, n_workers: int) -> None:
        """One process, the cluster, one process."""
        n_few, n_every = len(work.few) * work.rows, len(work.every) * work.rows
        self._add_alone(work, n_few)
        began = processor_seconds(client)
        self.together.append(n_every / seconds(work.together) / n_workers)
        self.busy_together.append(n_every / (processor_seconds(client) - began))
        self._add_alone(work, n_few)

    def _add_alone(self, work: Work, n_rows: int) -> None:
        began = time.process_time()
        self.alone.append(n_rows / seconds(work.alone))
        self.busy_alone.append(n_rows / (time.process_time() - began))


def parse() -> Any:
    """The options, as the work to be done says."""
    options_parser = parser(__doc__, repeats=1)
    options_parser.add_argument("--gigabytes", type=float, default=2.0, help="of blocks, for the cluster")
    options_parser.add_argument("--features", type=int, default=500)
    options_parser.add_argument("--rows", type=int, default=20_000, help="of a block")
    options_parser.add_argument("--workers", type=int, default=2)
    options_parser.add_argument("--share", type=float, default=0.1, help="of the blocks that the single process takes, each time")
    options = options_parser.parse_args()
    if options.quick:
        options.gigabytes, options.features, options.rows = 0.05, 100, 5_000
    return options


def work_of(options: Any) -> Work:
    """At least two blocks for each worker, and for the single process."""
    one = Work(options.rows, options.features, range(1), range(1))
    n_blocks = max(2 * options.workers, round(options.gigabytes * 1e9 / one.block_bytes))
    return Work(options.rows, options.features, range(n_blocks), range(max(2, round(options.share * n_blocks))))


def difference(work: Work) -> float:
    """Between the cluster's Gram of the few blocks and that of one process, relative to the largest entry."""
    same, reference = gram_from_dask(*lazy(work.few, work.rows, work.columns)), work.alone()
    return float(np.max(np.abs(same.x_products - reference.x_products)) / np.max(np.abs(reference.x_products)))


def main() -> None:
    """Print one table."""
    options = parse()
    work, rates = work_of(options), Rates()
    with threadpool_limits(1), cluster_of(options.workers) as client:
        # Imports and compiles, in blocks too small to count for the memory.
        one_process(range(1), 100, work.columns)
        gram_from_dask(*lazy(range(2 * options.workers), 100, work.columns))
        before = client.run(peak_megabytes)
        for _ in range(options.repeats):
            rates.add_round(work, client, options.workers)
        grown = max(after - before[worker] for worker, after in client.run(peak_megabytes).items())
        off = difference(work)
    single, rate = median(rates.alone), median(rates.together)
    busy_single, busy = median(rates.busy_alone), median(rates.busy_together)
    size = len(work.every) * work.block_bytes / 1e9
    table = {
        "blocks, rows, features": f"{len(work.every)}, {work.rows}, {work.columns}: {size:.1f} GB",
        "one process": f"{single:,.0f} rows/s (from {min(rates.alone):,.0f} to {max(rates.alone):,.0f})",
        f"{options.workers} workers, per worker": f"{rate:,.0f} rows/s: {100 * rate / single:.0f} % of one process",
        "one process, per processor second": f"{busy_single:,.0f} rows",
        "cluster, per processor second": f"{busy:,.0f} rows: {100 * busy / busy_single:.0f} % of one process",
        "1e9 rows, hours of one worker": f"{BILLION / rate / 3600:.2f} ({BILLION / busy / 3600:.2f} on a processor of its own)",
        "growth of a worker's peak memory": f"{grown:.0f} MB, of which a block {work.block_bytes / 2**20:.0f} MB",
        "difference to one process": f"{off:.1e}",
    }
    print("\n".join(f"{name:36}{value}" for name, value in table.items()))
    print_load()


if __name__ == "__main__":
    main()
