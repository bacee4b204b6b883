"""`SCORES/manifest.json`: which job a folder holds, which parts are done, and their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from medxmodal.errors import MedxmodalError, ScoringError
from medxmodal.records.base import Part, Record
from medxmodal.scoring.files import LOCK, TEMPORARY, write_durably
from medxmodal.scoring.job import Job

FORMAT_VERSION = 1
MANIFEST = "manifest.json"


class Counts(Part):
    """How many rows have which status; together they are all studies."""

    scored: int = 0
    failed: int = 0
    abstained: int = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return self.scored + self.failed + self.abstained

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            scored=self.scored + other.scored,
            failed=self.failed + other.failed,
            abstained=self.abstained + other.abstained,
        )


class PartFacts(Part):
    """One part: its hash and what it holds."""

    sha256: str
    rows: int
    counts: Counts


class Manifest(Record):
    """`manifest.json`.

    `studies` counts every record of the cohort, those included that could not become a study.
    `parts` lists what is finished, by file name; `finished` stays empty until all of them are.
    """

    error: ClassVar[type[MedxmodalError]] = ScoringError
    again: ClassVar[str] = "remove the folder and score again"

    format_version: int = FORMAT_VERSION
    job: Job
    fingerprint: str
    run: str
    cohort: str
    task: str
    modalities: list[str]
    studies: int
    part_size: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    parts: dict[str, PartFacts] = Field(default_factory=dict)
    counts: Counts = Counts()
    device: str = ""
    started: str
    finished: str = ""

    @property
    def names(self) -> list[str]:
        """The file name of every part of the job, done or not."""
        return [part_name(index) for index in range(-(-self.studies // self.part_size))]

    def with_parts(self, parts: Mapping[str, PartFacts]) -> Manifest:
        """The manifest with these parts done; finished when they are all."""
        ordered = {name: parts[name] for name in self.names if name in parts}
        done = len(ordered) == len(self.names)
        return self.model_copy(
            update={
                "parts": ordered,
                "counts": sum((part.counts for part in ordered.values()), Counts()),
                "finished": (self.finished or now()) if done else "",
            }
        )

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        write_durably(folder / MANIFEST, (self.model_dump_json(indent=1) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read it.

        Raises:
            ScoringError: The folder holds no scores, its manifest is damaged, or a newer version made it.
        """
        if not (folder / MANIFEST).is_file():
            raise ScoringError(
                f"{folder} holds no scores: it has no {MANIFEST}",
                hint="Name a folder that `medxmodal score` made.",
            )
        found = cls.read(folder / MANIFEST)
        if found.format_version > FORMAT_VERSION:
            raise ScoringError(
                f"the scores have format {found.format_version}; this version reads up to {FORMAT_VERSION}",
                hint="Update medxmodal.",
            )
        return found


def part_name(index: int) -> str:
    """File name of a part.

    Example:
        >>> part_name(3)
        'part-00003.parquet'
    """
    return f"part-{index:05d}.parquet"


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def make_folder(folder: Path) -> None:
    """Make a folder for scores, and refuse one that holds anything else.

    Raises:
        ScoringError: The path is a file, or a folder with other things in it.
    """
    if folder.exists() and not folder.is_dir():
        raise ScoringError(f"{folder} is a file", hint="Name a folder for --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScoringError(
            f"cannot make the folder {folder}: {error.strerror}", hint="Name another --out."
        ) from error
    names = {path.name for path in folder.iterdir()}
    if MANIFEST not in names and names - {LOCK, MANIFEST + TEMPORARY}:
        raise ScoringError(
            f"{folder} is not empty and holds no scores", hint="Name a new folder, or empty it first."
        )


def take_up(folder: Path, fresh: Manifest) -> Manifest:
    """The manifest to go on with: the one that is there if its job is the same, else the fresh one.

    Raises:
        ScoringError: The folder holds another job, or a damaged manifest.
    """
    for left in folder.glob(f"*{TEMPORARY}"):
        left.unlink()
    if not (folder / MANIFEST).exists():
        fresh.save(folder)
        return fresh
    found = Manifest.load(folder)
    different = found.job.differs(fresh.job)
    if different:
        raise ScoringError(
            f"{folder} holds another scoring job: {', '.join(different)} differ",
            hint="Name another --out, or remove that folder.",
        )
    return found
