"""What the trade-off page says: sentences, tables and notes, all from the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from solvers.demo.curves import normalised
from solvers.demo.page import Table
from solvers.demo.tables import certificate_cells, listed, needed
from solvers.demo.tradeoff_curves import LAM_RATIO
from solvers.results import Kind

if TYPE_CHECKING:
    from solvers.demo.curves import Curve
    from solvers.demo.tradeoff_curves import Tradeoff


def make_sentences(tradeoff: Tradeoff) -> tuple[str, ...]:
    """What is seen, in plain words with numbers."""
    group, refitted, data = tradeoff.group, normalised(tradeoff.refits), tradeoff.data
    half, least = group.nearest(0.5), _least(tradeoff)
    kept, loss, again = group.live[half], group.losses[half], refitted[half]
    inputs = f"{kept} of the {data.X.shape[1]} {data.unit}"
    return (
        f"{data.task}; the more {data.unit} the penalty removes, the larger the loss: {least:.3f} at best, {loss:.3f} with "
        f"{inputs}, 1 with none.",
        f"Fitting those same {kept} {data.unit} again without the penalty brings the loss down to {again:.3f}: "
        + _blame(loss, again, least, data.unit),
        *_on_shrinknets(tradeoff),
        _on_reaching(tradeoff, 1.02 * least),
        "What the certificates prove differs. Group sparsity is convex, and its duality gap proves that no other coefficients "
        "have a lower objective, up to the gap. ShrinkNet is not: stationarity proves only that no single input's column of "
        "coefficients can be improved while the others stay, and a better answer elsewhere is not excluded.",
    )


def _least(tradeoff: Tradeoff) -> float:
    return float(min(np.min(normalised(tradeoff.refits)), *(np.min(curve.losses) for curve in tradeoff.curves)))


def _blame(loss: float, again: float, least: float, unit: str) -> str:
    """How much of the rise in loss a refit takes back."""
    rise = loss - least
    if rise <= 0:
        return "at this sparsity nothing has been lost."
    share = 100 * (loss - again) / rise
    return f"{share:.0f} % of the rise came from shrinking the {unit} that stayed, not from losing those that went."


def _on_shrinknets(tradeoff: Tradeoff) -> tuple[str, ...]:
    """The loss of each ShrinkNet at about half the inputs."""
    if not tradeoff.shrinknets:
        return ()
    at = [(curve, curve.nearest(0.5)) for curve in tradeoff.shrinknets]
    losses = (f"{curve.losses[k]:.3f} with {curve.live[k]} {tradeoff.data.unit} for {_after_comma(curve)}" for curve, k in at)
    return (
        f"ShrinkNet shrinks large coefficients less than group sparsity does: without any refit its loss is {listed(losses)}.",
    )


def _on_reaching(tradeoff: Tradeoff, loss: float) -> str:
    live = tradeoff.group.live
    needs = [
        f"{needed(live, tradeoff.group.losses <= loss)} {tradeoff.data.unit} are needed by the group-sparsity path",
        f"{needed(live, normalised(tradeoff.refits) <= loss)} by its refit",
        *(f"{needed(curve.live, curve.losses <= loss)} by {curve.name.replace(',', ' with')}" for curve in tradeoff.shrinknets),
    ]
    return f"To come within 2 % of the least loss, {listed(needs)}."


def _after_comma(curve: Curve) -> str:
    return curve.name.partition(", ")[2]


def make_notes(tradeoff: Tradeoff) -> tuple[str, ...]:
    """How the numbers are defined and how to read their certificates."""
    data = tradeoff.data
    n_inputs, ratio = data.X.shape[1], f"{1 / LAM_RATIO:.0f}"
    return (
        *data.notes,
        _on_loss(tradeoff),
        f"Sparsity: the share of the {n_inputs} inputs whose coefficients are all exactly zero.",
        "Group sparsity minimises the loss plus λ times the sum of the norms of the inputs' coefficients. ShrinkNet writes the "
        "coefficients of input j as βj times a column Aj, and minimises the loss plus λ times the sum of |βj| plus λ₂ times the "
        "sum of |A|^p over all entries. Only λ^p λ₂ matters for the coefficients: here λ₂ = 1.",
        f"λ: {tradeoff.n_lams} values for each penalty, evenly spaced on a logarithmic scale from λmax, the smallest that keeps "
        f"every input out when the others are, down to λmax/{ratio} (for ShrinkNet down to where the penalty of the same "
        f"coefficients is 1/{ratio} of that at λmax).",
        "Duality gap: a gap g proves that the objective is within g times the loss of the model without inputs of the smallest "
        "possible one; for a refit, the objective is the loss on the kept inputs. It follows that the square root of a "
        f"normalised loss is within √g of that of the exact minimiser: within {np.sqrt(data.tol):.0e} wherever such a "
        "certificate holds, which is finer than the digits shown.",
        "Stationarity: a gap g proves that each input's coefficients are, given all others, at their own global minimiser up to "
        "a distance which, times the input's mean square, is g times the largest gradient of the model without inputs. The "
        "solver compares several starts and the neighbours along the path; the global minimum may still be lower.",
        *_on_global_bounds(tradeoff),
    )


def _on_global_bounds(tradeoff: Tradeoff) -> tuple[str, ...]:
    kinds = [fit.certificate.kind for curve in tradeoff.shrinknets for fit in curve.fits]
    if Kind.GLOBAL_BOUND not in kinds:
        return ()
    return (
        f"Global bound: {kinds.count(Kind.GLOBAL_BOUND)} of ShrinkNet's {len(kinds)} fits meet a lower bound on the global "
        "minimum. Their gap, relative to the loss of the model without inputs, proves as much as a duality gap does.",
    )


def _on_loss(tradeoff: Tradeoff) -> str:
    n_targets, n_varying = tradeoff.data.Y.shape[1], tradeoff.data.n_varying
    words = (
        f"Normalised loss: the squared error, averaged over the samples and the {n_varying} outputs that vary, relative to that "
        "of the model without inputs, which has 1."
    )
    if n_varying == n_targets:
        return words
    share = f"averaged over all {n_targets} it would be {n_varying / n_targets:.4f}"
    return f"{words} (A constant output is predicted without error: {share}.)"


def loss_table(tradeoff: Tradeoff) -> Table:
    """Losses of all curves at several sparsities."""
    rows = [row for sparsity in (0.9, 0.75, 0.5, 0.25, 0.0) for row in _rows_near(tradeoff, sparsity)]
    return Table(
        caption="Normalised losses at several sparsities, each at the smallest λ that keeps so many inputs. Gap, tol and status "
        "are the certificate of the loss beside them.",
        header=("Inputs kept", "Model", "Loss", "Gap", "Tol", "Status", "λ / λmax"),
        align="rlrrrlr",
        rows=tuple(dict.fromkeys(rows)),
    )


def _rows_near(tradeoff: Tradeoff, sparsity: float) -> list[tuple[str, ...]]:
    rows = []
    for curve in tradeoff.curves:
        index = curve.nearest(sparsity)
        kept, ratio = str(curve.live[index]), f"{curve.lams[index] / curve.lams[0]:.3g}"
        models = [(curve.name, curve.fits[index])]
        if curve is tradeoff.group:
            models.append(("refitted", tradeoff.refits[index]))
        rows += [(kept, name, f"{fit.loss / fit.null_loss:.4f}", *certificate_cells(fit), ratio) for name, fit in models]
    return rows
