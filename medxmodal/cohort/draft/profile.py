"""What one column of an unknown table looks like: the facts that a drafted spec is guessed from."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from medxmodal.cohort.cells import parse_limit, parse_number, parse_time
from medxmodal.cohort.sources.rows import Table

MISSING_WORDS = frozenset(
    {
        "not available", "n/a", "na", "n.a.", "nan", "n.d.", "nd", "none", "null", "unknown", "unk",
        "missing",
        "not applicable", "not_applicable", "not known", "not done", "not recorded", "?", "-", "--", ".",
        "#n/a", "nicht verfügbar", "nicht bekannt", "unbekannt", "keine angabe", "k.a.", "k. a.", "fehlt",
        "nicht erhoben", "entfällt",
    }
)  # fmt: skip
FEW = 30
"""At most so many distinct values make a category."""
LONG = 60
"""A column whose median text is longer than this is a note."""
_NAMED = {
    "patient": re.compile(
        r"patient|subject|case|person|participant|proband|pseudonym|teilnehmer|kennung|pid\b|mrn|\bpat\b|^pat|"
        r"(^|[_ .-])id$|^id([_ .-]|$)|fall[_ -]?(nr|nummer|id)",
        re.IGNORECASE,
    ),
    "study": re.compile(
        r"study|exam|accession|stay|visit|encounter|untersuchung|aufenthalt|image_?id|scan_?id|clip_?id|"
        r"record_?id|specimen|sample_?id",
        re.IGNORECASE,
    ),
    "site": re.compile(
        r"\bsite|_site$|hospital(_?(id|name))?$|cent(er|re)(_?id)?$|clinic($|_)|institution|klinik|standort|"
        r"zentrum|country|region$|^source[ _]?id$",
        re.IGNORECASE,
    ),
    "person": re.compile(
        r"(?<![a-z])(sur|last|first|given|family|middle|maiden|birth|full|patient|patienten|doctor|nurse|"
        r"staff|user|author|mother|father|vor|nach|familien|geburts)[_ -]?names?(?![a-z])|^names?$|"
        r"e-?mail|phone|^tel\b|^tel[_.]|fax\b|mobile|telefon|handy|address|anschrift|stra(ss|ß)e|street|"
        r"\bzip\b|post(al)?[_ -]?code|postleitzahl|^plz$|wohnort|social[_ -]?sec|\bssn\b|insurance|"
        r"versicher|krankenkasse|passport|licen[cs]e[_ -]?(no|number|plate)|physician$|referr(er|ing)|"
        r"\barzt\b|hausarzt|behandler|therapeut|operator|radiologist|\bmrn\b|medical[_ -]?record|"
        r"^aufnahmenummer$|patient ?id ?/ ?name",
        re.IGNORECASE,
    ),
    "birth": re.compile(
        r"birth[_ -]?(date|day)|date[_ -]?of[_ -]?birth|(^|_)dob(_|$)|geb(urts)?[_ .-]?(datum|dat)|"
        r"^geb\.?$|geburtstag",
        re.IGNORECASE,
    ),
    "identifier": re.compile(
        r"(^|[_ .-])(id|ids|uid|guid|uuid|nr|nummer|number|accession)$|[a-z](ID|UID)$|(stay|event)id$|"
        r"health\w*id$|^id[_ .-]|barcode|^unnamed",
    ),
    "place": re.compile(
        r"url|link|^doi$|path$|filename|file_name|dateiname|location$|^file$|licen[cs]e|dataset$",
        re.IGNORECASE,
    ),
}  # fmt: skip
_TIME = re.compile(
    r"date|time|day$|datum|zeit|admitted|timestamp|\bam$|\b(on|at)$|_(on|at)$|aufnahme", re.IGNORECASE
)
_TITLED = re.compile(
    r"^(dr|prof|mr|mrs|ms|herr|frau)\b\.? |^[^@ ]+@[^@ ]+\.[a-z]{2,}$|^(\+|0)\d[\d /()-]{6,}\d$|"
    r", (m\.?d\.?|phd)$",
    re.IGNORECASE,
)
_DATE = re.compile(r"(^|[_ ])(date|datum)([_ ]|$)", re.IGNORECASE)
_DATE_LIKE = re.compile(
    r"\d{1,2}[./]\d{1,2}[./]\d{2,4}(\s.*)?|\d{4}[./]\d{1,2}[./]\d{1,2}.*|\w{3,9} \d{1,2}, \d{4}|"
    r"\d{1,2}:\d{2}(:\d{2})?"
)


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
        rows: Rows of the table.
    """

    name: str
    filled: int
    numbers: int
    times: int
    words: tuple[str, ...]
    counts: Counter[str]
    length: float
    many: str | None
    rows: int = 0

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
        return self.filled > 0 and self.numbers + self.limits > 0.5 * self.filled

    @cached_property
    def limits(self) -> int:
        """How many cells are a number with a sign, such as `<5`."""
        return sum(n for text, n in self.counts.items() if text[:1] in "<>=" and parse_limit(text))

    @cached_property
    def values(self) -> list[float]:
        """The numbers, sorted."""
        found = (parse_number(text) for text in self.counts.elements())
        return sorted(n for n in found if n is not None and abs(n) < float("inf"))

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
    def is_category_of_items(self) -> bool:
        """Whether the cells name what a row is about: few names, each many times."""
        return (
            not self.is_number
            and self.filled > 0
            and self.distinct <= 300
            and 5 * self.distinct <= self.filled
        )

    @property
    def is_time(self) -> bool:
        """Whether the cells are dates or times that a spec can read."""
        dated = self.filled > 0 and self.times > 0.9 * self.filled
        return dated and (bool(_TIME.search(self.name)) or not self.is_number)

    @cached_property
    def is_dated(self) -> bool:
        """Whether the cells are dates or times in any writing."""
        if self.is_time or _DATE.search(self.name):
            return True
        like = sum(n for text, n in self.counts.items() if _DATE_LIKE.fullmatch(text))
        return self.filled > 0 and like > 0.5 * self.filled

    def named_like(self, what: str) -> bool:
        """Whether it is named like a `patient`, `study`, `site`, `person`, `birth`, `identifier` or `place`.

        A `person` tells who somebody is, a `place` where a file or a page lies.
        """
        return bool(_NAMED[what].search(self.name))

    @property
    def identifies(self) -> bool:
        """Whether the cells may tell who somebody is, by the column's name or by titles in them."""
        return self.named_like("person") or self.named_like("birth") or self._titled

    @cached_property
    def _titled(self) -> bool:
        titled = sum(n for text, n in self.counts.items() if _TITLED.search(text) and len(text) <= LONG)
        return titled > 0.3 * self.filled and not self.is_dated


def profile(table: Table, name: str) -> Profile:
    """Look at a column."""
    cells = [cell for row in table.rows if (cell := row.cells.get(name)) is not None]
    words = {cell for cell in cells if cell.lower() in MISSING_WORDS}
    known = [cell for cell in cells if cell not in words]
    counts = Counter(known)
    return Profile(
        name=name,
        filled=len(known),
        numbers=sum(n for cell, n in counts.items() if parse_number(cell) is not None),
        times=sum(n for cell, n in counts.items() if parse_time(cell) is not None),
        words=tuple(sorted(words)),
        counts=counts,
        length=median(map(len, known)) if known else 0.0,
        many=_separator(known),
        rows=len(table.rows),
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
