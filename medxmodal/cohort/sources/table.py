"""Tables: CSV, TSV (also gzipped), XLSX and Parquet, read as text cells without guessing types."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.errors import InputError, SpecError

MAX_BYTES = 2 << 30
"""A table larger than this, unpacked, is refused."""
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".xlsx", ".xlsm", ".parquet")

_DAMAGED_XLSX = (
    zipfile.BadZipFile, zlib.error, LookupError, ValueError, TypeError, AttributeError, OSError, EOFError,
    SyntaxError, RuntimeError,
)  # fmt: skip
"""What openpyxl and zipfile raise on damaged or encrypted files."""


def read_table(path: Path, sheet: int | str = 0) -> Table:
    """Read a table.

    Args:
        path: A .csv, .tsv (or either .gz), .xlsx or .parquet file.
        sheet: Position or name of the sheet, for .xlsx.

    Raises:
        SpecError: There is no such file or sheet, or the kind of file is unknown.
        InputError: The file is damaged, or its rows do not fit its header.
    """
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.name.lower().endswith(_ENDINGS))[:5]
        hint = f"Tables there: {', '.join(near)}." if near else "Check --data."
        raise SpecError(f"the data folder has no table {path.name}", hint=hint)
    name = path.name.lower()
    if not name.endswith(_ENDINGS):
        raise SpecError(
            f"{path.name} is no table that can be read", hint=f"Save it as one of: {', '.join(_ENDINGS)}."
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}", hint="Check its rights.") from error
    notes: list[str] = []
    if name.endswith((".xlsx", ".xlsm")):
        grid = _xlsx(data, path.name, sheet)
    elif name.endswith(".parquet"):
        grid = _parquet(data, path.name)
    else:
        text, encoding = _text(data, path.name)
        if encoding == "cp1252":
            notes.append("the table is not UTF-8; it was read as Windows-1252")
        grid = _delimited(text, path.name, "\t" if ".tsv" in name else None)
    columns, rows = _records(grid, path.name)
    source = SourceFile(hashlib.sha256(data).hexdigest(), len(data))
    return Table(columns, rows, (source,), tuple(notes))


def _text(data: bytes, name: str) -> tuple[str, str]:
    if name.lower().endswith(".gz"):
        try:
            with gzip.open(io.BytesIO(data)) as stream:
                data = stream.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{name} is a damaged gzip file", hint="Copy it again.") from error
    if len(data) > MAX_BYTES:
        raise InputError(
            f"{name} has more than {MAX_BYTES >> 30} GiB", hint="Save it as Parquet, or split it."
        )
    encoding = next((encoding for bom, encoding in _BOMS if data.startswith(bom)), "utf-8")
    try:
        if encoding == "utf-8" and b"\0" in data:
            raise InputError(f"{name} is not readable as text", hint="Save it as UTF-8.")
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise InputError(f"{name} is not readable as text", hint="Save it as UTF-8.") from error
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is neither UTF-8 nor Windows-1252", hint="Save it as UTF-8.") from error


def _delimited(text: str, name: str, delimiter: str | None) -> Iterable[Iterable[object]]:
    delimiter = delimiter or _delimiter(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    grid: list[list[str]] = []
    try:
        grid.extend(rows)
    except csv.Error as error:
        raise InputError(
            f"{name} cannot be read near line {rows.line_num}: {error}",
            hint="Check the quotation marks there.",
        ) from error
    return grid


def _delimiter(text: str) -> str:
    """The separator that the header row uses most, outside of quotation marks."""
    quoted, counts = False, dict.fromkeys(",;\t|", 0)
    for sign in text:
        if sign == '"':
            quoted = not quoted
        elif sign in "\r\n" and not quoted:
            break
        elif sign in counts and not quoted:
            counts[sign] += 1
    return max(counts, key=lambda sign: counts[sign])


def _xlsx(data: bytes, name: str, sheet: int | str) -> Iterable[Iterable[object]]:
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_BYTES:
                raise InputError(f"{name} unpacks to more than {MAX_BYTES >> 30} GiB")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about spreadsheet extensions that hold no values
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            names = list(book.sheetnames)
            known = sheet in names if isinstance(sheet, str) else -1 < sheet < len(names)
            if not known:
                raise SpecError(f"{name} has no sheet {sheet!r}", hint=f"Its sheets: {', '.join(names)}.")
            page = book[sheet if isinstance(sheet, str) else names[sheet]]
            if not hasattr(page, "reset_dimensions"):
                raise SpecError(f"{name}: sheet {sheet!r} is a chart, not a table")
            page.reset_dimensions()
            return [list(row) for row in page.iter_rows(values_only=True)]
    except _DAMAGED_XLSX as error:
        raise InputError(f"{name} is no readable XLSX file", hint="Open and save it again.") from error


def _parquet(data: bytes, name: str) -> Iterable[Iterable[object]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{name} is no readable Parquet file", hint="Write it again.") from error
    names = [n for n in table.column_names if not n.startswith("__index_level_")]
    columns = [table.column(n).to_pylist() for n in names]
    return [names, *(list(row) for row in zip(*columns, strict=True))]


def _records(grid: Iterable[Iterable[object]], name: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    rows = iter(grid)
    header = [cell_text(cell) or "" for cell in next(rows, [])]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise InputError(f"{name} is empty: its first row has no column names")
    named = [column for column in header if column]
    doubled = sorted({column for column in named if named.count(column) > 1})
    if doubled:
        raise InputError(f"{name} has the column '{doubled[0]}' twice", hint="Rename one of them.")
    found: list[Row] = []
    for number, row in enumerate(rows, 2):
        cells = [cell_text(cell) for cell in row]
        if not any(cell is not None for cell in cells):
            continue
        if any(cell is not None for cell in cells[len(header) :]):
            raise InputError(
                f"{name} row {number} has {len(cells)} cells, but the header has {len(header)}",
                hint="Quote texts that hold the separator.",
            )
        cells += [None] * (len(header) - len(cells))
        found.append(Row(number, {c: v for c, v in zip(header, cells, strict=False) if c}))
    return tuple(named), tuple(found)
