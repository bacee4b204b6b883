"""Table columns as features: fitted on training rows, stored as JSON, pure functions otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

if TYPE_CHECKING:
    from medxmodal.cohort.study import Value

SKEW_FOR_LOG = 1.5
"""Non-negative numbers more skewed than this are read on a log(1 + x) scale (laboratory values are)."""
CLIP = 6.0
"""Standardised numbers are clipped to this many standard deviations, against outliers."""


@dataclass(frozen=True)
class ColumnState:
    """One fitted column.

    Args:
        name: Column of the cohort spec.
        kind: `number` or `category`.
        mean: Training mean (after the log, if any); numbers only.
        spread: Training standard deviation (after the log, if any); numbers only.
        log: Whether log(1 + x) is taken first.
        categories: Categories seen in training, sorted.
        indicator: Whether a missing indicator is one of the features.
    """

    name: str
    kind: Literal["number", "category"]
    mean: float = 0.0
    spread: float = 1.0
    log: bool = False
    categories: tuple[str, ...] = ()
    indicator: bool = False

    @property
    def width(self) -> int:
        """Number of features this column gives."""
        return (1 if self.kind == "number" else len(self.categories)) + self.indicator

    def values(self, value: Value) -> tuple[str, ...]:
        """A category cell as a tuple of categories; empty when missing."""
        if value is None:
            return ()
        return tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)

    def shown(self, value: Value) -> str:
        """The value in words."""
        if value is None or value == ():
            return "missing"
        if isinstance(value, tuple):
            return ", ".join(map(str, value))
        return f"{value:g}" if isinstance(value, float | int) else str(value)

    def encode(self, value: Value) -> list[float]:
        """The features of one cell; zeros where missing, with the indicator set."""
        if self.kind == "category":
            chosen = self.values(value)
            missing = not any(c in self.categories for c in chosen)
            coded = [float(c in chosen) for c in self.categories]
        else:
            missing = not isinstance(value, float | int) or not np.isfinite(value)
            coded = [0.0 if missing else self._scale(float(value))]  # type: ignore[arg-type]
        return [*coded, float(missing)] if self.indicator else coded

    def _scale(self, number: float) -> float:
        raw = np.log1p(max(number, 0.0)) if self.log else number
        return float(np.clip((raw - self.mean) / self.spread, -CLIP, CLIP))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Self:
        """From JSON."""
        return cls(**{**entry, "categories": tuple(entry["categories"])})


def fit_columns(
    rows: Sequence[Mapping[str, Value]],
    specs: Mapping[str, Any],
    names: Sequence[str],
    *,
    presence: bool,
) -> list[ColumnState]:
    """Fit each column on training rows.

    Args:
        rows: Values by column, one mapping a study that has the modality.
        specs: Column -> its spec (`type`, ...).
        names: Columns to use, in order.
        presence: Whether missing indicators may be features.
    """
    return [
        _fit_one(name, specs[name].type, [row.get(name) for row in rows], presence=presence) for name in names
    ]


def _fit_one(name: str, kind: str, cells: list[Value], *, presence: bool) -> ColumnState:
    if kind == "category":
        categories = {
            c for cell in cells if cell is not None for c in (cell if isinstance(cell, tuple) else (cell,))
        }
        missing = any(cell is None or cell == () for cell in cells)
        return ColumnState(
            name,
            "category",
            categories=tuple(sorted(str(c) for c in categories)),
            indicator=presence and missing,
        )
    numbers = np.array([cell for cell in cells if isinstance(cell, float | int)], dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    missing = len(numbers) < len(cells)
    if len(numbers) == 0:
        return ColumnState(name, "number", indicator=False)
    log = bool(numbers.min() >= 0 and _skewness(numbers) > SKEW_FOR_LOG)
    scaled = np.log1p(numbers) if log else numbers
    spread = float(scaled.std())
    return ColumnState(
        name,
        "number",
        float(scaled.mean()),
        spread if spread > 1e-12 else 1.0,
        log,
        indicator=presence and missing,
    )


def _skewness(numbers: np.ndarray) -> float:
    spread = numbers.std()
    return float((((numbers - numbers.mean()) / spread) ** 3).mean()) if spread > 1e-12 else 0.0


def encode_row(row: Mapping[str, Value], columns: Sequence[ColumnState]) -> np.ndarray:
    """One study's features side by side, (features,), float32."""
    return np.array([v for column in columns for v in column.encode(row.get(column.name))], dtype=np.float32)


def feature_names(columns: Sequence[ColumnState]) -> list[str]:
    """`column`, `column=category` or `column missing`, in the order of the features."""
    names: list[str] = []
    for column in columns:
        names += (
            [column.name] if column.kind == "number" else [f"{column.name}={c}" for c in column.categories]
        )
        if column.indicator:
            names.append(f"{column.name} missing")
    return names
