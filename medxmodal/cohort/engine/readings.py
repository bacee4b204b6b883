"""Values of a study from its record or from events over time: numbers with units, and categories."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from medxmodal.cohort import units
from medxmodal.cohort.cells import Words, id_text, parse_limit, parse_number
from medxmodal.cohort.engine.case import Case, Event
from medxmodal.cohort.engine.clock import Moment
from medxmodal.cohort.identity import Identity
from medxmodal.cohort.spec.base import HOURS
from medxmodal.cohort.spec.columns import CategoryColumn, NumberColumn, Reading
from medxmodal.cohort.spec.tables import Time
from medxmodal.cohort.spec.where import Rule, parse_where
from medxmodal.cohort.study import Value
from medxmodal.errors import InputError, SpecError

MOST = 0.5
"""Above this share of cells that are no numbers, the column is mis-typed rather than the cells wrong."""
FREE = 1000
"""More different texts than this are no categories, in however many studies."""
LATE = "known only after the index time"
DATED = "a date, which a keyed cohort does not hold: take the time since it, or list it in values"
_DAY = re.compile(
    r"(?:1[89]|20)\d\d-[01]\d-[0-3]\d(?:[T ].*)?|[0-3]?\d([./])[0-3]?\d\1(?:1[89]|20)\d\d(?: .*)?"
)


class Taken(NamedTuple):
    """A value, and what is wrong with its cell."""

    value: Value
    problem: str = ""


class Timed(NamedTuple):
    """A number with its time relative to the index time, in hours; 0 where it has none."""

    hours: float
    value: float


@dataclass
class Reader:
    """What all readings share.

    Args:
        name: Entry of the spec.
        column: Its spec.
        table: Table that it reads; None for the record.
        identity: How messages may quote a cell.
    """

    name: str
    column: Reading
    table: str | None
    identity: Identity
    set_to_missing: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    unit_remarks: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.cell = self.column.column or self.name
        self.missing = Words(self.column.missing)
        self.rule: Rule | None = parse_where(self.column.where) if self.column.where else None

    def text(self, cells: Mapping[str, str | None]) -> str | None:
        """The cell's text, None where it is empty or a word for missing."""
        text = cells.get(self.cell)
        return None if text is None or text in self.missing else text

    def events(self, case: Case) -> list[Event]:
        """The rows that it reads."""
        assert self.table is not None
        return case.pick(self.column, self.table, self.rule)

    def late(self, case: Case, time: Time | None) -> bool:
        """Whether the record's own value was known only after the index time."""
        if time is None:
            return False
        moment = case.clock.moment(case.row.cells, time)
        return moment is None or moment.end > case.index.end


