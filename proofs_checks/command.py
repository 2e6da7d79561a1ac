"""``python -m proofs_checks``, also ``solvers check``: run the statements and print what is known."""

from __future__ import annotations

import json
import sys

import click

from proofs_checks.statement import Statement

HOLDS, FAILS, REFUSED, STOPPED = 0, 1, 2, 3
"""Exit codes: all as it should be; a corrected statement failed or a wrong wording survived; unusable options; Ctrl-C."""


@click.command("check", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the random instances.")
@click.option("--examples", type=click.IntRange(min=1), default=10_000, show_default=True, help="Instances per statement.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as a JSON document.")
@click.option("--only", metavar="ID", multiple=True, help="Only statements whose id begins so, such as A3. Repeatable.")
@click.option(
    "--explain", metavar="ID", help="Print statement, proof, counterexamples and meaning of the statements with this id."
)
@click.pass_context
def command(ctx: click.Context, seed: int, examples: int, as_json: bool, only: tuple[str, ...], explain: str | None) -> None:
    """Check the ShrinkNets draft's propositions, as corrected, and refute its wording.

    Each corrected statement is tested on random instances, checked exactly on the smallest rational ones, and proved for all real
    numbers where sympy or z3 can. For each wrong wording the smallest rational counterexample is searched for.

    \b
    Examples:
      python -m proofs_checks
      python -m proofs_checks --examples 100
      python -m proofs_checks --only A1 --only A4 --json
      solvers check --explain A3

    The first run on a machine takes about 20 s longer: the solvers' kernels are compiled.

    Exit code 0: every corrected statement held and every wrong wording was refuted. 1: not so. 2: options that cannot be used. 3:
    stopped by Ctrl-C, what was finished is printed.
    """
    from proofs_checks import report, run

    if explain == "":
        raise click.BadParameter("--explain needs an id, such as A3")
    chosen = _chosen((explain,) if explain else only)
    watched = sys.stderr.isatty()

    def on_progress(share: float, doing: str) -> None:
        if watched:
            click.echo(f"\r\033[K{share:4.0%}  {doing[:100]}", nl=False, err=True)

    result = run.run_checks(chosen, seed=seed, examples=examples, on_progress=on_progress)
    if watched:
        click.echo("\r\033[K", nl=False, err=True)
    if as_json:
        click.echo(json.dumps(report.to_json(result), indent=2, ensure_ascii=False))
    elif explain:
        click.echo("\n\n".join(report.explain(one) for one in result.statements))
    else:
        click.echo(report.table(result))
    ctx.exit(STOPPED if not result.complete else HOLDS if result.holds else FAILS)


def _chosen(prefixes: tuple[str, ...]) -> tuple[Statement, ...]:
    """The statements whose ids begin with one of these; all without any."""
    from proofs_checks.catalogue import STATEMENTS

    for prefix in prefixes:
        if not any(statement.id.lower().startswith(prefix.lower()) for statement in STATEMENTS):
            known = ", ".join(statement.id for statement in STATEMENTS)
            raise click.BadParameter(f"no statement has an id that begins with {prefix!r}; there are {known}")
    chosen = (
        one for one in STATEMENTS if not prefixes or one.id.lower().startswith(tuple(prefix.lower() for prefix in prefixes))
    )
    return tuple(chosen)


def main(arguments: list[str] | None = None) -> None:
    """Entry point; ``arguments`` as on the command line."""
    command(arguments, prog_name="python -m proofs_checks" if arguments is None else "solvers check")
