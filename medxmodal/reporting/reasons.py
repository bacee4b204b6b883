"""Reasons counted: what says the same of different records is one reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from medxmodal.reporting.strings import say

_PLACES = (
    (re.compile(r"\s*\(sha256 [0-9a-f]+\W*\)"), ""),
    (re.compile(r"^(?:row|record|line) \d+(?:, |: ?)"), ""),
    (re.compile(r"\b(row|record|line|study|image|volume|file|item|resource) \d+\b"), r"\1"),
)


def general(reason: str) -> str:
    """A reason without the place where it happened.

    Example:
        >>> general("row 12: image of study 3 (sha256 3fa2b1...): the file is cut off")
        'image of study: the file is cut off'
    """
    for pattern, instead in _PLACES:
        reason = pattern.sub(instead, reason)
    return reason.strip()


def counted(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Each reason with how often it was given, the most frequent first."""
    return Counter(map(general, reasons)).most_common()


def by_reason(reasons: Iterable[str]) -> list[str]:
    """The same as lines."""
    return [
        reason if count == 1 else say("quality.reason", count=count, reason=reason)
        for reason, count in counted(reasons)
    ]
