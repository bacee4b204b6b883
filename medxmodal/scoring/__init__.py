"""The scoring room: a cohort in, one row a study out, resumable and recountable."""

from __future__ import annotations

from medxmodal.scoring.engine import check_engine
from medxmodal.scoring.local import ScoreSummary, score_local
from medxmodal.scoring.manifest import Manifest
from medxmodal.scoring.verify import Verification, read_scores, verify

__all__ = [
    "Manifest",
    "ScoreSummary",
    "Verification",
    "check_engine",
    "read_scores",
    "score_local",
    "verify",
]
