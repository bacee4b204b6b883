"""The property that all else rests on: nothing stamped after the index time enters a study."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medxmodal.cohort.fingerprint import study_content

INDEX = 600
"""Minutes after a record's time zero, or after `NOON` where times are absolute."""
NOON = datetime(2021, 3, 28, 12)  # the day on which clocks change in Europe
PATIENTS = "abc"
FEW = settings(max_examples=25)


def tree(time: Any) -> dict[str, Any]:
    """A spec in which every kind of input is read from one table of events."""
    number = {"type": "number", "from": "events", "column": "v"}
    takes = ("first", "last", "min", "max", "mean", "trend", "count")
    columns: dict[str, Any] = {take: {**number, "take": take} for take in takes}
    columns["worst"] = {**number, "take": "worst", "reference": [4, 6]}
    columns["since"] = {**number, "take": "since", "unit": "h"}
    columns["early"] = {**number, "take": "count", "window": {"from": "-8 h", "to": "-3 h"}}
    columns["code"] = {"type": "category", "from": "events", "column": "c"}
    columns["codes"] = {**columns["code"], "take": "all", "many": "&"}
    columns["any"] = {**columns["code"], "take": "any", "where": "c == 'x'"}
    return {
        "name": "times",
        "ids": "keep",
        "table": {"file": "records.csv", "patient": "pid"},
        "tables": {
            "events": {"file": "events.csv", "key": "pid", "time": time},
            "more": {"file": "more.csv", "key": "id", "through": "events", "equals": "more"},
        },
        "index_time": {"column": "when", "unit": time.get("unit")}
        if time.get("unit")
        else {"column": "when"},
        "exclude": [
            {"from": "events", "where": "c == 'out'", "reason": "an event"},
            {"where": "`tabular.max` > 900", "reason": "a value"},
        ],
        "site": {"from": "events", "column": "c"},
        "modalities": {
            "tabular": {"kind": "tabular", "columns": columns},
            "series": {
                "kind": "timeseries",
                "from": "events",
                "columns": {"v": {"type": "number"}},
                "most": 4,
            },
            "image": {"kind": "image", "from": "events", "file": "{f}", "take": "all"},
            "text": {
                "kind": "text",
                "parts": [
                    {"from": "events", "line": "{c}: {v}", "heading": "Events", "most": 3},
                    {"from": "more", "line": "{w}"},
                ],
            },
        },
    }


def relative(minutes: float) -> str:
    return f"{minutes:g}"


def absolute(minutes: float, zone: int | None = None) -> str:
    moment = NOON + timedelta(minutes=minutes)
    if zone is None:
        return moment.isoformat()
    return moment.replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=zone))).isoformat()  # noqa: UP017


