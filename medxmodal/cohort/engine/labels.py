"""What is to be predicted: the label of one case, from a column, a rule or an event to come."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from medxmodal.cohort.cells import Words
from medxmodal.cohort.engine.case import Case, Event
from medxmodal.cohort.identity import Identity
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.spec.rules import LabelSpec
from medxmodal.cohort.spec.where import parse_where
from medxmodal.errors import SpecError


class Label(NamedTuple):
    """A label.

    Args:
        value: 1, 0 or None (unknown).
        wrong: Why the record cannot be used.
    """

    value: int | None
    wrong: str = ""


class LabelReader:
    """Reads labels, and notices when the spec's two values occur nowhere.

    Args:
        spec: The spec.
        identity: How messages may quote a cell.
        known: Whether labels can be read; unknown for all otherwise.
    """

    def __init__(self, spec: CohortSpec, identity: Identity, *, known: bool) -> None:
        self.label = spec.label if known else None
        self.identity = identity
        self.unknown: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.matched = 0
        if self.label:
            self.words = {1: Words([self.label.positive]), 0: Words([self.label.negative])}
            self.rule = parse_where(self.label.where) if self.label.where else None

    def read(self, case: Case) -> Label:
        """The label of a case."""
        label = self.label
        if label is None:
            return Label(None)
        if label.horizon:
            return self._ahead(case, label)
        if label.source:
            return self._of_table(case, label)
        if label.column:
            return self._text(case.row.cells[label.column], f"{case.row.shown}, column '{label.column}'")
        assert self.rule is not None
        return Label(_as_value(self.rule.holds(case.row.cells)))

    def _text(self, text: str | None, where: str) -> Label:
        assert self.label is not None
        if text is None:
            return Label(None)
        self.seen[text if len(self.seen) < 100 else "..."] += 1
        for value, words in self.words.items():
            if text in words:
                self.matched += 1
                return Label(value)
        return Label(
            None,
            f"{where}: {self.identity.quote(text)} is neither '{self.label.positive}' nor "
            f"'{self.label.negative}'; exclude such records by a rule",
        )

    def _of_table(self, case: Case, label: LabelSpec) -> Label:
        rows = case.events(label.source or "")
        if self.rule is not None and label.column is not None:
            rows = [event for event in rows if self.rule.holds(event.row.cells) is True]
        if label.column is None:
            assert self.rule is not None
            held = [self.rule.holds(event.row.cells) for event in rows]
            return Label(1 if True in held else 0 if held and None not in held else None)
        texts = sorted({t for event in rows if (t := event.row.cells.get(label.column)) is not None})
        if len(texts) > 1:
            return Label(
                None,
                f"{case.row.shown}: its {len(rows)} rows in {label.source} disagree in '{label.column}'; "
                "choose one with label.where",
            )
        return self._text(texts[0] if texts else None, f"{case.row.shown}, {label.source}.{label.column}")

    def _ahead(self, case: Case, label: LabelSpec) -> Label:
        begin, end = label.ahead
        table = label.source or ""
        if begin > 0 and self._within(case.ahead(table, 0.0, begin, self.rule), case, begin):
            self.unknown["the event happened within the gap"] += 1
            return Label(None)
        if case.ahead(table, begin, end, self.rule):
            return Label(1)
        if label.followed is None or _is_followed(case, label.followed, end):
            return Label(0)
        self.unknown["not followed until the horizon's end"] += 1
        return Label(None)

    def _within(self, events: list[Event], case: Case, gap: float) -> bool:
        return any(e.moment is not None and e.moment.end - case.index.end <= gap for e in events)

    def check(self) -> None:
        """Raise SpecError when records have labels but none of the two values."""
        label = self.label
        if label is None or not label.column or not self.seen or self.matched:
            return
        common = ", ".join(f"'{text}'" for text, _ in self.seen.most_common(5))
        place = f"{label.source}.{label.column}" if label.source else f"column '{label.column}'"
        raise SpecError(
            f"{place} holds neither '{label.positive}' nor '{label.negative}'"
            + ("" if self.identity.keyed else f"; it holds {common}"),
            hint="Correct label.positive and label.negative.",
        )


def _is_followed(case: Case, table: str, end: float) -> bool:
    """Whether a row says that the record was followed until so many hours after the index time, or longer."""
    moments = (event.moment for event in case.events(table))
    return any(m is not None and m.end - case.index.end >= end for m in moments)


def _as_value(held: bool | None) -> int | None:
    return None if held is None else int(held)
