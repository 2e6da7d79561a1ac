"""The four pictures of the propositions page: a hill, a valley, four equal minima, and what the penalties charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.demo.drawing import BLUE, GREEN, GREY, INK, ORANGE, PINK, draw
from solvers.demo.page import Plate
from solvers.regression.shrinknet import RegularizedShrinkNet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from solvers.demo.propositions import Minima

Array = np.ndarray[Any, np.dtype[np.float64]]

_VALLEY_LAM = 0.5


def draw_hill() -> Plate:
    """A.2: ``f(a, b) = (0 - a b)^2`` with two zeros and the point half-way."""
    side = np.linspace(-0.5, 2.5, 241)
    values = np.multiply.outer(side, side) ** 2

    def paint(ax: Axes) -> None:
        _landscape(ax, side, side, values, [0.01, 0.1, 0.3, 0.6, 1, 2, 4, 8, 16])
        ax.plot([0, 2], [2, 0], color=ORANGE, linewidth=1.6)
        ax.plot([0, 2], [2, 0], "o", color=ORANGE, markeredgecolor="white", markersize=8)
        ax.plot([1], [1], "s", color=INK, markeredgecolor="white", markersize=8)
        _say(ax, "f = 0", (0, 2))
        _say(ax, "f = 0", (2, 0))
        _say(ax, "f = 1 half-way", (1, 1))
        ax.set(title="A.2: between two zeros a hill", xlabel="a", ylabel="β", aspect="equal")

    return draw(
        "propositions_hill",
        paint,
        alt="Contour lines of f(a, β) = (aβ)², zero on both axes. A straight line from (0, 2) to (2, 0), where f is 0, passes "
        "through (1, 1), where f is 1.",
        caption="The fit of one input x = 1 to the output y = 0, as a function of its two factors. A convex function would be "
        "at most 0 half-way between two zeros.",
    )


def draw_valley() -> Plate:
    """A.3: ``F(a, b) = (1 - a b)^2 + lam |b|`` along the curve ``a b = 1``."""
    a, beta = np.geomspace(0.4, 160, 241), np.geomspace(0.015, 3, 241)
    values = (1 - np.multiply.outer(beta, a)) ** 2 + _VALLEY_LAM * beta[:, np.newaxis]
    t = np.array([1.0, 0.3, 0.1, 0.03])

    def paint(ax: Axes) -> None:
        ax.set(xscale="log", yscale="log")
        _landscape(ax, a, beta, values, [0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5, 25])
        ax.plot(1 / t, t, "o-", color=ORANGE, markeredgecolor="white", markersize=8)
        for value in t:
            _say(ax, f"F = {_VALLEY_LAM * value:g}", (1 / value, value))
        ax.set(title="A.3: a valley that falls for ever", xlabel="a", ylabel="β")

    return draw(
        "propositions_valley",
        paint,
        alt="Contour lines of F(a, β) = (1 - aβ)² + 0.5 |β| on logarithmic axes. Along the points (1/t, t) for t = 1, 0.3, "
        "0.1, 0.03 the value is 0.5 t: it falls towards 0, which no point reaches.",
        caption="Plain ShrinkNet with x = y = 1 and λ = 0.5. On the line aβ = 1 the fit is exact and the price 0.5 β: "
        "further down to the right it is always cheaper. No point has the infimum 0.",
    )


def draw_minima(minima: Minima) -> Plate:
    """A.4: the objective over ``beta`` with A chosen best, and all global minima."""
    side = np.linspace(-3.2, 3.2, 241)
    columns = [
        z * z * minima.lam2 / (side**2 + minima.lam2) + minima.lam * np.abs(side) for z in (minima.targets[0], minima.targets[1])
    ]
    values = np.add.outer(columns[1], columns[0])
    x, y = minima.points[:, 0], minima.points[:, 1]

    def paint(ax: Axes) -> None:
        low, high = values.min(), values.max()
        _landscape(ax, side, side, values, list(low + (high - low) * np.array([0.01, 0.04, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])))
        ax.plot(x, y, "o", color=ORANGE, markeredgecolor="white", markersize=10)
        ax.set(title=f"A.4: {len(x)} equal minima, by signs", xlabel="β₁", ylabel="β₂", aspect="equal")

    return draw(
        "propositions_minima",
        paint,
        alt=f"Contour lines over the two entries of β, mirror-symmetric in both axes. {len(x)} global minima lie at "
        f"β₁ = ±{abs(x[0]):.2f}, β₂ = ±{abs(y[0]):.2f}.",
        caption="Regularised ShrinkNet with two orthogonal inputs, both in use, A chosen best for each β. The dots are solve's "
        "answer and its sign flips. With one input removed they fall together in pairs.",
    )


def draw_penalties() -> Plate:
    """What one coefficient costs: the lasso's price, and regularised ShrinkNet's after the best factorisation."""
    w = np.linspace(-2, 2, 801)

    def paint(ax: Axes) -> None:
        ax.plot(w, np.abs(w), color=BLUE, linewidth=2, label="lasso: |w|")
        for p, colour, style, formula in ((2, GREEN, "--", "|w|^(2/3)"), (1, PINK, ":", "|w|^(1/2)")):
            prices = _price(w, p)
            ax.plot(w, prices, style, color=colour, linewidth=2, label=f"ShrinkNet, p = {p}: {formula}")
        ax.set(title="The penalty on w = βa itself", xlabel="coefficient w", ylabel="price (1 at w = 1)", ylim=(0, 2.4))
        ax.legend(loc="upper center")

    return draw(
        "propositions_penalty",
        paint,
        alt="Price of a coefficient w between -2 and 2. The lasso's grows in proportion to |w|. ShrinkNet's is infinitely steep "
        f"at w = 0 and flatter beyond: at w = 2 the lasso charges 2, ShrinkNet {_price(np.array([2.0]), 2)[0]:.2f} for p = 2 and "
        f"{_price(np.array([2.0]), 1)[0]:.2f} for p = 1.",
        caption="After the best factorisation λ|β| + λ₂|a|ᵖ is a price on the product alone. Small coefficients are charged more "
        "than by the lasso and go to zero, large ones less and are hardly shrunk.",
    )


def _price(w: Array, p: float) -> Array:
    """Regularised ShrinkNet's price of each w, scaled to 1 at w = 1."""
    penalty = RegularizedShrinkNet(1.0, 1.0, p)
    return np.array([penalty.value(np.array([[value]])) for value in w]) / penalty.value(np.array([[1.0]]))


def _landscape(ax: Axes, x: Array, y: Array, values: Array, levels: list[float]) -> None:
    """Filled contours, lighter where lower: the colour tells a level's rank, so that small values stay apart."""
    from matplotlib import colormaps

    ax.grid(False)
    colours = colormaps["Blues"](np.linspace(0.0, 0.55, len(levels) + 1))
    ax.contourf(x, y, values, levels=[values.min() - 1.0, *levels, values.max() + levels[-1]], colors=colours)
    ax.contour(x, y, values, levels=levels, colors=GREY, linewidths=0.5)


def _say(ax: Axes, text: str, where: tuple[float, float]) -> None:
    """A label up and to the right of a point, on white."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.5}
    ax.annotate(text, where, (8, 6), textcoords="offset points", fontsize=10.5, color=INK, bbox=box)
