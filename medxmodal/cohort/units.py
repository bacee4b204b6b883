"""Units of measurement (UCUM), converted through pint."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

from medxmodal.cohort.unit_spellings import ucum_spelling
from medxmodal.errors import InputError, SpecError

_ARBITRARY = re.compile(r"\[[^\]]*U\]|[a-z]?mol/[a-z]?mol|(?<![a-zA-Z])[a-zA-Z]{0,2}(?:eq|osm)(?![a-zA-Z])")
"""Units defined by an assay or a charge, which convert to nothing but themselves; and ratios of substances:
HbA1c of 48 mmol/mol is 6.5 %, not 4.8 %."""


class Unit(NamedTuple):
    """A parsed unit: `amount` times pint's `units`.

    Args:
        amount: The factor.
        units: What pint knows.
        arbitrary: Its units that are defined by a procedure, such as `[iU]`.
    """

    amount: float
    units: Any
    arbitrary: Counter[str]


def convert(value: float, unit: str, to: str) -> float:
    """A value in another unit, to 12 significant digits.

    Args:
        value: The number, in `unit`.
        unit: UCUM, or a common spelling of it.
        to: The unit wanted.

    Raises:
        InputError: `unit` is not known.
        SpecError: `to` is not known, or the two measure different things.

    Example:
        >>> convert(1.2, "mg/dL", "mg/L"), convert(98.6, "[degF]", "Cel")
        (12.0, 37.0)
    """
    if unit == to:
        return value
    slope, offset = _line(unit, to)
    return float(f"{value * slope + offset:.12g}")


def check_unit(unit: str) -> None:
    """Raise SpecError when a unit is not UCUM."""
    try:
        _parse(unit)
    except InputError as error:
        raise SpecError(
            f"unit '{unit}' is not known", hint="Write it in UCUM, for example mg/L or 10*9/L."
        ) from error


def unit_remark(unit: str) -> str:
    """What to tell the user about how a unit was read; empty when it is UCUM as written.

    Example:
        >>> unit_remark("mmHg"), unit_remark("mm[Hg]")
        ("the unit 'mmHg' was read as UCUM mm[Hg]", '')
    """
    text = ucum_spelling(unit)
    return "" if text == unit.strip() else f"the unit '{unit.strip()}' was read as UCUM {text}"


@lru_cache(maxsize=1)
def _registry() -> Any:  # noqa: ANN401 - ucumvert carries no types
    from ucumvert import PintUcumRegistry

    registry = PintUcumRegistry()
    registry.define("pH_value = [acidity]")
    return registry


@lru_cache(maxsize=1024)
def _parse(unit: str) -> Unit:
    from lark.exceptions import LarkError
    from pint import PintError

    text = ucum_spelling(unit)
    if re.fullmatch(r"\{[^{}]*\}", text):
        text = "1"  # an annotation alone, such as {score}, counts ones
    if text == "[pH]":  # UCUM has it, ucumvert's registry does not
        return Unit(1.0, _registry().Unit("pH_value"), Counter())
    try:
        found = _registry().from_ucum(text)
    except (LarkError, PintError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"unit '{unit}' is not known", hint="Write it in UCUM, for example mg/L.") from error
    arbitrary = Counter(name.lower() for name in _ARBITRARY.findall(re.sub(r"\{[^{}]*\}", "", text)))
    if isinstance(found, int | float):
        return Unit(float(found), _registry().dimensionless, arbitrary)
    return Unit(float(found.magnitude), found.units, arbitrary)


@lru_cache(maxsize=4096)
def _line(unit: str, to: str) -> tuple[float, float]:
    """Slope and offset of the conversion; every conversion between UCUM units here is a line."""
    from pint import DimensionalityError, OffsetUnitCalculusError

    check_unit(to)
    source, target = _parse(unit), _parse(to)
    if {_base(name) for name in source.arbitrary} != {_base(name) for name in target.arbitrary}:
        raise SpecError(
            f"unit '{unit}' cannot be converted to '{to}'",
            hint="International units, equivalents, osmoles and mmol/mol depend on the substance; convert "
            "the column before, or correct `unit`.",
        )
    quantity = _registry().Quantity
    try:
        points = [
            float(quantity(x * source.amount, source.units).to(target.units).magnitude) / target.amount
            for x in (0.0, 1.0)
        ]
    except (DimensionalityError, OffsetUnitCalculusError) as error:
        raise SpecError(
            f"unit '{unit}' cannot be converted to '{to}'", hint=_why(source.units, target.units)
        ) from error
    if not all(map(math.isfinite, points)):
        raise SpecError(f"unit '{unit}' cannot be converted to '{to}' by a factor")
    return points[1] - points[0], points[0]


def _base(name: str) -> str:
    """An arbitrary unit without its prefix: `meq` and `ueq` are both equivalents."""
    if "/" in name:
        return "mol/mol"
    return name if name.startswith("[") else name[-3:] if name.endswith("osm") else name[-2:]


def _why(source: Any, target: Any) -> str:  # noqa: ANN401 - pint's units
    """What to do about two units that measure different things."""
    quotient = dict((source / target).dimensionality)
    if set(quotient) == {"[mass]", "[substance]"} and quotient["[mass]"] == -quotient["[substance]"]:
        return (
            "One counts mass and the other amount of substance, so it takes the molar mass of what was "
            "measured; convert the column before, or keep its own unit."
        )
    return "They measure different things; correct the table or `unit`."
