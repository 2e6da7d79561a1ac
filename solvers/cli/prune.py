"""The command ``solvers prune``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solvers.cli.frame import DONE, FAILED, STOPPED, Refused, progress_bar
from solvers.errors import InputError

if TYPE_CHECKING:
    from solvers import LotteryTicket


@click.command("prune")
@click.option(
    "--target", "file", required=True, metavar="FILE", help="Network: .npz with weight matrices in the order of its layers."
)
@click.option("--eps", type=float, default=0.01, show_default=True, help="Largest error per weight.")
@click.option("--construction", default="relu", show_default=True, help="relu, linear, direct or depth_plus_one.")
@click.option("--objective", default="error", show_default=True, help="error, size or lexicographic.")
@click.option("--candidates", type=int, help="Random coefficients per weight.  [default: 3 round(log2(1/eps))]")
@click.option("--shared", is_flag=True, help="One draw of coefficients per output row (direct only).")
@click.option("--nonnegative-inputs", is_flag=True, help="All inputs are at least 0, such as pixels.")
@click.option("--jobs", type=int, default=-1, show_default=True, help="Threads; -1 for all.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random network.")
@click.option("--out", type=click.Path(path_type=Path), default="ticket.npz", show_default=True, help="File of the ticket.")
@click.pass_context
def command(ctx: click.Context, file: str, out: Path, jobs: int, seed: int, candidates: int | None, **options: Any) -> None:
    """Prune a random network until it approximates a given one.

    The target is an .npz file: a ReluNetwork that was saved, or arrays (n_out, n_in) whose names are in the order of the layers;
    vectors named like "fc1.bias" beside "fc1.weight" are biases. Finished rows are kept in a file beside --out: the same command
    goes on where it was stopped.

    \b
    Examples:
      solvers prune --target net.npz --eps 0.01
      solvers prune --target net.npz --construction direct --objective size --out small.npz

    Exit code 0: every weight is within eps, proven. 1: an error, or some are not. 2: options or data that cannot be used.
    3: stopped by Ctrl-C, finished rows are kept.
    """
    from solvers import prune_to_network

    began = time.perf_counter()
    checkpoint = out.with_name(out.name + ".rows")
    with progress_bar(lambda: False) as on_progress:
        on_progress(0.0, "reading")
        target = read_network(file)

        def tell(done: int, total: int) -> None:
            spent = time.perf_counter() - began
            left = spent * (total - done) / max(done, 1)
            on_progress(done / total, f"{done} of {total} rows, {left:.0f} s left")

        try:
            ticket = prune_to_network(
                target,
                n_candidates=candidates,
                n_jobs=jobs,
                random_state=seed,
                checkpoint=checkpoint,
                on_progress=tell,
                **options,
            )
        except InputError as error:
            raise Refused(" ".join(str(error).split())) from error
    if ticket.limit == "interrupt":
        click.echo(f"stopped early: finished rows are in {checkpoint}, the same command goes on from there")
        ctx.exit(STOPPED)
    ticket.save(out)
    checkpoint.unlink(missing_ok=True)
    _print_summary(ticket, out)
    ctx.exit(DONE if len(ticket.missed) == 0 and ticket.certificate.holds else FAILED)


def read_network(file: str) -> Any:
    """The network in an .npz file."""
    import numpy as np

    from solvers import ReluNetwork

    try:
        with np.load(file, allow_pickle=False) as stored:
            names = list(stored.files)
            if "__document__" in names:
                return ReluNetwork.load(file)
            arrays = {name: stored[name] for name in names}
    except FileNotFoundError:
        raise Refused(f"--target {file} does not exist") from None
    except (OSError, ValueError, EOFError):
        raise Refused(f"--target {file} is not an .npz file of arrays: write numpy.savez({file!r}, W1, W2)") from None
    weights = [name for name in arrays if arrays[name].ndim >= 2]
    biases = [arrays.get(name.replace("weight", "bias")) if "weight" in name else None for name in weights]
    try:
        if all(arrays[name].ndim == 2 for name in weights):
            return ReluNetwork([arrays[name] for name in weights], biases)
    except InputError as error:
        raise Refused(f"--target {file}: {' '.join(str(error).split())}") from error
    return [arrays[name] for name in weights]


def _print_summary(ticket: LotteryTicket, out: Path) -> None:
    worst = max(float(errors.max(initial=0.0)) for errors in ticket.weight_errors)
    lines = [
        f"ticket         {out}",
        f"weights        {ticket.n_weights}, largest error {worst:.2e}, {len(ticket.missed)} beyond eps",
        f"kept           {ticket.kept} of {ticket.initial} coefficients, {ticket.kept / ticket.n_weights:.3g} per weight",
        f"certificate    {ticket.status}, gap {ticket.certificate.gap:.1e}",
        f"wall time      {ticket.elapsed:.1f} s",
    ]
    if ticket.target is not None:
        lines.insert(3, f"error bound    {ticket.error_bound():.3g} for inputs of length 1")
    click.echo("\n".join(lines))
