"""A cohort as a page, as a card in a notebook, and as text in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from medxmodal.records import DescribeRecord
from medxmodal.reporting.cohort_view import CohortView, cohort_view
from medxmodal.reporting.page import fill
from medxmodal.reporting.strings import say
from medxmodal.reporting.text import aligned, clipped, plain

WIDTH = 90
NAME_WIDTH = 46
CELL_WIDTH = 22


def cohort_page(record: DescribeRecord) -> str:
    """The HTML page about a cohort: flow, inputs, Table 1, missingness, quality.

    Args:
        record: What `medxmodal describe` found.
    """
    return fill(
        "cohort.html", record=record, view=cohort_view(record), simulated=record.simulated, identified=False
    )


def cohort_card(record: DescribeRecord) -> str:
    """The same in short, as an HTML fragment for a notebook.

    Args:
        record: What `medxmodal describe` found.
    """
    return fill("cohort_card.html", view=cohort_view(record), simulated=record.simulated)


def cohort_text(record: DescribeRecord) -> str:
    """The same as text for a terminal.

    Args:
        record: What `medxmodal describe` found.

    Returns:
        Lines without a newline at the end.
    """
    view = cohort_view(record)
    top = [view.title, *([say("banner.simulated")] if record.simulated else []), view.question]
    facts = aligned([[name, value] for name, value in view.facts])
    words = [
        line for said in view.protocol for line in textwrap.wrap(plain(said), WIDTH, subsequent_indent="  ")
    ]
    blocks = ["\n".join([*map(plain, top), *facts]), *(["\n".join(words)] if words else [])]
    blocks += ["\n".join([title, *lines]) for title, lines in _blocks(record, view) if lines]
    return "\n\n".join(blocks)


def _blocks(record: DescribeRecord, view: CohortView) -> Iterator[tuple[str, list[str]]]:
    steps = [
        [str(step.removed or ""), str(step.remaining), f"{step.step}{_why(step.reason)}"]
        for step in record.flow.steps
    ]
    head = [say("flow.removed"), say("flow.remaining"), say("flow.step")]
    yield say("flow.title"), [*aligned([head, *steps], right=(0, 1)), plain(view.flow)]
    sets = [[str(row.studies), row.share, row.name] for row in view.sets]
    yield say("inputs.together.title"), aligned(sets, right=(0, 1)) if sets else []
    yield say("table1.title"), _table1(view)
    missing = [[row.cells[0].text, clipped(row.name, NAME_WIDTH), row.by_label] for row in view.missing.rows]
    yield say("missing.title"), aligned(missing, right=(0,)) if missing else [say("missing.none")]
    mask = aligned([[name, value] for name, value in view.mask]) or [say("mask.none")]
    yield say("mask.title"), [*mask, *textwrap.wrap(plain(view.alarm), WIDTH)]
    leaks = [[clipped(row.name, NAME_WIDTH), row.kind, row.auroc, row.interval] for row in view.suspects]
    yield say("leak.title"), aligned(leaks) if leaks else []
    found = [
        line
        for finding in view.quality
        for line in textwrap.wrap(
            f"{finding.title}: {plain('; '.join(finding.lines))}", WIDTH, subsequent_indent="  "
        )
    ]
    yield say("quality.title"), found or [say("quality.clean")]


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _table1(view: CohortView) -> list[str]:
    table = view.table1
    lines = [["", *(clipped(name, CELL_WIDTH) for name in table.columns)]]
    for row in table.rows:
        known = f"{row.variable} ({row.unit})" if row.unit else row.variable
        name = ", ".join(filter(None, [known, row.level])) if row.first else f"- {row.level}"
        lines.append([clipped(name, NAME_WIDTH), *row.cells])
    return aligned(lines) if table.rows else []
