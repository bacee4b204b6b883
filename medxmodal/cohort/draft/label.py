"""Which column is the label, and which others would give it away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from medxmodal.cohort.draft.profile import Profile
from medxmodal.cohort.draft.yaml import is_safe, quoted, slug, ticked
from medxmodal.cohort.sources.rows import Table

MOST_CLASSES = 6
LONGEST = 40
"""Longer texts are no classes, and may tell of somebody."""
MOST_NAMED = 60
"""Classes of a column that is called a label."""
PURE = 0.95
"""A column that guesses the label right this often, from its values alone, is likely a leak."""
_LABEL = re.compile(
    r"label|classif|class\b|^class|class$|target|malig|dignit|diagnos|outcome|disease|status|mortal|death|died|"
    r"surviv|positive|cancer|klasse|klassif|ergebnis|befund|verstorben|zielgr|^num$|^y$|^gt$|ground.?truth",
    re.IGNORECASE,
)
_FIRM = re.compile(r"label|classif|^class|class$|target|malig|dignit|klasse|klassif|zielgr|^num$|^y$", re.I)
_LEAK = re.compile(
    r"bi-?rads|diagnos|verif|interpret|deutung|patholog|histolog|biops|outcome|discharge|entlass|\bicd|finding|"
    r"impression|conclusion|prognos|death|died|dead|surviv|alive|verstorben|(^|_)tod|mortal|treatment|therap|"
    r"surg|operat|stage\b|grade|confirm|label|report|follow|befund|beurteil|sicherung|nachsorge|prediction|"
    r"predicted|(^|_)los(_|$)|length[_ ]?of[_ ]?stay|readmi|expired|intubat|extubat|(^|_)icu(_|$)|went_|"
    r"ventday|hospitali[sz]ation|complication|necrosis|resect|blood_loss|ischemi|isup|vital_(status|days)|"
    r"upon|severity|^split$|post_?op|cytoreduct|(^|_)er_visit|^healthy|asymptom|^title$|comment|kommentar|ground.?truth",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"discharge|entlass|died|death|verstorben|mortal|expired|outcome|surviv|predict|response|(^|_)los(_|$)",
    re.IGNORECASE,
)
_OUTCOMES = re.compile(r"actual|mortal|outcome|status|died|death|label|surviv|verstorben", re.IGNORECASE)
_OFFSET = re.compile(r"offset|days?[_ ]?(to|until|since|after)", re.IGNORECASE)
_OUTCOME = re.compile(
    r"icu|death|died|tod|discharg|release|relapse|recurr|progress|expire|event", re.IGNORECASE
)
_POSITIVE = re.compile(
    r"malig|bösartig|cancer|krebs|disease|positive?|abnormal|yes|^ja$|true|^1$|dead|died|expired|deceased|sick|"
    r"tumou?r|present|case|^pos$|covid|pneumonia|krank|verstorben|patholog",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"benign|gutartig|healthy|gesund|negative?|normal|regular|^no|^nein|false|^0$|alive|lebend|control|absent|"
    r"non|^neg$|no finding",
    re.IGNORECASE,
)
_CLINICAL = re.compile(
    r"malig|benign|healthy|disease|dead|alive|expired|gutartig|bösartig|covid|cancer|tumou?r|abnormal",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class LabelGuess:
    """A guessed label.

    Args:
        column: Its column; empty where nothing looks like a label.
        positive: Value of the positive class.
        negative: Value of the negative class.
        others: Further values, to be excluded.
        words: The guess in a sentence.
        rule: The rule by which a study is positive, where it is no pair of values.
        rivals: Columns that might be the label as well.
    """

    column: str
    positive: str
    negative: str
    others: tuple[str, ...]
    words: str
    rule: str = ""
    rivals: tuple[str, ...] = ()

    @property
    def tree(self) -> dict[str, object]:
        """As a spec has it."""
        name = slug(self.column.removesuffix("_offset"), "label")
        if self.rule:
            return {"name": name, "where": self.rule}
        return {"name": name, "column": self.column, "positive": self.positive, "negative": self.negative}


NONE = LabelGuess("", "", "", (), "no column looks like a label: the draft has none; add `label` by hand.")


def guess_label(columns: Sequence[Profile]) -> LabelGuess:
    """Guess the label among columns; says so plainly where nothing looks like one."""
    fit = [p for p in columns if _may_be_label(p) and all(map(_is_class, p.counts.most_common(2)))]
    if not fit:
        offsets = [p for p in columns if _is_outcome_offset(p)]
        return _by_presence(offsets) if offsets else NONE
    ranked = sorted(fit, key=_likeness, reverse=True)
    rivals = tuple(p.name for p in ranked[1:4] if _LABEL.search(p.name))
    also = f"; it might also be {', '.join(rivals)}." if rivals else "."
    return _by_values(ranked[0], rivals, also)


def _may_be_label(found: Profile) -> bool:
    if (
        found.many
        or found.identifies
        or found.is_dated
        or found.filled <= found.distinct
        or found.distinct < 2
    ):
        return False
    named = bool(_LABEL.search(found.name))
    if found.distinct > MOST_CLASSES:
        several = 3 * found.distinct <= found.filled and found.distinct <= MOST_NAMED
        return bool(_FIRM.search(found.name)) and not found.is_number and several
    if found.is_number and not all(value == int(value) for value in found.values):
        return False
    return (named and not _OFFSET.search(found.name)) or _paired(found)


def _is_class(counted: tuple[str, int]) -> bool:
    """Whether a value may be shown: it is short and there is more than one such record."""
    text, count = counted
    return len(text) <= LONGEST and count > 1 and "\n" not in text and not ("'" in text and '"' in text)


def _paired(found: Profile) -> bool:
    """Whether the values are those of a diagnosis, and not only of any yes-or-no question."""
    values = list(found.counts)
    clinical = any(_CLINICAL.search(text) for text in values)
    return clinical and any(_NEGATIVE.search(text) for text in values)


def _by_values(best: Profile, rivals: tuple[str, ...], also: str) -> LabelGuess:
    common = [text for text, _ in best.counts.most_common()]
    if best.is_number and best.distinct > 2 and best.values[:1] == [0.0] and is_safe(best.name):
        above = sum(value > 0 for value in best.values)
        words = f"'{best.name}' is the label: above 0 is positive ({above} of {best.filled} rows)"
        return LabelGuess(best.name, "", "", (), words + also, f"{ticked(best.name)} > 0", rivals)
    positive = next((t for t in common if _POSITIVE.search(t) and not _NEGATIVE.search(t)), None)
    negative = next((t for t in common if t != positive and _NEGATIVE.search(t)), None)
    clear = positive is not None and negative is not None
    negative = negative or next(t for t in common if t != positive)
    positive = positive or next(t for t in reversed(common) if t != negative)
    others = tuple(t for t in common if t not in {positive, negative})
    if any(not _is_class((t, 2)) for t in others):
        others = (*others, "")  # more than one: only a rule then says who is positive
    if len(others) > 1 or (others and not clear):
        positive = positive if clear else common[0]
        if not is_safe(best.name) or not _is_class((positive, 2)):
            return replace(NONE, words=f"'{best.name}' may be the label, of several classes: add it by hand.")
        else:
            # `COVID-19, ARDS` is no other disease than `COVID-19`.
            count = sum(n for text, n in best.counts.items() if positive in text)
            sign = "==" if count == best.counts[positive] else "contains"
            words = f"'{best.name}' is the label: {sign} '{positive}' ({count}) against all others"
            rule = f"{ticked(best.name)} {sign} {quoted(positive)}"
            return LabelGuess(best.name, positive, "", (), words + also, rule, rivals)
    classes = " against ".join(f"'{t}' ({best.counts[t]})" for t in (positive, negative))
    words = f"'{best.name}' is the label, {classes}"
    return LabelGuess(best.name, positive, negative, others, words + also, "", rivals)


def _is_outcome_offset(found: Profile) -> bool:
    told = bool(_OFFSET.search(found.name)) and bool(_OUTCOME.search(found.name))
    return told and 0.02 < found.filled / max(1, found.rows) < 0.98 and is_safe(found.name)


def _by_presence(offsets: Sequence[Profile]) -> LabelGuess:
    """An event that only some records have, told by the time at which it happened."""
    best = max(offsets, key=lambda p: min(p.filled, p.rows - p.filled))
    rivals = tuple(p.name for p in offsets if p is not best)
    words = (
        f"no column holds a diagnosis; '{best.name}' is filled for {best.filled} of {best.rows} rows, and "
        "the label is whether it is"
    )
    also = f"; it might also be {', '.join(rivals)}." if rivals else "."
    return LabelGuess(best.name, "", "", (), words + also, f"{ticked(best.name)} is not missing", rivals)


def _likeness(found: Profile) -> tuple[float, float]:
    values = list(found.counts)
    pair = any(_POSITIVE.search(t) for t in values) and any(_NEGATIVE.search(t) for t in values)
    clinical = any(_CLINICAL.search(t) for t in values)
    score = 2.0 * bool(_LABEL.search(found.name)) + 1.5 * bool(_FIRM.search(found.name)) + pair
    rarest = min(found.counts.values()) / found.filled
    score += 2.0 * clinical + (found.distinct == 2) + rarest
    return score - 0.5 * ("." in found.name), float(found.filled)


def leaks_by_name(name: str) -> bool:
    """Whether a column's name says that it is known only with or after the diagnosis."""
    return bool(_LEAK.search(name) or _OFFSET.search(name))


