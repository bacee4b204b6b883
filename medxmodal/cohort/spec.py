"""`CohortSpec`: what a cohort is, as one strict YAML that reads like a protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.spec_yaml import parse_spec, read_spec
from medxmodal.cohort.template import Template
from medxmodal.cohort.where import Rule, parse_where
from medxmodal.errors import SpecError


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return cell_text(value) or ""
    raise ValueError("YAML does not read this as text; write it in quotes")


Text: TypeAlias = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
Words: TypeAlias = list[Text]
Interval: TypeAlias = tuple[float, float]
_NAME = r"^[A-Za-z][A-Za-z0-9_]*$"


class Section(BaseModel):
    """A part of a spec: frozen, unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _checked(check: Callable[[str], object], text: str) -> str:
    try:
        check(text)
    except SpecError as error:
        raise ValueError(str(error)) from error
    return text


FileTemplate: TypeAlias = Annotated[
    str, BeforeValidator(lambda text: _checked(Template.parse, _as_text(text)))
]


class TableSpec(Section):
    """Where the records are: one row a study."""

    file: Text
    patient: Text
    study: Text | None = None
    sheet: int | str = 0


class ColumnRef(Section):
    """A column by name."""

    column: Text


class RuleSpec(Section):
    """Who is in or out, and why."""

    where: Annotated[str, BeforeValidator(lambda text: _checked(parse_where, _as_text(text)))]
    reason: Text

    @property
    def rule(self) -> Rule:
        """The parsed rule."""
        return parse_where(self.where)


class LabelSpec(Section):
    """The task: its name, and the column with its two values."""

    name: Annotated[str, Field(pattern=_NAME)]
    column: Text
    positive: Text
    negative: Text

    @model_validator(mode="after")
    def _two_values(self) -> Self:
        if self.positive == self.negative:
            raise ValueError(f"positive and negative are both '{self.positive}'")
        return self


class SiteSpec(Section):
    """Where the data came from: a column, or one name for all."""

    column: Text | None = None
    value: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either `column` or `value`")
        return self


class NumberColumn(Section):
    """A number with its unit (UCUM).

    Args:
        unit: Unit of the values in the cohort.
        unit_column: Column that holds each record's own unit; values are converted to `unit`.
        range: Outside of it a value is set to missing, and counted.
        reference: The laboratory's normal range, for reports.
        missing: Texts that mean missing.
        label: Name for readers.
    """

    type: Literal["number"]
    unit: str = ""
    unit_column: Text | None = None
    range: Interval | None = None
    reference: Interval | None = None
    missing: Words = []
    label: str = ""

    @field_validator("range", "reference")
    @classmethod
    def _ordered(cls, value: Interval | None) -> Interval | None:
        if value is not None and value[0] >= value[1]:
            raise ValueError("the first number must be below the second")
        return value

    @model_validator(mode="after")
    def _has_unit(self) -> Self:
        if self.unit_column and not self.unit:
            raise ValueError("`unit_column` needs `unit`, the unit to convert to")
        return self


class CategoryColumn(Section):
    """A category, or several in one cell.

    Args:
        many: The sign that separates several values in one cell, for example `&`.
        values: The closed list of allowed values, if there is one.
        missing: Texts that mean missing.
        label: Name for readers.
    """

    type: Literal["category"]
    many: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    values: Words | None = None
    missing: Words = []
    label: str = ""


Column: TypeAlias = Annotated[NumberColumn | CategoryColumn, Field(discriminator="type")]


class ImageSpec(Section):
    """One 2D image a study, with an optional lesion mask."""

    kind: Literal["image"]
    file: FileTemplate
    mask: FileTemplate | None = None


class TabularSpec(Section):
    """Columns of the table."""

    kind: Literal["tabular"]
    columns: dict[str, Column] = Field(min_length=1)


class TextSpec(Section):
    """A clinical note, in a column or in a file."""

    kind: Literal["text"]
    column: Text | None = None
    file: FileTemplate | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.column is None) == (self.file is None):
            raise ValueError("give either `column` or `file`")
        return self


ModalitySpec: TypeAlias = Annotated[ImageSpec | TabularSpec | TextSpec, Field(discriminator="kind")]


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
    index_time: ColumnRef | None = None
    include: list[RuleSpec] = []
    exclude: list[RuleSpec] = []
    label: LabelSpec
    site: SiteSpec
    modalities: dict[Annotated[str, Field(pattern=_NAME)], ModalitySpec] = Field(min_length=1)
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
        """Name of the label."""
        return self.label.name

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON; `parse` of it gives an equal spec."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def sha256(self) -> str:
        """Hash of the whole spec."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def missing_words(self) -> dict[str, list[str]]:
        """Column -> the texts that mean missing there."""
        return {
            name: column.missing
            for modality in self.modalities.values()
            if isinstance(modality, TabularSpec)
            for name, column in modality.columns.items()
        }

    @model_validator(mode="after")
    def _no_leak_is_an_input(self) -> Self:
        barred = {name: "is listed in `leaks`" for name in self.leaks}
        barred |= {self.table.patient: "is the patient id", self.label.column: "is the label"}
        if self.table.study:
            barred[self.table.study] = "is the study id"
        for name, modality in self.modalities.items():
            used: dict[str, str] = {}
            if isinstance(modality, TabularSpec):
                used = {column: f"modalities.{name}.columns.{column}" for column in modality.columns}
            elif isinstance(modality, TextSpec) and modality.column:
                used = {modality.column: f"modalities.{name}.column"}
            for column, path in used.items():
                if column in barred:
                    raise PydanticCustomError(
                        "leak",
                        "column '{column}' {why}, so it cannot be an input",
                        {"column": column, "why": barred[column], "path": path},
                    )
        return self
