"""From lines of cells to records: header, selection of columns, ragged rows, decimal commas, Excel errors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.sources.rows import Row
from medxmodal.errors import InputError

MAX_CELLS = 500_000_000
"""A table with more cells is refused before they become Python values."""
FILE, ROW = "_file", "_row"
"""Columns that every table has when asked for: the stem of the file's name, and the row in it."""
ERRORS = frozenset(
    {
        "#N/A", "#N/A N/A", "#NA", "#DIV/0!", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#NAME?", "#SPILL!",
        "#CALC!", "#GETTING_DATA", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!",
    }
)  # fmt: skip
"""What Excel shows where a formula failed."""

_COMMA = re.compile(r"[<>=\s]*[+\-\N{MINUS SIGN}]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][+-]?\d{1,3})?")
_WHOLE = re.compile(r"[<>=\s]*[+\-\N{MINUS SIGN}]?\d+(?:[eE][+-]?\d{1,3})?")
_DOTTED = re.compile(r"[<>=\s]*[+\-\N{MINUS SIGN}]?[1-9]\d{0,2}(?:\.\d{3})+")
_EITHER = re.compile(r"[<>=\s]*[+\-\N{MINUS SIGN}]?[1-9]\d{0,2},\d{3}")
"""`1,234`: one and a bit, or more than a thousand."""


@dataclass(frozen=True)
class Lines:
    """A table before it has records.

    Args:
        lines: The header, then one line a record.
        notes: What the reader had to assume.
        commas: Whether numbers may be written with a decimal comma.
    """

    lines: Iterable[Sequence[object]]
    notes: tuple[str, ...] = ()
    commas: bool = False


@dataclass(frozen=True)
class Records:
    """A table's header and records."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def to_records(grid: Lines, shown: str, columns: Collection[str] | None = None, stem: str = "") -> Records:
    """Records of a grid; wholly empty lines are none.

    Args:
        grid: The lines.
        shown: How messages name the table.
        columns: Columns to keep in the rows; all by default. `_file` and `_row` may be among them.
        stem: The text of `_file`.

    Raises:
        InputError: There is no header, or it has a column twice.
    """
    lines = iter(grid.lines)
    header = [cell_text(cell) or "" for cell in next(lines, [])]
    while header and not header[-1]:
        header.pop()
    named = tuple(column for column in header if column)
    if not named:
        raise InputError(f"{shown} is empty: its first row has no column names")
    doubled = sorted(column for column, count in Counter(named).items() if count > 1)
    if doubled:
        raise InputError(f"{shown} has the column '{doubled[0]}' twice", hint="Rename one of them.")
    kept = [(i, name) for i, name in enumerate(header) if name and (columns is None or name in columns)]
    added = tuple(name for name in (FILE, ROW) if columns and name in columns and name not in named)
    rows, errors = _rows(lines, len(header), kept, {name: stem if name == FILE else None for name in added})
    notes = list(grid.notes)
    if errors:
        notes.append(f"{errors} cells hold an Excel error such as #N/A; they were read as empty")
    notes += unreadable(rows)
    if grid.commas:
        notes += _convert_commas(rows, [name for _, name in kept])
    return Records(named + added, tuple(rows), tuple(notes))


def unreadable(rows: Iterable[Row]) -> tuple[str, ...]:
    """A note on rows with a problem, which are in no record's events; none where there are none."""
    count = sum(bool(row.problem) for row in rows)
    return (f"rows that cannot be read, each with its reason: {count}",) if count else ()


def _rows(
    lines: Iterable[Sequence[object]], width: int, kept: list[tuple[int, str]], added: dict[str, str | None]
) -> tuple[list[Row], int]:
    rows: list[Row] = []
    errors = 0
    for number, line in enumerate(lines, 2):
        cells: dict[str, str | None] = {}
        length = len(line)
        filled = False
        for i, name in kept:
            value = line[i] if i < length else None
            text = (value.strip() or None) if type(value) is str else cell_text(value)
            if text is not None:
                filled = True
                if text[0] == "#" and text in ERRORS:
                    text, errors = None, errors + 1
            cells[name] = text
        if not filled and all(cell_text(value) is None for value in line):
            continue
        problem = ""
        if length > width and any(cell_text(value) is not None for value in line[width:]):
            problem = (
                f"the row has {length} cells, but the header has {width}: quote texts with the separator"
            )
            cells = dict.fromkeys(cells)  # nobody knows which cell is the surplus one
        if added:
            cells |= added
            if ROW in added:
                cells[ROW] = str(number)
        rows.append(Row(number, cells, problem))
    return rows, errors


def _convert_commas(rows: list[Row], names: Iterable[str]) -> list[str]:
    """Write decimal commas as points, in columns where nothing else fits; the notes about it.

    Rows' mappings are still this module's own here, so they are changed in place.
    """
    converted: list[str] = []
    unsure: list[str] = []
    for name in names:
        verdict = decimal_commas([cell for row in rows if (cell := row.cells[name]) is not None])
        if verdict is None:
            continue
        (converted if verdict else unsure).append(name)
        if verdict:
            for row in rows:
                cell = row.cells[name]
                if cell is not None and any(sign.isdigit() for sign in cell):
                    row.cells[name] = cell.replace(".", "").replace(",", ".")  # type: ignore[index]
    notes = []
    if converted:
        notes.append(f"decimal commas were read as points in: {', '.join(converted)}")
    if unsure:
        notes.append(
            f"commas in {', '.join(unsure)} may separate thousands or decimals; they were left as text"
        )
    return notes


def decimal_commas(cells: Sequence[str]) -> bool | None:
    """Whether a column's numbers are written with a decimal comma.

    Words without a digit, such as `not available`, are left aside as long as they are the lesser part.

    Args:
        cells: The filled cells of the column.

    Returns:
        True: they are. False: they have commas that may be either. None: they are not, or are no numbers.

    Example:
        >>> decimal_commas(["1,5", "2", "?"]), decimal_commas(["1,234"]), decimal_commas(["1.234,5", "1.000"])
        (True, False, True)
        >>> decimal_commas(["1,5", "2.5"]), decimal_commas(["1,2,3"]), decimal_commas(["1,234", "0,5"])
        (None, None, True)
    """
    numbers = [cell for cell in cells if any(sign.isdigit() for sign in cell)]
    commas = [cell for cell in numbers if "," in cell]
    if not commas or 2 * len(numbers) < len(cells):
        return None
    grouped = any("." in cell for cell in commas)
    for cell in numbers:
        if "," in cell:
            fits = _COMMA.fullmatch(cell)
        elif "." in cell:
            fits = _DOTTED.fullmatch(cell) if grouped else None
        else:
            fits = _WHOLE.fullmatch(cell)
        if not fits:
            return None
    return not all(_EITHER.fullmatch(cell) for cell in commas)
