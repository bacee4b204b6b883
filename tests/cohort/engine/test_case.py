"""One record at one index time: which rows are its own, which were known, which are still to come."""

from __future__ import annotations

from typing import Any

import pytest

from medxmodal.cohort.spec.base import FromTable, Window
from medxmodal.cohort.spec.where import parse_where

MINUTES = {"column": "t", "unit": "min"}


def values(events: Any, column: str = "v") -> list[str | None]:
    return [event.row.cells[column] for event in events]


def timed(ward: Any, *times: object, **spec: Any) -> None:
    ward.records = [{"pid": "a"}, {"pid": "b"}]
    rows = [{"pid": "a", "t": t, "v": f"v{i}"} for i, t in enumerate(times)]
    ward.add("labs", [*rows, {"pid": "b", "t": 0, "v": "other"}], **({"time": MINUTES} | spec))
    ward.tree["index_time"] = {"after": "2 h"}


def test_what_lies_after_the_index_time_is_not_known(ward: Any) -> None:
    timed(ward, 120, 121, -5000, 0, 119.999, 120.001, 1e9)
    case = ward.case()
    assert values(case.known("labs")) == ["v2", "v3", "v4", "v0"]
    assert "other" not in values(case.events("labs"))


def test_a_window_has_both_its_ends(ward: Any) -> None:
    timed(ward, -60, 0, 60, 90, 120)
    case = ward.case()
    window = Window.model_validate({"from": "-2 h", "to": "-30 min"})
    assert values(case.known("labs", window)) == ["v1", "v2", "v3"]
    ward.tree["window"] = {"from": "-1 h"}
    assert values(ward.case().known("labs")) == ["v2", "v3", "v4"]
    assert values(ward.case().known("labs", window)) == ["v1", "v2", "v3"]


def test_a_window_that_ends_before_the_index_time_leaves_that_time_free(ward: Any) -> None:
    """A day may have been its last minute: then it is no full day before the next noon."""
    ward.records = [{"pid": "a", "when": "2021-03-10T12:00:00"}]
    ward.add("labs", [{"pid": "a", "t": f"2021-03-{d:02}", "v": str(d)} for d in (7, 8, 9, 10)], time="t")
    ward.tree["index_time"] = {"column": "when"}
    assert values(ward.case().known("labs")) == ["7", "8", "9"]
    window = Window.model_validate({"from": "-10 d", "to": "-1 d"})
    assert values(ward.case().known("labs", window)) == ["7", "8"]
    ward.records[0]["when"] = "2021-03-10"
    assert values(ward.case().known("labs", window)) == ["7", "8", "9"]
    assert values(ward.case().known("labs")) == ["7", "8", "9", "10"]


def test_a_year_or_month_is_known_once_it_is_over(ward: Any) -> None:
    ward.records = [{"pid": "a", "when": "2021-03-10"}]
    ward.add("labs", [{"pid": "a", "t": t, "v": t} for t in ("2021", "2020", "2021-03", "2021-02")], time="t")
    ward.tree["index_time"] = {"column": "when"}
    assert values(ward.case().known("labs")) == ["2020", "2021-02"]


def test_a_table_without_times_is_known_at_any_time(ward: Any) -> None:
    timed(ward, 5, 1e6, time=None)
    case = ward.case()
    assert sorted(values(case.known("labs"))) == ["v0", "v1"]
    assert case.ahead("labs", 0, 1e9, None) == []


def test_rows_without_a_time_are_left_out_and_counted_once(ward: Any) -> None:
    timed(ward, 5, "", "soon", "inf")
    case = ward.case()
    for _ in range(2):
        assert values(case.events("labs")) == ["v0"]
    cohort_ward = ward
    cohort_ward.tree["modalities"]["tabular"]["columns"] = {
        "n": {"type": "number", "from": "labs", "take": "count"},
        "v": {"type": "category", "from": "labs"},
    }
    cohort = cohort_ward.build()
    assert "labs: rows without a time that can be read: 3 left out" in cohort.quality.notes


def test_ties_in_time_are_in_the_same_order_whatever_the_order_of_lines(ward: Any) -> None:
    timed(ward, 5, 5, 5, 5)
    before = values(ward.case().events("labs"))
    ward.tables["labs"].reverse()
    assert values(ward.case().events("labs")) == before
    timed(ward, 5, 6, 5, time=None)
    before = values(ward.case().events("labs"))
    ward.tables["labs"].reverse()
    assert values(ward.case().events("labs")) == before


def test_picking_asks_window_and_rule(ward: Any) -> None:
    timed(ward, -60, 0, 60)
    reading = FromTable.model_validate({"from": "labs", "window": {"from": "-2 h"}})
    case = ward.case()
    assert values(case.pick(reading, "labs", None)) == ["v1", "v2"]
    assert values(case.pick(reading, "labs", parse_where("v in ['v0', 'v2']"))) == ["v2"]
    assert values(case.pick(reading, "labs", parse_where("not v == 'v1'"))) == ["v2"]


