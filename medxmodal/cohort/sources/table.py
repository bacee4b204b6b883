"""Tables: CSV, TSV, JSON (also gzipped), XLSX and Parquet, read as text cells without guessing types."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from medxmodal.cohort.sources.csv_table import MAX_BYTES, read_csv, unpack
from medxmodal.cohort.sources.grid import Records, to_records
from medxmodal.cohort.sources.parquet_table import read_parquet
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.cohort.sources.xlsx_table import read_xlsx
from medxmodal.errors import InputError, SpecError

_PACKED = (".csv", ".tsv", ".json", ".ndjson", ".jsonl")
ENDINGS = (*_PACKED, *(f"{ending}.gz" for ending in _PACKED), ".xlsx", ".xlsm", ".parquet")
"""What can be read."""
_WILD = frozenset("*?[")


def read_table(path: Path, sheet: int | str = 0, *, columns: Collection[str] | None = None) -> Table:
    """Read a table.

    Args:
        path: A .csv, .tsv, .json, .ndjson (or any of these as .gz), .xlsx or .parquet file.
        sheet: Position or name of the sheet, for .xlsx.
        columns: Columns to keep in the rows; all by default. `Table.columns` is the whole header anyway.
            `_file` (stem of the file's name) and `_row` (row in its file; the header is row 1) are
            there when they are asked for.

    Raises:
        SpecError: There is no such file or sheet, or the kind of file is unknown.
        InputError: The file is damaged.
    """
    if not path.is_file():
        raise SpecError(f"the data folder has no table {path.name}", hint=_near(path.parent))
    return _read(path, path.name, sheet, columns)


def read_tables(
    folder: Path, pattern: str, sheet: int | str = 0, columns: Collection[str] | None = None
) -> Table:
    """Read a table that lies in several files.

    Args:
        folder: The data folder.
        pattern: A file relative to it, or a pattern with `*`, `?`, `[...]` or `**`. The files are taken in
            the order of their paths; a column that one of them lacks is empty there.
        sheet: Of each file; see `read_table`.
        columns: See `read_table`.

    Raises:
        SpecError: Nothing matches, or the pattern leads out of the folder.
        InputError: A file is damaged.
    """
    parts = PurePosixPath(pattern)
    if parts.is_absolute() or ".." in parts.parts:
        raise SpecError(f"'{pattern}' leads out of the data folder", hint="Name files inside of it.")
    if not _WILD & set(pattern):
        return read_table(folder / pattern, sheet, columns=columns)
    paths = sorted(
        (p for p in folder.glob(pattern) if p.is_file()), key=lambda p: p.relative_to(folder).parts
    )
    if not paths:
        raise SpecError(f"no file of the data folder matches '{pattern}'", hint=_near(folder))
    parted = [_read(path, f"file {i} of {pattern}", sheet, columns) for i, path in enumerate(paths, 1)]
    return _joined(parted, columns)


def _near(folder: Path) -> str:
    near = sorted(p.name for p in folder.glob("*") if p.name.lower().endswith(ENDINGS))[:5]
    return f"Tables there: {', '.join(near)}." if near else "Check --data."


def _read(path: Path, shown: str, sheet: int | str, columns: Collection[str] | None) -> Table:
    name = path.name.lower()
    ending = next((e for e in sorted(ENDINGS, key=len, reverse=True) if name.endswith(e)), None)
    if ending is None:
        raise SpecError(
            f"{shown} is no table that can be read", hint=f"Save it as one of: {', '.join(ENDINGS)}."
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"{shown} has more than {MAX_BYTES >> 30} GiB", hint="Save it as Parquet, or split it."
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}", hint="Check its rights.") from error
    source = SourceFile(hashlib.sha256(data).hexdigest(), len(data))
    records = _records(data, ending, shown, sheet, columns, path.name[: -len(ending)])
    return Table(records.columns, records.rows, (source,), records.notes)


def _records(
    data: bytes, ending: str, shown: str, sheet: int | str, columns: Collection[str] | None, stem: str
) -> Records:
    if ending in {".xlsx", ".xlsm"}:
        return to_records(read_xlsx(data, shown, sheet), shown, columns, stem)
    if ending == ".parquet":
        return to_records(read_parquet(data, shown, columns), shown, columns, stem)
    if ending.endswith(".gz"):
        data = unpack(data, shown)
    if ending.removesuffix(".gz") in {".csv", ".tsv"}:
        return to_records(read_csv(data, shown, "\t" if ".tsv" in ending else None), shown, columns, stem)
    from medxmodal.cohort.sources.json_table import json_lines, with_problems

    return with_problems(*json_lines(data, shown), shown, columns, stem)


def _joined(tables: list[Table], columns: Collection[str] | None) -> Table:
    """One table of several: numbers go on, places name the file by its position."""
    header = dict.fromkeys(name for table in tables for name in table.columns)
    wanted = [name for name in header if columns is None or name in columns]
    rows: list[Row] = []
    start = 0
    for position, table in enumerate(tables, 1):
        absent = dict.fromkeys(name for name in wanted if name not in table.columns)
        last = start + 1
        for row in table.rows:
            last = start + row.number
            cells = {**row.cells, **absent} if absent else row.cells
            rows.append(Row(last, cells, row.problem, f"{row.shown} of file {position}"))
        start = last
    said = Counter(note for table in tables for note in table.notes)
    notes = tuple(f"{note} ({count} of {len(tables)} files)" for note, count in said.items())
    return Table(tuple(header), tuple(rows), tuple(f for table in tables for f in table.files), notes)
