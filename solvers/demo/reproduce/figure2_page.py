"""The page on Figure 2: what aggressive and late removal cost, beside the recorded results, with a verdict for each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from solvers.demo.drawing import BLUE, GREEN, GREY, INK, ORANGE, draw
from solvers.demo.page import Csv, Page, Plate, Table
from solvers.demo.reproduce.figure2 import FAIR_START, Figure2, Summary
from solvers.demo.reproduce.figure2_words import make_notes, make_sentences, verdict
from solvers.demo.reproduce.recipes import BASELINE, DETERMINISTIC, RANDOMIZED, published

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {DETERMINISTIC: BLUE, RANDOMIZED: ORANGE, FAIR_START: GREEN}
_SHOWN = {"loss": "normalised loss", "live": "live inputs at the end", "cost": "cost (live inputs, summed over epochs)"}


def figure2_page(figure: Figure2) -> Page:
    """Words, drawings and tables of what was computed."""
    return Page(
        slug="figure2",
        title=f"Figure 2: removing neurons while training, on {figure.data.name}",
        sentences=tuple(make_sentences(figure)),
        figures=tuple(_plates(figure)),
        tables=tuple(_tables(figure)),
        notes=make_notes(figure),
        files=(_csv(figure),),
        complete=figure.complete,
    )


def _plates(figure: Figure2) -> Iterator[Plate]:
    for draft_lam in figure.recipe.figure2:
        if not any(figure.curve(draft_lam, variant) for variant in _COLOURS):
            continue
        for name, label in _SHOWN.items():
            yield _plate(figure, draft_lam, name, label)


def _plate(figure: Figure2, draft_lam: float, name: str, label: str) -> Plate:
    def paint(ax: Axes) -> None:
        for variant, colour in _COLOURS.items():
            curve = figure.curve(draft_lam, variant)
            _paint_band(ax, curve, name, colour, variant)
        for summary in figure.curve(draft_lam, BASELINE):
            ax.axhline(summary.mean(name), color=GREY, linewidth=1.2, linestyle="--", label=BASELINE)
        _paint_recorded(ax, [s for s in figure.summaries if s.point.setting.draft_lam == draft_lam], name)
        ax.set_xscale("log")
        ax.invert_xaxis()
        if name != "loss":
            ax.set_yscale("log")
        ax.set_title(f"λ = {draft_lam:g}: {label.partition(' (')[0]}")
        ax.set_xlabel(r"aggressiveness $1 - \gamma$")
        ax.set_ylabel(label)
        ax.legend(loc="best", fontsize=9)

    return draw(
        f"figure2_{name}_{draft_lam:g}",
        paint,
        alt=f"{label} over the aggressiveness of removal, from 1 down to 1e-5, for lambda = {draft_lam:g}.",
        caption=f"λ = {draft_lam:g}: mean and one standard deviation over {figure.scale.repeats} trainings; crosses: recorded by "
        "the draft's authors, with one standard deviation where it is known.",
    )


def _paint_band(ax: Axes, curve: list[Summary], name: str, colour: str, label: str) -> None:
    if not curve:
        return
    x, mean = [s.point.aggressiveness for s in curve], [s.mean(name) for s in curve]
    sd = [0.0 if math.isnan(s.sd(name)) else s.sd(name) for s in curve]
    low, high = ([m + sign * d for m, d in zip(mean, sd, strict=True)] for sign in (-1.0, 1.0))
    low = [max(value, 1e-3 * m) for value, m in zip(low, mean, strict=True)]
    ax.plot(x, mean, "o-", color=colour, markersize=3.5, linewidth=1.5, label=label)
    ax.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _paint_recorded(ax: Axes, summaries: list[Summary], name: str) -> None:
    label: str | None = "recorded"
    for summary in summaries:
        if summary.recorded is None or summary.point.variant == BASELINE:
            continue
        y, sd = getattr(summary.recorded, name), getattr(summary.recorded, f"{name}_sd", None)
        ax.errorbar(summary.point.aggressiveness, y, yerr=sd, fmt="x", color=INK, capsize=3, label=label, zorder=5)
        label = None


def _tables(figure: Figure2) -> Iterator[Table]:
    if any(summary.recorded for summary in figure.summaries):
        yield Table(
            caption="Beside the recorded results: mean ± standard deviation. A verdict compares the difference of the means with "
            "twice the root of the summed squares of the standard deviations, and is given where one was recorded.",
            header=("λ", "Removal", "1 - gamma", "Loss", "Recorded", "Agrees", "Live", "Recorded", "Agrees", "Cost", "Recorded"),
            align="llrrrlrrlrr",
            rows=tuple(_recorded_row(s) for s in figure.summaries if s.recorded),
        )
    yield Table(
        caption="Every point: means over the repeats. Last removal: the epoch after which no input was removed any more.",
        header=("λ", "Removal", "1 - gamma", "Runs", "Loss", "± sd", "Live", "Cost", "Last removal", "Seconds"),
        align="llrrrrrrrr",
        rows=tuple(_row(s) for s in figure.summaries),
    )


def _recorded_row(s: Summary) -> tuple[str, ...]:
    assert s.recorded is not None
    r = s.recorded
    recorded = f"{r.loss:.4f}" + (f" ± {r.loss_sd:.4f}" if r.loss_sd is not None else "")
    live = f"{r.live:g}" + (f" ± {r.live_sd:g}" if r.live_sd is not None else "")
    return (
        *(f"{s.point.setting.draft_lam:g}", s.point.variant, published(s.point.aggressiveness)),
        *(f"{s.mean('loss'):.4f} ± {s.sd('loss'):.4f}", recorded, verdict(s, "loss")),
        *(f"{s.mean('live'):.1f} ± {s.sd('live'):.1f}", live, verdict(s, "live")),
        *(f"{s.mean('cost'):,.0f}", f"{r.cost:,}"),
    )


def _row(s: Summary) -> tuple[str, ...]:
    return (
        *(f"{s.point.setting.draft_lam:g}", s.point.variant, published(s.point.aggressiveness), str(len(s.runs))),
        *(f"{s.mean('loss'):.4f}", f"{s.sd('loss'):.4f}", f"{s.mean('live'):.1f}", f"{s.mean('cost'):,.0f}"),
        *(f"{s.mean('last_removal'):,.0f}", f"{s.mean('seconds'):.2f}"),
    )


def _csv(figure: Figure2) -> Csv:
    names = ("loss", "live", "cost", "multiply_adds", "last_removal", "seconds")
    header = ("draft_lam", "removal", "one_minus_gamma", "repeat", "n_epochs", *names)
    rows = tuple(
        (*_place(s), repeat, s.point.setting.n_epochs, *(run[name] for name in names))
        for s in figure.summaries
        for repeat, run in enumerate(s.runs)
    )
    return Csv("figure2.csv", header, rows)


def _place(s: Summary) -> tuple[float, str, float]:
    return s.point.setting.draft_lam, s.point.variant, s.point.aggressiveness
