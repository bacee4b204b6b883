"""The cohort room: from a clinic's own records to studies, split by patient, torch-free.

Names are imported on first use, so that `import medxmodal.cohort` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort
    from medxmodal.cohort.spec import CohortSpec
    from medxmodal.cohort.split import Fold, by_site, by_time, inner_split, kfold, refuse_overlap
    from medxmodal.cohort.split_nested import nested
    from medxmodal.cohort.split_stable import StableSplit, hash_split
    from medxmodal.cohort.study import FileReference, Study

__all__ = [
    "Cohort", "CohortSpec", "FileReference", "Fold", "StableSplit", "Study", "by_site", "by_time",
    "hash_split", "inner_split", "kfold", "nested", "refuse_overlap",
]  # fmt: skip

_HOMES = {
    "Cohort": "medxmodal.cohort.cohort",
    "CohortSpec": "medxmodal.cohort.spec",
    "FileReference": "medxmodal.cohort.study",
    "Fold": "medxmodal.cohort.split",
    "StableSplit": "medxmodal.cohort.split_stable",
    "Study": "medxmodal.cohort.study",
    "by_site": "medxmodal.cohort.split",
    "by_time": "medxmodal.cohort.split",
    "hash_split": "medxmodal.cohort.split_stable",
    "inner_split": "medxmodal.cohort.split",
    "kfold": "medxmodal.cohort.split",
    "nested": "medxmodal.cohort.split_nested",
    "refuse_overlap": "medxmodal.cohort.split",
}


def __getattr__(name: str) -> object:
    """Import a public name from its file on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'medxmodal.cohort' has no attribute '{name}'")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
