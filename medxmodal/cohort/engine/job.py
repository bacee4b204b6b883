"""Records in, studies out: the one path by which every cohort is built."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from medxmodal.cohort import keys as key_folder
from medxmodal.cohort.decode.pool import DecodePool
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.engine.candidates import make_candidates
from medxmodal.cohort.engine.examine import examine
from medxmodal.cohort.engine.flow import FlowLog, Selection
from medxmodal.cohort.engine.plan import Plan, label_tables, make_plan, needed_columns
from medxmodal.cohort.engine.remarks import remark_on
from medxmodal.cohort.engine.store import open_store
from medxmodal.cohort.engine.study_builder import Draft, StudyBuilder
from medxmodal.cohort.engine.tables import RECORDS, Opening, Store, Validation
from medxmodal.cohort.engine.tally import Tally
from medxmodal.cohort.identity import Identity, Kept, Keyed
from medxmodal.cohort.lineage import Lineage, file_references, make_lineage
from medxmodal.cohort.quality.doubles import duplicate_rows
from medxmodal.cohort.quality.log import QualityLog
from medxmodal.cohort.root import HASHED, FolderRoot
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError, PrivacyError
from medxmodal.records import Flow, Quality

Progress = Callable[[int, int], None]


@dataclass
class Built:
    """A cohort's parts, fresh from its records."""

    spec: CohortSpec
    root: FolderRoot
    studies: list[Study]
    periods: list[int | None]
    flow: Flow
    quality: Quality
    lineage: Lineage


@dataclass
class Job:
    """One build, under way: gives its studies part by part, then what can be said of them all."""

    spec: CohortSpec
    store: Store
    root: FolderRoot
    builder: StudyBuilder
    plan: Plan
    selection: Selection
    pool: DecodePool
    log: FlowLog
    keys: Path | None = None
    studies: int = 0

    def parts(self, progress: Progress | None = None) -> Iterator[list[Draft]]:
        """The studies, part by part; records that cannot become one are in the quality log."""
        done = 0
        for part in self.store.parts():
            candidates = make_candidates(self.spec, part.records, part.tables, self.store.absent)
            cases = self.selection.select(candidates.cases, candidates.without_index, self.log)
            self.builder.check_ids(candidates.cases, cases)
            drafts = [draft for case in cases if (draft := self.builder.draft(case)) is not None]
            self.builder.asked += candidates.tables.asked
            self.builder.check(final=self.store.whole)
            for draft in examine(drafts, self.pool):
                self.builder.finish(draft)
                done += 1
                if progress is not None:
                    progress(done, max(done, self.log.found - self.log.excluded))
            self.builder.left_out.update(candidates.tables.left_out)
            for table, rows in candidates.tables.undated.items():
                self.builder.left_out[f"{table}: {self._why_undated(table)}"] += len(rows)
            self.studies += len(drafts)
            yield drafts
        self.builder.check(final=True)
        self.log.fail(len(self.builder.quality.failed))
        if not self.studies:
            raise _nothing_left(self.log, self.builder.quality)

    def _why_undated(self, table: str) -> str:
        time = self.spec.tables[table].time
        if self.spec.index_time is None and time is not None and time.unit is None:
            return "rows with dates, which only an `index_time` places (`time: null`: known at any time)"
        return "rows without a time that can be read"

    def end(self, tally: Tally) -> None:
        """Keep the crosswalk, and note what concerns the cohort as a whole."""
        if self.keys is not None and self.builder.identity.keyed:
            key_folder.write_crosswalk(self.keys, self.builder.crosswalk)
        remark_on(self.spec, self.store.columns, self.plan, self.builder, tally)


def build(
    spec: CohortSpec,
    data: Path,
    *,
    unlabelled: bool = False,
    keys: Path | None = None,
    progress: Progress | None = None,
    validate: Validation = "sample",
) -> Built:
    """Read a spec's records; see `Cohort.from_spec`."""
    with ExitStack() as stack:
        job = start(spec, data, stack, unlabelled=unlabelled, keys=keys, validate=validate)
        return collect(job, progress)


