"""What opening a spec's tables gives: their columns, and their rows in parts that hold whole records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from medxmodal.cohort.root import FolderRoot
from medxmodal.cohort.sources.rows import Row, SourceFile
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.spec.tables import EventTable, Source, TableSpec
from medxmodal.cohort.spec.where import parse_where

Validation: TypeAlias = Literal["none", "sample", "full"]

RECORDS = "table"
"""Name of the table of records among all tables."""


@dataclass(frozen=True)
class RawPart:
    """All rows of some records.

    Args:
        records: The records.
        tables: Table -> rows.
    """

    records: list[Row]
    tables: Mapping[str, list[Row]]


@dataclass
class Store:
    """All tables of a spec.

    Args:
        columns: Table -> its columns; the records under `table`.
        files: Table -> what it was read from.
        parts: Gives the rows, part by part; a record's rows are all in one part.
        notes: What the readers had to assume, or left out and why.
        whole: Whether there is one part only.
        large: Whether the records are too many to be held at once.
    """

    columns: dict[str, tuple[str, ...]]
    files: dict[str, tuple[SourceFile, ...]]
    parts: Callable[[], Iterator[RawPart]]
    notes: list[str] = field(default_factory=list)
    whole: bool = True
    large: bool = False

    @property
    def absent(self) -> frozenset[str]:
        """Tables that are not there, or empty: they have no columns."""
        return frozenset(name for name, columns in self.columns.items() if not columns)


@dataclass(frozen=True)
class Opening:
    """What reading needs to know.

    Args:
        spec: The spec.
        root: The data folder.
        scratch: A private folder for what is spilled or fetched.
        needed: Table -> columns that will be read; all where a table is not named.
        spare: Tables that need not be there.
        validate: How much of FHIR is checked whole: `none`, `sample` or `full`.
    """

    spec: CohortSpec
    root: FolderRoot
    scratch: Path
    needed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    spare: frozenset[str] = frozenset()
    validate: Validation = "sample"


def wanted_rows(source: Source, rows: list[Row]) -> list[Row]:
    """The rows for which the table's own `where` holds; of records with one `distinct` value one."""
    if isinstance(source, TableSpec) and source.distinct:
        return _distinct(source.distinct, rows)
    if not isinstance(source, EventTable) or source.where is None:
        return rows
    rule = parse_where(source.where)
    return [row for row in rows if rule.holds(row.cells) is True]


def _distinct(column: str, rows: list[Row]) -> list[Row]:
    """Of the rows with one value the first that can be read; rows without a value stand for themselves.

    A localizer that fits no stack must not cost the study its other series.
    """
    chosen: dict[object, Row] = {}
    for row in rows:
        key = row.cells.get(column) or row.number
        if key not in chosen or (chosen[key].problem and not row.problem):
            chosen[key] = row
    return list(chosen.values())
