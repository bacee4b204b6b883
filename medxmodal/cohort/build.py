"""Records in, studies out: the one path by which every cohort is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from medxmodal.cohort import keys as key_folder
from medxmodal.cohort.cells import Words, parse_time
from medxmodal.cohort.flow import FlowLog, select
from medxmodal.cohort.identity import Identity, Kept, Keyed
from medxmodal.cohort.inputs import (
    ImageReader,
    InputReader,
    Surroundings,
    TabularReader,
    TextReader,
)
from medxmodal.cohort.lineage import Lineage, make_lineage
from medxmodal.cohort.plan import Plan, make_plan
from medxmodal.cohort.quality import QualityLog
from medxmodal.cohort.root import HASHED, FolderRoot
from medxmodal.cohort.sources.rows import Row, Table
from medxmodal.cohort.sources.table import read_table
from medxmodal.cohort.spec import CohortSpec, ImageSpec, TabularSpec
from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError, PrivacyError, SpecError
from medxmodal.records import FailedStudy, Flow, Quality

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


def build(
    spec: CohortSpec,
    data: Path,
    *,
    unlabelled: bool = False,
    keys: Path | None = None,
    progress: Progress | None = None,
) -> Built:
    """Read a spec's records; see `Cohort.from_spec`."""
    if not data.is_dir():
        raise CohortError(f"there is no data folder {data}", hint="Name the folder that holds the table.")
    identity = _identity(spec, keys)
    root = FolderRoot(data.resolve())
    table = read_table(root.folder / spec.table.file, spec.table.sheet)
    plan = make_plan(spec, table, unlabelled=unlabelled)
    log = FlowLog(len(table.rows))
    rows = select(table.rows, spec, plan, log)
    builder = _Builder(spec, plan, identity, root, rows, study_ids(spec, table.rows))
    for count, row in enumerate(rows, 1):
        builder.add(row)
        if progress is not None:
            progress(count, len(rows))
    log.fail(len(builder.quality.failed))
    if not builder.studies:
        raise _nothing_left(log, builder)
    if isinstance(identity, Keyed) and keys is not None:
        key_folder.write_crosswalk(keys, builder.crosswalk)
    builder.quality.remark_on(spec, table, plan, identity, builder.studies)
    return Built(
        spec=_without_names(spec, table),
        root=root,
        studies=builder.studies,
        periods=builder.periods,
        flow=log.finish(),
        quality=builder.quality.finish(),
        lineage=make_lineage(spec, table, builder.studies),
    )


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


