"""Compute all pages and write the report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from solvers._arrays import as_count
from solvers.demo.classification import classification_page
from solvers.demo.data import Dataset
from solvers.demo.lottery import lottery_page
from solvers.demo.page import Context, Evidence, Page, PageMaker, ignore, worst
from solvers.demo.propositions import propositions_page
from solvers.demo.removal import removal_page
from solvers.demo.report import Run, write_report
from solvers.demo.tradeoff import tradeoff_page
from solvers.errors import IncompatibleError, InputError, require

PAGES: tuple[PageMaker, ...] = (
    tradeoff_page,
    classification_page,
    removal_page,
    lottery_page,
    propositions_page,
)
"""The makers of the pages, in the order of the report."""

OWN_DATA_PAGES: tuple[PageMaker, ...] = (tradeoff_page,)
"""Those for the user's own data: it has numbers as targets, and classification needs labels."""


@dataclass(frozen=True)
class DemoResult:
    """Where the report is and how far it can be trusted.

    Attributes
    ----------
    index : Path
        The page to open.
    evidence : tuple of Evidence
        One certificate for each answer in the report.
    complete : bool
        False where the demo was stopped early.
    wall_time : float
        Seconds.
    """

    index: Path
    evidence: tuple[Evidence, ...]
    complete: bool
    wall_time: float

    @property
    def worst(self) -> Evidence | None:
        """The weakest certificate; None where nothing was computed."""
        return worst(self.evidence)

    @property
    def holds(self) -> bool:
        """Whether every certificate holds."""
        return all(one.certificate.holds for one in self.evidence)


def run_demo(
    out: str | os.PathLike[str] = "report",
    *,
    seed: int = 0,
    data: Dataset | None = None,
    on_progress: Callable[[float, str], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> DemoResult:
    """Reproduce the papers' experiments and write a report. No network is used.

    Parameters
    ----------
    out : path-like
        Folder of the report; made where missing. Files of an earlier report are overwritten.
    seed : int
        For everything drawn at random; at least 0.
    data : Dataset, optional
        What the loss/sparsity trade-off is computed on, from `read_data` or `fetch_data`; scikit-learn's digits where omitted.
        The classification of digits, which needs labels, is then left out.
    on_progress : callable, optional
        Called with the share that is done, from 0 to 1, and what is being done.
    stopped : callable, optional
        Asked after every round; once true, the report is written with what there is.

    Returns
    -------
    DemoResult
        Where the report is, and its certificates.

    Raises
    ------
    InputError, IncompatibleError
        If ``out`` is a file, ``seed`` is negative or no integer, or ``data`` no `Dataset`.
    MissingDependencyError
        If scikit-learn or matplotlib is not installed.

    Examples
    --------
    >>> from solvers.demo import run_demo
    >>> result = run_demo("report")  # doctest: +SKIP
    >>> result.holds  # doctest: +SKIP
    True
    """
    began = time.perf_counter()
    seed = as_count(seed, "seed", minimum=0)
    if data is not None and not isinstance(data, Dataset):
        raise IncompatibleError(f"data must be a Dataset, got {type(data).__name__}: write read_data(path)")
    folder = _make_folder(out)
    for package in ("sklearn", "matplotlib"):
        require(package, extra="demo", purpose="the demo")
    context = Context(seed=seed, progress=on_progress or ignore, stopped=stopped or (lambda: False), data=data)
    makers = PAGES if data is None else OWN_DATA_PAGES
    pages = tuple(_make_pages(makers, context))
    complete = len(pages) == len(makers) and all(page.complete for page in pages)
    run = Run(seed=seed, began=began, complete=complete)
    index, wall_time = write_report(folder, pages, run)
    return DemoResult(index, tuple(one for page in pages for one in page.evidence), complete, wall_time)


def _make_pages(makers: Sequence[PageMaker], context: Context) -> Iterator[Page]:
    for index, make in enumerate(makers):
        if context.stopped():
            return
        yield make(context.part(index / len(makers), (index + 1) / len(makers)))


def _make_folder(out: str | os.PathLike[str]) -> Path:
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"out must be a folder, but {str(folder)!r} is a file or lies in one: choose another name") from None
    return folder
