"""Everything a report says about one study, and nothing it does not."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from medxmodal.errors import ExplanationError, MedxmodalError
from medxmodal.records.base import Part, Record
from medxmodal.records.panel import Panel
from medxmodal.records.prediction import PredictionRecord


class Question(Part):
    """What was asked: the task, in the words of the cohort."""

    task: str
    positive: str
    negative: str
    cohort: str
    cohort_title: str
    simulated: bool = False


class ModelFacts(Part):
    """Which model answered, and how it did on patients it had not seen.

    `performance` is `{metric: {value, lower, upper, n}}` of the fused model, out-of-fold.
    `interval_level` and `set_level` are the nominal coverage of the interval and the prediction set.
    """

    run: str
    weights: str
    version: str
    created: str
    members: int
    fusion: str
    trained_on: str
    studies: int
    prevalence: float
    threshold_rule: str
    performance: dict[str, dict[str, float | None]] = {}
    adapted: str = ""
    interval_level: float = Field(default=0.95, gt=0, lt=1)
    set_level: float = Field(default=0.9, gt=0, lt=1)


class ModalityFacts(Part):
    """What one modality said in this study; `alone` is the prediction from it only."""

    name: str
    kind: str
    present: bool
    share: float
    evidence: float | None = None
    alone: float | None = Field(default=None, ge=0, le=1)
    without: float | None = Field(default=None, ge=0, le=1)
    why_absent: str = ""


class AttributionFacts(Part):
    """How an attribution was made, and how far it adds up.

    `completeness_delta` = sum of attributions - (logit - logit at the baseline), in logits; None
    for methods that do not promise completeness (Grad-CAM).
    """

    modality: str
    method: str
    baseline: str
    completeness_delta: float | None = None
    logit_change: float | None = None
    settings: dict[str, str | int | float] = {}


class ExplanationRecord(Record):
    """The explanation of one study, as JSON; arrays lie beside it in `<study_id>.npz`.

    `index_time` is what was known by when, shifted where the cohort is keyed; empty when unknown.
    """

    error: ClassVar[type[MedxmodalError]] = ExplanationError
    again: ClassVar[str] = "explain again"

    question: Question
    prediction: PredictionRecord
    modalities: list[ModalityFacts]
    attributions: list[AttributionFacts]
    panels: list[Panel]
    model: ModelFacts
    shares_delta: float
    index_time: str = ""
    arrays: str = ""
    arrays_sha256: str = ""
    inputs_sha256: dict[str, str] = {}
    created: str
    command: str = ""
    licence: str = ""


class IndexEntry(Part):
    """One study in `EXPLAIN/index.json`; `file` is empty when it failed."""

    study_id: str
    file: str
    probability: float | None
    decision: str
    status: str
    error: str = ""


class ExplanationIndex(Record):
    """`EXPLAIN/index.json`: which studies were explained, and which failed and why."""

    error: ClassVar[type[MedxmodalError]] = ExplanationError
    again: ClassVar[str] = "explain again"

    question: Question
    model: ModelFacts
    entries: list[IndexEntry]
    created: str
