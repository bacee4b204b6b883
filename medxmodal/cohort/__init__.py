"""The cohort room: from a clinic's own records to studies, split by patient, torch-free.

Names are imported on first use, so that `import medxmodal.cohort` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort
    from medxmodal.cohort.spec.cohort_spec import CohortSpec
    from medxmodal.cohort.split.folds import Fold, by_site, by_time, inner_split, kfold, refuse_overlap
    from medxmodal.cohort.split.nested_folds import nested
    from medxmodal.cohort.split.stable import StableSplit, hash_split
    from medxmodal.cohort.study import FileReference, Study

__all__ = [
    "Cohort", "CohortSpec", "FileReference", "Fold", "StableSplit", "Study", "by_site", "by_time",
    "hash_split", "inner_split", "kfold", "nested", "refuse_overlap",
]  # fmt: skip

_HOMES = {
    "Cohort": "medxmodal.cohort.cohort",
    "CohortSpec": "medxmodal.cohort.spec.cohort_spec",
    "FileReference": "medxmodal.cohort.study",
    "Fold": "medxmodal.cohort.split.folds",
    "StableSplit": "medxmodal.cohort.split.stable",
    "Study": "medxmodal.cohort.study",
    "by_site": "medxmodal.cohort.split.folds",
    "by_time": "medxmodal.cohort.split.folds",
    "hash_split": "medxmodal.cohort.split.stable",
    "inner_split": "medxmodal.cohort.split.folds",
    "kfold": "medxmodal.cohort.split.folds",
    "nested": "medxmodal.cohort.split.nested_folds",
    "refuse_overlap": "medxmodal.cohort.split.folds",
}


def __getattr__(name: str) -> object:
    """Import a public name from its file on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'medxmodal.cohort' has no attribute '{name}'")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