def pictures(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        Image.fromarray(np.full((4, 4), 60 * i, np.uint8)).save(folder / f"{i}.png")


def event(pid: str, t: str, v: float, c: str, f: str = "") -> dict[str, Any]:
    return {"pid": pid, "t": t, "v": f"{v:g}", "c": c, "f": f, "more": f"m{v:g}"}


def ward_of(make_ward: Callable[[], Any], time: Any, when: str, stamp: Callable[[float], str]) -> Any:
    ward = make_ward()
    pictures(ward.folder)
    ward.tree = tree(time)
    ward.records = [{"pid": pid, "when": when} for pid in PATIENTS]
    rows = [(-3000, 3, "x", "0.png"), (10, 5, "y", ""), (400, 8, "x", "1.png"), (INDEX, 4, "z", "")]
    ward.tables["events"] = [event(pid, stamp(t), v, c, f) for pid in PATIENTS for t, v, c, f in rows]
    ward.tables["more"] = [{"id": f"m{v}", "w": f"word {v}"} for v in (3, 5, 8, 4, 77)]
    return ward


def contents(cohort: Any) -> dict[str, str]:
    return {study.study_id: study_content(study) for study in cohort}


LATER = st.lists(
    st.tuples(
        st.sampled_from(PATIENTS),
        st.one_of(st.floats(0.01, 1e6), st.integers(1, 3000)),
        st.sampled_from([77.0, 999.0, -5.0]),
        st.sampled_from(["x", "out", "late"]),
        st.sampled_from(["", "2.png"]),
    ),
    min_size=1,
    max_size=6,
)


@FEW
@given(LATER, st.integers(-5000, 5000), st.randoms(use_true_random=False))
def test_rows_after_the_index_time_change_nothing(
    make_ward: Any, later: list[Any], shift: int, order: random.Random
) -> None:
    """Relative offsets, with the index time anywhere, before the record's time zero as well."""
    ward = ward_of(make_ward, {"column": "t", "unit": "min"}, f"{INDEX + shift}", lambda t: f"{t + shift:g}")
    before = contents(ward.build())
    assert len(before) == 3
    ward.tables["events"] += [
        event(pid, f"{INDEX + shift + after:.3f}", v, c, f) for pid, after, v, c, f in later
    ]
    order.shuffle(ward.tables["events"])
    cohort = ward.build()
    assert contents(cohort) == before
    assert cohort.flow.excluded == 0


@FEW
@given(LATER, st.sampled_from([None, "Europe/Warsaw", "America/New_York"]), st.integers(-11, 12))
def test_rows_after_an_absolute_index_time_change_nothing(
    make_ward: Any, later: list[Any], zone: str | None, hours: int
) -> None:
    """With zones of all kinds; rows of which only the day is known, too."""
    ward = ward_of(make_ward, {"column": "t"}, absolute(INDEX - 100, 0), lambda t: absolute(t - 100, 2))
    if zone:
        ward.tree["timezone"] = zone
    before = contents(ward.build())
    for pid, after, v, c, f in later:
        ward.tables["events"].append(event(pid, absolute(INDEX + after, hours), v, c, f))
        day = absolute(INDEX + after, 2)[:10]
        ward.tables["events"].append(event(pid, day if day > "2021-03-28" else "2021-03-29", v, c, f))
    for coarse in ("2021", "2021-03", "2021-03-28", "2021-W12"):  # not over yet
        ward.tables["events"].append(event("a", coarse, 999, "out", "2.png"))
    assert contents(ward.build()) == before


@FEW
@given(LATER)
def test_rows_after_an_index_day_change_nothing(make_ward: Any, later: list[Any]) -> None:
    ward = ward_of(make_ward, {"column": "t"}, "2021-03-28", absolute)
    before = contents(ward.build())
    for pid, after, v, c, f in later:
        stamp = NOON.replace(hour=0) + timedelta(days=1, minutes=after)
        ward.tables["events"] += [
            event(pid, stamp.isoformat(), v, c, f),
            event(pid, stamp.isoformat()[:10], v, c, f),
        ]
    assert contents(ward.build()) == before


def test_a_day_is_a_local_one(make_ward: Any) -> None:
    """In New York, 28 March is not over when it is past midnight in London."""
    ward = ward_of(make_ward, {"column": "t"}, "2021-03-29T03:00:00Z", absolute)
    ward.tree["timezone"] = "America/New_York"
    before = contents(ward.build())
    ward.tables["events"].append(event("a", "2021-03-28", 999, "out", "2.png"))
    assert contents(ward.build()) == before


def test_what_is_known_does_change_it(make_ward: Any) -> None:
    """Else the properties above would hold of a build that reads nothing."""
    ward = ward_of(make_ward, {"column": "t", "unit": "min"}, f"{INDEX}", relative)
    before = contents(ward.build())
    ward.tables["events"].append(event("a", f"{INDEX}", 77, "late", "2.png"))
    after = contents(ward.build())
    assert after["a"] != before["a"]
    assert {k: after[k] for k in "bc"} == {k: before[k] for k in "bc"}
    ward.tables["events"].append(event("b", f"{INDEX}", 1, "out"))
    assert set(contents(ward.build())) == {"a", "c"}


@FEW
@given(st.lists(st.tuples(st.integers(-2000, 2000), st.integers(0, 50)), max_size=8), st.integers(0, 1500))
def test_a_later_index_time_can_only_add(make_ward: Any, events: list[Any], later: int) -> None:
    def known(index: int) -> Any:
        ward = ward_of(make_ward, {"column": "t", "unit": "min"}, f"{index}", relative)
        ward.tables["events"] += [event("a", f"{t}", v, "x", "2.png") for t, v in events]
        ward.tree["modalities"]["series"]["most"] = 1000
        ward.tree["modalities"]["text"]["parts"][0]["most"] = 1000
        return ward.build()[0].inputs

    early, late = known(0), known(later)
    for take in ("count", "max"):
        assert late["tabular"][take] >= early["tabular"][take]
    assert late["tabular"]["min"] <= early["tabular"]["min"]
    assert late["tabular"]["first"] == early["tabular"]["first"]
    assert set(early["tabular"]["codes"]) <= set(late["tabular"]["codes"])
    assert set(early["text"]["text"].splitlines()) <= set(late["text"]["text"].splitlines())
    assert late["image"]["file"][: len(early["image"]["file"])] == early["image"]["file"]
    moved = {
        round(t * 60 + later, 3): v for t, v in zip(late["series"]["times"], late["series"]["v"], strict=True)
    }
    for t, v in zip(early["series"]["times"], early["series"]["v"], strict=True):
        assert moved[round(t * 60, 3)] == v


@FEW
@given(
    st.lists(
        st.tuples(st.sampled_from(PATIENTS), st.sampled_from([0, 0, 30, INDEX]), st.integers(0, 9)),
        max_size=9,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_changes_no_fingerprint(
    make_ward: Any, rows: list[Any], order: random.Random
) -> None:
    ward = ward_of(make_ward, {"column": "t", "unit": "min"}, f"{INDEX}", relative)
    ward.tables["events"] += [event(pid, f"{t}", v, "xyz"[v % 3], f"{v % 3}.png") for pid, t, v in rows]
    first = ward.build()
    assert ward.build().fingerprint == first.fingerprint
    for table in (ward.records, *ward.tables.values()):
        order.shuffle(table)
    assert ward.build().fingerprint == first.fingerprint


def test_the_order_of_files_changes_no_fingerprint(make_ward: Any) -> None:
    ward = ward_of(make_ward, {"column": "t", "unit": "min"}, f"{INDEX}", relative)
    rows = ward.tables.pop("events")
    ward.tables |= {f"events{i}": part for i, part in enumerate((rows[:3], rows[3:7], rows[7:]))}
    ward.tree["tables"]["events"]["file"] = "events*.csv"
    first = ward.build().fingerprint
    ward.tables["events0"], ward.tables["events2"] = ward.tables["events2"], ward.tables["events0"]
    assert ward.build().fingerprint == first
    ward.tree["tables"]["events"]["file"] = "all.csv"
    ward.tables = {"all": rows, "more": ward.tables["more"]}
    assert ward.build().fingerprint == first


@FEW
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "", "c"]),
            st.sampled_from(["600", "", "soon", "0"]),
            st.sampled_from(["ill", "well", "", "maybe"]),
            st.sampled_from(["", "k"]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(-900, 900), st.sampled_from(["x", "out"])),
        max_size=5,
    ),
    st.sampled_from(["each", "first", "last", None]),
)
def test_every_record_found_is_a_study_or_excluded_or_failed(
    make_ward: Any, records: list[Any], events: list[Any], take: str | None
) -> None:
    ward = ward_of(make_ward, {"column": "t", "unit": "min"}, f"{INDEX}", relative)
    ward.records = [{"pid": p, "when": w, "dx": dx, "k": k} for p, w, dx, k in records]
    ward.records.append({"pid": "sure", "when": "600", "dx": "ill", "k": "k"})
    ward.tables["events"] = [event(p, f"{t}", 5, c) for p, t, c in [*events, ("sure", 1, "x")]]
    ward.tree["label"] = {"name": "ill", "column": "dx", "positive": "ill", "negative": "well"}
    ward.tree["exclude"].append({"where": "k is missing", "reason": "no k"})
    if take:
        ward.tree["index_time"] = {"from": "events", "take": take}
    cohort = ward.build()
    flow = cohort.flow
    assert flow.found == flow.studies + flow.excluded + flow.failed
    assert (flow.studies, flow.failed) == (len(cohort), len(cohort.failed))
    assert take == "each" or flow.found == len(ward.records)


@pytest.mark.parametrize("stamp", ["inf", "nan", "1e400", "soon", ""])
def test_a_time_that_is_none_never_counts_as_known(make_ward: Any, stamp: str) -> None:
    ward = ward_of(make_ward, {"column": "t", "unit": "min"}, f"{INDEX}", relative)
    before = contents(ward.build())
    ward.tables["events"].append(event("a", stamp, 999, "out", "2.png"))
    assert contents(ward.build()) == before
