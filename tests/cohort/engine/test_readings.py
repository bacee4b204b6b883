"""Columns as values: numbers with units, categories, events over time; what is wrong said cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.engine.readings import LATE, CategoryReader, NumberReader, make_reader
from medxmodal.cohort.identity import Kept, Keyed
from medxmodal.cohort.spec.cohort_spec import CategoryColumn, NumberColumn
from medxmodal.errors import SpecError

MG = {"type": "number", "unit": "mg/L", "unit_column": "u"}


@dataclass
class Values:
    """What a column gives: a value a case, and what is wrong with some."""

    reader: NumberReader | CategoryReader
    values: list[Any] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)

    @property
    def set_to_missing(self) -> dict[str, int]:
        return dict(self.reader.set_to_missing)


def read_cases(cases: Sequence[Any], spec: dict[str, Any], table: str | None, *, keyed: bool) -> Values:
    kind = CategoryColumn if spec["type"] == "category" else NumberColumn
    column = kind.model_validate({**spec, "from": table} if table else spec)
    found = Values(make_reader("x", column, table, Keyed(bytes(32)) if keyed else Kept()))
    for position, case in enumerate(cases):
        taken = found.reader.read(case)
        found.values.append(taken.value)
        if taken.problem:
            found.problems[position] = taken.problem
    found.reader.check(final=True)
    return found


@pytest.fixture(scope="session")
def read(make_ward: Callable[[], Any]) -> Callable[..., Values]:
    """Reads a column `x` of records, with units in `u`."""

    def run(
        cells: Sequence[str | None],
        units: Sequence[str | None] | None = None,
        keyed: bool = False,
        **spec: Any,
    ) -> Values:
        ward = make_ward()
        ward.records = [
            {"pid": str(i), "x": cell, "u": units[i] if units else None} for i, cell in enumerate(cells)
        ]
        return read_cases(ward.candidates().cases, spec, None, keyed=keyed)

    return run


@pytest.fixture
def read_events(ward: Any) -> Callable[..., Any]:
    """Reads events `(minutes, x)` or `(minutes, x, u)` of one record, whose index time is 1 day."""

    def run(*events: tuple[Any, ...], whole: bool = False, **spec: Any) -> Any:
        ward.records = [{"pid": "a"}]
        rows = [{"pid": "a", **dict(zip(("t", "x", "u"), event, strict=False))} for event in events]
        rows.append({"pid": "b", "t": 0, "x": "1e9", "u": "mg/L"})
        ward.add("labs", rows, time={"column": "t", "unit": "min"})
        ward.tree["index_time"] = {"after": "1 d"}
        found = read_cases(ward.candidates().cases, spec, "labs", keyed=False)
        return found if whole else found.values[0]

    return run


def test_numbers_in_every_usual_writing(read: Any) -> None:
    found = read(["1", " 2.50 ", "-3e2", "\N{MINUS SIGN}4", "+.5", None], type="number")
    assert found.values == [1.0, 2.5, -300.0, -4.0, 0.5, None]
    assert not found.problems


@pytest.mark.parametrize("cell", ["1,5", "<5", "1_000", "12 mg", "0x10", "1e9999x", "--1"])
def test_what_is_no_number_is_a_problem_not_a_guess(read: Any, cell: str) -> None:
    found = read(["1", "2", cell], type="number")
    assert found.values[2] is None
    assert found.problems[2] == f"row 4, column 'x': '{cell}' is not a number"


def test_age_that_is_not_available_is_missing_and_no_problem(read: Any) -> None:
    found = read(["57", "not available", "41"], type="number", unit="a", missing=["not available"])
    assert found.values == [57.0, None, 41.0]
    assert not found.problems
    assert not found.set_to_missing


def test_a_number_declared_missing_is_matched_by_value(read: Any) -> None:
    assert read(["-9.0", "3"], type="number", missing=["-9"]).values == [None, 3.0]


def test_infinite_values_are_missing_even_when_only_the_conversion_makes_them_so(read: Any) -> None:
    found = read(["inf", "nan", "1e308"], ["mg/L", "mg/L", "kg/L"], **MG)
    assert found.values == [None, None, None]
    assert found.set_to_missing == {"not finite": 3}


def test_the_range_is_asked_after_conversion(read: Any) -> None:
    found = read(["1", "20"], ["g/dL", "g/dL"], type="number", unit="g/L", unit_column="u", range=(5, 100))
    assert found.values == [10.0, None]
    assert found.set_to_missing == {"outside [5, 100]": 1}


def test_a_unit_of_the_spec_that_is_none_is_the_spec_s_fault(read: Any) -> None:
    with pytest.raises(SpecError, match="'spoons' is not known"):
        read(["1"], ["mg/L"], type="number", unit="spoons", unit_column="u")


@pytest.mark.parametrize("keyed", [True, False])
def test_cells_are_quoted_only_where_ids_are_kept(read: Any, keyed: bool) -> None:
    for spec, cells in (
        ({"type": "number"}, ["1", "2", "Kowalska"]),
        ({"type": "category", "values": ["a"]}, ["a", "a", "Kowalska"]),
    ):
        said = read(cells, keyed=keyed, **spec).problems[2]
        assert ("Kowalska" in said) is not keyed
        assert said.startswith("row 4, column 'x': ")


@given(st.lists(st.text("ab &|", max_size=8), min_size=1, max_size=6))
def test_several_values_are_a_sorted_set_that_joins_back(read: Any, cells: list[str]) -> None:
    found = read([cell or None for cell in cells], type="category", many="&", missing=["a b"])
    for value in found.values:
        assert value is None or isinstance(value, tuple)
        if value is not None:
            assert list(value) == sorted(set(value))
            assert tuple("&".join(value).split("&")) == value
            assert "a b" not in value
            assert all(word == word.strip() != "" for word in value)


def test_a_separator_is_one_sign() -> None:
    with pytest.raises(ValueError, match="at most 1 character"):
        CategoryColumn(type="category", many="&&")


def test_a_word_is_mapped_once(read: Any) -> None:
    swap = {"1": "0", "0": "1"}
    assert read(["1", "0", "1.0", "2"], type="category", map=swap).values == ["0", "1", "0", "2"]
    assert read(["0&1", "1"], type="category", map=swap, many="&").values == [("0", "1"), ("0",)]
    assert read(["1", "0"], type="number", map=swap).values == [0.0, 1.0]
    assert read(
        ["> 89", "40", "?"], type="number", map={"> 89": "90", "?": "none"}, missing=["none"]
    ).values == [
        90.0,
        40.0,
        None,
    ]
    assert read(["m", "f"], type="category", map={"m": "unknown"}, missing=["unknown"]).values == [None, "f"]


def test_limits_are_numbers_only_where_the_spec_says_so(read: Any) -> None:
    cells = ["<5", ">=90", "<= 1.5", "7", "8", "9", "< LOD"]
    found = read(cells, type="number", limits="value")
    assert found.values == [5.0, 90.0, 1.5, 7.0, 8.0, 9.0, None]
    assert list(found.problems) == [6]
    with pytest.raises(SpecError, match="4 of its 7"):
        read(cells, type="number")
    assert read(["> 500"], ["mg/L"], limits="value", range=(0, 100), **MG).values == [None]


def test_a_value_of_the_record_with_a_time_of_its_own(ward: Any) -> None:
    """Each value beside its time: what was taken later, or nobody knows when, does not enter."""
    ward.records = [
        {"pid": str(i), "x": "3", "c": "yes", "t": t} for i, t in enumerate(["-1", "0", "0.01", "", "x"])
    ]
    time = {"column": "t", "unit": "d"}
    for spec, value in (({"type": "number"}, 3.0), ({"type": "category", "column": "c"}, "yes")):
        found = read_cases(ward.candidates().cases, {**spec, "time": time}, None, keyed=False)
        assert found.values == [value, value, None, None, None]
        assert found.set_to_missing == {LATE: 3}


DAY = 1440


def test_what_can_be_taken_of_several_numbers(read_events: Any) -> None:
    events = [(600, "5"), (0, "2"), (1200, "3"), (DAY, "4"), (DAY + 1, "100"), (-600, "9")]
    wanted = {"first": 9.0, "last": 4.0, "min": 2.0, "max": 9.0, "mean": 4.6, "count": 5.0}
    for take, value in wanted.items():
        assert read_events(*events, type="number", take=take) == value, take
    assert read_events(*events, type="number") == 4.0


def test_the_worst_value_is_the_farthest_from_the_reference(read_events: Any) -> None:
    spec = {"type": "number", "take": "worst", "reference": (135, 145)}
    assert read_events((0, "140"), (10, "125"), (20, "150"), **spec) == 125.0
    assert read_events((0, "140"), (10, "130"), (20, "160"), **spec) == 160.0
    assert read_events((0, "136"), (10, "140"), **spec) in {136.0, 140.0}
    with pytest.raises(ValueError, match="needs `reference`"):
        NumberColumn(type="number", take="worst")


def test_a_trend_is_the_slope_a_day(read_events: Any) -> None:
    spec = {"type": "number", "take": "trend"}
    assert read_events((0, "1"), (720, "2"), (1440, "3"), **spec) == 2.0
    assert read_events((0, "3"), (360, "2"), (1440, "2"), (2000, "1e9"), **spec) == pytest.approx(-10 / 13)
    assert read_events((0, "3"), (0, "5"), **spec) is None  # one time has no slope
    assert read_events((0, "3"), **spec) is None
    assert read_events((0, "3"), (720, "3"), **spec) == 0.0


def test_aggregates_of_numbers_at_the_end_of_what_a_number_can_be(read_events: Any) -> None:
    events = [(0, "1.7e308"), (10, "1.7e308"), (20, "-1.7e308")]
    assert read_events(*events[:2], type="number", take="mean") == 1.7e308
    found = read_events(*events, whole=True, type="number", take="trend")
    assert (found.values, found.set_to_missing) == ([None], {"not finite": 1})


def test_a_count_is_of_rows_and_zero_where_there_are_none(read_events: Any) -> None:
    assert read_events((2000, "1"), type="number", take="count") == 0.0
    assert read_events((0, ""), (1, "word"), type="number", take="count") == 2.0
    assert read_events((0, "a"), (1, "b"), (2, "a"), type="number", take="count", where="x == 'a'") == 2.0


def test_time_since_the_last_such_row(read_events: Any) -> None:
    events = [(0, "a"), (720, "a"), (1080, "b"), (2000, "a")]
    assert read_events(*events, type="number", take="since", unit="h", where="x == 'a'") == 12.0
    assert read_events(*events, type="number", take="since", unit="min") == 360.0
    assert read_events((2000, "a"), type="number", take="since", unit="h") is None
    assert read_events((0, "a"), type="number", take="since", unit="h", range=(0, 12)) is None
    with pytest.raises(ValueError, match="needs a unit of time"):
        NumberColumn(type="number", take="since", unit="mg/L")


def test_time_since_a_date_of_the_record(ward: Any) -> None:
    ward.records = [
        {"pid": "a", "x": born, "when": when}
        for born, when in (
            ("1980-03-10", "2021-03-10"), ("1980", "2021-03-10T12:00:00"), ("2021-03-10", "2021-03-10"),
            ("2021-03-10T08:00:00", "2021-03-10"), ("2022-01-01", "2021-03-10"), ("", "2021-03-10"),
        )
    ]  # fmt: skip
    ward.tree["index_time"] = {"column": "when"}
    spec = {"type": "number", "take": "since", "unit": "a"}
    found = read_cases(ward.candidates().cases, spec, None, keyed=False).values
    assert found[0] == pytest.approx(41, abs=0.01)
    assert found[1] == pytest.approx(41.19, abs=0.01)
    assert found[2:] == [0.0, 0.0, None, None]  # never negative: the day of birth is the index day


def test_windows_and_rules_of_a_column(read_events: Any) -> None:
    events = [(0, "1"), (720, "2"), (1000, "3"), (1400, "4")]
    window = {"from": "-13 h", "to": "-2 h"}
    assert read_events(*events, type="number", window=window) == 3.0
    assert read_events(*events, type="number", window=window, take="first") == 2.0
    assert read_events(*events, type="number", window={"from": "-1 min"}) is None
    assert read_events(*events, type="number", where="x < 3") == 2.0


def test_units_of_events_are_converted_one_by_one(read_events: Any) -> None:
    events = [(0, "1", "mg/dL"), (10, "3", "mg/L"), (20, "2", "spoons"), (30, "4", ""), (40, "5", "mg/L")]
    found = read_events(*events, whole=True, take="max", **MG)
    assert found.values == [10.0]
    assert not found.problems
    assert found.set_to_missing == {"not a number, or without a known unit": 2}
    assert dict(found.reader.units) == {"mg/dL": 1, "mg/L": 2, "not known": 1}


def test_a_wrong_cell_among_events_is_counted_and_the_others_are_used(read_events: Any) -> None:
    found = read_events((0, "1"), (10, "many"), (20, "300"), whole=True, type="number", range=(0, 100))
    assert found.values == [1.0]
    assert found.set_to_missing == {"not a number, or without a known unit": 1, "outside [0, 100]": 1}
    with pytest.raises(SpecError, match="2 of its 3"):
        read_events((0, "1"), (10, "many"), (20, "few"), type="number")


def test_categories_of_several_rows(read_events: Any) -> None:
    events = [(600, "b"), (0, "a"), (900, ""), (800, "b"), (2000, "z")]
    assert read_events(*events, type="category") == "b"
    assert read_events(*events, type="category", take="first") == "a"
    assert read_events(*events, type="category", take="all", many="&") == ("a", "b")
    assert read_events(*events, type="category", take="any") == "yes"
    assert read_events((2000, "z"), type="category", take="any") == "no"
    assert read_events(*events, type="category", take="any", where="x == 'q'") == "no"
    assert read_events((2000, "z"), type="category") is None
    found = read_events((0, "q"), whole=True, type="category", values=["a"])
    assert (found.values, found.set_to_missing) == ([None], {"none of the allowed values": 1})
    with pytest.raises(ValueError, match="needs `many`"):
        CategoryColumn(type="category", take="all")


@given(st.permutations([("0", "7"), ("60", "1"), ("60", "2"), ("60", "3"), ("-5", "4")]))
def test_ties_in_time_are_settled_alike_in_every_order(make_ward: Any, events: list[tuple[str, str]]) -> None:
    ward = make_ward()
    ward.records = [{"pid": "a"}]
    ward.add("labs", [{"pid": "a", "t": t, "x": x} for t, x in events], time={"column": "t", "unit": "min"})
    ward.tree["index_time"] = {"after": "2 h"}
    cases = ward.candidates().cases
    takes = [
        read_cases(cases, {"type": "number", "take": t}, "labs", keyed=False).values
        for t in ("first", "last")
    ]
    assert takes == [[4.0], [3.0]]


@pytest.mark.parametrize("cell", ["1940-03-17", "2021-04-01T09:08:07Z", "17.3.1940", "03/17/1940"])
def test_a_keyed_cohort_holds_no_dates_as_categories(read: Callable[..., Values], cell: str) -> None:
    found = read([cell, "never"], keyed=True, type="category")
    assert found.values == [None, "never"]
    assert sum(found.set_to_missing.values()) == 1
    assert read([cell], type="category").values == [cell]
    assert read([cell], keyed=True, type="category", values=[cell]).values == [cell]


def test_categories_that_differ_from_study_to_study_look_like_free_text(read: Callable[..., Values]) -> None:
    names, words = [f"Kowalska {n}" for n in range(30)], ["yes", "no", "never"] * 10
    assert read(names, type="category").reader.free
    assert not read(words, type="category").reader.free
    assert not read(names, type="category", values=names).reader.free
