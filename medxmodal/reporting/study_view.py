"""From a record to what the page about one study lays out: words and widths, no markup."""

from __future__ import annotations

from dataclasses import dataclass

from medxmodal.records import BarsPanel, ExplanationRecord, ModalityFacts
from medxmodal.reporting.numbers import DASH, apart, listed, named, percent, safely, signed, tiny
from medxmodal.reporting.strings import say

NOTICEABLE = 0.1
"""A share below this fraction of the largest possible sum does not count as speaking for or against."""
SMALL = 0.02
"""Logits below which an input is said to have moved the answer hardly at all."""


@dataclass(frozen=True)
class Scale:
    """Where things stand on a scale from 0 to 100, in per cent of its width."""

    value: float
    low: float
    high: float
    threshold: float | None
    words: str


@dataclass(frozen=True)
class Answer:
    """The answer in words; `scale` is None when there is no probability.

    `either`: the interval holds the threshold, so the decision could fall either way.
    """

    value: str
    label: str
    interval: str
    called: str
    positive: bool
    sentences: list[str]
    scale: Scale | None
    threshold: str
    either: bool = False
    interval_short: str = ""


@dataclass(frozen=True)
class Input:
    """One modality: whether it was there, and its share as a bar around the middle."""

    name: str
    kind: str
    present: bool
    detail: str
    share: float
    width: float
    alone: str
    without: str


@dataclass(frozen=True)
class Shares:
    """All inputs with their sum."""

    inputs: list[Input]
    change: float
    change_width: float
    there: str
    sentences: list[str]
    adds: str


def class_name(record: ExplanationRecord, decision: str) -> str:
    """The label's own word for a decision; other words stay as they are."""
    names = {"positive": record.question.positive, "negative": record.question.negative}
    return names.get(decision, decision)


def answer(record: ExplanationRecord) -> Answer:
    """What the model answers, how sure it is, and what follows."""
    prediction, question, model = record.prediction, record.question, record.model
    label = say("answer.label", positive=question.positive)
    p = prediction.probability
    if p is None:
        why = [say("answer.failed" if prediction.status == "failed" else "answer.abstained")]
        told = [*why, prediction.error] if prediction.error else why
        return Answer(say("answer.none"), label, "", "", False, [*told, _seen(record)], None, "")
    shown, threshold, either = percent(p), "", False
    sentences = []
    if prediction.threshold is not None:
        shown_here, threshold = apart(p, prediction.threshold)
        above = p >= prediction.threshold
        key = "answer.above" if above else "answer.under"
        sentences.append(say(key, value=shown_here, threshold=threshold))
        if prediction.lower is not None and prediction.upper is not None:
            either = prediction.lower < prediction.threshold <= prediction.upper
            sentences.append(say("answer.crosses" if either else "answer.clear"))
        if model.threshold_rule:
            sentences.append(say("answer.rule", rule=model.threshold_rule))
    sentences.append(_set(record))
    sentences.append(
        say(
            "answer.base",
            positive=question.positive,
            prevalence=percent(model.prevalence),
            studies=model.studies,
        )
    )
    sentences.append(_seen(record))
    interval, scale = _interval(record, shown, threshold)
    return Answer(
        value=shown,
        label=label,
        interval=interval,
        called=say("answer.called", name=class_name(record, prediction.decision))
        if prediction.decision
        else "",
        positive=prediction.decision == "positive",
        sentences=sentences,
        scale=scale,
        threshold=say("answer.threshold", threshold=threshold) if threshold else "",
        either=either,
        interval_short=_range(record),
    )


def _interval(record: ExplanationRecord, shown: str, threshold: str) -> tuple[str, Scale]:
    prediction = record.prediction
    p = prediction.probability or 0.0
    low = prediction.lower if prediction.lower is not None else p
    high = prediction.upper if prediction.upper is not None else p
    words = say(
        "answer.scale", value=shown, low=percent(low), high=percent(high), threshold=threshold or DASH
    )
    at = None if prediction.threshold is None else round(100 * prediction.threshold, 2)
    scale = Scale(round(100 * p, 2), round(100 * low, 2), round(100 * high, 2), at, words)
    if prediction.lower is None or prediction.upper is None:
        return "", scale
    level = percent(record.model.interval_level)
    level = percent(record.model.interval_level, 0) if level.endswith(f".0{level[-2:]}") else level
    return say("answer.interval", level=level, low=percent(low), high=percent(high)), scale


