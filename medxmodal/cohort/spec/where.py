"""The small `where` grammar of cohort specs: parsed to a tree, never evaluated as code.

```
rule  := all ("or" all)*            all := test ("and" test)*
test  := "not" test | "(" rule ")" | column comparison
comparison := ("==" | "!=" | "<" | "<=" | ">" | ">=") literal
            | ["not"] "in" "[" literal ("," literal)* "]"
            | ["not"] "contains" text
            | "is" ["not"] "missing"
literal := number | 'text' | "text"       column := name | `any name`
```

A comparison with a missing value is unknown, as in SQL: an `include` rule does not keep such a record, an
`exclude` rule does not remove it, and `not` leaves it unknown. Ask for it with `is missing`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from medxmodal.cohort.cells import number_text, parse_number
from medxmodal.errors import SpecError

Literal: TypeAlias = float | str
Row: TypeAlias = Mapping[str, str | None]

MAX_LENGTH = 2000
MAX_DEPTH = 40
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
    |(?P<text>'[^']*'|"[^"]*")|(?P<quoted>`[^`]+`)|(?P<name>[^\W\d]\w*)
    |(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,))""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS = {"and", "or", "not", "in", "is", "missing", "contains"}


@dataclass(frozen=True)
class Comparison:
    """`column op literal`, op one of == != < <= > >=."""

    column: str
    sign: str
    literal: Literal

    def holds(self, row: Row) -> bool | None:
        """True, False, or None when the cell is missing or cannot be compared."""
        cell = row[self.column]
        if cell is None:
            return None
        if self.sign in _COMPARE:
            pair = _comparable(cell, self.literal)
            return None if pair is None else _COMPARE[self.sign](*pair)
        return _same(cell, self.literal) == (self.sign == "==")

    def __str__(self) -> str:
        return f"{_name(self.column)} {self.sign} {_literal(self.literal)}"


@dataclass(frozen=True)
class Among:
    """`column in [..]`."""

    column: str
    literals: tuple[Literal, ...]

    def holds(self, row: Row) -> bool | None:
        """True, False, or None when the cell is missing."""
        cell = row[self.column]
        return None if cell is None else any(_same(cell, literal) for literal in self.literals)

    def __str__(self) -> str:
        return f"{_name(self.column)} in [{', '.join(map(_literal, self.literals))}]"


@dataclass(frozen=True)
class Contains:
    """`column contains 'text'`, upper and lower case alike."""

    column: str
    text: str

    def holds(self, row: Row) -> bool | None:
        """True, False, or None when the cell is missing."""
        cell = row[self.column]
        return None if cell is None else self.text.casefold() in cell.casefold()

    def __str__(self) -> str:
        return f"{_name(self.column)} contains {_literal(self.text)}"


@dataclass(frozen=True)
class Missing:
    """`column is missing`."""

    column: str

    def holds(self, row: Row) -> bool | None:
        """Whether the cell is empty or declared missing."""
        return row[self.column] is None

    def __str__(self) -> str:
        return f"{_name(self.column)} is missing"


@dataclass(frozen=True)
class Not:
    """`not test`; unknown stays unknown."""

    part: Rule

    def holds(self, row: Row) -> bool | None:
        """The opposite."""
        inner = self.part.holds(row)
        return None if inner is None else not inner

    def __str__(self) -> str:
        return f"not ({self.part})"


@dataclass(frozen=True)
class Both:
    """`left and right` (Kleene's three-valued logic)."""

    left: Rule
    right: Rule

    def holds(self, row: Row) -> bool | None:
        """False when either is False, whatever the other is."""
        left, right = self.left.holds(row), self.right.holds(row)
        if left is False or right is False:
            return False
        return None if left is None or right is None else True

    def __str__(self) -> str:
        return f"({self.left}) and ({self.right})"


@dataclass(frozen=True)
class Either:
    """`left or right` (Kleene's three-valued logic)."""

    left: Rule
    right: Rule

    def holds(self, row: Row) -> bool | None:
        """True when either is True, whatever the other is."""
        left, right = self.left.holds(row), self.right.holds(row)
        if left or right:
            return True
        return None if left is None or right is None else False

    def __str__(self) -> str:
        return f"({self.left}) or ({self.right})"


Rule: TypeAlias = Comparison | Among | Contains | Missing | Not | Both | Either


def parse_where(text: str) -> Rule:
    """Parse a rule.

    Raises:
        SpecError: The text is no rule; names the place and what was expected.

    Example:
        >>> rule = parse_where("Age >= 18 and not (Sex in ['m', 'x'])")
        >>> rule.holds({"Age": "40", "Sex": "f"}), rule.holds({"Age": None, "Sex": "f"})
        (True, None)
    """
    return _Parser(text).parse()


def columns_of(rule: Rule) -> frozenset[str]:
    """The columns that a rule reads."""
    match rule:
        case Not(part):
            return columns_of(part)
        case Both(left, right) | Either(left, right):
            return columns_of(left) | columns_of(right)
        case _:
            return frozenset({rule.column})


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


class _Parser:
    """Recursive descent over the tokens of one rule."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > MAX_LENGTH:
            raise SpecError(
                f"a rule of {len(text)} characters is too long", hint=f"Keep it under {MAX_LENGTH}."
            )
        self.tokens = list(self._scan())
        self.at = 0
        self.depth = 0

    def _scan(self) -> Iterator[_Token]:
        place, end = 0, len(self.text.rstrip())
        while place < end:
            found = _TOKEN.match(self.text, place)
            if found is None:  # the parser knows what it expected there
                yield _Token("unknown", "", end - len(self.text[place:end].lstrip()))
                return
            kind = found.lastgroup or ""
            yield _Token(kind, found[kind], found.start(kind))
            place = found.end()
        yield _Token("end", "", end)

    def parse(self) -> Rule:
        rule = self._either()
        if self._next.kind != "end":
            raise self._wrong(self._next.place, "`and`, `or` or the end")
        return rule

    @property
    def _next(self) -> _Token:
        return self.tokens[self.at]

    def _take(self, *texts: str) -> bool:
        if self._next.kind in {"name", "sign"} and self._next.text in texts:
            self.at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise self._wrong(self._next.place, f"`{text}`")

    def _either(self) -> Rule:
        rule = self._both()
        while self._take("or"):
            rule = Either(rule, self._both())
        return rule

    def _both(self) -> Rule:
        rule = self._test()
        while self._take("and"):
            rule = Both(rule, self._test())
        return rule

    def _test(self) -> Rule:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SpecError("a rule is nested too deeply", hint="Split it into several rules.")
        try:
            if self._take("not"):
                return Not(self._test())
            if self._take("("):
                rule = self._either()
                self._need(")")
                return rule
            return self._comparison(self._column())
        finally:
            self.depth -= 1

    def _column(self) -> str:
        token = self._next
        if token.kind == "quoted":
            self.at += 1
            return token.text[1:-1]
        if token.kind != "name" or token.text in _WORDS:
            raise self._wrong(token.place, "a column name (in `backquotes` if it has spaces)")
        self.at += 1
        return token.text

    def _comparison(self, column: str) -> Rule:
        if self._take("is"):
            negated = self._take("not")
            self._need("missing")
            return Not(Missing(column)) if negated else Missing(column)
        negated = self._take("not")
        if self._take("in"):
            among = Among(column, self._list())
            return Not(among) if negated else among
        if self._take("contains"):
            contains = Contains(column, self._text())
            return Not(contains) if negated else contains
        sign = self._next.text
        if negated or not self._take("==", "!=", "<", "<=", ">", ">="):
            raise self._wrong(self._next.place, "==, !=, <, <=, >, >=, `in [..]`, `contains` or `is missing`")
        return Comparison(column, sign, self._value())

    def _list(self) -> tuple[Literal, ...]:
        self._need("[")
        found = [self._value()]
        while self._take(","):
            found.append(self._value())
        self._need("]")
        return tuple(found)

    def _value(self) -> Literal:
        token = self._next
        if token.kind not in {"number", "text"}:
            raise self._wrong(token.place, "a number or a quoted text")
        self.at += 1
        return float(token.text) if token.kind == "number" else token.text[1:-1]

    def _text(self) -> str:
        token = self._next
        if token.kind != "text":
            raise self._wrong(token.place, "a quoted text")
        self.at += 1
        return token.text[1:-1]

    def _wrong(self, place: int, expected: str) -> SpecError:
        found = self.text[place : place + 20].strip() or "the end"
        return SpecError(f'the rule "{self.text}" expects {expected} at character {place + 1}, not {found}')


def _same(cell: str, literal: Literal) -> bool:
    return cell == literal if isinstance(literal, str) else parse_number(cell) == literal


def _comparable(cell: str, literal: Literal) -> tuple[object, object] | None:
    if isinstance(literal, str):
        return cell, literal
    number = parse_number(cell)
    return None if number is None or number != number else (number, literal)


def _name(column: str) -> str:
    plain = re.fullmatch(r"[^\W\d]\w*", column) and column not in _WORDS
    return column if plain else f"`{column}`"


def _literal(literal: Literal) -> str:
    if isinstance(literal, float):
        return number_text(literal)
    return f'"{literal}"' if "'" in literal else f"'{literal}'"
