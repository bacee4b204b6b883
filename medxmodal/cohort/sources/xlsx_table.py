"""XLSX: one sheet, as the values that Excel last computed."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib

from medxmodal.cohort.sources.csv_table import MAX_BYTES
from medxmodal.cohort.sources.grid import Lines
from medxmodal.errors import InputError, SpecError

_DAMAGED = (
    zipfile.BadZipFile, zlib.error, LookupError, ValueError, TypeError, AttributeError, OSError, EOFError,
    SyntaxError, RuntimeError,
)  # fmt: skip
"""What openpyxl and zipfile raise on damaged or encrypted files."""


def read_xlsx(data: bytes, shown: str, sheet: int | str) -> Lines:
    """The lines of a sheet. Cells formatted as dates are dates; serial numbers stay numbers.

    Args:
        data: The file's bytes.
        shown: How messages name it.
        sheet: Position or name.

    Raises:
        SpecError: There is no such sheet, or it is a chart.
        InputError: The file is damaged.
    """
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_BYTES:
                raise InputError(f"{shown} unpacks to more than {MAX_BYTES >> 30} GiB")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about spreadsheet extensions that hold no values
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            names = list(book.sheetnames)
            known = sheet in names if isinstance(sheet, str) else -1 < sheet < len(names)
            if not known:
                raise SpecError(f"{shown} has no sheet {sheet!r}", hint=f"Its sheets: {', '.join(names)}.")
            page = book[sheet if isinstance(sheet, str) else names[sheet]]
            if not hasattr(page, "reset_dimensions"):
                raise SpecError(f"{shown}: sheet {sheet!r} is a chart, not a table")
            page.reset_dimensions()
            return Lines([list(row) for row in page.iter_rows(values_only=True)])
    except _DAMAGED as error:
        raise InputError(f"{shown} is no readable XLSX file", hint="Open and save it again.") from error
