"""`Prediction`: what a model says of a batch, with everything a report needs to break it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from medxmodal.fusion import shapley_shares

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import Logit, Present


@dataclass(frozen=True)
class Prediction:
    """Logits of a batch, before calibration, and their decomposition.

    Args:
        names: Modalities, in the order of all columns.
        subset_logits: Logit of each study with each subset of its modalities, (batch, 2 ** M), by
            the index of `subset_masks`; the last column is the logit itself, the first the base.
        contributions: What each modality adds by itself, (batch, M); zero where absent.
        interaction: What the modalities add together, (batch,).
        present: Which modality each study has, (batch, M).
        spread: Variance of the member logits for the set present, (batch,); zero for one member.
    """

    names: tuple[str, ...]
    subset_logits: Tensor
    contributions: Tensor
    interaction: Logit
    present: Present
    spread: Tensor

    @property
    def logit(self) -> Logit:
        """The fused logit, (batch,)."""
        return self.subset_logits[:, -1]

    @property
    def empty_logit(self) -> Logit:
        """The logit with nothing present, (batch,): the base rate."""
        return self.subset_logits[:, 0]

    @property
    def shares(self) -> Tensor:
        """Exact Shapley value of each modality's presence, (batch, M); sums to logit - empty."""
        return shapley_shares(self.subset_logits)

    def alone(self, modality: int) -> Logit:
        """The logit from one modality only, (batch,); the empty logit where it is absent."""
        return self.subset_logits[:, 2**modality]

    def without(self, modality: int) -> Logit:
        """The logit with one modality taken away, (batch,)."""
        return self.subset_logits[:, -1 - 2**modality]

    def pattern(self) -> Tensor:
        """Index of the set present in each study, (batch,)."""
        bits = 2 ** torch.arange(len(self.names), device=self.present.device)
        return (self.present.long() * bits).sum(1)
