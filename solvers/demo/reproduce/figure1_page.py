"""The page on Figure 1: the draft's trade-off, trained anew, and what exact solvers make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from solvers.demo.curves import Curve
from solvers.demo.drawing import BLUE, GREEN, GREY, GROUP_LOOK, INK, PINK, REFIT_LOOK, SHRINKNET_LOOKS, draw
from solvers.demo.page import Csv, Evidence, Page, Plate, Table
from solvers.demo.reproduce.figure1 import Figure1, Training
from solvers.demo.reproduce.recipes import LAM2
from solvers.demo.tables import curve_evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TITLES = {"group": "group sparsity", "shrink": "ShrinkNet"}


_CLOSE_SPARSITY, _CLOSE_LOSS = 0.05, 0.15
"""What counts as agreement of one run with one run: difference of the sparsities, relative difference of the losses."""


def figure1_page(figure: Figure1) -> Page:
    """Words, drawings and tables of what was computed."""
    evidence = tuple(_evidence(figure))
    return Page(
        slug="figure1",
        title=f"Figure 1: loss against sparsity on {figure.data.name}",
        sentences=tuple(_sentences(figure)),
        figures=tuple(_plates(figure)),
        tables=(_table(figure),) if figure.trainings else (),
        notes=_notes(figure),
        files=(_csv(figure),),
        evidence=evidence,
        complete=figure.complete,
    )


def agrees(training: Training) -> bool | None:
    """Whether one run lands where the draft's one run did; None without a digitised point."""
    if training.drafted is None:
        return None
    sparsity, loss = training.drafted
    near = abs(training.run["sparsity"] - sparsity) <= _CLOSE_SPARSITY
    return near and abs(training.run["loss"] / loss - 1.0) <= _CLOSE_LOSS


def _sentences(figure: Figure1) -> Iterator[str]:
    if figure.scale.share < 1:
        yield f"A rehearsal: {figure.scale.share:.0%} of the draft's epochs. The draft's own results need --scale paper."
    for method, title in _TITLES.items():
        trainings = figure.of(method)
        verdicts = [agrees(training) for training in trainings]
        if figure.scale.share == 1 and None not in verdicts and trainings:
            apart = [f"{t.setting.draft_lam:g}" for t, verdict in zip(trainings, verdicts, strict=True) if not verdict]
            yield (
                f"Trained as in the draft, {title} lands within {_CLOSE_SPARSITY} in sparsity and {_CLOSE_LOSS:.0%} in loss of "
                f"the draft's point for {sum(map(bool, verdicts))} of {len(trainings)} values of lambda"
                + (f"; not at lambda = {', '.join(apart)}. Both are single runs from random starts." if apart else ".")
            )
    yield from _on_the_optimum(figure)
    yield from _on_the_refit(figure)


def _on_the_optimum(figure: Figure1) -> Iterator[str]:
    group, shrink = figure.of("group"), figure.of("shrink")
    if group and shrink:
        excess = {name: [_excess(figure, t) for t in trainings] for name, trainings in (("group", group), ("shrink", shrink))}
        largest = max(shrink, key=lambda t: t.setting.draft_lam)
        yield (
            f"Against the exact minimiser of the same objective, the trained group-sparsity objective is between "
            f"{min(excess['group']):.3f} and {max(excess['group']):.3f} times as large, ShrinkNet's between "
            f"{min(excess['shrink']):.2g} and {max(excess['shrink']):.2g} times: its runs end far from their minimisers. At "
            f"lambda = {largest.setting.draft_lam:g} training keeps {_kept(figure, largest.run['sparsity'])} inputs (loss "
            f"{largest.run['loss']:.3f}), the exact solver {len(largest.exact.support)} (loss "
            f"{largest.exact.loss / figure.half_targets:.3f}): with lambda 2 = {LAM2:g} the penalty of a given W is almost "
            "nothing once beta is small and A large, and gradient steps do not get there. The draft's ShrinkNet curve shows "
            "stopped dynamics, not minimisers."
        )


def _excess(figure: Figure1, training: Training) -> float:
    return training.run["objective"] * figure.half_targets / training.exact.objective


def _kept(figure: Figure1, sparsity: float) -> int:
    return round((1.0 - sparsity) * figure.data.X.shape[1])


def _on_the_refit(figure: Figure1) -> Iterator[str]:
    if figure.group is None or figure.refitted is None:
        return
    rows = []
    for training in figure.of("shrink"):
        sparsity = training.run["sparsity"]
        if 0.1 < sparsity < 0.995:
            index = figure.group.nearest(sparsity)
            rows.append((training.run["loss"], figure.group.losses[index], figure.refitted.losses[index]))
    if rows:
        trained, penalised, refitted = np.array(rows).T
        yield (
            f"The draft's claim is that ShrinkNet fits closer than group sparsity at equal sparsity. At the {len(rows)} "
            f"sparsities that training reached between 0.1 and 0.995 it does so in {np.count_nonzero(trained < penalised)}. "
            "Beside group sparsity refitted on the inputs it keeps, a baseline the draft leaves out, it does so in "
            f"{np.count_nonzero(trained < refitted)}: on average the refit takes back "
            f"{np.mean((penalised - refitted) / penalised):.0%} of the path's loss, ShrinkNet's training "
            f"{np.mean((penalised - trained) / penalised):.0%}."
        )
    if figure.shrink is not None:
        index, again = figure.shrink.nearest(0.9), figure.group.nearest(0.9)
        yield (
            f"Near a sparsity of 0.9 the exact ShrinkNet path has a loss of {figure.shrink.losses[index]:.3f} "
            f"({figure.shrink.live[index]} inputs), group sparsity {figure.group.losses[again]:.3f} "
            f"({figure.group.live[again]} inputs), refitted {figure.refitted.losses[again]:.3f}."
        )


