"""Exact Shapley values of presence, from the logits of every subset of modalities."""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

MOST_MODALITIES = 8
"""Subsets double with every modality; beyond this many they are no longer all evaluated."""


def subset_masks(modalities: int, device: torch.device | str = "cpu") -> Tensor:
    """Every subset as a row, (2 ** modalities, modalities), bool; row index = sum of 2 ** m."""
    index = torch.arange(2**modalities, device=device)
    bits = torch.arange(modalities, device=device)
    return (index[:, None] >> bits) & 1 == 1


def shapley_shares(logits: Tensor) -> Tensor:
    """Shares from subset logits; they sum to the full logit minus the empty one.

    `share_m = sum over S without m of |S|! (M - |S| - 1)! / M! * (v(S with m) - v(S))`

    Args:
        logits: Logit of each subset, (batch, 2 ** modalities), indexed as in `subset_masks`. For
            an absent modality m, v(S with m) equals v(S), so its share is exactly zero.

    Returns:
        Shares in logits, (batch, modalities).

    References:
        Shapley, A value for n-person games, 1953.
    """
    modalities = (logits.shape[1] - 1).bit_length()
    masks = subset_masks(modalities)
    shares = []
    for m in range(modalities):
        without = (~masks[:, m]).nonzero().squeeze(1)
        sizes = masks[without].sum(1).tolist()
        weight = torch.tensor(
            [factorial(s) * factorial(modalities - s - 1) / factorial(modalities) for s in sizes],
            dtype=logits.dtype,
            device=logits.device,
        )
        gain = logits[:, (without + 2**m).to(logits.device)] - logits[:, without.to(logits.device)]
        shares.append((gain * weight).sum(1))
    return torch.stack(shares, dim=1)
