"""What a cohort is made of: counts, flow, Table 1, missingness, quality."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from medxmodal.errors import CohortError, MedxmodalError
from medxmodal.records.base import Part, Record


class FlowStep(Part):
    """One step from records found to studies kept; `removed` with its reason."""

    step: str
    removed: int = 0
    remaining: int
    reason: str = ""


class Flow(Record):
    """`flow.json`: found = studies + excluded + failed, always."""

    error: ClassVar[type[MedxmodalError]] = CohortError
    again: ClassVar[str] = "build the cohort again"

    found: int
    steps: list[FlowStep]
    excluded: int
    failed: int
    studies: int


class Problem(Part):
    """Something wrong with one study's input, by position and content hash, never by file name."""

    study_id: str
    modality: str = ""
    field: str = ""
    reason: str


class FailedStudy(Part):
    """A record that could not become a study; scoring lists it as `failed`."""

    study_id: str
    patient_id: str
    site: str
    reason: str


class LeakSuspect(Part):
    """One input that tells the label suspiciously well on its own.

    The interval holds for all inputs of its kind together: it is widened by how many were tried.
    """

    kind: Literal["column", "presence", "word", "site"]
    name: str
    auroc: float = Field(ge=0.5, le=1)
    lower: float
    upper: float
    n: int
    why: str


class BurntInText(Part):
    """How many images of a modality seem to have letters or calipers in the picture itself."""

    studies: int
    suspected: int
    share: float = Field(ge=0, le=1)
    study_ids: list[str] = []


class Quality(Record):
    """`quality.json`: problems by study, values set to missing, failed records, what may leak."""

    error: ClassVar[type[MedxmodalError]] = CohortError
    again: ClassVar[str] = "build the cohort again"

    problems: list[Problem] = []
    failed: list[FailedStudy] = []
    set_to_missing: dict[str, dict[str, int]] = {}
    duplicate_inputs: list[list[str]] = []
    near_duplicates: list[list[str]] = []
    duplicate_rows: list[list[str]] = []
    burnt_in_text: dict[str, BurntInText] = {}
    units: dict[str, dict[str, int]] = {}
    constant_columns: list[str] = []
    leak_columns_found: list[str] = []
    leak_suspects: list[LeakSuspect] = []
    skipped_exclusions: list[str] = []
    notes: list[str] = []


class ModalityCount(Part):
    """How many studies have exactly this set of modalities."""

    modalities: list[str]
    studies: int


class TableRow(Part):
    """One line of Table 1: a variable (and level) with its summary per column."""

    variable: str
    level: str = ""
    unit: str = ""
    summary: dict[str, str]


class Missingness(Part):
    """Share missing of one field, over all and by group."""

    field: str
    overall: float = Field(ge=0, le=1)
    by_label: dict[str, float] = {}
    by_site: dict[str, float] = {}


class DescribeRecord(Record):
    """What `medxmodal describe` shows."""

    error: ClassVar[type[MedxmodalError]] = CohortError
    again: ClassVar[str] = "build the cohort again"

    name: str
    title: str
    simulated: bool
    licence: str
    cite: str
    fingerprint: str
    studies: int
    patients: int
    sites: dict[str, int]
    task: str
    positive: str
    negative: str
    labelled: int
    positives: int
    modalities: dict[str, int]
    cooccurrence: list[ModalityCount]
    flow: Flow
    table1_columns: list[str]
    table1: list[TableRow]
    missingness: list[Missingness]
    mask_only_auroc: dict[str, float | None] = {}
    quality: Quality
