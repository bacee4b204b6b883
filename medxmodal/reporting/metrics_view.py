"""`metrics.json` as rows: every model by every measure, and what fusing gains, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medxmodal.reporting.numbers import DASH, figure, named
from medxmodal.reporting.strings import TEXT, say
from medxmodal.statistics import Estimate

Figures = Mapping[str, float | None]
Models = Mapping[str, Mapping[str, Figures]]
"""`{model: {metric: {value, lower, upper, n}}}`, one task of `metrics.json`."""
Metrics = Mapping[str, Models]

GAIN = "gain."
ALONE = "unimodal."
ORDER = ("auroc", "auprc", "brier", "log_loss", "calibration_slope", "calibration_intercept")
FIRST = ORDER[:3]


@dataclass(frozen=True)
class Cell:
    """One figure with its interval, written; both ends are empty where there is no interval."""

    value: str
    low: str
    high: str

    @property
    def interval(self) -> str:
        """The interval in words."""
        return say("range", low=self.low, high=self.high) if self.low else ""

    @property
    def text(self) -> str:
        """Both in one line."""
        return f"{self.value} [{self.low}, {self.high}]" if self.low else self.value


@dataclass(frozen=True)
class Gain:
    """The reference model minus another: in figures, and in words that do not claim too much."""

    cell: Cell
    words: str
    shown: bool


@dataclass(frozen=True)
class ModelRow:
    """One model: its figures in the order of the table's columns, and what fusing gains over it."""

    model: str
    name: str
    n: int
    cells: list[Cell]
    gain: Gain | None


@dataclass(frozen=True)
class MetricsTable:
    """The models of one task by the measures that any of them has."""

    task: str
    columns: list[str]
    rows: list[ModelRow]

    @property
    def heads(self) -> list[str]:
        """The columns' names, short."""
        return [short(column) for column in self.columns]


def metrics_tables(metrics: Metrics, only: Sequence[str] | None = None) -> list[MetricsTable]:
    """One table a task.

    Args:
        metrics: `metrics.json`.
        only: Measures to show; all by default, the known ones first.
    """
    return [_table(task, models, only) for task, models in metrics.items()]


def _table(task: str, models: Models, only: Sequence[str] | None) -> MetricsTable:
    plain = {model: figures for model, figures in models.items() if not model.startswith(GAIN)}
    found = list(dict.fromkeys(metric for figures in plain.values() for metric in figures))
    columns = [metric for metric in ORDER if metric in found] + [m for m in found if m not in ORDER]
    if only is not None:
        columns = [metric for metric in columns if metric in only]
    rows = [
        ModelRow(
            model=model,
            name=model_name(model),
            n=max((int(estimate.get("n") or 0) for estimate in figures.values()), default=0),
            cells=[cell(figures.get(column, {})) for column in columns],
            gain=gain(models[GAIN + model].get("auroc", {})) if GAIN + model in models else None,
        )
        for model, figures in plain.items()
    ]
    return MetricsTable(task, columns, rows)


def model_name(model: str) -> str:
    """A model of `metrics.json` as readers call it.

    Example:
        >>> model_name("fused"), model_name("unimodal.chest_image")
        ('Fused', 'Chest image alone')
    """
    if model.startswith(ALONE):
        return say("run.alone", name=named(model.removeprefix(ALONE)))
    key = f"run.{model}"
    return say(key) if model in ("fused", "late") else named(model)


def short(metric: str) -> str:
    """A measure's short name; one that is not known keeps its own."""
    key = f"metric.short.{metric}"
    return say(key) if key in TEXT else named(metric)


def cell(estimate: Figures, digits: int = 2, *, sign: bool = False) -> Cell:
    """A figure as it stands in a table; a dash where it is undefined."""
    found = Estimate.from_dict(estimate)
    value, lower, upper = (figure(number, digits) for number in (found.value, found.lower, found.upper))
    if sign and found.value > 0 and float(value) > 0:
        value = f"+{value}"
    return Cell(value, "", "") if DASH in (lower, upper) else Cell(value, lower, upper)


def gain(estimate: Figures) -> Gain:
    """A paired difference of AUROCs: a gain only where its interval leaves zero out.

    Example:
        >>> gain({"value": 0.03, "lower": -0.01, "upper": 0.06, "n": 200}).words
        'no evidence of gain'
    """
    found = Estimate.from_dict(estimate)
    if not math.isfinite(found.value):
        return Gain(cell(estimate, 3, sign=True), say("run.gain.none"), shown=False)
    key = "run.gain.no" if found.holds_zero else "run.gain.yes" if found.value > 0 else "run.gain.worse"
    return Gain(cell(estimate, 3, sign=True), say(key), shown=not found.holds_zero and found.value > 0)
