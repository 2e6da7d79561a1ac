"""Finished rows on disk, so that pruning goes on where it was broken off."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from solvers.errors import InputError
from solvers.lottery.meet_in_the_middle import Found
from solvers.lottery.targets import Target

EVERY = 5.0
"""Seconds between writes."""


class Checkpoint:
    """Rows of each part, read at the start, written every few seconds and at the end; without a path it does nothing."""

    def __init__(self, path: Path | None, digest: str) -> None:
        self.path, self.digest = path, digest
        self._rows: dict[int, dict[int, Found]] = {}
        self._written = time.perf_counter()
        self._changed = False

    @classmethod
    def open(cls, path: str | Path | None, target: Target, settings: tuple[Any, ...]) -> Checkpoint:
        """A checkpoint for these weights and settings.

        Raises
        ------
        InputError
            If the file belongs to other weights or settings, or is no checkpoint.
        """
        digest = hashlib.sha256(repr(settings).encode())
        for W in target.matrices:
            digest.update(repr(W.shape).encode())
            digest.update(np.ascontiguousarray(W).tobytes())
        store = cls(None if path is None else Path(path), digest.hexdigest())
        if store.path is not None and store.path.exists():
            store._read(store.path)
        return store

    def rows(self, part: int) -> dict[int, Found]:
        """The finished rows of a part."""
        return dict(self._rows.get(part, {}))

    def add(self, part: int, row: int, found: Found) -> None:
        """Take in a finished row; write if the last time was long ago."""
        if self.path is None:
            return
        self._rows.setdefault(part, {})[row] = found
        self._changed = True
        if time.perf_counter() - self._written > EVERY:
            self.write()

    def write(self) -> None:
        """Write all finished rows, to a file beside that then takes the old one's place."""
        if self.path is None or not self._changed:
            return
        arrays: dict[str, Any] = {"digest": np.array(self.digest)}
        for part, rows in self._rows.items():
            arrays[f"rows_{part}"] = np.array(sorted(rows), dtype=np.int64)
            for name in Found._fields:
                arrays[f"{name}_{part}"] = np.array([getattr(rows[row], name) for row in sorted(rows)])
        beside = self.path.with_name(self.path.name + ".new")
        with beside.open("wb") as stream:
            np.savez(stream, **arrays)
        os.replace(beside, self.path)
        self._written, self._changed = time.perf_counter(), False

    def _read(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            digest = str(arrays.pop("digest"))
        except (OSError, EOFError, KeyError, ValueError):
            raise InputError(f"checkpoint {str(path)!r} was not written by prune_to_network: name another file") from None
        if digest != self.digest:
            raise InputError(f"checkpoint {str(path)!r} belongs to other weights or settings: name another file, or delete it")
        for name in [name for name in arrays if name.startswith("rows_")]:
            part = int(name.removeprefix("rows_"))
            columns = [arrays[f"{field}_{part}"] for field in Found._fields]
            self._rows[part] = {int(row): Found(*parts) for row, *parts in zip(arrays[name], *columns, strict=True)}
