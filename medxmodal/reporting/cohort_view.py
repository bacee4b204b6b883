"""From the description of a cohort to what its page, its card and its text lay out."""

from __future__ import annotations

from dataclasses import dataclass

from medxmodal.records import DescribeRecord, SiteBand
from medxmodal.reporting.classes import class_name
from medxmodal.reporting.flow_figure import FlowFigure, flow_figure
from medxmodal.reporting.methods import interval, methods, years
from medxmodal.reporting.missing_view import FEW_SITES, MissingView, missing_view
from medxmodal.reporting.numbers import DASH, figure, named, percent, safely
from medxmodal.reporting.quality_view import Finding, Suspect, findings, suspects
from medxmodal.reporting.strings import TEXT, say
from medxmodal.reporting.table_one_view import TableView, by_label, stratified
from medxmodal.reporting.upset import Upset, upset

ALARM = 0.6
"""A mask-only AUROC above this says that what was ordered tells of the label."""


@dataclass(frozen=True)
class SetRow:
    """How many studies have exactly these inputs; `width` in per cent of the largest."""

    name: str
    studies: int
    share: str
    width: float


@dataclass(frozen=True)
class BandRow:
    """Sites of about one size."""

    size: str
    sites: int
    studies: int
    patients: int
    positive: str


@dataclass(frozen=True)
class CohortView:
    """A cohort in words and widths."""

    title: str
    question: str
    positive: str
    facts: list[tuple[str, str]]
    protocol: list[str]
    methods: str
    flow: str
    figure: FlowFigure
    sets: list[SetRow]
    upset: Upset
    each: str
    table1: TableView
    tables: list[TableView]
    bands: list[BandRow]
    missing: MissingView
    mask: list[tuple[str, str]]
    alarm: str
    suspects: list[Suspect]
    quality: list[Finding]
    provenance: list[tuple[str, str, bool]]


def cohort_view(record: DescribeRecord) -> CohortView:
    """What the documents about a cohort show."""
    flow, mask = record.flow, record.mask_only_auroc
    counts = [say("inputs.each.one", name=named(name), count=n) for name, n in record.modalities.items()]
    alarm = any(value is not None and value > ALARM for value in mask.values())
    positive = named(class_name(record, record.positive))
    asked = say("cohort.question", positive=positive, negative=record.negative)
    return CohortView(
        title=record.title or record.name,
        question=asked if record.positive else say("cohort.no_label"),
        positive=positive,
        facts=_facts(record),
        protocol=record.protocol,
        methods=methods(record),
        flow=say(
            "flow.sum", found=flow.found, excluded=flow.excluded, failed=flow.failed, studies=flow.studies
        ),
        figure=flow_figure(record),
        sets=_sets(record),
        upset=upset(record),
        each=say("inputs.each", counts=", ".join(counts)),
        table1=by_label(record),
        tables=stratified(record),
        bands=[_band(band) for band in record.site_bands],
        missing=missing_view(record),
        mask=[(_mask_name(name), figure(value)) for name, value in mask.items()],
        alarm=say("mask.warn", limit=ALARM) if alarm else "",
        suspects=suspects(record.quality),
        quality=findings(record.quality),
        provenance=_provenance(record),
    )


def _facts(record: DescribeRecord) -> list[tuple[str, str]]:
    positive = named(class_name(record, record.positive))
    facts = [
        (say("cohort.patients"), str(record.patients)),
        (say("cohort.studies"), str(record.studies)),
        (say("cohort.sites"), _sites(record)),
        (say("cohort.years"), _years(record)),
    ]
    if record.positive:
        known = record.labelled
        share = percent(record.positives / known) if known else DASH
        plain = say("cohort.count", count=record.positives, all=known, share=share)
        told = interval(record.prevalence) if record.prevalence else plain
        facts += [(say("cohort.labelled"), str(known)), (say("cohort.prevalence", positive=positive), told)]
        if record.most_studies > 1 and record.patient_prevalence:
            name = say("cohort.prevalence.patients", positive=positive)
            facts.append((name, interval(record.patient_prevalence)))
    return [(name, value) for name, value in facts if value]


def _sites(record: DescribeRecord) -> str:
    if len(record.sites) <= FEW_SITES:
        return ", ".join(f"{name} {count}" for name, count in record.sites.items())
    sizes = record.sites.values()
    return say("cohort.sites.many", count=len(sizes), least=min(sizes), most=max(sizes))


def _years(record: DescribeRecord) -> str:
    told = years(record)
    if told and record.undated:
        return say("cohort.years.undated", years=told, count=record.undated)
    return told


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


def _band(band: SiteBand) -> BandRow:
    size = str(band.least)
    if band.most > band.least:
        size = say("bands.span", least=band.least, most=band.most)
    share = percent(band.positives / band.labelled) if band.labelled else ""
    told = say("cohort.count", count=band.positives, all=band.labelled, share=share) if share else DASH
    return BandRow(size, band.sites, band.studies, band.patients, told)


def _mask_name(name: str) -> str:
    key = f"mask.{name}"
    return say(key) if key in TEXT else named(name)


def _provenance(record: DescribeRecord) -> list[tuple[str, str, bool]]:
    """Name, value, and whether it is code."""
    inputs = ", ".join(f"{use} {count}" for use, count in record.sources.items())
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    rows = [
        (say("cohort.cite"), record.cite, False),
        (say("cohort.licence"), record.licence, False),
        (say("cohort.ids"), say(f"cohort.ids.{record.ids}") if record.ids else "", False),
        (say("cohort.inputs"), inputs, False),
        (say("cohort.fingerprint"), record.fingerprint, True),
        (say("cohort.spec"), record.spec_sha256, True),
        (say("cohort.versions"), versions, False),
        (say("cohort.rebuild"), record.rebuild, True),
    ]
    return [row for row in rows if row[1]]
