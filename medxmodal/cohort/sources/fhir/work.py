"""`FhirWork`: what a worker does with its pieces of the files; its answers are plain JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from medxmodal.cohort.root import file_sha256
from medxmodal.cohort.sources.fhir.deleted import deleted_entry
from medxmodal.cohort.sources.fhir.errors import BadResource
from medxmodal.cohort.sources.fhir.lines import (
    GZIP_ERRORS,
    MAX_BUNDLE,
    MAX_LINE,
    Piece,
    open_file,
    read_lines,
    type_at_start,
    type_by_sight,
)
from medxmodal.cohort.sources.fhir.memory import no_cycles
from medxmodal.cohort.sources.fhir.references import bundle_urls
from medxmodal.cohort.sources.fhir.rows import Flattener, table_columns
from medxmodal.cohort.sources.fhir.spill import Spill
from medxmodal.cohort.sources.fhir.types import R4_TYPES
from medxmodal.cohort.sources.fhir.validate import Sampler, Validation
from medxmodal.cohort.sources.fhir.views import FhirView

KNOWN = -1
"""The table of those who are known: one record a patient, whatever tables were asked for."""
MAX_DETAILS = 500
"""Issues of one task that are kept one by one; all are counted."""
UNREADABLE = "unreadable"
"""What a resource counts as whose type cannot be read."""
_BOM = b"\xef\xbb\xbf"


class FhirWork:
    """Reads pieces into the scratch folder.

    Args:
        views: Table -> view.
        folder: The scratch folder.
        buckets: How many buckets of patients there are.
        validate: What is validated whole.
        worker: Number of this worker.
    """

    def __init__(
        self,
        views: Mapping[str, FhirView],
        folder: Path,
        buckets: int,
        validate: Validation,
        worker: int = 0,
    ) -> None:
        self.flattener = Flattener(views)
        self.wanted = self.flattener.wanted
        self.spill = Spill(folder, buckets, worker)
        self.validate = validate
        self.patient_tables = {
            position: len(table_columns(view))
            for position, view in enumerate(views.values())
            if view.resource == "Patient"
        }
        self._begin()

    def _begin(self) -> None:
        self.found: Counter[str] = Counter()
        self.unused: Counter[str] = Counter()
        self.withdrawn: Counter[str] = Counter()
        self.deleted: dict[str, str] = {}
        self.lost: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.issues: list[list[Any]] = []
        self.units: dict[int, int] = {}
        self.files: dict[int, tuple[str, int]] = {}
        self.sampler = Sampler(self.validate)
        self.flattener.context.remarks = Counter()

    def read(self, pieces: list[Piece]) -> dict[str, Any]:
        """Read some pieces; the answer is counted in `fhir_tally`."""
        with no_cycles():
            for piece in pieces:
                if piece.start == 0:
                    path = Path(piece.path)
                    self.files[piece.file] = (file_sha256(path), path.stat().st_size)
                if piece.lines:
                    self._lines(piece)
                else:
                    self._whole(piece)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """What was found since the last answer; what was spilled is on disk."""
        self.spill.flush()
        found = {
            "found": dict(self.found),
            "unused": dict(self.unused),
            "withdrawn": dict(self.withdrawn),
            "deleted": self.deleted,
            "lost": dict(self.lost),
            "reasons": [[kind, reason, n] for (kind, reason), n in self.reasons.items()],
            "issues": self.issues,
            "units": list(self.units.items()),
            "files": [[file, *known] for file, known in self.files.items()],
            "remarks": dict(self.flattener.context.remarks),
            "validated": dict(self.sampler.validated),
            "waiting": self.sampler.left(),
        }
        self._begin()
        return found

    def _lines(self, piece: Piece) -> None:
        wanted, number = self.wanted, 0
        try:
            with open_file(piece.path) as stream:
                for number, data in enumerate(read_lines(stream, piece), 1):
                    kind = type_at_start(data)
                    if kind is not None and kind not in wanted and kind != "Bundle" and kind in R4_TYPES:
                        self.unused[kind] += 1
                    elif kind is not None or not data.isspace():
                        self._line(data, kind, piece, number)
        except GZIP_ERRORS:
            self._bad(piece.number, number + 1, UNREADABLE, "the file is a damaged gzip file from here on")
        except OSError as error:
            reason = f"the file cannot be read: {error.strerror or 'a damaged gzip file'}"
            self._bad(piece.number, number + 1, UNREADABLE, reason)
        self.units[piece.number] = number

    def _line(self, data: bytes, kind: str | None, piece: Piece, number: int) -> None:
        if len(data) > MAX_LINE and data[-1:] != b"\n":
            reason = f"the line has more than {MAX_LINE >> 20} MiB"
            self._bad(piece.number, number, kind or type_by_sight(data), reason)
            return
        try:
            if number == 1 and not piece.start and data.startswith(_BOM):
                data = data[3:]
            resource = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            self._bad(piece.number, number, kind or type_by_sight(data), _json_reason(error, "the line"))
            return
        self.take(resource, piece.number, number)

    def _whole(self, piece: Piece) -> None:
        self.units[piece.number] = 0
        reason = ""
        try:
            with open_file(piece.path) as stream:
                data = stream.read(MAX_BUNDLE + 1)
            if len(data) > MAX_BUNDLE:
                reason = f"the file has more than {MAX_BUNDLE >> 20} MiB"
            else:
                bundle = orjson.loads(data.removeprefix(_BOM))
        except orjson.JSONDecodeError as error:
            reason = _json_reason(error, "the file")
        except GZIP_ERRORS:
            reason = "the file is a damaged gzip file"
        except OSError as error:
            reason = f"the file cannot be read: {error.strerror or 'a damaged gzip file'}"
        if reason:  # whose patients it holds cannot be known: one record that failed
            self._bad(piece.number, 0, "Patient", reason)
        else:
            self.take(bundle, piece.number, 0)

    def take(self, resource: object, piece: int, number: int, *, counted: bool = False) -> None:
        """Take a parsed resource, or every resource of a bundle.

        Args:
            resource: As parsed.
            piece: Where it stands.
            number: Its line; 0 where a file is one bundle, whose entries are counted then.
            counted: Whether `number` resources came before it, as from a server.
        """
        if type(resource) is dict and resource.get("resourceType") == "Bundle":
            self._bundle(resource, piece, number, counted or not number)
        else:
            self._resource(resource, None, piece, number + counted)

    def _bundle(self, bundle: dict[str, Any], piece: int, number: int, counted: bool) -> None:
        entries = bundle.get("entry")
        if entries is None:
            return
        if type(entries) is not list:
            self._bad(piece, number, UNREADABLE, "the bundle's entry is not a list")
            return
        context = self.flattener.context
        context.urls = bundle_urls(entries)
        for position, entry in enumerate(entries, 1):
            at = number + position if counted else number
            if type(entry) is not dict:
                self._bad(piece, at, UNREADABLE, "an entry of the bundle is not an element")
            elif (gone := deleted_entry(entry)) is not None:
                kind, key, time = gone
                if kind in self.wanted:
                    name = f"{kind}/{key}"
                    self.deleted[name] = max(self.deleted.get(name, ""), time)
            elif "resource" in entry:
                inner = entry["resource"]
                if type(inner) is dict and inner.get("resourceType") == "Bundle":
                    self._bad(piece, at, UNREADABLE, "a bundle inside a bundle is not read")
                else:
                    self._resource(inner, entry.get("fullUrl"), piece, at)
        context.urls = {}

    def _resource(self, resource: object, full_url: object, piece: int, number: int) -> None:
        if type(resource) is not dict:
            self._bad(piece, number, UNREADABLE, "it is not a resource")
            return
        kind = resource.get("resourceType")
        if type(kind) is not str or kind not in self.wanted:
            self._unwanted(kind, piece, number)
            return
        self.found[kind] += 1
        try:
            flat = self.flattener.flatten(resource, full_url)
        except BadResource as error:
            self._bad_resource(resource, kind, str(error), full_url, piece, number)
            return
        if flat is None:
            self.withdrawn[kind] += 1
            return
        complaint = self.sampler.check(resource, flat.key, piece, number)
        if complaint:
            self._issue(piece, number, kind, complaint, flat.patient, kept=True)
        if kind == "Patient":
            self.spill.add(flat.key, [KNOWN, piece, number, flat.key, flat.updated, "", flat.key, []])
        for table, rows in flat.rows:
            record = [table, piece, number, flat.key, flat.updated, "", flat.patient, rows]
            self.spill.add(flat.patient, record)

    def _unwanted(self, kind: object, piece: int, number: int) -> None:
        if type(kind) is not str:
            self._bad(piece, number, UNREADABLE, "resourceType is missing")
        elif kind in R4_TYPES:
            self.unused[kind] += 1
        else:
            self._bad(piece, number, UNREADABLE, "resourceType is unknown in R4")

    def _bad_resource(
        self, resource: dict[str, Any], kind: str, reason: str, full_url: object, piece: int, number: int
    ) -> None:
        try:
            patient: str | None = self.flattener.identify(resource, full_url)
        except BadResource:
            patient = None
        self.found[kind] -= 1  # it is counted again as bad
        self._bad(piece, number, kind, reason, patient)

    def _bad(self, piece: int, number: int, kind: str, reason: str, patient: str | None = None) -> None:
        """Record what is bad; a patient stays as a record that failed."""
        if not re.fullmatch(r"[A-Z]\w+", kind) or kind not in R4_TYPES:
            kind = UNREADABLE
        if kind not in self.wanted and kind != UNREADABLE:
            self.unused[kind] += 1
            return
        self.found[kind] += 1
        is_patient = kind == "Patient"
        self._issue(piece, number, kind, reason, patient, kept=is_patient and bool(self.patient_tables))
        if not is_patient:
            return
        if patient is not None:
            self.spill.add(patient, [KNOWN, piece, number, patient, "", "", patient, []])
        for table, width in self.patient_tables.items():
            cells = [patient, patient, *[None] * (width - 2)]
            key = patient or f"{piece} {number}"
            self.spill.add(patient, [table, piece, number, key, "", reason, patient, [cells]])

    def _issue(
        self, piece: int, number: int, kind: str, reason: str, patient: str | None, *, kept: bool
    ) -> None:
        self.reasons[kind, reason] += 1
        self.lost[kind] += not kept
        if len(self.issues) < MAX_DETAILS:
            self.issues.append([piece, number, kind, reason, patient, kept])


def _json_reason(error: orjson.JSONDecodeError, what: str) -> str:
    if "UTF-8" in str(error):
        return f"{what} is not UTF-8"
    return f"{what} is not readable JSON"