def test_ahead_begins_after_the_gap_and_ends_with_the_horizon(ward: Any) -> None:
    timed(ward, 120, 121, 180, 181, 240, 241)
    case = ward.case()
    assert values(case.ahead("labs", 0, 1, None)) == ["v1", "v2"]
    assert values(case.ahead("labs", 1, 2, None)) == ["v3", "v4"]
    assert values(case.ahead("labs", 1, float("inf"), None)) == ["v3", "v4", "v5"]
    assert values(case.ahead("labs", 1, 2, parse_where("v == 'v4'"))) == ["v4"]


def test_nothing_is_both_known_and_ahead(ward: Any) -> None:
    times = ["2021-03-09", "2021-03-10", "2021-03-11", "2021-03", "2021", "2021-03-10T11:59:59",
             "2021-03-10T12:00:00", "2021-03-10T12:00:01"]  # fmt: skip
    for when in ("2021-03-10", "2021-03-10T12:00:00"):
        ward.records = [{"pid": "a", "when": when}]
        ward.add("labs", [{"pid": "a", "t": t, "v": t} for t in times], time="t")
        ward.tree["index_time"] = {"column": "when"}
        case = ward.case()
        known, ahead = values(case.known("labs")), values(case.ahead("labs", 0, float("inf"), None))
        assert not set(known) & set(ahead)
        assert sorted([*known, *ahead]) == sorted(times)


@pytest.mark.parametrize("key", ["pid", "stay"])
def test_a_table_belongs_to_the_patient_or_to_the_study(ward: Any, key: str) -> None:
    ward.records = [{"pid": "a", "stay": "1"}, {"pid": "a", "stay": "2"}, {"pid": "b", "stay": "3"}]
    ward.tree["table"] |= {"study": "stay"}
    ward.add("labs", [{"pid": "a", "stay": "1", "v": "x"}, {"pid": "a", "stay": "2", "v": "y"}], key=key)
    found = [values(case.events("labs")) for case in ward.candidates().cases]
    assert found == ([["x", "y"], ["x", "y"], []] if key == "pid" else [["x"], ["y"], []])


def test_equals_names_another_column_of_the_record(ward: Any) -> None:
    ward.records = [{"pid": "a", "unit": "u1"}, {"pid": "b", "unit": "u2"}, {"pid": "c", "unit": ""}]
    ward.add("units", [{"uid": "u1", "v": "x"}, {"uid": "u2", "v": "y"}, {"uid": "", "v": "z"}],
             key="uid", equals="unit")  # fmt: skip
    assert [values(case.events("units")) for case in ward.candidates().cases] == [["x"], ["y"], []]


def test_a_number_that_a_program_wrote_with_a_point_names_the_same_record(ward: Any) -> None:
    """A column of whole numbers with one empty cell is saved as 1007.0 by pandas and others."""
    ward.records = [
        {"pid": "1007", "stay": "5.0"},
        {"pid": "1008.0", "stay": "6"},
        {"pid": "007", "stay": ""},
    ]
    ward.add("labs", [{"pid": "1007.0", "v": "x"}, {"pid": "1008", "v": "y"}, {"pid": "7.0", "v": "z"}])
    ward.add("units", [{"stay": "5", "v": "p"}, {"stay": "6.0", "v": "q"}], key="stay", equals="stay")
    ward.add("scans", [{"uid": "9.0", "v": "s"}], key="uid", through="orders", equals="scans")
    ward.add("orders", [{"pid": "1007.00", "scans": "8|9"}])
    cases = ward.candidates().cases
    assert [case.patient for case in cases] == ["1007", "1008", "007"]
    assert [values(case.events("labs")) for case in cases] == [["x"], ["y"], []]
    assert [values(case.events("units")) for case in cases] == [["p"], ["q"], []]
    assert values(cases[0].events("scans")) == ["s"]


def test_a_table_through_another_and_several_keys_in_one_cell(ward: Any) -> None:
    ward.records = [{"pid": "a"}, {"pid": "b"}]
    ward.tree["index_time"] = {"after": "1 h"}
    orders = [{"pid": "a", "t": 0, "scans": "s1|s2|"}, {"pid": "a", "t": 30, "scans": "s2|s3"},
              {"pid": "a", "t": 90, "scans": "s4"}, {"pid": "b", "t": 0, "scans": ""}]  # fmt: skip
    ward.add("orders", orders, time=MINUTES)
    scans = [{"uid": f"s{i}", "v": f"v{i}"} for i in range(1, 6)] + [{"uid": "", "v": "nobody's"}]
    ward.add("scans", scans, key="uid", through="orders", equals="scans")
    a, b = ward.candidates().cases
    assert values(a.known("scans")) == ["v1", "v2", "v3"]  # each once; s4 was ordered after the index time
    assert values(b.known("scans")) == []


def test_absolute_times_need_an_absolute_index_time(ward: Any) -> None:
    timed(ward, "2021-03-01", "2021-03-02", time="t")
    assert ward.case().known("labs") == []
