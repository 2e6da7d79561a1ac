"""How figures of the report look: one size, one set of colours, matplotlib's object API without global state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from solvers.demo.page import Plate
from solvers.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, np.dtype[np.float64]]

# Okabe and Ito's colours stay apart for colour-blind readers.
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY, LIGHT, INK = "#6b7280", "#c5cad3", "#1f2937"

# Chosen so that text stays readable where a phone shows the figure at two thirds of this size.
_SIZE = (5.6, 4.5)
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11.5,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
}


def draw(name: str, paint: Callable[[Axes], None], *, alt: str, caption: str) -> Plate:
    """A plate with one pair of axes, painted by ``paint``.

    Parameters
    ----------
    name, alt, caption : str
        As in `Plate`.
    paint : callable
        Given the axes, in the report's style.

    Returns
    -------
    Plate
        Ready to be put on a page.
    """
    matplotlib = require("matplotlib", extra="demo", purpose="the demo")
    figures = require("matplotlib.figure", extra="demo", purpose="the demo")
    agg = require("matplotlib.backends.backend_agg", extra="demo", purpose="the demo")
    with matplotlib.rc_context(_STYLE):
        figure = figures.Figure(figsize=_SIZE, layout="constrained")
        agg.FigureCanvasAgg(figure)
        paint(figure.add_subplot())
    return Plate(name, figure, alt, caption)


@dataclass(frozen=True)
class Look:
    """How a curve is drawn, the same in all figures."""

    style: str
    colour: str
    markersize: float = 5.5
    linewidth: float = 1.3
    edge: str = "white"


GROUP_LOOK = Look("o-", BLUE, markersize=3.5, linewidth=1.6, edge=BLUE)
REFIT_LOOK = Look("s-", ORANGE, linewidth=1.6)
SHRINKNET_LOOKS = (Look("^--", GREEN), Look("D:", PINK))


@dataclass(frozen=True)
class Line:
    """Points of one curve, joined.

    Attributes
    ----------
    label : str
        For the legend.
    sparsity, values : (n_points,)
        Where the points are.
    look : Look
        How they are drawn.
    """

    label: str
    sparsity: Array
    values: Array
    look: Look


def paint_against_sparsity(
    ax: Axes, lines: Sequence[Line], *, title: str, ylabel: str, legend: Literal["upper left", "lower left"]
) -> None:
    """Draw lines over the share of removed inputs; ``legend`` is where their names stand."""
    for line in lines:
        look = line.look
        marker: dict[str, Any] = {"markersize": look.markersize, "markeredgecolor": look.edge, "markeredgewidth": 0.5}
        style: dict[str, Any] = {"color": look.colour, "linewidth": look.linewidth, "label": line.label}
        ax.plot(line.sparsity, line.values, look.style, **style, **marker)
    ax.set_xlim(-0.02, 1.03)
    ax.set_title(title)
    ax.set_xlabel("sparsity (share of inputs removed)")
    ax.set_ylabel(ylabel)
    ax.legend(loc=legend, handlelength=1.8)
