"""Cells: what a text is as a number, as a censored number, and what it is not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.cells import number_text, parse_limit, parse_number

NARROW = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-1", -1.0),
        ("\N{MINUS SIGN}1.5", -1.5),
        ("\N{FULLWIDTH HYPHEN-MINUS}2", -2.0),
        ("\N{NO-BREAK SPACE}5\N{THIN SPACE}", 5.0),
        (f"12{NARROW}345", 12345.0),
        ("1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567.5", 1234567.5),
        (f"\N{MINUS SIGN}1{NARROW}000", -1000.0),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
    ],
)
def test_numbers(text: str, number: float) -> None:
    assert parse_number(text) == number


def test_nan_is_a_number_that_is_none() -> None:
    found = parse_number("NaN")
    assert found is not None
    assert math.isnan(found)


@pytest.mark.parametrize(
    "text",
    [
        "", "?", "-", "not available", "45%", "<5", ">=90", "1,5", "1.234,5", "1,234", "12 345", "1 2",
        f"1{NARROW}23", f"1{NARROW}234\N{NO-BREAK SPACE}567", "--inf", "+-1", "1_000", "0x10", "5 mg", "3-5",
        "1.2.3", "#N/A",
    ],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "sign", "value"),
    [
        ("<5", "<", 5),
        (">= 90", ">=", 90),
        (" > 89 ", ">", 89),
        ("=<0.3", "<=", 0.3),
        ("\N{GREATER-THAN OR EQUAL TO}90", ">=", 90),
        ("<\N{MINUS SIGN}1", "<", -1),
    ],
)
def test_limits(text: str, sign: str, value: float) -> None:
    assert parse_limit(text) == (sign, value)


@pytest.mark.parametrize("text", ["5", "<", "< LOD", "<inf", "<<5", "<5 mg", "5<", "<5%", ""])
def test_what_is_no_limit(text: str) -> None:
    assert parse_limit(text) is None


@given(st.text(max_size=10))
def test_any_text_is_asked_safely(text: str) -> None:
    assert parse_number(text) is None or parse_limit(text) is None


@given(st.floats(allow_nan=False))
def test_a_number_written_reads_back_the_same(value: float) -> None:
    assert parse_number(number_text(value)) == value
