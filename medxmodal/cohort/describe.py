"""A cohort in numbers: what was present, Table 1, what is missing, and what that alone tells of the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from medxmodal.cohort.groups import proportion, site_bands, tally, value_counts
from medxmodal.cohort.presence import field_missing, mask_only_auroc
from medxmodal.cohort.spec import CohortSpec
from medxmodal.cohort.study import Study
from medxmodal.cohort.table_one import table_one
from medxmodal.cohort.variables import FEW_SITES, label_variable, variables
from medxmodal.cohort.words import protocol
from medxmodal.errors import CohortError
from medxmodal.records import DescribeRecord, Group, Missingness, ModalityCount, Stratified, TableRow
from medxmodal.shipped import shipped

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort

ALL, UNKNOWN = "all", "unknown"


def describe(
    cohort: Cohort, *, parts: Mapping[str, Iterable[Study]] | None = None, p_values: bool = False
) -> DescribeRecord:
    """Describe a cohort.

    Args:
        cohort: The cohort.
        parts: Parts of a split of it, by name: Table 1 by part is then told too.
        p_values: Whether Table 1 by label tests the differences; by default it only tells their size.

    Raises:
        CohortError: A part holds a study that the cohort does not have, or one that another part holds.
    """
    spec, labels = cohort.spec, cohort.labels()
    groups = _by_label(cohort)
    lineage = cohort.lineage
    years = [year for year in cohort.period if year is not None]
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
        positive=spec.label.positive if spec.label else "",
        negative=spec.label.negative if spec.label else "",
        labelled=int(np.isfinite(labels).sum()),
        positives=int((labels == 1).sum()),
        modalities={name: sum(s.has(name) for s in cohort.studies) for name in spec.modalities},
        cooccurrence=_cooccurrence(cohort),
        flow=cohort.flow,
        table1_columns=[ALL, *groups],
        table1=_table1(cohort, groups, p_values),
        missingness=_missingness(cohort),
        mask_only_auroc=mask_only_auroc(cohort),
        quality=cohort.quality,
        protocol=protocol(spec),
        ids=spec.ids,
        sources=dict(Counter(file.use for file in lineage.inputs)) if lineage else {},
        spec_sha256=lineage.spec_sha256 if lineage else spec.sha256,
        versions=lineage.code if lineage else {},
        rebuild=_rebuild(spec),
        first_year=min(years, default=None),
        last_year=max(years, default=None),
        undated=cohort.period.count(None),
        most_studies=max(Counter(cohort.patients).values(), default=1),
        **_prevalence(cohort),
        groups=_counts(cohort, groups),
        site_bands=site_bands(cohort) if len(set(cohort.sites)) > FEW_SITES else [],
        table1_by=list(_stratified(cohort, parts)),
    )


def _by_label(cohort: Cohort) -> dict[str, tuple[int, ...]]:
    """The columns of Table 1 beside the one of all studies: label -> positions, where there are any."""
    label, labels = cohort.spec.label, cohort.labels()
    if label is None or not np.isfinite(labels).any():
        return {}
    masks = {label.negative: labels == 0, label.positive: labels == 1, UNKNOWN: ~np.isfinite(labels)}
    return {name: tuple(map(int, np.flatnonzero(rows))) for name, rows in masks.items() if rows.any()}


def _by_site(cohort: Cohort) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {site: [] for site in sorted(set(cohort.sites))}
    for position, site in enumerate(cohort.sites):
        found[site].append(position)
    return {name if name != ALL else f"site {name}": tuple(rows) for name, rows in found.items()}


def _by_part(cohort: Cohort, parts: Mapping[str, Iterable[Study]]) -> dict[str, tuple[int, ...]]:
    at = {study.study_id: position for position, study in enumerate(cohort.studies)}
    found: dict[str, tuple[int, ...]] = {}
    for name, studies in parts.items():
        try:
            found[name] = tuple(at.pop(study.study_id) for study in studies)
        except KeyError as error:
            raise CohortError(
                f"part '{name}' holds a study that is not in the cohort, or is in another part too",
                hint="Describe the cohort that was split, with the parts of one split.",
            ) from error
    return found


def _cooccurrence(cohort: Cohort) -> list[ModalityCount]:
    names = list(cohort.spec.modalities)
    counts = Counter(tuple(name for name in names if study.has(name)) for study in cohort.studies)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [ModalityCount(modalities=list(there), studies=count) for there, count in ordered]


def _table1(cohort: Cohort, groups: Mapping[str, Sequence[int]], p_values: bool) -> list[TableRow]:
    label = cohort.spec.label
    return [
        *value_counts(cohort, {ALL: range(len(cohort)), **groups}),
        *table_one(
            list(variables(cohort)),
            groups,
            overall=ALL,
            compare=(label.negative, label.positive) if label else None,
            p_values=p_values,
        ),
    ]


def _stratified(cohort: Cohort, parts: Mapping[str, Iterable[Study]] | None) -> Iterable[Stratified]:
    """Table 1 by site, where there are few, and by the parts of a split."""
    label = label_variable(cohort)
    told = [*([label] if label else []), *variables(cohort)]
    if 1 < len(set(cohort.sites)) <= FEW_SITES:
        groups = _by_site(cohort)
        rows = table_one([v for v in told if v.cells is not cohort.sites and v.name != SITE], groups, overall=ALL)
        counted = value_counts(cohort, {ALL: range(len(cohort)), **groups})
        yield Stratified(by="site", columns=[ALL, *groups], rows=[*counted, *rows])
    if parts:
        groups = _by_part(cohort, parts)
        counted = value_counts(cohort, {ALL: range(len(cohort)), **groups})
        rows = table_one(told, groups, overall=ALL)
        yield Stratified(by="split", columns=[ALL, *groups], rows=[*counted, *rows])
