"""`Tally`: what the workers found, counted together in an order that no worker count can change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medxmodal.cohort.sources.fhir.errors import FhirIssue
from medxmodal.cohort.sources.fhir.places import Places
from medxmodal.cohort.sources.fhir.validate import LEAST, SHARE, Validation, complaint
from medxmodal.cohort.sources.fhir.work import UNREADABLE
from medxmodal.cohort.sources.rows import SourceFile

MAX_ISSUES = 10_000
"""Issues kept one by one; all are counted."""


@dataclass
class Tally:
    """Counts over all tasks; see `FhirWork.answer` and `settle`."""

    found: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    withdrawn: Counter[str] = field(default_factory=Counter)
    deleted: dict[str, str] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    revised: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    validated: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    raw: list[list[Any]] = field(default_factory=list)
    units: dict[int, int] = field(default_factory=dict)
    files: dict[int, SourceFile] = field(default_factory=dict)
    waiting: dict[str, list[tuple[int, int, int, dict[str, Any]]]] = field(default_factory=dict)

    def add(self, answer: Mapping[str, Any]) -> None:
        """Count one answer; answers come in the order of their tasks."""
        for name in ("found", "unused", "withdrawn", "lost", "doubled", "revised", "remarks", "validated"):
            getattr(self, name).update(answer.get(name, {}))
        for name, time in answer.get("deleted", {}).items():
            self.deleted[name] = max(self.deleted.get(name, ""), time)
        for kind, reason, n in answer["reasons"]:
            self.reasons[kind, reason] += n
        self.raw += answer["issues"][: MAX_ISSUES - len(self.raw)]
        self.units.update({piece: n for piece, n in answer.get("units", ())})
        for file, sha256, size in answer.get("files", ()):
            self.files[file] = SourceFile(sha256, size)
        for place, piece, number, resource in answer.get("waiting", ()):
            self.waiting.setdefault(resource["resourceType"], []).append((place, piece, number, resource))
        for kind in list(self.waiting):
            if self.validated[kind] >= LEAST:
                del self.waiting[kind]
            else:
                _keep_first(self.waiting[kind])

    def finish_sample(self) -> None:
        """Validate more of the types of which the share was fewer than the least number."""
        for kind, held in sorted(self.waiting.items()):
            _keep_first(held)
            for _, piece, number, resource in held[: max(0, LEAST - self.validated[kind])]:
                self.validated[kind] += 1
                said = complaint(resource)
                if said:
                    self.reasons[kind, said] += 1
                    self.raw.append([piece, number, kind, said, None, True])
        self.waiting.clear()

    def issues(self, places: Places) -> tuple[FhirIssue, ...]:
        """Issues one by one, by place."""
        ordered = sorted(self.raw, key=lambda issue: (*places.order(issue[0], issue[1]), issue[2], issue[3]))
        return tuple(
            FhirIssue(
                places.shown(kind if kind != UNREADABLE else "", piece, number),
                reason,
                patient,
                kind if kind != UNREADABLE else "",
                kept,
            )
            for piece, number, kind, reason, patient, kept in ordered
        )

    def notes(self, validate: Validation, *, checked: bool) -> tuple[str, ...]:
        """What was assumed, left out and why."""
        notes = [
            f"{n} {kind} marked entered-in-error, refuted, cancelled, not done or deleted, left out"
            for kind, n in sorted(self.withdrawn.items())
            if n
        ]
        notes += [
            f"{n} {kind} found more than once, counted once" for kind, n in sorted(self.doubled.items())
        ]
        notes += [
            f"{n} {kind} found with different content under one id: the latest meta.lastUpdated counts"
            for kind, n in sorted(self.revised.items())
        ]
        notes += [f"{n} {words}" for words, n in sorted(self.remarks.items())]
        if self.unused:
            named = ", ".join(f"{kind} {n}" for kind, n in sorted(self.unused.items()))
            notes.append(f"types of resources that no table uses: {named}")
        if not checked and self.found.total():
            notes.append("there are no Patient resources: whether a patient is known was not checked")
        if validate != "none" and self.validated:
            share = (
                f"{SHARE:.0%} of each type, at least {LEAST}" if validate == "sample" else "every resource"
            )
            notes.append(f"validated whole against R4B: {share}, {self.validated.total()} in all")
        total = self.reasons.total()
        if total > len(self.raw):
            notes.append(f"of {total} issues {len(self.raw)} are listed one by one")
        return tuple(notes)


def _keep_first(held: list[tuple[int, int, int, dict[str, Any]]]) -> None:
    held.sort(key=lambda item: item[:3])
    del held[LEAST:]
