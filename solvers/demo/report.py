"""Write pages to a folder: one self-contained index.html, figures, files of numbers, and a manifest."""

from __future__ import annotations

import base64
import csv
import importlib.metadata
import importlib.resources
import io
import json
import math
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import starmap
from pathlib import Path
from typing import Any

import solvers.demo
from solvers.demo.page import Csv, Evidence, Page, Plate, Table, worst
from solvers.errors import require

PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "matplotlib")
"""Distributions whose versions the manifest records."""

_DPI = 200

_LEAD = (
    "Every solver's answer comes with a certificate: evidence, recomputed from the data after it is done. A duality gap bounds "
    "how far the answer can be from the best possible one; stationarity says that no step of the search improves a single "
    "input's column. A certificate holds where its gap is at most the tolerance."
)


@dataclass(frozen=True)
class Run:
    """How the pages came about.

    Attributes
    ----------
    seed : int
        Of everything drawn at random.
    began : float
        Reading of ``time.perf_counter`` at the start.
    complete : bool
        False where the run was stopped early.
    title, lead : str
        What stands above all pages.
    """

    seed: int
    began: float
    complete: bool
    title: str = "Experiments of the papers, computed anew"
    lead: str = _LEAD


def write_report(folder: Path, pages: Sequence[Page], run: Run) -> tuple[Path, float]:
    """Write the files of all pages, then the manifest and the index.

    Parameters
    ----------
    folder : Path
        An existing folder.
    pages : sequence of Page
        In the order of the report.
    run : Run
        How they came about.

    Returns
    -------
    index : Path
        The page to open.
    wall_time : float
        Seconds from ``run.began`` until all but the manifest and the index was written.
    """
    images: dict[str, str] = {}
    for page in pages:
        for file in page.files:
            _write_csv(folder, file)
        for plate in page.figures:
            images[plate.name] = _write_figure(folder, plate)
    wall_time = time.perf_counter() - run.began
    manifest = make_manifest(pages, run, wall_time)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    index = folder / "index.html"
    index.write_text(_document(pages, manifest, images, run), encoding="utf-8")
    return index, wall_time


