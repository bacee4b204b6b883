"""The evidence head: from one modality's tokens to one number in logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from medxmodal.typing import Logit, Tokens


class EvidenceHead(nn.Module):
    """Attention pooling over a modality's tokens, then a small network.

    References:
        Ilse, Tomczak, Welling, Attention-based deep multiple instance learning, ICML 2018.

    Args:
        dim: Width of tokens.
        start_at_zero: Whether the output layer starts at exactly zero, so that evidence starts at
            the modality's penalised linear fit.
        dropout: Dropout before the output layer, in training.
    """

    def __init__(self, dim: int, *, start_at_zero: bool, dropout: float = 0.2) -> None:
        super().__init__()
        self.attend = nn.Linear(dim, 1)
        self.inner = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.GELU(), nn.Dropout(dropout))
        self.out = nn.Linear(dim, 1)
        nn.init.zeros_(self.attend.weight)
        nn.init.zeros_(self.attend.bias)
        if start_at_zero:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tokens) -> Logit:
        """Logits, (batch,)."""
        weight = torch.softmax(self.attend(tokens), dim=1)
        pooled = (weight * tokens).sum(1)
        logit: Logit = self.out(self.inner(pooled)).squeeze(-1)
        return logit