@dataclass
class _Builder:
    """Turns one record after the other into a study, or into a failed one."""

    spec: CohortSpec
    plan: Plan
    identity: Identity
    root: FolderRoot
    rows: Sequence[Row]
    real_ids: Mapping[int, str | None]
    studies: list[Study] = field(default_factory=list)
    periods: list[int | None] = field(default_factory=list)
    crosswalk: list[key_folder.RealIdentity] = field(default_factory=list)
    quality: QualityLog = field(default_factory=QualityLog)

    def __post_init__(self) -> None:
        self.readers = {name: self._reader(name) for name in self.spec.modalities}
        for name, reader in self.readers.items():
            if isinstance(reader, TabularReader):
                for column, counts in reader.set_to_missing.items():
                    self.quality.set_to_missing[f"{name}.{column}"] = counts
        self.values = {1: Words([self.spec.label.positive]), 0: Words([self.spec.label.negative])}
        self.index = -1
        self.taken = {*self.real_ids.values(), *(row.cells[self.spec.table.patient] for row in self.rows)}
        self._check_ids()
        self._check_labels()

    def _reader(self, name: str) -> InputReader:
        modality = self.spec.modalities[name]
        around = Surroundings(self.root, self.identity, name in self.plan.masks)
        if isinstance(modality, ImageSpec):
            return ImageReader(name, modality, around)
        if isinstance(modality, TabularSpec):
            return TabularReader(modality, self.rows, around)
        return TextReader(name, modality, around)

    def _check_ids(self) -> None:
        seen: dict[str, int] = {}
        for row in self.rows:
            name = self.real_ids[row.number]
            if name is not None and seen.setdefault(name, row.number) != row.number:
                raise CohortError(
                    f"rows {seen[name]} and {row.number} have the same study id "
                    f"{self.identity.quote(name, '')} in column '{self.spec.table.study}'",
                    hint="One row is one study: correct the table, or leave `study` out of the spec.",
                )

    def _check_labels(self) -> None:
        if not self.plan.labelled:
            return
        seen = Counter(c for row in self.rows if (c := row.cells[self.spec.label.column]) is not None)
        if seen and not any(text in words for text in seen for words in self.values.values()):
            label = self.spec.label
            common = ", ".join(f"'{text}'" for text, _ in seen.most_common(5))
            raise SpecError(
                f"column '{label.column}' holds neither '{label.positive}' nor '{label.negative}'"
                + ("" if self.identity.keyed else f"; it holds {common}"),
                hint="Correct label.positive and label.negative.",
            )

    def add(self, row: Row) -> None:
        """Take one record."""
        self.index += 1
        real_patient, real_study = row.cells[self.spec.table.patient], self.real_ids[row.number]
        known = real_patient is not None and real_study is not None
        patient = self.identity.patient(real_patient) if real_patient else self._nameless(row)
        study = self.identity.study(real_study) if real_study else self._nameless(row)
        site = self._site(row)
        if not known:
            what = "patient" if real_patient is None else "study"
            self._fail(study, patient, site, f"row {row.number} has no {what} id")
            return
        label, wrong = self._label(row)
        found = {n: r.read(self.index, row, len(self.studies) + 1) for n, r in self.readers.items()}
        problems = {n: "; ".join(f.problems.values()) for n, f in found.items() if f.problems}
        inputs = {name: f.fields for name, f in found.items() if f.fields}
        if not wrong and not inputs and not problems:
            wrong = f"row {row.number} has no modality at all: {', '.join(found)} are all empty"
        moment = self._moment(row, study)
        if real_patient and real_study and self.identity.keyed:
            files = "\n".join(path for f in found.values() for path in f.files)
            self.crosswalk.append(
                key_folder.RealIdentity(
                    self.spec.name, study, patient, real_study, real_patient, moment, row.number, files
                )
            )
        if wrong:
            self._fail(study, patient, site, wrong)
            return
        time = self.identity.time(moment, real_patient or "") if moment else None
        self.studies.append(Study(study, patient, site, inputs, {self.spec.task: label}, time, problems))
        self.periods.append(moment.year if moment else None)
        self.quality.record(study, patient, found)

    def _nameless(self, row: Row) -> str:
        """What a record without id is called: nobody else's id."""
        name = f"row-{row.number}"
        while name in self.taken:
            name += "-"
        return name

    def _fail(self, study: str, patient: str, site: str, reason: str) -> None:
        self.quality.failed.append(FailedStudy(study_id=study, patient_id=patient, site=site, reason=reason))

    def _site(self, row: Row) -> str:
        if self.spec.site.column is None:
            return self.spec.site.value or ""
        return row.cells[self.spec.site.column] or "unknown"

    def _label(self, row: Row) -> tuple[int | None, str]:
        """The label, and why the record cannot be used."""
        text = row.cells[self.spec.label.column] if self.plan.labelled else None
        if text is None:
            return None, ""
        for value, words in self.values.items():
            if text in words:
                return value, ""
        label = self.spec.label
        return None, (
            f"row {row.number}, column '{label.column}': {self.identity.quote(text)} is neither "
            f"'{label.positive}' nor '{label.negative}'; exclude such records by a rule"
        )

    def _moment(self, row: Row, study: str) -> datetime | None:
        """The record's real index time."""
        text = row.cells[self.spec.index_time.column] if self.spec.index_time else None
        moment = parse_time(text) if text else None
        if text and moment is None:
            reason = f"row {row.number}: {self.identity.quote(text)} is no ISO date or time"
            self.quality.problem(study, "", "index_time", reason)
        return moment


def study_ids(spec: CohortSpec, rows: Sequence[Row]) -> dict[int, str | None]:
    """Row number -> real study id: its own column, or the patient id with a number for repeats.

    Every row of the table is numbered, excluded or not: a study must not get another one's id, and so
    be taken for one that a run was trained on, only because a build without labels skips some rules.
    """
    if spec.table.study:
        return {row.number: row.cells[spec.table.study] for row in rows}
    own = [row.cells[spec.table.patient] for row in rows]
    taken = {name for name in own if name is not None}
    used: Counter[str] = Counter()
    made: dict[int, str | None] = {}
    for row, name in zip(rows, own, strict=True):
        fresh = name
        if name is not None:
            used[name] += 1
            while used[name] > 1 and (fresh := f"{name}-{used[name]}") in taken:
                used[name] += 1
            taken.add(fresh or "")
        made[row.number] = fresh
    return made


def _without_names(spec: CohortSpec, table: Table) -> CohortSpec:
    """The spec as the cohort holds it: a keyed one names its table by content."""
    if spec.ids == "keep":
        return spec
    return spec.model_copy(
        update={"table": spec.table.model_copy(update={"file": f"{HASHED}{table.sha256}"})}
    )


def _nothing_left(log: FlowLog, builder: _Builder) -> CohortError:
    if log.found == 0:
        return CohortError(
            "the table has no records below its header", hint="Check table.file and table.sheet."
        )
    reasons = Counter(failed.reason.partition(": ")[2] or failed.reason for failed in builder.quality.failed)
    why = f"; most failed because {reasons.most_common(1)[0][0]}" if reasons else ""
    return CohortError(
        f"no study is left of {log.found} records: {log.excluded} excluded, {log.failed} failed{why}",
        hint="Check the rules and the inputs that the spec names.",
    )
