"""From records to cases: ids, index events, and rows that belong to nobody."""

from __future__ import annotations

from typing import Any

import pytest

from medxmodal.cohort.engine.tables import wanted_rows
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.spec.tables import TableSpec

MINUTES = {"column": "t", "unit": "min"}


def studies(ward: Any) -> list[str | None]:
    return [case.study for case in ward.candidates().cases]


def ends(ward: Any) -> list[float]:
    return [case.index.end for case in ward.candidates().cases]


def visits(ward: Any, *times: object, **index: Any) -> None:
    ward.records = [{"pid": "a"}, {"pid": "b"}]
    ward.add("visits", [{"pid": "a", "t": t, "v": f"v{i}"} for i, t in enumerate(times)], time=MINUTES)
    ward.tree["index_time"] = {"from": "visits", **index}


def test_without_an_index_time_all_times_count_from_zero(ward: Any) -> None:
    ward.records = [{"pid": "a"}]
    case = ward.case()
    assert (case.index.start, case.index.end, case.clock.zero) == (0, 0, None)
    ward.tree["index_time"] = {"after": "24 h"}
    assert ends(ward) == [24]


def test_the_record_s_own_time_relative_and_absolute(ward: Any) -> None:
    ward.records = [{"pid": "a", "when": "90"}, {"pid": "b", "when": "-30"}]
    ward.tree["index_time"] = {"column": "when", "unit": "min", "after": "1 h"}
    assert ends(ward) == [2.5, 0.5]
    ward.records = [{"pid": "a", "when": "2021-03-01T12:00:00"}, {"pid": "b", "when": "2021-03-01"}]
    ward.tree["index_time"] = {"column": "when", "after": "1 h"}
    exact, day = ward.candidates().cases
    assert (exact.index.start, exact.index.end) == (1, 1)
    assert day.index.start == 1
    assert day.index.end == pytest.approx(25)


def test_a_time_that_cannot_be_read_is_kept_for_a_remark(ward: Any) -> None:
    ward.records = [
        {"pid": "a", "when": "soon"},
        {"pid": "b", "when": ""},
        {"pid": "c", "when": "2021-03-01"},
    ]
    ward.tree["index_time"] = {"column": "when"}
    found = ward.candidates()
    assert found.cases[0].unreadable == "soon"
    assert [case.clock.zero is None for case in found.cases] == [True, True, False]


def test_the_first_the_last_or_each_event(ward: Any) -> None:
    visits(ward, 60, -3000, 0)
    assert ends(ward) == [-50]  # the first is the default; b has none
    visits(ward, 60, -3000, 0, take="last")
    assert ends(ward) == [1]
    visits(ward, 60, -3000, 0, take="each")
    assert ends(ward) == [-50, 0, 1]
    assert studies(ward) == ["a", "a-2", "a-3"]
    assert [case.number for case in ward.candidates().cases] == [1, 2, 3]
    assert ward.candidates().without_index == 1


def test_events_of_one_time_are_one_index_event(ward: Any) -> None:
    visits(ward, 60, 60, 0, 60.0, take="each")
    assert ends(ward) == [0, 1]
    ward.tables["visits"] = [
        {"pid": "a", "t": t} for t in ("2021-03-01", "2021-03-01", "2021-03-01T00:00:00")
    ]
    ward.tree["tables"]["visits"]["time"] = "t"
    assert len(ends(ward)) == 2  # midnight is not the day


def test_which_events_count_and_when_the_question_is_asked(ward: Any) -> None:
    visits(ward, 60, 120, "", "inf", take="each", where="v in ['v1', 'v2', 'v3']", after="1 h")
    assert ends(ward) == [3]
    ward.tree["index_time"]["where"] = "v == 'v9'"
    found = ward.candidates()
    assert (found.cases, found.without_index) == ([], 2)


def test_another_column_of_the_event(ward: Any) -> None:
    visits(ward, 60)
    ward.tables["visits"][0]["end"] = 300
    ward.tree["index_time"] |= {"column": "end"}
    assert ends(ward) == [5]
    ward.tree["tables"]["visits"].pop("time")
    ward.tree["index_time"] |= {"unit": "h"}
    assert ends(ward) == [300]


def test_offsets_of_many_years_before_and_after(ward: Any) -> None:
    visits(ward, 5e9, -5e9, 0, 1e300, -1e300, take="each")  # ten thousand years; what is longer is no time
    assert len(ends(ward)) == 3
    assert ends(ward) == sorted(ends(ward))


