"""DICOMweb servers: what they hold as a table, one row a series, with the columns of `scan_dicom`.

A server is asked only where a spec or a caller names it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import orjson
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from medxmodal.cohort.sources.dicom.limits import guarded
from medxmodal.cohort.sources.dicom.tags import COLUMNS, cells_of
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.cohort.sources.server import Patience, Server
from medxmodal.errors import InputError, SpecError

PAGE = 500
"""Series or instances asked for at once."""
MAX_PAGE = 128 << 20
"""Bytes of one page."""
MAX_ITEMS = 2_000_000
"""Of one search."""
_ACCEPT = "application/dicom+json"
_HINT = "Check that the address is the base of a DICOMweb service, such as https://host/dicom-web."
_SAID = "what the DICOMweb server says of it"
_ASKED = (
    "PatientID", "PatientSex", "PatientAge", "StudyInstanceUID", "StudyDate", "StudyTime",
    "StudyDescription", "SeriesInstanceUID", "SeriesDate", "SeriesTime", "SeriesDescription", "Modality",
    "BodyPartExamined", "ViewPosition", "Laterality", "Manufacturer", "TimezoneOffsetFromUTC",
    "NumberOfSeriesRelatedInstances",
)  # fmt: skip
"""Times of single images are left out: which of its images a server would take one from is by chance."""


def dicomweb_server(address: str, *, token: str = "", patience: Patience | None = None) -> Server:
    """A DICOMweb server by its address; see `Server`."""
    return Server("the DICOMweb server", address, token=token, patience=patience)


def query_dicomweb(
    server: Server | str,
    *,
    modality: str | None = None,
    dates: tuple[str, str] | None = None,
    patients: Sequence[str] = (),
    studies: Sequence[str] = (),
    page: int = PAGE,
) -> Table:
    """Ask a server for its series (QIDO-RS).

    Whatever the server makes of the filters, only series that fit them are rows.

    Args:
        server: The server, or its base address.
        modality: Keep only this one, such as `MR`.
        dates: First and last StudyDate, as YYYY-MM-DD; either may be empty.
        patients: Keep only these PatientIDs.
        studies: Keep only these StudyInstanceUIDs.
        page: Series asked for at once.

    Returns:
        Columns `dicom_tags.COLUMNS`, sorted by their three identifiers, what cannot be read before them as
        rows with a problem. `kind` and `files` are empty, as only the files themselves tell them; `time` is
        the series' or the study's.

    Raises:
        SpecError: A filter or the address is wrong.
        InputError: The server refuses, or its pages do not lead to an end.
    """
    asked = server if isinstance(server, Server) else dicomweb_server(server)
    counts: Counter[str] = Counter()
    series: dict[str, dict[str, str | None]] = {}
    damaged: list[dict[str, str | None]] = []
    for query in _queries(modality, _range(dates), patients, studies):
        for item in pages(asked, "series", query, page, "search for series"):
            try:
                with guarded(_SAID):
                    cells, study_date = _cells(item)
            except InputError:
                damaged.append(dict.fromkeys(COLUMNS))
                continue
            uid = cells["SeriesInstanceUID"]
            if uid is None:
                counts["nameless"] += 1
            elif not _fits(cells, study_date, modality, dates, patients, studies):
                counts["other"] += 1
            elif series.setdefault(uid, cells) is not cells:
                counts["double"] += 1
    found = sorted(series.values(), key=lambda cells: [cells[name] or "" for name in COLUMNS[:3]])
    problems = [f"{_SAID} is damaged"] * len(damaged) + [""] * len(found)
    rows = tuple(
        Row(n, cells, problem, f"series {n} of the DICOMweb server")
        for n, (problem, cells) in enumerate(zip(problems, [*damaged, *found], strict=True), 1)
    )
    notes = tuple(_NOTES[why].format(n) for why, n in sorted(counts.items()))
    return Table(COLUMNS, rows, (_source(rows),), notes)


_NOTES = {
    "double": "{} series were given twice by the server and counted once",
    "nameless": "{} series of the server have no SeriesInstanceUID and were left out",
    "other": "{} series that the server gave do not fit what was asked for and were left out",
}


def pages(
    server: Server, path: str, query: Mapping[str, str], page: int, what: str
) -> Iterator[dict[str, Any]]:
    """What a search finds, page by page, each once.

    Args:
        server: The server.
        path: What is searched, such as `series`.
        query: Filters.
        page: Items asked for at once.
        what: How messages name the search; no ids.

    Yields:
        Items in DICOM JSON.

    Raises:
        InputError: The server refuses, or its pages do not lead to an end.
    """
    seen: set[bytes] = set()
    fields = [("includefield", f"{tag_for_keyword(keyword):08X}") for keyword in _ASKED if path == "series"]
    for number in count(1):
        shown = f"{what}, page {number}"
        params = [*query.items(), ("limit", str(page)), ("offset", str(len(seen))), *fields]
        answer = server.get(server.address.of(path, params), accept=_ACCEPT, limit=MAX_PAGE, what=shown)
        items = _items(answer.body, server.kind, shown)
        before = len(seen)
        for item in items:
            digest = hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).digest()[:16]
            if digest not in seen:
                seen.add(digest)
                yield item
        if not items:
            return
        if len(seen) > MAX_ITEMS:
            raise InputError(
                f"{server.kind} finds more than {MAX_ITEMS:,} items ({shown})", hint="Ask for less."
            )
        if len(seen) == before:  # it knows no offset
            if answer.partial or before >= page:
                raise InputError(f"{server.kind} gives the same page again ({shown})")
            return


def _items(body: bytes, kind: str, shown: str) -> list[dict[str, Any]]:
    if not body.strip():  # 204
        return []
    try:
        items = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InputError(f"{kind} sends no JSON ({shown})", hint=_HINT) from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InputError(f"{kind} sends no list of DICOM JSON ({shown})", hint=_HINT)
    return items


def _cells(item: dict[str, Any]) -> tuple[dict[str, str | None], str]:
    dataset = Dataset.from_json(item)
    cells = cells_of(dataset)
    number = str(dataset.get("NumberOfSeriesRelatedInstances") or "")
    cells |= {"instances": number if number.isdigit() else None, "kind": None, "files": None}
    return {column: cells.get(column) for column in COLUMNS}, str(dataset.get("StudyDate") or "")


def _queries(
    modality: str | None, dates: str, patients: Sequence[str], studies: Sequence[str]
) -> Iterator[dict[str, str]]:
    """One query a study, or a patient: not every server takes a list."""
    common = ({"Modality": modality} if modality else {}) | ({"StudyDate": dates} if dates else {})
    if any(not value for value in (*patients, *studies)):
        raise SpecError("an empty PatientID or StudyInstanceUID was asked for")
    keyword, values = ("StudyInstanceUID", studies) if studies else ("PatientID", patients)
    if not values:
        yield common
    for value in dict.fromkeys(values):
        yield common | {keyword: check_uid(value) if studies else value}


def check_uid(uid: str) -> str:
    """A UID that may stand in an address.

    Raises:
        SpecError: It is none.
    """
    if not re.fullmatch(r"[0-9.]{1,64}", uid):
        raise SpecError("a UID holds other signs than digits and dots", hint="Take it as the server gave it.")
    return uid


def _range(dates: tuple[str, str] | None) -> str:
    if dates is None or not any(dates):
        return ""
    if not all(re.fullmatch(r"(\d{4}-\d\d-\d\d)?", date) for date in dates):
        raise SpecError("`dates` are no dates", hint="Write ('2020-01-01', '2020-12-31'); either may be ''.")
    return "-".join(date.replace("-", "") for date in dates)


def _fits(
    cells: Mapping[str, str | None],
    study_date: str,
    modality: str | None,
    dates: tuple[str, str] | None,
    patients: Sequence[str],
    studies: Sequence[str],
) -> bool:
    first, last = (date.replace("-", "") for date in dates or ("", ""))
    return (
        (modality is None or cells["Modality"] == modality)
        and (not patients or cells["PatientID"] in patients)
        and (not studies or cells["StudyInstanceUID"] in studies)
        and (not first or (study_date >= first and study_date != ""))
        and (not last or (study_date != "" and study_date <= last))
    )


def _source(rows: Sequence[Row]) -> SourceFile:
    """Hash and size of the rows as JSON lines: the same series give the same, in whatever order."""
    lines = [json.dumps(list(row.cells.values()), ensure_ascii=False, separators=(",", ":")) for row in rows]
    data = "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")
    return SourceFile(hashlib.sha256(data).hexdigest(), len(data))
