"""`RUN/run.json`: everything needed to train the same run again."""

from __future__ import annotations

from typing import Any, ClassVar

from medxmodal.errors import MedxmodalError, RunError
from medxmodal.records.base import Part, Record

FORMAT_VERSION = 1


class CohortFacts(Part):
    """The cohort a run was trained on; no patient in it."""

    name: str
    title: str
    fingerprint: str
    licence: str = ""
    cite: str = ""
    simulated: bool = False
    studies: int
    patients: int
    sites: dict[str, int]
    prevalence: float
    index_period: str = ""


class TaskFacts(Part):
    """The task, with the label's own words."""

    name: str
    kind: str
    positive: str
    negative: str


class MemberFacts(Part):
    """One member: which fold it left out, how it was trained, which weights it has."""

    member: int
    fold: int
    repeat: int
    seed: int
    trained: int
    epochs: int
    weights_sha256: str
    interaction: str = ""
    seconds: float = 0.0


class ModalityRecord(Part):
    """One modality of a run: its kind, settings, the cohort's spec of it, and its weights' origin."""

    kind: str
    settings: dict[str, Any]
    spec: dict[str, Any] = {}
    weights: dict[str, str] = {}


class RunRecord(Record):
    """`run.json`. `fingerprint` covers what changes results; times and hardware do not."""

    error: ClassVar[type[MedxmodalError]] = RunError
    again: ClassVar[str] = "copy the run again, or train it again"

    format_version: int = FORMAT_VERSION
    name: str
    created: str
    fingerprint: str
    recipe: dict[str, Any]
    preset: str
    task: TaskFacts
    cohort: CohortFacts
    modalities: dict[str, ModalityRecord]
    members: list[MemberFacts]
    seeds: dict[str, int]
    versions: dict[str, str]
    hardware: dict[str, str]
    said: list[str] = []
    failed: dict[str, str] = {}
    adaptation: dict[str, Any] = {}
    command: str = ""
