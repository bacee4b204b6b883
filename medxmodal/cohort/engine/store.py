"""Opening a spec's tables, whatever they come from, as parts that hold all rows of some records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from medxmodal.cohort.engine.remote import remote_series
from medxmodal.cohort.root import FolderRoot
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.spec.tables import EventTable, Source, TableSpec
from medxmodal.cohort.spec.where import parse_where
from medxmodal.errors import InputError, SpecError

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
        workers: Processes that may be used.
        validate: How much of FHIR is checked whole: `none`, `sample` or `full`.
    """

    spec: CohortSpec
    root: FolderRoot
    scratch: Path
    needed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    spare: frozenset[str] = frozenset()
    workers: int = 1
    validate: Validation = "sample"


def open_store(opening: Opening) -> Store:
    """Open all tables.

    Raises:
        SpecError: A table is not there and is not optional.
        InputError: A table cannot be read.
    """
    spec = opening.spec
    sources: dict[str, Source] = {RECORDS: spec.table, **spec.tables}
    fhir = {name: source for name, source in sources.items() if source.fhir}
    store = Store({}, {}, lambda: iter(()))
    rows: dict[str, list[Row]] = {}
    for name, source in sources.items():
        if name in fhir:
            continue
        table = _read(opening, name, source)
        store.columns[name], store.files[name] = table.columns, table.files
        store.notes += [note if name == RECORDS else f"{name}: {note}" for note in table.notes]
        rows[name] = wanted_rows(source, list(table.rows))
        if name != RECORDS and not table.rows and table.columns:
            store.columns[name] = ()
            store.notes.append(f"{name}: the table has no rows; it counts as empty")
    if not fhir:
        store.parts = lambda: iter([RawPart(rows[RECORDS], _without_records(rows))])
        return store
    from medxmodal.cohort.engine.store_fhir import open_fhir

    return open_fhir(opening, fhir, store, rows)


def _without_records(rows: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: found for name, found in rows.items() if name != RECORDS}


def wanted_rows(source: Source, rows: list[Row]) -> list[Row]:
    """The rows for which the table's own `where` holds; of records with one `distinct` value the first."""
    if isinstance(source, TableSpec) and source.distinct:
        first: dict[str | None, Row] = {}
        for row in rows:
            first.setdefault(row.cells.get(source.distinct), row)
        return list(first.values())
    if not isinstance(source, EventTable) or source.where is None:
        return rows
    rule = parse_where(source.where)
    return [row for row in rows if rule.holds(row.cells) is True]


def _read(opening: Opening, name: str, source: Source) -> Table:
    try:
        return _READERS[source.kind](opening, name, source)
    except SpecError as error:
        optional = name in opening.spare or (isinstance(source, EventTable) and source.optional)
        if optional and not _is_there(opening, source):
            return Table((), (), (), ("this optional table is not there; it counts as empty",))
        if name == RECORDS:
            raise
        raise SpecError(f"tables.{name}: {error.message}", hint=error.hint) from error
    except InputError as error:
        if name == RECORDS:
            raise
        raise InputError(f"tables.{name}: {error.message}", hint=error.hint) from error


def _is_there(opening: Opening, source: Source) -> bool:
    pattern = source.file or source.arrays or source.folder
    return pattern is None or any(opening.root.folder.glob(pattern))


def _file(opening: Opening, name: str, source: Source) -> Table:
    from medxmodal.cohort.sources.table import read_tables

    assert source.file is not None
    columns = opening.needed.get(name)
    folder = opening.root.folder
    return read_tables(folder, source.file, source.sheet, columns=columns)


def _folder(opening: Opening, name: str, source: Source) -> Table:
    from medxmodal.cohort.sources.folder import read_folder

    del name
    return read_folder(opening.root.folder, source.folder or "")


def _sql(opening: Opening, name: str, source: Source) -> Table:
    from medxmodal.cohort.sources.sql import read_sql

    del name
    return read_sql(source.sql or "", source.database or "", opening.root.folder)


def _dicom(opening: Opening, name: str, source: Source) -> Table:
    from medxmodal.cohort.sources.dicom.scan import scan_dicom

    del name
    return scan_dicom(opening.root.folder, source.dicom or "**/*")


def _dicomweb(opening: Opening, name: str, source: Source) -> Table:
    from medxmodal.cohort.sources.dicom.web import query_dicomweb

    del name, opening
    wanted = None if source.dicomweb == "*" else source.dicomweb
    table = query_dicomweb(source.server or "", modality=wanted)
    rows = (
        replace(row, cells={**row.cells, "files": remote_series(row.cells)}) if not row.problem else row
        for row in table.rows
    )
    return replace(table, rows=tuple(rows))


def _arrays(opening: Opening, name: str, source: Source) -> Table:
    from medxmodal.cohort.engine.store_arrays import unpack_arrays

    del name
    found = sorted(opening.root.folder.glob(source.arrays or ""))
    if len(found) != 1:
        raise SpecError(
            f"the data folder has {len(found)} files {source.arrays}; one is expected", hint="Check --data."
        )
    return unpack_arrays(found[0], opening.root.made or opening.scratch)


def _meds(opening: Opening, name: str, source: Source) -> Table:
    from medxmodal.cohort.sources.meds import read_meds

    del name
    assert source.meds is not None
    return read_meds(opening.root.folder, source.meds)


_READERS: dict[str, Callable[[Opening, str, Source], Table]] = {
    "file": _file,
    "folder": _folder,
    "sql": _sql,
    "dicom": _dicom,
    "dicomweb": _dicomweb,
    "arrays": _arrays,
    "meds": _meds,
}
