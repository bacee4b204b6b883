"""`additive`: evidence summed, weighted by what else is present, plus an interaction that must pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from medxmodal.errors import RecipeError
from medxmodal.fusion.base import Fusion, FusionInput, FusionOutput
from medxmodal.fusion.interaction import Interaction
from medxmodal.registry import register

if TYPE_CHECKING:
    from torch import Tensor

CHOICES = ("off", "on", "if_it_pays")


@register("fusion", "additive")
class Additive(Fusion):
    """Additive attention fusion, the default.

    `logit = b + sum over present of w_m(present) * e_m + interaction`, with
    `w_m(present) = max(0, 1 + sum over other present n of a[m, n])` and `a` starting at zero, so a
    modality alone always has weight one and training starts at the plain sum.

    Args:
        interaction: `off`, `on`, or `if_it_pays`: on only if the inner validation shows a gain.
        weights: Whether `a` is learned; shrunk towards zero by `shrink`.
        shrink: Strength of that shrinkage.
        heads: Attention heads of the interaction.
        layers: Transformer layers of the interaction.
    """

    others: Tensor

    def __init__(
        self,
        interaction: str | bool = "if_it_pays",
        weights: bool = True,
        shrink: float = 1.0,
        heads: int = 2,
        layers: int = 1,
    ) -> None:
        super().__init__()
        if isinstance(interaction, bool):  # what YAML makes of an unquoted on or off
            interaction = "on" if interaction else "off"
        if interaction not in CHOICES:
            raise RecipeError(
                f"fusion.interaction is '{interaction}'", hint=f"Use one of: {', '.join(CHOICES)}."
            )
        self.interaction, self.weights, self.shrink = interaction, weights, shrink
        self.heads, self.layers = heads, layers
        self.interaction_active = interaction == "on"
        self.interaction_must_pay = interaction == "if_it_pays"

    def build(self, modalities: int, dim: int) -> None:
        """Make the pairwise weights and the interaction."""
        self.pairwise = nn.Parameter(torch.zeros(modalities, modalities), requires_grad=self.weights)
        self.register_buffer("others", 1.0 - torch.eye(modalities))
        self.together = Interaction(modalities, dim, self.heads, self.layers)

    def forward(self, seen: FusionInput) -> FusionOutput:
        """Fuse one batch."""
        present = seen.present.to(seen.evidence.dtype)
        weight = (1.0 + present @ (self.pairwise * self.others).T).clamp_min(0.0)
        contributions = weight * seen.evidence * present
        interaction = (
            self.together(seen) if self.interaction_active else torch.zeros_like(seen.evidence[:, 0])
        )
        return FusionOutput(seen.base + contributions.sum(1) + interaction, contributions, interaction)

    def penalty(self) -> Tensor:
        """Shrinkage of the pairwise weights towards the plain sum."""
        return self.shrink * self.pairwise.square().sum()