class NumberReader(Reader):
    """A number."""

    column: NumberColumn

    def __post_init__(self) -> None:
        super().__post_init__()
        self.filled = self.no_numbers = self.other_units = 0
        self.wrong: Counter[str] = Counter()
        self.first_unit_problem = ""
        if self.column.unit_column:
            units.check_unit(self.column.unit)

    def read(self, case: Case) -> Taken:
        """The value of a case."""
        if self.column.take == "since":
            return Taken(self._in_range(self._since(case)))
        if self.table is None:
            if self.text(case.row.cells) is not None and self.late(case, self.column.time):
                self.set_to_missing[LATE] += 1
                return Taken(None)
            return self.number(case.row.cells, case.row.shown)
        if self.table in case.tables.absent:
            return Taken(None)
        events = self.events(case)
        if self.column.take == "count":
            return Taken(float(len(events)))
        return Taken(self._aggregate(self.timed(events, case)))

    def timed(self, events: Sequence[Event], case: Case) -> list[Timed]:
        """The numbers of some rows, with their times; what is wrong with a cell is counted."""
        found = []
        for event in events:
            taken = self.number(event.row.cells, event.row.shown)
            if taken.problem:
                self.set_to_missing["not a number, or without a known unit"] += 1
            if isinstance(taken.value, float):
                hours = event.moment.start - case.index.start if event.moment else 0.0
                found.append(Timed(hours, taken.value))
        return found

    def number(self, cells: Mapping[str, str | None], shown: str) -> Taken:
        """One cell as a number in the column's unit and range."""
        text = self.text(cells)
        text = text and self.column.map.get(text, text)
        if text is None or text in self.missing:
            return Taken(None)
        self.filled += 1
        number = parse_number(text)
        if number is None and self.column.limits == "value" and (limit := parse_limit(text)) is not None:
            number = limit[1]
        if number is None:
            self.no_numbers += 1
            if len(self.wrong) < 100:
                self.wrong[text] += 1
            where = f"{shown}, column '{self.cell}'"
            return Taken(None, f"{where}: {self.identity.quote(text)} is not a number")
        if self.column.unit_column and math.isfinite(number):
            converted = self._converted(number, cells.get(self.column.unit_column), shown)
            if isinstance(converted, str):
                self.first_unit_problem = self.first_unit_problem or converted
                return Taken(None, converted)
            number = converted
        if not math.isfinite(number):
            self.set_to_missing["not finite"] += 1
            return Taken(None)
        return Taken(self._in_range(number))

    def _converted(self, number: float, unit: str | None, shown: str) -> float | str:
        """The number in the column's unit, or what is wrong with its own."""
        where = f"{shown}, column '{self.column.unit_column}'"
        if unit is None:
            return f"{where}: no unit for the value of '{self.cell}'"
        quoted = self.identity.quote(unit, "there")
        try:
            converted = units.convert(number, unit, self.column.unit)
            self.units[unit] += 1
            if remark := units.unit_remark(unit):
                self.unit_remarks.add(remark)
            return converted
        except InputError:
            self.units["not known"] += 1
            return f"{where}: the unit {quoted} of '{self.cell}' is not known"
        except SpecError:
            self.other_units += 1
            self.units["cannot be converted"] += 1
            return f"{where}: the unit {quoted} of '{self.cell}' cannot be converted to '{self.column.unit}'"

    def _in_range(self, number: float | None) -> float | None:
        bounds = self.column.range
        if number is not None and bounds is not None and not bounds[0] <= number <= bounds[1]:
            self.set_to_missing[f"outside [{bounds[0]:g}, {bounds[1]:g}]"] += 1
            return None
        return number

    def _since(self, case: Case) -> float | None:
        """Time from the last row, or from the date in the record's column, to the index time."""
        moment: Moment | None
        if self.table is None:
            moment = case.clock.moment(case.row.cells, self.column.time or Time(column=[self.cell]))
        else:
            moment = next((e.moment for e in reversed(self.events(case)) if e.moment), None)
        if moment is None or moment.start > case.index.end:
            return None
        passed = max(0.0, case.index.start - moment.start)
        return float(f"{passed / HOURS[self.column.unit]:.9g}")

    def _aggregate(self, values: list[Timed]) -> float | None:
        if not values:
            return None
        take = self.column.take or "last"
        if take == "worst":
            low, high = self.column.reference or (0.0, 0.0)
            return max(values, key=lambda v: max(low - v.value, v.value - high)).value
        found = _AGGREGATES[take](values)
        if found is not None and not math.isfinite(found):
            self.set_to_missing["not finite"] += 1
            return None
        return found

    def check(self, *, final: bool) -> None:
        """Raise SpecError when the column as a whole is not what the spec says."""
        if self.filled < 20 and not final:
            return
        if self.no_numbers > MOST * self.filled:
            common = ", ".join(self.identity.quote(text) for text, _ in self.wrong.most_common(3))
            example = "" if self.identity.keyed else f" (most often {common})"
            raise SpecError(
                f"column '{self.cell}' is declared a number, but {self.no_numbers} of its {self.filled} "
                f"filled cells are not{example}",
                hint="Use type: category, list words such as 'not available' under `missing`, or write "
                "decimals with a point.",
            )
        if self.other_units > MOST * self.filled:
            raise SpecError(
                f"column '{self.cell}': most units in '{self.column.unit_column}' cannot be converted to "
                f"'{self.column.unit}' (first: {self.first_unit_problem})",
                hint="They measure different things; correct `unit` or the table.",
            )


