"""What a query may be: one statement that only reads, judged before anything is connected to."""

from __future__ import annotations

import re

from medxmodal.errors import SpecError

_PARTS = re.compile(
    r"""
    '(?:[^']|'')*'                      # a text
    | "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\]   # a quoted name
    | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$   # PostgreSQL's other way to quote
    | --[^\n]* | /\*.*?\*/              # comments
    """,
    re.VERBOSE | re.DOTALL,
)
_WRITES = re.compile(
    r"\b(insert|update|delete|merge|drop|alter|create|truncate|grant|revoke|into|attach|detach|pragma|vacuum|"
    r"copy|call|execute|lock|commit|rollback)\b",
    re.IGNORECASE,
)
_HINT = "Write one SELECT, or one WITH ... SELECT; quote a column that has such a name."


def check_query(query: str) -> None:
    """Refuse whatever is not a single statement that reads.

    Raises:
        SpecError: It is empty, several statements, or would write.

    Example:
        >>> check_query("select id, 'drop; it' as note from visits -- all of them")
    """
    if "\\'" in query:
        raise SpecError("the SQL query holds \\', which databases read differently", hint="Write ''.")
    bare = _bare(query).strip().rstrip(";").strip()
    if ";" in bare:
        raise SpecError("the SQL query holds several statements", hint=_HINT)
    first = re.match(r"\(*\s*(\w+)", bare)
    if first is None or first[1].lower() not in {"select", "with"}:
        raise SpecError("the SQL query does not begin with SELECT or WITH", hint=_HINT)
    found = _WRITES.search(bare)
    if found:
        raise SpecError(f"the SQL query holds {found[1].upper()}, and a source is only read", hint=_HINT)


def is_ordered(query: str) -> bool:
    """Whether the whole result has an ORDER BY, and not only a part inside of parentheses.

    Example:
        >>> is_ordered("select a from t order by a"), is_ordered("select * from (select a from t order by a)")
        (True, False)
    """
    bare, before = _bare(query), ""
    while bare != before:
        before, bare = bare, re.sub(r"\([^()]*\)", " ", bare)
    return re.search(r"\border\s+by\b", bare, re.IGNORECASE) is not None


def _bare(query: str) -> str:
    """The query without texts, quoted names and comments."""
    return _PARTS.sub(" ", query)
