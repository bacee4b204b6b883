"""Further tables beside the table of records: which rows belong to whom, and when they happened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medxmodal.cohort.cells import parse_number
from medxmodal.cohort.draft.columns import ColumnDrafter
from medxmodal.cohort.draft.gather import Known
from medxmodal.cohort.draft.label import guess_label, is_outcome, leaks_by_name, leaks_in_events
from medxmodal.cohort.draft.profile import Profile
from medxmodal.cohort.draft.roles import is_safe_name, unit_of_offset
from medxmodal.cohort.draft.yaml import Pages, entry, flow, is_safe, quoted, scalar, slug, ticked

MOST_SERIES, MOST_PARTS, MOST_LONG, MOST_COLUMNS = 3, 6, 5, 12
_RELATIVE = re.compile(
    r"offset|^(days?|hours?|minutes?|mins?|time|tage?|stunden?)$|(days?|hours?|min|minutes)_(from|since|after)|"
    r"rel(ative)?_?(time|day)",
    re.IGNORECASE,
)
_ENTERED = re.compile(r"enter|entry|record(ed)?|result(ed)?|issued|verified", re.IGNORECASE)
_OTHER_TIMES = re.compile(r"stop|end|cancel|discharge|drugorder|prior|order", re.IGNORECASE)
_ITEM = re.compile(r"label|item|code|test|param|name$|analyte|lab(or)?name|variable|messgröße", re.IGNORECASE)
_ITEM_VALUE = re.compile(r"value|result|wert|numeric|valuenum", re.IGNORECASE)
_STAFF = re.compile(r"provider|physician|staff|usertype|specialty|speciality", re.IGNORECASE)
_AFTER = re.compile(r"result|outcome|discharge|mortality|death|follow|prediction|eol", re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    """A further table and how it belongs to the records.

    Args:
        known: The table.
        name: What the spec calls it.
        key: Its column that names the record.
        equals: The record's column; None where it is the record's own id.
        times: Its columns with times; none where it has no times.
        unit: Unit of relative times; empty for dates.
        dated: Whether it has dates that cannot be read, so that nothing of it may be used.
        rare: Whether hardly any record has a row in it.
    """

    known: Known
    name: str
    key: str
    equals: str | None
    times: tuple[str, ...]
    unit: str
    dated: bool
    rare: bool

    @property
    def tree(self) -> dict[str, object]:
        """As a spec has it."""
        tree = self.known.sample.tree | {"key": self.key}
        if self.equals:
            tree["equals"] = self.equals
        if self.times:
            column: object = self.times[0] if len(self.times) == 1 else list(self.times)
            tree["time"] = {"column": column, "unit": self.unit} if self.unit else column
        return tree | {"optional": True}

    @property
    def usable(self) -> bool:
        """Whether its rows may become inputs."""
        after = _AFTER.search(self.known.name) or _STAFF.search(self.known.name)
        return bool(self.times) and not after and not self.dated and not self.rare


def link(known: Known, records: Known, patient: str, study: str | None, taken: set[str]) -> Link | None:
    """How a table belongs to the records; None where it does not."""
    found = _key(known, records, patient, study)
    if found is None:
        return None
    key, equals = found
    name = slug(known.name, "table")
    while name in taken or name in {"table", "tables"}:
        name += "_2"
    taken.add(name)
    others = [p for p in known.columns.values() if p.name != key and not p.identifies]
    offsets = [p for p in others if _RELATIVE.search(p.name) and p.is_number and p.filled]
    dates = [p for p in others if p.is_dated and p.filled > 0.5 * p.rows]
    chosen = _times(offsets) or _times([p for p in dates if p.is_time])
    unit = unit_of_offset(chosen[0]) if offsets and chosen else ""
    dated = bool(dates) and not chosen
    rare = known.sample.whole and known.columns[key].distinct < 0.05 * records.rows
    return Link(known, name, key, equals, tuple(p.name for p in chosen), unit, dated, rare)


def _key(known: Known, records: Known, patient: str, study: str | None) -> tuple[str, str | None] | None:
    lower = {name.lower(): name for name in known.columns}
    for own in (study, patient):
        if own is not None and own.lower() in lower and _overlap(known, lower[own.lower()], records, own):
            return lower[own.lower()], own if own == patient and study else None
    for own in (study, patient):
        if own is None or own not in records.columns:
            continue
        for name, facts in known.columns.items():
            alike = facts.named_like("patient") or facts.named_like("study")
            if alike and _overlap(known, name, records, own) > 0.5:
                return name, own if own == patient and study else None
    for name, facts in records.columns.items():
        alike = facts.named_like("patient") or facts.named_like("study")
        if alike and not facts.identifies and name in known.columns and _overlap(known, name, records, name):
            return name, name
    for name, facts in records.columns.items():
        shared = name in known.columns and known.unique(name) and facts.named_like("identifier")
        if (
            shared or (name in known.columns and known.unique(name) and name.lower().endswith("id"))
        ) and _overlap(known, name, records, name):
            return name, name
    return None


def _overlap(known: Known, column: str, records: Known, own: str) -> float:
    """Which share of a table's keys name a record."""
    keys, ids = known.columns[column].counts, records.columns.get(own)
    if ids is None or not keys:
        return 0.0
    hits = sum(key in ids.counts for key in keys)
    # Of large tables only the beginnings are known: one key in common is enough where the names are the same.
    return hits / len(keys)


