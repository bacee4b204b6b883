"""One bucket of patients settled: doubled resources once, unknown patients out, everything in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from medxmodal.cohort.cells import parse_time
from medxmodal.cohort.sources.fhir.deleted import Deleted
from medxmodal.cohort.sources.fhir.memory import no_cycles
from medxmodal.cohort.sources.fhir.places import Places
from medxmodal.cohort.sources.fhir.spill import patient_hash, take_records
from medxmodal.cohort.sources.fhir.views import FhirView
from medxmodal.cohort.sources.fhir.work import MAX_DETAILS

DANGLING = "its patient is not in the data"
Record = list[Any]
"""Table, piece, number, key, updated, problem, patient, rows; see `FhirWork`."""
_PIECE, _NUMBER, _UPDATED, _PROBLEM, _ROWS = 1, 2, 4, 5, 7


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
    with no_cycles():
        return _settle(folder, bucket, [view.resource for view in views.values()], places, check)


def _settle(folder: Path, bucket: int, kinds: list[str], places: Places, check: bool) -> dict[str, Any]:
    groups = _groups(take_records(folder, bucket), len(kinds))
    known = groups.pop()
    deleted = Deleted.load(folder)
    known = {key: same for key, same in known.items() if not _gone(key, same, deleted)}
    withdrawn: Counter[str] = Counter()
    # A type that has several tables is counted once, by its first.
    counted = {kind: position for position, kind in reversed(list(enumerate(kinds)))}
    doubled: Counter[str] = Counter()
    revised: Counter[str] = Counter()
    dangling: list[list[Any]] = []
    if "Patient" not in counted:
        doubled["Patient"] += sum(len(same) - 1 for same in known.values() if type(same[0]) is list)
    hashes: dict[str | None, bytes] = {None: b""}
    settled = []
    for table, (kind, held) in enumerate(zip(kinds, groups, strict=True)):
        count, strict = counted[kind] == table, check and kind != "Patient"
        rows = []
        for key, record in held.items():
            if type(record[0]) is list:
                doubled[kind] += (len(record) - 1) * count
                record, changed = _latest(record, places)
                revised[kind] += changed and count
            _, piece, number, _, updated, problem, patient, parts = record
            if not parts or deleted.covers(kind, key, updated):
                withdrawn[kind] += count
                continue
            if strict and patient not in known:
                if count:
                    dangling.append([piece, number, kind, DANGLING, patient, False])
                continue
            known_hash = hashes.get(patient)
            if known_hash is None:
                known_hash = hashes[patient] = patient_hash(patient)
            place = places.shown(kind, piece, number)
            for part, cells in enumerate(parts):
                rows.append((known_hash, cells[2] or "", key, part, place, problem, cells))
        rows.sort()
        settled.append([row[4:] for row in rows])
    (folder / f"settled-{bucket}").write_bytes(orjson.dumps(settled))
    dangling.sort(key=lambda issue: (*places.order(issue[0], issue[1]), issue[2]))
    unknown = Counter(issue[2] for issue in dangling)
    return {
        "lost": dict(unknown),
        "withdrawn": dict(withdrawn),
        "doubled": {kind: n for kind, n in doubled.items() if n},
        "revised": {kind: n for kind, n in revised.items() if n},
        "reasons": [[kind, DANGLING, n] for kind, n in unknown.items()],
        "issues": dangling[:MAX_DETAILS],
    }


def _gone(patient: str, same: Record, deleted: Deleted) -> bool:
    """Whether every version of a Patient was deleted."""
    versions = same if type(same[0]) is list else [same]
    return all(deleted.covers("Patient", patient, version[_UPDATED]) for version in versions)


def _groups(records: list[Record], tables: int) -> list[dict[str, Any]]:
    """Table -> key -> its record, or the list of them; the last of all are those who are known."""
    groups: list[dict[str, Any]] = [{} for _ in range(tables + 1)]
    for record in records:
        held, key = groups[record[0]], record[3]
        before = held.get(key)
        if before is None:
            held[key] = record
        elif type(before[0]) is list:
            before.append(record)
        else:
            held[key] = [before, record]
    return groups


def _latest(group: list[Record], places: Places) -> tuple[Record, bool]:
    """The record that counts, and whether the others differ from it."""
    group.sort(key=lambda record: places.order(record[_PIECE], record[_NUMBER]))
    same = all(
        record[_ROWS] == group[0][_ROWS] and record[_PROBLEM] == group[0][_PROBLEM] for record in group
    )
    if same:
        return group[0], False
    moments = [parse_time(record[_UPDATED]) for record in group]
    ranked = sorted(
        range(len(group)),
        key=lambda at: (moments[at] is not None, moments[at] or 0, not group[at][_ROWS], -at),
    )
    return group[ranked[-1]], True
