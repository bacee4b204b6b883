"""A spec in words: the sentences of a methods section that say what a study is and what is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from medxmodal.cohort.root import HASHED
from medxmodal.cohort.spec.cohort_spec import (
    CohortSpec,
    FileInput,
    NumberColumn,
    TabularSpec,
    TextSpec,
    TimeseriesSpec,
)
from medxmodal.cohort.spec.rules import LabelSpec, RuleSpec
from medxmodal.cohort.spec.tables import IndexSpec, TableSpec

_UNITS = {
    "s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year",
}  # fmt: skip
_SOURCES = {
    "sql": "row of a database query",
    "dicom": "DICOM series",
    "dicomweb": "DICOM series of a DICOMweb server",
    "arrays": "item of the array file",
    "meds": "row of the MEDS data",
}
_TAKES = {
    "min": "the lowest", "max": "the highest", "mean": "the mean", "first": "the first", "last": "the last",
    "worst": "the one farthest from the reference range", "trend": "the slope", "count": "the number of rows",
    "since": "the time since the last row", "any": "whether there is any", "all": "all values",
}  # fmt: skip
MOST_NAMED = 8
_KINDS = {"image": "2D images", "volume": "3D volumes", "video": "clips"}


def protocol(spec: CohortSpec) -> list[str]:
    """What the spec says, one sentence after the other.

    Example:
        >>> print(protocol(CohortSpec.read("breast_poland"))[0])
        Each row of clinical.xlsx (patient: CaseID) is one study.
    """
    found = [_unit(spec), _time(spec), _window(spec), *_rules(spec), _label(spec)]
    found += [_modality(name, modality) for name, modality in spec.modalities.items()]
    found += [_site(spec), _leaks(spec), _ids(spec)]
    return [sentence for sentence in found if sentence]


def duration(text: str) -> str:
    """A duration of a spec in words, without its sign.

    Example:
        >>> duration("24 h"), duration("-1 a")
        ('24 hours', '1 year')
    """
    found = re.fullmatch(r"[+-]?\s*(\d+(?:\.\d+)?)\s*([a-z]+)", text.strip())
    if found is None or found[2] not in _UNITS:
        return text
    return _number(found[1].removesuffix(".0"), _UNITS[found[2]])


def _number(count: object, noun: str) -> str:
    return f"{count} {noun}" if str(count) == "1" else f"{count} {noun}s"


def joined(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in a sentence.

    Example:
        >>> joined(["a", "b", "c"])
        'a, b and c'
    """
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _unit(spec: CohortSpec) -> str:
    table, index = spec.table, spec.index_time
    record = f"{_record(table)} (patient: {table.patient})"
    if table.distinct:
        record = f"distinct {table.distinct} of the {_record(table)} (patient: {table.patient})"
    if index is None or index.source is None:
        return f"Each {record} is one study."
    which = {"first": "the first", "last": "the last", "each": "each"}[index.take]
    rule = f" with {index.where}" if index.where else ""
    return f"Each {record} gives one study at {which} row of the table {index.source}{rule}."


def _record(table: TableSpec) -> str:
    if table.kind == "file":
        name = table.file or ""
        return "row of the table of records" if name.startswith(HASHED) else f"row of {name}"
    if table.kind == "fhir":
        return f"FHIR {table.fhir} resource"
    return _SOURCES.get(table.kind, "record")


def _time(spec: CohortSpec) -> str:
    index = spec.index_time
    if index is None:
        return "No index time is named: a study is what its record says, at one time."
    return f"The index time is {_moment(index)}; nothing that was known only later enters a study."


def _moment(index: IndexSpec) -> str:
    start = "the record's time zero"
    if index.column:
        start = f"{index.column} of that row of {index.source}" if index.source else index.column
    elif index.source:
        start = f"the time of that row of {index.source}"
    if not index.after:
        return start
    side = "before" if index.after.startswith("-") else "after"
    return f"{duration(index.after)} {side} {start}"


def _window(spec: CohortSpec) -> str:
    if spec.window is None or not (spec.window.since or spec.window.to):
        return ""
    since, to = spec.window.since, spec.window.to
    begin = f"from {duration(since)} before the index time" if since else "from the first row on"
    end = f"to {duration(to)} before it" if to and not re.match(r"[+-]?0(\.0+)? ", to) else "up to it"
    return f"Rows over time are read {begin} {end}."


