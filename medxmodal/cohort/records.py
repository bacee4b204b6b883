"""Records of a cohort by id: studies, and what could not become a study, so that nothing is dropped."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from medxmodal.cohort.study import Study
from medxmodal.records import FailedStudy

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort
    from medxmodal.errors import MedxmodalError


def chosen_records(
    cohort: Cohort, only: Collection[str] | None, refusal: type[MedxmodalError]
) -> list[Study | FailedStudy]:
    """The studies, then the records that could not become one, in order; those asked for.

    Args:
        cohort: The cohort.
        only: Study ids; all by default.
        refusal: Raised when an id is not in the cohort; the message counts ids and names none.
    """
    everyone: list[Study | FailedStudy] = [*cohort, *cohort.failed]
    if only is None:
        return everyone
    wanted = set(only)
    unknown = wanted - {entry.study_id for entry in everyone}
    if unknown:
        raise refusal(
            f"{len(unknown)} of the {len(wanted)} studies asked for are not in the cohort",
            hint="Look at the study_id column of its studies.parquet.",
        )
    return [entry for entry in everyone if entry.study_id in wanted]
