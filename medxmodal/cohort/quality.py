"""What is wrong with a cohort's inputs, study by study and column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medxmodal.cohort.inputs import MASK, Found
from medxmodal.cohort.spec import FILES, CohortSpec, TabularSpec
from medxmodal.cohort.study import Study
from medxmodal.records import FailedStudy, Problem, Quality


@dataclass
class QualityLog:
    """Collects while a cohort is built; `finish` makes the record."""

    problems: list[Problem] = field(default_factory=list)
    failed: list[FailedStudy] = field(default_factory=list)
    set_to_missing: dict[str, dict[str, int]] = field(default_factory=dict)
    units: dict[str, dict[str, int]] = field(default_factory=dict)
    constant: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def problem(self, study: str, modality: str, what: str, reason: str) -> None:
        """Something is wrong with one study."""
        self.problems.append(Problem(study_id=study, modality=modality, field=what, reason=reason))

    def record(self, study: str, patient: str, found: Mapping[str, Found]) -> None:
        """Take what the readers said of one study."""
        for modality, inputs in found.items():
            for what, reason in (inputs.problems | inputs.remarks).items():
                self.problem(study, modality, what, reason)
            if inputs.content:
                self.seen.setdefault((modality, inputs.content), {})[study] = patient

    def finish(self) -> Quality:
        """The record."""
        doubled = (group for group in self.seen.values() if len(set(group.values())) > 1)
        return Quality(
            problems=self.problems,
            failed=self.failed,
            set_to_missing=self.set_to_missing,
            units=self.units,
            duplicate_inputs=[list(group) for group in doubled],
            constant_columns=self.constant,
            leak_columns_found=self.leaks,
            skipped_exclusions=self.skipped,
            notes=self.notes,
        )


def constant_columns(spec: CohortSpec, studies: Sequence[Study]) -> list[str]:
    """Columns that say the same of every study, or nothing of any: `modality.column`."""
    constant = []
    for name, modality in spec.modalities.items():
        if isinstance(modality, TabularSpec):
            rows = [study.inputs[name] for study in studies if study.has(name)]
            for column in modality.columns:
                if len({row.get(column) for row in rows} - {None}) < 2:
                    constant.append(f"{name}.{column}")
    return constant


def blocking(spec: CohortSpec, problem: Problem) -> bool:
    """Whether a problem makes its modality unusable (a lesion mask or a date is not needed)."""
    modality = spec.modalities.get(problem.modality)
    return modality is not None and not (isinstance(modality, FILES) and problem.field == MASK)