def _range(record: ExplanationRecord) -> str:
    low, high = record.prediction.lower, record.prediction.upper
    return "" if low is None or high is None else say("range", low=percent(low), high=percent(high))


def _set(record: ExplanationRecord) -> str:
    held = [class_name(record, name) for name in record.prediction.prediction_set]
    level = percent(record.model.set_level, 0)
    if not held:
        return say("answer.set.none", level=level)
    if len(held) == 1:
        return say("answer.set.one", level=level, name=held[0])
    return say("answer.set.all", level=level, names=listed(held))


def _seen(record: ExplanationRecord) -> str:
    if record.prediction.seen:
        return say("answer.seen")
    members = record.model.members
    return say("answer.unseen", members=members) if members > 1 else say("answer.unseen.one")


def shares(record: ExplanationRecord) -> Shares:
    """What each input did to the answer, and that it adds up."""
    facts = record.modalities
    total = sum(fact.share for fact in facts)
    largest = max([abs(total), *(abs(fact.share) for fact in facts)], default=0.0)
    there = sum(fact.present for fact in facts)
    key = "inputs.none" if not there else "inputs.all" if there == len(facts) else "inputs.some"
    return Shares(
        inputs=[_input(record, fact, largest) for fact in facts],
        change=total,
        change_width=safely(abs(total), largest),
        there=say(key, there=there, count=len(facts)),
        sentences=_balance(record),
        adds=_adds(record, total),
    )


def _input(record: ExplanationRecord, fact: ModalityFacts, largest: float) -> Input:
    detail = ""
    if not fact.present:
        detail = fact.why_absent or say("inputs.why.unknown")
    else:
        for panel in record.panels:
            if isinstance(panel, BarsPanel) and panel.modality == fact.name and panel.bars:
                known = sum(not bar.missing for bar in panel.bars)
                detail = say("inputs.values", there=known, all=len(panel.bars))
    return Input(
        name=named(fact.name),
        kind=fact.kind,
        present=fact.present,
        detail=detail,
        share=fact.share,
        width=safely(abs(fact.share), largest),
        alone=DASH if fact.alone is None else percent(fact.alone),
        without=DASH if fact.without is None else percent(fact.without),
    )


def _balance(record: ExplanationRecord) -> list[str]:
    """Evidence for and against, in words, strongest first."""
    facts = sorted((f for f in record.modalities if f.present), key=lambda fact: -abs(fact.share))
    weight = sum(abs(fact.share) for fact in facts)
    counted = [f for f in facts if abs(f.share) > max(SMALL, NOTICEABLE * weight)]
    sides = {
        "for": [named(f.name) for f in counted if f.share > 0],
        "against": [named(f.name) for f in counted if f.share < 0],
    }
    found = []
    for side, names in sides.items():
        if names:
            verb = say("shares.verb.one" if len(names) == 1 else "shares.verb.many")
            only = ".only" if side == "against" and not sides["for"] else ""
            positive = record.question.positive
            found.append(
                say(f"shares.points.{side}{only}", names=listed(names), verb=verb, positive=positive)
            )
    if not counted:
        return [say("shares.nothing")]
    if sides["for"] and sides["against"]:
        found.append(say("shares.conflict"))
    if len(counted) > 1:
        found.append(say("shares.most", name=named(counted[0].name)))
    return found


def _adds(record: ExplanationRecord, total: float) -> str:
    prediction = record.prediction
    if prediction.logit is None or prediction.empty_logit is None:
        return ""
    words = say(
        "shares.adds",
        empty=signed(prediction.empty_logit),
        logit=signed(prediction.logit),
        change=signed(prediction.logit - prediction.empty_logit),
        sum=signed(total),
        delta=tiny(record.shares_delta),
    )
    if prediction.interaction is None or sum(fact.present for fact in record.modalities) < 2:
        return words
    interaction = signed(prediction.interaction)
    if abs(prediction.interaction) < 0.005:
        return f"{words} {say('shares.no.interaction')}"
    return f"{words} {say('shares.interaction', interaction=interaction)}"
