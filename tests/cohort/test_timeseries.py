"""Time series: values over time before the index time, one tuple a column."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort import Cohort
from medxmodal.errors import SpecError

MINUTES = {"column": "t", "unit": "min"}
HR = {"hr": {"type": "number"}, "bp": {"type": "number", "range": [10, 250]}}


def series(
    ward: Any,
    *rows: tuple[Any, ...],
    columns: Any = None,
    names: str = "t hr bp",
    when: str = "",
    **spec: Any,
) -> Any:
    ward.records = [{"pid": "a", "k": "k", "when": when}]
    cells = [{"pid": "a", **dict(zip(names.split(), row, strict=False))} for row in rows]
    ward.add("vitals", cells, time=ward_time(rows))
    ward.tree.setdefault("index_time", {"after": "2 h"})
    ward.tree["modalities"] = {
        "vitals": {"kind": "timeseries", "from": "vitals", "columns": columns or HR, **spec},
        "other": {"kind": "tabular", "columns": {"k": {"type": "category"}}},
    }
    return ward.build()


def ward_time(rows: tuple[tuple[Any, ...], ...]) -> Any:
    return "t" if any("-" in str(row[0])[1:] for row in rows) else MINUTES


def values(cohort: Any) -> Any:
    return cohort[0].inputs.get("vitals")


def test_times_are_hours_before_the_index_time_in_order(ward: Any) -> None:
    cohort = series(ward, (60, "80", "90"), (-60, "70", ""), (120, "", "95"), (121, "1", "1"), (90, "", ""))
    assert values(cohort) == {
        "times": (-3.0, -1.0, 0.0),
        "hr": (70.0, 80.0, None),
        "bp": (None, 90.0, 95.0),
    }


def test_rows_of_one_time_are_one_point(ward: Any) -> None:
    cohort = series(ward, (60, "80", ""), (60, "", "90"), (60.0, "", ""))
    assert values(cohort) == {"times": (-1.0,), "hr": (80.0,), "bp": (90.0,)}


def test_a_long_table_has_a_rule_a_column_and_a_unit_a_row(ward: Any) -> None:
    spec = {"type": "number", "column": "v", "unit": "kg", "unit_column": "u"}
    columns = {
        "weight": {**spec, "where": "code == 'w'"},
        "pulse": {"type": "number", "column": "v", "where": "code == 'p'"},
    }
    rows = [
        (0, "w", "70", "kg"),
        (0, "p", "80", "/min"),
        (60, "w", "71000", "g"),
        (90, "x", "1", "kg"),
        (95, "w", "1", "spoons"),
    ]
    cohort = series(ward, *rows, columns=columns, names="t code v u")
    assert values(cohort) == {"times": (-2.0, -1.0), "weight": (70.0, 71.0), "pulse": (80.0, None)}
    assert cohort.quality.set_to_missing == {"vitals.weight": {"not a number, or without a known unit": 1}}
    assert cohort.quality.units == {"vitals.weight": {"g": 1, "kg": 1, "not known": 1}}
    assert not cohort.quality.problems


def test_only_the_latest_points_are_kept_and_the_others_counted(ward: Any) -> None:
    cohort = series(ward, *((i, str(i), "90") for i in range(10)), most=3)
    assert values(cohort)["hr"] == (7.0, 8.0, 9.0)
    assert cohort.quality.set_to_missing["vitals.times"] == {"earlier than the latest 3": 7}


def test_window_and_rule_of_the_whole_series(ward: Any) -> None:
    rows = [(0, "1", "90"), (60, "2", "90"), (90, "3", "80")]
    assert values(series(ward, *rows, window={"from": "-1 h"}))["hr"] == (2.0, 3.0)
    assert values(series(ward, *rows, where="bp > 85"))["hr"] == (1.0, 2.0)


def test_nothing_known_is_an_absent_modality(ward: Any) -> None:
    assert not series(ward, (121, "80", "90"))[0].has("vitals")
    assert not series(ward, (60, "", "1000"))[0].has("vitals")


def test_a_day_as_index_time_holds_the_hours_of_that_day(ward: Any) -> None:
    """None of them is after the index time, and none of them is lost."""
    ward.tree["index_time"] = {"column": "when"}
    rows = [("2021-03-10T08:00:00", "1", ""), ("2021-03-10T20:00:00", "2", ""), ("2021-03-09", "3", "")]
    cohort = series(ward, *rows, when="2021-03-10")
    assert values(cohort)["hr"] == (3.0, 1.0, 2.0)
    assert values(cohort)["times"] == pytest.approx((-24, -16, -4))


@given(
    st.lists(st.tuples(st.integers(-500, 300), st.integers(0, 99)), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_times_are_ascending_and_never_after_the_index_time(
    make_ward: Any, rows: list[tuple[int, int]], most: int
) -> None:
    found = values(series(make_ward(), *((t, str(v), "") for t, v in rows), most=most))
    known = {t for t, _ in rows if t <= 120}
    assert (found is None) == (not known)
    if found:
        assert list(found["times"]) == sorted(set(found["times"]))
        assert found["times"][-1] <= 0
        assert len(found["times"]) == min(most, len(known))
        assert all(len(column) == len(found["times"]) for column in found.values())


def test_it_survives_the_cohort_s_folder(ward: Any, tmp_path: Any) -> None:
    cohort = series(ward, (60, "80", "90"), (-60, "70", ""))
    cohort.save(tmp_path / "cohort")
    again = Cohort.load(tmp_path / "cohort", data=ward.folder)
    assert again[0].inputs == cohort[0].inputs
    assert again.fingerprint == cohort.fingerprint


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"from": None}, "needs `from`"),
        ({"columns": {"hr": {"type": "number", "from": "vitals"}}}, "come from its own table"),
        ({"columns": {"hr": {"type": "category"}}}, "number"),
        ({"most": 0}, "greater than or equal to 1"),
    ],
)
def test_series_that_cannot_be(ward: Any, spec: dict[str, Any], words: str) -> None:
    ward.add("vitals", [])
    tree = {"kind": "timeseries", "from": "vitals", "columns": HR} | spec
    ward.tree["modalities"] = {"vitals": {k: v for k, v in tree.items() if v is not None}}
    with pytest.raises(SpecError, match=words):
        ward.spec()
