"""What is wrong with a cohort's inputs, study by study and column by column."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from medxmodal.cohort.engine.inputs import MASK, REMARK, Found
from medxmodal.cohort.quality.burnt_in import suspected
from medxmodal.cohort.quality.likeness import near_duplicates
from medxmodal.cohort.spec.cohort_spec import FILES, CohortSpec
from medxmodal.records import BurntInText, FailedStudy, Problem, Quality

MOST_IDS = 200
"""So many studies with burnt-in text are listed a modality; the rest are counted."""
_PLACE = chr(0)


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
    doubled_rows: list[list[str]] = field(default_factory=list)
    seen: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    likeness: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    letters: dict[str, dict[str, bool]] = field(default_factory=dict)

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
            for place, facts in enumerate(inputs.facts):
                if facts.affine is None:  # one slice of a volume says too little: masks look all alike
                    self.alike(modality, study, patient, facts.perceptual, place)
                score = facts.more.get("burnt_in")
                if isinstance(score, float):
                    self.written_on(modality, study, score, str(facts.more.get("annotated") or ""))

    def unit(self, column: str, unit: str) -> None:
        """A value of `modality.column` came in this unit."""
        counts = self.units.setdefault(column, {})
        counts[unit] = counts.get(unit, 0) + 1

    def alike(self, modality: str, study: str, patient: str, perceptual: str, place: int = 0) -> None:
        """The perceptual hash of a study's image, the first, second, ... of several; see `likeness`."""
        self.likeness.setdefault(modality, {})[f"{study}{_PLACE}{place}"] = (patient, perceptual)

    def written_on(self, modality: str, study: str, score: float, annotated: str = "") -> None:
        """How surely a study's image holds letters, and what its DICOM tag says; see `burnt_in`."""
        seen = self.letters.setdefault(modality, {})
        seen[study] = seen.get(study, False) or suspected(score, annotated)

    def finish(self) -> Quality:
        """The record."""
        doubled = [list(group) for group in self.seen.values() if len(set(group.values())) > 1]
        return Quality(
            problems=self.problems,
            failed=self.failed,
            set_to_missing=self.set_to_missing,
            units=self.units,
            duplicate_inputs=doubled,
            near_duplicates=self._nearly(doubled),
            duplicate_rows=self.doubled_rows,
            burnt_in_text={name: _written(seen) for name, seen in self.letters.items()},
            constant_columns=self.constant,
            leak_columns_found=self.leaks,
            skipped_exclusions=self.skipped,
            notes=self.notes,
        )

    def _nearly(self, identical: Sequence[Sequence[str]]) -> list[list[str]]:
        """Groups of studies with images that are alike, but for those already known to be identical."""
        known = {frozenset(group) for group in identical}
        found = []
        for images in self.likeness.values():
            hashes = {image: perceptual for image, (_, perceptual) in images.items()}
            for group in near_duplicates(hashes, {image: patient for image, (patient, _) in images.items()}):
                studies = list(dict.fromkeys(image.rpartition(_PLACE)[0] for image in group))
                if frozenset(studies) not in known:
                    found.append(studies)
        return found


def _written(seen: Mapping[str, bool]) -> BurntInText:
    studies = [study for study, found in seen.items() if found]
    share = round(len(studies) / len(seen), 6)
    return BurntInText(studies=len(seen), suspected=len(studies), share=share, study_ids=studies[:MOST_IDS])


def quality_of(whole: Quality, studies: Collection[str]) -> Quality:
    """What holds of some studies of a cohort; figures that were taken over all of them are left out."""

    def among(groups: Sequence[Sequence[str]]) -> list[list[str]]:
        kept = ([study for study in group if study in studies] for group in groups)
        return [group for group in kept if len(group) > 1]

    return whole.model_copy(
        update={
            "problems": [p for p in whole.problems if p.study_id in studies],
            "failed": [],
            "duplicate_inputs": among(whole.duplicate_inputs),
            "near_duplicates": among(whole.near_duplicates),
            "duplicate_rows": among(whole.duplicate_rows),
            "burnt_in_text": {},
            "leak_suspects": [],
        }
    )


def blocking(spec: CohortSpec, problem: Problem) -> bool:
    """Whether a problem makes its modality unusable (a lesion mask or a date is not needed)."""
    modality = spec.modalities.get(problem.modality)
    return modality is not None and not (isinstance(modality, FILES) and problem.field in {MASK, REMARK})