def _plates(figure: Figure1) -> Iterator[Plate]:
    def paint(ax: Axes) -> None:
        curves = ((figure.group, GROUP_LOOK), (figure.refitted, REFIT_LOOK), (figure.shrink, SHRINKNET_LOOKS[0]))
        for curve, look in curves:
            if curve is not None:
                ax.plot(curve.sparsity, curve.losses, "-", color=look.colour, linewidth=1.3, label=f"{curve.name}, exact")
        for method, title in _TITLES.items():
            colour = BLUE if method == "group" else GREEN
            runs = [(t.run["sparsity"], t.run["loss"]) for t in figure.of(method)]
            ax.plot(*zip(*runs, strict=True), "o", color=colour, markersize=6, markeredgecolor="white", label=f"{title}, trained")
            drafted = [t.drafted for t in figure.of(method) if t.drafted is not None]
            if drafted:
                ax.plot(*zip(*drafted, strict=True), "x", color=INK if method == "group" else PINK, label=f"{title}, draft")
        ax.set_yscale("log")
        ax.set_xlim(-0.02, 1.03)
        ax.set_title("Trained as in the draft, and solved exactly")
        ax.set_xlabel("sparsity (share of inputs removed)")
        ax.set_ylabel("normalised loss")
        ax.legend(loc="upper left", bbox_to_anchor=(0.02, 0.97), fontsize=9)
        ax.axhline(1.0, color=GREY, linewidth=0.8, linestyle=":")

    if figure.trainings:
        yield draw(
            "figure1",
            paint,
            alt="Normalised loss over sparsity: points of the trainings beside the draft's, and three exact curves below them.",
            caption="Points: one training for each lambda of the draft, and the draft's own points. Lines: exact solutions.",
        )


def _table(figure: Figure1) -> Table:
    rows = []
    for t in figure.trainings:
        drafted = ("", "") if t.drafted is None else (f"{t.drafted[0]:.4f}", f"{t.drafted[1]:.4f}")
        exact = f"{t.exact.sparsity:.4f}", f"{t.exact.loss / figure.half_targets:.4f}"
        trained = f"{t.run['sparsity']:.4f}", f"{t.run['loss']:.4f}"
        verdict = {None: "", True: "yes", False: "no"}[agrees(t) if figure.scale.share == 1 else None]
        rows.append(
            (_TITLES[t.method], f"{t.setting.draft_lam:g}", *trained, *drafted, verdict, *exact, f"{_excess(figure, t):.3g}")
        )
    return Table(
        caption="One training for each lambda of the draft (in the draft's units), its digitised point, and the exact minimiser "
        "of the same objective. The last column is the trained objective over the exact one.",
        header=("Method", "λ", "Sparsity", "Loss", "Draft's", "Loss", "Agree", "Exact", "Loss", "Excess"),
        align="lrrrrrlrrr",
        rows=tuple(rows),
    )


def _notes(figure: Figure1) -> tuple[str, ...]:
    recipe = "" if figure.known else f" No recipe of this dataset is known: these are the settings of {figure.recipe.name}."
    return (
        *figure.data.notes,
        "Settings: full-batch Adagrad from random starts, learning rate and epochs for each lambda from the authors' scripts, no "
        f"removal, lambda 2 = {LAM2:g} for ShrinkNet.{recipe} The draft's loss is a mean over samples and outputs: strengths are "
        "multiplied by half the number of outputs here, losses divided by it.",
        "Sparsity of a training: the share of inputs whose coefficients are all below 0.001, as in the draft. Exact solutions "
        "have exact zeros.",
        "Exact group sparsity carries duality gaps. For ShrinkNet the certificate is stationarity of the best of several starts.",
    )


def _csv(figure: Figure1) -> Csv:
    rows: list[tuple[float | int | str, ...]] = []
    for t in figure.trainings:
        drafted = t.drafted or ("", "")
        head = (f"{t.method}, trained", t.setting.draft_lam, t.run["sparsity"], t.run["loss"], t.run["objective"])
        rows.append(
            (*head, *drafted, t.exact.sparsity, t.exact.loss / figure.half_targets, t.exact.objective / figure.half_targets)
        )
    for curve in (figure.group, figure.refitted, figure.shrink):
        rows += [] if curve is None else _curve_rows(curve, figure.half_targets)
    header = (
        *("curve", "draft_lam", "sparsity", "loss", "objective"),
        *("draft_sparsity", "draft_loss", "exact_sparsity", "exact_loss", "exact_objective"),
    )
    return Csv("figure1.csv", header, tuple(rows))


def _curve_rows(curve: Curve, half_targets: float) -> list[tuple[float | int | str, ...]]:
    return [
        (
            f"{curve.name}, exact",
            fit.penalty.lam / half_targets,
            fit.sparsity,
            loss,
            fit.objective / half_targets,
            "",
            "",
            "",
            "",
            "",
        )
        for fit, loss in zip(curve.fits, curve.losses, strict=True)
    ]


def _evidence(figure: Figure1) -> Iterator[Evidence]:
    for t in figure.trainings:
        of = f"exact {_TITLES[t.method]} at the draft's lambda = {t.setting.draft_lam:g}"
        yield Evidence(of, t.exact.status, t.exact.certificate, f"exact {_TITLES[t.method]} at the draft's lambdas")
    for curve in (figure.group, figure.refitted, figure.shrink):
        if curve is not None:
            yield from curve_evidence(curve)
