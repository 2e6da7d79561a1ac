"""The command ``solvers``. A further subcommand is a module with a ``command``, and one more line below.

Imports of anything slow stand inside the functions: ``solvers --help`` answers at once, and the progress bar is up before Numba
loads.
"""

from __future__ import annotations

import click

from solvers import __version__
from solvers.cli import check, demo, prune, reproduce
from solvers.cli.frame import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="solvers", message="%(prog)s %(version)s")
def commands() -> None:
    """Certified solvers for the convex and combinatorial core of learning a neural network's size."""


commands.add_command(demo.command)
commands.add_command(check.command)
commands.add_command(reproduce.command)
commands.add_command(prune.command)


def main() -> None:
    """Entry point of the command ``solvers`` and of ``python -m solvers``."""
    commands(prog_name="solvers")
