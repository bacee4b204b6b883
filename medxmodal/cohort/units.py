"""Units of measurement (UCUM), converted through pint."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

from medxmodal.errors import InputError, SpecError

_SPELLINGS = {
    "year": "a", "years": "a", "yr": "a", "yrs": "a", "y": "a",
    "month": "mo", "months": "mo", "week": "wk", "weeks": "wk", "day": "d", "days": "d",
    "hour": "h", "hours": "h", "minutes": "min", "sec": "s", "seconds": "s",
    "°c": "Cel", "°f": "[degF]", "mmhg": "mm[Hg]", "bpm": "/min", "iu/l": "[iU]/L", "iu/ml": "[iU]/mL",
    "mcg/l": "ug/L", "mcg/ml": "ug/mL", "percent": "%", "lbs": "[lb_av]", "lb": "[lb_av]",
}  # fmt: skip
"""What people write, in lower case, for UCUM's own spelling."""


class Unit(NamedTuple):
    """A parsed unit: `amount` times pint's `units`."""

    amount: float
    units: Any


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


@lru_cache(maxsize=1)
def _registry() -> Any:  # noqa: ANN401 - ucumvert carries no types
    from ucumvert import PintUcumRegistry

    return PintUcumRegistry()


@lru_cache(maxsize=1024)
def _parse(unit: str) -> Unit:
    from lark.exceptions import LarkError
    from pint import PintError

    text = unit.strip().replace("µ", "u").replace("μ", "u").replace(" ", "")
    text = _SPELLINGS.get(text.lower(), text)
    try:
        found = _registry().from_ucum(text)
    except (LarkError, PintError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"unit '{unit}' is not known", hint="Write it in UCUM, for example mg/L.") from error
    if isinstance(found, int | float):
        return Unit(float(found), _registry().dimensionless)
    return Unit(float(found.magnitude), found.units)


@lru_cache(maxsize=4096)
def _line(unit: str, to: str) -> tuple[float, float]:
    """Slope and offset of the conversion; every conversion between UCUM units here is a line."""
    from pint import DimensionalityError, OffsetUnitCalculusError

    check_unit(to)
    source, target = _parse(unit), _parse(to)
    quantity = _registry().Quantity
    try:
        points = [
            float(quantity(x * source.amount, source.units).to(target.units).magnitude) / target.amount
            for x in (0.0, 1.0)
        ]
    except (DimensionalityError, OffsetUnitCalculusError) as error:
        raise SpecError(
            f"unit '{unit}' cannot be converted to '{to}'",
            hint="They measure different things; correct the table or `unit`.",
        ) from error
    if not all(map(math.isfinite, points)):
        raise SpecError(f"unit '{unit}' cannot be converted to '{to}' by a factor")
    return points[1] - points[0], points[0]
