"""CSV and TSV, gzipped or not: encodings, separators and quotation marks."""

from __future__ import annotations

import csv
import gzip
import io
import zlib

from medxmodal.cohort.sources.grid import Lines
from medxmodal.errors import InputError

MAX_BYTES = 2 << 30
"""A table larger than this, unpacked, is refused."""
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_csv(data: bytes, shown: str, delimiter: str | None = None) -> Lines:
    """The lines of a delimited text.

    Args:
        data: The file's bytes, unpacked.
        shown: How messages name it.
        delimiter: The separator; the one the header uses most by default.

    Raises:
        InputError: It is no text, or a quotation mark is not closed.
    """
    text, encoding = _text(data, shown)
    delimiter = delimiter or _delimiter(text)
    notes = ("the table is not UTF-8; it was read as Windows-1252",) if encoding == "cp1252" else ()
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[list[str]] = []
    try:
        lines.extend(rows)
    except csv.Error as error:
        raise InputError(
            f"{shown} cannot be read near line {rows.line_num}: {error}",
            hint="Check the quotation marks there.",
        ) from error
    return Lines(lines, notes, commas=delimiter != ",")


def unpack(data: bytes, shown: str) -> bytes:
    """The bytes inside a gzip file.

    Raises:
        InputError: It is damaged, or unpacks to more than the limit.
    """
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{shown} is a damaged gzip file", hint="Copy it again.") from error
    if len(data) > MAX_BYTES:
        raise InputError(
            f"{shown} has more than {MAX_BYTES >> 30} GiB", hint="Save it as Parquet, or split it."
        )
    return data


def _text(data: bytes, shown: str) -> tuple[str, str]:
    encoding = next((encoding for bom, encoding in _BOMS if data.startswith(bom)), "utf-8")
    try:
        if encoding == "utf-8" and b"\0" in data:
            raise InputError(f"{shown} is not readable as text", hint="Save it as UTF-8.")
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise InputError(f"{shown} is not readable as text", hint="Save it as UTF-8.") from error
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError as error:
        raise InputError(f"{shown} is neither UTF-8 nor Windows-1252", hint="Save it as UTF-8.") from error


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
