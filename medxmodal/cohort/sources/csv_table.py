"""CSV and TSV, gzipped or not: encodings, separators and quotation marks."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from medxmodal.cohort.sources.grid import Lines
from medxmodal.errors import InputError

MAX_BYTES = 2 << 30
"""A table larger than this, unpacked, is refused."""
MAX_FIELD = 64 << 20
"""A cell larger than this, such as a document in base64, is refused."""
_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""The line above the header with which Excel names the separator."""
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
    named = _SEPARATOR.match(text)
    if named:
        text, delimiter = text[named.end() :], named[1]
    delimiter = delimiter or _delimiter(text)
    notes = []
    if encoding == "cp1252":
        notes.append("the table is not UTF-8; it was read as Windows-1252")
        if re.search(rb"[\xc2\xc3][\x80-\xbf]", data):
            notes.append("some of its letters look like UTF-8 nevertheless; check the accented ones")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[list[str]] = []
    try:
        with _long_fields():
            lines.extend(rows)
    except csv.Error as error:
        raise InputError(
            f"{shown} cannot be read near line {rows.line_num}: {error}",
            hint="Check the quotation marks there.",
        ) from error
    return Lines(lines, tuple(notes), commas=delimiter != ",")


@contextmanager
def _long_fields() -> Iterator[None]:
    """Notes may be longer than the csv module's own limit, which is one for the whole process."""
    before = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


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
