"""The page over a cohort: every study in one table, the highest probability first, failures with reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medxmodal.records import ExplanationIndex, ExplanationRecord
from medxmodal.reporting import study_view
from medxmodal.reporting.numbers import DASH, moment, named, percent
from medxmodal.reporting.page import fill
from medxmodal.reporting.strings import say
from medxmodal.reporting.study_facts import metrics
from medxmodal.reporting.study_page import Identity


@dataclass(frozen=True)
class IndexRow:
    """One study of the table; `probability` orders it, the rest is shown."""

    study_id: str
    patient_id: str
    href: str
    probability: float | None
    value: str
    interval: str
    scale: study_view.Scale | None
    called: str
    positive: bool
    either: bool
    inputs: str
    without: str


@dataclass(frozen=True)
class FailedRow:
    """One study without a page, and why."""

    study_id: str
    reason: str


def index_row(record: ExplanationRecord, href: str, identity: Identity | None = None) -> IndexRow:
    """One study as a row.

    Args:
        record: The study's explanation.
        href: Its page, beside the index.
        identity: The real ids where the report is re-identified.
    """
    prediction, answer = record.prediction, study_view.answer(record)
    there = [named(fact.name) for fact in record.modalities if fact.present]
    gone = [named(fact.name) for fact in record.modalities if not fact.present]
    status = prediction.status
    inputs = ", ".join(there) or say("index.none")
    if there and not gone:
        inputs = say("index.all", count=len(there))
    called = study_view.class_name(record, prediction.decision) or DASH
    return IndexRow(
        study_id=identity.study_id if identity else prediction.study_id,
        patient_id=identity.patient_id if identity else "",
        href=href,
        probability=prediction.probability,
        value=DASH if prediction.probability is None else answer.value,
        interval=answer.interval_short,
        scale=answer.scale,
        called=called if status == "scored" else say(f"index.status.{status}"),
        positive=answer.positive,
        either=answer.either,
        inputs=inputs,
        without=say("index.without", names=", ".join(gone)) if gone and there else "",
    )


def index_page(
    index: ExplanationIndex,
    rows: Sequence[IndexRow],
    failed: Mapping[str, str],
    identities: Mapping[str, Identity] | None = None,
) -> str:
    """The HTML page over all studies.

    Args:
        index: `EXPLAIN/index.json`.
        rows: The studies that have a page.
        failed: Study -> why it has none.
        identities: The real ids where the report is re-identified.
    """
    question = index.question
    known = identities or {}
    ordered = sorted(rows, key=lambda row: (row.probability is None, -(row.probability or 0.0), row.study_id))
    counts = [
        (len(rows), say("index.count.pages"), ""),
        (sum(row.positive for row in rows), say("index.count.positive", name=question.positive), "for"),
        (sum(row.either for row in rows), say("index.count.either"), ""),
        (len(failed), say("index.count.failed"), ""),
    ]
    threshold = next((row.scale.threshold for row in ordered if row.scale), None)
    return fill(
        "index.html",
        question=question,
        title=say("asked.question", positive=named(question.positive), negative=question.negative),
        model=index.model,
        created=moment(index.created),
        simulated=question.simulated,
        identified=identities is not None,
        counts=counts,
        rows=ordered,
        threshold="" if threshold is None else percent(threshold / 100),
        failed=[
            FailedRow(known[name].study_id if name in known else name, reason)
            for name, reason in failed.items()
        ],
        metrics=metrics(question, index.model),
    )
