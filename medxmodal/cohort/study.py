"""`Study`: the unit of prediction, one patient at one index time.

A study holds values and references, never arrays. What is absent is not a key of `inputs`.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """A file of the data root, by relative path (`ids: keep`) or content hash (`ids: keyed`).

    Args:
        locator: Path relative to the data root, or `sha256:<hex>`.
        sha256: Content hash when the cohort was built.
        size: Bytes when the cohort was built.
        shown: How messages name it, for example `image 17 (sha256 3fa2...)`; no file name if keyed.
        root: Finds the file; not part of equality.
    """

    locator: str
    sha256: str
    size: int
    shown: str
    root: DataRoot | None = field(default=None, compare=False, repr=False)

    def path(self) -> Path:
        """The file on this machine.

        Raises:
            InputError: There is no data root, or the file is not in it.
        """
        if self.root is None:
            raise InputError(
                f"{self.shown}: the cohort has no data root",
                hint="Name it with --data DIR.",
            )
        return self.root.path(self.locator, self.sha256, self.size)


Value = float | str | tuple[str, ...] | FileReference | None


@dataclass(frozen=True)
class Study:
    """One patient at one index time, with what was known by then.

    Args:
        study_id: Unique in the cohort.
        patient_id: Splits are always by it.
        site: Where the data came from; a domain in domain adaptation.
        inputs: Modality -> field -> value. Image: `file` and optional `mask` (FileReference).
            Tabular: one entry a column (float, str, tuple of str, or None when missing).
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
