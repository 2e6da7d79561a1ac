"""What a page of the demo's report consists of: plain data, so that a page maker computes and `report` alone writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from solvers.results import Certificate, Status

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from solvers.demo.data import Dataset


@dataclass(frozen=True)
class Evidence:
    """The certificate of one number, and what the number is.

    Attributes
    ----------
    of : str
        Which answer is certified, in words.
    status : Status
        What is known about the answer.
    certificate : Certificate
        The evidence, as the solver returned it.
    curve : str
        To which curve of its page the answer belongs; empty for none.
    """

    of: str
    status: Status
    certificate: Certificate
    curve: str = ""

    @property
    def strain(self) -> float:
        """The gap in units of ``tol``: at most 1 where the certificate holds. Makes different kinds of certificate comparable."""
        gap, tol = self.certificate.gap, self.certificate.tol
        if self.certificate.holds:
            return gap / tol if tol > 0 else 0.0
        return gap / tol if tol > 0 and not math.isnan(gap) else math.inf


def worst(evidence: Sequence[Evidence]) -> Evidence | None:
    """The evidence with the largest gap in units of its ``tol``; None of nothing."""
    return max(evidence, key=lambda one: one.strain, default=None)


@dataclass(frozen=True)
class Plate:
    """A figure with what a reader who cannot see it needs.

    Attributes
    ----------
    name : str
        File name without suffix; written as PNG and SVG.
    figure : matplotlib.figure.Figure
        The drawing.
    alt : str
        What is seen, for readers without sight.
    caption : str
        What is drawn.
    """

    name: str
    figure: Figure
    alt: str
    caption: str


@dataclass(frozen=True)
class Table:
    """A small table for the page; the full numbers belong in a `Csv`.

    Attributes
    ----------
    caption : str
        What the rows are.
    header : tuple of str
        Column names.
    align : str
        One letter per column: ``l`` for words, ``r`` for numbers.
    rows : tuple of tuple of str
        The cells, formatted.
    """

    caption: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Csv:
    """A file of numbers, written in full precision.

    Attributes
    ----------
    name : str
        File name, with suffix.
    header : tuple of str
        Column names.
    rows : tuple of tuple
        Numbers and words.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[float | int | str, ...], ...]


@dataclass(frozen=True)
class Page:
    """One system's part of the report.

    Attributes
    ----------
    slug : str
        Short name, unique in the report; the page's anchor.
    title : str
        The heading.
    sentences : tuple of str
        What is seen, in plain words with numbers.
    figures, tables, files : tuple
        What is shown and what is written beside it.
    notes : tuple of str
        How the numbers are defined and how to read their certificates.
    code : str
        The lines that reproduce the numbers, runnable as they stand.
    evidence : tuple of Evidence
        One certificate for each answer on the page.
    complete : bool
        False where Ctrl-C or a limit left a part out.
    """

    slug: str
    title: str
    sentences: tuple[str, ...]
    figures: tuple[Plate, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    code: str = ""
    files: tuple[Csv, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    complete: bool = True


def ignore(share: float, doing: str) -> None:
    """Progress that nobody watches."""
    del share, doing


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Context:
    """What a page maker is given.

    Attributes
    ----------
    seed : int
        For everything drawn at random.
    progress : callable
        ``progress(share, doing)`` tells how much of the page is done, from 0 to 1, and what comes next.
    stopped : callable
        Whether to stop at the next good moment and return what there is.
    data : Dataset or None
        The user's own data, for pages that can take it.
    """

    seed: int = 0
    progress: Callable[[float, str], None] = field(default=ignore)
    stopped: Callable[[], bool] = field(default=_never)
    data: Dataset | None = None

    def part(self, begin: float, end: float) -> Context:
        """The same for a part of the page: its progress from 0 to 1 is that of the page from ``begin`` to ``end``."""
        return replace(self, progress=lambda share, doing: self.progress(begin + (end - begin) * share, doing))


PageMaker = Callable[[Context], Page]
"""Computes one page. A new system adds its own to ``PAGES`` in `solvers.demo.run`."""
