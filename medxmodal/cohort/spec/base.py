"""What all sections of a spec have in common: strictness, texts, rules, durations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.spec.template import Template
from medxmodal.cohort.spec.where import Rule, parse_where
from medxmodal.errors import SpecError

HOURS = {"s": 1 / 3600, "min": 1 / 60, "h": 1.0, "d": 24.0, "wk": 168.0, "mo": 730.5, "a": 8766.0}
"""UCUM units of time in hours; a month and a year are the mean Julian ones."""
TimeUnit: TypeAlias = Literal["s", "min", "h", "d", "wk", "mo", "a"]
_DURATION = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(s|min|h|d|wk|mo|a)")
NAME = r"^[A-Za-z][A-Za-z0-9_]*$"


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return cell_text(value) or ""
    raise ValueError("YAML does not read this as text; write it in quotes")


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _checked(check: Callable[[str], object], text: str) -> str:
    try:
        check(text)
    except SpecError as error:
        raise ValueError(str(error)) from error
    return text


def _duration(text: str) -> str:
    if _DURATION.fullmatch(text) is None:
        raise ValueError("write a number and a unit of time (s, min, h, d, wk, mo, a), such as 24 h or -5 a")
    return text


Text: TypeAlias = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
Words: TypeAlias = list[Text]
OneOrMore: TypeAlias = Annotated[list[Text], BeforeValidator(_as_list), Field(min_length=1)]
Interval: TypeAlias = tuple[float, float]
Name: TypeAlias = Annotated[str, Field(pattern=NAME)]
FileTemplate: TypeAlias = Annotated[
    str, BeforeValidator(lambda text: _checked(Template.parse, _as_text(text)))
]
Where: TypeAlias = Annotated[str, BeforeValidator(lambda text: _checked(parse_where, _as_text(text)))]
Duration: TypeAlias = Annotated[str, BeforeValidator(lambda text: _duration(_as_text(text)))]


def hours(duration: str) -> float:
    """A duration of a spec in hours.

    Example:
        >>> hours("-2 d"), hours("90 min")
        (-48.0, 1.5)
    """
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise SpecError(f"'{duration}' is no duration", hint="Write for example 24 h.")
    return float(found[1]) * HOURS[found[2]]


class Section(BaseModel):
    """A part of a spec: frozen, unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


class Window(Section):
    """A stretch of time relative to the index time, both ends inclusive; open where not given.

    Args:
        since: Begin, for example `-24 h`; written `from`.
        to: End, at most the index time itself.
    """

    since: Duration | None = Field(default=None, alias="from")
    to: Duration | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        low, high = self.bounds
        if low > high:
            raise ValueError("`from` must not be after `to`")
        if high > 0:
            raise ValueError("a window ends at the index time (0 h) at the latest")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Begin and end in hours; minus infinity and 0 where open."""
        low = hours(self.since) if self.since else float("-inf")
        return low, hours(self.to) if self.to else 0.0


class FromTable(Section):
    """Which rows of which table: all that are known at the index time, in the window, for which a rule holds.

    Args:
        source: Name of a table in `tables`, written `from`; the record itself where not given.
        where: Rule that the rows must fulfil.
        window: Stretch of time, instead of the spec's own.
    """

    source: Name | None = Field(default=None, alias="from")
    where: Where | None = None
    window: Window | None = None

    @property
    def rule(self) -> Rule | None:
        """The parsed rule."""
        return parse_where(self.where) if self.where else None


def as_tree(section: BaseModel) -> dict[str, Any]:
    """A section as plain types under the names that a YAML has, without what is not given."""
    return section.model_dump(mode="json", exclude_none=True, by_alias=True)
