"""The command ``solvers``. A further subcommand is one more function under ``@commands.command()``.

Imports of anything slow stand inside the functions: ``solvers --help`` answers at once, and the progress bar is up before Numba
loads.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solvers import __version__
from solvers.errors import IncompatibleError, InputError, MissingDependencyError, SolveError

if TYPE_CHECKING:
    from solvers.demo import Dataset, DemoResult

DONE, FAILED, REFUSED, STOPPED = 0, 1, 2, 3
"""Exit codes: all certificates hold; an error or a failing certificate; data or options that cannot be used; stopped early with
partial results."""


class Refused(click.ClickException):
    """Data or options that cannot be used: one line on stderr."""

    exit_code = REFUSED


class Commands(click.Group):
    """A group whose commands report what a user can put right as one line on stderr, without traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of the package or of the file system becomes a line and exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # The reader of our output has left: click ends quietly.
        except (InputError, IncompatibleError, MissingDependencyError, SolveError, OSError) as error:
            raise click.ClickException(" ".join(str(error).split())) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="solvers", message="%(prog)s %(version)s")
def commands() -> None:
    """Certified solvers for the convex and combinatorial core of learning a neural network's size."""


@commands.command()
@click.option("--out", type=click.Path(path_type=Path), default="report", show_default=True, help="Folder of the report.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything drawn at random.")
@click.option("--data", "file", metavar="FILE", help="Data of your own: .npz with X and Y, or .csv or .arff with --targets.")
@click.option("--openml", "name", metavar="NAME", help="Data from www.openml.org by its name there; downloaded once.")
@click.option("--targets", metavar="K", type=int, help="The last K columns of the table are the targets.")
@click.pass_context
def demo(ctx: click.Context, out: Path, seed: int, file: str | None, name: str | None, targets: int | None) -> None:
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
    data = _load(file, name, targets)
    with first_interrupt_asks() as stopped, progress_bar(stopped) as on_progress:
        from solvers.demo import run_demo

        result = run_demo(out, seed=seed, data=data, on_progress=on_progress, stopped=stopped)
    if data is not None:
        click.echo(f"data               {data.summary}")
    _print_summary(result)
    ctx.exit(_exit_code(result))


def _load(file: str | None, name: str | None, targets: int | None) -> Dataset | None:
    """The data that was asked for; None for the demo's own."""
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


def main() -> None:
    """Entry point of the command ``solvers`` and of ``python -m solvers``."""
    commands(prog_name="solvers")


@contextmanager
def first_interrupt_asks() -> Iterator[Callable[[], bool]]:
    """Inside the block the first Ctrl-C only makes the yielded function answer True; the second one interrupts as usual.

    An interrupt that strikes anywhere would lose what is finished, and may tear a compilation.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_bar(stopped: Callable[[], bool]) -> Iterator[Callable[[float, str], None]]:
    """A progress bar on stderr while the block runs; nothing at all where no terminal is there to show it."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield lambda share, doing: None
        return

    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Hint(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            del task
            return Text("stopping ..." if stopped() else "Ctrl-C stops", style="dim")

    columns = (
        progress.SpinnerColumn(),
        progress.BarColumn(bar_width=24),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.description}"),
        Hint(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading", total=1.0)
        yield lambda share, doing: bar.update(task, completed=share, description=doing)


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
