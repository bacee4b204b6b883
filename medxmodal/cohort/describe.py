"""A cohort in numbers: what was present, Table 1, what is missing, and what that alone tells of the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from medxmodal.cohort.presence import field_missing, mask_only_auroc
from medxmodal.cohort.spec import NumberColumn, TabularSpec
from medxmodal.cohort.study import Study, Value
from medxmodal.records import DescribeRecord, Missingness, ModalityCount, TableRow

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort

ALL, UNKNOWN = "all", "unknown"
MOST_LEVELS = 20
"""Table 1 lists so many levels of a category; the rest are counted together."""


def describe(cohort: Cohort) -> DescribeRecord:
    """Describe a cohort."""
    spec, labels = cohort.spec, cohort.labels()
    groups = _groups(cohort)
    return DescribeRecord(
        name=spec.name,
        title=spec.title,
        simulated=spec.simulated,
        licence=spec.licence,
        cite=spec.cite,
        fingerprint=cohort.fingerprint,
        studies=len(cohort),
        patients=len(set(cohort.patients)),
        sites=dict(sorted(Counter(cohort.sites).items())),
        task=spec.task,
        positive=spec.label.positive,
        negative=spec.label.negative,
        labelled=int(np.isfinite(labels).sum()),
        positives=int((labels == 1).sum()),
        modalities={name: sum(s.has(name) for s in cohort.studies) for name in spec.modalities},
        cooccurrence=_cooccurrence(cohort),
        flow=cohort.flow,
        table1_columns=list(groups),
        table1=list(_table1(cohort, groups)),
        missingness=_missingness(cohort),
        mask_only_auroc=mask_only_auroc(cohort),
        quality=cohort.quality,
    )


def _groups(cohort: Cohort) -> dict[str, list[Study]]:
    """The columns of Table 1: all studies, then by label where there are any."""
    label, task = cohort.spec.label, cohort.spec.task
    names = {0: label.negative, 1: label.positive, None: UNKNOWN}
    groups = {ALL: list(cohort.studies)}
    if any(study.labels.get(task) is not None for study in cohort.studies):
        for value, name in names.items():
            chosen = [study for study in cohort.studies if study.labels.get(task) == value]
            if chosen:
                groups[name] = chosen
    return groups


def _cooccurrence(cohort: Cohort) -> list[ModalityCount]:
    names = list(cohort.spec.modalities)
    counts = Counter(tuple(name for name in names if study.has(name)) for study in cohort.studies)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [ModalityCount(modalities=list(there), studies=count) for there, count in ordered]


def _table1(cohort: Cohort, groups: Mapping[str, list[Study]]) -> Iterator[TableRow]:
    yield TableRow(variable="Studies", summary={name: str(len(group)) for name, group in groups.items()})
    patients = {name: str(len({study.patient_id for study in group})) for name, group in groups.items()}
    yield TableRow(variable="Patients", summary=patients)
    for site in sorted(set(cohort.sites)):
        at = {study.study_id for study in cohort.studies if study.site == site}
        yield _share("Site", site, groups, at)
    for name, modality in cohort.spec.modalities.items():
        if not isinstance(modality, TabularSpec):
            there = {study.study_id for study in cohort.studies if study.has(name)}
            yield _share(name, "present", groups, there)
            continue
        for column, detail in modality.columns.items():
            shown = detail.label or column.replace("_", " ")
            values = {g: [_value(study, name, column) for study in group] for g, group in groups.items()}
            if isinstance(detail, NumberColumn):
                summary = {group: _spread(cells) for group, cells in values.items()}
                yield TableRow(variable=shown, level="median [quartiles]", unit=detail.unit, summary=summary)
            else:
                yield from _levels(shown, values)
            if any(cell is None for cell in values[ALL]):
                missing = {
                    g: _count(sum(c is None for c in cells), len(cells)) for g, cells in values.items()
                }
                yield TableRow(variable=shown, level="missing", summary=missing)


def _share(variable: str, level: str, groups: Mapping[str, list[Study]], chosen: set[str]) -> TableRow:
    summary = {n: _count(sum(s.study_id in chosen for s in group), len(group)) for n, group in groups.items()}
    return TableRow(variable=variable, level=level, summary=summary)


def _levels(shown: str, values: Mapping[str, list[Value]]) -> Iterator[TableRow]:
    words = {
        group: Counter(word for cell in cells for word in _words(cell)) for group, cells in values.items()
    }
    common = sorted(words[ALL].items(), key=lambda item: (-item[1], item[0]))
    for level, _ in common[:MOST_LEVELS]:
        summary = {group: _count(words[group][level], len(cells)) for group, cells in values.items()}
        yield TableRow(variable=shown, level=level, summary=summary)
    if rest := {level for level, _ in common[MOST_LEVELS:]}:
        summary = {
            group: _count(sum(any(word in rest for word in _words(cell)) for cell in cells), len(cells))
            for group, cells in values.items()
        }
        yield TableRow(variable=shown, level=f"{len(rest)} rarer ones", summary=summary)


def _words(cell: Value) -> tuple[str, ...]:
    if isinstance(cell, tuple):
        return cell
    return (cell,) if isinstance(cell, str) else ()


def _value(study: Study, modality: str, column: str) -> Value:
    return study.inputs.get(modality, {}).get(column)


def _spread(cells: list[Value]) -> str:
    numbers = [cell for cell in cells if isinstance(cell, float)]
    if not numbers:
        return "-"
    low, middle, high = (f"{q:.4g}" for q in np.quantile(numbers, [0.25, 0.5, 0.75]))
    return f"{middle} [{low}, {high}]"


def _count(number: int, of: int) -> str:
    return f"{number} ({100 * number / of:.1f} %)" if of else "0"


def _missingness(cohort: Cohort) -> list[Missingness]:
    """Share missing of each modality and each column; columns among the studies with their table."""
    label = cohort.spec.label
    y, sites = cohort.labels(), np.array(cohort.sites)
    found = []
    for name, missing in field_missing(cohort).items():
        known = np.isfinite(missing)
        if not known.any():
            continue
        by_label = {text: known & (y == value) for value, text in ((0, label.negative), (1, label.positive))}
        by_site = {site: known & (sites == site) for site in sorted(set(cohort.sites))}
        found.append(
            Missingness(
                field=name,
                overall=_mean(missing[known]),
                by_label={text: _mean(missing[rows]) for text, rows in by_label.items() if rows.any()},
                by_site={site: _mean(missing[rows]) for site, rows in by_site.items() if rows.any()},
            )
        )
    return found


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), 6)
