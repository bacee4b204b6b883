"""Tensor aliases with their shapes, each defined once.

Dimensions: `batch` studies, `modalities` in the recipe's order, `tokens` of one modality, `dim`
the shared token width, `members` of a run, `channels height width` of an image.

Torch is imported by type checkers only. At run time every alias is `Any`, so any room may name one
in an annotation (with `from __future__ import annotations`) without importing torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "Embedding",
    "Evidence",
    "Image",
    "Logit",
    "MemberLogit",
    "Present",
    "Shares",
    "Target",
    "TokenMask",
    "Tokens",
]

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    Tokens = Float[Tensor, "batch tokens dim"]
    """What a modality's encoder makes of its inputs."""
    TokenMask = Bool[Tensor, "batch tokens"]
    """Which tokens are real; the others are padding."""
    Present = Bool[Tensor, "batch modalities"]
    """Which modalities each study has."""
    Evidence = Float[Tensor, "batch modalities"]
    """What each modality alone says, in logits; zero where absent."""
    Shares = Float[Tensor, "batch modalities"]
    """Shapley value of each modality's presence, in logits; zero where absent."""
    Logit = Float[Tensor, " batch"]
    """One logit a study, before calibration."""
    MemberLogit = Float[Tensor, "members batch"]
    """One logit a member of the run and a study."""
    Target = Float[Tensor, " batch"]
    """1 positive, 0 negative, NaN unknown."""
    Embedding = Float[Tensor, "batch *features"]
    """The continuous tensor of one modality on which attribution is taken."""
    Image = Float[Tensor, "batch channels height width"]
    """2D images after preprocessing."""
else:
    globals().update(dict.fromkeys(__all__, Any))
