"""The command line that the benchmarks against peers share."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from arena import OURS, Arena
from peers import Adapter
from problems import Problem, Unavailable
from scores import Cell, Rules, cases_of
from table import as_json, heading, machine, row
from workers import limit_threads

LAMS = ("10", "100", "path")


@dataclass(frozen=True)
class Contest:
    """Who is compared on what."""

    description: str
    problems: Mapping[str, Callable[[], Problem]]
    peers: Mapping[str, type[Adapter]]
    chosen: Sequence[str]
    """The problems measured unless told otherwise."""


def parse(contest: Contest, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; `--quick` only changes defaults."""
    parser = argparse.ArgumentParser(description=contest.description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--problems", nargs="+", choices=contest.problems, default=list(contest.chosen))
    add("--gaps", nargs="+", type=float, default=[1e-4, 1e-6, 1e-8], help="relative duality gaps to reach")
    add("--lams", nargs="+", choices=LAMS, default=list(LAMS), help="lambda_max divided by this, or the whole path")
    add("--peers", nargs="*", choices=contest.peers, default=list(contest.peers))
    add("--repeats", type=int, default=5, help="timed runs, of which the median counts")
    add("--cap", type=float, default=60.0, help="seconds allowed for one run at a single lam")
    add("--path-cap", type=float, default=120.0, help="seconds allowed for one run over the path")
    add("--pause", type=float, default=0.2, help="seconds of rest before each run")
    add("--patience", type=float, default=30.0, help="seconds of repeated runs spent on a peer for one number")
    add("--threads", type=int, default=2)
    add("--verbose", action="store_true", help="print every run as it ends")
    add("--json", type=Path, metavar="FILE", help="write every run to FILE")
    add("--quick", action="store_true", help="the small problem only, one gap, short caps: a few minutes")
    if "--quick" in (sys.argv[1:] if arguments is None else arguments):
        parser.set_defaults(problems=["small"], gaps=[1e-4], repeats=3, cap=10.0, path_cap=10.0)
    return parser.parse_args(arguments)


def run(contest: Contest, options: argparse.Namespace) -> Iterator[tuple[Cell, Arena]]:
    """Every chosen cell, as soon as it is measured."""
    rules = Rules(**{name: getattr(options, name) for name in Rules.__dataclass_fields__})
    limit_threads(rules.threads)
    peers = {name: contest.peers[name] for name in options.peers}
    for name in options.problems:
        with ExitStack() as stack:
            try:
                arena = Arena(contest.problems[name], peers, rules, stack)
            except Unavailable as reason:
                print(f"{name:13}skipped: {reason}")
                continue
            for case in cases_of(arena.problem, options.lams):
                for cell in arena.cells(case, sorted(options.gaps, reverse=True)):
                    yield cell, arena


def main(contest: Contest) -> None:
    """Run the chosen part of the benchmark, printing each row as soon as it is known."""
    options = parse(contest)
    # Workers lead groups of their own, so whoever ends this process does not reach them: it has to close them itself.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"{options.threads} threads for every solver; median of {options.repeats} runs; ratios are peer / {OURS}\n")
    print(heading(options.peers), flush=True)
    cells: list[Cell] = []
    for cell, arena in run(contest, options):
        print(row(cell, options.peers), flush=True)
        cells.append(cell)
        if options.json:
            report = {"machine": machine(), "rules": asdict(arena.rules), "solvers": arena.environment, "cells": cells}
            options.json.write_text(json.dumps(as_json(report), indent=1))
