"""What the two classes of a label are called, so that a `yes` alone says of what."""

from __future__ import annotations

from medxmodal.records import DescribeRecord
from medxmodal.reporting.numbers import named
from medxmodal.reporting.strings import say

BARE = frozenset({"yes", "no", "1", "0", "true", "false", "positive", "negative", "abnormal", "normal"})
"""Words that say nothing without the name of the label."""


def class_name(record: DescribeRecord, name: str) -> str:
    """A class as readers call it.

    Args:
        record: What `medxmodal describe` found.
        name: The class as the spec names it.
    """
    if name in (record.positive, record.negative) and name.lower() in BARE:
        return say("cohort.class", task=named(record.task), name=name)
    return name
