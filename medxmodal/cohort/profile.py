"""What one column of an unknown table looks like: the facts that a drafted spec is guessed from."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from statistics import median

from medxmodal.cohort.cells import parse_number, parse_time
from medxmodal.cohort.sources.rows import Table

MISSING_WORDS = frozenset(
    {
        "not available", "n/a", "na", "n.a.", "nan", "n.d.", "none", "null", "unknown", "unk", "missing",
        "not applicable", "not known", "not done", "not recorded", "?", "-", "--", ".", "#n/a",
    }
)  # fmt: skip
FEW = 30
"""At most so many distinct values make a category."""
LONG = 60
"""A column whose median text is longer than this is a note."""
_PATIENT = re.compile(
    r"patient|subject|case|person|participant|\bpid\b|mrn|(^|_| )id$|^id(_|$)", re.IGNORECASE
)
_STUDY = re.compile(r"study|exam|accession|stay|visit|encounter", re.IGNORECASE)
_SITE = re.compile(r"\bsite|hospital|cent(er|re)\b|clinic($|_)|institution|scanner", re.IGNORECASE)
_TIME = re.compile(r"date|time|day$", re.IGNORECASE)


@dataclass(frozen=True)
class Profile:
    """Facts about one column.

    Args:
        name: The column.
        filled: Cells that are not empty and no word for missing.
        numbers: Of these, how many are numbers.
        times: Of these, how many are ISO dates or times.
        words: Words for missing that occur.
        counts: Value -> how often.
        length: Median length of the texts.
        many: What separates several values in a cell, if anything does.
    """

    name: str
    filled: int
    numbers: int
    times: int
    words: tuple[str, ...]
    counts: Counter[str]
    length: float
    many: str | None

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return len(self.counts)

    @property
    def unique(self) -> bool:
        """Whether no value occurs twice."""
        return self.filled > 0 and self.distinct == self.filled

    @property
    def is_number(self) -> bool:
        """Whether most filled cells are numbers."""
        return self.filled > 0 and self.numbers > 0.5 * self.filled

    @property
    def is_note(self) -> bool:
        """Whether the cells are running text."""
        return not self.is_number and self.length > LONG and self.distinct > 0.5 * self.filled

    @property
    def is_category(self) -> bool:
        """Whether there are few values, each more than once on average."""
        if self.is_number or self.is_note or self.filled == 0:
            return False
        levels = {w.strip() for v in self.counts for w in (v.split(self.many) if self.many else [v])}
        return len(levels) <= FEW and len(levels) <= 0.5 * self.filled + 2

    @property
    def is_time(self) -> bool:
        """Whether the cells are dates or times."""
        return self.filled > 0 and self.times > 0.9 * self.filled and bool(_TIME.search(self.name))

    def named_like(self, what: str) -> bool:
        """Whether the name is that of a `patient`, `study` or `site`."""
        return bool({"patient": _PATIENT, "study": _STUDY, "site": _SITE}[what].search(self.name))


def profile(table: Table, name: str) -> Profile:
    """Look at a column."""
    cells = [cell for row in table.rows if (cell := row.cells[name]) is not None]
    words = {cell for cell in cells if cell.lower() in MISSING_WORDS}
    known = [cell for cell in cells if cell not in words]
    return Profile(
        name=name,
        filled=len(known),
        numbers=sum(parse_number(cell) is not None for cell in known),
        times=sum(parse_time(cell) is not None for cell in known),
        words=tuple(sorted(words)),
        counts=Counter(known),
        length=median(map(len, known)) if known else 0.0,
        many=_separator(known),
    )


def _separator(cells: list[str]) -> str | None:
    """The sign by which cells split into fewer different words than there are different cells."""
    whole = set(cells)
    for sign in "&;|":
        with_sign = [cell for cell in whole if sign in cell]
        if with_sign and len({w.strip() for cell in whole for w in cell.split(sign)}) < len(whole) + len(
            with_sign
        ):
            return sign
    return None