def _trend(values: list[Timed]) -> float | None:
    """Slope a day by least squares; None with fewer than two distinct times."""
    days = np.array([v.hours / 24 for v in values])
    if np.ptp(days) == 0:
        return None
    numbers = np.array([v.value for v in values])
    centred = days - days.mean()
    with np.errstate(all="ignore"):  # values near the end of what a number can be
        slope = float(centred @ (numbers - numbers.mean()) / (centred @ centred))
    noise = 1e-12 * float(np.abs(numbers).max()) / float(np.ptp(days))
    return 0.0 if abs(slope) <= noise else float(f"{slope:.9g}")


_AGGREGATES: dict[str, Callable[[list[Timed]], float | None]] = {
    "first": lambda values: values[0].value,
    "last": lambda values: values[-1].value,
    "min": lambda values: min(v.value for v in values),
    "max": lambda values: max(v.value for v in values),
    "mean": lambda values: float(f"{math.fsum(v.value / len(values) for v in values):.9g}"),
    "trend": _trend,
}


class CategoryReader(Reader):
    """A category, or several."""

    column: CategoryColumn

    def __post_init__(self) -> None:
        super().__post_init__()
        self.allowed = None if self.column.values is None else set(self.column.values)
        self.given = 0
        self.met: set[str] = set()

    def read(self, case: Case) -> Taken:
        """The value of a case."""
        if self.table is None:
            text = self.text(case.row.cells)
            if text is not None and self.late(case, self.column.time):
                self.set_to_missing[LATE] += 1
                return Taken(None)
            return self._value([] if text is None else [text], case.row.shown)
        if self.table in case.tables.absent:
            return Taken(None)
        events = self.events(case)
        if self.column.take == "any":
            return Taken("yes" if events else "no")
        texts = [text for event in events if (text := self.text(event.row.cells)) is not None]
        if self.column.take != "all":
            texts = texts[:1] if self.column.take == "first" else texts[-1:]
        taken = self._value(texts, case.row.shown)
        if taken.problem:
            self.set_to_missing["none of the allowed values"] += 1
        return Taken(taken.value)

    def _value(self, texts: Sequence[str], shown: str) -> Taken:
        many = self.column.many
        words = [word for text in texts for word in (text.split(many) if many else [text])]
        plain = [self.column.map.get(word, word) for word in (id_text(word.strip()) for word in words)]
        kept = sorted({word for word in plain if word and word not in self.missing})
        wrong = [word for word in kept if self.allowed is not None and word not in self.allowed]
        if wrong:
            quoted = self.identity.quote(wrong[0])
            return Taken(None, f"{shown}, column '{self.cell}': {quoted} is none of the allowed values")
        if self.identity.keyed and self.allowed is None and any(map(_DAY.fullmatch, kept)):
            kept = [word for word in kept if not _DAY.fullmatch(word)]
            self.set_to_missing[DATED] += 1
        if not kept:
            return Taken(None)
        self.given += 1
        if len(self.met) < FREE:
            self.met.update(kept)
        return Taken(tuple(kept) if many else kept[0])

    @property
    def free(self) -> bool:
        """Whether the cells look like what somebody typed, or like ids, rather than like categories."""
        return self.allowed is None and self.given >= 20 and len(self.met) > min(MOST * self.given, FREE - 1)

    def check(self, *, final: bool) -> None:
        """Nothing can be wrong with a category as a whole."""


def make_reader(
    name: str, column: NumberColumn | CategoryColumn, table: str | None, identity: Identity
) -> NumberReader | CategoryReader:
    """The reader of one column."""
    if isinstance(column, NumberColumn):
        return NumberReader(name, column, table, identity)
    return CategoryReader(name, column, table, identity)
