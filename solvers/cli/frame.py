"""What every command shares: exit codes, errors as one line, an interrupt that asks first, the progress bar."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from solvers.errors import IncompatibleError, InputError, MissingDependencyError, SolveError

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
