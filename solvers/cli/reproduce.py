"""The command ``solvers reproduce``."""

from __future__ import annotations

from pathlib import Path

import click

from solvers.cli.demo import load_data
from solvers.cli.frame import DONE, FAILED, STOPPED, Refused, first_interrupt_asks, progress_bar


@click.command("reproduce")
@click.argument("figure", type=click.Choice(["figure1", "figure2"]))
@click.option("--data", "file", metavar="FILE", help="The data: .npz with X and Y, or .csv or .arff with --targets.")
@click.option("--openml", "name", metavar="NAME", help="Data from www.openml.org by its name there; downloaded once.")
@click.option("--targets", metavar="K", type=int, help="The last K columns of the table are the targets.")
@click.option("--scale", type=click.Choice(["smoke", "paper"]), default="smoke", show_default=True, help="How much of it.")
@click.option("--out", type=click.Path(path_type=Path), default="reproduction", show_default=True, help="Folder of the report.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random starts.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings at once.")
@click.pass_context
def command(
    ctx: click.Context,
    figure: str,
    file: str | None,
    name: str | None,
    targets: int | None,
    scale: str,
    out: Path,
    seed: int,
    jobs: int,
) -> None:
    """Train as the draft's authors did, and compare with what they recorded.

    figure1: loss against sparsity, ShrinkNet and group sparsity, beside exact solvers. figure2: neurons removed while training,
    for a range of gamma. Settings of oes97 and scm1d are known, other data gets those of scm1d. Smoke takes seconds; paper runs
    the draft's epochs and 30 repeats: an hour for figure2 on oes97.

    Finished runs stay in the folder: the same command goes on where it was stopped.

    \b
    Examples:
      solvers reproduce figure2 --data oes97.arff --targets 16
      solvers reproduce figure1 --data oes97.npz --scale paper --out figure1
      solvers reproduce figure2 --openml scm1d --targets 16 --scale paper --jobs 2

    Exit code 0: done. 1: an error, or a certificate of an exact solver that does not hold. 2: options or data that cannot be
    used. 3: stopped by Ctrl-C, the report holds what was finished.
    """
    data = load_data(file, name, targets)
    if data is None:
        raise Refused(f"the data is missing: write solvers reproduce {figure} --data FILE, or --openml oes97 --targets 16")
    with first_interrupt_asks() as stopped, progress_bar(stopped) as on_progress:
        from solvers.demo.reproduce.run import reproduce

        options = {"scale": scale, "seed": seed, "n_jobs": jobs, "on_progress": on_progress, "stopped": stopped}
        result = reproduce(figure, data, out, **options)
    holding = sum(one.certificate.holds for one in result.page.evidence)
    lines = [] if result.complete else ["stopped early: the same command goes on from here"]
    lines += [f"data          {data.summary}", f"report        {result.index}"]
    lines += [f"certificates  {holding} of {len(result.page.evidence)} hold"] if result.page.evidence else []
    lines += [f"wall time     {result.wall_time:.1f} s"]
    click.echo("\n".join([*lines, "", *result.page.sentences]))
    ctx.exit(STOPPED if not result.complete else DONE if holding == len(result.page.evidence) else FAILED)
