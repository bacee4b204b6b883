"""`CohortView`: a cohort that shows itself in a notebook."""

from __future__ import annotations

from pathlib import Path

from medxmodal.cohort.cohort import Cohort


class CohortView(Cohort):
    """A cohort, with the same methods; in a notebook its flow and Table 1 are shown."""

    def _repr_html_(self) -> str:
        from medxmodal.reporting import cohort_card

        return cohort_card(self.describe())


def as_cohort(cohort: Cohort | str | Path, data: str | Path | None = None) -> Cohort:
    """A cohort, from a cohort or its folder.

    Args:
        cohort: A cohort, or `COHORT/`.
        data: The data folder, where a cohort folder is read and its data lie elsewhere now.

    Raises:
        CohortError: The folder is no cohort, or is damaged, or there is no such data folder.
    """
    return cohort if isinstance(cohort, Cohort) else CohortView.load(cohort, data=data)
