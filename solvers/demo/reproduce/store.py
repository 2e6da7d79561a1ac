"""Finished runs on disk, one JSON line each: an interrupted reproduction goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from solvers.demo.data import Dataset

Numbers = dict[str, float]
"""What is kept of a run."""


class Store:
    """Runs by name, appended to a file as they finish. A line that an interrupt cut short is dropped.

    Parameters
    ----------
    path : Path
        The file; made where missing.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self.runs: dict[str, Numbers] = dict(_read(path)) if path.is_file() else {}
        whole = "".join(_line(name, numbers) for name, numbers in self.runs.items())
        if path.is_file() and path.read_text(encoding="utf-8") != whole:
            path.write_text(whole, encoding="utf-8")

    def add(self, name: str, numbers: Numbers) -> None:
        """Keep a run."""
        with self._lock:
            self.runs[name] = numbers
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(_line(name, numbers))

    def compute(
        self,
        tasks: Mapping[str, Callable[[], Numbers]],
        n_jobs: int,
        progress: Callable[[float, str], None],
        stopped: Callable[[], bool],
    ) -> bool:
        """Run what is missing, ``n_jobs`` at once in threads, in order; whether all is there in the end."""
        missing = [name for name in tasks if name not in self.runs]
        done = len(tasks) - len(missing)
        queue = iter(missing)
        with ThreadPoolExecutor(n_jobs) as pool:
            running: dict[Future[Numbers], str] = {}
            while True:
                room = 0 if stopped() else n_jobs - len(running)
                running |= {pool.submit(tasks[name]): name for name in islice(queue, room)}
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name = running.pop(future)
                    self.add(name, future.result())
                    done += 1
                    progress(done / len(tasks), f"{done} of {len(tasks)} runs, {name}")
        return done == len(tasks)

    def select(self, names: Iterable[str]) -> list[Numbers]:
        """Those of these runs that are finished."""
        return [self.runs[name] for name in names if name in self.runs]


def _read(path: Path) -> Iterator[tuple[str, Numbers]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            document: dict[str, Any] = json.loads(line)
            yield document.pop("run"), document
        except (json.JSONDecodeError, KeyError, AttributeError):
            continue


def _line(name: str, numbers: Numbers) -> str:
    return json.dumps({"run": name, **numbers}) + "\n"


def fingerprint(data: Dataset) -> str:
    """Eight characters that differ between datasets."""
    digest = hashlib.sha256()
    for Z in (data.X, data.Y):
        digest.update(repr(Z.shape).encode())
        digest.update(np.ascontiguousarray(Z).tobytes())
    return digest.hexdigest()[:8]
