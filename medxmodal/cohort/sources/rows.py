"""What every source gives: rows of text cells, and the hashes of what they were read from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SourceFile:
    """A file that a table was read from, by content.

    Args:
        sha256: Hash of its bytes, hex.
        size: Bytes.
    """

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Row:
    """One record.

    Args:
        number: Unique in its table; as a spreadsheet counts it (the header is row 1).
        cells: Column -> text, None where empty.
        problem: Why the record cannot be read: it is still a record found, and is listed as failed.
        place: How messages name it, where `row <number>` would not do; no file names, no ids.
    """

    number: int
    cells: Mapping[str, str | None]
    problem: str = ""
    place: str = ""

    @property
    def shown(self) -> str:
        """How messages name it."""
        return self.place or f"row {self.number}"


@dataclass(frozen=True)
class Table:
    """A table as read.

    Args:
        columns: Header, in order.
        rows: Records, without wholly empty rows.
        files: What it was read from.
        notes: What the reader had to assume, or left out and why.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    files: tuple[SourceFile, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def sha256(self) -> str:
        """Hash of the one file, or of the sorted hashes of several."""
        if len(self.files) == 1:
            return self.files[0].sha256
        return hashlib.sha256("\n".join(sorted(f.sha256 for f in self.files)).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)
