"""Table cells as text: one form for the same value, whichever kind of file it came from.

A number typed as 57 in a CSV, an XLSX or a Parquet file is the text `57`, so the same table saved in
another format gives the same cohort.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import NamedTuple

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_LIMIT = re.compile(r"(<=|>=|=<|=>|<|>|\N{LESS-THAN OR EQUAL TO}|\N{GREATER-THAN OR EQUAL TO})(.+)")
_NARROW = "\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}\N{FIGURE SPACE}"
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}([{_NARROW}])\d{{3}}(\1\d{{3}})*(\.\d*)?")
"""Thousands set apart by the spaces that typesetters use; a plain space may separate two values."""
_MINUS = str.maketrans(
    {"\N{MINUS SIGN}": "-", "\N{SMALL HYPHEN-MINUS}": "-", "\N{FULLWIDTH HYPHEN-MINUS}": "-"}
)
_SIGNS = {
    "\N{LESS-THAN OR EQUAL TO}": "<=", "=<": "<=", "\N{GREATER-THAN OR EQUAL TO}": ">=", "=>": ">=",
}  # fmt: skip
_WHOLE = re.compile(r"(-?\d{1,16})\.0+")
_YEARS = range(1800, 2200)
_NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)


def cell_text(value: object) -> str | None:
    """A cell as text, or None when it is empty.

    Example:
        >>> [cell_text(v) for v in (57, 57.0, " a ", "", float("nan"), True)]
        ['57', '57', 'a', None, None, 'true']
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if math.isnan(value) else number_text(value)
    if isinstance(value, datetime):
        if value != value:  # pandas' NaT is a datetime that equals nothing
            return None
        whole_day = value.time() == time() and value.tzinfo is None
        return value.date().isoformat() if whole_day else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return number_text(float(value)) if value.is_finite() else None
    return str(value).strip() or None


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number; whole numbers without a point.

    Example:
        >>> number_text(3.0), number_text(0.1)
        ('3', '0.1')
    """
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def id_text(text: str) -> str:
    """An id as text: a whole number that a table program wrote with a point is the number.

    A column of ids with one empty cell is a column of floats to many programs, which write 1007 as `1007.0`.
    Leading zeros are kept: `007` and `7` may be two patients.

    Example:
        >>> id_text("1007.0"), id_text("007"), id_text("1.10")
        ('1007', '007', '1.10')
    """
    found = _WHOLE.fullmatch(text)
    return found[1] if found else text


def parse_number(text: str) -> float | None:
    """The number that a text stands for (which may be infinite or NaN), or None.

    Percentages, censored values (`parse_limit`) and decimal commas are no numbers: what they mean is for the
    spec or the table's reader to say.

    Example:
        >>> parse_number("-1.5e3"), parse_number("inf"), parse_number("<5"), parse_number("1_000")
        (-1500.0, inf, None, None)
    """
    plain = text.strip()
    if _NUMBER.fullmatch(plain):
        return float(plain)
    plain = plain.translate(_MINUS)
    if _GROUPED.fullmatch(plain):
        plain = "".join(sign for sign in plain if sign not in _NARROW)
    if _NUMBER.fullmatch(plain) or _NOT_FINITE.fullmatch(plain):
        return float(plain)
    return None


class Limit(NamedTuple):
    """A censored value: all that is known is on which side of a number it lies.

    Args:
        sign: One of `<`, `<=`, `>`, `>=`.
        value: The number.
    """

    sign: str
    value: float


def parse_limit(text: str) -> Limit | None:
    """The censored value that a text such as `<5` stands for, or None.

    Example:
        >>> parse_limit(">= 90"), parse_limit("5"), parse_limit("< LOD")
        (Limit(sign='>=', value=90.0), None, None)
    """
    found = _LIMIT.fullmatch(text.strip())
    number = parse_number(found[2]) if found else None
    if found is None or number is None or not math.isfinite(number):
        return None
    return Limit(_SIGNS.get(found[1], found[1]), number)


def parse_time(text: str) -> datetime | None:
    """An ISO date or time, without time zone (in UTC if it had one), or None.

    Example:
        >>> parse_time("2021-03-01T12:00:00+02:00"), parse_time("1.3.2021")
        (datetime.datetime(2021, 3, 1, 10, 0), None)
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.year not in _YEARS:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


class Words:
    """A set of texts that a column declares, matched as text and, where both are numbers, by value.

    Example:
        >>> "-9.0" in Words(["-9", "not available"])
        True
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = frozenset(words)
        self.numbers = frozenset(n for n in map(parse_number, self.words) if n is not None)

    def __contains__(self, text: str) -> bool:
        if text in self.words:
            return True
        return bool(self.numbers) and parse_number(text) in self.numbers
