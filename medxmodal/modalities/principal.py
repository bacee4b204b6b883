"""Principal components as a fixed linear layer: fewer numbers to learn where patients are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST_SHARE = 1e-6
"""Components with less than this share of the first one's variance are noise, and stay zero."""


@torch.no_grad()
def set_principal(layer: nn.Linear, rows: Tensor) -> None:
    """Make a layer give the principal components of some rows, each with variance one, and learn no more.

    Args:
        layer: From the rows' width to the number of components.
        rows: Training rows, (n, width).

    References:
        Jolliffe, Principal Component Analysis, 2nd ed. 2002.
    """
    x = rows.double()
    mean = x.mean(0)
    variance, directions = torch.linalg.eigh((x - mean).T @ (x - mean) / max(len(x), 1))
    count = min(layer.out_features, len(variance))
    variance, directions = variance.flip(0)[:count], directions.flip(1)[:, :count].T
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    keep = variance > LEAST_SHARE * variance[0].clamp_min(LEAST_SHARE)
    scale = torch.where(keep, variance.clamp_min(LEAST_SHARE**2).rsqrt(), torch.zeros_like(variance))
    weight = torch.zeros_like(layer.weight, dtype=torch.double)
    weight[:count] = directions * largest.sign() * scale[:, None]
    layer.weight.copy_(weight)
    layer.bias.copy_(-(weight @ mean))
    layer.requires_grad_(False)