def _times(found: Sequence[Profile]) -> list[Profile]:
    plain = [p for p in found if not _OTHER_TIMES.search(p.name)] or list(found)
    full = [p for p in plain if p.filled >= 0.9 * p.rows]
    event = next((p for p in full if not _ENTERED.search(p.name)), None)
    if event is None:
        return full[:1]
    entered = next((p for p in full if _ENTERED.search(p.name) and p is not event), None)
    return [event, entered] if entered else [event]


def one_unit(links: Sequence[Link]) -> list[Link]:
    """All relative times of a folder count in one unit; the sizes of all tell which."""
    found = [one.known.columns[name] for one in links if one.unit for name in one.times[:1]]
    unit = unit_of_offset(*found) if found else ""
    return [replace(one, unit=unit) if one.unit else one for one in links]


def draft_events(links: Sequence[Link], pages: Pages) -> list[str]:
    """Write tables and what may be made of them; gives the names of likely leaks, `table.column`."""
    parts: list[str] = []
    used: list[str] = []
    series = 0
    for found in sorted(links, key=lambda one: (_rank(one.known.name), -one.known.rows)):
        if not found.usable:
            continue
        lines = _series(found, pages) if series < MOST_SERIES else []
        part = "" if lines or len(parts) == MOST_PARTS else _part(found)
        if lines:
            series += 1
            pages.columns(found.name, {"kind": "timeseries", "from": found.name}, lines)
        elif part:
            parts.append(part)
        if lines or part:
            used.append(found.name)
    if parts:
        pages.put("modalities", "  text:  # guessed; check that no line tells the label", "    kind: text")
        pages.put("modalities", "    parts:", *parts)
        pages.say(f"{len(parts)} tables of events become lines of a text; check that none names the label.")
    _tables(links, used, pages)
    _say_rest(links, pages)
    return [
        f"{one.name}.{name}" for one in links if one.name in used for name in one.known.columns
        if leaks_in_events(name) and name not in {one.key, *one.times}
    ]  # fmt: skip


def _rank(name: str) -> int:
    """How likely a table holds what a model should read."""
    for rank, pattern in enumerate((
        r"vital|lab|obs|measure|monitor|mess", r"note|brief|bericht", r"diagnos|problem|histor|anamnes|dx",
        r"exam|complaint|symptom|report|befund", r"medic|drug|treat|proced|allerg|medik", r"chart|micro",
    )):  # fmt: skip
        if re.search(pattern, name, re.IGNORECASE):
            return rank
    return 9


def _tables(links: Sequence[Link], used: Sequence[str], pages: Pages) -> None:
    """The tables that are read, and the others as comments."""
    units = sorted({_unit_words(one.unit) for one in links if one.times})
    if units:
        pages.put("tables", f"  # guessed: times in {' and '.join(units)}")
    for one in links:
        if one.name in used:
            pages.put("tables", *entry(one.name, one.tree, 2, "  # guessed"))
    for one in links:
        if one.name not in used:
            why = "" if one.times else "  # no times: counts as known at any time"
            pages.put("tables", f"  # {one.name}: {flow(one.tree)}{why}")
    for one in links:
        for facts in one.known.columns.values():
            if not one.times and is_outcome(facts):
                label = {**guess_label([facts]).tree, "from": one.name}
                classes = ", ".join(f"{text} ({count})" for text, count in facts.counts.most_common(3))
                pages.put("label", f"# or {flow(label)}: {classes}")


def _say_rest(links: Sequence[Link], pages: Pages) -> None:
    dated = [one.name for one in links if one.dated]
    if dated:
        pages.say(
            f"the dates in {', '.join(dated)} are not written as 2021-03-01, so nothing of them is used."
        )
    still = [
        one.name for one in links if not one.times and not one.dated and not _AFTER.search(one.known.name)
    ]
    if still:
        pages.say(
            "these tables have no times, so nothing of them is an input until you know that they were filled "
            f"in by the index time: {', '.join(still)}."
        )