def _rules(spec: CohortSpec) -> Iterator[str]:
    for verb, rules in (("Included were only records with", spec.include), ("Excluded were", spec.exclude)):
        if rules:
            yield f"{verb}: {'; '.join(map(_rule, rules))}."


def _rule(rule: RuleSpec) -> str:
    return f"{rule.reason} ({rule.shown})"


def _label(spec: CohortSpec) -> str:
    label = spec.label
    if label is None:
        return "The cohort has no label."
    if label.horizon:
        return _ahead(label)
    if label.where:
        table = f"a row of the table {label.source}" if label.source else "the record"
        values = f"'{label.positive}' where {table} fulfils {label.where}, else '{label.negative}'"
        return f"The label {label.name} is {values}."
    place = f"the column {label.column}" + (f" of the table {label.source}" if label.source else "")
    return (
        f"The label {label.name} is read from {place}: '{label.positive}' is positive, "
        f"'{label.negative}' negative."
    )


def _ahead(label: LabelSpec) -> str:
    begin = f"{duration(label.gap)} after" if label.gap else "at"
    followed = f" and {label.followed} show that the record was followed until then" if label.followed else ""
    return (
        f"The label {label.name} is positive ('{label.positive}') where a row of the table {label.source} "
        f"with {label.where} falls within the {duration(label.horizon or '')} that begin {begin} the index "
        f"time; negative ('{label.negative}') where none does{followed}; otherwise unknown."
    )


def _modality(name: str, modality: object) -> str:
    source = getattr(modality, "source", None)
    place = f" from the table {source}" if source else ""
    if isinstance(modality, TabularSpec):
        kinds = Counter(
            "numbers" if isinstance(c, NumberColumn) else "categories" for c in modality.columns.values()
        )
        told = joined([f"{count} {kind if count > 1 else _ONE[kind]}" for kind, count in kinds.items()])
        takes = Counter(c.take for c in modality.columns.values() if c.take)
        over = joined([f"{_TAKES.get(take, take)} ({count})" for take, count in takes.items()])
        return f"Input {name}: {told}{place}" + (f"; of several rows {over}." if over else ".")
    if isinstance(modality, TimeseriesSpec):
        return f"Input {name}: {_number(len(modality.columns), 'value')} over time{place}, as measured."
    if isinstance(modality, TextSpec):
        tables = joined([part.source or "" for part in modality.parts])
        place = f" made from the tables {tables}" if tables else place
        count = _number(len(modality.hide), "word")
        hidden = f"; what names the label is blanked out ({count})" if modality.hide else ""
        scrubbed = "; names and numbers that identify are blanked out" if modality.scrub else ""
        return f"Input {name}: notes{place}{hidden}{scrubbed}."
    if isinstance(modality, FileInput):
        kind = _KINDS.get(getattr(modality, "kind", ""), "files")
        mask = ", with masks" if getattr(modality, "mask", None) else ""
        several = f", {_TAKES[modality.take]} of several" if source and modality.take != "all" else ""
        return f"Input {name}: {kind}{place}{several}{mask}."
    return f"Input {name}."


_ONE = {"numbers": "number", "categories": "category"}


def _site(spec: CohortSpec) -> str:
    site = spec.site
    if site.column is None:
        return f"All studies are of one site, {site.value}."
    return f"The site is the column {site.column}" + (f" of the table {site.source}." if site.source else ".")


def _leaks(spec: CohortSpec) -> str:
    if not spec.leaks:
        return ""
    named = list(spec.leaks[:MOST_NAMED])
    if more := len(spec.leaks) - MOST_NAMED if len(spec.leaks) > MOST_NAMED + 1 else 0:
        return f"Never used, since they tell the label: {', '.join(named)} and {more} more named in the spec."
    return f"Never used, since they tell the label: {joined(spec.leaks)}."


def _ids(spec: CohortSpec) -> str:
    if spec.ids == "keep":
        return "Ids are those of the source, which holds pseudonyms already."
    return "Ids are keyed pseudonyms, and dates are shifted for each patient."
