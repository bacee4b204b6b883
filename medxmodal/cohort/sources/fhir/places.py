"""`Places`: where a resource stands, in words that name no file: position by content, line or entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from medxmodal.cohort.sources.fhir.lines import Piece
from medxmodal.cohort.sources.rows import SourceFile

_FILE = "places"


@dataclass(frozen=True)
class Places:
    """Piece -> where it begins.

    Args:
        starts: One a piece: position of its file when sorted by content, the file in words, how many
            lines lie before it, and what is counted in it.
    """

    starts: Sequence[tuple[int, str, int, str]]

    @classmethod
    def of_files(
        cls, pieces: Sequence[Piece], files: Mapping[int, SourceFile], units: Mapping[int, int]
    ) -> Places:
        """The places of files.

        Args:
            pieces: All, in order.
            files: Position as given -> file.
            units: Piece -> how many lines it holds.
        """
        order = sorted(files, key=lambda file: (files[file].sha256, file))
        position = {file: at for at, file in enumerate(order, 1)}
        starts, before = [], dict.fromkeys(files, 0)
        for piece in pieces:
            at = position[piece.file]
            words = f"file {at} (sha256 {files[piece.file].sha256[:12]})"
            starts.append((at, words, before[piece.file], "line" if piece.lines else "entry"))
            before[piece.file] += units.get(piece.number, 0)
        return cls(starts)

    @classmethod
    def of_stream(cls) -> Places:
        """The places of resources that come one by one."""
        return cls([(1, "the server's answer", 0, "resource")])

    def order(self, piece: int, number: int) -> tuple[int, int]:
        """What places are sorted by; the same whatever the order of the files."""
        at, _, before, _ = self.starts[piece]
        return at, before + number

    def shown(self, kind: str, piece: int, number: int) -> str:
        """The place in words, for example `Observation, line 17 of file 3 (sha256 3fa2...)`."""
        _, words, before, unit = self.starts[piece]
        where = f"{unit} {before + number} of {words}" if number else words
        return f"{kind}, {where}" if kind else where

    def save(self, folder: Path) -> None:
        """Write it for the workers."""
        (folder / _FILE).write_bytes(orjson.dumps(self.starts))

    @classmethod
    def load(cls, folder: Path) -> Places:
        """Read what `save` wrote."""
        return cls(
            [(at, words, n, unit) for at, words, n, unit in orjson.loads((folder / _FILE).read_bytes())]
        )
