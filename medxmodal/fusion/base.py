"""What every fusion takes and gives.

A fusion sees the tokens and the centred evidence of each modality, and which are present. It never
sees another study, never sees an absent slot, and gives the base rate for the empty study.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import Logit, Present, Tokens


@dataclass(frozen=True)
class FusionInput:
    """What a fusion sees of a batch.

    Args:
        tokens: Tokens of all modalities side by side, (batch, tokens, dim); zeros where absent.
        owner: Which modality each token belongs to, (tokens,), long.
        evidence: Centred evidence in logits, (batch, modalities); zeros where absent.
        present: Which modality each study has, (batch, modalities).
        base: The training log-odds, a scalar tensor.
    """

    tokens: Tokens
    owner: Tensor
    evidence: Tensor
    present: Present
    base: Tensor

    def token_mask(self) -> Tensor:
        """Which tokens are present, (batch, tokens), bool."""
        return self.present[:, self.owner]


@dataclass(frozen=True)
class FusionOutput:
    """The fused logit and what it is made of.

    `logit = base + contributions.sum(1) + interaction`, always.

    Args:
        logit: (batch,).
        contributions: What each modality adds by itself, (batch, modalities), zero where absent.
        interaction: What the modalities add together, (batch,).
    """

    logit: Logit
    contributions: Tensor
    interaction: Logit


class Fusion(nn.Module, ABC):
    """Combines modalities; subclasses implement `forward`.

    `starts_from_evidence`: before training the logit is the base plus the sum of evidence.
    `interaction_must_pay`: the interaction is tried after the rest and kept only if it pays.
    `interaction_active`: whether the interaction term is switched on.
    """

    starts_from_evidence: bool = True
    interaction_must_pay: bool = False
    interaction_active: bool = False

    def __init__(self) -> None:
        super().__init__()

    def build(self, modalities: int, dim: int) -> None:
        """Make the layers for this many modalities and this token width."""
        del modalities, dim

    def set_interaction(self, active: bool) -> None:
        """Switch the interaction term, where there is one."""
        self.interaction_active = active

    @abstractmethod
    def forward(self, seen: FusionInput) -> FusionOutput:
        """Fuse one batch."""

    def penalty(self) -> Tensor:
        """Shrinkage of the fusion's own weights towards late fusion, a scalar."""
        return torch.zeros(())
