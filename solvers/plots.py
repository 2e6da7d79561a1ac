"""Pictures of results: each function draws on an ``ax`` of Matplotlib, the caller's or a new one, and returns it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.errors import IncompatibleError, InputError, require
from solvers.lottery.subset_sum import subset_sums
from solvers.regression.path import Path

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_norms(path: Path, ax: Axes | None = None) -> Axes:
    """Length of each input's coefficients as the penalty grows weaker: when it comes in, and how it grows.

    Parameters
    ----------
    path : Path
        From `solve_path`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure where omitted.

    Returns
    -------
    matplotlib.axes.Axes
        With one line per input; inputs that are never used stay on the axis.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import plot_norms, solve_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 4))
    >>> ax = plot_norms(solve_path(X, X[:, :2], n_lams=10))
    >>> len(ax.lines), ax.get_xscale()
    (4, 'log')
    """
    _check_path(path)
    ax = _axes(ax)
    ax.plot(path.lams, np.linalg.norm(path.coefs, axis=1))
    ax.set_xscale("log")
    ax.invert_xaxis()
    ax.set_xlabel(r"$\lambda$ (the penalty grows weaker to the right)")
    ax.set_ylabel("norm of the input's coefficients")
    return ax


def plot_loss(path: Path, ax: Axes | None = None, *, label: str | None = None) -> Axes:
    """Loss, relative to the model without inputs, against the share of inputs that are removed.

    Parameters
    ----------
    path : Path
        From `solve_path`.
    ax : matplotlib.axes.Axes, optional
        Where to draw, for instance beside another path; a new figure where omitted.
    label : str, optional
        For the legend; the name of the penalty where omitted.

    Returns
    -------
    matplotlib.axes.Axes
        With one marker per fit.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import plot_loss, solve_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 4))
    >>> ax = plot_loss(solve_path(X, X[:, :2], n_lams=10))
    >>> ax.get_xlabel()
    'sparsity (share of inputs removed)'
    """
    _check_path(path)
    ax = _axes(ax)
    null = np.array([fit.null_loss or 1.0 for fit in path.fits])
    name = type(path.fits[0].penalty).__name__ if label is None else label
    ax.plot(path.sparsities, path.losses / null, "o-", markersize=3.5, label=name)
    ax.set_xlabel("sparsity (share of inputs removed)")
    ax.set_ylabel("loss, relative to no inputs")
    return ax


def plot_candidates(
    counts: Sequence[int] = tuple(range(5, 22, 2)), *, n_targets: int = 300, random_state: int = 0, ax: Axes | None = None
) -> Axes:
    """Smallest error of a subset sum against the number of random candidates.

    Parameters
    ----------
    counts : sequence of int
        Numbers of candidates, each U[-1, 1].
    n_targets : int
        Targets, uniform on [-1/2, 1/2], for each number; every one has candidates of its own.
    random_state : int
        Seed.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure where omitted.

    Returns
    -------
    matplotlib.axes.Axes
        With the median, the 90 % quantile and the worst of the targets.

    Examples
    --------
    >>> from solvers import plot_candidates
    >>> ax = plot_candidates([5, 8], n_targets=50)
    >>> len(ax.lines), ax.get_yscale()
    (3, 'log')
    """
    rng = np.random.default_rng(random_state)
    errors = np.array([subset_sums(rng.uniform(-1, 1, (n_targets, n)), rng.uniform(-0.5, 0.5, n_targets)).errors for n in counts])
    ax = _axes(ax)
    for share, name in ((0.5, "median"), (0.9, "90 %"), (1.0, "worst")):
        ax.plot(list(counts), np.quantile(errors, share, axis=1), "o-", markersize=3.5, label=name)
    ax.set_yscale("log")
    ax.set_xlabel("candidates per target")
    ax.set_ylabel("smallest error")
    return ax


KINDS = {"norms": plot_norms, "loss": plot_loss}


def plot(path: Path, kind: str, ax: Axes | None) -> Axes:
    """What `Path.plot` calls."""
    if kind not in KINDS:
        raise InputError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    return KINDS[kind](path, ax)


def _axes(ax: Any) -> Axes:
    if ax is None:
        # Not through pyplot: a figure of one's own is freed with its last reference, in a script as in a notebook.
        figures = require("matplotlib.figure", extra="demo", purpose="plotting")
        return figures.Figure(layout="constrained").subplots()
    if not hasattr(ax, "plot"):
        raise IncompatibleError(f"ax must be a Matplotlib Axes, got {type(ax).__name__}: write ax=figure.subplots()")
    return ax


def _check_path(path: Any) -> None:
    if not isinstance(path, Path):
        raise IncompatibleError(f"path must be a Path, as returned by solve_path, got {type(path).__name__}")
