"""The words of the pages about many studies: the index of a report and the description of a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COHORT: Mapping[str, str] = MappingProxyType(
    {
        "index.title": "{cohort}: {task}",
    }
)
