"""What a folder of FHIR holds, at a glance: for drafts, from a bounded part of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from medxmodal.cohort.root import walk
from medxmodal.cohort.sources.fhir.lines import LINE_ENDINGS, WHOLE_ENDINGS, open_file

MAX_BYTES = 96 << 20
"""Unpacked bytes that are looked at, over all files."""
MAX_FILES = 200
"""Files that are looked at; of more, every so manieth."""
FILE_BYTES = 64 << 20
"""A larger bundle is not looked at; of a larger NDJSON, the beginning."""
MOST_FREQUENT = 20
_CODED = ("Condition", "Observation", "Procedure", "MedicationRequest", "DiagnosticReport")


@dataclass(frozen=True)
class FhirSummary:
    """What was seen.

    Args:
        files: FHIR files in the folder.
        looked_at: How many of them were opened.
        endings: Ending -> files, such as `.ndjson.gz`.
        types: Type -> resources seen.
        codes: Type -> its most frequent codes, as (code, display, how many).
        notes: Attachments with text seen.
        complete: Whether everything was read, so that the counts are those of the folder.
    """

    files: int
    looked_at: int
    endings: Mapping[str, int]
    types: Mapping[str, int]
    codes: Mapping[str, tuple[tuple[str, str, int], ...]]
    notes: int
    complete: bool


def is_fhir(path: Path) -> bool:
    """Whether a file is FHIR in JSON, from its ending and its first bytes."""
    if not path.name.lower().endswith(LINE_ENDINGS + WHOLE_ENDINGS):
        return False
    try:
        with open_file(str(path)) as stream:
            head = stream.read(4096)
    except (OSError, EOFError):
        return False
    return b'"resourceType"' in head


def fhir_files(folder: Path) -> list[Path]:
    """The FHIR files of a folder, by name."""
    return [path for path in walk(folder) if is_fhir(path)]


def sniff_fhir(folder: Path) -> FhirSummary:
    """Look at the FHIR files of a folder; bad ones are left for the reading to report."""
    files = fhir_files(folder)
    step = -(-len(files) // MAX_FILES) or 1
    types: Counter[str] = Counter()
    codes: dict[str, Counter[tuple[str, str]]] = {kind: Counter() for kind in _CODED}
    left, looked_at, notes, complete = MAX_BYTES, 0, 0, step == 1
    for path in files[::step]:
        if left <= 0:
            complete = False
            break
        looked_at += 1
        seen = _Seen(min(left, FILE_BYTES))
        for resource in seen.resources(path):
            kind = resource.get("resourceType")
            if type(kind) is not str:
                continue
            types[kind] += 1
            notes += kind == "DocumentReference" and b'"data"' in orjson.dumps(resource.get("content"))
            found = _code(resource) if kind in codes else None
            if found:
                codes[kind][found] += 1
        left -= seen.read
        complete = complete and seen.whole
    endings = Counter(_ending(path) for path in files)
    return FhirSummary(
        len(files),
        looked_at,
        dict(sorted(endings.items())),
        dict(sorted(types.items())),
        {
            kind: tuple((code, display, n) for (code, display), n in counter.most_common(MOST_FREQUENT))
            for kind, counter in codes.items()
            if counter
        },
        notes,
        complete,
    )


class _Seen:
    """The resources of one file, and how much of it was read."""

    def __init__(self, limit: int) -> None:
        self.limit, self.read, self.whole = limit, 0, True

    def resources(self, path: Path) -> Iterator[dict[str, Any]]:
        try:
            with open_file(str(path)) as stream:
                if path.name.lower().endswith(LINE_ENDINGS):
                    while data := stream.readline(self.limit - self.read + 1):
                        self.read += len(data)
                        if self.read > self.limit:
                            self.whole = False
                            return
                        yield from _parsed(data)
                    return
                data = stream.read(self.limit + 1)
                self.read += len(data)
                self.whole = len(data) <= self.limit
                if self.whole:
                    yield from _parsed(data)
        except (OSError, EOFError):
            self.whole = False


def _parsed(data: bytes) -> Iterator[dict[str, Any]]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    if type(found) is not dict:
        return
    entries = found.get("entry")
    if found.get("resourceType") != "Bundle" or type(entries) is not list:
        yield found
        return
    for entry in entries:
        inner = entry.get("resource") if type(entry) is dict else None
        if type(inner) is dict:
            yield inner


def _code(resource: dict[str, Any]) -> tuple[str, str] | None:
    concept = resource.get("code") or resource.get("medicationCodeableConcept")
    codings = concept.get("coding") if type(concept) is dict else None
    first = codings[0] if type(codings) is list and codings else None
    if type(first) is not dict or type(first.get("code")) is not str:
        return None
    display = first.get("display")
    return first["code"], display if type(display) is str else ""


def _ending(path: Path) -> str:
    name = path.name.lower()
    return next(ending for ending in LINE_ENDINGS[::-1] + WHOLE_ENDINGS[::-1] if name.endswith(ending))
