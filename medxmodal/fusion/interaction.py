"""What modalities add together: masked self-attention over the tokens of all that are present.

Its output layer starts at exactly zero, and the result is zero by construction with fewer than two
modalities present, so training starts at late fusion and departs from it only where data pay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.fusion.base import FusionInput
    from medxmodal.typing import Logit


class MaskedAttention(nn.Module):
    """Self-attention over present tokens, pooled to one vector a study.

    Absent tokens are neither keys nor part of the mean. A study with no token at all gives zeros:
    attention over no keys is NaN in torch, so one blank key is opened for it and its result
    dropped.

    Args:
        modalities: Number of modalities, for a learned vector each.
        dim: Width of tokens.
        heads: Attention heads; must divide `dim`.
        layers: Transformer layers.
        dropout: Dropout inside the layers, in training.
    """

    def __init__(
        self, modalities: int, dim: int, heads: int = 2, layers: int = 1, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.kind = nn.Parameter(torch.randn(modalities, dim) * 0.02)
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)

    def forward(self, seen: FusionInput) -> Tensor:
        """One vector a study, (batch, dim); zeros for the empty study."""
        mask = seen.token_mask()
        any_token = mask.any(1)
        opened = mask.clone()
        opened[:, 0] |= ~any_token
        tokens = (seen.tokens + self.kind[seen.owner]) * mask[..., None]
        attended = self.norm(self.layers(tokens, src_key_padding_mask=~opened))
        weight = mask[..., None].to(attended.dtype)
        pooled = (attended * weight).sum(1) / weight.sum(1).clamp_min(1.0)
        return torch.where(any_token[:, None], pooled, torch.zeros_like(pooled))


class Interaction(nn.Module):
    """The interaction term in logits, (batch,); exactly zero below two modalities."""

    def __init__(self, modalities: int, dim: int, heads: int = 2, layers: int = 1) -> None:
        super().__init__()
        self.attention = MaskedAttention(modalities, dim, heads, layers)
        self.out = nn.Linear(dim, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, seen: FusionInput) -> Logit:
        """The term for each study."""
        together = self.out(self.attention(seen)).squeeze(-1)
        return torch.where(seen.present.sum(1) >= 2, together, torch.zeros_like(together))
