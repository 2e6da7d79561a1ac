"""The command ``solvers demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from solvers.cli.frame import DONE, FAILED, STOPPED, Refused, first_interrupt_asks, progress_bar
from solvers.errors import InputError

if TYPE_CHECKING:
    from solvers.demo import Dataset, DemoResult


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path), default="report", show_default=True, help="Folder of the report.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything drawn at random.")
@click.option("--data", "file", metavar="FILE", help="Data of your own: .npz with X and Y, or .csv or .arff with --targets.")
@click.option("--openml", "name", metavar="NAME", help="Data from www.openml.org by its name there; downloaded once.")
@click.option("--targets", metavar="K", type=int, help="The last K columns of the table are the targets.")
@click.pass_context
def command(ctx: click.Context, out: Path, seed: int, file: str | None, name: str | None, targets: int | None) -> None:
    """Reproduce the papers' experiments and write a report.

    The loss/sparsity trade-off is computed on scikit-learn's digits, or on the data you name: standardised, without the rows in
    which a value is missing, columns of words replaced by one column of zeros and ones per category. The multinomial
    classification of digits follows; it needs labels, and is left out where you name data.

    \b
    Examples:
      solvers demo
      solvers demo --data measurements.npz
      solvers demo --data measurements.csv --targets 3 --out report-of-mine
      solvers demo --data oes97.arff --targets 16
      solvers demo --openml scm1d --targets 16

    Exit code 0: every certificate holds. 1: an error, or a certificate that does not hold. 2: options or data that cannot be
    used. 3: stopped by Ctrl-C, the report holds what was finished.
    """
    data = load_data(file, name, targets)
    with first_interrupt_asks() as stopped, progress_bar(stopped) as on_progress:
        from solvers.demo import run_demo

        result = run_demo(out, seed=seed, data=data, on_progress=on_progress, stopped=stopped)
    if data is not None:
        click.echo(f"data               {data.summary}")
    _print_summary(result)
    ctx.exit(_exit_code(result))


def load_data(file: str | None, name: str | None, targets: int | None) -> Dataset | None:
    """The data that was asked for; None where none was."""
    if file is not None and name is not None:
        raise Refused("--data and --openml exclude each other: write --data FILE or --openml NAME")
    if file is None and name is None:
        if targets is not None:
            raise Refused(
                "--targets says which columns of a table are the targets, and no table is named: "
                f"write --data FILE.csv --targets {targets}, or --openml NAME --targets {targets}"
            )
        return None
    with progress_bar(lambda: False) as on_progress:
        on_progress(0.0, f"reading {file or name}")
        from solvers.demo import fetch_data, read_data

        try:
            return read_data(file, targets=targets) if file is not None else fetch_data(str(name), targets=targets)
        except InputError as error:
            raise Refused(" ".join(str(error).split())) from error


def _print_summary(result: DemoResult) -> None:
    holding = sum(one.certificate.holds for one in result.evidence)
    lines = [] if result.complete else ["stopped early: the report holds what was finished"]
    lines += [f"report             {result.index}", f"certificates       {holding} of {len(result.evidence)} hold"]
    if result.worst is not None:
        certificate = result.worst.certificate
        lines += [f"worst certificate  gap {certificate.gap:.1e} (tol {certificate.tol:.0e}), {result.worst.of}"]
    lines += [f"wall time          {result.wall_time:.1f} s"]
    click.echo("\n".join(lines))


def _exit_code(result: DemoResult) -> int:
    if not result.complete:
        return STOPPED
    return DONE if result.holds else FAILED
