"""Score a cohort on this machine: studies in, one row each out, in parts that survive a kill.

Parts are fixed slices of the cohort, so a killed job goes on where it was and writes what an
uninterrupted one would have written. Memory holds one part, however long the cohort is.
"""

from __future__ import annotations

import io
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from medxmodal.cohort.study import Study
from medxmodal.errors import ScoringError
from medxmodal.scoring.files import one_writer, sha256_of, write_durably
from medxmodal.scoring.job import Entry, describe_job, entries_of
from medxmodal.scoring.manifest import Counts, Manifest, PartFacts, make_folder, now, take_up
from medxmodal.scoring.rows import failed_record, to_rows, to_table

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.model import LoadedRun
    from medxmodal.progress import Progress

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class ScoreSummary:
    """What a scoring job did.

    Args:
        studies: All records of the cohort; scored + failed + abstained.
        scored: With a probability.
        failed: With a reason instead.
        abstained: Answered with "I do not know".
        parts: Number of part files.
        seconds: How long this call took.
        failures: Study id -> reason, of the failed ones.
    """

    studies: int
    scored: int
    failed: int
    abstained: int
    parts: int
    seconds: float
    failures: dict[str, str]


def score_local(
    run: LoadedRun,
    cohort: Cohort,
    out: str | Path,
    *,
    batch_size: int = 64,
    part_size: int = 512,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
) -> ScoreSummary:
    """Score a cohort into a folder of Parquet parts. The same call resumes a job that was killed.

    Args:
        run: The run.
        cohort: The cohort; needs no labels.
        out: `SCORES/`.
        batch_size: Studies a forward pass; a job that is resumed keeps its own.
        part_size: Studies a part, and what memory holds; a job that is resumed keeps its own.
        progress: Called with words, studies done and studies in all.
        only: Study ids to score; all by default.

    Returns:
        The counts and the reasons of the failed studies. On resuming, failed studies are tried again.

    Raises:
        ScoringError: The folder holds another job or other things, or another process writes there.
        CohortError: There is nothing to score.
        RunError: The cohort does not give what the run reads.
    """
    start, folder = time.monotonic(), Path(out)
    for name, value in (("batch_size", batch_size), ("part_size", part_size)):
        if value < 1:
            raise ScoringError(f"{name} must be at least 1, got {value}")
    run.check_cohort(cohort.spec.modalities)
    entries = entries_of(cohort, only)
    job = describe_job(run, cohort, entries)
    make_folder(folder)
    with one_writer(folder):
        manifest = take_up(
            folder,
            Manifest(
                job=job,
                fingerprint=job.fingerprint,
                run=run.record.name,
                cohort=cohort.spec.name,
                task=run.record.task.name,
                modalities=list(run.members.names),
                studies=len(entries),
                part_size=part_size,
                batch_size=batch_size,
                device=str(run.device),
                started=now(),
            ),
        )
        manifest, failures = _Scorer(run, folder, manifest, entries, progress).score()
    counts = manifest.counts
    return ScoreSummary(
        studies=manifest.studies,
        scored=counts.scored,
        failed=counts.failed,
        abstained=counts.abstained,
        parts=len(manifest.parts),
        seconds=time.monotonic() - start,
        failures=failures,
    )


class _Scorer:
    """One pass over the parts of a job."""

    def __init__(
        self,
        run: LoadedRun,
        folder: Path,
        manifest: Manifest,
        entries: Sequence[Entry],
        progress: Progress | None,
    ) -> None:
        self.run, self.folder, self.manifest, self.entries = run, folder, manifest, entries
        self.progress = progress
        self.done = 0

    def score(self) -> tuple[Manifest, dict[str, str]]:
        """Score what is missing; the finished manifest and the reasons of the failed."""
        parts, failures = dict(self.manifest.parts), dict[str, str]()
        size = self.manifest.part_size
        for index, name in enumerate(self.manifest.names):
            entries = self.entries[index * size : (index + 1) * size]
            rows, changed = self._part(name, entries)
            failures |= {row["study_id"]: row["error"] for row in rows if row["status"] == "failed"}
            if changed:
                parts[name] = self._write(name, rows)
                self.manifest = self.manifest.with_parts(parts)
                self.manifest.save(self.folder)
        return self.manifest, failures

    def _part(self, name: str, entries: Sequence[Entry]) -> tuple[list[Row], bool]:
        """The rows of a part, and whether they are not yet on disk as they are."""
        facts = self.manifest.parts.get(name)
        if facts is None or sha256_of(self.folder / name) != facts.sha256:
            return self._rows(entries), True
        if facts.counts.failed == 0:
            self._report(len(entries))
            return [], False
        rows: list[Row] = pq.read_table(self.folder / name).to_pylist()
        failed = {row["study_id"] for row in rows if row["status"] == "failed"}
        self._report(len(entries) - len(failed))
        again = {row["study_id"]: row for row in self._rows([e for e in entries if e.study_id in failed])}
        renewed = [again.get(row["study_id"], row) for row in rows]
        modalities = self.manifest.modalities
        return renewed, not to_table(renewed, modalities).equals(to_table(rows, modalities))

    def _rows(self, entries: Sequence[Entry]) -> list[Row]:
        """A row an entry, in order. A reader a part, so that its cache does not grow with the cohort."""
        studies = [entry for entry in entries if isinstance(entry, Study)]
        reader, step = self.run.reader(), self.manifest.batch_size
        found: dict[str, Row] = {}
        for first in range(0, len(studies), step):
            batch = studies[first : first + step]
            for row in to_rows(self.run.answer(batch, reader).records):
                found[row["study_id"]] = row
            self._report(len(batch))
        for entry in entries:
            if not isinstance(entry, Study):
                found[entry.study_id] = to_rows([failed_record(entry, self.manifest.task)])[0]
                self._report(1)
        return [found[entry.study_id] for entry in entries]

    def _write(self, name: str, rows: Sequence[Row]) -> PartFacts:
        table = to_table(rows, self.manifest.modalities)
        sha256 = write_durably(self.folder / name, parquet_bytes(table))
        return PartFacts(sha256=sha256, rows=table.num_rows, counts=count(table))

    def _report(self, studies: int) -> None:
        self.done += studies
        if self.progress is not None and studies:
            self.progress("scoring", self.done, len(self.entries))


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def count(table: pa.Table) -> Counts:
    """How many rows have which status."""
    found = table["status"].to_pylist()
    return Counts(**{status: found.count(status) for status in ("scored", "failed", "abstained")})
