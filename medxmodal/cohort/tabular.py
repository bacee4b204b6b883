"""One column of the table as checked values: numbers with units, or categories."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from medxmodal.cohort import units
from medxmodal.cohort.cells import Words, parse_number
from medxmodal.cohort.identity import Identity
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.spec import CategoryColumn, NumberColumn
from medxmodal.cohort.study import Value
from medxmodal.errors import InputError, SpecError

MOST = 0.5
"""Above this share of cells that are no numbers, the column is mis-typed rather than the cells wrong."""


@dataclass
class Values:
    """A column as read.

    Args:
        values: One a record; None where missing.
        problems: Position of the record -> what is wrong with its cell.
        set_to_missing: Why -> how many values were dropped for it.
    """

    values: list[Value] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    set_to_missing: Counter[str] = field(default_factory=Counter)


def read_column(
    name: str, column: NumberColumn | CategoryColumn, rows: Sequence[Row], identity: Identity
) -> Values:
    """Read a column.

    Args:
        name: Column of the table.
        column: Its spec.
        rows: The records.
        identity: How messages may quote a cell.

    Raises:
        SpecError: Most cells are no numbers, or their units measure something else.
    """
    if isinstance(column, NumberColumn):
        return _Numbers(name, column, identity).read(rows)
    return _categories(name, column, rows, identity)


class _Numbers:
    def __init__(self, name: str, column: NumberColumn, identity: Identity) -> None:
        self.name, self.column, self.identity = name, column, identity
        self.missing = Words(column.missing)
        self.found = Values()
        self.filled = self.no_numbers = self.other_units = 0
        if column.unit_column:
            units.check_unit(column.unit)

    def read(self, rows: Sequence[Row]) -> Values:
        """Every cell, then whether the column as a whole is what the spec says."""
        for position, row in enumerate(rows):
            cell = row.cells[self.name]
            empty = cell is None or cell in self.missing
            self.found.values.append(None if cell is None or empty else self._cell(position, row, cell))
        if self.no_numbers > MOST * self.filled:
            raise SpecError(
                f"column '{self.name}' is declared a number, but {self.no_numbers} of its {self.filled} "
                f"filled cells are not{self._example(rows)}",
                hint="Use type: category, list words such as 'not available' under `missing`, or write "
                "decimals with a point.",
            )
        if self.other_units > MOST * self.filled:
            raise SpecError(
                f"column '{self.name}': most units in '{self.column.unit_column}' cannot be converted to "
                f"'{self.column.unit}' (first: {next(iter(self.found.problems.values()))})",
                hint="They measure different things; correct `unit` or the table.",
            )
        return self.found

    def _cell(self, position: int, row: Row, cell: str) -> float | None:
        self.filled += 1
        number = parse_number(cell)
        where = f"row {row.number}, column '{self.name}'"
        if number is None:
            self.no_numbers += 1
            self.found.problems[position] = f"{where}: {self.identity.quote(cell)} is not a number"
            return None
        if not math.isfinite(number):
            self.found.set_to_missing["not finite"] += 1
            return None
        if self.column.unit_column:
            unit = row.cells[self.column.unit_column]
            where = f"row {row.number}, column '{self.column.unit_column}'"
            if unit is None:
                self.found.problems[position] = f"{where}: no unit for the value of '{self.name}'"
                return None
            try:
                number = units.convert(number, unit, self.column.unit)
            except InputError:
                quoted = self.identity.quote(unit, "there")
                self.found.problems[position] = f"{where}: the unit {quoted} of '{self.name}' is not known"
                return None
            except SpecError:
                self.other_units += 1
                quoted = self.identity.quote(unit, "there")
                self.found.problems[position] = (
                    f"{where}: the unit {quoted} of '{self.name}' cannot be converted to '{self.column.unit}'"
                )
                return None
            if not math.isfinite(number):
                self.found.set_to_missing["not finite"] += 1
                return None
        bounds = self.column.range
        if bounds is not None and not bounds[0] <= number <= bounds[1]:
            self.found.set_to_missing[f"outside [{bounds[0]:g}, {bounds[1]:g}]"] += 1
            return None
        return number

    def _example(self, rows: Sequence[Row]) -> str:
        if self.identity.keyed:
            return ""
        cells = (row.cells[self.name] for row in rows)
        wrong = [c for c in cells if c is not None and c not in self.missing and parse_number(c) is None]
        common = ", ".join(self.identity.quote(text) for text, _ in Counter(wrong).most_common(3))
        return f" (most often {common})"


def _categories(name: str, column: CategoryColumn, rows: Sequence[Row], identity: Identity) -> Values:
    missing = Words(column.missing)
    allowed = None if column.values is None else set(column.values)
    found = Values()
    for position, row in enumerate(rows):
        cell = row.cells[name]
        words = [] if cell is None else cell.split(column.many) if column.many else [cell]
        kept = sorted({w.strip() for w in words if w.strip() and w.strip() not in missing})
        if cell is not None and cell in missing:
            kept = []
        wrong = [word for word in kept if allowed is not None and word not in allowed]
        if wrong:
            found.problems[position] = (
                f"row {row.number}, column '{name}': {identity.quote(wrong[0])} is none of the allowed values"
            )
            kept = []
        value: Value = None
        if kept:
            value = tuple(kept) if column.many else kept[0]
        found.values.append(value)
    return found
