"""Units: known conversions, there and back, and what cannot be converted is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.unit_spellings import LETTERS, SPELLINGS, ucum_spelling
from medxmodal.cohort.units import check_unit, convert, unit_remark
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
        (120, "mm[Hg]", "kPa", 15.9987),
        (0.4, "1", "%", 40.0),
        (3, "{score}", "1", 3.0),
        (12, "[iU]/L", "m[iU]/mL", 12.0),
        (60, "U/L", "nkat/L", 1000.2),
        (140, "mEq/L", "ueq/mL", 140.0),
        (7.4, "pH", "[pH]", 7.4),
        (48, "mmol/mol", "umol/mol", 48000),
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


@pytest.mark.parametrize(("unit", "to"), [("mg/dL", "mmol/L"), ("umol/L", "mg/dL"), ("nmol", "ng")])
def test_mass_and_substance_need_the_molar_mass(unit: str, to: str) -> None:
    with pytest.raises(SpecError, match="molar mass"):
        convert(1, unit, to)


@pytest.mark.parametrize(
    ("unit", "to"),
    [
        ("[iU]/L", "10*9/L"),
        ("/L", "[iU]/L"),
        ("meq/L", "mmol/L"),
        ("mosm/kg", "mmol/kg"),
        ("[iU]", "U"),
        ("mmol/mol", "%"),
    ],
)
def test_what_an_assay_defines_converts_to_nothing_else(unit: str, to: str) -> None:
    """Pint alone takes an international unit for a pure number: 5 [iU]/L would be 5 cells a litre."""
    with pytest.raises(SpecError, match="depend on the substance"):
        convert(1, unit, to)


@pytest.mark.parametrize(
    ("unit", "ucum"),
    [
        ("mmHg", "mm[Hg]"),
        ("mm Hg", "mm[Hg]"),
        ("degC", "Cel"),
        ("C", "Cel"),
        ("°F", "[degF]"),
        ("K/uL", "10*3/uL"),
        ("x10^9/L", "10*9/L"),
        ("\N{MULTIPLICATION SIGN}10⁹/L", "10*9/L"),
        ("10e9/L", "10*9/L"),
        ("IU/L", "[iU]/L"),
        ("mcg", "ug"),
        ("mcg/dL", "ug/dL"),
        ("mEq/L", "meq/L"),
        ("bpm", "/min"),
        ("yrs", "a"),
        ("years", "a"),
        ("μmol/L", "umol/L"),
    ],
)
def test_what_hospitals_write_is_read_with_a_remark(unit: str, ucum: str) -> None:
    assert convert(3.5, unit, ucum) == 3.5
    assert f"'{unit}'" in unit_remark(unit)
    assert ucum in unit_remark(unit)


@pytest.mark.parametrize(
    "unit", ["mm[Hg]", "10*9/L", "mg/dL", "%", "[iU]/L", "Cel", "K", "c", "f", "{score}", "m"]
)
def test_ucum_is_left_alone(unit: str) -> None:
    assert unit_remark(unit) == ""


def test_every_spelling_stands_for_a_unit() -> None:
    for ucum in [*SPELLINGS.values(), *LETTERS.values()]:
        check_unit(ucum)
        assert ucum_spelling(ucum) == ucum


@given(st.text(max_size=12))
def test_any_text_is_a_unit_or_a_readable_error(text: str) -> None:
    try:
        convert(1.0, text, "mg/L")
    except (InputError, SpecError) as error:
        said = error.message
    else:
        return
    assert "unit" in said
