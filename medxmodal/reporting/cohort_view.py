"""From the description of a cohort to what its page, its card and its text lay out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from medxmodal.records import DescribeRecord, Missingness, Quality, TableRow
from medxmodal.reporting.numbers import DASH, figure, named, percent, safely, unit
from medxmodal.reporting.strings import TEXT, say

ALARM = 0.6
"""A mask-only AUROC above this says that what was ordered tells of the label."""
MOST_LINES = 12
"""So many lines of one kind of finding are listed; the rest is counted."""


@dataclass(frozen=True)
class SetRow:
    """How many studies have exactly these inputs; `width` in per cent of the largest."""

    name: str
    studies: int
    share: str
    width: float


@dataclass(frozen=True)
class VariableRow:
    """A line of Table 1; `first` where a variable begins."""

    variable: str
    level: str
    unit: str
    first: bool
    cells: list[str]


@dataclass(frozen=True)
class MissingRow:
    """How much of one input or value is missing."""

    name: str
    overall: str
    width: float
    by_label: str
    by_site: str


@dataclass(frozen=True)
class Finding:
    """One kind of thing that the quality check found."""

    title: str
    lines: list[str]


@dataclass(frozen=True)
class CohortView:
    """A cohort in words and widths."""

    title: str
    question: str
    facts: list[tuple[str, str]]
    flow: str
    sets: list[SetRow]
    each: str
    columns: list[str]
    table1: list[VariableRow]
    missing: list[MissingRow]
    mask: list[tuple[str, str]]
    alarm: str
    quality: list[Finding]


def cohort_view(record: DescribeRecord) -> CohortView:
    """What the documents about a cohort show."""
    flow, mask = record.flow, record.mask_only_auroc
    counts = [say("inputs.each.one", name=named(name), count=n) for name, n in record.modalities.items()]
    alarm = any(value is not None and value > ALARM for value in mask.values())
    return CohortView(
        title=record.title or record.name,
        question=say("cohort.question", positive=named(record.positive), negative=record.negative),
        facts=_facts(record),
        flow=say(
            "flow.sum", found=flow.found, excluded=flow.excluded, failed=flow.failed, studies=flow.studies
        ),
        sets=_sets(record),
        each=say("inputs.each", counts=", ".join(counts)),
        columns=[_column(name) for name in record.table1_columns],
        table1=_table1(record),
        missing=[_missing(row) for row in sorted(record.missingness, key=lambda row: -row.overall)],
        mask=[(_mask_name(name), figure(value)) for name, value in mask.items()],
        alarm=say("mask.warn", limit=ALARM) if alarm else "",
        quality=_quality(record.quality),
    )


def _facts(record: DescribeRecord) -> list[tuple[str, str]]:
    known = record.labelled
    share = percent(record.positives / known) if known else DASH
    sites = ", ".join(f"{name} {count}" for name, count in record.sites.items())
    facts = [
        (say("cohort.studies"), str(record.studies)),
        (say("cohort.patients"), str(record.patients)),
        (say("cohort.sites"), sites),
        (say("cohort.labelled"), str(known)),
        (
            say("cohort.prevalence", positive=named(record.positive)),
            say("cohort.count", count=record.positives, all=known, share=share),
        ),
    ]
    return [(name, value) for name, value in facts if value]


def _sets(record: DescribeRecord) -> list[SetRow]:
    largest = max((row.studies for row in record.cooccurrence), default=0)
    return [
        SetRow(
            name=" + ".join(map(named, row.modalities)) or say("inputs.nothing"),
            studies=row.studies,
            share=percent(row.studies / record.studies) if record.studies else DASH,
            width=safely(row.studies, largest),
        )
        for row in record.cooccurrence
    ]


def _column(name: str) -> str:
    key = f"table1.{name}"
    return say(key) if name in ("all", "unknown") else named(name)


def _table1(record: DescribeRecord) -> list[VariableRow]:
    found: list[VariableRow] = []
    before: TableRow | None = None
    for row in record.table1:
        found.append(
            VariableRow(
                variable=row.variable,
                level=row.level,
                unit=unit(row.unit),
                first=before is None or before.variable != row.variable,
                cells=[row.summary.get(column, DASH) for column in record.table1_columns],
            )
        )
        before = row
    return found


def _missing(row: Missingness) -> MissingRow:
    return MissingRow(
        name=_field(row.field),
        overall=percent(row.overall),
        width=safely(row.overall, 1.0),
        by_label=_groups(row.by_label),
        by_site=_groups(row.by_site),
    )


def _groups(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {percent(share)}" for name, share in shares.items())


def _field(name: str) -> str:
    """An input, or a value of one, as readers call it.

    Example:
        >>> _field("chest_image"), _field("tabular.Tissue_composition")
        ('Chest image', 'Tabular: Tissue composition')
    """
    modality, dot, column = name.partition(".")
    return named(modality) if not dot else f"{named(modality)}: {column.replace('_', ' ')}"


def _mask_name(name: str) -> str:
    key = f"mask.{name}"
    return say(key) if key in TEXT else named(name)


def _quality(quality: Quality) -> list[Finding]:
    """What was found, kind by kind; what was not found is left out."""
    replaced = [
        say("quality.missing.one", field=field, counts=", ".join(f"{w} {n}" for w, n in words.items()))
        for field, words in quality.set_to_missing.items()
    ]
    found = {
        "failed": _by_reason(study.reason for study in quality.failed),
        "problems": _by_reason(
            ": ".join(filter(None, [problem.modality, problem.field, problem.reason]))
            for problem in quality.problems
        ),
        "missing": replaced,
        "duplicates": [", ".join(group) for group in quality.duplicate_inputs],
        "constant": list(quality.constant_columns),
        "leaks": list(quality.leak_columns_found),
        "skipped": list(quality.skipped_exclusions),
        "notes": list(quality.notes),
    }
    return [Finding(say(f"quality.{kind}"), _shortened(lines)) for kind, lines in found.items() if lines]


def _by_reason(reasons: Iterable[str]) -> list[str]:
    return [
        reason if count == 1 else say("quality.reason", count=count, reason=reason)
        for reason, count in Counter(reasons).most_common()
    ]


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[:MOST_LINES], say("quality.more", count=len(lines) - MOST_LINES)]
