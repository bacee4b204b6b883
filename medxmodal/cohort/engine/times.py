"""Whether the times of a table as a whole are what the spec says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from medxmodal.cohort.engine.case import INDEX
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.spec.tables import Time
from medxmodal.errors import SpecError

MOST = 0.5
"""More unreadable times than this are no slips of single rows."""


def check_times(spec: CohortSpec, asked: Counter[tuple[str, str]]) -> None:
    """Refuse an index time or a table most of whose times cannot be read.

    Left out row by row they would make everybody healthy: no event, no count, a negative label.

    Args:
        spec: The spec.
        asked: Of (table, `timed` or `untimed`), how many rows of the records.

    Raises:
        SpecError: Most of the times of one of them cannot be read.
    """
    for key, name, time in _times(spec):
        wrong = asked[name, "untimed"]
        filled = wrong + asked[name, "timed"]
        if wrong <= MOST * filled:
            continue
        column = "', '".join(time.column)
        expected = (
            f"Write numbers, which count in `unit: {time.unit}`."
            if time.unit
            else "Write ISO dates or times such as 2021-03-01T12:00, which need an `index_time` that is a "
            "date too; numbers need a `unit`."
        )
        raise SpecError(
            f"{key}: {wrong} of {filled} filled times in '{column}' cannot be read", hint=expected
        )


def _times(spec: CohortSpec) -> Iterator[tuple[str, str, Time]]:
    """Key of the spec, name it is counted under, and time, of the index time and all tables."""
    index = spec.index_time
    own = spec.tables[index.source].time if index and index.source else None
    if index and index.column:
        unit = index.unit or (own.unit if own else None)
        yield "index_time", INDEX, Time(column=[index.column], unit=unit)
    elif own:
        yield "index_time", INDEX, own
    for name, table in spec.tables.items():
        # Without an index time no calendar time can be placed, however it is written.
        if table.time and (index or table.time.unit):
            yield f"tables.{name}.time", name, table.time
