"""The two figures of the trade-off page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.demo.drawing import BLUE, INK, ORANGE, draw
from solvers.demo.page import Plate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, np.dtype[np.float64]]

# Light to dark towards the right half; apart in lightness, so that they need no colour to be told from each other.
_COLUMN_COLOURS = ("#c9b458", "#8a8678", "#3f6fa8", "#00204d")
_COLUMN_NAMES = ("1 (outermost)", "2", "3", "4 (innermost)")


def draw_tradeoff(sparsity: Array, path_loss: Array, refit_loss: Array, distinct: list[int], half: int) -> Plate:
    """Loss against sparsity, along the path and refitted; ``half`` is the fit whose refit is pointed at."""

    def paint(ax: Axes) -> None:
        ax.plot(sparsity, path_loss, "o-", color=BLUE, markersize=3.5, linewidth=1.6, label="group-sparsity path")
        ax.plot(
            sparsity[distinct],
            refit_loss[distinct],
            "s-",
            color=ORANGE,
            markersize=4.5,
            linewidth=1.6,
            label="refitted on its support",
        )
        _point_at(ax, sparsity[half], path_loss[half], refit_loss[half])
        ax.set_xlim(-0.02, 1.03)
        ax.set_title("Loss against sparsity")
        ax.set_xlabel("sparsity (share of inputs removed)")
        ax.set_ylabel("normalised loss")
        ax.legend(loc="upper left", handlelength=1.8)

    return draw(
        "tradeoff",
        paint,
        alt=f"Two curves of loss against sparsity. With {1 - sparsity[half]:.0%} of the inputs kept the path has loss "
        f"{path_loss[half]:.3f} and the refitted path {refit_loss[half]:.3f}; the refitted curve is nowhere above the other.",
        caption="Every circle is one certified fit of the path, every square the least-squares fit on the inputs that such a fit "
        "keeps. Circles above each other keep equally many inputs and differ in λ.",
    )


def _point_at(ax: Axes, x: float, above: float, below: float) -> None:
    ax.annotate("", (x, below), (x, above), arrowprops={"arrowstyle": "->", "color": INK, "shrinkA": 3, "shrinkB": 3})
    words = f"from {above:.3f} to {below:.3f}\nby refitting alone"
    # Below the lower curve, which rises to the right, there is always room.
    ax.annotate(words, (x, below), xytext=(8, -12), textcoords="offset points", va="top", fontsize=10.5)


def draw_norms(ratios: Array, norms: Array) -> Plate:
    """Norm of each input's coefficients, ``norms (n_lams, 32)``, as the penalty ``ratios`` = lam / lambda_max grows weaker."""

    def paint(ax: Axes) -> None:
        for column in range(4):
            ax.plot(ratios, norms[:, column::4], color=_COLUMN_COLOURS[column], linewidth=1.3)
            ax.plot([], [], color=_COLUMN_COLOURS[column], linewidth=2.4, label=_COLUMN_NAMES[column])
        ax.set_xscale("log")
        ax.set_xlim(1.0, 1e-3)
        ax.set_ylim(0.0, 1.1 * max(1.0, float(np.max(norms))))
        ax.set_title("When each input comes in")
        ax.set_xlabel(r"$\lambda\,/\,\lambda_{\max}$ (penalty grows weaker to the right)")
        ax.set_ylabel("norm of the input's coefficients")
        ax.legend(loc="upper left", title="input's pixel column", alignment="left", fontsize=10.5, labelspacing=0.25)

    return draw(
        "tradeoff_norms",
        paint,
        alt="One curve for each of the 32 inputs: the norm of its coefficients is exactly zero until the penalty is weak enough, "
        "then grows.",
        caption="A curve on the axis is an input that is removed: its coefficients for all outputs are exactly zero.",
    )
