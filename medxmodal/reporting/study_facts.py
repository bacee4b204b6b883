"""What stands beside the answer: how good the model is, how to read the page, where it came from."""

from __future__ import annotations

from dataclasses import dataclass

from medxmodal.records import ExplanationRecord, ModelFacts, Question
from medxmodal.reporting.metrics_view import cell
from medxmodal.reporting.numbers import moment, named, percent, signed
from medxmodal.reporting.strings import TEXT, say

SHOWN_HASH = 12


@dataclass(frozen=True)
class Metric:
    """One measure of the model with its interval, and what it means in words."""

    name: str
    means: str
    value: str
    interval: str
    n: str


@dataclass(frozen=True)
class Entry:
    """One line of the provenance."""

    name: str
    value: str
    code: bool = False
    wide: bool = False


def metrics(question: Question, model: ModelFacts) -> list[Metric]:
    """The fused model's figures on patients it had not seen, in words a clinician can use."""
    return [_metric(name, figures, question, model) for name, figures in model.performance.items()]


def _metric(name: str, figures: dict[str, float | None], question: Question, model: ModelFacts) -> Metric:
    found, value, n = cell(figures), figures.get("value"), figures.get("n")
    key, prevalence = f"metric.{name}", model.prevalence
    means = ""
    if f"{key}.means" in TEXT and value is not None:
        means = say(
            f"{key}.means",
            positive=question.positive,
            negative=question.negative,
            percent=percent(min(1.0, max(0.0, value))),
            prevalence=percent(prevalence),
            base=f"{prevalence * (1 - prevalence):.2f}",
        )
    return Metric(
        name=say(key) if key in TEXT else named(name),
        means=means,
        value=found.value,
        interval=found.interval,
        n="" if n is None else f"{n:.0f}",
    )


def reading(record: ExplanationRecord) -> list[tuple[str, str]]:
    """How to read the page: each word on it that is not everyday English."""
    positive, p = record.question.positive, record.prediction.probability
    found = []
    if p is not None:
        text = say("read.probability.text", value=percent(p), count=round(100 * p), positive=positive)
        found.append((say("read.probability"), text))
    words = ["threshold", "logit", "share"] if p is not None else ["share"]
    return found + [(say(f"read.{word}"), say(f"read.{word}.text")) for word in (*words, "attribution")]


def provenance(record: ExplanationRecord) -> list[Entry]:
    """Where the answer came from, so that it can be made again; lines without a value are left out."""
    model, prediction = record.model, record.prediction
    logit = "" if prediction.logit is None else signed(prediction.logit, 4)
    hashes = ", ".join(f"{name} {value[:SHOWN_HASH]}" for name, value in record.inputs_sha256.items())
    entries = [
        Entry(say("provenance.run"), model.run),
        Entry(say("provenance.version"), model.version),
        Entry(say("provenance.model.created"), moment(model.created)),
        Entry(say("provenance.created"), moment(record.created)),
        Entry(say("provenance.members"), str(model.members)),
        Entry(say("provenance.fusion"), model.fusion),
        Entry(say("provenance.trained"), model.trained_on),
        Entry(say("provenance.logit"), logit),
        Entry(say("provenance.licence"), record.licence),
        Entry(say("provenance.weights"), model.weights, code=True, wide=True),
        Entry(say("provenance.inputs"), hashes, code=True, wide=True),
        Entry(say("provenance.arrays"), record.arrays_sha256, code=True, wide=True),
        Entry(say("provenance.command"), record.command, code=True, wide=True),
    ]
    return [entry for entry in entries if entry.value]
