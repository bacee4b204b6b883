"""Whether a cohort holds patients that a run learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.errors import CohortError

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.records import RunRecord


def refuse_overlap(folder: Path, record: RunRecord, cohort: Cohort, what: str) -> None:
    """Refuse a cohort with patients of the run's training cohort.

    Patient ids mean the same within one cohort spec and within one site; where both differ, equal
    ids are taken for two hospitals' own numbering.

    Args:
        folder: The run.
        record: Its `run.json`.
        cohort: The cohort that should be new to it.
        what: What cannot be done, in words.

    Raises:
        CohortError: Some patients are in both.
        RunError: The run is damaged.
    """
    from medxmodal.model import read_out_of_fold

    table = read_out_of_fold(folder, ["patient_id", "site"])
    patients = table["patient_id"].astype(str)
    same_spec = record.cohort.name == cohort.spec.name
    known = set(patients) if same_spec else set(zip(table["site"].astype(str), patients, strict=True))
    both = {
        study.patient_id
        for study in cohort
        if (study.patient_id if same_spec else (study.site, study.patient_id)) in known
    }
    if both:
        raise CohortError(
            f"{what} needs patients the run never saw, but {len(both)} of the cohort's "
            f"{len(set(cohort.patients))} patients were in its training",
            hint="Their honest figures are in the run's metrics.json; give a cohort of other patients.",
        )
