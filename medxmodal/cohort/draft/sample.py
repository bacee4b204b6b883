"""The beginning of a table: enough to guess from, however large it is."""

from __future__ import annotations

import gzip
import io
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medxmodal.cohort.sources.csv_table import read_csv
from medxmodal.cohort.sources.grid import Lines, to_records
from medxmodal.cohort.sources.json_table import joined, json_lines, with_problems
from medxmodal.cohort.sources.rows import Table
from medxmodal.cohort.sources.table import ENDINGS
from medxmodal.errors import InputError, MedxmodalError

MAX_BYTES = 2 << 20
"""Of a text table so many unpacked bytes are looked at."""
MAX_ROWS = 5000
"""Of a spreadsheet or Parquet file so many rows."""
MOST_SHEETS = 20
MAX_FILE = 64 << 20
"""A spreadsheet or a JSON list larger than this is not looked at: it would have to be read whole."""


@dataclass(frozen=True)
class Sample:
    """A table, or its beginning.

    Args:
        path: Relative to the data folder, or a pattern.
        table: Its rows.
        whole: Whether these are all.
        files: How many files it is made of.
        sheet: Name of its sheet, where a workbook has several.
    """

    path: str
    table: Table
    whole: bool
    files: int = 1
    sheet: str | None = None

    @property
    def tree(self) -> dict[str, object]:
        """Where it lies, as a spec has it."""
        tree: dict[str, object] = {"file": self.path}
        return tree | ({"sheet": self.sheet} if self.sheet else {})

    @property
    def shown(self) -> str:
        """How guesses name it."""
        return f"{self.path} (sheet {self.sheet})" if self.sheet else self.path


def sample_table(folder: Path, path: str) -> list[Sample]:
    """The beginning of a table, of each sheet of a workbook; none of what cannot be read or has no rows."""
    found = []
    sheets: list[str | None] = [None]
    if ending_of(path) in {".xlsx", ".xlsm"}:
        sheets = _sheets(folder / path)
    for sheet in sheets:
        try:
            table, whole = _read(folder / path, sheet)
        except (MedxmodalError, OSError, EOFError, zlib.error, ValueError):
            continue  # what cannot be read cannot be guessed from; the build says why
        if table.rows:
            found.append(Sample(path, table, whole, sheet=sheet))
    return found


def ending_of(name: str) -> str:
    """The ending of a table's name; empty if it is none."""
    lower = name.lower()
    return max((e for e in ENDINGS if lower.endswith(e)), key=len, default="")


def _read(path: Path, sheet: str | None) -> tuple[Table, bool]:
    ending = ending_of(path.name)
    if ending in {".xlsx", ".xlsm"}:
        lines, whole = _sheet(path, sheet)
        return _table(lines), whole
    if ending == ".parquet":
        lines, whole = _parquet(path)
        return _table(lines), whole
    with gzip.open(path) if ending.endswith(".gz") else path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
        whole = len(data) <= MAX_BYTES
        if not whole and ending.removesuffix(".gz") == ".json" and data.lstrip()[:1] == b"[":
            data += stream.read(MAX_FILE)
            whole = len(data) <= MAX_FILE
    if ending.removesuffix(".gz") in {".csv", ".tsv"}:
        return _table(_csv(data, whole, "\t" if ".tsv" in ending else None)), whole
    if not whole:
        data = data[: data.rfind(b"\n")]
    records = with_problems(*json_lines(data, path.name), path.name)
    return Table(records.columns, records.rows, (), records.notes), whole


def _table(lines: Lines) -> Table:
    records = to_records(lines, "the table")
    return Table(records.columns, records.rows, (), records.notes)


def _csv(data: bytes, whole: bool, delimiter: str | None) -> Lines:
    """The lines of a delimited text, of a part of it up to a line that ends outside of quotation marks."""
    if whole:
        return read_csv(data, "the table", delimiter)
    for _ in range(50):
        data = data[: data.rfind(b"\n")]
        if not data:
            break
        try:
            return read_csv(data, "the table", delimiter)
        except InputError:
            continue
    raise InputError("the beginning of the table cannot be read")


def _sheets(path: Path) -> list[str | None]:
    """The names of the sheets; of the only one none."""
    try:
        names = [page.title for page in _book(path).worksheets][:MOST_SHEETS]
    except (InputError, OSError):
        return []
    return list(names) if len(names) > 1 else [None]


def _sheet(path: Path, sheet: str | None) -> tuple[Lines, bool]:
    page = _book(path).worksheets[0] if sheet is None else _book(path)[sheet]
    page.reset_dimensions()
    rows = [list(row) for row in page.iter_rows(values_only=True, max_row=MAX_ROWS + 1)]
    return Lines(rows), len(rows) <= MAX_ROWS


def _book(path: Path) -> Any:  # noqa: ANN401 - openpyxl carries no types
    import openpyxl

    if path.stat().st_size > MAX_FILE:
        raise InputError("the workbook is too large to look at")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > 16 * MAX_FILE:
                raise InputError("the workbook is too large to look at")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about spreadsheet extensions that hold no values
            return openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
    except (zipfile.BadZipFile, LookupError, TypeError, AttributeError, RuntimeError, SyntaxError) as error:
        raise InputError("the workbook cannot be read") from error


def _parquet(path: Path) -> tuple[Lines, bool]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = [n for n in file.schema_arrow.names if not n.startswith("__index_level_")]
        batch = next(file.iter_batches(batch_size=MAX_ROWS, columns=names), None)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError("the Parquet file cannot be read") from error
    if batch is None:
        raise InputError("the Parquet file has no rows")
    columns = [
        [joined(cell) if isinstance(cell, list) else cell for cell in batch.column(n).to_pylist()]
        for n in names
    ]
    return Lines([names, *zip(*columns, strict=True)]), file.metadata.num_rows <= MAX_ROWS
