"""From records to cases: ids, index events, and the tables that belong to each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from medxmodal.cohort.cells import id_text
from medxmodal.cohort.engine.case import INDEX, PATIENT, STUDY, Case, Grouped, Tables
from medxmodal.cohort.engine.clock import Absolute, Clock, Moment, parse_absolute, zone_of
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.spec.base import hours
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.spec.tables import EventTable, IndexSpec, Time
from medxmodal.cohort.spec.where import parse_where

NO_INDEX = "no index event"
_EPOCH = datetime(2000, 1, 1)
_FIELD = re.compile(r"\{([^{}]+)\}")


class Index(NamedTuple):
    """An index time of a record.

    Args:
        clock: What relative times count from.
        moment: The index time itself, in hours after zero.
        unreadable: The cell that is no time, if there is one.
    """

    clock: Clock
    moment: Moment
    unreadable: str = ""


@dataclass(frozen=True)
class Candidates:
    """The cases of a part.

    Args:
        cases: One a record and index event.
        without_index: Records without an index event.
        tables: The tables of all cases.
    """

    cases: list[Case]
    without_index: int
    tables: Tables


def make_candidates(
    spec: CohortSpec,
    records: Sequence[Row],
    tables: Mapping[str, Sequence[Row]],
    absent: frozenset[str] = frozenset(),
) -> Candidates:
    """The cases of some records.

    Every record is numbered, excluded later or not: a study must not get another one's id, and so be
    taken for one that a run was trained on, only because a build without labels skips some rules.
    """
    zone = zone_of(spec.timezone)
    own = Tables(
        {name: _resolved(spec, table) for name, table in spec.tables.items()},
        {name: _grouped(spec.tables[name], rows) for name, rows in tables.items()},
        absent=absent,
    )
    for name, rows in tables.items():
        keyless = len(rows) - sum(len(group) for group in own.rows[name].values())
        if keyless:
            own.left_out[f"{name}: rows without a key, or that cannot be read"] += keyless
    cases: list[Case] = []
    lost = 0
    for row in records:
        patient = identifier(spec.table.patient, row.cells)
        study = identifier(spec.table.study, row.cells) if spec.table.study else patient
        bare = Case(row, patient, study, study, Clock(None, zone), Moment(0, 0), own, spec.window)
        found = _indices(spec.index_time, bare, zone)
        lost += not found and not row.problem
        for number, index in enumerate(found, 1):
            case = replace(bare, clock=index.clock, index=index.moment, number=number, _events={})
            cases.append(replace(case, unreadable=index.unreadable) if index.unreadable else case)
        if row.problem and not found:
            cases.append(bare)
    _number(spec, cases)
    return Candidates(cases, lost, own)


def identifier(pattern: str, cells: Mapping[str, str | None]) -> str | None:
    """An id: the cell of a column, or a text with columns in braces; None where a cell is empty."""
    if "{" not in pattern:
        cell = cells.get(pattern)
        return None if cell is None else id_text(cell)
    parts = {name: cells.get(name) for name in _FIELD.findall(pattern)}
    if None in parts.values():
        return None
    return _FIELD.sub(lambda match: id_text(parts[match[1]] or ""), pattern)


def id_columns(pattern: str) -> tuple[str, ...]:
    """The columns that an id is made of."""
    return tuple(_FIELD.findall(pattern)) if "{" in pattern else (pattern,)


def _resolved(spec: CohortSpec, table: EventTable) -> EventTable:
    """With `equals` filled in: the record's column, or its patient or study id."""
    equals = table.equals
    if table.through:
        return table
    if equals is None:
        own = spec.table.study is None or table.key == spec.table.patient
        equals = PATIENT if own or table.kind in {"fhir", "dicom", "dicomweb", "meds"} else STUDY
    elif equals == spec.table.patient:
        equals = PATIENT
    elif equals == spec.table.study:
        equals = STUDY
    return table.model_copy(update={"equals": equals})


