"""FHIR R4 as tables: bundles and bulk NDJSON in folders, or resources that a server gives one by one.

Rows are spilled to disk by patient and given back one bucket of patients at a time, so that memory does
not grow with the patients. Nothing is lost in silence: every resource of a type that is used is a row, or
was marked entered in error, or was found before, or is an issue with its place.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from medxmodal.cohort.sources.fhir.deleted import Deleted
from medxmodal.cohort.sources.fhir.errors import FhirIssue
from medxmodal.cohort.sources.fhir.lines import plan_pieces, unpacked_size
from medxmodal.cohort.sources.fhir.memory import no_cycles
from medxmodal.cohort.sources.fhir.places import Places
from medxmodal.cohort.sources.fhir.rows import table_columns
from medxmodal.cohort.sources.fhir.spill import scratch_folder
from medxmodal.cohort.sources.fhir.tally import Tally
from medxmodal.cohort.sources.fhir.types import R4_TYPES
from medxmodal.cohort.sources.fhir.validate import Validation
from medxmodal.cohort.sources.fhir.views import FhirView, default_view
from medxmodal.cohort.sources.fhir.worker import Helpers, Worker, read_request, settle_request
from medxmodal.cohort.sources.rows import Row, SourceFile
from medxmodal.errors import InputError, SpecError

__all__ = [
    "FhirIssue", "FhirStore", "FhirView", "default_view", "read_fhir", "read_resources", "scratch_folder",
    "suggest_buckets",
]  # fmt: skip

Ask = Callable[[Sequence[Mapping[str, Any]]], Iterator[dict[str, Any]]]
"""Gives the answers to requests, in their order."""
_ANSWER_AFTER = 10_000
"""Resources of a server after which what was found is counted."""
BUCKET_BYTES = 10 << 20
"""Of FHIR, unpacked, that one bucket of patients shall hold, about."""


@dataclass(frozen=True)
class FhirStore:
    """What was read; the rows lie in the scratch folder until its owner removes it.

    For each type, found = in the tables + withdrawn + doubled + lost.

    Args:
        found: Type -> resources found, of the types used; `unreadable` counts those without a type.
        columns: Table -> its columns.
        files: What was read, sorted by content; `file 3` in a place is the third.
        notes: What was assumed, or left out and why.
        issues: Bad resources with their places; the first ten thousand.
        reasons: (type, reason) -> how many; all of them.
        withdrawn: Type -> resources that say they are an error or did not happen, or that were deleted.
        doubled: Type -> resources found again and counted once.
        lost: Type -> bad resources that are in no table.
        validated: Type -> resources validated whole.
        folder: The scratch folder.
        buckets: How many buckets of patients lie there.
    """

    found: Mapping[str, int]
    columns: Mapping[str, tuple[str, ...]]
    files: tuple[SourceFile, ...]
    notes: tuple[str, ...]
    issues: tuple[FhirIssue, ...]
    reasons: Mapping[tuple[str, str], int]
    withdrawn: Mapping[str, int]
    doubled: Mapping[str, int]
    lost: Mapping[str, int]
    validated: Mapping[str, int]
    folder: Path
    buckets: int

    def parts(self) -> Iterator[dict[str, list[Row]]]:
        """Table -> rows, one bucket of patients at a time: all rows of a patient come together.

        Patients come by the hash of their id, their rows by time and id, whatever the order of the files
        and the number of workers and buckets. Rows are numbered through all parts, from 2.
        """
        numbers = dict.fromkeys(self.columns, 2)
        for bucket in range(self.buckets):
            try:
                data = (self.folder / f"settled-{bucket}").read_bytes()
            except FileNotFoundError as error:
                raise InputError(
                    "the scratch folder of the FHIR rows is gone", hint="Read them inside its context."
                ) from error
            part = {}
            with no_cycles():
                settled = orjson.loads(data)
                for (table, columns), rows in zip(self.columns.items(), settled, strict=True):
                    first = numbers[table]
                    part[table] = [
                        Row(number, dict(zip(columns, cells, strict=True)), problem, place)
                        for number, (place, problem, cells) in enumerate(rows, first)
                    ]
                    numbers[table] = first + len(rows)
            del data, settled
            yield part


def suggest_buckets(files: Sequence[Path]) -> int:
    """How many buckets keep one bucket's memory the same, whatever the number of patients."""
    size = sum(unpacked_size(path) for path in files)
    return max(1, -(-size // BUCKET_BYTES))


def read_fhir(
    files: Sequence[Path],
    views: Mapping[str, FhirView],
    scratch: Path,
    *,
    buckets: int,
    workers: int = 1,
    validate: Validation = "sample",
) -> FhirStore:
    """Read bundles (`.json`) and NDJSON (`.ndjson`), gzipped or not.

    Args:
        files: Files; their names are never shown.
        views: Table -> what becomes its columns.
        scratch: An empty folder that only its owner can read; see `scratch_folder`.
        buckets: How many buckets of patients; see `suggest_buckets`.
        workers: Processes; with one, the work is done in this one.
        validate: Which resources are validated whole; the values used are always checked.

    Raises:
        InputError: A file is missing or of no kind that is read, or a worker died.
        SpecError: A path or a setting is wrong.
        PrivacyError: A path may hold names or other identifiers.
    """
    columns = _checked(views, buckets, workers, validate)
    tasks = plan_pieces(files)
    pieces = [piece for task in tasks for piece in task]
    tally = Tally()
    with ExitStack() as stack:
        ask = _asker(stack, min(workers, max(len(tasks), 1)), views, scratch, buckets, validate)
        for answer in ask([read_request(task) for task in tasks]):
            tally.add(answer)
        tally.finish_sample()
        places = Places.of_files(pieces, tally.files, tally.units)
        return _settled(tally, places, columns, scratch, buckets, validate, ask)


def read_resources(
    resources: Iterable[object],
    views: Mapping[str, FhirView],
    scratch: Path,
    *,
    buckets: int,
    validate: Validation = "sample",
) -> FhirStore:
    """Take resources, or bundles of them, one by one, as a server gives them.

    Args:
        resources: Parsed JSON: resources, or bundles such as the pages of a search.
        views: Table -> what becomes its columns.
        scratch: An empty folder that only its owner can read; see `scratch_folder`.
        buckets: How many buckets of patients.
        validate: Which resources are validated whole.

    Returns:
        The store; its one file is the content of all resources, whatever their order.

    Raises:
        SpecError: A path or a setting is wrong.
        PrivacyError: A path may hold names or other identifiers.
    """
    columns = _checked(views, buckets, 1, validate)
    worker = Worker(views, scratch, buckets, validate)
    total, size, number, told = 0, 0, 0, 0
    tally = Tally()
    for item in resources:
        inside = _inside(item)
        worker.work.take(item, 0, number, counted=True)
        for resource in inside:
            data = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
            total += int.from_bytes(hashlib.sha256(data).digest(), "big")
            size += len(data)
        number += len(inside)
        if number - told >= _ANSWER_AFTER:
            tally.add(worker.work.answer())
            told = number
    tally.add(worker.work.answer())
    tally.finish_sample()
    tally.files[0] = SourceFile(f"{total % 2**256:064x}", size)
    return _settled(
        tally,
        Places.of_stream(),
        columns,
        scratch,
        buckets,
        validate,
        lambda requests: map(worker.ask, requests),
    )


def _inside(item: object) -> list[Any]:
    """What a page holds, one a numbered place; a single resource holds itself."""
    if type(item) is dict and item.get("resourceType") == "Bundle":
        entries = item.get("entry")
        if type(entries) is list:
            return [entry.get("resource") if type(entry) is dict else entry for entry in entries]
        return []
    return [item]


def _checked(
    views: Mapping[str, FhirView], buckets: int, workers: int, validate: str
) -> dict[str, tuple[str, ...]]:
    """The columns of each table.

    Raises:
        SpecError: A path or a setting is wrong.
        PrivacyError: A path may hold names or other identifiers.
    """
    if buckets < 1 or workers < 1:
        raise SpecError("FHIR files need at least one bucket and one worker")
    if validate not in {"none", "sample", "full"}:
        raise SpecError(f"validate is '{validate}'", hint="Use none, sample or full.")
    for view in views.values():
        if view.resource not in R4_TYPES:
            default_view(view.resource)  # which says what is near
    return {table: table_columns(view) for table, view in views.items()}


def _asker(
    stack: ExitStack,
    workers: int,
    views: Mapping[str, FhirView],
    scratch: Path,
    buckets: int,
    validate: Validation,
) -> Ask:
    if workers == 1:
        worker = Worker(views, scratch, buckets, validate)
        return lambda requests: map(worker.ask, requests)
    return stack.enter_context(Helpers(workers, views, scratch, buckets, validate)).map


def _settled(
    tally: Tally,
    places: Places,
    columns: Mapping[str, tuple[str, ...]],
    scratch: Path,
    buckets: int,
    validate: Validation,
    ask: Ask,
) -> FhirStore:
    """Let every bucket be settled, and tell what was found."""
    places.save(scratch)
    Deleted(tally.deleted).save(scratch)
    check = tally.found["Patient"] > 0
    for answer in ask([settle_request(bucket, check) for bucket in range(buckets)]):
        tally.add(answer)
    return FhirStore(
        found=_sorted(tally.found),
        columns=dict(columns),
        files=tuple(sorted(tally.files.values(), key=lambda file: file.sha256)),
        notes=tally.notes(validate, checked=check),
        issues=tally.issues(places),
        reasons={key: n for key, n in sorted(tally.reasons.items()) if n},
        withdrawn=_sorted(tally.withdrawn),
        doubled=_sorted(tally.doubled),
        lost=_sorted(tally.lost),
        validated=_sorted(tally.validated),
        folder=scratch,
        buckets=buckets,
    )


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {kind: n for kind, n in sorted(counts.items()) if n}
