"""Inputs that are files: found, hashed, decoded once to see that they can be, and referenced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medxmodal.cohort.decode.job import HASH_HERE, Facts, Job, Outcome
from medxmodal.cohort.engine.case import Case
from medxmodal.cohort.engine.inputs import MASK, REMARK, Found, Surroundings
from medxmodal.cohort.engine.located import Located, Locator
from medxmodal.cohort.engine.remote import REMOTE, fetched
from medxmodal.cohort.root import HASHED, MADE
from medxmodal.cohort.spec.cohort_spec import FileInput
from medxmodal.cohort.study import FileReference, joined_sha256
from medxmodal.errors import InputError, SpecError

UNKNOWN = "0" * 64
"""Stands for a hash that the decoder will find."""


@dataclass(frozen=True)
class Request:
    """A file to be looked at, or several as one.

    Args:
        what: `file` or `mask`.
        files: Paths under the data folder.
        job: What the decoder is asked.
    """

    what: str
    files: tuple[str, ...]
    job: Job


@dataclass
class Pending:
    """The files of one modality of one case, found but not yet looked at.

    Args:
        found: What is known of the modality; completed by `complete`.
        position: Of the study in the cohort, from 1.
        requests: One list an input: the file, then its mask if there is one.
    """

    found: Found
    position: int
    requests: list[list[Request]] = field(default_factory=list)


class FileReader:
    """References to the files of one modality.

    Args:
        name: Of the modality.
        spec: Its spec.
        kind: `image`, `volume` or `video`.
        around: What every reader needs.
        server: DICOMweb server from which its series are fetched.
    """

    def __init__(
        self, name: str, spec: FileInput, kind: str, around: Surroundings, server: str | None = None
    ) -> None:
        self.name, self.kind, self.around, self.server = name, kind, around, server
        self.locator = Locator(spec, around.root.folder, masks=around.masks)

    def locate(self, case: Case, position: int) -> Pending:
        """Find the files of a case; `position` counts the studies kept, from 1."""
        pending = Pending(Found(), position)
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
            requests = [self._request("file", located.files, position)]
        except (InputError, SpecError) as error:
            self._wrong(found, "file", f"{case.row.shown}: {error.message}")
            return []
        if located.mask:
            try:
                requests.append(self._request(MASK, located.mask, position))
            except (InputError, SpecError) as error:
                found.remarks[MASK] = f"{case.row.shown}: {error.message}; used without mask"
        found.files += [name for request in requests for name in request.files if not name.startswith(MADE)]
        return requests

    def _request(self, what: str, files: Sequence[str], position: int) -> Request:
        noun = self.name if what == "file" else f"{self.name} {what}"
        path = noun if files[0].startswith((MADE, REMOTE)) else files[0]
        shown = self.around.identity.shown(noun, position, path, UNKNOWN)
        shown = shown.replace(UNKNOWN[:12], HASH_HERE)
        if files[0].startswith(REMOTE):
            files = fetched(files[0], self.server, self.around.root.made)
        paths = tuple(self._path(name) for name in files)
        # A mask may be several files, one a lesion; each is a picture of its own.
        return Request(what, tuple(files), Job(paths, self.kind, shown))

    def _reference(self, request: Request, outcome: Outcome, position: int) -> FileReference:
        """What the file becomes in the cohort."""
        around = self.around
        noun = self.name if request.what == "file" else f"{self.name} {request.what}"
        for path, sha256 in zip(request.job.paths, outcome.sha256, strict=True):
            around.root.known[sha256] = path
        locators = [
            name if name.startswith(MADE) else around.identity.locator(name, sha256)
            for name, sha256 in zip(request.files, outcome.sha256, strict=True)
        ]
        if len(locators) > 1:
            sized = zip(locators, outcome.sizes, strict=True)
            locators = [f"{loc}:{size}" if loc.startswith(HASHED) else loc for loc, size in sized]
        whole = joined_sha256(outcome.sha256)
        shown = around.identity.shown(noun, position, request.files[0], whole)
        return FileReference("\n".join(locators), whole, sum(outcome.sizes), shown, around.root)

    def _path(self, relative: str) -> Path:
        if relative.startswith(MADE):
            return self.around.root.path(relative, "", 0)
        return self.around.root.folder / relative

    def complete(self, case: Case, pending: Pending, outcomes: Sequence[Sequence[Outcome]]) -> Found:
        """The modality, now that its files were looked at."""
        found = pending.found
        files: list[FileReference] = []
        masks: list[FileReference | None] = []
        contents: list[str] = []
        for requests, results in zip(pending.requests, outcomes, strict=True):
            facts = results[0].facts
            if facts is None:
                self._wrong(found, "file", f"{case.row.shown}: {results[0].error}")
                continue
            files.append(self._reference(requests[0], results[0], pending.position))
            masks.append(self._mask(case, requests, results, pending))
            contents.append(facts.content)
            found.facts.append(facts)
            if facts.remarks:
                found.remarks[REMARK] = f"{case.row.shown}: {'; '.join(facts.remarks)}"
        if not files:
            return found
        if found.problems:  # one of several is damaged: the study has the others
            found.remarks[REMARK] = "; ".join(f"{why}; left out" for why in found.problems.values())
            found.problems.clear()
        several = self.locator.several
        found.fields = {"file": tuple(files) if several else files[0]}
        if hasattr(self.locator.spec, "mask"):
            found.fields[MASK] = (tuple(masks) if any(masks) else None) if several else masks[0]
        found.content = joined_sha256(contents)
        return found

    def _mask(
        self, case: Case, requests: Sequence[Request], results: Sequence[Outcome], pending: Pending
    ) -> FileReference | None:
        if len(requests) < 2:
            return None
        whole, mask = results[0].facts, results[1].facts
        wrong = results[1].error
        if whole is not None and mask is not None and _plane(mask, self.kind) != _plane(whole, self.kind):
            reference = self._reference(requests[1], results[1], pending.position)
            wrong = f"{reference.shown} has {_plane(mask, self.kind)} pixels, its {self.kind} "
            wrong += str(_plane(whole, self.kind))
        if wrong:
            pending.found.remarks[MASK] = f"{case.row.shown}: {wrong}; used without mask"
            return None
        return self._reference(requests[1], results[1], pending.position)

    def _wrong(self, found: Found, what: str, reason: str) -> None:
        before = found.problems.get(what)
        found.problems[what] = f"{before}; {reason}" if before else reason


def _plane(facts: Facts, kind: str) -> tuple[int, ...]:
    """The size in space: two axes of an image, three of a volume."""
    return facts.shape[: 3 if kind == "volume" else 2]
