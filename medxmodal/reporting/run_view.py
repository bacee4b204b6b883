"""A run in a notebook and in a terminal: how good each model is, and whether fusing pays."""

from __future__ import annotations

from collections.abc import Sequence

from medxmodal.records import RunRecord
from medxmodal.reporting.metrics_view import FIRST, Metrics, MetricsTable, metrics_tables
from medxmodal.reporting.numbers import DASH, named, percent
from medxmodal.reporting.page import fill
from medxmodal.reporting.strings import say
from medxmodal.reporting.text import aligned

SHOWN = ("auroc", "auprc", "brier", "calibration_slope")
COLUMNS = 3
"""Measures side by side in a terminal of 80 columns."""


def run_card(record: RunRecord, metrics: Metrics) -> str:
    """A run as an HTML fragment for a notebook: its facts and its metrics table.

    Args:
        record: `run.json`.
        metrics: `metrics.json`.
    """
    facts = record.cohort
    return fill(
        "run_card.html",
        name=record.name,
        question=say("asked.question", positive=named(record.task.positive), negative=record.task.negative),
        simulated=facts.simulated,
        facts=say(
            "run.facts",
            members=len(record.members),
            studies=facts.studies,
            patients=facts.patients,
            cohort=facts.title or facts.name,
            positive=record.task.positive,
            prevalence=percent(facts.prevalence),
        ),
        said=record.said,
        tables=metrics_tables(metrics, SHOWN),
    )


def metrics_text(metrics: Metrics) -> str:
    """The metrics table for a terminal of 80 columns.

    Args:
        metrics: `{task: {model: {metric: {value, lower, upper, n}}}}`.

    Returns:
        Lines without a newline at the end.

    Example:
        >>> auroc = {"value": 0.8, "lower": 0.75, "upper": 0.85, "n": 240}
        >>> (line := metrics_text({"disease": {"fused": {"auroc": auroc}}}).splitlines()[2]).split()
        ['Fused', '240', '0.80', '[0.75,', '0.85]']
    """
    tables = metrics_tables(metrics)
    if not any(table.rows for table in tables):
        return say("run.none")
    return "\n\n".join([*(_told(table) for table in tables), say("run.intervals")])


def _told(table: MetricsTable) -> str:
    first = [column for column in table.columns if column in FIRST] or table.columns[:COLUMNS]
    rest = [column for column in table.columns if column not in first]
    parts = [f"{named(table.task)}\n{_block(table, first)}"]
    gains = [(row.name, row.gain) for row in table.rows if row.gain is not None]
    if gains:
        lines = [[name, found.cell.text, found.words] for name, found in gains]
        adapted = any(row.model == "adapted" for row in table.rows)
        title = say("run.gain.title.adapted" if adapted else "run.gain.title")
        parts.append("\n".join([title, *aligned(lines)]))
    if rest:
        blocks = [_block(table, rest[at : at + COLUMNS]) for at in range(0, len(rest), COLUMNS)]
        parts.append("\n\n".join([f"{say('run.more')}\n{blocks[0]}", *blocks[1:]]))
    return "\n\n".join(parts)


def _block(table: MetricsTable, columns: Sequence[str]) -> str:
    chosen = [table.columns.index(column) for column in columns]
    head = [say("run.model"), say("run.n"), *(table.heads[at] for at in chosen)]
    told = [row for row in table.rows if any(row.cells[at].value != DASH for at in chosen)] or table.rows
    lines = [[row.name, str(row.n), *(row.cells[at].text for at in chosen)] for row in told]
    return "\n".join(aligned([head, *lines], right=(1,)))
