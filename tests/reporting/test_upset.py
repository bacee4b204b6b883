"""Inputs that occur together: each combination has its bar and its dots, and the rest is counted."""

from __future__ import annotations

from itertools import combinations

from medxmodal.records import ModalityCount
from medxmodal.reporting.upset import MOST_SETS, upset


def test_bars_and_dots_are_the_counts(cohort) -> None:
    record = cohort()
    figure = upset(record)
    assert [bar.count for bar in figure.bars] == [str(row.studies) for row in record.cooccurrence]
    assert [bar.count for bar in figure.sizes] == ["238", "210", "150"]
    assert sum(mark.there for mark in figure.marks) == sum(len(r.modalities) for r in record.cooccurrence)
    assert figure.bars[0].height == max(bar.height for bar in figure.bars)
    assert figure.bars[1].height / figure.bars[0].height == 80 / 130
    assert "nothing 2" in figure.said
    assert figure.more == ""


def test_many_combinations_are_counted_and_stay_inside(cohort) -> None:
    names = [f"modality_{k}" * 4 for k in range(7)]
    sets = [c for size in range(1, 6) for c in combinations(names, size)]
    rows = [ModalityCount(modalities=list(c), studies=200 - k) for k, c in enumerate(sets)]
    figure = upset(cohort(modalities=dict.fromkeys(names, 150), cooccurrence=rows))
    assert len(figure.bars) == MOST_SETS
    rest = sum(row.studies for row in rows[MOST_SETS:])
    assert figure.more.startswith(f"{len(rows) - MOST_SETS} further combinations, with {rest} studies")
    for bar in [*figure.bars, *figure.sizes]:
        assert bar.x >= 0
        assert bar.x + bar.width <= figure.width
        assert 0 <= bar.at_y <= figure.height
    assert all(mark.y < figure.height for mark in figure.marks)
