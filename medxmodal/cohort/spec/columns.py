"""Columns of a spec: numbers and categories, of the record or taken from events over time."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from medxmodal.cohort.spec.base import HOURS, FromTable, Interval, Text, Words
from medxmodal.cohort.spec.tables import TimeSpec

NumberTake: TypeAlias = Literal["first", "last", "min", "max", "mean", "worst", "trend", "count", "since"]
CategoryTake: TypeAlias = Literal["first", "last", "any", "all"]


class Reading(FromTable):
    """What a value is read from.

    Args:
        column: Column of the table; the entry's own name where not given.
        time: When the value of the record itself was known, for tables with a time beside each value.
        map: Text in the table -> text to be read instead.
        missing: Texts that mean missing.
        label: Name for readers.
    """

    column: Text | None = None
    time: TimeSpec | None = None
    map: dict[str, Text] = {}
    missing: Words = []
    label: str = ""

    @property
    def needs_events(self) -> str:
        """The key that makes sense with a table of events only, if it is given."""
        if self.where:
            return "where"
        return "take" if getattr(self, "take", None) not in {None, "since"} else ""

    @model_validator(mode="after")
    def _one_clock(self) -> Self:
        if self.time and self.source:
            raise ValueError("the table in `from` has its own `time`")
        return self


class NumberColumn(Reading):
    """A number with its unit (UCUM).

    Args:
        unit: Unit of the values in the cohort.
        unit_column: Column that holds each record's own unit; values are converted to `unit`.
        range: Plausible values; outside of it a value is set to missing, and counted.
        reference: The laboratory's normal range, for reports.
        take: Of several values: `first`, `last` (default), `min`, `max`, `mean`, `worst` (farthest from
            the reference range), `trend` (slope a day by least squares), `count` of rows, or `since`, the
            time from the last such row (or from the date in `column`) to the index time, in `unit`.
        limits: Whether `<5` and `>=90` are read as their number (`value`) or are wrong cells (`refuse`).
    """

    type: Literal["number"]
    unit: str = ""
    unit_column: Text | None = None
    range: Interval | None = None
    reference: Interval | None = None
    take: NumberTake | None = None
    limits: Literal["refuse", "value"] = "refuse"

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
        if self.take == "since" and self.unit not in HOURS:
            raise ValueError(f"`take: since` needs a unit of time: {', '.join(HOURS)}")
        if self.take == "worst" and self.reference is None:
            raise ValueError("`take: worst` needs `reference`, the range from which values depart")
        return self


class CategoryColumn(Reading):
    """A category, or several in one cell.

    Args:
        many: The sign that separates several values in one cell, for example `&`.
        values: The closed list of allowed values, if there is one.
        take: Of several rows: the `first`, the `last` (default), `all` (several values), or `any`: `yes`
            where there is such a row, `no` where there is none.
    """

    type: Literal["category"]
    many: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    values: Words | None = None
    take: CategoryTake | None = None

    @model_validator(mode="after")
    def _take_fits(self) -> Self:
        if self.take == "all" and not self.many:
            raise ValueError("`take: all` gives several values: it needs `many`, the sign between them")
        return self


Column: TypeAlias = Annotated[NumberColumn | CategoryColumn, Field(discriminator="type")]
