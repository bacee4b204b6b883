"""The evaluation room: prediction tables in, figures with intervals out. Needs no torch."""

from __future__ import annotations

from medxmodal.evaluation.performance import Scores, gain_sentence, metrics_table, operating_point

__all__ = ["Scores", "gain_sentence", "metrics_table", "operating_point"]