def still_columns(links: Sequence[Link]) -> list[str]:
    """Columns of tables without times that have a row a record, as comments."""
    found: list[str] = []
    for one in links:
        lookup = one.equals == one.key
        if one.times or one.dated or lookup or _AFTER.search(one.known.name) or not one.known.unique(one.key):
            continue
        drafter = ColumnDrafter(one.known.columns, lambda guess: None)
        lines: list[str] = []
        for name, facts in one.known.columns.items():
            bad = facts.identifies or facts.named_like("identifier") or facts.is_dated or leaks_by_name(name)
            tree = None if bad or name == one.key or _STAFF.search(name) else drafter.tree(facts)
            if tree is not None and not name.lower().endswith("id") and facts.distinct > 1:
                lines.append(f"      # {scalar(name)}: {flow({'from': one.name, **tree})}")
        if lines:
            found.append(
                f"      # Was {one.name} filled in by the index time? Then take its sign and these away:"
            )
            found += lines[:MOST_COLUMNS]
            if len(lines) > MOST_COLUMNS:
                found.append(f"      # ... and {len(lines) - MOST_COLUMNS} more columns of {one.name}")
    return found


def _unit_words(unit: str) -> str:
    words = {"min": "minutes", "h": "hours", "d": "days", "wk": "weeks", "s": "seconds", "a": "years"}
    return words.get(unit, "calendar time")


def _free(found: Link) -> list[Profile]:
    """Columns that may become inputs."""
    return [
        p for p in found.known.columns.values()
        if p.name not in {found.key, *found.times} and not p.identifies and not p.is_dated and p.filled > 1
        and not leaks_in_events(p.name) and not _STAFF.search(p.name) and not p.named_like("identifier")
        and not p.name.lower().endswith("id") and is_safe_name(p.name)
    ]  # fmt: skip


def _series(found: Link, pages: Pages) -> list[str]:
    free = _free(found)
    drafter = ColumnDrafter(found.known.columns, pages.say)
    numbers = [p for p in free if p.is_number and p.distinct > 2 and p.filled > 0.1 * p.rows]
    item = next((p for p in free if p.is_category_of_items and _ITEM.search(p.name)), None)
    value = next(
        (p for p in free if _ITEM_VALUE.search(p.name) and p is not item and p.numbers > 0.3 * p.filled), None
    )
    if item is not None and value is not None:
        return _long(found, item, value, pages)
    wide = [p for p in numbers if not re.search(r"seq|count$|no$", p.name, re.I)]
    texts = [p for p in free if not p.is_number and p.distinct > 20]
    if not wide or texts:
        return []
    return [line for p in wide[:MOST_COLUMNS] for line in drafter.line(p.name, p) if "type: number" in line]


def _long(found: Link, item: Profile, value: Profile, pages: Pages) -> list[str]:
    """A table with a name and a value in each row: its commonest numbers."""
    if not is_safe(item.name):
        return []
    numeric: dict[str, int] = {}
    for row in found.known.sample.table.rows:
        name, cell = row.cells.get(item.name), row.cells.get(value.name)
        if name is not None and cell is not None and parse_number(cell) is not None:
            numeric[name] = numeric.get(name, 0) + 1
    lines: list[str] = []
    taken: set[str] = set()
    for name, count in sorted(numeric.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_LONG]:
        key = slug(name, "item")
        if count < 5 or key in taken or len(name) > 40 or "\n" in name or ("'" in name and '"' in name):
            continue
        taken.add(key)
        where = f"{ticked(item.name)} == {quoted(name)}"
        lines.append(
            f"      {key}: {flow({'type': 'number', 'column': value.name, 'where': where})}  # unit?"
        )
    if lines:
        pages.say(
            f"{found.name} is a long table: the commonest of '{item.name}' with numbers in '{value.name}'."
        )
    return lines


def _part(found: Link) -> str:
    """The longest text of a row, as a line."""
    texts = [
        p for p in _free(found)
        if not p.is_number and p.distinct > 5 and p.filled > 0.3 * p.rows and is_safe(p.name)
        and not p.name.lower().endswith("type")
    ]  # fmt: skip
    if not texts:
        return ""
    best = max(texts, key=lambda p: (p.distinct > 20, p.length))
    more = [p for p in texts if p is not best and re.search(r"(text|value|result|string)$", p.name, re.I)]
    second = max(more, key=lambda p: p.length, default=None)
    line = f"{{{best.name}}}" + (f" {{{second.name}}}" if second else "")
    tree = {"from": found.name, "line": line, "heading": found.name.replace("_", " ")}
    return f"      - {flow(tree)}"
