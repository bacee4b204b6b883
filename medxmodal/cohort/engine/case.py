"""`Case`: one record at one index time, with the rows of all tables that were known by then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from medxmodal.cohort.cells import id_text
from medxmodal.cohort.engine.clock import Clock, Moment
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.spec.base import FromTable, Window
from medxmodal.cohort.spec.tables import EventTable
from medxmodal.cohort.spec.where import Rule

Grouped = Mapping[str, list[Row]]
"""Key -> rows of a table."""
INDEX = "the index time"
"""Stands for the index time among the names of tables, none of which has a space."""
MANY_KEYS = "|"
"""Separates several keys in one cell."""


@dataclass(frozen=True, slots=True)
class Event:
    """A row of a table that belongs to a record.

    Args:
        row: The row.
        moment: When it was known; None in tables without times.
    """

    row: Row
    moment: Moment | None


@dataclass
class Tables:
    """The tables of a part, grouped by key, and what was left out of them.

    Args:
        specs: Name -> spec.
        rows: Name -> key -> rows.
        left_out: Why -> how many rows, over all records.
        absent: Tables that are not there: nothing is known of them, not even that there is no row.
        undated: Table -> numbers of the rows whose time cannot be read.
        asked: Of (table, what), how often it was met: `asked` for, `found` for a record, and of the rows
            whose time is filled `timed` and `untimed`.
    """

    specs: Mapping[str, EventTable]
    rows: Mapping[str, Grouped]
    left_out: Counter[str] = field(default_factory=Counter)
    absent: frozenset[str] = frozenset()
    undated: dict[str, set[int]] = field(default_factory=dict)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass
class Case:
    """One record at one index time.

    Args:
        row: The record.
        patient: Real id of the patient, if there is one.
        study: Real id of the study, if there is one.
        record: Real id that other tables name the record by.
        clock: What its relative times count from.
        index: The index time, in hours after zero.
        tables: The rows of all tables.
        window: The spec's observation window.
        number: Which of the record's index events it is, from 1.
        unreadable: The text of its index time, where that is no time.
    """

    row: Row
    patient: str | None
    study: str | None
    record: str | None
    clock: Clock
    index: Moment
    tables: Tables
    window: Window | None = None
    number: int = 1
    unreadable: str = ""
    _events: dict[str, list[Event]] = field(default_factory=dict)

    def events(self, table: str) -> list[Event]:
        """All rows of a table that belong to the record, in order of time; undated ones are left out."""
        if table not in self._events:
            spec = self.tables.specs[table]
            found = []
            for row in self.rows_of(table):
                moment = self.clock.moment(row.cells, spec.time) if spec.time else None
                if spec.time and not self.unreadable and any(map(row.cells.get, spec.time.column)):
                    self.tables.asked[table, "timed" if moment else "untimed"] += 1
                if moment is None and spec.time is not None:
                    self.tables.undated.setdefault(table, set()).add(row.number)
                    continue
                found.append(Event(row, moment))
            self._events[table] = sorted(found, key=_order)
        return self._events[table]

    def rows_of(self, table: str) -> list[Row]:
        """All rows of a table that belong to the record, whenever they happened."""
        grouped = self.tables.rows.get(table, {})
        keys = dict.fromkeys(self._keys(self.tables.specs[table]))
        rows = [row for key in keys for row in grouped.get(key, ())]
        self.tables.asked[table, "asked"] += bool(grouped)
        self.tables.asked[table, "found"] += bool(rows)
        return rows

    def _keys(self, spec: EventTable) -> Iterable[str]:
        if spec.through:
            for event in self.known(spec.through):
                yield from map(id_text, (event.row.cells.get(spec.equals or "") or "").split(MANY_KEYS))
            return
        key = self.patient if spec.equals == PATIENT else self.record if spec.equals == STUDY else None
        if key is None and spec.equals not in {PATIENT, STUDY}:
            key = self.row.cells.get(spec.equals or "")
        if key is not None:
            yield id_text(key)

    def known(self, table: str, window: Window | None = None) -> list[Event]:
        """The rows that were known at the index time and lie in the window, in order of time."""
        low, high = (window or self.window or _OPEN).bounds
        return [e for e in self.events(table) if e.moment is None or self._inside(e.moment, low, high)]

    def _inside(self, moment: Moment, low: float, high: float) -> bool:
        # A day is over only at its end, so that the time between a window and the index time stays free.
        return low <= moment.start - self.index.start and moment.end - self.index.end <= high

    def pick(self, reading: FromTable, table: str, rule: Rule | None) -> list[Event]:
        """The known rows of a reading: in its window, and by its rule."""
        found = self.known(table, reading.window)
        return found if rule is None else [e for e in found if rule.holds(e.row.cells) is True]

    def ahead(self, table: str, begin: float, end: float, rule: Rule | None) -> list[Event]:
        """Rows after the index time: later than `begin` and not later than `end` hours after it."""
        return [
            e
            for e in self.events(table)
            if e.moment is not None
            and begin < e.moment.end - self.index.end
            and e.moment.start - self.index.start <= end
            and (rule is None or rule.holds(e.row.cells) is True)
        ]


PATIENT, STUDY = "\0patient", "\0study"
"""What `equals` is by default: the record's own ids."""
_OPEN = Window()


def _order(event: Event) -> tuple[float, float]:
    return (event.moment.start, event.moment.end) if event.moment else (0.0, 0.0)
