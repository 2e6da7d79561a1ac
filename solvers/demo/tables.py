"""Words, tables and rows of numbers that several pages show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from solvers.demo.curves import Curve
from solvers.demo.page import Evidence, Table, worst
from solvers.regression.fit import Fit
from solvers.regression.shrinknet import RegularizedShrinkNet

FIT_HEADER = (
    *("penalty", "lam", "lam2", "loss", "normalised_loss", "sparsity", "live_inputs"),
    *("certificate", "gap", "tol", "status"),
)
"""Names of what `fit_cells` gives."""


def certificate_cells(fit: Fit) -> tuple[str, str, str]:
    """Gap, tol and status."""
    return f"{fit.certificate.gap:.1e}", f"{fit.certificate.tol:.0e}", str(fit.status)


def certificate_table(evidence: Sequence[Evidence]) -> Table:
    """The worst certificate of each curve."""
    curves = dict.fromkeys(one.curve for one in evidence)
    rows = [_certificate_row(curve, [one for one in evidence if one.curve == curve]) for curve in curves]
    return Table(
        caption="The worst certificate of each curve.",
        header=("Curve", "Evidence", "Worst gap", "Tol", "Hold"),
        align="llrrr",
        rows=tuple(rows),
    )


def _certificate_row(curve: str, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    weakest = worst(evidence)
    assert weakest is not None
    certificate = weakest.certificate
    holding = sum(one.certificate.holds for one in evidence)
    kinds = dict.fromkeys(str(one.certificate.kind).replace("_", " ") for one in evidence)
    return curve, ", ".join(kinds), f"{certificate.gap:.1e}", f"{certificate.tol:.0e}", f"{holding} of {len(evidence)}"


def needed(live: np.ndarray, reached: np.ndarray) -> str:
    """The fewest live inputs of the fits that ``reached`` a goal, in words."""
    return str(int(np.min(live[reached]))) if np.any(reached) else f"more than {int(np.max(live))}"


def listed(parts: Iterable[str]) -> str:
    """``a, b and c``."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def fit_cells(fit: Fit, scale: float | None = None) -> tuple[float | int | str, ...]:
    """One row of a file of numbers, under `FIT_HEADER`; the loss is normalised as in `Curve`."""
    return (
        *_penalty_cells(fit),
        *(fit.loss, fit.loss / (scale or fit.null_loss), fit.sparsity, len(fit.support)),
        *(str(fit.certificate.kind), fit.certificate.gap, fit.certificate.tol, str(fit.status)),
    )


def _penalty_cells(fit: Fit) -> tuple[float | str, ...]:
    penalty = fit.penalty
    if isinstance(penalty, RegularizedShrinkNet):
        return f"RegularizedShrinkNet(p={penalty.p:g})", float(penalty.lam), penalty.lam2
    return type(penalty).__name__, float(penalty.lam), ""


def curve_evidence(curve: Curve) -> Iterator[Evidence]:
    """One certificate for each fit of a curve."""
    for fit in curve.fits:
        yield Evidence(f"{curve.name}, lam = {fit.penalty.lam:.6g}", fit.status, fit.certificate, curve.name)
