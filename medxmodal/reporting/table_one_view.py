"""Table 1 as its page and its text lay it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medxmodal.records import DescribeRecord, TableRow
from medxmodal.reporting.classes import class_name
from medxmodal.reporting.numbers import DASH, figure, named, unit
from medxmodal.reporting.strings import say

TINY = 0.001


@dataclass(frozen=True)
class VariableRow:
    """A line of Table 1; `first` where a variable begins, `alone` where it is the only one."""

    variable: str
    level: str
    unit: str
    first: bool
    alone: bool
    cells: list[str]


@dataclass(frozen=True)
class TableView:
    """A whole Table 1."""

    key: str
    title: str
    columns: list[str]
    rows: list[VariableRow]
    notes: list[str]


def by_label(record: DescribeRecord) -> TableView:
    """Table 1 by label, with the differences between its two groups."""
    smd = any(row.smd is not None for row in record.table1)
    tested = any(row.p is not None for row in record.table1)
    columns = [_column(record, name) for name in record.table1_columns]
    columns += [say("table1.smd")] * smd + [say("table1.p")] * tested
    notes = [say("table1.note.shares")]
    if smd:
        notes.append(say("table1.note.smd", positive=record.positive, negative=record.negative))
        notes.append(say("table1.note.p") if tested else say("table1.note.no_p"))
    if record.most_studies > 1:
        notes.append(say("table1.note.studies", most=record.most_studies))
    rows = _rows(record.table1, record.table1_columns, smd=smd, tested=tested)
    return TableView("table1", say("table1.title"), columns, rows, notes)


def stratified(record: DescribeRecord) -> list[TableView]:
    """Table 1 by site and by split, where the record has them."""
    return [
        TableView(
            key=f"table1-{table.by}",
            title=say(f"table1.by.{table.by}"),
            columns=[say("table1.all") if name == "all" else name for name in table.columns],
            rows=_rows(table.rows, table.columns, smd=False, tested=False),
            notes=[],
        )
        for table in record.table1_by
    ]


def _column(record: DescribeRecord, name: str) -> str:
    return say(f"table1.{name}") if name in ("all", "unknown") else named(class_name(record, name))


def _rows(rows: Sequence[TableRow], columns: Sequence[str], *, smd: bool, tested: bool) -> list[VariableRow]:
    found: list[VariableRow] = []
    for number, row in enumerate(rows):
        before = rows[number - 1].variable if number else None
        after = rows[number + 1].variable if number + 1 < len(rows) else None
        cells = [row.summary.get(column, DASH) for column in columns]
        cells += [figure(row.smd) if row.smd is not None else ""] * smd
        cells += [_p(row.p)] * tested
        first = before != row.variable
        found.append(
            VariableRow(
                row.variable, row.level, unit_name(row.unit), first, first and after != row.variable, cells
            )
        )
    return found


def unit_name(code: str) -> str:
    """A unit as clinicians write it, a change a day and an annotation too.

    Example:
        >>> unit_name("mm[Hg]/d"), unit_name("{score}"), unit_name("g/d")
        ('mmHg/d', 'score', 'g/d')
    """
    if code.startswith("{") and code.endswith("}"):
        return code[1:-1]
    base = code.removesuffix("/d")
    return unit(code) if base == code or unit(code) != code else f"{unit(base)}/d"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return f"< {TINY}" if value < TINY else f"{value:.3f}"
