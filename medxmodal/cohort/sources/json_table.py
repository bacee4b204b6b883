"""JSON: a list of objects, or one object a line, flattened to columns such as `comorbidities.copd`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.sources.grid import MAX_CELLS, Lines, Records, to_records, unreadable
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.errors import InputError

MAX_DEPTH = 16
"""An object nested deeper is a record with a problem."""
MAX_COLUMNS = 20_000
"""More different keys than this are no table."""
_DAMAGED = (ValueError, RecursionError)
_BOM = b"\xef\xbb\xbf"


class _Record(NamedTuple):
    value: Any
    problem: str


def read_json_table(data: bytes, name: str) -> Table:
    """Read JSON or NDJSON.

    Args:
        data: The bytes: a list of objects, an object with one list of them, or one object a line.
        name: How messages name it.

    Raises:
        InputError: It is damaged, or holds no list of objects.

    Example:
        >>> table = read_json_table(b'[{"id": 1, "lab": {"crp": 2.50}}, {"id": 2, "ill": true}]', "t.json")
        >>> table.columns, dict(table.rows[0].cells)
        (('id', 'lab.crp', 'ill'), {'id': '1', 'lab.crp': '2.5', 'ill': None})
    """
    records = with_problems(*json_lines(data, name), name)
    return Table(
        records.columns,
        records.rows,
        (SourceFile(hashlib.sha256(data).hexdigest(), len(data)),),
        records.notes,
    )


def json_lines(data: bytes, shown: str) -> tuple[Lines, Mapping[int, str]]:
    """The lines of a JSON table, and what is wrong with which: row number -> problem.

    Raises:
        InputError: It is damaged, or holds no list of objects.
    """
    columns: dict[str, int] = {}
    flat: list[dict[str, object]] = []
    problems: dict[int, str] = {}
    left_out: set[str] = set()
    for number, (value, problem) in enumerate(_objects(data, shown), 2):
        cells: dict[str, object] = {}
        problem = problem or _flatten(value, "", cells, left_out, 1)
        if problem:
            problems[number], cells = problem, {}
        flat.append(cells)
        for column in cells:
            columns.setdefault(column, len(columns))
        if len(columns) > MAX_COLUMNS:
            raise InputError(
                f"{shown} has more than {MAX_COLUMNS} different keys",
                hint="Write what varies from record to record as values, not as keys.",
            )
    if len(columns) * len(flat) > MAX_CELLS:
        raise InputError(
            f"{shown} has more than {MAX_CELLS:,} cells", hint="Save it as Parquet, or split it."
        )
    if not columns:
        raise InputError(f"{shown} is empty: no record has a key")
    notes = [
        f"'{key}' holds lists of objects, which are no cells; it was left out" for key in sorted(left_out)
    ]
    lines: list[list[object]] = [
        list(columns),
        *([cells.get(column) for column in columns] for cells in flat),
    ]
    return Lines(lines, tuple(notes)), problems


def with_problems(
    grid: Lines,
    problems: Mapping[int, str],
    shown: str,
    columns: Collection[str] | None = None,
    stem: str = "",
) -> Records:
    """Records of `json_lines`: those with a problem stay in, and messages count records, not rows."""
    records = to_records(grid, shown, columns, stem)
    rows = {row.number: row for row in records.rows}
    names = [name for name in records.columns if columns is None or name in columns]
    for number, problem in problems.items():
        rows[number] = Row(number, dict.fromkeys(names), problem)
    placed = (Row(n, rows[n].cells, rows[n].problem, f"record {n - 1}") for n in sorted(rows))
    found = tuple(placed)
    return Records(records.columns, found, records.notes + unreadable(found))


def joined(values: Sequence[object]) -> str | None:
    """A list of scalars as one cell.

    Example:
        >>> joined(["pain", None, 2.0])
        'pain|2'
    """
    texts = [text for value in values if (text := cell_text(value)) is not None]
    return "|".join(texts) or None


def _objects(data: bytes, shown: str) -> list[_Record]:
    text = data.removeprefix(_BOM)
    try:
        tree = _loads(text)
    except _DAMAGED as error:
        lines = [line for line in text.split(b"\n") if line.strip()]
        if len(lines) < 2 or _line(lines[0]).problem:
            raise InputError(
                f"{shown} is no readable JSON near line {getattr(error, 'lineno', 1)}",
                hint="Write it again, as UTF-8, with a list of objects or one object a line.",
            ) from error
        return [_line(line) for line in lines]
    if isinstance(tree, dict):
        lists = [v for v in tree.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        tree = lists[0] if len(lists) == 1 else [tree] if not lists else None
    if not isinstance(tree, list):
        raise InputError(
            f"{shown} holds no list of objects",
            hint="A JSON table is [{...}, {...}], an object with one such list, or one object a line.",
        )
    return [_Record(v, "" if isinstance(v, dict) else "the record is no JSON object") for v in tree]


def _loads(text: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)  # Python's own reads the NaN and Infinity that Python's own writes


def _line(line: bytes) -> _Record:
    try:
        value = _loads(line)
    except _DAMAGED:
        return _Record(None, "the line is no readable JSON")
    return _Record(value, "" if isinstance(value, dict) else "the line is no JSON object")


def _flatten(
    tree: Mapping[str, Any], prefix: str, cells: dict[str, object], left_out: set[str], depth: int
) -> str:
    """Add an object's scalars to `cells`; what is wrong with it, if anything."""
    if depth > MAX_DEPTH:
        return f"the record is nested more than {MAX_DEPTH} deep"
    for key, value in tree.items():
        name = f"{prefix}{key.strip()}"
        if isinstance(value, dict):
            problem = _flatten(value, f"{name}.", cells, left_out, depth + 1)
            if problem:
                return problem
            continue
        if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
            left_out.add(name)
            continue
        if name in cells:
            return f"the record has the key '{name}' twice"
        cells[name] = joined(value) if isinstance(value, list) else value
    return ""
