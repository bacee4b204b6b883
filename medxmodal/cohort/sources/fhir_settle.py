"""One bucket of patients settled: doubled resources once, unknown patients out, everything in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from medxmodal.cohort.cells import parse_time
from medxmodal.cohort.sources.fhir_places import Places
from medxmodal.cohort.sources.fhir_spill import patient_hash, take_records
from medxmodal.cohort.sources.fhir_views import FhirView
from medxmodal.cohort.sources.fhir_work import KNOWN, MAX_DETAILS

DANGLING = "its patient is not in the data"
Record = list[Any]
_TABLE, _PIECE, _NUMBER, _KEY, _UPDATED, _PROBLEM, _PATIENT, _ROWS = range(8)


def settle(
    folder: Path, bucket: int, views: Mapping[str, FhirView], places: Places, check: bool
) -> dict[str, Any]:
    """Turn the records of a bucket into its final file; the answer is counted in `fhir_tally`.

    Args:
        folder: The scratch folder.
        bucket: Which one.
        views: Table -> view.
        places: Where the pieces begin.
        check: Whether a patient without a Patient resource is unknown; not so where there is none at all.
    """
    records = take_records(folder, bucket)
    known = {record[_KEY] for record in records if record[_TABLE] == KNOWN}
    kinds = [view.resource for view in views.values()]
    # A type that has several tables is counted once, by its first.
    first = {kind: position for position, kind in reversed(list(enumerate(kinds)))}
    counted = set(first.values()) | ({KNOWN} if "Patient" not in first else set())
    doubled: Counter[str] = Counter()
    revised: Counter[str] = Counter()
    dangling: Counter[str] = Counter()
    issues: list[list[Any]] = []
    tables: list[list[list[Any]]] = [[] for _ in kinds]
    hashes: dict[str | None, bytes] = {None: b""}
    for group in _groups(records, places):
        record, changed = _latest(group, places)
        table = record[_TABLE]
        kind = kinds[table] if table != KNOWN else "Patient"
        if table in counted:
            doubled[kind] += len(group) - 1
            revised[kind] += changed
        if table == KNOWN:
            continue
        patient = record[_PATIENT]
        if check and patient not in known and kind != "Patient":
            if table in counted:
                dangling[kind] += 1
                if len(issues) < MAX_DETAILS:
                    issues.append([record[_PIECE], record[_NUMBER], kind, DANGLING, patient, False])
            continue
        if patient not in hashes:
            hashes[patient] = patient_hash(patient)
        place = places.shown(kind, record[_PIECE], record[_NUMBER])
        for part, cells in enumerate(record[_ROWS]):
            order = (hashes[patient], cells[2] or "", record[_KEY], part)
            tables[table].append([order, place, record[_PROBLEM], cells])
    for rows in tables:
        rows.sort(key=_first)
    settled = [[row[1:] for row in rows] for rows in tables]
    (folder / f"settled-{bucket}").write_bytes(orjson.dumps(settled))
    return {
        "doubled": {kind: n for kind, n in doubled.items() if n},
        "revised": {kind: n for kind, n in revised.items() if n},
        "reasons": [[kind, DANGLING, n] for kind, n in dangling.items()],
        "issues": issues,
    }


def _first(row: list[Any]) -> Any:  # noqa: ANN401 - whatever rows are ordered by
    return row[0]


def _groups(records: list[Record], places: Places) -> list[list[Record]]:
    """The records of the same resource in the same table together, each group by place."""
    groups: dict[tuple[int, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record[_TABLE], record[_KEY]), []).append(record)
    for group in groups.values():
        if len(group) > 1:
            group.sort(key=lambda record: places.order(record[_PIECE], record[_NUMBER]))
    ordered = list(groups.values())
    ordered.sort(key=lambda group: places.order(group[0][_PIECE], group[0][_NUMBER]))
    return ordered


def _latest(group: list[Record], places: Places) -> tuple[Record, bool]:
    """The record that counts, and whether the others differ from it."""
    if len(group) == 1:
        return group[0], False
    same = all(
        record[_ROWS] == group[0][_ROWS] and record[_PROBLEM] == group[0][_PROBLEM] for record in group
    )
    if same:
        return group[0], False
    moments = [parse_time(record[_UPDATED]) for record in group]
    ranked = sorted(
        range(len(group)),
        key=lambda at: (moments[at] is not None, moments[at] or 0, -at),
    )
    return group[ranked[-1]], True
