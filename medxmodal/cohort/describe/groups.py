"""How many there are: patients and studies of each group, prevalence, sites by size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from medxmodal.records import Group, Proportion, SiteBand, TableRow

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort

BANDS = (1, 10, 50, 100, 500, 1000)
"""Fewest studies of a site in each band of sites."""


def proportion(count: int, of: int) -> Proportion | None:
    """A share with its 95 % Wilson interval; None of nobody.

    Example:
        >>> share = proportion(10, 40)
        >>> round(share.lower, 3), round(share.upper, 3)
        (0.142, 0.402)
    """
    if not of:
        return None
    from scipy.stats import binomtest

    interval = binomtest(count, of).proportion_ci(confidence_level=0.95, method="wilson")
    lower, upper = max(0.0, float(interval.low)), min(1.0, float(interval.high))
    return Proportion(count=count, of=of, value=count / of, lower=round(lower, 6), upper=round(upper, 6))


def prevalence(cohort: Cohort) -> Proportion | None:
    """Positive studies among the labelled ones."""
    known = _labels(cohort, range(len(cohort)))
    return proportion(sum(known), len(known))


def patient_prevalence(cohort: Cohort) -> Proportion | None:
    """Patients with a positive study among those with a labelled one."""
    by_patient: dict[str, int] = {}
    for study in cohort.studies:
        label = study.labels.get(cohort.spec.task)
        if label is not None:
            by_patient[study.patient_id] = max(label, by_patient.get(study.patient_id, 0))
    return proportion(sum(by_patient.values()), len(by_patient))


def head_rows(cohort: Cohort, groups: Mapping[str, Sequence[int]]) -> list[TableRow]:
    """The first lines of Table 1: patients, then studies."""
    patients = {name: str(_patients(cohort, places)) for name, places in groups.items()}
    studies = {name: str(len(places)) for name, places in groups.items()}
    return [
        TableRow(variable="Patients", summary=patients),
        TableRow(variable="Studies", summary=studies),
    ]


def label_groups(cohort: Cohort, groups: Mapping[str, Sequence[int]]) -> list[Group]:
    """Counts by label."""
    return [
        Group(by="label", name=name, studies=len(places), **_counts(cohort, places))
        for name, places in groups.items()
    ]


def site_groups(cohort: Cohort, groups: Mapping[str, Sequence[int]]) -> list[Group]:
    """Counts by site."""
    return [
        Group(by="site", name=name, studies=len(places), **_counts(cohort, places))
        for name, places in groups.items()
    ]


def site_bands(cohort: Cohort) -> list[SiteBand]:
    """Counts by size of site, for cohorts of more sites than a table has columns."""
    sizes = Counter(cohort.sites)
    found = []
    for number, least in enumerate(BANDS):
        beyond = BANDS[number + 1] if number + 1 < len(BANDS) else None
        sites = {s for s, size in sizes.items() if size >= least and (beyond is None or size < beyond)}
        if not sites:
            continue
        places = [i for i, site in enumerate(cohort.sites) if site in sites]
        inside = [sizes[site] for site in sites]
        found.append(
            SiteBand(
                least=min(inside),
                most=max(inside),
                sites=len(sites),
                studies=len(places),
                **_counts(cohort, places),
            )
        )
    return found


def _counts(cohort: Cohort, places: Sequence[int]) -> dict[str, int]:
    known = _labels(cohort, places)
    return {"patients": _patients(cohort, places), "labelled": len(known), "positives": sum(known)}


def _labels(cohort: Cohort, places: Iterable[int]) -> list[int]:
    found = (cohort.studies[i].labels.get(cohort.spec.task) for i in places)
    return [label for label in found if label is not None]


def _patients(cohort: Cohort, places: Iterable[int]) -> int:
    return len({cohort.studies[i].patient_id for i in places})
