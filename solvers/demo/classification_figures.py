"""The two figures of the classification page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solvers.demo.drawing import GROUP_LOOK, REFIT_LOOK, SHRINKNET_LOOKS, Line, draw, paint_against_sparsity
from solvers.demo.page import Plate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from solvers.demo.classification_curves import Array, Classification
    from solvers.demo.curves import Curve

_LOOKS = (GROUP_LOOK, REFIT_LOOK, *SHRINKNET_LOOKS)


def draw_losses(digits: Classification) -> Plate:
    """Loss against sparsity: group sparsity, refitted, and ShrinkNet."""
    losses = [curve.losses for curve in digits.curves]
    lines = _lines(digits, losses)

    def paint(ax: Axes) -> None:
        paint_against_sparsity(ax, lines, title="Loss against sparsity", ylabel="cross-entropy / log 10", legend="upper left")

    return draw(
        "classification",
        paint,
        alt=f"{len(lines)} curves of loss against the share of removed pixels. "
        + _at_a_quarter(digits, losses, "the normalised loss is"),
        caption="Every circle is one certified fit of the group-sparsity path. A square is the fit on the pixels that such a fit "
        "keeps, with a penalty that hardly shrinks. Of squares and of ShrinkNet's fits (triangles) only the one with the least "
        "loss is shown for each number of pixels. Lines only join the points.",
    )


def draw_accuracies(digits: Classification) -> Plate:
    """Training accuracy of the same fits."""
    accuracies = [digits.accuracy(curve) for curve in digits.curves]
    lines = _lines(digits, accuracies)

    def paint(ax: Axes) -> None:
        paint_against_sparsity(ax, lines, title="Accuracy against sparsity", ylabel="training accuracy", legend="lower left")

    return draw(
        "classification_accuracy",
        paint,
        alt=f"{len(lines)} curves of training accuracy against the share of removed pixels. "
        + _at_a_quarter(digits, accuracies, "the share of images labelled correctly is"),
        caption="The same fits: the share of the fitted images whose most probable digit is the right one.",
    )


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
