"""`verify`: recount a folder of scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medxmodal.pipeline.score import Scores
    from medxmodal.scoring import Verification


def verify(scores: Scores | str | Path) -> Verification:
    """Check that scored + failed + abstained = studies, and that every part is as it was written.

    Args:
        scores: Scores or their folder.

    Returns:
        Whether all is well, and what is not.

    Raises:
        ScoringError: The folder holds no scores, or its manifest is damaged.

    Example:
        `assert mx.verify("scores").ok`
    """
    from medxmodal.scoring import verify as recount

    return recount(scores if isinstance(scores, str | Path) else scores.folder)
