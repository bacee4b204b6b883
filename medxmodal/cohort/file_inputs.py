"""Inputs that are files: found, hashed, decoded once to see that they can be, and referenced."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medxmodal.cohort.case import Case
from medxmodal.cohort.inputs import MASK, Found, Surroundings
from medxmodal.cohort.located import Located, Locator
from medxmodal.cohort.root import HASHED, MADE, file_sha256
from medxmodal.cohort.spec import FileInput
from medxmodal.cohort.study import FileReference, joined_sha256
from medxmodal.errors import InputError, SpecError

MAX_BYTES = 512 << 20
"""A larger file is refused before it is read."""


@dataclass(frozen=True)
class Request:
    """A file to be looked at.

    Args:
        kind: `image`, `volume` or `video`.
        field: `file` or `mask`.
        paths: On this machine.
        reference: What it becomes when it can be decoded.
    """

    kind: str
    field: str
    paths: tuple[Path, ...]
    reference: FileReference


@dataclass(frozen=True)
class Seen:
    """What decoding showed.

    Args:
        error: Why it cannot be used; empty when it can.
        shape: Of the array.
        content: Hash of the decoded values.
        facts: Further facts, such as the perceptual hash.
        remarks: What is odd, though usable.
    """

    error: str = ""
    shape: tuple[int, ...] = ()
    content: str = ""
    facts: dict[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass
class Pending:
    """The files of one modality of one case, found but not yet looked at.

    Args:
        found: What is known of the modality; completed by `complete`.
        requests: One list an input: the file, then its mask if there is one.
    """

    found: Found
    requests: list[list[Request]] = field(default_factory=list)


class FileReader:
    """References to the files of one modality."""

    def __init__(self, name: str, spec: FileInput, kind: str, around: Surroundings) -> None:
        self.name, self.kind, self.around = name, kind, around
        self.locator = Locator(spec, around.root.folder, masks=around.masks)

    def locate(self, case: Case, position: int) -> Pending:
        """Find the files of a case; `position` counts the studies kept, from 1."""
        pending = Pending(Found())
        try:
            inputs = self.locator.find(case)
        except (InputError, SpecError) as error:
            pending.found.problems["file"] = f"{case.row.shown}: {error.message}"
            return pending
        for located in inputs:
            requests = self._requests(case, located, position, pending.found)
            if requests:
                pending.requests.append(requests)
        return pending

    def _requests(self, case: Case, located: Located, position: int, found: Found) -> list[Request]:
        try:
            requests = [self._request("file", located.files, position, found)]
        except (InputError, SpecError) as error:
            self._wrong(found, "file", f"{case.row.shown}: {error.message}")
            return []
        if located.mask:
            try:
                requests.append(self._request(MASK, located.mask, position, found))
            except (InputError, SpecError) as error:
                found.remarks[MASK] = f"{case.row.shown}: {error.message}; used without mask"
        return requests

    def _request(self, what: str, files: Sequence[str], position: int, found: Found) -> Request:
        """A request with the hashes of its files."""
        around = self.around
        noun = self.name if what == "file" else f"{self.name} {what}"
        hashes, sizes, paths = [], [], []
        for relative in files:
            path = self._path(relative)
            early = f"the {noun}" if around.identity.keyed else f"{noun} {relative}"
            sha256, size = _hashed(path, early)
            around.root.known[sha256] = path
            hashes.append(sha256)
            sizes.append(size)
            paths.append(path)
        found.files += [name for name in files if not name.startswith(MADE)]
        whole = joined_sha256(hashes)
        shown = around.identity.shown(noun, position, files[0], whole)
        locators = [
            name if name.startswith(MADE) else around.identity.locator(name, sha256)
            for name, sha256 in zip(files, hashes, strict=True)
        ]
        if len(locators) > 1:
            sized = zip(locators, sizes, strict=True)
            locators = [f"{loc}:{size}" if loc.startswith(HASHED) else loc for loc, size in sized]
        reference = FileReference("\n".join(locators), whole, sum(sizes), shown, around.root)
        return Request(self.kind, what, tuple(paths), reference)

    def _path(self, relative: str) -> Path:
        if relative.startswith(MADE):
            return self.around.root.path(relative, "", 0)
        return self.around.root.folder / relative

    def complete(self, case: Case, pending: Pending, seen: Sequence[Sequence[Seen]]) -> Found:
        """The modality, now that its files were looked at."""
        found = pending.found
        files: list[FileReference] = []
        masks: list[FileReference | None] = []
        contents: list[str] = []
        for requests, results in zip(pending.requests, seen, strict=True):
            if results[0].error:
                self._wrong(found, "file", f"{case.row.shown}: {results[0].error}")
                continue
            files.append(requests[0].reference)
            contents.append(results[0].content)
            found.facts.append({**results[0].facts, "shape": list(results[0].shape)})
            masks.append(self._mask(case, requests, results, found))
            for remark in results[0].remarks:
                found.remarks["file"] = f"{case.row.shown}: {remark}"
        if not files:
            return found
        if found.problems:  # one of several is damaged: the study has the others
            found.remarks |= {what: f"{why}; left out" for what, why in found.problems.items()}
            found.problems.clear()
        several = self.locator.several
        found.fields = {"file": tuple(files) if several else files[0]}
        if self.locator.mask is not None or hasattr(self.locator.spec, "mask"):
            found.fields[MASK] = tuple(m for m in masks if m) or None if several else masks[0]
        found.content = joined_sha256(contents)
        return found

    def _mask(
        self, case: Case, requests: Sequence[Request], results: Sequence[Seen], found: Found
    ) -> FileReference | None:
        if len(requests) < 2:
            return None
        mask, whole = results[1], results[0]
        wrong = mask.error
        if not wrong and mask.shape[:2] != whole.shape[:2]:
            wrong = f"{requests[1].reference.shown} has {mask.shape[:2]} pixels, its image {whole.shape[:2]}"
        if wrong:
            found.remarks[MASK] = f"{case.row.shown}: {wrong}; used without mask"
            return None
        return requests[1].reference

    def _wrong(self, found: Found, what: str, reason: str) -> None:
        before = found.problems.get(what)
        found.problems[what] = f"{before}; {reason}" if before else reason


def _hashed(path: Path, shown: str) -> tuple[str, int]:
    """Hash and size of a file that is not yet part of a cohort."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"{shown} is not a file")
        if size > MAX_BYTES:
            raise InputError(f"{shown} has {size >> 20} MiB; the limit is {MAX_BYTES >> 20}")
        if size == 0:
            raise InputError(f"{shown} is empty")
        return file_sha256(path), size
    except FileNotFoundError as error:
        raise InputError(f"{shown} is not there") from error
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}") from error


def content_sha256(shape: tuple[int, ...], dtype: str, data: bytes) -> str:
    """Hash of decoded values."""
    return hashlib.sha256(repr((shape, dtype)).encode() + data).hexdigest()
