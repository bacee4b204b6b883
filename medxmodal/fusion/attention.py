"""`attention`: joint attention over the tokens of all present modalities, for comparison.

It has no decomposition of its own: what it adds is all interaction, and a modality alone is
attention over that modality's tokens. Modality shares stay exact, since they only need the logits
of subsets.
"""

from __future__ import annotations

import torch
from torch import nn

from medxmodal.fusion.base import Fusion, FusionInput, FusionOutput
from medxmodal.fusion.interaction import MaskedAttention
from medxmodal.registry import register


@register("fusion", "attention")
class Attention(Fusion):
    """`logit = b + head(masked attention over present tokens)`; the base rate for the empty study.

    Args:
        heads: Attention heads.
        layers: Transformer layers.
        dropout: Dropout inside the layers, in training.
    """

    starts_from_evidence = False

    def __init__(self, heads: int = 2, layers: int = 1, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads, self.layers, self.dropout = heads, layers, dropout

    def build(self, modalities: int, dim: int) -> None:
        """Make the attention and its head."""
        self.attention = MaskedAttention(modalities, dim, self.heads, self.layers, self.dropout)
        self.out = nn.Linear(dim, 1)

    def forward(self, seen: FusionInput) -> FusionOutput:
        """Fuse one batch."""
        joint = self.out(self.attention(seen)).squeeze(-1)
        joint = torch.where(seen.present.any(1), joint, torch.zeros_like(joint))
        return FusionOutput(seen.base + joint, torch.zeros_like(seen.evidence), joint)
