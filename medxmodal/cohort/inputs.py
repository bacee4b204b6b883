"""A modality's inputs from the records: one reader a kind, each giving values and what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medxmodal.cohort.identity import Identity
from medxmodal.cohort.root import FolderRoot
from medxmodal.cohort.sources.image import decode_image, load_bytes
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.spec import ImageSpec, TabularSpec, TextSpec
from medxmodal.cohort.study import FileReference, Value
from medxmodal.cohort.tabular import read_column
from medxmodal.cohort.template import Template
from medxmodal.errors import InputError, SpecError

MASK = "mask"
MAX_NOTE_BYTES = 16 << 20


@dataclass
class Found:
    """What one modality gives for one record.

    Args:
        fields: Field -> value; empty when the modality is absent.
        problems: Field -> what is wrong; the modality cannot be used.
        remarks: Field -> what is wrong, though the modality can be used without it.
        content: Hash of the decoded pixels, to find the same image under two patients.
        files: Relative paths of the files read.
    """

    fields: dict[str, Value] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    content: str = ""
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Surroundings:
    """What every reader needs.

    Args:
        root: The data folder.
        identity: How inputs and cells may be named.
        masks: Whether lesion masks are read (an unlabelled export may have none).
    """

    root: FolderRoot
    identity: Identity
    masks: bool = True


class InputReader(Protocol):
    """Reads one modality."""

    def read(self, index: int, row: Row, position: int) -> Found:
        """The inputs of one record; `index` counts records, `position` the studies kept, from 1."""


class ImageReader:
    """Checks every image by decoding it once, and records its content hash."""

    def __init__(self, name: str, spec: ImageSpec, around: Surroundings) -> None:
        self.name, self.around = name, around
        self.file = Template.parse(spec.file)
        self.mask = Template.parse(spec.mask) if spec.mask and around.masks else None

    def read(self, index: int, row: Row, position: int) -> Found:
        """References to the image and its mask."""
        del index
        found = Found()
        try:
            reference, shape, content = self._reference(self.file, "file", row, position, found)
        except (InputError, SpecError) as error:
            found.problems["file"] = f"row {row.number}: {error.message}"
            return found
        if reference is None:
            return found
        found.fields, found.content = {"file": reference, MASK: None}, content
        if self.mask is not None:
            try:
                mask, mask_shape, _ = self._reference(self.mask, MASK, row, position, found)
                if mask is not None and mask_shape != shape:
                    raise InputError(f"{mask.shown} has {mask_shape} pixels, its image {shape}")
                found.fields[MASK] = mask
            except (InputError, SpecError) as error:
                found.remarks[MASK] = f"row {row.number}: {error.message}; used without mask"
        return found

    def _reference(
        self, template: Template, what: str, row: Row, position: int, found: Found
    ) -> tuple[FileReference | None, tuple[int, int], str]:
        relative = template.fill(row.cells)
        if relative is None:
            return None, (0, 0), ""
        around = self.around
        noun = self.name if what == "file" else f"{self.name} {what}"
        early = f"the {noun}" if around.identity.keyed else f"{noun} {relative}"
        data = load_bytes(around.root.folder / relative, early)
        sha256 = hashlib.sha256(data).hexdigest()
        shown = around.identity.shown(noun, position, relative, sha256)
        pixels = decode_image(data, shown)
        content = hashlib.sha256(repr((pixels.shape, pixels.dtype.str)).encode() + pixels.tobytes())
        around.root.known[sha256] = around.root.folder / relative
        found.files.append(relative)
        locator = around.identity.locator(relative, sha256)
        reference = FileReference(locator, sha256, len(data), shown, around.root)
        return reference, pixels.shape[:2], content.hexdigest()


class TabularReader:
    """The columns of the table, read as wholes first."""

    def __init__(self, spec: TabularSpec, rows: Sequence[Row], around: Surroundings) -> None:
        self.columns = {
            name: read_column(name, column, rows, around.identity) for name, column in spec.columns.items()
        }

    def read(self, index: int, row: Row, position: int) -> Found:
        """Values by column; absent when nothing at all is known."""
        del row, position
        found = Found()
        values = {name: column.values[index] for name, column in self.columns.items()}
        if any(value is not None for value in values.values()):
            found.fields = dict(values)
        for name, column in self.columns.items():
            if index in column.problems:
                found.problems[name] = column.problems[index]
        return found

    @property
    def set_to_missing(self) -> dict[str, dict[str, int]]:
        """Column -> why -> how many values were dropped."""
        return {
            n: dict(sorted(c.set_to_missing.items())) for n, c in self.columns.items() if c.set_to_missing
        }


class TextReader:
    """A note, from a column or a file; the text itself becomes part of the cohort."""

    def __init__(self, name: str, spec: TextSpec, around: Surroundings) -> None:
        self.name, self.column, self.around = name, spec.column, around
        self.file = Template.parse(spec.file) if spec.file else None

    def read(self, index: int, row: Row, position: int) -> Found:
        """The note's text."""
        del index, position
        if self.file is None:
            text = row.cells[self.column or ""]
            return Found({"text": text} if text else {})
        found = Found()
        try:
            text = self._note(self.file, row.cells, found)
        except (InputError, SpecError) as error:
            found.problems["text"] = f"row {row.number}: {error.message}"
            return found
        if text:
            found.fields["text"] = text
        return found

    def _note(self, template: Template, cells: Mapping[str, str | None], found: Found) -> str | None:
        relative = template.fill(cells)
        if relative is None:
            return None
        shown = f"the {self.name}" if self.around.identity.keyed else f"{self.name} {relative}"
        data = load_bytes(Path(self.around.root.folder, relative), shown)
        if len(data) > MAX_NOTE_BYTES:
            raise InputError(f"{shown} has {len(data) >> 20} MiB; a note is shorter")
        found.files.append(relative)
        for encoding in ("utf-8-sig", "cp1252"):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "\0" not in text:
                return text.strip()
        raise InputError(f"{shown} is no text", hint="Save it as UTF-8.")