def make_manifest(pages: Sequence[Page], run: Run, wall_time: float) -> dict[str, Any]:
    """Versions, seed, wall time, and the worst certificate of all pages, as a JSON document."""
    of_page = [(page, one) for page in pages for one in page.evidence]
    weakest = worst([one for _, one in of_page])
    slug = next((page.slug for page, one in of_page if one is weakest), None)
    return {
        "versions": _versions(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "seed": run.seed,
        "wall_time_seconds": round(wall_time, 3),
        "complete": run.complete,
        "certificates": {"issued": len(of_page), "holding": sum(one.certificate.holds for _, one in of_page)},
        "worst_certificate": None if weakest is None else {"page": slug} | _certificate(weakest),
        "pages": [_page(page) for page in pages],
    }


def _page(page: Page) -> dict[str, Any]:
    names = dict.fromkeys(one.curve for one in page.evidence if one.curve)
    curves = [_curve(name, [one for one in page.evidence if one.curve == name]) for name in names]
    return {"slug": page.slug, "title": page.title, "complete": page.complete, "files": _files(page), "curves": curves}


def _curve(name: str, evidence: Sequence[Evidence]) -> dict[str, Any]:
    weakest = worst(evidence)
    return {
        "curve": name,
        "certificates": {"issued": len(evidence), "holding": sum(one.certificate.holds for one in evidence)},
        "worst_certificate": None if weakest is None else _certificate(weakest),
    }


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions | {"solvers": solvers.__version__}


def _certificate(one: Evidence) -> dict[str, Any]:
    certificate = one.certificate
    return {
        "of": one.of,
        "kind": str(certificate.kind),
        "gap": _json_number(certificate.gap),
        "tol": _json_number(certificate.tol),
        "status": str(one.status),
        "holds": certificate.holds,
    }


def _json_number(value: float) -> float | str:
    """JSON has no infinity: such a number is written as a word."""
    return value if math.isfinite(value) else str(value)


def _files(page: Page) -> list[str]:
    figures = [f"{plate.name}{suffix}" for plate in page.figures for suffix in (".svg", ".png")]
    return [*figures, *(file.name for file in page.files)]


def _write_csv(folder: Path, file: Csv) -> None:
    with open(folder / file.name, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(file.header)
        writer.writerows(file.rows)


def _write_figure(folder: Path, plate: Plate) -> str:
    """Write PNG and SVG; returns the SVG as a data URI, which keeps the ids of several figures apart in one document."""
    matplotlib = require("matplotlib", extra="demo", purpose="the demo")
    plate.figure.savefig(folder / f"{plate.name}.png", dpi=_DPI)
    svg = io.BytesIO()
    # A fixed salt and no date: the same numbers give the same file.
    with matplotlib.rc_context({"svg.hashsalt": plate.name}):
        plate.figure.savefig(svg, format="svg", metadata={"Date": None})
    (folder / f"{plate.name}.svg").write_bytes(svg.getvalue())
    return "data:image/svg+xml;base64," + base64.b64encode(svg.getvalue()).decode("ascii")


def _document(pages: Sequence[Page], manifest: dict[str, Any], images: dict[str, str], run: Run) -> str:
    style = importlib.resources.files(solvers.demo).joinpath("style.css").read_text(encoding="utf-8")
    parts = [_head(manifest, run), _contents(pages), *(_section(page, images) for page in pages), _footer(manifest)]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>solvers demo: certified experiments</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<main>
{"".join(parts)}</main>
</body>
</html>
"""


def _head(manifest: dict[str, Any], run: Run) -> str:
    warning = '<p class="warning">This run was stopped early: the report holds what was finished.</p>\n'
    stopped = "" if manifest["complete"] else warning
    return f"""<header>
<h1>{escape(run.title)}</h1>
<p class="soft">{escape(run.lead)}</p>
{stopped}{_facts(manifest)}</header>
"""


def _facts(manifest: dict[str, Any]) -> str:
    counts, weakest = manifest["certificates"], manifest["worst_certificate"]
    verdict = "good" if counts["holding"] == counts["issued"] else "bad"
    facts = []
    if counts["issued"]:
        facts = [("Certificates", f'<span class="{verdict}">{counts["holding"]} of {counts["issued"]} hold</span>', "")]
    if weakest is not None:
        where = f"{weakest['kind'].replace('_', ' ')}, tol {float(weakest['tol']):.0e}; {weakest['of']}"
        facts.append(("Worst certificate", f"gap {float(weakest['gap']):.1e}", where))
    facts.append(("Wall time", f"{manifest['wall_time_seconds']:.1f} s", f"{manifest['cpus']} CPUs; compiling included"))
    facts.append(("Seed", str(manifest["seed"]), ""))
    return '<dl class="facts">\n' + "".join(starmap(_fact, facts)) + "</dl>\n"


def _fact(name: str, value: str, detail: str) -> str:
    small = f"<small>{escape(detail)}</small>" if detail else ""
    return f"<div><dt>{name}</dt><dd>{value}{small}</dd></div>\n"


def _contents(pages: Sequence[Page]) -> str:
    if len(pages) < 2:
        return ""
    items = (f'<li><a href="#{escape(page.slug)}">{escape(page.title)}</a></li>\n' for page in pages)
    return "<nav>\n<ul>\n" + "".join(items) + "</ul>\n</nav>\n"


def _section(page: Page, images: dict[str, str]) -> str:
    parts = [
        f'<section id="{escape(page.slug)}">\n<h2>{escape(page.title)}</h2>\n',
        "".join(f"<p>{escape(sentence)}</p>\n" for sentence in page.sentences),
        _figures(page.figures, images),
        "".join(map(_table, page.tables)),
        _notes(page.notes),
        _code(page.code),
        _links(page),
        "</section>\n",
    ]
    return "".join(parts)


def _figures(plates: Sequence[Plate], images: dict[str, str]) -> str:
    if not plates:
        return ""
    return '<div class="figures">\n' + "".join(_figure(plate, images[plate.name]) for plate in plates) + "</div>\n"


def _figure(plate: Plate, image: str) -> str:
    return f'<figure><img src="{image}" alt="{escape(plate.alt)}">\n<figcaption>{escape(plate.caption)}</figcaption></figure>\n'


def _table(table: Table) -> str:
    head = _cells("th", table.header, table.align)
    body = "".join(_cells("td", row, table.align) for row in table.rows)
    # The caption stands outside the part that scrolls sideways on a narrow screen.
    return (
        f'<figure>\n<figcaption>{escape(table.caption)}</figcaption>\n<div class="scroll" tabindex="0"><table>\n'
        f"<thead>\n{head}</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n</figure>\n"
    )


def _cells(tag: str, cells: Sequence[str], align: str) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    inner = (f'<{tag}{scope} class="{side}">{escape(cell)}</{tag}>' for cell, side in zip(cells, align, strict=True))
    return f"<tr>{''.join(inner)}</tr>\n"


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>\n" for note in notes)
    return f'<h3>What the numbers mean</h3>\n<ul class="notes">\n{items}</ul>\n'


def _code(code: str) -> str:
    return f"<h3>The lines that reproduce them</h3>\n<pre><code>{escape(code)}</code></pre>\n" if code else ""


def _links(page: Page) -> str:
    links = ", ".join(f'<a href="{escape(name)}">{escape(name)}</a>' for name in _files(page))
    return f'<p class="soft">Files beside this page: {links}.</p>\n' if links else ""


def _footer(manifest: dict[str, Any]) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in manifest["versions"].items())
    return (
        f"<footer>\n<p>{escape(versions)}; {escape(manifest['platform'])}. "
        'All of this page as data: <a href="manifest.json">manifest.json</a>.</p>\n</footer>\n'
    )
