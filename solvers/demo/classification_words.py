"""What the classification page says: sentences, table and notes, all from the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from solvers.demo.classification_curves import LAM_RATIO, N_LAMS, REFIT_RATIO
from solvers.demo.page import Table
from solvers.demo.tables import certificate_cells, listed, needed

if TYPE_CHECKING:
    from solvers.demo.classification_curves import Classification
    from solvers.demo.curves import Curve

_GOOD = 0.95
"""Share of images to label correctly, for the sentence on how many pixels that takes."""


def make_sentences(digits: Classification) -> tuple[str, ...]:
    """What is seen, in plain words with numbers."""
    group, again = digits.group, digits.refitted
    index, n_inputs = group.nearest(0.75), digits.X.shape[1]
    before, after = digits.accuracy(group)[index], digits.accuracy(again)[index]
    kept = _kept(int(group.live[index]), int(again.live[index]))
    return (
        f"A linear model reads which of ten digits an image shows from its {n_inputs} pixels. A pixel is removed for all ten at "
        f"once. With {group.live[index]} pixels the group-sparsity path has a cross-entropy of {group.losses[index]:.3f} times "
        f"log 10, which is that of guessing, and labels {before:.1%} of the images correctly.",
        f"Fitting again on {kept}, with a penalty that hardly shrinks, brings the loss down to {again.losses[index]:.3f} and the "
        f"accuracy to {after:.1%}: {_blame(digits, index)}",
        *_on_shrinknet(digits),
        _on_reaching(digits),
        "Why the refit keeps a small penalty: where the kept pixels tell a digit from the others without error, the unpenalised "
        "loss falls on and on as coefficients grow, and no best coefficients exist. With a penalty they do, and the duality gap "
        "proves them.",
        "What the certificates prove differs. Group sparsity, refitted or not, is convex: its duality gap proves that no other "
        "coefficients have a lower objective, up to the gap. ShrinkNet is not: stationarity proves only that the search has come "
        "to rest, and a better answer elsewhere is not excluded.",
    )


def _kept(allowed: int, used: int) -> str:
    return f"those {allowed} pixels" if allowed == used else f"{used} of those {allowed} pixels"


def _blame(digits: Classification, index: int) -> str:
    """How much of the path's loss a refit takes back."""
    before, after = digits.group.losses[index], digits.refitted.losses[index]
    if not before > 0:
        return "at this sparsity nothing has been lost."
    return f"{(before - after) / before:.0%} of the path's loss came from shrinking coefficients, not from removing pixels."


def _on_shrinknet(digits: Classification) -> tuple[str, ...]:
    for curve in digits.shrinknets:
        index = curve.nearest(0.75)
        return (
            f"ShrinkNet with p = 2 removes pixels and shrinks the others less: without any refit its loss is "
            f"{curve.losses[index]:.3f} with {curve.live[index]} pixels, and {digits.accuracy(curve)[index]:.1%} of the images "
            "are labelled correctly.",
        )
    return ()


def _on_reaching(digits: Classification) -> str:
    names = {digits.group: "the group-sparsity path needs", digits.refitted: "its refit"}
    needs = [f"{names.get(curve, 'ShrinkNet')} {_for_good(curve, digits)}" for curve in digits.curves]
    return f"To label {_GOOD:.0%} of the images correctly, {listed(needs)} pixels."


def _for_good(curve: Curve, digits: Classification) -> str:
    return needed(curve.live, digits.accuracy(curve) >= _GOOD)


def make_notes(digits: Classification) -> tuple[str, ...]:
    """How the numbers are defined and how to read their certificates."""
    (n_samples, n_inputs), n_constant = digits.X.shape, int(np.count_nonzero(~digits.X.any(axis=0)))
    guessing = float(digits.group.losses[0])
    ratio = f"{1 / LAM_RATIO:.0f}"
    return (
        f"Data: scikit-learn's {n_samples} digit images of 8 by 8 pixels, each standardised to mean 0 and standard deviation 1 "
        f"over the images. {n_constant} pixels are constant: they become columns of zeros and are always removed. As in the "
        "draft, loss and accuracy are those on the images that were fitted, not on new ones.",
        "Normalised loss: the mean cross-entropy (minus the logarithm of the probability given to the right digit), divided by "
        f"log 10. Without pixels it is {guessing:.5f} rather than 1, since the digits are not exactly equally frequent.",
        f"Sparsity: the share of the {n_inputs} pixels whose ten coefficients are all exactly zero.",
        "Group sparsity minimises the cross-entropy plus λ times the sum of the norms of the pixels' coefficients. ShrinkNet "
        "writes the coefficients of pixel j as βj times a column Aj, and minimises the cross-entropy plus λ times the sum of "
        "|βj| plus λ₂ times the sum of |A|² over all entries, with λ₂ = 1: only λ² λ₂ matters for the coefficients.",
        f"λ: {N_LAMS} values for each penalty, evenly spaced on a logarithmic scale from λmax, the smallest that keeps every "
        f"pixel out when the others are, down to λmax/{ratio} (for ShrinkNet down to where the penalty of the same coefficients "
        f"is 1/{ratio} of that at λmax).{_on_the_start(digits)}",
        f"Refit: group sparsity with λ = λmax/{1 / REFIT_RATIO:.0f} on the pixels that a fit of the path keeps, the others "
        "replaced by zeros. It may drop a further pixel.",
        "Duality gap: a gap g proves that the objective is within g times the cross-entropy of the model without pixels of the "
        "smallest possible one.",
        "Stationarity: a gap g proves that each pixel's coefficients minimise, given all others, a quadratic that lies above the "
        "cross-entropy and touches it there, plus the penalty: up to a distance which, times the curvature, is g times the "
        "largest gradient of the model without pixels. The solver compares several starts; the global minimum may still be "
        "lower.",
    )


def _on_the_start(digits: Classification) -> str:
    for curve in digits.shrinknets:
        first = int(curve.live[0])
        return f" ShrinkNet starts with {first} pixels: together they pay where none does alone." if first else ""
    return ""


def loss_table(digits: Classification) -> Table:
    """Losses and accuracies of all curves at several sparsities."""
    rows = [row for sparsity in (0.9, 0.8, 0.7, 0.5, 0.25) for row in _rows_near(digits, sparsity)]
    return Table(
        caption="Normalised losses and training accuracies at several sparsities, each at the smallest λ that keeps so many "
        "pixels. Gap, tol and status are the certificate of the fit.",
        header=("Pixels kept", "Model", "Loss", "Accuracy", "Gap", "Tol", "Status", "λ / λmax"),
        align="rlrrrrlr",
        rows=tuple(dict.fromkeys(rows)),
    )


def _rows_near(digits: Classification, sparsity: float) -> list[tuple[str, ...]]:
    """One row for each curve; that of a refit is of the fit above it."""
    rows = []
    for curve in digits.curves:
        path = digits.group if curve is digits.refitted else curve
        index = path.nearest(sparsity)
        numbers = f"{curve.losses[index]:.4f}", f"{digits.accuracy(curve)[index]:.3f}"
        ratio = f"{curve.lams[index] / path.lams[0]:.3g}"
        name = "refitted" if curve is digits.refitted else curve.name
        rows.append((str(curve.live[index]), name, *numbers, *certificate_cells(curve.fits[index]), ratio))
    return rows
