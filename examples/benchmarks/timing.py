"""What the small benchmarks share: wall times, and two options."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any


def seconds(call: Callable[[], Any]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def median_seconds(calls: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Of each call the median over `repeats` rounds, taken in turn; a first round warms up and does not count."""
    rounds = [[seconds(call) for call in calls] for _ in range(repeats + 1)]
    return [median(times) for times in zip(*rounds[1:], strict=True)]


def parser(description: str | None, repeats: int) -> argparse.ArgumentParser:
    """`--repeats` and `--quick`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=repeats, help="timed rounds, of which the median counts")
    parser.add_argument("--quick", action="store_true", help="small sizes: only to see that it runs")
    return parser


def print_load() -> None:
    """The load average of the last minute: well above the number of threads, the table says little."""
    print(f"\nload {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
