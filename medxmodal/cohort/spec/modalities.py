"""Modalities of a spec: what kind of input, and where it comes from."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from medxmodal.cohort.spec.base import FileTemplate, FromTable, Text, Words
from medxmodal.cohort.spec.columns import Column, NumberColumn

FileTake: TypeAlias = Literal["first", "last", "all"]


class FileInput(FromTable):
    """Files of a record, or of the rows of a table.

    Args:
        file: Path under the data folder with columns in braces; a `*` gives several files as one input.
            A table of DICOM series or of arrays has its own.
        many: The sign that separates several names in one cell.
        take: Of several rows in `from`: the `first`, the `last` (default) or `all` of them.
    """

    file: FileTemplate | None = None
    many: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    take: FileTake = "last"

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.where and not self.source:
            raise ValueError("`where` needs `from`, a table of events")
        return self


class ImageSpec(FileInput):
    """2D images, with an optional lesion mask for each."""

    kind: Literal["image"]
    mask: FileTemplate | None = None


class VolumeSpec(FileInput):
    """3D volumes: NIfTI, or DICOM series; with an optional mask."""

    kind: Literal["volume"]
    mask: FileTemplate | None = None


class VideoSpec(FileInput):
    """Clips: multi-frame DICOM, or the frames as images in natural order of their names."""

    kind: Literal["video"]


class TabularSpec(FromTable):
    """Numbers and categories, one a study."""

    kind: Literal["tabular"]
    columns: dict[str, Column] = Field(min_length=1)

    @model_validator(mode="after")
    def _events_where_needed(self) -> Self:
        for name, column in self.columns.items():
            key = column.needs_events
            if key and not (column.source or self.source):
                raise ValueError(f"column '{name}': `{key}` needs `from`, a table of events")
        return self


class TimeseriesSpec(FromTable):
    """Values over time before the index time: rows of a table, each with its time.

    Args:
        columns: Numbers; with a `where` of their own in long tables.
        most: At most so many time points a study, the latest.
    """

    kind: Literal["timeseries"]
    columns: dict[str, NumberColumn] = Field(min_length=1)
    most: Annotated[int, Field(ge=1, le=100_000)] = 1000

    @model_validator(mode="after")
    def _from_events(self) -> Self:
        if not self.source:
            raise ValueError("a time series needs `from`, a table with times")
        if any(column.source for column in self.columns.values()):
            raise ValueError("all columns of a time series come from its own table")
        return self


class TextPart(FromTable):
    """Some rows of a table as lines of a text.

    Args:
        line: One line a row, with columns in braces.
        heading: Line above them.
        most: At most so many lines, the latest.
    """

    line: FileTemplate
    heading: str = ""
    most: Annotated[int, Field(ge=1, le=100_000)] = 1000


class TextSpec(FromTable):
    """Clinical notes: a column, a file, or lines made from events.

    Args:
        column: Column of the record or of the table in `from`.
        file: A text file for each record.
        line: One line a row of the table in `from`, with columns in braces.
        parts: Several tables as one text.
        take: Of several notes in `from`: the `first`, the `last` or `all` (default).
        hide: Words that name the label and are blanked out; `covid*` for every word with that beginning,
            hyphenated ones such as COVID-19 as a whole.
        scrub: Installed scrubber that blanks out who a note is about; see `cohort.scrub`.
    """

    kind: Literal["text"]
    column: Text | None = None
    file: FileTemplate | None = None
    line: FileTemplate | None = None
    parts: list[TextPart] = []
    take: FileTake = "all"
    hide: Words = []
    scrub: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [bool(value) for value in (self.column, self.file, self.line, self.parts)]
        if sum(given) != 1:
            raise ValueError("give either `column` or `file`, or `line` or `parts`")
        if self.line and not self.source:
            raise ValueError("`line` needs `from`, a table of events")
        if self.file and self.source:
            raise ValueError("`file` reads the record's own columns; use `column` or `line` with `from`")
        if any(part.source is None for part in self.parts):
            raise ValueError("each of `parts` needs `from`, a table of events")
        return self


ModalitySpec: TypeAlias = Annotated[
    ImageSpec | VolumeSpec | VideoSpec | TabularSpec | TimeseriesSpec | TextSpec, Field(discriminator="kind")
]
FILES = (ImageSpec, VolumeSpec, VideoSpec)
"""Kinds whose inputs are files."""
