"""The transformer behind `text`: over the words of a note, pooled to a fixed number of tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import TokenMask, Tokens

POOLS = 4


class NoteEncoder(nn.Module):
    """Self-attention over words, then attention pooling with learned queries.

    The first query starts at zero, so its token starts as the mean of the words. Padding is neither
    a key nor part of a pool; a note without words gives zeros, never NaN.

    Args:
        dim: Width of tokens.
        longest: Most words.
        layers: Transformer layers.
        heads: Attention heads; must divide `dim`.
        dropout: Dropout inside the layers, in training.
    """

    positions: Tensor

    def __init__(self, dim: int, longest: int, layers: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        queries = torch.randn(POOLS, dim) / dim**0.5
        queries[0] = 0.0
        self.queries = nn.Parameter(queries)
        self.register_buffer("positions", sinusoids(longest, dim), persistent=False)

    def forward(self, vectors: Tensor, mask: TokenMask) -> Tokens:
        """Tokens of each note, (batch, pools, dim).

        Args:
            vectors: Of each word, (batch, words, dim).
            mask: Which words there are, (batch, words).
        """
        width = int(mask.sum(1).amax().clamp_min(1))
        vectors, mask = vectors[:, :width], mask[:, :width]
        any_word = mask.any(1)
        opened = mask.clone()
        opened[:, 0] |= ~any_word
        words = (vectors + self.positions[:width]) * mask[..., None]
        read = self.norm(self.layers(words, src_key_padding_mask=~opened))
        score = torch.einsum("bwd,pd->bpw", read, self.queries)
        weight = torch.softmax(score.masked_fill(~opened[:, None, :], float("-inf")), dim=2)
        pooled = weight @ read
        return torch.where(any_word[:, None, None], pooled, torch.zeros_like(pooled))


def sinusoids(longest: int, dim: int) -> Tensor:
    """A fixed vector of each position, (longest, dim), small beside the vectors of words.

    References:
        Vaswani et al., Attention is all you need, NeurIPS 2017.
    """
    place = torch.arange(longest)[:, None]
    rate = torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim))
    waves = torch.zeros(longest, dim)
    waves[:, 0::2] = torch.sin(place * rate)
    waves[:, 1::2] = torch.cos(place * rate)[:, : dim // 2]
    return 0.1 * waves