def test_absolute_events_in_the_order_of_their_ends(ward: Any) -> None:
    visits(ward, take="each")
    times = ["2021-03-02", "2021-03", "2021-03-02T08:00:00", "2021-03-01T08:00:00+05:00"]
    ward.tables["visits"] = [{"pid": "a", "t": t} for t in times]
    ward.tree["tables"]["visits"]["time"] = "t"
    zeros = [case.clock.zero.isoformat() for case in ward.candidates().cases]
    assert zeros == [
        "2021-03-01T03:00:00",
        "2021-03-02T08:00:00",
        "2021-03-02T00:00:00",
        "2021-03-01T00:00:00",
    ]


def test_an_id_of_several_columns(ward: Any) -> None:
    ward.records = [{"site": "n", "no": "1"}, {"site": "s", "no": "1"}, {"site": "", "no": "2"}]
    ward.tree["table"] = {"file": "records.csv", "patient": "{site}-{no}"}
    ward.add("labs", [{"site": "s", "no": "1", "v": "x"}], key="{site}-{no}")
    cases = ward.candidates().cases
    assert [case.patient for case in cases] == ["n-1", "s-1", None]
    assert [len(case.events("labs")) for case in cases] == [0, 1, 0]
    cohort = ward_builds(ward)
    assert [failed.reason for failed in cohort.failed] == ["row 4 has no patient id"]


def ward_builds(ward: Any) -> Any:
    ward.tree["modalities"]["tabular"]["columns"] = {"no": {"type": "number"}}
    return ward.build()


def test_ids_do_not_depend_on_what_is_excluded(ward: Any) -> None:
    ward.records = [{"pid": "a", "no": i} for i in range(4)]
    assert [s.study_id for s in ward_builds(ward)] == ["a", "a-2", "a-3", "a-4"]
    ward.tree["exclude"] = [{"where": "no == 1", "reason": "x"}]
    assert [s.study_id for s in ward_builds(ward)] == ["a", "a-3", "a-4"]


def test_a_made_id_is_nobody_else_s(ward: Any) -> None:
    ward.records = [{"pid": "a"}, {"pid": "a"}, {"pid": "a-2"}, {"pid": "a-2"}]
    assert len(set(studies(ward))) == 4
    assert studies(ward)[2] == "a-2"


def test_a_study_id_stays_with_one_index_event_and_is_numbered_with_several(ward: Any) -> None:
    ward.records = [{"pid": "a", "stay": "s1"}, {"pid": "a", "stay": "s2"}]
    ward.tree["table"]["study"] = "stay"
    assert studies(ward) == ["s1", "s2"]
    rows = [{"stay": "s1", "t": 0}, {"stay": "s1", "t": 60}, {"stay": "s2", "t": 0}]
    ward.add("visits", rows, key="stay", time=MINUTES)
    ward.tree["index_time"] = {"from": "visits", "take": "each"}
    assert studies(ward) == ["s1", "s1-2", "s2"]
    assert [case.record for case in ward.candidates().cases] == ["s1", "s1", "s2"]


def test_one_record_for_each_distinct_value(ward: Any) -> None:
    ward.records = [{"pid": "a", "exam": "e1", "no": "1"}, {"pid": "a", "exam": "e1", "no": "2"},
                    {"pid": "b", "exam": "e2", "no": "3"}]  # fmt: skip
    ward.tree["table"] |= {"distinct": "exam"}
    cohort = ward_builds(ward)
    assert [(s.study_id, s.patient_id, s.inputs["tabular"]["no"]) for s in cohort] == [
        ("e1", "a", 1.0),
        ("e2", "b", 3.0),
    ]
    assert cohort.flow.found == 2


def test_a_record_of_several_rows_is_from_the_first_that_can_be_read() -> None:
    source = TableSpec(dicom="**/*", distinct="exam")
    rows = [Row(1, {"exam": "e1"}, "mixes slices"), Row(2, {"exam": "e1"}), Row(3, {"exam": "e1"}),
            Row(4, {}, "no DICOM"), Row(5, {"exam": "e2"}, "no pixels"), Row(6, {}, "no DICOM")]  # fmt: skip
    assert [row.number for row in wanted_rows(source, rows)] == [2, 4, 5, 6]


def test_rows_without_a_key_are_counted(ward: Any) -> None:
    ward.records = [{"pid": "a", "no": 1}]
    ward.add("labs", [{"pid": "", "v": "x"}, {"pid": "a", "v": "y"}, {"pid": "unknown", "v": "z"}])
    cohort = ward_builds(ward)
    assert "labs: rows without a key, or that cannot be read: 1 left out" in cohort.quality.notes