def _grouped(table: EventTable, rows: Sequence[Row]) -> Grouped:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        key = identifier(table.key, row.cells)
        if key is not None:
            grouped.setdefault(key, []).append(row)
    for group in grouped.values():
        if len(group) > 1:
            group.sort(key=_content)
    return grouped


def _content(row: Row) -> list[tuple[str, str]]:
    """Rows of one time are taken in this order, whatever the order of a file's lines."""
    return [(name, cell or "") for name, cell in sorted(row.cells.items())]


def _indices(spec: IndexSpec | None, case: Case, zone: ZoneInfo | None) -> list[Index]:
    """The index times of a record; none where it has no index event."""
    if spec is None or (spec.column is None and spec.source is None):
        found = [Index(case.clock, Moment(0.0, 0.0))]
    elif spec.source is None:
        time = Time(column=[spec.column or ""], unit=spec.unit)
        text = case.row.cells.get(spec.column or "")
        read = _index(case.row.cells, time, zone)
        if text is not None:
            case.tables.asked[INDEX, "timed" if read else "untimed"] += 1
        found = [read or Index(case.clock, Moment(0.0, 0.0), text or "")]
    else:
        found = _event_indices(spec, case, zone)
    if spec is None or spec.after is None:
        return found
    shift = hours(spec.after)
    return [i._replace(moment=Moment(i.moment.start + shift, i.moment.end + shift)) for i in found]


def _event_indices(spec: IndexSpec, case: Case, zone: ZoneInfo | None) -> list[Index]:
    table = case.tables.specs[spec.source or ""]
    rule = parse_where(spec.where) if spec.where else None
    time = table.time
    if spec.column:
        time = Time(column=[spec.column], unit=spec.unit or (time.unit if time else None))
    found = []
    for row in case.rows_of(spec.source or ""):
        if time is None or (rule is not None and rule.holds(row.cells) is not True):
            continue
        index = _index(row.cells, time, zone)
        if index is not None:
            found.append(index)
        if any(map(row.cells.get, time.column)):
            case.tables.asked[INDEX, "timed" if index else "untimed"] += 1
    found.sort(key=lambda i: (_hours(i.clock) + i.moment.end, _hours(i.clock)))
    # Several rows may stand for one event, for example an encounter's two diagnoses.
    distinct = [i for n, i in enumerate(found) if n == 0 or i != found[n - 1]]
    if spec.take == "each":
        return distinct
    return distinct[:1] if spec.take == "first" else distinct[-1:]


def _hours(clock: Clock) -> float:
    """A clock's time zero in hours, whatever from."""
    return (clock.zero - _EPOCH).total_seconds() / 3600 if clock.zero else 0.0


def _index(cells: Mapping[str, str | None], time: Time, zone: ZoneInfo | None) -> Index | None:
    if time.unit is not None:
        moment = Clock(None, zone).moment(cells, time)
        return Index(Clock(None, zone), moment) if moment else None
    spans = [s for c in time.column if (s := parse_absolute(cells.get(c) or "", zone)) is not None]
    if not spans:
        return None
    span: Absolute = max(spans, key=lambda s: (s.end, s.start))
    length = (span.end - span.start).total_seconds() / 3600
    return Index(Clock(span.start, zone), Moment(0.0, length))


def _number(spec: CohortSpec, cases: Sequence[Case]) -> None:
    """Study ids: the study's own column, or the patient id, with a number where it repeats."""
    each = spec.index_time is not None and spec.index_time.take == "each"
    if spec.table.study and not each:
        return
    taken = {case.record for case in cases if case.record is not None}
    used: Counter[str] = Counter()
    for case in cases:
        name = fresh = case.record
        if name is None:
            continue
        used[name] += 1
        while used[name] > 1 and (fresh := f"{name}-{used[name]}") in taken:
            used[name] += 1
        taken.add(fresh or "")
        case.study = fresh
