"""`Tally`: the counts of a cohort, taken study by study, so that the studies need not be held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from medxmodal.cohort.spec.cohort_spec import CohortSpec, TabularSpec
from medxmodal.cohort.study import Study, Value

UNKNOWN_SITE = "unknown"


@dataclass
class Tally:
    """Counts of studies.

    Args:
        spec: The cohort's spec.
        studies: How many.
        labelled: How many have a label.
        positives: How many a positive one.
        patients: How many patients; all studies of a patient must be added together.
        sites: Site -> studies.
        modalities: Modality -> studies that have it.
    """

    spec: CohortSpec
    studies: int = 0
    labelled: int = 0
    positives: int = 0
    patients: int = 0
    sites: Counter[str] = field(default_factory=Counter)
    modalities: Counter[str] = field(default_factory=Counter)
    _values: dict[str, set[Value]] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: CohortSpec, studies: Iterable[Study]) -> Self:
        """The counts of some studies."""
        tally = cls(spec)
        tally.add(studies)
        return tally

    def add(self, studies: Iterable[Study]) -> None:
        """Count further studies, of patients that were not counted before."""
        patients = set()
        for study in studies:
            self.studies += 1
            patients.add(study.patient_id)
            label = study.labels.get(self.spec.task)
            self.labelled += label is not None
            self.positives += label == 1
            self.sites[study.site] += 1
            self.modalities.update(name for name in self.spec.modalities if study.has(name))
            self._note_values(study)
        self.patients += len(patients)

    def _note_values(self, study: Study) -> None:
        """Two different values of a column are enough to know that it is not constant."""
        for name, modality in self.spec.modalities.items():
            if isinstance(modality, TabularSpec):
                for column in modality.columns:
                    seen = self._values.setdefault(f"{name}.{column}", set())
                    value = study.inputs.get(name, {}).get(column)
                    if value is not None and len(seen) < 2:
                        seen.add(value)

    @property
    def constant(self) -> list[str]:
        """Columns that say the same of every study, or nothing of any: `modality.column`."""
        return [name for name, seen in self._values.items() if len(seen) < 2]

    def counts(self, failed: int) -> dict[str, Any]:
        """The counts that `cohort.json` holds."""
        return {
            "studies": self.studies,
            "patients": self.patients,
            "labelled": self.labelled,
            "positives": self.positives,
            "failed": failed,
            "sites": dict(sorted(self.sites.items())),
            "modalities": {name: self.modalities[name] for name in self.spec.modalities},
        }
