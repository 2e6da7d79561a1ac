"""Multinomial classification of digits, as in the right half of the ShrinkNets draft's Figure 1: loss against removed pixels."""

from __future__ import annotations

from collections.abc import Iterator

from solvers.demo.classification_curves import LAM_RATIO, N_LAMS, REFIT_RATIO, TOL, Classification, compute_classification
from solvers.demo.classification_figures import draw_accuracies, draw_losses
from solvers.demo.classification_words import loss_table, make_notes, make_sentences
from solvers.demo.data import STANDARDISE_CODE
from solvers.demo.page import Context, Csv, Evidence, Page
from solvers.demo.tables import FIT_HEADER, certificate_table, curve_evidence, fit_cells

# Share of the page's time that the curves take, for the progress bar.
_CURVES_SHARE = 0.9

_CSV_HEADER = ("curve", "refit_of_lam", *FIT_HEADER, "accuracy", "inputs")

_CODE = f"""\
import numpy as np
from sklearn.datasets import load_digits
from solvers import GroupSparsity, RegularizedShrinkNet, solve, solve_path

{STANDARDISE_CODE}
X, y = load_digits(return_X_y=True)  # 64 pixels of 1797 images, and the digits they show
X = standardise(X)

def show(name, fit):
    print(f"{{name:<25}}  removed {{fit.sparsity:.4f}}  loss {{fit.loss / np.log(10):.4f}}  "
          f"accuracy {{np.mean(fit.predict(X) == y):.4f}}  gap {{fit.certificate.gap:.1e}}")

options = dict(loss="multinomial", tol={TOL:g})
path = solve_path(X, y, GroupSparsity(1.0), n_lams={N_LAMS}, lam_ratio={LAM_RATIO:g}, **options)
for fit in path.fits:
    show("group sparsity", fit)

for fit in path.fits:
    kept = X * fit.coef.any(axis=0)  # removed pixels become columns of zeros
    show("group sparsity, refitted", solve(kept, y, GroupSparsity(path.lams[0] * {REFIT_RATIO:g}), init=fit, **options))

for fit in solve_path(X, y, RegularizedShrinkNet(1.0, 1.0, 2), n_lams={N_LAMS}, lam_ratio={LAM_RATIO:g}, **options).fits:
    show("ShrinkNet, p = 2", fit)
"""


def classification_page(context: Context) -> Page:
    """Compute the trade-off for multinomial regression on scikit-learn's digits and put it on a page.

    Parameters
    ----------
    context : Context
        Its data is not used: labels are needed. Nothing here is drawn at random.

    Returns
    -------
    Page
        With the fits so far where the context asked to stop.
    """
    digits = compute_classification(context.part(0.0, _CURVES_SHARE))
    context.progress(_CURVES_SHARE, "drawing loss and accuracy of the classification")
    evidence = tuple(_evidence(digits))
    return Page(
        slug="classification",
        title="How many pixels does a classifier of digits need?",
        sentences=make_sentences(digits),
        figures=(draw_losses(digits), draw_accuracies(digits)),
        tables=(loss_table(digits), certificate_table(evidence)),
        notes=make_notes(digits),
        code=make_code(),
        files=(_csv(digits),),
        evidence=evidence,
        complete=digits.complete,
    )


def make_code() -> str:
    """The lines that print the numbers of the page."""
    return _CODE


def _csv(digits: Classification) -> Csv:
    rows: list[tuple[float | int | str, ...]] = []
    for curve in digits.curves:
        for index, (fit, accuracy) in enumerate(zip(curve.fits, digits.accuracy(curve), strict=True)):
            of = float(digits.group.lams[index]) if curve is digits.refitted else ""
            rows.append((curve.name, of, *fit_cells(fit, curve.scale), float(accuracy), " ".join(map(str, fit.support))))
    return Csv("classification.csv", _CSV_HEADER, tuple(rows))


def _evidence(digits: Classification) -> Iterator[Evidence]:
    yield from curve_evidence(digits.group)
    for index in digits.group.first_of_support:
        again, lam = digits.refitted.fits[index], digits.group.lams[index]
        yield Evidence(f"refit of the pixels kept at lam = {lam:.6g}", again.status, again.certificate, digits.refitted.name)
    for curve in digits.shrinknets:
        yield from curve_evidence(curve)
