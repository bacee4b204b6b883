"""The page about one study: one HTML file that needs no network and no script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medxmodal.records import ExplanationRecord, HeatmapPanel
from medxmodal.reporting import study_view
from medxmodal.reporting.draw import BUDGET
from medxmodal.reporting.numbers import named
from medxmodal.reporting.page import fill
from medxmodal.reporting.panel_view import panel_view
from medxmodal.reporting.strings import say
from medxmodal.reporting.study_facts import metrics, provenance, reading

ALL_PICTURES = 750_000
"""Bytes of all pictures of a page as PNG; a page stays below 1.5 MB."""


@dataclass(frozen=True)
class Identity:
    """Who a pseudonym stands for: shown on a page that is re-identified, never in its file name.

    Args:
        study_id: The real study id.
        patient_id: The real patient id.
    """

    study_id: str
    patient_id: str


def explanation_page(
    record: ExplanationRecord,
    arrays: Mapping[str, np.ndarray],
    *,
    home: str = "",
    identity: Identity | None = None,
) -> str:
    """The HTML page of one study.

    Args:
        record: `EXPLAIN/<study_id>.json`.
        arrays: Images and maps by the names that the record's panels give.
        home: Link to the page over all studies; none when empty.
        identity: The real ids, for a page that names the patient; the page then says so. The title,
            which browsers keep in their history, stays pseudonymous.

    Returns:
        A whole HTML document.

    Raises:
        ReportError: A panel names an array that is not there, or one that is no image or map.

    Example:
        `Path("case.html").write_text(explanation_page(record, arrays), encoding="utf-8")`
    """
    images = sum(isinstance(panel, HeatmapPanel) for panel in record.panels)
    budget = min(BUDGET, ALL_PICTURES // max(1, images))
    shown = identity or Identity(record.prediction.study_id, record.prediction.patient_id)
    return fill(
        "report.html",
        record=record,
        identity=shown,
        identified=identity is not None,
        simulated=record.question.simulated,
        home=home,
        answer=study_view.answer(record),
        shares=study_view.shares(record),
        panels=[panel_view(record, panel, arrays, budget) for panel in record.panels],
        metrics=metrics(record.question, record.model),
        reading=reading(record),
        provenance=provenance(record),
    )


def explanation_card(record: ExplanationRecord, arrays: Mapping[str, np.ndarray]) -> str:
    """The same page inside a notebook: a fragment whose frame keeps its styles to itself.

    Args:
        record: `EXPLAIN/<study_id>.json`.
        arrays: Images and maps by the names that the record's panels give.

    Raises:
        ReportError: As `explanation_page`.
    """
    question = record.question
    answer = study_view.answer(record)
    return fill(
        "study_card.html",
        title=say("asked.question", positive=named(question.positive), negative=question.negative),
        study=record.prediction.study_id,
        simulated=question.simulated,
        told=[text for text in (f"{answer.value} {answer.label}", answer.interval, answer.called) if text],
        page=explanation_page(record, arrays),
    )
