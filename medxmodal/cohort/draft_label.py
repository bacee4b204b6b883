"""Which column is the label, and which others would give it away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medxmodal.cohort.profile import Profile
from medxmodal.cohort.sources.rows import Table

MOST_CLASSES = 6
PURE = 0.95
"""A column that guesses the label right this often, from its values alone, is likely a leak."""
_LABEL = re.compile(
    r"label|classif|class$|target|malig|diagnos|outcome|disease|status|mortal|death|died|surviv|positive|cancer",
    re.IGNORECASE,
)
_LEAK = re.compile(
    r"birads|bi-rads|diagnos|verif|interpret|patholog|histolog|biops|outcome|discharge|\bicd|finding|impression|"
    r"conclusion|prognos|death|died|surviv|treatment|therapy|surgery|stage|grade|confirm|label|report|follow",
    re.IGNORECASE,
)
_POSITIVE = re.compile(
    r"malig|cancer|disease|positive|abnormal|yes|true|^1$|dead|died|expired|sick|tumou?r|present|case|^pos$",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"benign|healthy|negative|normal|^no|false|^0$|alive|control|absent|non|^neg$", re.IGNORECASE
)


@dataclass(frozen=True)
class LabelGuess:
    """A guessed label.

    Args:
        column: Its column.
        positive: Value of the positive class.
        negative: Value of the negative class.
        others: Further values, to be excluded.
        words: The guess in a sentence.
    """

    column: str
    positive: str
    negative: str
    others: tuple[str, ...]
    words: str


def guess_label(columns: Sequence[Profile]) -> LabelGuess:
    """Guess the label among columns; says so plainly where nothing looks like one."""
    fit = [p for p in columns if 2 <= p.distinct <= MOST_CLASSES and p.filled > p.distinct and not p.many]
    if not fit:
        return LabelGuess(
            "label", "positive", "negative", (), "no column looks like a label: fill in `label` by hand."
        )
    best = max(fit, key=_likeness)
    common = [text for text, _ in best.counts.most_common()]
    positive = next((t for t in common if _POSITIVE.search(t) and not _NEGATIVE.search(t)), None)
    negative = next((t for t in common if t != positive and _NEGATIVE.search(t)), None)
    negative = negative or next(t for t in common if t != positive)
    positive = positive or next(t for t in reversed(common) if t != negative)
    others = tuple(t for t in common if t not in {positive, negative})
    rivals = [p.name for p in sorted(fit, key=_likeness, reverse=True) if p.name != best.name][:3]
    classes = " against ".join(f"'{t}' ({best.counts[t]})" for t in (positive, negative))
    words = f"'{best.name}' is the label, {classes}"
    return LabelGuess(
        best.name,
        positive,
        negative,
        others,
        words + (f"; it might also be {', '.join(rivals)}." if rivals else "."),
    )


def _likeness(found: Profile) -> tuple[float, float]:
    values = list(found.counts)
    pair = any(_POSITIVE.search(t) for t in values) and any(_NEGATIVE.search(t) for t in values)
    clinical = any(
        re.search(r"malig|benign|healthy|disease|dead|alive|expired", t, re.IGNORECASE) for t in values
    )
    score = 2.0 * bool(_LABEL.search(found.name)) + pair + 2.0 * clinical + (found.distinct == 2)
    return score, float(found.filled)


def likely_leaks(
    table: Table, columns: Mapping[str, Profile], label: LabelGuess, used: set[str]
) -> list[str]:
    """Columns whose name or whose values give the label away."""
    leaks = []
    for name, found in columns.items():
        if name in used or name == label.column:
            continue
        if _LEAK.search(name) or (not found.is_note and _purity(table, name, label) >= PURE):
            leaks.append(name)
    return leaks


def _purity(table: Table, name: str, label: LabelGuess) -> float:
    """How often the other records with the same value have mostly the same label (leave one out)."""
    pairs = [
        (cell, target)
        for row in table.rows
        if (cell := row.cells[name]) is not None
        and (target := row.cells.get(label.column)) in {label.positive, label.negative}
    ]
    if len(pairs) < 20:
        return 0.0
    both = Counter(pairs)
    totals = Counter(cell for cell, _ in pairs)
    right = sum(count for (cell, _), count in both.items() if 2 * (count - 1) > totals[cell] - 1)
    return right / len(pairs)
