"""What is missing, as a table whose cells are written and, in addition, shaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from medxmodal.records import DescribeRecord, Missingness
from medxmodal.reporting.classes import class_name
from medxmodal.reporting.numbers import DASH, named, percent
from medxmodal.reporting.strings import say

FEW_SITES = 8
"""So many sites have a column each; of more, the least, the middle and the most is told."""
SHADES = (0.0, 0.05, 0.2, 0.5)
"""From these shares on a cell is darker by one step."""


@dataclass(frozen=True)
class Shaded:
    """A cell: its figure, and how dark it is, 0 to 4."""

    text: str
    shade: int


@dataclass(frozen=True)
class MissingRow:
    """How much of one input or value is missing."""

    name: str
    cells: list[Shaded]
    by_label: str


@dataclass(frozen=True)
class MissingView:
    """The whole table; `groups` are headings over so many columns."""

    columns: list[str]
    groups: list[tuple[str, int]]
    rows: list[MissingRow]
    complete: int
    note: str


def missing_view(record: DescribeRecord) -> MissingView:
    """Lay out what is missing, largest first; what is complete is only counted.

    Args:
        record: What `medxmodal describe` found.
    """
    labels = list(dict.fromkeys(name for row in record.missingness for name in row.by_label))
    sites = list(dict.fromkeys(name for row in record.missingness for name in row.by_site))
    folded = len(sites) > FEW_SITES
    by_site = [say(f"missing.{key}") for key in ("least", "middle", "most")] if folded else sites
    if len(sites) == 1:
        by_site = []
    there = sorted((row for row in record.missingness if row.overall > 0), key=lambda row: -row.overall)
    groups = [("", 1), (say("missing.label"), len(labels))]
    groups.append((say("missing.sites", count=len(sites)) if folded else say("missing.site"), len(by_site)))
    return MissingView(
        columns=[say("missing.all"), *(class_name(record, name) for name in labels), *by_site],
        groups=[group for group in groups if group[1]],
        rows=[_row(row, labels, sites if by_site else [], folded=folded) for row in there],
        complete=len(record.missingness) - len(there),
        note=say("missing.folded") if folded else "",
    )


def _row(row: Missingness, labels: Sequence[str], sites: Sequence[str], *, folded: bool) -> MissingRow:
    shares: list[float | None] = [row.overall, *(row.by_label.get(name) for name in labels)]
    if folded:
        known = list(row.by_site.values())
        shares += [min(known), median(known), max(known)] if known else [None, None, None]
    else:
        shares += [row.by_site.get(site) for site in sites]
    return MissingRow(field_name(row.field), [_shaded(share) for share in shares], told(row.by_label))


def _shaded(share: float | None) -> Shaded:
    if share is None:
        return Shaded(DASH, 0)
    return Shaded(percent(share), sum(share > limit for limit in SHADES))


def told(shares: Mapping[str, float]) -> str:
    """Shares by group, on one line."""
    return ", ".join(f"{name} {percent(share)}" for name, share in shares.items())


def field_name(name: str) -> str:
    """An input, or a value of one, as readers call it.

    Example:
        >>> field_name("chest_image"), field_name("tabular.Tissue_composition")
        ('Chest image', 'Tabular: Tissue composition')
    """
    modality, dot, column = name.partition(".")
    return named(modality) if not dot else f"{named(modality)}: {column.replace('_', ' ')}"
