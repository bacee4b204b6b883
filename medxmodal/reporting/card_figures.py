"""The figures of a model card: how useful, how safe, and what was not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medxmodal.records import RunRecord
from medxmodal.reporting.metrics_view import Metrics, MetricsTable, ModelRow, metrics_tables
from medxmodal.reporting.numbers import DASH, figure, named
from medxmodal.reporting.strings import say

USEFUL = ("auroc", "auprc", "sensitivity", "specificity", "ppv", "npv", "balanced_accuracy")


def key_metrics(record: RunRecord, metrics: Metrics, calibration: Mapping[str, Any]) -> dict[str, Any]:
    """The section `KeyMetrics`: each part with its goal, results and how they were tested."""
    tables, unknown = metrics_tables(metrics), say("card.unknown")
    words = {"positive": record.task.positive, "negative": record.task.negative}
    threshold = calibration.get("threshold", {})
    tested = _tested(record)
    nothing = {key: unknown for key in ("MetricGoal", "Interpretation", *tested)}
    return {
        "UsefulnessUsabilityEfficacy": {
            "MetricGoal": say("card.useful.goal", **words),
            "Results": _results(tables, useful=True),
            "Interpretation": say("card.useful.read", gains=_gains(tables)).strip(),
            **tested,
        },
        "FairnessEquity": {"MetricGoal": unknown, "Results": [], **nothing},
        "SafetyReliability": {
            "MetricGoal": say("card.safe.goal"),
            "Results": _results(tables, useful=False),
            "Interpretation": say(
                "card.safe.read",
                sensitivity=figure(threshold.get("sensitivity")),
                specificity=figure(threshold.get("specificity")),
            ),
            **tested,
        },
    }


def without_gain(metrics: Metrics) -> list[str]:
    """The models over which fusing shows no gain."""
    return [row.name for row in _rows(metrics_tables(metrics)) if row.gain and not row.gain.shown]


def _results(tables: list[MetricsTable], *, useful: bool) -> list[dict[str, object]]:
    return [
        {
            "Task": named(table.task),
            "Model": row.name,
            "Measure": table.heads[at],
            "Value": row.cells[at].value,
            "Interval": row.cells[at].interval or DASH,
            "Studies": row.n,
        }
        for table in tables
        for at, column in enumerate(table.columns)
        if (column in USEFUL) == useful
        for row in table.rows
    ]


def _gains(tables: list[MetricsTable]) -> str:
    return " ".join(
        say("card.gain", name=row.name.lower(), words=row.gain.words, value=row.gain.cell.text)
        for row in _rows(tables)
        if row.gain
    )


def _rows(tables: list[MetricsTable]) -> list[ModelRow]:
    return [row for table in tables for row in table.rows]


def _tested(record: RunRecord) -> dict[str, str]:
    scheme = record.recipe.get("validation", {})
    return {
        "TestType": say("card.test"),
        "TestingDataDescription": record.cohort.title or record.cohort.name,
        "ValidationProcessAndJustification": say(
            "card.validation",
            scheme=named(str(scheme.get("scheme", say("card.unknown")))),
            folds=scheme.get("folds", "?"),
            repeats=scheme.get("repeats", 1),
            group=scheme.get("group", "patient"),
        ),
    }
