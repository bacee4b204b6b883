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
    """One line of Table 1: a variable (and level) with its summary per column.

    `smd` is the standardised mean difference of the positive from the negative studies, `p` the p-value of
    a test between them, where one was asked for; both stand on a variable's first line.
    """

    variable: str
    level: str = ""
    unit: str = ""
    summary: dict[str, str]
    smd: float | None = None
    p: float | None = None


class Stratified(Part):
    """Table 1 by something else than the label."""

    by: Literal["site", "split"]
    columns: list[str]
    rows: list[TableRow]


class Proportion(Part):
    """A share with its 95 % interval (Wilson)."""

    count: int
    of: int
    value: float = Field(ge=0, le=1)
    lower: float = Field(ge=0, le=1)
    upper: float = Field(ge=0, le=1)


class Group(Part):
    """How many of the cohort have one label, or were seen at one site."""

    by: Literal["label", "site"]
    name: str
    studies: int
    patients: int
    labelled: int
    positives: int


class SiteBand(Part):
    """Sites of about one size, counted together: from `least` to `most` studies each."""

    least: int
    most: int
    sites: int
    studies: int
    patients: int
    labelled: int
    positives: int


class Missingness(Part):
    """Share missing of one field, over all and by group; `n` studies could have had it."""

    field: str
    overall: float = Field(ge=0, le=1)
    n: int | None = None
    by_label: dict[str, float] = {}
    by_site: dict[str, float] = {}


class DescribeRecord(Record):
    """What `medxmodal describe` shows.

    Args:
        protocol: What a study is, who is in, and what is asked, in sentences.
        ids: `keep` or `keyed`.
        sources: Kind of input -> how many files went in.
        spec_sha256: Hash of the spec.
        versions: Package -> version that read the inputs.
        rebuild: Command that builds the cohort again.
        first_year: Of the index times, where they are known.
        last_year: Likewise.
        undated: Studies without an index time.
        most_studies: Of one patient.
        prevalence: Positive studies among the labelled ones.
        patient_prevalence: Patients with a positive study among those with a labelled one.
        groups: Counts by label, and by site where there are few.
        site_bands: Counts by size of site, where there are many.
        table1_by: Table 1 by site and by split.
    """

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
    protocol: list[str] = []
    ids: str = ""
    sources: dict[str, int] = {}
    spec_sha256: str = ""
    versions: dict[str, str] = {}
    rebuild: str = ""
    first_year: int | None = None
    last_year: int | None = None
    undated: int = 0
    most_studies: int = 1
    prevalence: Proportion | None = None
    patient_prevalence: Proportion | None = None
    groups: list[Group] = []
    site_bands: list[SiteBand] = []
    table1_by: list[Stratified] = []
