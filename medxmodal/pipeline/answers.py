"""A run's answers for a whole labelled or unlabelled cohort, as arrays for figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medxmodal.errors import CohortError

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort, Study
    from medxmodal.model import LoadedRun
    from medxmodal.progress import Progress

CHUNK = 64


@dataclass(frozen=True)
class Answers:
    """Answers of a run, one row a study that could be read.

    Args:
        studies: In the order of the cohort.
        labels: 1, 0 or NaN (unknown), (n,).
        names: Modalities, in the order of the columns of `present`.
        subset_logits: Mean member logit of each study with each subset present, (n, 2 ** M).
        present: Which modality each study has, (n, M).
        pattern: The set present, as the sum of 2 ** m, (n,).
        spread: Variance of the member logits, (n,).
        probability: Calibrated, as scoring gives it, (n,).
        failed: Study id -> reason, for the others.
    """

    studies: tuple[Study, ...]
    labels: np.ndarray
    names: tuple[str, ...]
    subset_logits: np.ndarray
    present: np.ndarray
    pattern: np.ndarray
    spread: np.ndarray
    probability: np.ndarray
    failed: dict[str, str]

    @property
    def patients(self) -> np.ndarray:
        """Patient of each study, (n,)."""
        return np.array([study.patient_id for study in self.studies])

    @property
    def logit(self) -> np.ndarray:
        """Logit with all that is present, (n,)."""
        return np.asarray(self.subset_logits[:, -1])

    @property
    def late(self) -> np.ndarray:
        """Logit of late fusion: the base plus the sum of what each modality says alone, (n,)."""
        return late_logits(self.subset_logits, len(self.names))

    def labelled(self) -> np.ndarray:
        """Positions of the studies with a known label."""
        return np.flatnonzero(np.isfinite(self.labels))

    def at(self, rows: np.ndarray) -> Answers:
        """Some rows."""
        return Answers(
            tuple(self.studies[row] for row in rows.tolist()),
            self.labels[rows],
            self.names,
            self.subset_logits[rows],
            self.present[rows],
            self.pattern[rows],
            self.spread[rows],
            self.probability[rows],
            self.failed,
        )


def late_logits(subset_logits: np.ndarray, modalities: int) -> np.ndarray:
    """The base plus the sum of unimodal evidence, from the logits of all subsets, (..., 2 ** M) -> (...)."""
    base = subset_logits[..., 0]
    alone = sum(subset_logits[..., 2**m] - base for m in range(modalities))
    return np.asarray(base + alone)


def answer_cohort(run: LoadedRun, cohort: Cohort, progress: Progress | None = None) -> Answers:
    """Answer every study of a cohort.

    Raises:
        CohortError: No study could be read.
        RunError: The cohort does not give what the run reads.
    """
    run.check_cohort(cohort.spec.modalities)
    reader, task = run.reader(), run.record.task.name
    studies: list[Study] = []
    parts: list[list[np.ndarray]] = []
    failed = {f.study_id: f.reason for f in cohort.failed}
    for start in range(0, len(cohort), CHUNK):
        some = cohort.studies[start : start + CHUNK]
        answer = run.answer(some, reader)
        failed |= answer.reading.failed
        if progress is not None:
            progress("answering studies", min(start + CHUNK, len(cohort)), len(cohort))
        if answer.prediction is None:
            continue
        made = answer.prediction
        studies += answer.reading.studies
        scored = [r.probability for r in answer.records if r.status == "scored"]
        tensors = (made.subset_logits, made.present, made.pattern(), made.spread)
        parts.append([*(t.cpu().numpy() for t in tensors), np.array(scored, dtype=float)])
    if not studies:
        raise CohortError(
            f"none of the {len(cohort) + len(cohort.failed)} studies could be read",
            hint="Look at their problems with `medxmodal describe`.",
        )
    logits, present, pattern, spread, probability = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Answers(
        tuple(studies), _labels(studies, task), run.members.names, logits.astype(float), present, pattern,
        spread.astype(float), probability, failed,
    )  # fmt: skip


def _labels(studies: Sequence[Study], task: str) -> np.ndarray:
    known = (study.labels.get(task) for study in studies)
    return np.array([np.nan if y is None else float(y) for y in known])
