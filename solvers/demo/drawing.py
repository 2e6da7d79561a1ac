"""How figures of the report look: one size, one set of colours, matplotlib's object API without global state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from solvers.demo.page import Plate
from solvers.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
