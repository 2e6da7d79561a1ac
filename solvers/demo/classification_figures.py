"""The two figures of the classification page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from solvers.demo.drawing import GROUP_LOOK, REFIT_LOOK, SHRINKNET_LOOKS, Line, draw, paint_against_sparsity
from solvers.demo.page import Plate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from solvers.demo.classification_curves import Array, Classification
    from solvers.demo.curves import Curve

_LOOKS = (GROUP_LOOK, REFIT_LOOK, *SHRINKNET_LOOKS)


def draw_losses(digits: Classification) -> Plate:
    """Loss against sparsity: group sparsity, refitted, and ShrinkNet."""
    return _draw(
        digits,
        [curve.losses for curve in digits.curves],
        name="classification",
        title="Loss against sparsity",
        quantity="loss",
        at_a_quarter="the normalised loss is",
        ylabel="cross-entropy / log 10",
        legend="upper left",
        caption="Every circle is one certified fit of the group-sparsity path. A square is the fit on the pixels that such a fit "
        "keeps, with a penalty that hardly shrinks. Of squares and of ShrinkNet's fits (triangles) only the one with the least "
        "loss is shown for each number of pixels. Lines only join the points.",
    )


def draw_accuracies(digits: Classification) -> Plate:
    """Training accuracy of the same fits."""
    return _draw(
        digits,
        [digits.accuracy(curve) for curve in digits.curves],
        name="classification_accuracy",
        title="Accuracy against sparsity",
        quantity="training accuracy",
        at_a_quarter="the share of images labelled correctly is",
        ylabel="training accuracy",
        legend="lower left",
        caption="The same fits: the share of the fitted images whose most probable digit is the right one.",
    )


def _draw(
    digits: Classification,
    values: list[Array],
    *,
    name: str,
    title: str,
    quantity: str,
    at_a_quarter: str,
    ylabel: str,
    legend: Literal["upper left", "lower left"],
    caption: str,
) -> Plate:
    """One number per fit, ``values[curve] (n_fits,)``, against sparsity."""
    lines = _lines(digits, values)

    def paint(ax: Axes) -> None:
        paint_against_sparsity(ax, lines, title=title, ylabel=ylabel, legend=legend)

    alt = f"{len(lines)} curves of {quantity} against the share of removed pixels. {_at_a_quarter(digits, values, at_a_quarter)}"
    return draw(name, paint, alt=alt, caption=caption)


def _lines(digits: Classification, values: list[Array]) -> list[Line]:
    return [
        Line(curve.name, curve.sparsity[shown], of_curve[shown], look)
        for curve, of_curve, look in zip(digits.curves, values, _LOOKS, strict=False)
        for shown in [_shown(curve, digits)]
    ]


def _shown(curve: Curve, digits: Classification) -> list[int]:
    return list(range(len(curve.fits))) if curve is digits.group else curve.best_of_count


def _at_a_quarter(digits: Classification, values: list[Array], verb: str) -> str:
    parts = []
    for curve, of_curve in zip(digits.curves, values, strict=True):
        index = curve.nearest(0.75)
        parts.append(f"{of_curve[index]:.3f} for {curve.name} ({curve.live[index]} pixels)")
    return f"With about a quarter of the pixels {verb} {', '.join(parts)}."
