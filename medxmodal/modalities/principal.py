"""Principal components as a fixed linear layer: fewer numbers to learn where patients are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST_SHARE = 1e-3
"""Components that spread less than this share of the first one are noise, and stay zero."""


@torch.no_grad()
def set_principal(layer: nn.Linear, rows: Tensor) -> None:
    """Make a layer give the principal components of some rows, each with variance one, and learn no more.

    Args:
        layer: From the rows' width to the number of components.
        rows: Training rows, (n, width).

    References:
        Halko, Martinsson, Tropp, Finding structure with randomness, SIAM Review 2011.
    """
    from sklearn.utils.extmath import randomized_svd

    x = rows.detach().cpu().numpy()
    mean = x.mean(0)
    count = min(layer.out_features, *x.shape)
    # One thread: two that fight for shared cores take thirty times longer.
    with threadpool_limits(1, user_api="blas"):
        _, size, directions = randomized_svd(x - mean, count, n_iter=4, random_state=0)
    spread = size / max(len(x), 1) ** 0.5
    keep = spread > LEAST_SHARE * max(float(spread.max(initial=0.0)), LEAST_SHARE)
    weight = np.zeros(tuple(layer.weight.shape), dtype=np.float32)
    weight[:count][keep] = directions[keep] / spread[keep, None]
    layer.weight.copy_(torch.from_numpy(weight))
    layer.bias.copy_(torch.from_numpy(-(weight @ mean)))
    layer.requires_grad_(False)
