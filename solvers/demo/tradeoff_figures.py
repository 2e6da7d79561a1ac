"""The two figures of the trade-off page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.demo.curves import REFITTED, normalised
from solvers.demo.data import Families
from solvers.demo.drawing import GROUP_LOOK, LIGHT, REFIT_LOOK, SHRINKNET_LOOKS, Line, draw, paint_against_sparsity
from solvers.demo.page import Plate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from solvers.demo.tradeoff_curves import Tradeoff

Array = np.ndarray[Any, np.dtype[np.float64]]

# Light to dark; apart in lightness, so that they need no colour to be told from each other.
_FAMILY_COLOURS = ("#c9b458", "#8a8678", "#3f6fa8", "#00204d")
_LONGEST_NAME = 20


def draw_tradeoff(tradeoff: Tradeoff) -> Plate:
    """Loss against sparsity: group sparsity, refitted, and the ShrinkNets."""
    group, refitted = tradeoff.group, normalised(tradeoff.refits)
    distinct, half = group.first_of_support, group.nearest(0.5)
    lines = [
        Line(group.name, group.sparsity, group.losses, GROUP_LOOK),
        Line(REFITTED, group.sparsity[distinct], refitted[distinct], REFIT_LOOK),
    ]
    for curve, look in zip(tradeoff.shrinknets, SHRINKNET_LOOKS, strict=False):
        best = curve.best_of_count
        lines.append(Line(curve.name, curve.sparsity[best], curve.losses[best], look))

    def paint(ax: Axes) -> None:
        paint_against_sparsity(ax, lines, title="Loss against sparsity", ylabel="normalised loss", legend="upper left")

    shown = [f"the refitted path {refitted[half]:.3f}"]
    shown += [f"{curve.name} {curve.losses[curve.nearest(0.5)]:.3f}" for curve in tradeoff.shrinknets]
    return draw(
        "tradeoff",
        paint,
        alt=f"{len(shown) + 1} curves of loss against sparsity. With about {1 - group.sparsity[half]:.0%} of the inputs kept the "
        f"group-sparsity path has loss {group.losses[half]:.3f}, {', '.join(shown)}.",
        caption="Every circle is one certified fit of the group-sparsity path, every square the least-squares fit on the inputs "
        "that such a fit keeps. Circles above each other keep equally many inputs and differ in λ; of ShrinkNet's fits "
        "(triangles, diamonds) only the one with the least loss is shown for each number of inputs.",
    )


def draw_norms(tradeoff: Tradeoff) -> Plate:
    """Norm of each input's coefficients as the group-sparsity penalty grows weaker."""
    ratios = tradeoff.group.lams / tradeoff.group.lams[0]
    norms = np.array([np.linalg.norm(fit.coef, axis=0) for fit in tradeoff.group.fits])
    families = tradeoff.data.families or first_to_enter(norms, tradeoff.data.inputs)

    def paint(ax: Axes) -> None:
        ax.plot(ratios, norms[:, families.of < 0], color=LIGHT, linewidth=1.0)
        for family, name in enumerate(families.names):
            ax.plot(ratios, norms[:, families.of == family], color=_FAMILY_COLOURS[family], linewidth=1.3)
            ax.plot([], [], color=_FAMILY_COLOURS[family], linewidth=2.4, label=name)
        ax.set_xscale("log")
        ax.set_xlim(1.0, 1e-3)
        # Room for the legend above every curve.
        ax.set_ylim(0.0, 1.4 * max(float(np.max(norms)), 1e-300))
        ax.set_title("When each input comes in")
        ax.set_xlabel(r"$\lambda\,/\,\lambda_{\max}$ (penalty grows weaker to the right)")
        ax.set_ylabel("norm of the input's coefficients")
        if families.names:
            ax.legend(loc="upper left", title=families.title, alignment="left", ncols=2, fontsize=10.5, labelspacing=0.25)

    return draw(
        "tradeoff_norms",
        paint,
        alt=f"One curve for each of the {norms.shape[1]} inputs: the norm of its coefficients is exactly zero until the penalty "
        "is weak enough, then grows.",
        caption="A curve on the axis is an input that group sparsity removes: its coefficients for all outputs are exactly zero.",
    )


def first_to_enter(norms: Array, names: tuple[str, ...]) -> Families:
    """The inputs that come in first, one family each; all others are in none (-1)."""
    live = norms > 0
    # Of those that come in at the same lam, the largest first.
    entry = np.where(live.any(axis=0), np.argmax(live, axis=0), len(norms))
    order = np.lexsort((-norms[np.minimum(entry, len(norms) - 1), np.arange(norms.shape[1])], entry))
    chosen = [j for j in order[: len(_FAMILY_COLOURS)] if entry[j] < len(norms)][::-1]
    of = np.full(norms.shape[1], -1, dtype=np.intp)
    of[chosen] = np.arange(len(chosen))
    return Families("first to come in, latest first", tuple(_shortened(names[j]) for j in chosen), of)


def _shortened(name: str) -> str:
    # Matplotlib hides labels that begin with an underscore, and reads dollars as formulas.
    name = name.replace("$", r"\$").strip("_") or "unnamed"
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
