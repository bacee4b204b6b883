"""`REPORT/` from `EXPLAIN/`: a page for each study and one over all, from records alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.errors import MedxmodalError, ReportError
from medxmodal.records import ExplanationRecord, IndexEntry
from medxmodal.reporting.folder import beside, page_names, read_arrays, read_index, read_record
from medxmodal.reporting.index_view import IndexRow, index_page, index_row
from medxmodal.reporting.strings import say
from medxmodal.reporting.study_page import Identity, explanation_page

if TYPE_CHECKING:
    from medxmodal.progress import Progress

FORMATS = ("html",)
LATER = ("pdf", "dicom", "fhir")
INDEX = "index.html"
MARK = b'<meta name="generator" content="medxmodal">'
HEAD = 2048
"""Bytes at the beginning of a page in which its mark stands."""


@dataclass(frozen=True)
class ReportSummary:
    """What was written.

    Args:
        index: The page over all studies: the one to open.
        pages: Study -> its page.
        failed: Study -> why it has no page; the index lists them.
    """

    index: Path
    pages: Mapping[str, Path]
    failed: Mapping[str, str]


def write_report(
    explain: Path,
    out: Path,
    *,
    fmt: str = "html",
    identities: Mapping[str, Identity] | None = None,
    progress: Progress | None = None,
) -> ReportSummary:
    """Write a report of all explanations in a folder.

    A damaged record costs its own study only. An earlier report in `out` is replaced, pages of studies
    that are no longer in it included; a folder with anything else is left alone.

    Args:
        explain: `EXPLAIN/`, as `medxmodal explain` wrote it.
        out: `REPORT/`.
        fmt: `html`.
        identities: Study pseudonym -> the real ids, for pages that name the patients. File names stay
            pseudonymous. A study that is not in it fails.
        progress: Called with words, done and total.

    Raises:
        ReportError: The format is not known, there are no explanations, or `out` holds something else.
    """
    _check_format(fmt)
    index = read_index(explain)
    repeated = [name for name, count in Counter(e.study_id for e in index.entries).items() if count > 1]
    if repeated:
        raise ReportError(
            f"index.json lists the study '{repeated[0]}' more than once", hint="Explain the studies again."
        )
    earlier = _claim(out)
    names = page_names(entry.study_id for entry in index.entries)
    rows: list[IndexRow] = []
    pages: dict[str, Path] = {}
    failed: dict[str, str] = {}
    for done, entry in enumerate(index.entries):
        if progress:
            progress("writing pages", done, len(index.entries))
        path = out / names[entry.study_id]
        try:
            rows.append(_write_study(explain, entry, path, identities))
        except MedxmodalError as error:
            failed[entry.study_id] = str(error)
        else:
            pages[entry.study_id] = path
    _write(out / INDEX, index_page(index, rows, failed, identities))
    for path in earlier - {out / INDEX, *pages.values()}:
        path.unlink(missing_ok=True)
    if progress:
        progress("writing pages", len(index.entries), len(index.entries))
    return ReportSummary(out / INDEX, pages, failed)


def _write_study(
    explain: Path, entry: IndexEntry, path: Path, identities: Mapping[str, Identity] | None
) -> IndexRow:
    if not entry.file:
        raise ReportError(entry.error or say("index.reason.unknown"))
    identity = None
    if identities is not None:
        identity = identities.get(entry.study_id)
        if identity is None:
            raise ReportError(
                "the keys do not know this study", hint="Give the keys of the cohort that was explained."
            )
    record = read_record(beside(explain, entry.file), ExplanationRecord)
    if record.prediction.study_id != entry.study_id:
        raise ReportError(f"{entry.file} is about another study", hint="Explain the study again.")
    page = explanation_page(record, read_arrays(explain, record), home=INDEX, identity=identity)
    _write(path, page)
    return index_row(record, path.name, identity)


def _check_format(fmt: str) -> None:
    if fmt in LATER:
        raise ReportError(
            f"this version writes html, not {fmt}",
            hint="Write html, open the page in a browser and print it to PDF."
            if fmt == "pdf"
            else "Write html; the records beside it are JSON.",
        )
    if fmt not in FORMATS:
        raise ReportError(f"unknown format '{fmt}'", hint=f"Known: {', '.join(FORMATS)}.")


def _claim(out: Path) -> set[Path]:
    """The pages of an earlier report in the folder.

    Raises:
        ReportError: It is a file, or a folder that holds something else.
    """
    if out.exists() and not out.is_dir():
        raise ReportError(f"{out} is a file", hint="Name a folder for --out.")
    found = set(out.iterdir()) if out.is_dir() else set()
    ours = {path for path in found if _is_page(path)}
    if found and out / INDEX not in ours and ours != found:
        raise ReportError(
            f"{out} already holds something that is no report",
            hint="Name another --out, or empty that folder.",
        )
    out.mkdir(parents=True, exist_ok=True)
    return ours


def _is_page(path: Path) -> bool:
    """Whether this package wrote the file as a page, or as the beginning of one."""
    if not path.is_file() or not path.name.endswith((".html", ".html.tmp")):
        return False
    with path.open("rb") as file:
        return MARK in file.read(HEAD)


def _write(path: Path, page: str) -> None:
    """Write a page, whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(page, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
    temporary.replace(path)