def collect(job: Job, progress: Progress | None = None) -> Built:
    """All studies of a build, held at once."""
    studies: list[Study] = []
    periods: list[int | None] = []
    for drafts in job.parts(progress):
        studies += [draft.study for draft in drafts]
        periods += [draft.period for draft in drafts]
    job.end(Tally.of(job.spec, studies))
    quality = job.builder.quality
    quality.doubled_rows += duplicate_rows(job.spec, studies)
    return Built(
        spec=without_names(job.spec, job.store),
        root=job.root,
        studies=studies,
        periods=periods,
        flow=job.log.finish(),
        quality=quality.finish(),
        lineage=make_lineage(job.spec, job.store.files, file_references(studies)),
    )


def start(
    spec: CohortSpec,
    data: Path,
    stack: ExitStack,
    *,
    unlabelled: bool,
    keys: Path | None,
    validate: Validation = "sample",
) -> Job:
    """Open the tables and check the spec against them."""
    if not data.is_dir():
        raise CohortError(f"there is no data folder {data}", hint="Name the folder that holds the table.")
    identity = _identity(spec, keys)
    root = FolderRoot(data.resolve())
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="medxmodal-build-")))
    root.made = _made_folder(root)
    spare = label_tables(spec) if unlabelled else frozenset()
    opening = Opening(spec, root, scratch, needed_columns(spec), spare, validate=validate)
    store = open_store(opening)
    plan = make_plan(spec, store.columns, unlabelled=unlabelled)
    pool = stack.enter_context(DecodePool(inline=True, store=DecodedStore.from_environment()))
    builder = StudyBuilder(spec, plan, identity, root)
    builder.quality.skipped += plan.skipped
    builder.quality.notes += [*store.notes, *plan.notes]
    return Job(
        spec,
        store,
        root,
        builder,
        plan,
        Selection(spec, plan, identity),
        pool,
        FlowLog(step=_first_step(spec)),
        keys,
    )


def _first_step(spec: CohortSpec) -> str:
    each = spec.index_time is not None and spec.index_time.take == "each"
    return "index events of the records" if each else "records in the table"


def _made_folder(root: FolderRoot) -> Path:
    """A private folder for inputs that the build makes; it goes when nobody holds the root any more."""
    folder = tempfile.mkdtemp(prefix="medxmodal-made-")
    weakref.finalize(root, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _identity(spec: CohortSpec, keys: Path | None) -> Identity:
    if spec.ids == "keep":
        if keys is not None:
            raise PrivacyError(
                f"cohort {spec.name} keeps its ids (ids: keep), so there is nothing to key",
                hint="Leave out --keys, or write ids: keyed in the spec.",
            )
        return Kept()
    if keys is None:
        raise PrivacyError(
            f"cohort {spec.name} is keyed, and its key needs a place",
            hint="Name a folder outside of the cohort with --keys, or write ids: keep if the ids are "
            "pseudonyms already.",
        )
    return Keyed(key_folder.open_key(keys))


def without_names(spec: CohortSpec, store: Store) -> CohortSpec:
    """The spec as the cohort holds it: a keyed one names the files of its tables by content."""
    if spec.ids == "keep":
        return spec

    def by_content(name: str) -> str:
        hashes = sorted(file.sha256 for file in store.files.get(name, ()))
        return f"{HASHED}{hashes[0] if len(hashes) == 1 else 'several'}"

    tables = {
        name: table.model_copy(update={"file": by_content(name)}) if table.file else table
        for name, table in spec.tables.items()
    }
    table = spec.table
    if table.file:
        table = table.model_copy(update={"file": by_content(RECORDS)})
    return spec.model_copy(update={"table": table, "tables": tables})


def _nothing_left(log: FlowLog, quality: QualityLog) -> CohortError:
    if log.found == 0:
        return CohortError(
            "the table has no records below its header", hint="Check table.file and table.sheet."
        )
    reasons = Counter(failed.reason.partition(": ")[2] or failed.reason for failed in quality.failed)
    why = f"; most failed because {reasons.most_common(1)[0][0]}" if reasons else ""
    if log.excluded:
        (_, reason), count = log.removed.most_common(1)[0]
        why += f"; most were excluded because: {reason} ({count})"
    told = next((note for note in quality.notes if "look like FHIR" in note), "")
    return CohortError(
        f"no study is left of {log.found} records: {log.excluded} excluded, {log.failed} failed{why}",
        hint=told or "Check the rules and the inputs that the spec names.",
    )
