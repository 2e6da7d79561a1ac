"""The loss/sparsity trade-off of the ShrinkNets draft's Figure 1: group sparsity, the same path refitted, and ShrinkNet.

The draft leaves the refit out: it tells how much of the path's loss comes from the inputs that are gone, and how much only from
the penalty shrinking those that stay.
"""

from __future__ import annotations

from collections.abc import Iterator

from solvers.demo.curves import REFITTED
from solvers.demo.data import Dataset, load_digits
from solvers.demo.page import Context, Csv, Evidence, Page
from solvers.demo.tables import FIT_HEADER, certificate_table, curve_evidence, fit_cells
from solvers.demo.tradeoff_curves import LAM_RATIO, STATIONARY_TOL, Tradeoff, compute_tradeoff
from solvers.demo.tradeoff_figures import draw_norms, draw_tradeoff
from solvers.demo.tradeoff_words import loss_table, make_notes, make_sentences
from solvers.regression.fit import Fit

# Share of the page's time that the curves take, for the progress bar.
_CURVES_SHARE = 0.9

_CSV_HEADER = (
    *FIT_HEADER,
    *("refitted_loss", "refitted_normalised_loss", "refit_gap", "refit_tol", "refit_status", "inputs"),
)

_PATHS_CODE = """
path = solve_path(X, Y, GroupSparsity(1.0), n_lams={n_lams}, lam_ratio={lam_ratio:g}, tol={tol:g})
for fit in path.fits:
    again = refit(fit, X, Y)
    print(f"group sparsity    removed {{fit.sparsity:.4f}}  loss {{fit.loss / fit.null_loss:.4f}}  "
          f"refitted {{again.loss / again.null_loss:.4f}}  gaps {{fit.certificate.gap:.1e}} {{again.certificate.gap:.1e}}")

for p in (2, 1):
    path = solve_path(X, Y, RegularizedShrinkNet(1.0, 1.0, p), n_lams={n_lams}, lam_ratio={lam_ratio:g}, tol={stationary_tol:g})
    for fit in path.fits:
        print(f"ShrinkNet, p = {{p}}  removed {{fit.sparsity:.4f}}  loss {{fit.loss / fit.null_loss:.4f}}  "
              f"gap {{fit.certificate.gap:.1e}}")
"""


def tradeoff_page(context: Context) -> Page:
    """Compute the trade-off and put it on a page.

    Parameters
    ----------
    context : Context
        With the data to fit; scikit-learn's digits where it has none. Nothing here is drawn at random.

    Returns
    -------
    Page
        With the fits so far where the context asked to stop.
    """
    tradeoff = compute_tradeoff(context.data or load_digits(), context.part(0.0, _CURVES_SHARE))
    context.progress(_CURVES_SHARE, "drawing the loss/sparsity trade-off")
    evidence = tuple(_evidence(tradeoff))
    return Page(
        slug="tradeoff",
        title=tradeoff.data.title,
        sentences=make_sentences(tradeoff),
        figures=(draw_tradeoff(tradeoff), draw_norms(tradeoff)),
        tables=(loss_table(tradeoff), certificate_table(evidence)),
        notes=make_notes(tradeoff),
        code=make_code(tradeoff.data, tradeoff.n_lams),
        files=(_csv(tradeoff),),
        evidence=evidence,
        complete=tradeoff.complete,
    )


def make_code(data: Dataset, n_lams: int) -> str:
    """The lines that print the numbers of the page."""
    return data.code + _PATHS_CODE.format(n_lams=n_lams, lam_ratio=LAM_RATIO, tol=data.tol, stationary_tol=STATIONARY_TOL)


def _csv(tradeoff: Tradeoff) -> Csv:
    group = (fit_cells(fit) + _refit_cells(again) for fit, again in zip(tradeoff.group.fits, tradeoff.refits, strict=True))
    others = (fit_cells(fit) + ("",) * 5 for curve in tradeoff.shrinknets for fit in curve.fits)
    rows = [(*row, " ".join(map(str, fit.support))) for fit, row in zip(_fits(tradeoff), [*group, *others], strict=True)]
    return Csv("tradeoff.csv", _CSV_HEADER, tuple(rows))


def _fits(tradeoff: Tradeoff) -> Iterator[Fit]:
    return (fit for curve in tradeoff.curves for fit in curve.fits)


def _refit_cells(fit: Fit) -> tuple[float | str, ...]:
    return (fit.loss, fit.loss / fit.null_loss, fit.certificate.gap, fit.certificate.tol, str(fit.status))


def _evidence(tradeoff: Tradeoff) -> Iterator[Evidence]:
    for curve in tradeoff.curves:
        yield from curve_evidence(curve)
        if curve is tradeoff.group:
            for index in curve.first_of_support:
                again, lam = tradeoff.refits[index], curve.lams[index]
                yield Evidence(f"refit of the support at lam = {lam:.6g}", again.status, again.certificate, REFITTED)
