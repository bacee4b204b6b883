"""`Cohort`: an ordered set of studies with its spec, flow and quality; on disk a folder."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self, overload

import numpy as np
from pydantic import ValidationError

from medxmodal.cohort import folder as on_disk
from medxmodal.cohort.engine.flow import FlowLog
from medxmodal.cohort.engine.job import Built, build
from medxmodal.cohort.engine.tables import Validation
from medxmodal.cohort.engine.tally import Tally
from medxmodal.cohort.fingerprint import cohort_fingerprint, study_content
from medxmodal.cohort.identity import Kept, Keyed
from medxmodal.cohort.keys import check_apart
from medxmodal.cohort.lineage import Lineage
from medxmodal.cohort.quality.leak_probe import leak_probe, unasked
from medxmodal.cohort.quality.log import blocking, quality_of
from medxmodal.cohort.root import MADE, FolderRoot
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.split.folds import hold_out, put_aside, refuse_overlap
from medxmodal.cohort.split.stable import hash_split
from medxmodal.cohort.study import FileReference, Study
from medxmodal.errors import CohortError
from medxmodal.records import DescribeRecord, FailedStudy, Flow, Quality


class Cohort(Sequence[Study]):
    """An ordered set of studies.

    Args:
        spec: What the cohort is.
        studies: In order.
        flow: Who left and why.
        quality: What is wrong with its inputs.
        lineage: What it was made from.
        periods: Year of each study's real index time, or None.
        root: The data folder, if there is one.
        folder: Where the cohort lies on disk, if it does.

    Raises:
        CohortError: Two studies have one id.
    """

    def __init__(
        self,
        spec: CohortSpec,
        studies: Sequence[Study],
        *,
        flow: Flow,
        quality: Quality,
        lineage: Lineage | None = None,
        periods: Sequence[int | None] | None = None,
        root: FolderRoot | None = None,
        folder: Path | None = None,
    ) -> None:
        self.spec = spec
        self.studies = tuple(studies)
        self.flow = flow
        self.quality = quality
        self.lineage = lineage
        self.period = tuple(periods) if periods is not None else (None,) * len(self.studies)
        self.root = root
        self.folder = folder
        self._keys: Path | None = None
        self._positions = {study.study_id: i for i, study in enumerate(self.studies)}
        if len(self._positions) < len(self.studies):
            raise CohortError("two studies of the cohort have the same id")

    @classmethod
    def from_spec(
        cls,
        spec: CohortSpec | str | Path,
        data: str | Path,
        *,
        unlabelled: bool = False,
        keys: str | Path | None = None,
        validate: Validation = "sample",
        progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """Build a cohort from records.

        Args:
            spec: A spec, its YAML path or its shipped name.
            data: Folder with the table and the files it names.
            unlabelled: Whether the label column, and what only goes with it, may be absent.
            keys: Folder for the secret key and the crosswalk of a keyed cohort.
            validate: How much of FHIR is checked whole: `none`, a `sample` of each type, or `full`. The
                values that are used are always checked.
            progress: Called with records done and records in all.

        Raises:
            SpecError: The spec is wrong or does not fit the data.
            CohortError: There is nothing to build from, or no study is left.
            PrivacyError: A keyed cohort has no keys folder.
        """
        checked = spec if isinstance(spec, CohortSpec) else CohortSpec.read(spec)
        keys = Path(keys) if keys is not None else None
        built = build(
            checked, Path(data), unlabelled=unlabelled, keys=keys, validate=validate, progress=progress
        )
        return cls.of(built, keys=keys)

    @classmethod
    def of(cls, built: Built, *, keys: Path | None = None) -> Self:
        """A cohort of what was built; what tells its label suspiciously well is looked for."""
        cohort = cls(
            built.spec,
            built.studies,
            flow=built.flow,
            quality=built.quality,
            lineage=built.lineage,
            periods=built.periods,
            root=built.root,
        )
        cohort._keys = keys
        notes = [*built.quality.notes, *filter(None, [unasked(cohort)])]
        suspects = leak_probe(cohort)
        cohort.quality = built.quality.model_copy(update={"leak_suspects": suspects, "notes": notes})
        return cohort

    @classmethod
    def load(cls, folder: str | Path, *, data: str | Path | None = None) -> Self:
        """Load a cohort folder.

        Args:
            folder: The folder.
            data: The data folder, where it is not the one the cohort was built from.

        Raises:
            CohortError: The folder is no cohort, or is damaged, or there is no such data folder.
        """
        folder = Path(folder)
        head = on_disk.read_json(folder, on_disk.COHORT)
        root = _data_root(data, head.get("data_root"), folder / on_disk.MADE_FOLDER)
        try:
            if head["format_version"] != on_disk.FORMAT_VERSION:
                raise CohortError(
                    f"{folder} has the format {head['format_version']}; this version reads "
                    f"{on_disk.FORMAT_VERSION}",
                    hint="Build the cohort again, or update medxmodal.",
                )
            spec = CohortSpec.model_validate(head["spec"])
            flow = Flow.model_validate(on_disk.read_json(folder, on_disk.FLOW))
            quality = Quality.model_validate(on_disk.read_json(folder, on_disk.QUALITY))
            lineage = Lineage.model_validate(on_disk.read_json(folder, on_disk.LINEAGE))
            rows = on_disk.read_rows(folder)
            problems = _problems(spec, quality)
            studies = [
                on_disk.to_study(
                    spec, row, problems.get(row["study_id"], {}), _references(spec, root, position)
                )
                for position, row in enumerate(rows, 1)
            ]
            periods = [row["index_period"] for row in rows]
        except (KeyError, TypeError, ValidationError) as error:
            raise CohortError(f"{folder} is a damaged cohort", hint="Build it again.") from error
        cohort = cls(
            spec,
            studies,
            flow=flow,
            quality=quality,
            lineage=lineage,
            periods=periods,
            root=root,
            folder=folder,
        )
        if cohort.fingerprint != head.get("fingerprint"):
            raise CohortError(
                f"{folder} does not match its fingerprint: it was changed by hand or damaged",
                hint="Build it again.",
            )
        return cohort

    def save(self, folder: str | Path) -> Path:
        """Write the cohort folder, whole or not at all.

        Raises:
            CohortError: The folder holds something that is no cohort.
            PrivacyError: The keys folder lies in it.
        """
        folder = Path(folder)
        if self._keys is not None:
            check_apart(self._keys, folder)
        records = {on_disk.FLOW: self.flow, on_disk.QUALITY: self.quality, on_disk.LINEAGE: self.lineage}
        texts = {name: r.model_dump_json(indent=1) for name, r in records.items() if r is not None}
        texts[on_disk.COHORT] = json.dumps(self._head(), indent=1, ensure_ascii=False)
        table = on_disk.to_table(self.spec, self.studies, self.period)
        on_disk.write_folder(folder, texts, table, self._made())
        self.folder = folder
        return folder

    def _made(self) -> list[Path]:
        """The inputs of its studies that lie in no data folder."""
        found = {
            path
            for study in self.studies
            for fields in study.inputs.values()
            for value in fields.values()
            for part in (value if isinstance(value, tuple) else (value,))
            if isinstance(part, FileReference) and part.locator.startswith(MADE)
            for path in part.paths()
        }
        return sorted(found)

    def _head(self) -> dict[str, Any]:
        counts = Tally.of(self.spec, self.studies).counts(len(self.failed))
        return on_disk.head(self.spec, counts, self.fingerprint, self.data_root)

    @property
    def data_root(self) -> Path | None:
        """The data folder, if known."""
        return None if self.root is None else self.root.folder

    @property
    def failed(self) -> tuple[FailedStudy, ...]:
        """Records that could not become a study."""
        return tuple(self.quality.failed)

    @cached_property
    def content(self) -> tuple[str, ...]:
        """Content hash of each study; splits by it depend on neither ids nor order."""
        return tuple(study_content(study) for study in self.studies)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of spec and content, the same on every machine."""
        return cohort_fingerprint(self.spec, self.studies, self.content)

    def labels(self) -> np.ndarray:
        """1, 0 or NaN (unknown) a study, (studies,), float."""
        known = (study.labels.get(self.spec.task) for study in self.studies)
        return np.array([np.nan if y is None else float(y) for y in known], dtype=float)

    @cached_property
    def patients(self) -> tuple[str, ...]:
        """Patient id of each study."""
        return tuple(study.patient_id for study in self.studies)

    @cached_property
    def sites(self) -> tuple[str, ...]:
        """Site of each study."""
        return tuple(study.site for study in self.studies)

    def usable(self) -> tuple[int, ...]:
        """Positions of the studies without problems."""
        return tuple(i for i, study in enumerate(self.studies) if not study.problems)

    def study(self, study_id: str) -> Study:
        """A study by its id.

        Raises:
            CohortError: There is none with this id.
        """
        position = self._positions.get(study_id)
        if position is None:
            raise CohortError(
                f"the cohort {self.spec.name} has no study '{study_id}'",
                hint=f"Its first is '{self.studies[0].study_id}'." if self.studies else "",
            )
        return self.studies[position]

    def subset(self, indices: Iterable[int]) -> Cohort:
        """The studies at some positions, as a cohort of its own."""
        chosen = [operator.index(i) for i in indices]
        studies = [self.studies[i] for i in chosen]
        names = {study.study_id for study in studies}
        quality = quality_of(self.quality, names)
        part = type(self)(
            self.spec,
            studies,
            flow=FlowLog(len(studies), f"studies chosen from a cohort of {len(self)}").finish(),
            quality=quality,
            lineage=self.lineage,
            periods=[self.period[i] for i in chosen],
            root=self.root,
        )
        part._keys = self._keys
        return part

    def split(
        self,
        share: float = 0.25,
        *,
        sites: Sequence[str] = (),
        since: int | None = None,
        salt: str | None = None,
        seed: int = 0,
    ) -> CohortSplit:
        """Two cohorts without a common patient: one to learn from, one to test on.

        Args:
            share: Share of studies to test on, stratified by label; not used with `sites` or `since`.
            sites: Test on these sites. A patient of theirs is in no other part.
            since: Test on index times of this year and later.
            salt: Each patient's part is told by a hash of this and the patient's id alone, so that it stays
                the same when patients are added; sizes and classes then come out about right only.
            seed: Of the shuffle; the split depends on neither ids nor the order of studies.

        Raises:
            CohortError: A site is not in the cohort, index times are unknown, or a part would be empty.

        Example:
            `train, test = cohort.split(sites=["hill"])`
        """
        unknown = sorted(set(sites) - set(self.sites))
        if unknown:
            raise CohortError(
                f"the cohort has no site '{unknown[0]}'",
                hint=f"It has: {', '.join(sorted(set(self.sites)))}.",
            )
        if since is not None and None in self.period:
            raise CohortError(
                f"{self.period.count(None)} studies have no index time to split by",
                hint="Name `index_time` in the spec, or split by share or site.",
            )
        if sites or since is not None:
            late = [since is not None and year is not None and year >= since for year in self.period]
            chosen = [site in sites or after for site, after in zip(self.sites, late, strict=True)]
            fold = put_aside(chosen, self.patients)
        elif salt is not None:
            parts = hash_split(self.patients, (1 - share, share), salt)
            fold = put_aside([part == 1 for part in parts], self.patients)
        else:
            fold = hold_out(self.labels(), self.patients, share, seed, content=self.content)
        refuse_overlap((self.patients[i] for i in fold.train), (self.patients[i] for i in fold.test))
        return CohortSplit(self.subset(fold.train), self.subset(fold.test))

    def describe(self) -> DescribeRecord:
        """Co-occurrence, flow, Table 1, missingness and quality."""
        from medxmodal.cohort.describe.describe import describe

        return describe(self)

    def __len__(self) -> int:
        return len(self.studies)

    @overload
    def __getitem__(self, index: int) -> Study: ...

    @overload
    def __getitem__(self, index: slice) -> Cohort: ...

    def __getitem__(self, index: int | slice) -> Study | Cohort:
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        return self.studies[operator.index(index)]

    def __repr__(self) -> str:
        return f"Cohort({self.spec.name}, {len(self)} studies, {len(set(self.patients))} patients)"


