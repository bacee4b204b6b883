"""Nested cross-validation: inside each outer fold's training part, folds of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.cohort.split.folds import Fold, kfold, refuse_overlap
from medxmodal.errors import CohortError


@dataclass(frozen=True)
class NestedFold:
    """An outer fold, for the figure, with inner folds of its training part, for choosing.

    Args:
        outer: Learn from `train`, be asked `test`.
        inner: Folds of `outer.train`, as positions in the cohort; no study of `outer.test` is in any.
    """

    outer: Fold
    inner: tuple[Fold, ...]


def nested(
    labels: ArrayLike,
    patients: Sequence[str],
    *,
    outer: int,
    inner: int,
    seed: int,
    stratify: bool = True,
    content: Sequence[str] | None = None,
) -> list[NestedFold]:
    """Outer folds by patient, each with inner folds by patient.

    Args:
        labels: 1, 0 or NaN (unknown) a study.
        patients: Patient id a study.
        outer: How many outer folds, at least 2.
        inner: How many inner folds of each, at least 2.
        seed: Of the shuffles.
        stratify: As in `kfold`.
        content: As in `kfold`.

    Raises:
        CohortError: Too few patients, or a class that some training part would miss.

    Example:
        >>> folds = nested([0, 1] * 6, list("abcdefghijkl"), outer=3, inner=2, seed=0)
        >>> len(folds), len(folds[0].inner), len(folds[0].outer.test)
        (3, 2, 4)
    """
    y = np.asarray(labels, dtype=float)
    made = []
    for fold in kfold(y, patients, folds=outer, seed=seed, stratify=stratify, content=content):
        rows = list(fold.train)
        try:
            within = kfold(
                y[rows],
                [patients[i] for i in rows],
                folds=inner,
                seed=seed + 1 + fold.fold,
                stratify=stratify,
                content=None if content is None else [content[i] for i in rows],
            )
        except CohortError as error:
            raise CohortError(
                f"inside outer fold {fold.fold}: {error.message}", hint="Use fewer folds or more patients."
            ) from error
        parts = tuple(_in_cohort(part, rows) for part in within)
        for part in parts:
            refuse_overlap([patients[i] for i in fold.test], [patients[i] for i in part.train + part.test])
        made.append(NestedFold(fold, parts))
    return made


def _in_cohort(part: Fold, rows: Sequence[int]) -> Fold:
    return Fold(part.fold, part.repeat, tuple(rows[i] for i in part.train), tuple(rows[i] for i in part.test))
