"""The explain room: why one prediction came out so, one attribution method a file."""

from __future__ import annotations

from medxmodal.explain.base import Attribution, AttributionMethod, Taken
from medxmodal.explain.explainer import Explainer, Explanation
from medxmodal.explain.fused import FusedLogit
from medxmodal.explain.write import ExplainSummary, write_explanations

__all__ = [
    "Attribution",
    "AttributionMethod",
    "ExplainSummary",
    "Explainer",
    "Explanation",
    "FusedLogit",
    "Taken",
    "write_explanations",
]
