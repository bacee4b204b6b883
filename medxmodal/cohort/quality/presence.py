"""What is there and what is not, and whether that alone tells the label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medxmodal.cohort.spec.cohort_spec import TabularSpec
from medxmodal.cohort.split.folds import kfold
from medxmodal.errors import CohortError
from medxmodal.statistics import auroc

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort

FOLDS = 5
FEWEST = 10
"""Fewer patients of either class give no figure."""


def field_missing(cohort: Cohort) -> dict[str, np.ndarray]:
    """Modality or `modality.column` -> 1 where missing, 0 where there, (studies,).

    A column of a table that is absent as a whole is NaN: the modality's own row counts that.
    """
    missing = {}
    for name, modality in cohort.spec.modalities.items():
        absent = np.array([not study.has(name) for study in cohort.studies], dtype=float)
        missing[name] = absent
        if isinstance(modality, TabularSpec):
            for column in modality.columns:
                missing[f"{name}.{column}"] = np.array(
                    [
                        float(study.inputs[name].get(column) is None) if study.has(name) else np.nan
                        for study in cohort.studies
                    ]
                )
    return missing


def mask_only_auroc(cohort: Cohort) -> dict[str, float | None]:
    """AUROC of a model that sees only what is missing, out of fold by patient.

    Near 0.5 missingness is innocent; far from it a model can learn who was examined instead of who is
    ill, and at another site that may not hold.

    Returns:
        `modalities`, `columns` and `all` -> AUROC; 0.5 where nothing varies, None where there are too few
        labelled patients.
    """
    missing = field_missing(cohort)
    chosen = {
        "modalities": [name for name in missing if "." not in name],
        "columns": [name for name in missing if "." in name],
        "all": list(missing),
    }
    return {
        group: _out_of_fold(cohort, np.array([np.nan_to_num(missing[name], nan=1.0) for name in names]).T)
        for group, names in chosen.items()
        if names
    }


def _out_of_fold(cohort: Cohort, masks: np.ndarray) -> float | None:
    from sklearn.linear_model import LogisticRegression

    rows = np.flatnonzero(np.isfinite(cohort.labels()))
    y, x = cohort.labels()[rows], masks[rows]
    of_study = cohort.patients
    patients = [of_study[i] for i in rows]
    if min(len({p for p, label in zip(patients, y, strict=True) if label == c}) for c in (0, 1)) < FEWEST:
        return None
    if (x == x[:1]).all():
        return 0.5
    try:
        content = [cohort.content[i] for i in rows]
        folds = kfold(y, patients, folds=FOLDS, seed=0, content=content)
    except CohortError:
        return None
    scores = np.zeros(len(y))
    for fold in folds:
        train, test = list(fold.train), list(fold.test)
        fitted = LogisticRegression(C=1.0, max_iter=1000).fit(x[train], y[train])
        # Centred by the fold's training rows: their prevalence mirrors the held-out one and would rank rows.
        scores[test] = fitted.decision_function(x[test]) - fitted.decision_function(x[train]).mean()
    return round(float(auroc(y, scores)), 4)
