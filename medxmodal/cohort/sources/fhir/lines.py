"""FHIR files in pieces: NDJSON by byte range, bundles whole, each read with bounds."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from medxmodal.errors import InputError

MAX_LINE = 32 << 20
"""A longer line is refused, and never held."""
MAX_BUNDLE = 512 << 20
"""A larger bundle, unpacked, is refused."""
PIECE_BYTES = 8 << 20
"""What one task reads, about; the same for every number of workers, so that tasks are too."""
_PACKED = 10
"""How many bytes a byte of a gzipped file counts for."""
LINE_ENDINGS = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
WHOLE_ENDINGS = (".json", ".json.gz")
_BLOCK = 1 << 20
_TYPE_FIRST = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,60})"')
_TYPE_ANYWHERE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,60})"')
GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True)
class Piece:
    """A part of a file that one worker reads.

    Args:
        number: Position among all pieces.
        file: Position of its file among those given.
        path: The file.
        start: First byte.
        end: Byte after the last; -1 where the file is read to its end.
    """

    number: int
    file: int
    path: str
    start: int
    end: int

    @property
    def lines(self) -> bool:
        """Whether it holds one resource a line."""
        return self.path.lower().endswith(LINE_ENDINGS)


def plan_pieces(files: Sequence[Path], piece_bytes: int = PIECE_BYTES) -> list[list[Piece]]:
    """Tasks of about equal size; they depend on the files and never on the number of workers.

    Raises:
        InputError: A file is missing, or of no kind that is read.
    """
    tasks: list[list[Piece]] = [[]]
    room, number = piece_bytes, 0
    for position, path in enumerate(files):
        name = path.name.lower()
        if not name.endswith(LINE_ENDINGS + WHOLE_ENDINGS):
            raise InputError(
                f"file {position + 1} of the FHIR files is of no kind that is read",
                hint=f"Expected: {', '.join(WHOLE_ENDINGS + LINE_ENDINGS)}.",
            )
        try:
            size = path.stat().st_size
        except OSError as error:
            raise InputError(
                f"file {position + 1} of the FHIR files cannot be read: {error.strerror}"
            ) from error
        splits = name.endswith((".ndjson", ".jsonl")) and size > piece_bytes
        starts = range(0, size, piece_bytes) if splits else (0,)
        for start in starts:
            end = min(start + piece_bytes, size) if splits else -1
            weight = end - start if splits else size * (_PACKED if name.endswith(".gz") else 1)
            if weight > room and tasks[-1]:
                tasks.append([])
                room = piece_bytes
            tasks[-1].append(Piece(number, position, str(path), start, end))
            number += 1
            room -= weight
    return [task for task in tasks if task]


def unpacked_size(path: Path) -> int:
    """About how many bytes a file unpacks to; 0 where it is not there, which the reading will tell."""
    try:
        size = path.stat().st_size
    except OSError:
        return 0
    return size * (_PACKED if path.name.lower().endswith(".gz") else 1)


def open_file(path: str) -> BinaryIO:
    """A file, unpacked while it is read."""
    if path.lower().endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    return open(path, "rb", buffering=_BLOCK)


def read_lines(stream: BinaryIO, piece: Piece, limit: int = MAX_LINE) -> Iterator[bytes]:
    """The lines that begin in a piece, in order, blank ones too; one over the limit is cut behind it."""
    at = piece.start
    if at:
        stream.seek(at - 1)
        at += _skip_line(stream) - 1
    read, end = stream.readline, piece.end
    while end < 0 or at < end:
        data = read(limit + 1)
        if not data:
            return
        at += len(data)
        if len(data) > limit and not data.endswith(b"\n"):
            at += _skip_line(stream)
        yield data


def _skip_line(stream: BinaryIO) -> int:
    skipped = 0
    while True:
        block = stream.readline(_BLOCK)
        skipped += len(block)
        if not block or block.endswith(b"\n"):
            return skipped


def type_at_start(data: bytes) -> str | None:
    """The type of a resource that names it first, as most do; None where only parsing can tell."""
    match = _TYPE_FIRST.match(data)
    return match[1].decode() if match else None


def type_by_sight(data: bytes) -> str:
    """What an unreadable line seems to be; empty where nothing says so."""
    match = _TYPE_ANYWHERE.search(data, 0, 4096)
    return match[1].decode() if match else ""
