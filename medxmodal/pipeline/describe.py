"""`describe`: what a cohort is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.pipeline.cohort import as_cohort

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.records import DescribeRecord


class Description:
    """A cohort in numbers; shows itself as text, and as a table in a notebook.

    Args:
        record: Everything that is shown.
    """

    def __init__(self, record: DescribeRecord) -> None:
        self.record = record

    def __str__(self) -> str:
        from medxmodal.reporting import cohort_text

        return cohort_text(self.record)

    def __repr__(self) -> str:
        return f"Description({self.record.name!r}, {self.record.studies} studies)"

    def _repr_html_(self) -> str:
        from medxmodal.reporting import cohort_card

        return cohort_card(self.record)


def describe(cohort: Cohort | str | Path, *, html: str | Path | None = None) -> Description:
    """Describe a cohort: flow of exclusions, Table 1, co-occurrence, missingness, quality.

    Args:
        cohort: A cohort or its folder.
        html: A file to write the same to as a page.

    Returns:
        The description.

    Raises:
        CohortError: The folder is no cohort, or is damaged.

    Example:
        `print(mx.describe("cohort"))`
    """
    found = Description(as_cohort(cohort).describe())
    if html is not None:
        from medxmodal.reporting import cohort_page

        path = Path(html)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(cohort_page(found.record), encoding="utf-8")
    return found
