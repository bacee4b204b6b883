"""Opening a spec's tables, whatever they come from, as parts that hold all rows of some records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from medxmodal.cohort.engine.remote import remote_series
from medxmodal.cohort.engine.tables import RECORDS, Opening, RawPart, Store, wanted_rows
from medxmodal.cohort.sources.rows import Row, Table
from medxmodal.cohort.spec.tables import EventTable, Source
from medxmodal.errors import InputError, SpecError


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
    from medxmodal.cohort.engine.store_fhir import open_fhir  # which knows all of FHIR

    return open_fhir(opening, fhir, store, rows)


def _without_records(rows: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: found for name, found in rows.items() if name != RECORDS}


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
