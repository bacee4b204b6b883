"""Splits, always by patient: no patient is ever on both sides of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.errors import CohortError


@dataclass(frozen=True)
class Fold:
    """One division of a cohort, as positions in it.

    Args:
        fold: Number of the fold, from 0.
        repeat: Number of the repeat, from 0.
        train: Positions to learn from.
        test: Positions to be asked.
    """

    fold: int
    repeat: int
    train: tuple[int, ...]
    test: tuple[int, ...]


class InnerSplit(NamedTuple):
    """A division of training studies for early stopping, as positions."""

    train: tuple[int, ...]
    validation: tuple[int, ...]


def kfold(
    labels: ArrayLike,
    patients: Sequence[str],
    *,
    folds: int,
    repeats: int = 1,
    seed: int,
    stratify: bool = True,
    content: Sequence[str] | None = None,
) -> list[Fold]:
    """K-fold by patient; every study is in the test part of exactly one fold a repeat.

    Args:
        labels: 1, 0 or NaN (unknown) a study.
        patients: Patient id a study.
        folds: How many parts, at least 2.
        repeats: How many times, each with its own shuffle.
        seed: Of the shuffle.
        stratify: Whether every part gets its share of each class (a patient counts as positive with
            one positive study).
        content: Content hash a study (`Cohort.content`); with it the split depends on neither ids nor
            the order of studies.

    Raises:
        CohortError: Fewer patients than folds, or a class that some training part would miss.

    Example:
        >>> parts = kfold([0, 1, 0, 1], ["a", "b", "c", "d"], folds=2, seed=0)
        >>> sorted(parts[0].test + parts[1].test)
        [0, 1, 2, 3]
    """
    y, groups = _checked(labels, patients, content)
    if folds < 2 or repeats < 1:
        raise CohortError(
            f"{folds} folds and {repeats} repeats asked", hint="Use at least 2 folds and 1 repeat."
        )
    if len(groups) < folds:
        raise CohortError(
            f"{len(groups)} patients cannot make {folds} folds", hint="Use fewer folds or more patients."
        )
    made = []
    for repeat in range(repeats):
        parts = _deal(groups, y, [1.0] * folds, np.random.default_rng([seed, repeat]), stratify=stratify)
        for fold, test in enumerate(parts):
            train = tuple(sorted(i for other in parts if other is not test for i in other))
            _both_classes(y, train, f"fold {fold} of repeat {repeat}")
            made.append(_disjoint(Fold(fold, repeat, train, tuple(test)), patients))
    return made


def by_site(sites: Sequence[str], patients: Sequence[str] | None = None) -> list[Fold]:
    """One fold a site, in alphabetical order: learn from the other sites, test on this one.

    Args:
        sites: Site a study.
        patients: Patient id a study; a patient seen at several sites is then left out of training
            where one of the sites is tested.

    Raises:
        CohortError: There is only one site.
    """
    names = sorted(set(sites))
    if len(names) < 2:
        raise CohortError(
            f"splitting by site needs two sites; this cohort has {len(names)}", hint="Use scheme: kfold."
        )
    made = []
    for fold, name in enumerate(names):
        test = tuple(i for i, site in enumerate(sites) if site == name)
        held = {patients[i] for i in test} if patients is not None else set()
        train = tuple(
            i
            for i, site in enumerate(sites)
            if site != name and (patients is None or patients[i] not in held)
        )
        if not train:
            raise CohortError(
                f"without the patients of site {name} nobody is left to learn from",
                hint="Use scheme: kfold.",
            )
        made.append(
            Fold(fold, 0, train, test)
            if patients is None
            else _disjoint(Fold(fold, 0, train, test), patients)
        )
    return made


def inner_split(
    labels: ArrayLike,
    patients: Sequence[str],
    share: float,
    seed: int,
    *,
    content: Sequence[str] | None = None,
) -> InnerSplit:
    """Part of the training studies, by patient and stratified, put aside for early stopping.

    Args:
        labels: 1, 0 or NaN (unknown) a study.
        patients: Patient id a study.
        share: Share of studies put aside, between 0 and 0.5.
        seed: Of the shuffle.
        content: As in `kfold`.

    Raises:
        CohortError: The share is out of range, or too few patients or one class only.
    """
    y, groups = _checked(labels, patients, content)
    if not 0 < share < 0.5:
        raise CohortError(f"the inner share is {share}", hint="Use a number between 0 and 0.5.")
    if len(groups) < 2:
        raise CohortError("one patient cannot be divided", hint="Use more patients.")
    rng = np.random.default_rng(seed)
    train, validation = _deal(groups, y, [1 - share, share], rng, stratify=True)
    _both_classes(y, train, "the inner split")
    refuse_overlap([patients[i] for i in train], [patients[i] for i in validation])
    return InnerSplit(tuple(train), tuple(validation))


def hold_out(
    labels: ArrayLike,
    patients: Sequence[str],
    share: float,
    seed: int,
    *,
    content: Sequence[str] | None = None,
) -> Fold:
    """Part of a cohort put aside for testing, by patient and stratified.

    Args:
        labels: 1, 0 or NaN (unknown) a study.
        patients: Patient id a study.
        share: Share of studies put aside, between 0 and 1.
        seed: Of the shuffle.
        content: As in `kfold`.

    Raises:
        CohortError: The share is out of range, too few patients, or training would have one class only.
    """
    y, groups = _checked(labels, patients, content)
    if not 0 < share < 1:
        raise CohortError(f"the test share is {share}", hint="Use a number between 0 and 1.")
    if len(groups) < 2:
        raise CohortError("one patient cannot be divided", hint="Use more patients.")
    train, test = _deal(groups, y, [1 - share, share], np.random.default_rng(seed), stratify=True)
    if not train or not test:
        raise CohortError(
            f"a test share of {share} leaves one part of {len(groups)} patients empty",
            hint="Use another share or more patients.",
        )
    _both_classes(y, train, "the split")
    return _disjoint(Fold(0, 0, tuple(train), tuple(test)), patients)


def put_aside(chosen: Sequence[bool], patients: Sequence[str]) -> Fold:
    """Chosen studies put aside for testing; their patients' other studies are in neither part.

    Args:
        chosen: Whether each study is tested on.
        patients: Patient id a study.

    Raises:
        CohortError: A part is empty.
    """
    test = tuple(i for i, wanted in enumerate(chosen) if wanted)
    held = {patients[i] for i in test}
    train = tuple(i for i, wanted in enumerate(chosen) if not wanted and patients[i] not in held)
    if not train or not test:
        raise CohortError(
            f"the split puts {len(test)} studies aside and leaves {len(train)} to learn from",
            hint="Choose other sites or another year.",
        )
    return _disjoint(Fold(0, 0, train, test), patients)


def by_time(periods: Sequence[int | None], patients: Sequence[str], *, since: int) -> Fold:
    """Learn from what was before, be asked what came from then on.

    A patient seen on both sides is asked only: their earlier studies are in neither part.

    Args:
        periods: Year of each study's index time.
        patients: Patient id a study.
        since: First year that is tested on.

    Raises:
        CohortError: A year is unknown, or a part is empty.

    Example:
        >>> fold = by_time([2019, 2020, 2021, 2018], ["a", "b", "a", "c"], since=2021)
        >>> fold.train, fold.test
        ((1, 3), (2,))
    """
    unknown = sum(year is None for year in periods)
    if unknown:
        raise CohortError(
            f"{unknown} studies have no index time to split by",
            hint="Name `index_time` in the spec, or split by share or site.",
        )
    return put_aside([year is not None and year >= since for year in periods], patients)


def refuse_overlap(one: Iterable[str], other: Iterable[str]) -> None:
    """Refuse two parts with a patient in common.

    Args:
        one: Patients of one part.
        other: Patients of another.

    Raises:
        CohortError: A patient is in both; the message counts them and names nobody.

    Example:
        >>> refuse_overlap(["a", "b"], ["c"])
    """
    both = set(one) & set(other)
    if both:
        raise CohortError(
            f"{len(both)} patients are on both sides of a split", hint="Split by patient, never by study."
        )


def _checked(
    labels: ArrayLike, patients: Sequence[str], content: Sequence[str] | None
) -> tuple[np.ndarray, list[list[int]]]:
    """Labels as floats, and the positions of each patient in an order that is the same everywhere."""
    y = np.asarray(labels, dtype=float)
    if y.shape != (len(patients),) or (content is not None and len(content) != len(patients)):
        raise CohortError(f"{y.shape} labels do not fit {len(patients)} patients")
    groups: dict[str, list[int]] = {}
    for position, patient in enumerate(patients):
        groups.setdefault(patient, []).append(position)
    ordered = list(groups.values())
    if content is not None:
        ordered.sort(key=lambda positions: sorted(content[i] for i in positions))
    return y, ordered


def _deal(
    groups: list[list[int]],
    y: np.ndarray,
    weights: list[float],
    rng: np.random.Generator,
    *,
    stratify: bool,
) -> list[list[int]]:
    """Deal patients to parts, largest first, each to the part that is furthest below its share."""
    strata: dict[float, list[list[int]]] = {}
    for positions in groups:
        known = y[positions][~np.isnan(y[positions])]
        stratum = (known.max() if len(known) else -1.0) if stratify else 0.0
        strata.setdefault(float(stratum), []).append(positions)
    total = np.zeros(len(weights))
    parts: list[list[int]] = [[] for _ in weights]
    share = np.asarray(weights) / sum(weights)
    for stratum in sorted(strata, reverse=True):
        shuffled = [strata[stratum][i] for i in rng.permutation(len(strata[stratum]))]
        shuffled.sort(key=len, reverse=True)
        here = np.zeros(len(weights))
        for positions in shuffled:
            filled = (here + len(positions)) / share
            best = np.flatnonzero(np.isclose(filled, filled.min()))
            part = int(min(best, key=lambda k: (total[k] / share[k], k)))
            here[part] += len(positions)
            total[part] += len(positions)
            parts[part] += positions
    return [sorted(part) for part in parts]


def _both_classes(y: np.ndarray, train: Sequence[int], where: str) -> None:
    """Refuse a training part with one class, unless no label is known at all."""
    if np.isnan(y).all():
        return
    seen = set(y[list(train)][~np.isnan(y[list(train)])].tolist())
    if len(seen) < 2:
        raise CohortError(
            f"the training part of {where} has one class only",
            hint="Both classes need at least two patients, better as many as folds.",
        )


def _disjoint(fold: Fold, patients: Sequence[str]) -> Fold:
    refuse_overlap([patients[i] for i in fold.train], [patients[i] for i in fold.test])
    return fold
