"""The parts that columns of a table of records play: who, which study, where, when, and who must stay out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medxmodal.cohort.draft.files import Naming
from medxmodal.cohort.draft.gather import Known
from medxmodal.cohort.draft.profile import Profile
from medxmodal.cohort.draft.yaml import Pages
from medxmodal.cohort.sources.grid import FILE

_STRONG = re.compile(r"patient|subject|pid\b|mrn|proband|person|participant|pseudonym|teilnehmer|^pat", re.I)
_VALUE = re.compile(r"[_ .-]?(val|value|result|wert)$", re.IGNORECASE)
_WHEN = re.compile(r"[_ .-]?(offset|days?|hours?|minutes|date|time|datum|zeit)$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A value with a time of its own beside it.

    Args:
        value: Column with the value.
        time: Column with its time.
        name: What both are called.
        unit: Unit of the time; empty for dates.
    """

    value: str
    time: str
    name: str
    unit: str


def patient_of(known: Known, masks: set[str], pages: Pages) -> str:
    """The patient id: a column, or the file and row where there is none."""
    rows = known.rows
    full = [
        p for p in known.columns.values()
        if p.filled >= 0.9 * rows and p.distinct > 1 and p.name not in {*masks, FILE} and not p.is_dated
        and not p.named_like("birth") and not set(p.name) & set("{}`")
    ]  # fmt: skip
    named = [p for p in full if p.named_like("patient") and not p.named_like("study") and _is_id(p)]
    strong = [p for p in named if _STRONG.search(p.name)]
    plain = [p for p in strong or named if not re.search(r"health|mother|age|name$", p.name, re.I)]
    plain = [p for p in [*plain, *named] if not p.identifies] or plain
    study = [p for p in full if p.named_like("study") and p.unique and _is_id(p)]
    unique = [p for p in full if p.unique and p.filled == rows and not p.is_note and _is_id(p)]
    found = next(iter(plain or strong or named or study or unique), None)
    if found is None:
        pages.say("no column is a patient id: each row counts as a patient of its own.")
        return f"{{{FILE}}}-{{_row}}" if known.sample.files > 1 else "{_row}"
    if not (found in named or found in study):
        pages.say(f"no column is called a patient id; '{found.name}', different in every row, stands for it.")
    elif found.unique:
        pages.say(f"'{found.name}' is the patient id.")
    else:
        more = found.filled - found.distinct
        pages.say(f"'{found.name}' is the patient id; {more} rows are further studies of the same patients.")
    if found.filled < rows:
        pages.say(f"{rows - found.filled} rows have no '{found.name}' and will be listed as failed.")
    return found.name


def _is_id(found: Profile) -> bool:
    """Whether the values are those of an id, and no measurements or few classes."""
    if found.is_number and not all(value == int(value) for value in found.values):
        return False
    if found.named_like("person") and not found.named_like("patient"):
        return False
    return found.distinct > 0.2 * found.filled or found.distinct > 30


def study_of(known: Known, patient: str, taken: set[str]) -> str | None:
    """The study id: unique, and called so."""
    fit = [
        p for p in known.columns.values()
        if known.unique(p.name) and p.name != patient and not set(p.name) & set("{}`")
        and p.name not in taken and not p.is_note
        and not p.is_dated and p.named_like("study") and not (p.is_number and not _is_id(p))
    ]  # fmt: skip
    return fit[0].name if fit else None


def pairs_of(known: Known) -> list[Pair]:
    """Values with a time beside each, such as `crp_val` and `crp_offset`."""
    found = []
    names = {name.lower(): name for name in known.columns}
    for name, facts in known.columns.items():
        base = _WHEN.sub("", name)
        if base == name or not base or not facts.filled:
            continue
        partner = next(
            (names[c] for end in ("_val", "_value", "_result", "_wert", " value", "")
             if (c := f"{base}{end}".lower()) in names and names[c] != name),
            None,
        )  # fmt: skip
        if partner is None or not known.columns[partner].filled or known.columns[partner].is_dated:
            continue
        if facts.is_number:
            found.append(Pair(partner, name, _VALUE.sub("", partner), unit_of_offset(facts)))
        elif facts.is_time:
            found.append(Pair(partner, name, _VALUE.sub("", partner), ""))
    return found


def unit_of_offset(*found: Profile) -> str:
    """The unit of relative times, which is one for all: by a name, else by their size."""
    for pattern, unit in (
        (r"(^|_)(min|mins|minutes?|minuten)(_|$)", "min"), (r"hours?|(^|_)(std|h)(_|$)|stunden", "h"),
        (r"days?$|days?_|(^|_)(tage?|d)(_|$)", "d"), (r"weeks?|woche", "wk"), (r"(^|_)seconds?(_|$)", "s"),
    ):  # fmt: skip
        if any(re.search(pattern, one.name, re.IGNORECASE) for one in found):
            return unit
    return "min" if max((_middle(one) for one in found), default=0) > 300 else "d"


def _middle(found: Profile) -> float:
    sizes = sorted(abs(value) for value in found.values if value)
    return sizes[len(sizes) // 2] if sizes else 0


def site_of(known: Known, used: set[str], pages: Pages) -> str | None:
    """The column that tells hospitals apart."""
    if known.sample.files > 1:
        pages.say(f"{known.sample.files} files have one layout; the file is the site.")
        return FILE
    for found in known.columns.values():
        several = 1 < found.distinct <= 300 and 2 * found.distinct <= found.filled + 2
        if (
            found.named_like("site")
            and found.name not in used
            and several
            and found.filled >= 0.8 * known.rows
        ):
            pages.say(f"'{found.name}' is the site.")
            return found.name
    pages.say("all records are of one site.")
    return None


def left_out(known: Known, used: set[str], pages: Pages) -> tuple[set[str], set[str]]:
    """Columns that tell who somebody is; these and those that name files and pages: never inputs."""
    who = [p.name for p in known.columns.values() if p.identifies and p.name not in used]
    if who:
        pages.say(f"these columns may tell who somebody is and are left out: {', '.join(who)}.")
    others = {
        p.name for p in known.columns.values()
        if p.name not in used and (p.named_like("place") or _is_number_of(p) or not is_safe_name(p.name))
    }  # fmt: skip
    return set(who), {*who, *others}


def _is_number_of(found: Profile) -> bool:
    many = found.distinct > 0.5 * found.filled or found.distinct > 30
    whole = found.is_number and all(value == int(value) for value in found.values)
    return many and (found.named_like("identifier") or (whole and found.name.lower().endswith("id")))


def is_safe_name(column: str) -> bool:
    """Whether YAML and rules can name a column."""
    return "\n" not in column and "`" not in column


def best_namings(namings: list[Naming]) -> dict[str, Naming]:
    """Kind -> its best template."""
    best: dict[str, Naming] = {}
    for naming in namings:
        best.setdefault(naming.kind, naming)
    return best
