"""The paragraph for a paper's methods section: facts of the record, in sentences, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from medxmodal.records import DescribeRecord, Proportion
from medxmodal.reporting.missing_view import field_name
from medxmodal.reporting.numbers import listed, named, percent
from medxmodal.reporting.strings import say


def methods(record: DescribeRecord) -> str:
    """The paragraph.

    Args:
        record: What `medxmodal describe` found.
    """
    return " ".join(sentence for sentence in _sentences(record) if sentence)


def interval(share: Proportion) -> str:
    """A share with its interval."""
    return say(
        "share.interval",
        count=share.count,
        all=share.of,
        share=percent(share.value, 1),
        lower=percent(share.lower, 1),
        upper=percent(share.upper, 1),
    )


def years(record: DescribeRecord) -> str:
    """The years of the index times, or nothing."""
    if record.first_year is None or record.last_year is None:
        return ""
    if record.first_year == record.last_year:
        return str(record.first_year)
    return say("cohort.years.span", first=record.first_year, last=record.last_year)


def _sentences(record: DescribeRecord) -> Iterator[str]:
    title = record.title or record.name
    yield say("methods.simulated") if record.simulated else ""
    source = "; ".join(filter(None, [record.cite, _licence(record)]))
    yield say("methods.source", title=title, source=f" ({source})" if source else "")
    yield " ".join(record.protocol)
    yield _flow(record)
    period = years(record)
    yield say(
        "methods.studies",
        studies=record.studies,
        patients=record.patients,
        sites=_sites(len(record.sites)),
        years=say("methods.years", years=period) if period else "",
    )
    if record.prevalence and record.positive:
        yield say("methods.label", labelled=record.labelled, positive=record.positive)
        yield say("methods.prevalence", share=interval(record.prevalence))
    counts = [say("inputs.each.one", name=named(name), count=n) for name, n in record.modalities.items()]
    yield say("inputs.each", counts=", ".join(counts)) if counts else ""
    yield _missing(record)
    version = record.versions.get("medxmodal")
    yield say("methods.code", version=version, fingerprint=record.fingerprint[:12]) if version else ""


def _licence(record: DescribeRecord) -> str:
    return say("methods.licence", licence=record.licence) if record.licence else ""


def _sites(count: int) -> str:
    return say("methods.site") if count == 1 else say("methods.sites", count=count)


def _flow(record: DescribeRecord) -> str:
    flow = record.flow
    out = [step for step in flow.steps[1:] if step.removed]
    if flow.failed and out and out[-1].removed == flow.failed:
        out = out[:-1]
    reasons = listed([f"{step.reason or step.step} ({step.removed})" for step in out])
    excluded = say("methods.excluded", count=flow.excluded, reasons=reasons) if flow.excluded else ""
    failed = say("methods.failed", count=flow.failed) if flow.failed else ""
    left = listed([text for text in (excluded, failed) if text]) or say("methods.none")
    return say("methods.flow", found=flow.found, left=left, studies=flow.studies)


def _missing(record: DescribeRecord) -> str:
    values = [row for row in record.missingness if "." in row.field]
    gone = sorted((row for row in values if row.overall > 0), key=lambda row: -row.overall)
    if not values:
        return ""
    if not gone:
        return say("methods.complete", all=len(values))
    return say(
        "methods.missing",
        count=len(gone),
        all=len(values),
        most=percent(gone[0].overall, 1),
        name=field_name(gone[0].field),
    )
