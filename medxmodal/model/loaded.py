"""A run taken from its folder, ready to predict. Scoring and explaining both go through it.

A study the run was trained on is answered by the members that did not see it, so its score is as
honest as a new patient's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medxmodal.errors import RunError
from medxmodal.model.files import load_member
from medxmodal.model.members import Members
from medxmodal.model.out_of_fold import OOF, read_out_of_fold
from medxmodal.model.reading import Reader, Reading
from medxmodal.model.threads import threads_for
from medxmodal.records import FORMAT_VERSION, CalibrationRecord, PredictionRecord, RunRecord

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study
    from medxmodal.model.diagnosis import DiagnosisModel
    from medxmodal.model.prediction import Prediction


@dataclass(frozen=True)
class Answer:
    """Some studies answered.

    Args:
        records: One record a study asked about, in order; failed ones have their reason.
        reading: What could be read, with a batch a member.
        prediction: The mean over the members asked, rows in the order of `reading.studies`; None
            when nothing could be read.
        use: Which members answered, (rows, members), bool.
    """

    records: tuple[PredictionRecord, ...]
    reading: Reading
    prediction: Prediction | None
    use: Tensor


class LoadedRun:
    """A run in memory.

    Args:
        folder: Where it came from.
        record: Its `run.json`.
        calibration: Its `calibration.json`.
        members: Its members.
        unseen_by: Training study id -> members that did not see it.
    """

    def __init__(
        self,
        folder: Path,
        record: RunRecord,
        calibration: CalibrationRecord,
        members: Members,
        unseen_by: Mapping[str, tuple[int, ...]],
    ) -> None:
        self.folder, self.record, self.calibration = folder, record, calibration
        self.members, self.unseen_by = members, unseen_by

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> LoadedRun:
        """Load a run folder.

        Args:
            folder: `RUN/`.
            device: `auto` (GPU if there is one), or a torch device.

        Raises:
            RunError: The folder is no run, is damaged, or was written by a newer version.
        """
        if not (folder / "run.json").is_file():
            raise RunError(f"{folder} is no run: it has no run.json", hint="Name a folder that `train` made.")
        record = RunRecord.read(folder / "run.json")
        if record.format_version > FORMAT_VERSION:
            raise RunError(
                f"the run has format {record.format_version}, this version reads up to {FORMAT_VERSION}",
                hint="Update medxmodal.",
            )
        specs = {name: as_spec(entry.spec) for name, entry in record.modalities.items()}
        models: list[DiagnosisModel] = []
        for facts in record.members:
            sharing = models[0] if models else None
            models.append(
                load_member(folder, facts.member, specs, sha256=facts.weights_sha256, sharing=sharing)
            )
        members = Members(models)
        for name in members.names:
            parts = [model.modality(name) for model in models]
            for part in parts:
                part.agree(parts)
        place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        calibration = CalibrationRecord.read(folder / "calibration.json")
        return cls(folder, record, calibration, members.to(place).eval(), _unseen_by(folder))

    @property
    def device(self) -> torch.device:
        """Where the members are."""
        return self.members[0].base.device

    def reader(self, *, pixels: bool = False) -> Reader:
        """A reader for all members."""
        return Reader(list(self.members.models), self.record.task.name, pixels=pixels)  # type: ignore[arg-type]

    def answering(self, studies: Sequence[Study]) -> Tensor:
        """Which members answer for each study, (studies, members), bool, on the CPU."""
        use = torch.ones(len(studies), len(self.members), dtype=torch.bool)
        for row, study in enumerate(studies):
            unseen = self.unseen_by.get(study.study_id)
            if unseen is not None:
                use[row] = False
                use[row, list(unseen)] = True
        return use

    def answer(self, studies: Sequence[Study], reader: Reader | None = None) -> Answer:
        """Predict studies; those that cannot be read come back as failed records."""
        reading = (reader or self.reader()).read(studies)
        use = self.answering(reading.studies)
        if not reading.studies:
            return Answer(tuple(self._failed(s, reading.failed) for s in studies), reading, None, use)
        batches = [batch.to(self.device) for batch in reading.batches]
        with threads_for(sum(x.numel() for x in reading.batches[0].inputs.values())):
            prediction = self.members.predict(batches, use.to(self.device))
        scored = {r.study_id: r for r in self._records(reading.studies, prediction)}
        records = [scored.get(s.study_id) or self._failed(s, reading.failed) for s in studies]
        return Answer(tuple(records), reading, prediction, use)

    def _failed(self, study: Study, reasons: Mapping[str, str]) -> PredictionRecord:
        return PredictionRecord(
            study_id=study.study_id,
            patient_id=study.patient_id,
            site=study.site,
            task=self.record.task.name,
            status="failed",
            error=reasons[study.study_id],
            seen=study.study_id in self.unseen_by,
            present={name: study.has(name) for name in self.members.names},
        )

    def _records(self, studies: Sequence[Study], made: Prediction) -> list[PredictionRecord]:
        logit = made.logit.double().cpu().numpy()
        pattern = made.pattern().cpu().numpy()
        found = self.calibration.calibrate(logit, pattern, made.spread.double().cpu().numpy())
        shares, evidence = made.shares.cpu().numpy(), made.contributions.cpu().numpy()
        present, together = made.present.cpu().numpy(), made.interaction.cpu().numpy()
        empty = made.empty_logit.cpu().numpy()
        records = []
        for row, study in enumerate(studies):
            probability = float(found.probability[row])
            records.append(
                PredictionRecord(
                    study_id=study.study_id,
                    patient_id=study.patient_id,
                    site=study.site,
                    task=self.record.task.name,
                    logit=float(logit[row]),
                    probability=probability,
                    lower=float(found.lower[row]),
                    upper=float(found.upper[row]),
                    prediction_set=self.calibration.prediction_set(probability),
                    threshold=self.calibration.threshold.value,
                    decision=self.calibration.decide(probability),
                    seen=study.study_id in self.unseen_by,
                    empty_logit=float(empty[row]),
                    shares=_named(made.names, shares[row]),
                    present={name: bool(there) for name, there in zip(made.names, present[row], strict=True)},
                    evidence=_named(made.names, evidence[row]),
                    interaction=float(together[row]),
                )
            )
        return records

    def check_cohort(self, modalities: Mapping[str, Any]) -> None:
        """Whether a cohort's spec gives what the run reads, in the same units.

        Args:
            modalities: The cohort spec's modalities, as pydantic models.

        Raises:
            RunError: A modality has another kind, or a column is missing or in another unit.
        """
        for name, entry in self.record.modalities.items():
            if name not in modalities:
                continue
            theirs = modalities[name].model_dump(mode="json")
            if theirs["kind"] != entry.kind:
                raise RunError(
                    f"modality '{name}' is {theirs['kind']} in the cohort but {entry.kind} in the run"
                )
            _check_columns(name, entry.spec.get("columns") or {}, theirs.get("columns") or {})
        if not set(self.record.modalities) & set(modalities):
            raise RunError(
                f"the cohort has none of the run's modalities ({', '.join(self.record.modalities)})",
                hint="Name them alike in the cohort spec.",
            )


def _check_columns(modality: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    for column, spec in ours.items():
        if column not in theirs:
            raise RunError(
                f"modality '{modality}' has no column '{column}', which the run was trained with",
                hint="Add it to the cohort spec; its values may be missing.",
            )
        wanted, got = spec.get("unit") or "", theirs[column].get("unit") or ""
        if wanted != got:
            raise RunError(
                f"column '{column}' is in '{got}' in the cohort but in '{wanted}' in the run",
                hint="Give the cohort spec the run's unit; values are converted on building.",
            )


def _named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _unseen_by(folder: Path) -> dict[str, tuple[int, ...]]:
    table = read_out_of_fold(folder, ["study_id", "members"])
    pairs = zip(table["study_id"], table["members"], strict=True)
    try:
        return {str(study): tuple(int(k) for k in members) for study, members in pairs}
    except (ValueError, TypeError) as error:
        raise RunError(
            f"{OOF} of the run is damaged: {type(error).__name__}", hint="Copy the run again, whole."
        ) from error


def as_spec(entry: Mapping[str, Any]) -> SimpleNamespace:
    """A cohort's modality spec from `run.json`, with attributes as the pydantic model has."""
    spec = SimpleNamespace(**entry)
    if "columns" in entry:
        spec.columns = {name: SimpleNamespace(**column) for name, column in entry["columns"].items()}
    return spec
