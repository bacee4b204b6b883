"""`CohortSpec`: what a cohort is, as one strict YAML that reads like a protocol."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from medxmodal.cohort.spec.base import NAME, Section, Window, Words, as_tree
from medxmodal.cohort.spec.columns import CategoryColumn, Column, NumberColumn
from medxmodal.cohort.spec.modalities import (
    FILES,
    FileInput,
    ImageSpec,
    ModalitySpec,
    TabularSpec,
    TextPart,
    TextSpec,
    TimeseriesSpec,
    VideoSpec,
    VolumeSpec,
)
from medxmodal.cohort.spec.reading import parse_spec, read_spec
from medxmodal.cohort.spec.rules import LabelSpec, RuleSpec
from medxmodal.cohort.spec.tables import EventTable, IndexSpec, SiteSpec, TableSpec
from medxmodal.cohort.spec.template import Template

__all__ = [
    "FILES", "CategoryColumn", "CohortSpec", "Column", "EventTable", "FileInput", "ImageSpec", "IndexSpec",
    "LabelSpec", "ModalitySpec", "NumberColumn", "RuleSpec", "SiteSpec", "TableSpec", "TabularSpec",
    "TextPart", "TextSpec", "TimeseriesSpec", "VideoSpec", "VolumeSpec", "Window",
]  # fmt: skip
UNLABELLED = "unlabelled"
"""Name of the task of a cohort without a label."""


class CohortSpec(Section):
    """A whole cohort spec.

    Raises:
        SpecError: From `read` and `parse`, naming file, line, key, what was expected and what came.

    Example:
        >>> spec = CohortSpec.read("breast_poland")
        >>> spec.task, list(spec.modalities)
        ('malignancy', ['image', 'tabular'])
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: str = ""
    licence: str = ""
    cite: str = ""
    simulated: bool = False
    ids: Literal["keep", "keyed"] = "keyed"
    table: TableSpec
    tables: dict[Annotated[str, Field(pattern=NAME)], EventTable] = {}
    index_time: IndexSpec | None = None
    window: Window | None = None
    timezone: str | None = None
    include: list[RuleSpec] = []
    exclude: list[RuleSpec] = []
    label: LabelSpec | None = None
    site: SiteSpec
    modalities: dict[Annotated[str, Field(pattern=NAME)], ModalitySpec] = Field(min_length=1)
    leaks: Words = []

    @classmethod
    def read(cls, path_or_name: str | Path) -> CohortSpec:
        """Read a spec by path or by shipped name."""
        return read_spec(cls, path_or_name)

    @classmethod
    def parse(cls, tree: dict[str, Any], *, source: str = "spec") -> CohortSpec:
        """Check a spec given as a mapping."""
        return parse_spec(cls, tree, source=source)

    @property
    def task(self) -> str:
        """Name of the label; `unlabelled` where there is none."""
        return self.label.name if self.label else UNLABELLED

    @property
    def positive(self) -> str:
        """Name of the positive class."""
        return self.label.positive if self.label else "yes"

    @property
    def negative(self) -> str:
        """Name of the negative class."""
        return self.label.negative if self.label else "no"

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON; `parse` of it gives an equal spec."""
        return as_tree(self)

    @property
    def sha256(self) -> str:
        """Hash of the whole spec."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def missing_words(self) -> dict[str, list[str]]:
        """Column of the record -> the texts that mean missing there."""
        return {
            column.column or name: column.missing
            for modality in self.modalities.values()
            if isinstance(modality, TabularSpec)
            for name, column in modality.columns.items()
            if not (column.source or modality.source)
        }

    @model_validator(mode="after")
    def _tables_are_there(self) -> Self:
        for path, name in _named_tables(self):
            if name not in self.tables:
                known = ", ".join(self.tables) or "none"
                raise PydanticCustomError(
                    "table", "there is no table '{name}' in `tables` (there: {known})",
                    {"name": name, "known": known, "path": path},
                )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _no_leak_is_an_input(self) -> Self:
        barred = {name: "is listed in `leaks`" for name in self.leaks}
        barred[self.table.patient] = "is the patient id"
        if self.table.study:
            barred[self.table.study] = "is the study id"
        label = self.label
        own = {name: "is the label" for name in label.columns} if label and label.column else {}
        for path, source, column in used_columns(self):
            why = barred.get(f"{source}.{column}" if source else "") or barred.get(column)
            if why is None and source is None:
                why = own.get(column)
            if why is None and label and label.column == column and label.source == source:
                why = "is the label"
            if why is not None and not (source and why.endswith("id")):
                raise PydanticCustomError(
                    "leak", "column '{column}' {why}, so it cannot be an input",
                    {"column": column, "why": why, "path": path},
                )  # fmt: skip
        return self


def _named_tables(spec: CohortSpec) -> list[tuple[str, str]]:
    """Path in the spec and name, for every table that the spec speaks of."""
    found = [(f"tables.{name}.through", t.through) for name, t in spec.tables.items()]
    if spec.index_time:
        found.append(("index_time.from", spec.index_time.source))
    if spec.label:
        found += [("label.from", spec.label.source), ("label.followed", spec.label.followed)]
    found.append(("site.from", spec.site.source))
    for verb in ("include", "exclude"):
        found += [(f"{verb}.{i}.from", rule.source) for i, rule in enumerate(getattr(spec, verb))]
    for name, modality in spec.modalities.items():
        here = f"modalities.{name}"
        found.append((f"{here}.from", modality.source))
        if isinstance(modality, TabularSpec):
            found += [(f"{here}.columns.{c}.from", column.source) for c, column in modality.columns.items()]
        if isinstance(modality, TextSpec):
            found += [(f"{here}.parts.{i}.from", part.source) for i, part in enumerate(modality.parts)]
    return [(path, name) for path, name in found if name is not None]


def used_columns(spec: CohortSpec) -> list[tuple[str, str | None, str]]:
    """Path in the spec, table (None: the record) and column, for every column that becomes an input."""
    found: list[tuple[str, str | None, str]] = []
    for name, modality in spec.modalities.items():
        here = f"modalities.{name}"
        if isinstance(modality, TabularSpec | TimeseriesSpec):
            for key, column in modality.columns.items():
                counted = column.take in {"count", "any"} or (column.take == "since" and column.source)
                if not counted:
                    source = column.source or modality.source
                    found.append((f"{here}.columns.{key}", source, column.column or key))
        elif isinstance(modality, TextSpec):
            if modality.column:
                found.append((f"{here}.column", modality.source, modality.column))
            if modality.line:
                columns = Template.parse(modality.line).columns
                found += [(f"{here}.line", modality.source, column) for column in columns]
            for i, part in enumerate(modality.parts):
                columns = Template.parse(part.line).columns
                found += [(f"{here}.parts.{i}.line", part.source, column) for column in columns]
    return found
