"""Run a figure's experiment, or the rest of it, and write its report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from solvers._arrays import as_count
from solvers.demo.data import Dataset
from solvers.demo.page import Context, Page, ignore
from solvers.demo.report import Run, write_report
from solvers.demo.reproduce import figure1, figure2
from solvers.demo.reproduce.figure1_page import figure1_page
from solvers.demo.reproduce.figure2_page import figure2_page
from solvers.demo.reproduce.store import Store
from solvers.errors import InputError, require

FIGURES = ("figure1", "figure2")
RUNS = "runs.jsonl"

_TITLE = "The draft's experiments, trained anew"
_LEAD = (
    "Gradient training proves nothing about its result: numbers of trainings carry no certificate, and are compared with what "
    "the draft's authors recorded. Answers of exact solvers carry one, recomputed from the data."
)


@dataclass(frozen=True)
class Reproduction:
    """Where the report is, and whether everything was run."""

    index: Path
    page: Page
    complete: bool
    wall_time: float


def reproduce(
    figure: str,
    data: Dataset,
    out: str | os.PathLike[str],
    *,
    scale: str = "smoke",
    seed: int = 0,
    n_jobs: int = 1,
    on_progress: Callable[[float, str], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Reproduction:
    """Reproduce a figure of the draft on a dataset.

    Parameters
    ----------
    figure : {"figure1", "figure2"}
        Loss against sparsity, or removal while training.
    data : Dataset
        From `read_data` or `fetch_data`. oes97 and scm1d are recognised by their shape; others get the settings of scm1d.
    out : path-like
        Folder of the report, and of ``runs.jsonl``: runs that stand there are not run again.
    scale : {"smoke", "paper"}
        A rehearsal, or the draft's epochs and repeats.
    seed : int
        Of all random starts.
    n_jobs : int
        Trainings at once, in threads.
    on_progress, stopped : optional
        As in `run_demo`.

    Returns
    -------
    Reproduction

    Raises
    ------
    InputError
        For an unknown figure or scale, or an ``out`` that is a file.
    MissingDependencyError
        Without matplotlib.
    """
    began = time.perf_counter()
    seed, n_jobs = as_count(seed, "seed", minimum=0), as_count(n_jobs, "n_jobs")
    for name, value, known in (("figure", figure, FIGURES), ("scale", scale, tuple(figure2.SCALES))):
        if value not in known:
            raise InputError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    require("matplotlib", extra="demo", purpose="the report")
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"out must be a folder, but {str(folder)!r} is a file or lies in one: choose another name") from None
    context = Context(seed=seed, progress=on_progress or ignore, stopped=stopped or (lambda: False), data=data)
    store = Store(folder / RUNS)
    page = _page(figure, data, scale, store, n_jobs, context)
    run = Run(seed=seed, began=began, complete=page.complete, title=_TITLE, lead=_LEAD)
    index, wall_time = write_report(folder, (page,), run)
    return Reproduction(index, page, page.complete, wall_time)


def _page(figure: str, data: Dataset, scale: str, store: Store, n_jobs: int, context: Context) -> Page:
    if figure == "figure1":
        return figure1_page(figure1.compute_figure1(data, figure1.SCALES[scale], store, n_jobs, context))
    return figure2_page(figure2.compute_figure2(data, figure2.SCALES[scale], store, n_jobs, context))
