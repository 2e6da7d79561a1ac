"""Reporting: the rows of the table, and the same as JSON."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
from peers import Solvers
from scores import Cell

OURS = Solvers.name
GRAM_LABEL = "/ X'X"


def seconds_text(seconds: float) -> str:
    """Three significant digits, in the unit that suits."""
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def ratio_text(ratio: float, bound: bool) -> str:
    """Such as `12.3x`, or `>12.3x` for a lower bound."""
    if math.isnan(ratio):
        return "-"
    return f"{'>' * bound}{ratio:.{1 if ratio < 100 else 0}f}x"


def peer_text(cell: Cell, peer: str) -> str:
    """The ratio peer / ours with the peer's wall time beside it, or why there is none."""
    score = cell.peers[peer]
    if score is None:
        return "not compared"
    answer, ratio = score.answer, cell.ratio(peer)
    if answer.outcome == "reached":
        return f"{ratio_text(ratio, bound=False)} {seconds_text(score.seconds)}"
    if answer.outcome == "over":
        return f"{ratio_text(ratio, bound=True)} over {answer.seconds:.0f} s"
    if answer.outcome == "stalled":
        return f"{ratio_text(ratio, bound=True)} stalled at {answer.gap:.0e}"
    return f"failed: {answer.error}"[:22]


def best_text(cell: Cell) -> str:
    """The ratio of the fastest peer that reached the target; if none did, the smallest of the lower bounds."""
    scores = {peer: score for peer, score in cell.peers.items() if score and score.answer.outcome != "failed"}
    reached = [peer for peer, score in scores.items() if score.answer.outcome == "reached"]
    ratios = [cell.ratio(peer) for peer in reached or scores]
    return ratio_text(min(ratios), bound=not reached) if ratios else "-"


def ours_text(cell: Cell) -> str:
    """Our seconds, and the gap where it misses the target."""
    if cell.ours.answer.outcome in ("over", "failed"):
        return cell.ours.answer.error[:13] or f"over {cell.ours.answer.seconds:.0f} s"
    missed = f" !{cell.ours.gap:.0e}" if cell.ours.gap > cell.target else ""
    return seconds_text(cell.ours.seconds) + missed


def row(cell: Cell, peers: Iterable[str]) -> str:
    """One aligned line of the table."""
    gram = f"{cell.ours.seconds / cell.gram.fastest:.1f}" if cell.gram else "-"
    head = f"{cell.problem:13}{cell.case:9}{cell.target:<8.0e}{ours_text(cell):>14}{gram:>8}"
    return head + "".join(f"{peer_text(cell, peer):>24}" for peer in peers) + f"{best_text(cell):>11}{cell.load:>6.1f}"


def heading(peers: Iterable[str]) -> str:
    """The table's first line."""
    head = f"{'problem':13}{'lam':9}{'gap':8}{OURS:>14}{GRAM_LABEL:>8}"
    return head + "".join(f"{peer:>24}" for peer in peers) + f"{'best peer':>11}{'load':>6}"


def as_json(value: Any) -> Any:
    """Dataclasses as dictionaries; JSON has no infinity, so what is not finite becomes null."""
    if isinstance(value, Cell):
        ratios = {peer: value.ratio(peer) for peer in value.peers}
        return as_json({**asdict(value), "seconds": value.ours.seconds, "ratios": ratios})
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def machine() -> dict[str, object]:
    """Where the numbers were measured."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "numpy": np.__version__,
    }
