"""Times of tables as a whole: unreadable ones are an error, not patients without events."""

from __future__ import annotations

from typing import Any

import pytest

from medxmodal.errors import SpecError

DATED = {"time": "t"}
RELATIVE = {"time": {"column": "t", "unit": "h"}}


def build(ward: Any, times: list[str], spec: dict[str, Any]) -> Any:
    ward.records = [{"pid": "a", "when": "2021-03-10", "k": "x"}]
    ward.tree["index_time"] = {"column": "when"}
    ward.tree["modalities"]["tabular"]["columns"] = {
        "k": {"type": "category"},
        "n": {"type": "number", "from": "labs", "take": "count"},
    }
    ward.add("labs", [{"pid": "a", "t": time} for time in times], **spec)
    return ward.build()


@pytest.mark.parametrize(
    ("times", "spec", "words"),
    [
        (["09.03.2021", "3/9/21"], DATED, "2 of 2 filled times in 't' cannot be read.*ISO dates"),
        (["1615248000", "44264", "2021-03-09"], DATED, "2 of 3 filled times.*numbers need a `unit`"),
        (["1 day 02:03:04", "0 days 01:00:00"], RELATIVE, "2 of 2 .*Write numbers, which count in `unit: h`"),
    ],
)
def test_a_table_most_of_whose_times_cannot_be_read_is_refused(
    ward: Any, times: list[str], spec: dict[str, Any], words: str
) -> None:
    with pytest.raises(SpecError, match=rf"tables\.labs\.time: {words}"):
        build(ward, times, spec)


@pytest.mark.parametrize("index", [{"column": "when"}, {"from": "labs", "where": "code == 'x'"}])
def test_an_index_time_that_is_mostly_none_is_refused(ward: Any, index: dict[str, Any]) -> None:
    """Otherwise nobody has one, and what was known by then is nothing at all."""

    def build(*times: str) -> Any:
        ward.records = [{"pid": f"p{i}", "when": time, "k": "x"} for i, time in enumerate(times)]
        ward.tree["index_time"] = index
        ward.tree["modalities"]["tabular"]["columns"] = {"k": {"type": "category"}}
        rows = [{"pid": f"p{i}", "t": time, "code": "x"} for i, time in enumerate(times)]
        ward.add("labs", [*rows, {"pid": "p0", "t": "2021-03-01", "code": "y"}], time="t")
        return ward.build()

    with pytest.raises(SpecError, match=r"index_time: 2 of 3 filled times in '(when|t)' cannot be read"):
        build("09.03.2021", "44264", "2021-03-09", "")
    assert build("09.03.2021", "2021-03-08", "2021-03-09", "").flow.studies >= 2


def test_single_slips_are_left_out_and_counted(ward: Any) -> None:
    cohort = build(ward, ["9.3.2021", "2021-03-08", "2021-03-09", ""], DATED)
    assert cohort.studies[0].inputs["tabular"]["n"] == 2
    assert "labs: rows without a time that can be read: 2 left out" in cohort.quality.notes


def test_a_table_whose_times_are_all_empty_is_no_fault_of_the_spec(ward: Any) -> None:
    assert build(ward, ["", ""], DATED).studies[0].inputs["tabular"]["n"] == 0


def test_a_table_that_belongs_to_nobody_is_said(ward: Any) -> None:
    said = "labs: no row belongs to a record; check its `key` and `equals`"
    assert said not in build(ward, ["2021-03-08"], DATED).quality.notes
    ward.records[0]["pid"] = "0a"
    assert said in ward.build().quality.notes


def test_dates_without_an_index_time_are_counted_and_explained(ward: Any) -> None:
    ward.records = [{"pid": "a", "k": "x"}]
    ward.tree["modalities"]["tabular"]["columns"] = {
        "k": {"type": "category"},
        "n": {"type": "number", "from": "labs", "take": "count"},
    }
    ward.add("labs", [{"pid": "a", "t": "2021-03-09"}], **DATED)
    notes = ward.build().quality.notes
    assert [note for note in notes if note.startswith("labs: rows with dates") and "index_time" in note]


def test_dates_beside_an_index_time_without_a_date_are_refused_with_the_way_out(ward: Any) -> None:
    ward.records = [{"pid": "a", "k": "x"}]
    ward.tree["index_time"] = {"after": "24 h"}
    ward.tree["modalities"]["tabular"]["columns"] = {
        "k": {"type": "category"},
        "n": {"type": "number", "from": "labs", "take": "count"},
    }
    ward.add("labs", [{"pid": "a", "t": "2021-03-09"}], **DATED)
    with pytest.raises(SpecError, match="need an `index_time` that is a date too"):
        ward.build()
