"""Which diagnoses follow on enough index events to be asked for ahead of time."""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from medxmodal.cohort.cells import parse_time
from medxmodal.cohort.draft.yaml import quoted
from medxmodal.cohort.sources.rows import Row

GAP, HORIZON = timedelta(days=1), timedelta(days=5 * 365.25)
FEWEST = 5
"""Positive encounters below which a diagnosis is no candidate."""
MOST = 5
_PASSING = re.compile(
    r"acute|viral|sinusitis|pharyngitis|bronchitis|otitis|cystitis|sprain|fracture|laceration|injury|burn|"
    r"concussion|wound|overdose",
    re.IGNORECASE,
)
_NO_DISEASE = re.compile(
    r"\((finding|situation|person)\)|pregnan|employ|education|stress|housing|social", re.I
)


@dataclass(frozen=True)
class Ahead:
    """A diagnosis as a label.

    Args:
        code: Its code.
        display: Its name.
        positive: Index events after which it comes for the first time, within the horizon.
        patients: Patients with such an event.
        studies: Index events before which it was not known, and whose patients are followed or get it.
    """

    code: str
    display: str
    positive: int
    patients: int
    studies: int

    @property
    def passes(self) -> bool:
        """Whether it is an illness of days, which one may have had before and get again."""
        return bool(_PASSING.search(self.display))

    @property
    def where(self) -> str:
        """The rule for its rows."""
        return f"code == {quoted(self.code)}"


def ahead(encounters: Sequence[Row], conditions: Sequence[Row], index: str) -> list[Ahead]:
    """Candidates, the one with most patients first."""
    events: dict[str, list[datetime]] = defaultdict(list)
    last: dict[str, datetime] = {}
    for row in encounters:
        patient, when = row.cells["patient"], _when(row)
        if patient is None or when is None:
            continue
        last[patient] = max(when, last.get(patient, when))
        if row.cells["code"] == index:
            events[patient].append(when)
    first: dict[str, dict[str, datetime]] = defaultdict(dict)
    names = shared_displays(conditions)
    for row in conditions:
        code, patient, when = row.cells["code"], row.cells["patient"], _when(row)
        if code is None or patient is None or when is None or _NO_DISEASE.search(row.cells["display"] or ""):
            continue
        known = first[code].get(patient)
        first[code][patient] = when if known is None else min(known, when)
    for times in events.values():
        times.sort()
    found = [_count(code, names.get(code, code), onsets, events, last) for code, onsets in first.items()]
    fit = [one for one in found if one.positive >= FEWEST and one.patients > 2 and one.positive < one.studies]
    return sorted(fit, key=lambda one: (one.passes, -one.patients, -one.positive, one.code))[:MOST]


def shared_displays(rows: Iterable[Row]) -> dict[str, str]:
    """Code -> how most of its resources call it; not what is said of one patient only, who it may name."""
    patients: dict[str, dict[str, set[str | None]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        code, display = row.cells["code"], row.cells["display"]
        if code and display:
            patients[code][display].add(row.cells["patient"])
    commonest = {code: max(said, key=lambda d: (len(said[d]), d)) for code, said in patients.items()}
    return {
        code: display.replace("\n", " ")
        for code, display in commonest.items()
        if len(patients[code][display]) > 1
    }


def _when(row: Row) -> datetime | None:
    return parse_time(row.cells["time"] or "")


def _count(
    code: str,
    display: str,
    onsets: dict[str, datetime],
    events: dict[str, list[datetime]],
    last: dict[str, datetime],
) -> Ahead:
    positive = patients = studies = 0
    for patient, times in events.items():
        onset = onsets.get(patient)
        free = times if onset is None else times[: bisect.bisect_left(times, onset)]
        hits = 0 if onset is None else sum(GAP < onset - time <= GAP + HORIZON for time in free)
        followed = sum(
            last[patient] - time > GAP + HORIZON
            and not (onset is not None and onset - time <= GAP + HORIZON)
            for time in free
        )  # fmt: skip
        positive += hits
        patients += hits > 0
        studies += hits + followed
    return Ahead(code, display, positive, patients, studies)
