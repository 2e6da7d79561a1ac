"""The loss/sparsity trade-off of the ShrinkNets draft's Figure 1, beside the same path refitted on its support.

The draft leaves the refit out: it tells how much of the path's loss comes from the inputs that are gone, and how much only from
the penalty shrinking those that stay.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers._progress import Progress
from solvers.demo.page import Context, Csv, Evidence, Page, Table
from solvers.demo.tradeoff_figures import draw_norms, draw_tradeoff
from solvers.errors import ConvergenceWarning, require
from solvers.regression.fit import Fit
from solvers.regression.path import Path, solve_path
from solvers.regression.solver import refit
from solvers.results import Limit

Array = np.ndarray[Any, np.dtype[np.float64]]

N_LAMS = 100
LAM_RATIO = 1e-3
TOL = 1e-12

# Shares of the whole page's time, for the progress bar.
_PATH_SHARE, _REFIT_SHARE = 0.8, 0.1

CODE = """\
import numpy as np
from sklearn.datasets import load_digits
from solvers import refit, solve_path

def standardise(Z):  # mean 0, standard deviation 1; a constant column becomes 0
    varies = np.ptp(Z, axis=0) > 0
    return np.where(varies, Z - Z.mean(axis=0), 0) / np.where(varies, Z.std(axis=0), 1)

images = load_digits().images  # (1797, 8, 8)
X = standardise(images[:, :, :4].reshape(-1, 32))
Y = standardise(images[:, :, 4:].reshape(-1, 32))

path = solve_path(X, Y, n_lams=100, lam_ratio=1e-3, tol=1e-12)
refits = [refit(fit, X, Y) for fit in path.fits]

n_varying = np.count_nonzero(Y.any(axis=0))
for fit, again in zip(path.fits, refits):
    print(f"removed {fit.sparsity:.4f}  loss {2 * fit.loss / n_varying:.4f}  refitted {2 * again.loss / n_varying:.4f}  "
          f"gaps {fit.certificate.gap:.1e} {again.certificate.gap:.1e}")
