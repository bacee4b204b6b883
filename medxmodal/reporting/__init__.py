"""Reporting: records in, documents out. Needs no model and no network, only what the records hold."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medxmodal.reporting.card import ModelCard, model_card
    from medxmodal.reporting.describe_page import cohort_card, cohort_page, cohort_text
    from medxmodal.reporting.run_view import metrics_text, run_card
    from medxmodal.reporting.study_page import Identity, explanation_card, explanation_page
    from medxmodal.reporting.write import ReportSummary, write_report

__all__ = [
    "Identity",
    "ModelCard",
    "ReportSummary",
    "cohort_card",
    "cohort_page",
    "cohort_text",
    "explanation_card",
    "explanation_page",
    "metrics_text",
    "model_card",
    "run_card",
    "write_report",
]

_HOMES = {
    "Identity": "study_page",
    "ModelCard": "card",
    "ReportSummary": "write",
    "cohort_card": "describe_page",
    "cohort_page": "describe_page",
    "cohort_text": "describe_page",
    "explanation_card": "study_page",
    "explanation_page": "study_page",
    "metrics_text": "run_view",
    "model_card": "card",
    "run_card": "run_view",
    "write_report": "write",
}


def __getattr__(name: str) -> object:
    """Import a public name from its file on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
