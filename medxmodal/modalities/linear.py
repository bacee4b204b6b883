"""The penalised linear part of a modality's evidence, warm-started from logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import nn

from medxmodal.modalities.penalty import choose_penalty

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import Logit


CLIP = 6.0
"""Standardised features are clipped to this many standard deviations: one that hardly moved in the
training rows would otherwise answer a new study by a thousand of them and decide it alone."""


class PenalisedLinear(nn.Module):
    """`x @ weight + bias`, fitted as L2-penalised logistic regression, then shrunk towards it.

    L2-SP: Li et al., Explicit inductive bias for transfer learning, ICML 2018.

    Args:
        width: Number of features.
        c: Inverse penalty of the regression, on features as given (or standardised); None to choose it
            by cross-validation inside the training rows.
        shrink: Strength of the pull back to the fitted weights.
        standardise: Whether to standardise features by the training rows first; the statistics
            are stored in buffers.
    """

    start: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, width: int, c: float | None, shrink: float, *, standardise: bool) -> None:
        super().__init__()
        self.c, self.shrink, self.standardise = c, shrink, standardise
        self.weight = nn.Parameter(torch.zeros(width))
        self.bias = nn.Parameter(torch.zeros(()))
        self.register_buffer("start", torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    def forward(self, x: Tensor) -> Logit:
        """Logits, (batch,)."""
        logit: Logit = self.scaled(x) @ self.weight + self.bias
        return logit

    def scaled(self, x: Tensor) -> Tensor:
        """Features as the regression reads them, the same shape."""
        return ((x - self.mean) / self.spread).clamp(-CLIP, CLIP) if self.standardise else x

    def warm_start(self, x: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> None:
        """Fit on training rows, (n, width), labels and patients (n,); one class only leaves zeros."""
        from sklearn.linear_model import LogisticRegression

        if self.standardise:
            spread = x.std(0)
            self.mean.copy_(torch.from_numpy(x.mean(0)))
            self.spread.copy_(torch.from_numpy(np.where(spread > 1e-6, spread, 1.0)))
            x = ((x - self.mean.cpu().numpy()) / self.spread.cpu().numpy()).clip(-CLIP, CLIP)
        if len(np.unique(y)) < 2:
            return
        # Matrices this small are multiplied faster by one thread, five times so on cores that are shared.
        with threadpool_limits(1, user_api="blas"):
            c = choose_penalty(x, y, groups) if self.c is None else self.c
            fitted = LogisticRegression(C=c, max_iter=2000).fit(x.astype(np.float64), y)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(fitted.coef_[0]))
            self.bias.fill_(float(fitted.intercept_[0]))
            self.start.copy_(self.weight)

    def penalty(self) -> Tensor:
        """`shrink` times the squared distance to the fitted weights."""
        return self.shrink * (self.weight - self.start).square().sum()
