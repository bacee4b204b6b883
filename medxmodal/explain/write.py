"""`EXPLAIN/`: a record and its arrays a study, and `index.json` last, when all of it is there.

A stopped call is taken up by the same call: studies that lie there whole are kept. A study that
cannot be explained is an entry of the index with its reason, and the others go on.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medxmodal import __version__, registry
from medxmodal.cohort.records import chosen_records
from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError, ExplanationError, MedxmodalError
from medxmodal.explain.facts import question, weights_hash
from medxmodal.records import ExplanationIndex, ExplanationRecord, IndexEntry
from medxmodal.records.names import file_names

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.explain.explainer import Explainer, Explanation
    from medxmodal.progress import Progress

INDEX, JOB = "index.json", ".job"
RECORDS_VERSION = 1
"""Rises when the same job would write other records."""
READER_AFTER = 32
"""A new reader after so many studies, so that its cache does not grow with the cohort."""


@dataclass(frozen=True)
class ExplainSummary:
    """What a call did.

    Args:
        folder: `EXPLAIN/`.
        index: Its index: every study explained so far, and those that failed in this call.
        explained: Studies asked for that have an explanation.
        failures: Study id -> reason, of the others.
    """

    folder: Path
    index: ExplanationIndex
    explained: int
    failures: dict[str, str]


def write_explanations(
    explainer: Explainer,
    cohort: Cohort,
    out: str | Path,
    *,
    studies: Collection[str] | None = None,
    progress: Progress | None = None,
) -> ExplainSummary:
    """Explain a cohort, or some of its studies, into a folder.

    The same run, cohort and methods add to a folder what it lacks.

    Args:
        explainer: Of the run, made with the cohort's spec.
        cohort: The cohort; needs no labels.
        out: `EXPLAIN/`.
        studies: Study ids to explain; all by default.
        progress: Called with words, studies done and studies in all.

    Raises:
        ExplanationError: A study is not in the cohort, or the folder holds something else.
        CohortError: There is nothing to explain.
        RunError: The cohort does not give what the run reads.
    """
    explainer.run.check_cohort(cohort.spec.modalities)
    everyone = chosen_records(cohort, None, ExplanationError)
    asked = chosen_records(cohort, studies, ExplanationError)
    if not asked:
        raise CohortError(
            "there are zero studies to explain", hint="Look at the cohort with `medxmodal describe`."
        )
    folder = Path(out)
    before = _take_up(folder, job_fingerprint(explainer, cohort))
    names = file_names(entry.study_id for entry in everyone)
    found = {entry.study_id: entry for entry in before if entry.status != "failed"}
    reader = explainer.run.reader(pixels=True)
    for done, entry in enumerate(asked):
        if progress is not None:
            progress("explaining", done, len(asked))
        if done % READER_AFTER == READER_AFTER - 1:
            reader = explainer.run.reader(pixels=True)
        name = names[entry.study_id]
        kept = _whole(folder, name, entry.study_id) if isinstance(entry, Study) else None
        if kept is None:
            try:
                if not isinstance(entry, Study):
                    raise ExplanationError(entry.reason)
                kept = write_explanation(explainer.explain(entry, reader), folder, name)
            except MedxmodalError as error:
                found[entry.study_id] = _failed(entry.study_id, str(error))
                continue
        found[entry.study_id] = _entry(kept, name)
    if progress is not None:
        progress("explaining", len(asked), len(asked))
    index = ExplanationIndex(
        question=question(explainer.run, cohort.spec),
        model=explainer.model,
        entries=[found[entry.study_id] for entry in everyone if entry.study_id in found],
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    index.write(folder / INDEX)
    mine = [found[entry.study_id] for entry in asked]
    failures = {entry.study_id: entry.error for entry in mine if entry.status == "failed"}
    return ExplainSummary(folder, index, len(mine) - len(failures), failures)


def write_explanation(explanation: Explanation, folder: Path, name: str) -> ExplanationRecord:
    """Write one study's arrays, then its record, each whole or not at all.

    Args:
        explanation: What to write.
        folder: Where to.
        name: File name without its ending.

    Returns:
        The record as written, with the name and the hash of its arrays.
    """
    content = _npz(explanation.arrays)
    temporary = folder / f"{name}.npz.tmp"
    temporary.write_bytes(content)
    temporary.replace(folder / f"{name}.npz")
    facts = {"arrays": f"{name}.npz", "arrays_sha256": hashlib.sha256(content).hexdigest()}
    record = explanation.record.model_copy(update=facts)
    record.write(folder / f"{name}.json")
    return record


def job_fingerprint(explainer: Explainer, cohort: Cohort) -> str:
    """Hash of everything that changes records: run, cohort, methods and version; not which studies."""
    run = explainer.run
    content = {
        "run": run.record.fingerprint,
        "weights": weights_hash(run),
        "calibration": run.calibration.model_dump(mode="json"),
        "cohort": cohort.fingerprint,
        "ids": sorted(study.study_id for study in cohort),
        "methods": {name: registry.spec_of(method) for name, method in explainer.methods.items()},
        "note_text": explainer.settings.note_text,
        "version": [__version__, RECORDS_VERSION],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    held = io.BytesIO()
    np.savez_compressed(held, **arrays)  # type: ignore[arg-type]
    return held.getvalue()


def _take_up(folder: Path, job: str) -> list[IndexEntry]:
    """Make the folder, or go on with one of the same job; the entries its index has so far."""
    if folder.exists() and not folder.is_dir():
        raise ExplanationError(f"{folder} is a file", hint="Name a folder for --out.")
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / JOB
    if not marker.is_file():
        if any(folder.iterdir()):
            raise ExplanationError(
                f"{folder} is not empty and holds no explanations",
                hint="Name a new folder, or empty it first.",
            )
        marker.write_text(job, encoding="utf-8")
        return []
    if marker.read_text(encoding="utf-8") != job:
        raise ExplanationError(
            f"{folder} holds other explanations: the run, the cohort or a method differs",
            hint="Name another --out, or remove that folder.",
        )
    try:
        return ExplanationIndex.read(folder / INDEX).entries
    except MedxmodalError:
        return []


def _whole(folder: Path, name: str, study_id: str) -> ExplanationRecord | None:
    """The record of a study that was written before, if it and its arrays are undamaged."""
    try:
        record = ExplanationRecord.read(folder / f"{name}.json")
        content = (folder / f"{name}.npz").read_bytes()
    except (MedxmodalError, OSError):
        return None
    same = record.prediction.study_id == study_id
    return record if same and hashlib.sha256(content).hexdigest() == record.arrays_sha256 else None


def _entry(record: ExplanationRecord, name: str) -> IndexEntry:
    made = record.prediction
    return IndexEntry(
        study_id=made.study_id,
        file=f"{name}.json",
        probability=made.probability,
        decision=made.decision,
        status=made.status,
    )


def _failed(study_id: str, reason: str) -> IndexEntry:
    return IndexEntry(
        study_id=study_id, file="", probability=None, decision="", status="failed", error=reason
    )