def leaks_in_events(name: str) -> bool:
    """The same for a table of events, where a diagnosis is one known by its time."""
    return bool(_LATER.search(name))


def is_outcome(found: Profile) -> bool:
    """Whether a column of a further table looks like the label."""
    short = 2 <= found.distinct <= 3 and max(map(len, found.counts)) <= LONGEST
    return short and bool(_OUTCOMES.search(found.name)) and _paired(found)


def likely_leaks(
    table: Table, columns: Mapping[str, Profile], label: LabelGuess, used: set[str]
) -> list[str]:
    """Columns whose name or whose values give the label away."""
    leaks = []
    for name, found in columns.items():
        if name in used or name == label.column:
            continue
        rival = name in label.rivals and bool(_FIRM.search(name))
        if rival or leaks_by_name(name) or (not found.is_note and _purity(table, name, label) >= PURE):
            leaks.append(name)
    return leaks


def _purity(table: Table, name: str, label: LabelGuess) -> float:
    """How often the other records with the same value have mostly the same label (leave one out)."""
    pairs = [
        (cell, target)
        for row in table.rows
        if (cell := row.cells.get(name)) is not None
        and (target := _target(row.cells.get(label.column), label)) is not None
    ]
    if len(pairs) < 20 or len({target for _, target in pairs}) < 2:
        return 0.0
    both = Counter(pairs)
    totals = Counter(cell for cell, _ in pairs)
    right = sum(count for (cell, _), count in both.items() if 2 * (count - 1) > totals[cell] - 1)
    share = right / len(pairs)
    common = Counter(target for _, target in pairs).most_common(1)[0][1] / len(pairs)
    return share if share - common > 0.5 * (1 - common) else 0.0  # of a rare label all columns know most


def _target(cell: str | None, label: LabelGuess) -> bool | None:
    if label.rule.endswith("is not missing"):
        return cell is not None
    if label.rule and label.positive:
        same = cell is not None and (
            cell == label.positive or ("contains" in label.rule and label.positive in cell)
        )
        return None if cell is None else same
    if label.rule:
        return None if cell is None else cell not in {"0", "0.0"}
    return cell == label.positive if cell in {label.positive, label.negative} else None
