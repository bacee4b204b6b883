"""Building straight into a folder: studies are written part by part and never held together."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medxmodal.cohort import folder as on_disk
from medxmodal.cohort.engine.job import Job, Progress, collect, start, without_names
from medxmodal.cohort.engine.study_builder import Draft
from medxmodal.cohort.engine.tables import Validation
from medxmodal.cohort.engine.tally import Tally
from medxmodal.cohort.fingerprint import fingerprint_of, study_content
from medxmodal.cohort.keys import check_apart
from medxmodal.cohort.lineage import file_references, make_lineage
from medxmodal.cohort.study import FileReference
from medxmodal.records import Flow, Quality

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from medxmodal.cohort.spec.cohort_spec import CohortSpec

NOT_LOOKED_FOR = "too large to be held at once: equal rows and leak suspects were not looked for"


@dataclass(frozen=True)
class Written:
    """A cohort that was written.

    Args:
        folder: Where it lies.
        name: Of its spec.
        fingerprint: Of its content.
        counts: What `cohort.json` counts.
        flow: Who left and why.
        quality: What is wrong with its inputs.
    """

    folder: Path
    name: str
    fingerprint: str
    counts: dict[str, Any]
    flow: Flow
    quality: Quality


def build_folder(
    spec: CohortSpec,
    data: Path,
    folder: Path,
    *,
    unlabelled: bool = False,
    keys: Path | None = None,
    validate: Validation = "sample",
    progress: Progress | None = None,
) -> Written:
    """Build a cohort folder; memory does not grow with the patients where the records come in parts.

    Args and errors: see `Cohort.from_spec`.
    """
    on_disk.refuse_foreign(folder)
    if keys is not None:
        check_apart(keys, folder)
    with ExitStack() as stack:
        job = start(spec, data, stack, unlabelled=unlabelled, keys=keys, validate=validate)
        if not job.store.large:
            return _at_once(job, folder, progress)
        return _in_parts(job, folder, progress)


def _at_once(job: Job, folder: Path, progress: Progress | None) -> Written:
    from medxmodal.cohort.cohort import Cohort

    cohort = Cohort.of(collect(job, progress), keys=job.keys)
    cohort.save(folder)
    counts = Tally.of(cohort.spec, cohort.studies).counts(len(cohort.failed))
    return Written(folder, cohort.spec.name, cohort.fingerprint, counts, cohort.flow, cohort.quality)


def _in_parts(job: Job, folder: Path, progress: Progress | None) -> Written:
    spec = without_names(job.spec, job.store)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        writer = _Writer(job, Path(scratch) / on_disk.STUDIES)
        for drafts in job.parts(progress):
            writer.add(drafts)
        writer.close()
        job.end(writer.tally)
        job.builder.quality.notes.append(NOT_LOOKED_FOR)
        quality, flow = job.builder.quality.finish(), job.log.finish()
        counts = writer.tally.counts(len(quality.failed))
        fingerprint = fingerprint_of(spec, writer.patients)
        lineage = make_lineage(job.spec, job.store.files, writer.files.values())
        head = on_disk.head(spec, counts, fingerprint, job.root.folder)
        texts = {
            on_disk.FLOW: flow.model_dump_json(indent=1),
            on_disk.QUALITY: quality.model_dump_json(indent=1),
            on_disk.LINEAGE: lineage.model_dump_json(indent=1),
            on_disk.COHORT: json.dumps(head, indent=1, ensure_ascii=False),
        }
        on_disk.write_folder(folder, texts, writer.path)
    return Written(folder, spec.name, fingerprint, counts, flow, quality)


@dataclass
class _Writer:
    """Writes the studies of each part as one row group."""

    job: Job
    path: Path
    patients: list[list[str]] = field(default_factory=list)
    files: dict[tuple[str, str], tuple[str, FileReference]] = field(default_factory=dict)
    _parquet: pq.ParquetWriter | None = None

    def __post_init__(self) -> None:
        self.tally = Tally(self.job.spec)

    def add(self, drafts: Sequence[Draft]) -> None:
        """Write the studies of a part."""
        import pyarrow.parquet as pq

        studies = [draft.study for draft in drafts]
        table = on_disk.to_table(self.job.spec, studies, [draft.period for draft in drafts])
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self.path, table.schema, compression=on_disk.COMPRESSION)
        self._parquet.write_table(table)
        self.tally.add(studies)
        by_patient: dict[str, list[str]] = {}
        for study in studies:
            by_patient.setdefault(study.patient_id, []).append(study_content(study))
        self.patients += by_patient.values()
        for use, reference in file_references(studies):
            self.files[use, reference.sha256] = (use, reference)

    def close(self) -> None:
        """Finish the file."""
        if self._parquet is not None:
            self._parquet.close()
