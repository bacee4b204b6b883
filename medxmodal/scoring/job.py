"""What is to be scored by what: the job, its fingerprint, and the entries in their order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

from medxmodal import __version__
from medxmodal.cohort.records import chosen_records
from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError, ScoringError
from medxmodal.records import FailedStudy
from medxmodal.records.base import Part
from medxmodal.scoring.files import sha256_of
from medxmodal.scoring.rows import ROWS_VERSION

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.model import LoadedRun

Entry: TypeAlias = Study | FailedStudy


class Job(Part):
    """Everything that changes the rows. Two calls with an equal job write the same folder.

    Args:
        run: Fingerprint of the run.
        weights: Hash over weights and preprocessing of all members.
        calibration: Hash of the calibration, threshold included.
        members_by_study: Hash of which members answer which training study.
        cohort: Fingerprint of the cohort.
        studies: Hash of the ids in their order, failed records included.
        code: Version of medxmodal.
        rows: Version of the columns.
    """

    run: str
    weights: str
    calibration: str
    members_by_study: str
    cohort: str
    studies: str
    code: str
    rows: int

    @property
    def fingerprint(self) -> str:
        """One hash of it all."""
        return _hash(self.model_dump())

    def differs(self, other: Job) -> list[str]:
        """What is not the same, in words."""
        theirs = other.model_dump()
        return [WORDS[name] for name, value in self.model_dump().items() if theirs[name] != value]


WORDS = {
    "run": "the run",
    "weights": "the members' weights",
    "calibration": "the calibration",
    "members_by_study": "the run's training studies",
    "cohort": "the cohort's content",
    "studies": "which studies are scored, or their order",
    "code": "the version of medxmodal",
    "rows": "the form of the rows",
}


def entries_of(cohort: Cohort, only: Collection[str] | None = None) -> list[Entry]:
    """The studies, then the records that could not become a study: everything gets a row.

    Args:
        cohort: The cohort.
        only: Study ids to score; all by default.

    Raises:
        CohortError: There is nothing to score.
        ScoringError: `only` names a study that the cohort does not have.
    """
    entries = chosen_records(cohort, only, ScoringError)
    if not entries:
        raise CohortError(
            "the cohort has zero studies, so there is nothing to score",
            hint="Look at its flow of exclusions with `medxmodal describe`.",
        )
    return entries


def describe_job(run: LoadedRun, cohort: Cohort, entries: Sequence[Entry]) -> Job:
    """The job of scoring these entries with this run."""
    indices = [facts.member for facts in run.record.members]
    weights = [[facts.member, facts.weights_sha256] for facts in run.record.members]
    preprocessing = [sha256_of(run.folder / f"preprocessing-{index}.json") for index in indices]
    ids = [[entry.study_id, entry.patient_id, isinstance(entry, Study)] for entry in entries]
    return Job(
        run=run.record.fingerprint,
        weights=_hash([weights, preprocessing]),
        calibration=_hash(run.calibration.model_dump(mode="json")),
        members_by_study=_hash(sorted((study, list(by)) for study, by in run.unseen_by.items())),
        cohort=cohort.fingerprint,
        studies=_hash(ids),
        code=__version__,
        rows=ROWS_VERSION,
    )


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
