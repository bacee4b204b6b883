"""One input to decode, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from medxmodal.cohort.decode.facts import Fact, content_hash, facts_of, perceptual_hash
from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.study import joined_sha256
from medxmodal.errors import InputError

HASH_HERE = "{sha256}"
"""Stands in `Job.shown` for the first digits of the input's hash, where it is not known before."""


@dataclass(frozen=True)
class Job:
    """One input to decode.

    Args:
        paths: Its files in order.
        kind: `image`, `volume` or `video`.
        shown: How messages name it; `{sha256}` in it becomes the first digits of its hash.
        sha256: Hashes the files must have; None where they are not yet known.
        key: The caller's own, given back untouched.
    """

    paths: tuple[Path, ...]
    kind: str
    shown: str
    sha256: tuple[str, ...] | None = None
    key: object = None


@dataclass(frozen=True)
class Facts:
    """What is known of a decoded input without its pixels.

    Args:
        shape: Of the array; see `Decoded` for the order of axes.
        dtype: Of the array, as numpy writes it.
        spacing: Millimetres along the spatial axes; None where unknown.
        affine: Index to RAS+ mm, row by row, for volumes.
        remarks: What the reader found odd though usable.
        content: Hash of the pixels.
        perceptual: 256-bit hash of the image's coarse pattern, middle slice or middle frame, hex.
        more: Further facts; see `decode_facts.facts_of`.
    """

    shape: tuple[int, ...]
    dtype: str
    spacing: tuple[float, ...] | None
    affine: tuple[tuple[float, ...], ...] | None
    remarks: tuple[str, ...]
    content: str
    perceptual: str
    more: Mapping[str, Fact] = field(default_factory=dict)

    @classmethod
    def of(cls, decoded: Decoded, kind: str) -> Facts:
        """The facts of decoded pixels."""
        array, affine = decoded.array, decoded.affine
        return cls(
            tuple(int(size) for size in array.shape),
            array.dtype.str,
            None if decoded.spacing is None else tuple(float(size) for size in decoded.spacing),
            None if affine is None else tuple(tuple(float(v) for v in row) for row in affine),
            tuple(decoded.remarks),
            content_hash(array, kind),
            perceptual_hash(array, kind),
            facts_of(decoded),
        )

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Facts:
        """Read back what `to_json` gave."""
        spacing, affine = found["spacing"], found["affine"]
        return cls(
            tuple(found["shape"]),
            str(found["dtype"]),
            None if spacing is None else tuple(spacing),
            None if affine is None else tuple(tuple(row) for row in affine),
            tuple(found["remarks"]),
            str(found["content"]),
            str(found["perceptual"]),
            dict(found["more"]),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def decoded(self, array: np.ndarray) -> Decoded:
        """The pixels with their geometry again."""
        affine = None if self.affine is None else np.array(self.affine, np.float64)
        return Decoded(array, self.spacing, affine, self.remarks)


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Args:
        job: The job.
        facts: What is known of the input; None when it cannot be used.
        sha256: Hashes of its files, as far as they could be read.
        sizes: Bytes of its files, as far as they could be read.
        error: Why it cannot be used.
        hint: What to do about it.
    """

    job: Job
    facts: Facts | None = None
    sha256: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    error: str = ""
    hint: str = ""

    @property
    def entry(self) -> str:
        """Name of the entry in the store: content and kind, never a file's name."""
        return entry_name(joined_sha256(self.sha256), self.job.kind)

    def check(self) -> Facts:
        """The facts.

        Raises:
            InputError: The input cannot be used.
        """
        if self.facts is None:
            raise InputError(self.error, hint=self.hint)
        return self.facts


def shown_of(job: Job, hashes: Sequence[str]) -> str:
    """How messages name the input, with its hash where that is known."""
    known = joined_sha256(hashes)[:12] if hashes and len(hashes) == len(job.paths) else "unknown"
    return job.shown.replace(HASH_HERE, known)


def entry_name(sha256: str, kind: str) -> str:
    """How the store names decoded pixels: by the input's content and what it was read as."""
    return f"{sha256}-{kind}"
