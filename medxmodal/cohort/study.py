"""`Study`: the unit of prediction, one patient at one index time.

A study holds values and references, never arrays. What is absent is not a key of `inputs`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from medxmodal.errors import InputError


class DataRoot(Protocol):
    """Finds an input's file from its locator: a relative path, or a content hash when keyed."""

    def path(self, locator: str, sha256: str, size: int) -> Path:
        """The file, or InputError when it cannot be found."""


@dataclass(frozen=True)
class FileReference:
    """An input: a file of the data root, or several as one, such as a DICOM series or a clip's frames.

    Args:
        locator: Path relative to the data root, or `sha256:<hex>`; of several files, theirs joined by
            newlines in the order in which they are read, keyed ones as `sha256:<hex>:<size>`.
        sha256: Content hash when the cohort was built; of several files, the hash of their hashes.
        size: Bytes when the cohort was built, of all files.
        shown: How messages name it, for example `image 17 (sha256 3fa2...)`; no file name if keyed.
        root: Finds the file; not part of equality.
    """

    locator: str
    sha256: str
    size: int
    shown: str
    root: DataRoot | None = field(default=None, compare=False, repr=False)

    @property
    def parts(self) -> int:
        """How many files it is."""
        return self.locator.count("\n") + 1

    def path(self) -> Path:
        """The file on this machine; the first of several.

        Raises:
            InputError: There is no data root, or the file is not in it.
        """
        return self.paths()[0]

    def paths(self) -> tuple[Path, ...]:
        """The files on this machine, in the order in which they are read.

        Raises:
            InputError: There is no data root, or a file is not in it.
        """
        if self.root is None:
            raise InputError(
                f"{self.shown}: the cohort has no data root",
                hint="Name it with --data DIR.",
            )
        locators = self.locator.split("\n")
        if len(locators) == 1:
            return (self.root.path(self.locator, self.sha256, self.size),)
        return tuple(self.root.path(*_keyed(locator)) for locator in locators)


def joined_sha256(hashes: Sequence[str]) -> str:
    """The content hash of an input of one or several files.

    Example:
        >>> joined_sha256(["ab"]), len(joined_sha256(["ab", "cd"]))
        ('ab', 64)
    """
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def references(value: Value) -> tuple[FileReference, ...]:
    """The files that a value of a study stands for, oldest first; none where it is no file."""
    if isinstance(value, FileReference):
        return (value,)
    parts = value if isinstance(value, tuple) else ()
    return tuple(part for part in parts if isinstance(part, FileReference))


def _keyed(locator: str) -> tuple[str, str, int]:
    """Locator, content hash and size of one of several files."""
    kind, _, rest = locator.partition(":")
    sha256, _, size = rest.partition(":")
    return (f"{kind}:{sha256}", sha256, int(size)) if kind == "sha256" and size else (locator, "", 0)


Words = tuple[str, ...]
Files = tuple[FileReference | None, ...]
Value = float | str | Words | tuple[float | None, ...] | FileReference | Files | None


@dataclass(frozen=True)
class Study:
    """One patient at one index time, with what was known by then.

    Args:
        study_id: Unique in the cohort.
        patient_id: Splits are always by it.
        site: Where the data came from; a domain in domain adaptation.
        inputs: Modality -> field -> value. Image: `file` and optional `mask` (FileReference).
            Volume and video likewise; where a study may have several, a tuple of FileReference, oldest
            first, and one of masks beside it, None for an image without mask.
            Tabular: one entry a column (float, str, tuple of str, or None when missing).
            Time series: `times` (hours before the index time, negative, ascending) and one entry a
            column, each a tuple of the same length with None where nothing was measured.
            Text: `text` (str).
        labels: Task -> 1 (positive), 0 (negative) or None (unknown).
        index_time: When the prediction is asked for, if known.
        problems: Modality -> why its input cannot be used; such a study is never trained on, and
            scoring lists it as failed with this reason.

    Raises:
        InputError: The study has no modality at all.
    """

    study_id: str
    patient_id: str
    site: str
    inputs: Mapping[str, Mapping[str, Value]]
    labels: Mapping[str, int | None] = field(default_factory=dict)
    index_time: datetime | None = None
    problems: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.inputs and not self.problems:
            raise InputError(
                f"study {self.study_id} has no modality at all",
                hint="Leave it out, or give it at least one input.",
            )

    def has(self, modality: str) -> bool:
        """Whether the modality is present in this study."""
        return modality in self.inputs
