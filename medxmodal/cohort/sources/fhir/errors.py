"""`BadResource` and `FhirIssue`: what was wrong with one resource, without any value of it."""

from __future__ import annotations

from dataclasses import dataclass


class BadResource(ValueError):
    """A resource cannot be used; the message names the path and never a value."""


@dataclass(frozen=True, slots=True)
class FhirIssue:
    """A resource that was found and is bad.

    Args:
        place: Where it stands, by position and content hash of its file.
        reason: What is wrong; no values.
        patient: Resolved id of its patient, where known.
        resource: Its type; empty where even that cannot be read.
        kept: Whether its rows are in the table nevertheless: what is wrong lies outside the columns
            used, or it is a patient, who stays as a failed record.
    """

    place: str
    reason: str
    patient: str | None
    resource: str
    kept: bool = False
