"""Columns as values: numbers with units, categories, and what is wrong said cell by cell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.identity import Kept, Keyed
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.spec import CategoryColumn, NumberColumn
from medxmodal.cohort.tabular import Values, read_column
from medxmodal.errors import SpecError


def read(
    cells: list[str | None], units: list[str | None] | None = None, keyed: bool = False, **spec: Any
) -> Values:
    rows = [Row(i + 2, {"x": cell, "u": units[i] if units else None}) for i, cell in enumerate(cells)]
    kind = CategoryColumn if spec["type"] == "category" else NumberColumn
    return read_column("x", kind(**spec), rows, Keyed(bytes(32)) if keyed else Kept())


def test_numbers_in_every_usual_writing() -> None:
    found = read(["1", " 2.50 ", "-3e2", "\N{MINUS SIGN}4", "+.5", None], type="number")
    assert found.values == [1.0, 2.5, -300.0, -4.0, 0.5, None]
    assert not found.problems


@pytest.mark.parametrize("cell", ["1,5", "<5", "1_000", "12 mg", "0x10", "1e9999x", "--1"])
def test_what_is_no_number_is_a_problem_not_a_guess(cell: str) -> None:
    found = read(["1", "2", cell], type="number")
    assert found.values[2] is None
    assert found.problems[2] == f"row 4, column 'x': '{cell}' is not a number"


def test_age_that_is_not_available_is_missing_and_no_problem() -> None:
    found = read(["57", "not available", "41"], type="number", unit="a", missing=["not available"])
    assert found.values == [57.0, None, 41.0]
    assert not found.problems
    assert not found.set_to_missing


def test_a_number_declared_missing_is_matched_by_value() -> None:
    assert read(["-9.0", "3"], type="number", missing=["-9"]).values == [None, 3.0]


def test_infinite_values_are_missing_even_when_only_the_conversion_makes_them_so() -> None:
    found = read(
        ["inf", "nan", "1e308"], ["mg/L", "mg/L", "kg/L"], type="number", unit="mg/L", unit_column="u"
    )
    assert found.values == [None, None, None]
    assert found.set_to_missing == {"not finite": 3}


def test_the_range_is_asked_after_conversion() -> None:
    found = read(["1", "20"], ["g/dL", "g/dL"], type="number", unit="g/L", unit_column="u", range=(5, 100))
    assert found.values == [10.0, None]
    assert found.set_to_missing == {"outside [5, 100]": 1}


def test_a_unit_of_the_spec_that_is_none_is_the_spec_s_fault() -> None:
    with pytest.raises(SpecError, match="'spoons' is not known"):
        read(["1"], ["mg/L"], type="number", unit="spoons", unit_column="u")


@pytest.mark.parametrize("keyed", [True, False])
def test_cells_are_quoted_only_where_ids_are_kept(keyed: bool) -> None:
    for spec, cells in (
        ({"type": "number"}, ["1", "2", "Kowalska"]),
        ({"type": "category", "values": ["a"]}, ["a", "a", "Kowalska"]),
    ):
        said = read(cells, keyed=keyed, **spec).problems[2]  # type: ignore[arg-type]
        assert ("Kowalska" in said) is not keyed
        assert said.startswith("row 4, column 'x': ")


@given(st.lists(st.text("ab &|", max_size=8), min_size=1, max_size=6))
def test_several_values_are_a_sorted_set_that_joins_back(cells: list[str]) -> None:
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
