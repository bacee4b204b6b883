"""Validation of whole resources with `fhir.resources` R4B: a sample by hash, or all."""

from __future__ import annotations

import heapq
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

Validation = Literal["none", "sample", "full"]
SHARE = 0.02
"""Of the resources of the types used, this share is validated whole ..."""
LEAST = 20
"""... and at least as many of each type."""
_BELOW = int(SHARE * 2**32)
_NAME = re.compile(r"[A-Za-z_]\w{0,60}")


def sample_place(kind: str, key: str) -> int:
    """Where a resource stands in the order of sampling: a hash, so that it is the same every time."""
    return zlib.crc32(f"{kind}/{key}".encode(errors="replace"))


def complaint(resource: dict[str, Any]) -> str | None:
    """What the R4B model says against a resource: a path and a kind of error, without values."""
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    try:
        model = get_fhir_model_class(resource["resourceType"])
    except LookupError:
        return None
    try:
        model.model_validate(resource)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(
            str(part) if isinstance(part, int) or _NAME.fullmatch(str(part)) else "?" for part in first["loc"]
        )
        return f"{path or 'the resource'} is not valid R4 ({first['type']})"
    return None


@dataclass
class Sampler:
    """Chooses what is validated, in one task.

    Args:
        mode: None, a sample, or all.
        validated: Type -> how many were.
        waiting: Type -> the next in the order of sampling, should the share not reach the least number.
    """

    mode: Validation
    validated: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, list[tuple[int, int, int, int, dict[str, Any]]]] = field(default_factory=dict)
    seen: int = 0

    def check(self, resource: dict[str, Any], key: str, piece: int, number: int) -> str | None:
        """What is wrong with a resource, if it is one of those chosen."""
        if self.mode == "none":
            return None
        kind = resource["resourceType"]
        place = sample_place(kind, key) if self.mode == "sample" else 0
        if place < _BELOW:
            self.validated[kind] += 1
            return complaint(resource)
        if self.validated[kind] < LEAST:
            heap = self.waiting.setdefault(kind, [])
            self.seen += 1
            item = (-place, -self.seen, piece, number, resource)
            if len(heap) < LEAST:
                heapq.heappush(heap, item)
            elif item[0] > heap[0][0]:
                heapq.heapreplace(heap, item)
        return None

    def left(self) -> list[tuple[int, int, int, dict[str, Any]]]:
        """What waits, as (place in the order, piece, number, resource)."""
        return [
            (-place, piece, number, resource)
            for kind, heap in self.waiting.items()
            if self.validated[kind] < LEAST
            for place, _, piece, number, resource in heap
        ]
