"""`describe`: what a cohort is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.pipeline.cohort import as_cohort

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from medxmodal.cohort import Cohort, Study
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


def describe(
    cohort: Cohort | str | Path,
    *,
    html: str | Path | None = None,
    parts: Mapping[str, Iterable[Study]] | None = None,
    p_values: bool = False,
) -> Description:
    """Describe a cohort: flow of exclusions, Table 1, co-occurrence, missingness, quality.

    Args:
        cohort: A cohort or its folder.
        html: A file to write the same to as a page.
        parts: Parts of a split, by name, for a Table 1 by split: `cohort.split()._asdict()`.
        p_values: Whether Table 1 tests the differences between the labels; their size is told anyway.

    Returns:
        The description.

    Raises:
        CohortError: The folder is no cohort, or is damaged, or the parts are not its own.

    Example:
        `print(mx.describe("cohort"))`
    """
    from medxmodal.cohort.describe.describe import describe as describe_cohort

    found = Description(describe_cohort(as_cohort(cohort), parts=parts, p_values=p_values))
    if html is not None:
        from medxmodal.reporting import cohort_page

        path = Path(html)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(cohort_page(found.record), encoding="utf-8")
    return found