class CohortSplit(NamedTuple):
    """Two cohorts without a common patient."""

    train: Cohort
    test: Cohort


def _data_root(data: str | Path | None, recorded: str | None, made: Path) -> FolderRoot | None:
    here = made if made.is_dir() else None
    if data is not None:
        if not Path(data).is_dir():
            raise CohortError(f"there is no data folder {data}", hint="Check --data.")
        return FolderRoot(Path(data).resolve(), made=here)
    if recorded and Path(recorded).is_dir():
        return FolderRoot(Path(recorded), made=here)
    return FolderRoot(made, made=here) if here else None


def _problems(spec: CohortSpec, quality: Quality) -> dict[str, dict[str, str]]:
    """Study id -> modality -> why it cannot be used."""
    found: dict[str, dict[str, str]] = {}
    for problem in quality.problems:
        if blocking(spec, problem):
            here = found.setdefault(problem.study_id, {})
            before = here.get(problem.modality)
            here[problem.modality] = f"{before}; {problem.reason}" if before else problem.reason
    return found


def _references(
    spec: CohortSpec, root: FolderRoot | None, position: int
) -> Callable[[str, str, str, str, int], FileReference]:
    identity = Keyed(b"") if spec.ids == "keyed" else Kept()

    def make(modality: str, field: str, locator: str, sha256: str, size: int) -> FileReference:
        noun = modality if field == "file" else f"{modality} {field}"
        return FileReference(locator, sha256, size, identity.shown(noun, position, locator, sha256), root)

    return make
