"""The command ``solvers check``: ``python -m proofs_checks`` under another name."""

from __future__ import annotations

import click


@click.command("check", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Check the ShrinkNets draft's propositions, as corrected."""
    from proofs_checks.command import main

    main(list(arguments))
