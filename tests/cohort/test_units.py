"""Units: known conversions, there and back, and what cannot be converted is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.units import check_unit, convert
from medxmodal.errors import InputError, SpecError


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (1.2, "mg/dL", "mg/L", 12.0),
        (13.5, "g/dL", "g/L", 135.0),
        (98.6, "[degF]", "Cel", 37.0),
        (37, "Cel", "[degF]", 98.6),
        (24, "months", "a", 2.0),
        (7.2, "10*3/uL", "10*9/L", 7.2),
        (5, "µg/mL", "mg/L", 5.0),
        (72, "bpm", "/min", 72.0),
        (120, "mmHg", "mm[Hg]", 120.0),
    ],
)
def test_known_conversions(value: float, unit: str, to: str, expected: float) -> None:
    assert convert(value, unit, to) == pytest.approx(expected, rel=1e-3)


@given(
    st.floats(-1e6, 1e6),
    st.sampled_from([("mg/dL", "g/L"), ("[degF]", "Cel"), ("a", "d"), ("kg", "[lb_av]")]),
)
def test_there_and_back_is_the_same(value: float, pair: tuple[str, str]) -> None:
    one, other = pair
    assert convert(convert(value, one, other), other, one) == pytest.approx(value, rel=1e-9, abs=1e-6)


def test_what_cannot_be_converted_is_said() -> None:
    with pytest.raises(InputError, match="'spoons' is not known"):
        convert(1, "spoons", "mg/L")
    with pytest.raises(SpecError, match="'spoons' is not known"):
        convert(1, "mg/L", "spoons")
    with pytest.raises(SpecError, match="cannot be converted"):
        convert(1, "mg/L", "mmol/L")
    with pytest.raises(SpecError, match="UCUM"):
        check_unit("")


@given(st.text(max_size=12))
def test_any_text_is_a_unit_or_a_readable_error(text: str) -> None:
    try:
        convert(1.0, text, "mg/L")
    except (InputError, SpecError) as error:
        said = error.message
    else:
        return
    assert "unit" in said