"""


@dataclass(frozen=True)
class Tradeoff:
    """The path and its refits, with what turns losses into normalised losses.

    Attributes
    ----------
    lams : (n_lams,)
        Penalty strengths, decreasing.
    path, refits : tuple of Fit
        One per lam. Equal supports share one refit.
    n_varying : int
        Number of outputs that are not constant.
    complete : bool
        Whether all lams were reached.
    """

    lams: Array
    path: tuple[Fit, ...]
    refits: tuple[Fit, ...]
    n_varying: int
    complete: bool

    def normalised(self, fits: tuple[Fit, ...]) -> Array:
        """Mean squared error over samples and varying outputs: 1 for the model without inputs."""
        return np.array([2.0 * fit.loss / self.n_varying for fit in fits])

    @property
    def live(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        """How many inputs each fit uses."""
        return np.array([len(fit.support) for fit in self.path])

    @property
    def sparsity(self) -> Array:
        """Share of removed inputs of each fit."""
        return np.array([fit.sparsity for fit in self.path])

    @property
    def first_of_support(self) -> list[int]:
        """Where along the path a support is met for the first time."""
        return list({fit.support.tobytes(): index for index, fit in reversed(list(enumerate(self.path)))}.values())[::-1]

    def nearest(self, sparsity: float) -> int:
        """The fit whose sparsity comes closest; of several the one with the smallest lam, where the path is at its best."""
        return int(np.lexsort((self.lams, np.abs(self.sparsity - sparsity)))[0])


def tradeoff_page(context: Context) -> Page:
    """Compute the trade-off and put it on a page.

    Parameters
    ----------
    context : Context
        Its seed is not needed: nothing here is drawn at random.

    Returns
    -------
    Page
        With the fits so far where the context asked to stop.
    """
    tradeoff = compute_tradeoff(context)
    context.progress(_PATH_SHARE + _REFIT_SHARE, "drawing the loss/sparsity trade-off")
    return Page(
        slug="tradeoff",
        title="How many inputs can a linear model lose?",
        sentences=_sentences(tradeoff),
        figures=_figures(tradeoff),
        tables=(_table(tradeoff),),
        notes=_notes(tradeoff),
        code=CODE,
        files=(_csv(tradeoff),),
        evidence=_evidence(tradeoff),
        complete=tradeoff.complete,
    )


def load_halves() -> tuple[Array, Array]:
    """Left halves (inputs) and right halves (outputs) of the 1797 digit images, standardised, (1797, 32) each."""
    datasets = require("sklearn.datasets", extra="demo", purpose="the demo")
    images = datasets.load_digits().images
    return standardise(images[:, :, :4].reshape(-1, 32)), standardise(images[:, :, 4:].reshape(-1, 32))


def standardise(Z: Array) -> Array:
    """Columns with mean 0 and standard deviation 1; a constant column becomes exactly 0."""
    varies = np.ptp(Z, axis=0) > 0
    return np.where(varies, Z - Z.mean(axis=0), 0.0) / np.where(varies, Z.std(axis=0), 1.0)


def compute_tradeoff(context: Context) -> Tradeoff:
    """Solve the path and refit each of its supports."""
    context.progress(0.0, "group-sparsity path (the first run compiles)")
    X, Y = load_halves()
    path = _solve(X, Y, context)
    refits = _refit_all(path, X, Y, context)
    n_varying = int(np.count_nonzero(Y.any(axis=0)))
    return Tradeoff(path.lams, path.fits, refits, n_varying, path.limit is Limit.NONE and len(path.fits) == N_LAMS)


def _solve(X: Array, Y: Array, context: Context) -> Path:
    def follow(progress: Progress) -> bool:
        context.progress(_PATH_SHARE * progress.index / N_LAMS, f"group-sparsity path, {progress.index} of {N_LAMS} fits")
        return context.stopped()

    with warnings.catch_warnings():
        # The report shows the certificate and status of every fit, a failing one first.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return solve_path(X, Y, n_lams=N_LAMS, lam_ratio=LAM_RATIO, tol=TOL, callback=follow)


def _refit_all(path: Path, X: Array, Y: Array, context: Context) -> tuple[Fit, ...]:
    known: dict[bytes, Fit] = {}
    refits: list[Fit] = []
    for done, fit in enumerate(path.fits):
        support = fit.support.tobytes()
        if support not in known:
            context.progress(_PATH_SHARE + _REFIT_SHARE * done / len(path.fits), "refitting each set of kept inputs")
            known[support] = refit(fit, X, Y)
        refits.append(known[support])
    return tuple(refits)


def _figures(tradeoff: Tradeoff) -> tuple[Any, ...]:
    distinct = tradeoff.first_of_support
    half = tradeoff.nearest(0.5)
    path_loss, refit_loss = tradeoff.normalised(tradeoff.path), tradeoff.normalised(tradeoff.refits)
    norms = np.array([np.linalg.norm(fit.coef, axis=0) for fit in tradeoff.path])
    return (
        draw_tradeoff(tradeoff.sparsity, path_loss, refit_loss, distinct, half),
        draw_norms(tradeoff.lams / tradeoff.lams[0], norms),
    )


def _sentences(tradeoff: Tradeoff) -> tuple[str, ...]:
    path_loss, refit_loss = tradeoff.normalised(tradeoff.path), tradeoff.normalised(tradeoff.refits)
    half, least = tradeoff.nearest(0.5), float(np.min(refit_loss))
    kept, n_inputs = tradeoff.live[half], tradeoff.path[0].coef.shape[1]
    within = 1.02 * least
    return (
        "A linear model predicts the right half of a handwritten digit from its left half; the more input pixels the penalty "
        f"removes, the larger the loss: {least:.3f} at best, {path_loss[half]:.3f} with {kept} of the {n_inputs} pixels, 1 with "
        "none.",
        f"Fitting those same {kept} pixels again without the penalty brings the loss down to {refit_loss[half]:.3f}: "
        + _blame(path_loss[half], refit_loss[half], least),
        f"To come within 2 % of the least loss the path needs {_needed(tradeoff, path_loss <= within)} pixels, the refitted path "
        f"{_needed(tradeoff, refit_loss <= within)}.",
    )


def _blame(path_loss: float, refit_loss: float, least: float) -> str:
    """How much of the rise in loss a refit takes back."""
    rise = path_loss - least
    if rise <= 0:
        return "at this sparsity nothing has been lost."
    share = 100 * (path_loss - refit_loss) / rise
    return f"{share:.0f} % of the rise came from shrinking the pixels that stayed, not from losing those that went."


def _needed(tradeoff: Tradeoff, reached: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    return str(int(np.min(tradeoff.live[reached]))) if np.any(reached) else "more"


def _notes(tradeoff: Tradeoff) -> tuple[str, ...]:
    n_targets, n_inputs = tradeoff.path[0].coef.shape
    n_varying = tradeoff.n_varying
    return (
        f"Data: scikit-learn's 1797 digit images of 8 by 8 pixels. Inputs are the {n_inputs} pixels of the left four columns, "
        f"outputs the {n_targets} of the right four, all standardised to mean 0 and standard deviation 1 over the images. As in "
        "the draft, a loss is that on the data that was fitted, not on new images.",
        "Constant pixels become columns of zeros. Two inputs are constant (rows 1 and 5, outermost column) and always removed, "
        f"so that sparsity never falls below 2/{n_inputs} = {2 / n_inputs:.4f}; one output is (row 5, outermost column).",
        f"Normalised loss: the squared error, averaged over the images and the {n_varying} outputs that vary, which is "
        f"2 loss / {n_varying}. The model without inputs has 1. (Averaged over all {n_targets} outputs, as 2 loss / {n_targets}, "
        f"it would have {n_varying / n_targets:.4f}: the constant output is predicted without error.)",
        f"Sparsity: the share of the {n_inputs} inputs whose coefficients are all exactly zero.",
        f"λ: {N_LAMS} values, evenly spaced on a logarithmic scale from λmax, the smallest that removes every input, down to "
        f"λmax/{1 / LAM_RATIO:.0f}. Minimised is the loss plus λ times the sum of the norms of the inputs' coefficients.",
        "Certificate: a gap g proves that the objective is within g times the loss of the model without inputs of the smallest "
        "possible one; for a refit, the objective is the loss on the kept inputs. It follows that the square root of a "
        f"normalised loss is within √g of that of the exact minimiser: within {np.sqrt(TOL):.0e} wherever a certificate holds, "
        "which is finer than the digits shown.",
    )


def _table(tradeoff: Tradeoff) -> Table:
    chosen = dict.fromkeys(tradeoff.nearest(sparsity) for sparsity in (0.9, 0.75, 0.5, 0.25, 0.0))
    rows = [row for index in chosen for row in _table_rows(tradeoff, index)]
    return Table(
        caption="Normalised losses at several sparsities, each at the smallest λ that keeps so many inputs. Gap, tol and status "
        "are the certificate of the loss beside them.",
        header=("Inputs kept", "Model", "Loss", "Gap", "Tol", "Status", "λ / λmax"),
        align="rlrrrlr",
        rows=tuple(rows),
    )


def _table_rows(tradeoff: Tradeoff, index: int) -> list[tuple[str, ...]]:
    kept, ratio = str(tradeoff.live[index]), f"{tradeoff.lams[index] / tradeoff.lams[0]:.4f}"
    return [
        (kept, model, f"{2 * fit.loss / tradeoff.n_varying:.4f}", *_certificate_cells(fit), ratio)
        for model, fit in (("path", tradeoff.path[index]), ("refitted", tradeoff.refits[index]))
    ]


def _certificate_cells(fit: Fit) -> tuple[str, str, str]:
    return f"{fit.certificate.gap:.1e}", f"{fit.certificate.tol:.0e}", str(fit.status)


def _csv(tradeoff: Tradeoff) -> Csv:
    header = (
        *("lam", "loss", "normalised_loss", "sparsity", "live_inputs", "gap", "tol", "status"),
        *("refitted_loss", "refitted_normalised_loss", "refit_gap", "refit_tol", "refit_status", "inputs"),
    )
    rows = (_csv_row(tradeoff, index) for index in range(len(tradeoff.path)))
    return Csv("tradeoff.csv", header, tuple(rows))


def _csv_row(tradeoff: Tradeoff, index: int) -> tuple[float | int | str, ...]:
    fit, again = tradeoff.path[index], tradeoff.refits[index]
    return (
        *(float(tradeoff.lams[index]), fit.loss, 2.0 * fit.loss / tradeoff.n_varying, fit.sparsity, len(fit.support)),
        *(fit.certificate.gap, fit.certificate.tol, str(fit.status)),
        *(again.loss, 2.0 * again.loss / tradeoff.n_varying),
        *(again.certificate.gap, again.certificate.tol, str(again.status)),
        " ".join(map(str, fit.support)),
    )


def _evidence(tradeoff: Tradeoff) -> tuple[Evidence, ...]:
    path = [
        Evidence(f"group-sparsity path, lam = {lam:.6g}", fit.status, fit.certificate)
        for lam, fit in zip(tradeoff.lams, tradeoff.path, strict=True)
    ]
    refits = [
        Evidence(f"refit of the support at lam = {tradeoff.lams[index]:.6g}", again.status, again.certificate)
        for index in tradeoff.first_of_support
        for again in (tradeoff.refits[index],)
    ]
    return (*path, *refits)
