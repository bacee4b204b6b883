"""One case after the other as a study, or as a record that could not become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from medxmodal.cohort.decode.job import Outcome
from medxmodal.cohort.engine.case import Case
from medxmodal.cohort.engine.file_inputs import FileReader, Pending
from medxmodal.cohort.engine.inputs import Found, InputReader, Surroundings, TabularReader, TimeseriesReader
from medxmodal.cohort.engine.labels import LabelReader
from medxmodal.cohort.engine.note_inputs import TextReader
from medxmodal.cohort.engine.plan import Plan
from medxmodal.cohort.engine.tally import UNKNOWN_SITE
from medxmodal.cohort.engine.times import check_times
from medxmodal.cohort.identity import Identity
from medxmodal.cohort.keys import RealIdentity
from medxmodal.cohort.quality.log import QualityLog
from medxmodal.cohort.root import FolderRoot
from medxmodal.cohort.spec.cohort_spec import CohortSpec, FileInput, TabularSpec, TextSpec, TimeseriesSpec
from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError
from medxmodal.records import FailedStudy


@dataclass
class Draft:
    """A study under way: everything but its files is read.

    Args:
        case: Its record.
        study_id: In the cohort.
        patient_id: In the cohort.
        site: Its site.
        label: Its label.
        found: Modality -> what was read.
        pending: Modality -> files to be looked at.
        seen: Modality -> what looking at them showed, one list an input.
        moment: Real index time, if known.
    """

    case: Case
    study_id: str
    patient_id: str
    site: str
    label: int | None
    found: dict[str, Found]
    pending: dict[str, Pending]
    seen: dict[str, list[list[Outcome]]] = field(default_factory=dict)
    moment: datetime | None = None
    made: Study | None = None

    @property
    def study(self) -> Study:
        """The finished study."""
        assert self.made is not None
        return self.made

    @property
    def period(self) -> int | None:
        """Year of its real index time."""
        return self.moment.year if self.moment else None


@dataclass
class StudyBuilder:
    """Turns cases into studies."""

    spec: CohortSpec
    plan: Plan
    identity: Identity
    root: FolderRoot
    quality: QualityLog = field(default_factory=QualityLog)
    crosswalk: list[RealIdentity] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.values: dict[str, InputReader] = {}
        self.files: dict[str, FileReader] = {}
        for name, modality in self.spec.modalities.items():
            around = Surroundings(self.root, self.identity, name in self.plan.masks)
            if isinstance(modality, TabularSpec):
                self.values[name] = TabularReader(modality, around)
            elif isinstance(modality, TimeseriesSpec):
                self.values[name] = TimeseriesReader(modality, around)
            elif isinstance(modality, TextSpec):
                self.values[name] = TextReader(name, modality, around)
            elif isinstance(modality, FileInput):
                table = self.spec.tables[modality.source] if modality.source else self.spec.table
                self.files[name] = FileReader(name, modality, modality.kind, around, table.server)
        self.labels = LabelReader(self.spec, self.identity, known=self.plan.labelled)
        self.kept = 0
        self.taken: set[str | None] = set()

    def check_ids(self, every: Sequence[Case], kept: Sequence[Case]) -> None:
        """Raise CohortError when two records that are kept have one study id."""
        self.taken = {case.study for case in every} | {case.patient for case in every}
        seen: dict[str, int] = {}
        for case in kept:
            name, number = case.study, case.row.number
            if name is not None and seen.setdefault(name, number) != number:
                raise CohortError(
                    f"rows {seen[name]} and {number} have the same study id "
                    f"{self.identity.quote(name, '')} in column '{self.spec.table.study}'",
                    hint="One row is one study: correct the table, or leave `study` out of the spec.",
                )

    def check(self, *, final: bool) -> None:
        """Raise SpecError when what was read so far is not what the spec says."""
        if final:
            check_times(self.spec, self.asked)
            self.labels.check()
        for reader in self.values.values():
            reader.check(final=final)

    def draft(self, case: Case) -> Draft | None:
        """Read everything of a case but its files; None when it cannot become a study."""
        known = case.patient is not None and case.study is not None
        patient = self.identity.patient(case.patient) if case.patient else self._nameless(case)
        study = self.identity.study(case.study) if case.study else self._nameless(case)
        site = self._site(case)
        wrong = f"{case.row.shown}: {case.row.problem}" if case.row.problem else ""
        if not known and not wrong:
            wrong = f"{case.row.shown} has no {'patient' if case.patient is None else 'study'} id"
        if wrong:
            self._fail(study, patient, site, wrong)
            return None
        label, wrong = self.labels.read(case)
        found = {name: reader.read(case) for name, reader in self.values.items()}
        pending = {name: reader.locate(case, self.kept + 1) for name, reader in self.files.items()}
        whole = found | {name: p.found for name, p in pending.items()}
        parts = [whole[name] for name in self.spec.modalities]
        empty = not any(f.fields or f.problems for f in parts) and not any(
            p.requests for p in pending.values()
        )
        if not wrong and empty:
            names = ", ".join(self.spec.modalities)
            wrong = f"{case.row.shown} has no modality at all: {names} are all empty"
        moment = self._moment(case, study)
        if self.identity.keyed:
            self._cross(case, study, patient, moment, parts)
        if wrong:
            self._fail(study, patient, site, wrong)
            return None
        self.kept += 1
        return Draft(case, study, patient, site, label, found, pending, moment=moment)

    def finish(self, draft: Draft) -> Study:
        """Make the study, now that its files were looked at."""
        for name, pending in draft.pending.items():
            draft.found[name] = self.files[name].complete(draft.case, pending, draft.seen.get(name, []))
        found = {name: draft.found[name] for name in self.spec.modalities}
        problems = {n: "; ".join(f.problems.values()) for n, f in found.items() if f.problems}
        inputs = {name: f.fields for name, f in found.items() if f.fields}
        time = self.identity.time(draft.moment, draft.case.patient or "") if draft.moment else None
        labels = {self.spec.task: draft.label} if self.spec.label else {}
        draft.made = Study(draft.study_id, draft.patient_id, draft.site, inputs, labels, time, problems)
        self.quality.record(draft.study_id, draft.patient_id, found)
        return draft.made

    def _nameless(self, case: Case) -> str:
        """What a record without id is called: nobody else's id."""
        name = f"row-{case.row.number}"
        while name in self.taken:
            name += "-"
        return name

    def _fail(self, study: str, patient: str, site: str, reason: str) -> None:
        self.quality.failed.append(FailedStudy(study_id=study, patient_id=patient, site=site, reason=reason))

    def _site(self, case: Case) -> str:
        site = self.spec.site
        if site.column is None:
            return site.value or ""
        if site.source is None:
            return case.row.cells.get(site.column) or UNKNOWN_SITE
        cells = [c for e in case.known(site.source) if (c := e.row.cells.get(site.column)) is not None]
        return cells[-1] if cells else UNKNOWN_SITE

    def _moment(self, case: Case, study: str) -> datetime | None:
        """The record's real index time."""
        if case.unreadable:
            reason = f"{case.row.shown}: {self.identity.quote(case.unreadable)} is no ISO date or time"
            self.quality.problem(study, "", "index_time", reason)
            return None
        if case.clock.zero is None:
            return None
        moment = case.clock.zero + timedelta(hours=case.index.start)
        if case.clock.zone and case.index.end > case.index.start:  # a day is that of its own calendar
            moment = moment.replace(tzinfo=UTC).astimezone(case.clock.zone).replace(tzinfo=None)
        return moment

    def _cross(
        self, case: Case, study: str, patient: str, moment: datetime | None, parts: Sequence[Found]
    ) -> None:
        files = "\n".join(path for f in parts for path in f.files)
        self.crosswalk.append(
            RealIdentity(
                self.spec.name,
                study,
                patient,
                case.study or "",
                case.patient or "",
                moment,
                case.row.number,
                files,
            )
        )
