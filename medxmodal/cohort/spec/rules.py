"""Who is in, who is out, and what is to be predicted: the rules and the label of a spec."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from medxmodal.cohort.spec.base import Duration, FromTable, Name, Text, Where, hours
from medxmodal.cohort.spec.where import Rule, columns_of, parse_where


class RuleSpec(FromTable):
    """Who is in or out, and why.

    With `from` the rule holds when any row known at the index time fulfils it.
    """

    where: Where
    reason: Text

    @property
    def rule(self) -> Rule:
        """The parsed rule."""
        return parse_where(self.where)

    @property
    def shown(self) -> str:
        """How the flow names it."""
        return f"{self.source}: {self.where}" if self.source else self.where


class LabelSpec(FromTable):
    """The task: its name, and how its two values are known.

    One of three forms:

    - `column` with its `positive` and `negative` value, of the record or of the one row in `from`;
    - `where`: positive where the rule holds for the record, negative where it does not;
    - an event to come: `from` and `where` with a `horizon`. Positive when such an event happens between
      the end of the `gap` and the end of the horizon after it; negative when none does and the record is
      followed until then; unknown when it happens within the gap or the record is not followed.

    Args:
        name: Of the task.
        column: Column with the label.
        positive: Its value in positive studies; `yes` for rules and events.
        negative: Its value in negative studies; `no` for rules and events.
        gap: Time after the index time in which events do not count.
        horizon: Length of the time in which they count.
        followed: Table whose last row says how long a record was followed.
    """

    name: Name
    column: Text | None = None
    positive: Text = "yes"
    negative: Text = "no"
    gap: Duration | None = None
    horizon: Duration | None = None
    followed: Name | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.positive == self.negative:
            raise ValueError(f"positive and negative are both '{self.positive}'")
        if (self.column is None) == (self.where is None) and not (self.column and self.source):
            raise ValueError("give either `column` with its two values, or `where`")
        if self.column and not {"positive", "negative"} <= self.model_fields_set:
            raise ValueError("`column` needs `positive` and `negative`")
        if self.horizon and not (self.source and self.where):
            raise ValueError("`horizon` needs `from` and `where`, the events that count")
        if not self.horizon and (self.gap or self.followed):
            raise ValueError("`gap` and `followed` need `horizon`")
        if self.window:
            raise ValueError("a label lies after the index time: give `gap` and `horizon`, not `window`")
        return self

    @property
    def ahead(self) -> tuple[float, float]:
        """Begin and end of the time in which events count, in hours after the index time."""
        begin = hours(self.gap) if self.gap else 0.0
        return begin, begin + hours(self.horizon or "0 h")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the record that the label reads."""
        if self.source:
            return ()
        return (self.column,) if self.column else tuple(sorted(columns_of(parse_where(self.where or ""))))
