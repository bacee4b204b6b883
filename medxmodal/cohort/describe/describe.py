"""A cohort in numbers: what was present, Table 1, what is missing, and what that alone tells of the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from medxmodal.cohort.describe.groups import (
    head_rows,
    label_groups,
    patient_prevalence,
    prevalence,
    site_bands,
    site_groups,
)
from medxmodal.cohort.describe.table_one import table_one
from medxmodal.cohort.describe.variables import FEW_SITES, label_variable, variables
from medxmodal.cohort.describe.words import protocol
from medxmodal.cohort.quality.presence import field_missing, mask_only_auroc
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError
from medxmodal.records import DescribeRecord, Missingness, ModalityCount, Stratified, TableRow
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
    sites, lineage = _by_site(cohort), cohort.lineage
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
        prevalence=prevalence(cohort),
        patient_prevalence=patient_prevalence(cohort),
        groups=[
            *label_groups(cohort, groups),
            *(site_groups(cohort, sites) if 1 < len(sites) <= FEW_SITES else []),
        ],
        site_bands=site_bands(cohort) if len(sites) > FEW_SITES else [],
        table1_by=list(_stratified(cohort, sites, parts)),
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
        *head_rows(cohort, {ALL: range(len(cohort)), **groups}),
        *table_one(
            list(variables(cohort)),
            groups,
            overall=ALL,
            compare=(label.negative, label.positive) if label else None,
            p_values=p_values,
        ),
    ]


def _stratified(
    cohort: Cohort, sites: Mapping[str, Sequence[int]], parts: Mapping[str, Iterable[Study]] | None
) -> Iterator[Stratified]:
    """Table 1 by site, where there are few, and by the parts of a split."""
    if 1 < len(sites) <= FEW_SITES:
        yield _table_by(cohort, "site", sites)
    if parts:
        yield _table_by(cohort, "split", _by_part(cohort, parts))


def _table_by(
    cohort: Cohort, by: Literal["site", "split"], groups: Mapping[str, Sequence[int]]
) -> Stratified:
    label = label_variable(cohort)
    told = [*([label] if label else []), *variables(cohort, by=by)]
    head = head_rows(cohort, {ALL: range(len(cohort)), **groups})
    rows = [*head, *table_one(told, groups, overall=ALL)]
    return Stratified(by=by, columns=[ALL, *groups], rows=rows)


def _missingness(cohort: Cohort) -> list[Missingness]:
    """Share missing of each modality and each column; columns among the studies with their table."""
    y, sites = cohort.labels(), np.array(cohort.sites)
    label = cohort.spec.label
    by_label = {label.negative: y == 0, label.positive: y == 1} if label else {}
    by_site = {site: sites == site for site in sorted(set(cohort.sites))}
    found = []
    for name, missing in field_missing(cohort).items():
        known = np.isfinite(missing)
        if not known.any():
            continue
        found.append(
            Missingness(
                field=name,
                overall=_mean(missing[known]),
                n=int(known.sum()),
                by_label=_means(missing, known, by_label),
                by_site=_means(missing, known, by_site),
            )
        )
    return found


def _means(missing: np.ndarray, known: np.ndarray, groups: Mapping[str, np.ndarray]) -> dict[str, float]:
    rows = {name: known & chosen for name, chosen in groups.items()}
    return {name: _mean(missing[some]) for name, some in rows.items() if some.any()}


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), 6)


def _rebuild(spec: CohortSpec) -> str:
    """The command that builds the cohort again: by name where the spec is a shipped one, unchanged."""
    name = f"{spec.name}.yaml"
    if shipped("cohorts", spec.name) is not None and CohortSpec.read(spec.name).sha256 == spec.sha256:
        name = spec.name
    keys = " --keys KEYS" if spec.ids == "keyed" else ""
    return f"medxmodal build {name} --data DATA --out COHORT{keys}"
