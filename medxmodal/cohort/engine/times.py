"""Whether the times of a table as a whole are what the spec says."""

from __future__ import annotations

from collections import Counter

from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.errors import SpecError

MOST = 0.5
"""More unreadable times than this are no slips of single rows."""


def check_times(spec: CohortSpec, asked: Counter[tuple[str, str]]) -> None:
    """Refuse a table most of whose times cannot be read.

    Left out row by row they would make everybody healthy: no event, no count, a negative label.

    Args:
        spec: The spec.
        asked: Of (table, `timed` or `untimed`), how many rows of the records.

    Raises:
        SpecError: Most of a table's times cannot be read.
    """
    for name, table in spec.tables.items():
        wrong = asked[name, "untimed"]
        filled = wrong + asked[name, "timed"]
        if table.time is None or wrong <= MOST * filled:
            continue
        column = "', '".join(table.time.column)
        expected = (
            f"Write numbers, which count in `unit: {table.time.unit}`."
            if table.time.unit
            else "Write ISO dates or times such as 2021-03-01 or 2021-03-01T12:00; numbers need a `unit`."
        )
        raise SpecError(
            f"tables.{name}.time: {wrong} of {filled} filled times in '{column}' cannot be read",
            hint=expected,
        )
