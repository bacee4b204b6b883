"""The words of the pages about many studies: index, cohort, run and model card."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COHORT: Mapping[str, str] = MappingProxyType(
    {
        "index.title": "{cohort}: {task}",
    }
)
