"""`late`: the plain sum of unimodal evidence, the baseline every fusion stands beside."""

from __future__ import annotations

import torch

from medxmodal.fusion.base import Fusion, FusionInput, FusionOutput
from medxmodal.registry import register


@register("fusion", "late")
class Late(Fusion):
    """`logit = b + sum over present of e_m`; nothing of its own is learned."""

    def forward(self, seen: FusionInput) -> FusionOutput:
        """Fuse one batch."""
        contributions = seen.evidence * seen.present.to(seen.evidence.dtype)
        return FusionOutput(
            seen.base + contributions.sum(1), contributions, torch.zeros_like(contributions[:, 0])
        )
