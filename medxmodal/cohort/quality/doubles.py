"""The same patient under two ids, as far as the values give them away."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from medxmodal.cohort.spec.cohort_spec import CohortSpec, TabularSpec
from medxmodal.cohort.study import Study, Value

FEWEST_COLUMNS = 5
"""With fewer filled columns equal rows are no surprise."""
SPARE_BITS = 3.0
"""By how many bits equal rows must be rarer than chance: one pair in eight cohorts, were columns
independent."""


def duplicate_rows(spec: CohortSpec, studies: Sequence[Study]) -> list[list[str]]:
    """Studies of different patients whose rows are equal in every column, and unlikely to be by chance.

    A row counts only with five filled columns or more, and when so many studies would hardly have two
    such rows by chance: each cell by the share of studies that have it, as if columns were independent.
    So twelve common words in a small table accuse nobody, and five laboratory values do.

    Args:
        spec: The cohort's spec.
        studies: Its studies.

    Returns:
        Groups of study ids, in the order of the studies; all tables of a study count together.
    """
    tables = [name for name, modality in spec.modalities.items() if isinstance(modality, TabularSpec)]
    rows = [_row(study, tables) for study in studies]
    held = Counter(cell for row in rows for cell in row)
    groups: dict[tuple[tuple[str, Value], ...], list[Study]] = {}
    for study, row in zip(studies, rows, strict=True):
        if len(row) >= FEWEST_COLUMNS:
            groups.setdefault(row, []).append(study)
    needed = 2 * math.log2(max(len(studies), 1)) + SPARE_BITS
    return [
        [study.study_id for study in group]
        for row, group in groups.items()
        if len({study.patient_id for study in group}) > 1
        and sum(math.log2(len(studies) / held[cell]) for cell in row) >= needed
    ]


def _row(study: Study, tables: Sequence[str]) -> tuple[tuple[str, Value], ...]:
    return tuple(
        (f"{table}.{column}", value)
        for table in tables
        for column, value in sorted(study.inputs.get(table, {}).items())
        if value is not None
    )
