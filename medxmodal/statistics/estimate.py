"""A figure with its interval: the one form in which results are handed on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and the number of studies behind it.

    Args:
        value: The estimate; NaN where it is undefined, for instance an AUROC of one class.
        lower: Lower end of the interval; NaN where there is none.
        upper: Upper end of the interval; NaN where there is none.
        n: Number of studies.

    Example:
        >>> str(Estimate(0.812, 0.749, 0.871, n=240))
        '0.81 [0.75, 0.87]'
    """

    value: float
    lower: float
    upper: float
    n: int

    @property
    def holds_zero(self) -> bool:
        """Whether zero cannot be ruled out; an undefined interval rules nothing out."""
        return not (self.lower > 0 or self.upper < 0)

    def as_dict(self) -> dict[str, float | int | None]:
        """The estimate for JSON, with None where a figure is undefined."""
        return {
            "value": _or_none(self.value),
            "lower": _or_none(self.lower),
            "upper": _or_none(self.upper),
            "n": self.n,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, float | int | None]) -> Estimate:
        """The estimate that `as_dict` wrote.

        Args:
            saved: `value`, `lower`, `upper` and `n`; None stands for undefined.
        """
        return cls(
            value=_or_nan(saved.get("value")),
            lower=_or_nan(saved.get("lower")),
            upper=_or_nan(saved.get("upper")),
            n=int(saved.get("n") or 0),
        )

    def __str__(self) -> str:
        """The estimate to two decimals, `undefined` where there is none."""
        if math.isnan(self.value):
            return "undefined"
        if math.isnan(self.lower) or math.isnan(self.upper):
            return f"{self.value:z.2f}"
        return f"{self.value:z.2f} [{self.lower:z.2f}, {self.upper:z.2f}]"


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)
