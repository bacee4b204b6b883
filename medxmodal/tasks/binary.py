"""`binary`: one diagnosis, present or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from medxmodal.registry import register
from medxmodal.tasks.base import Task

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import Logit, Target


@register("task", "binary")
class Binary(Task):
    """Binary cross-entropy on logits; targets 1, 0 or NaN (unknown)."""

    kind: ClassVar[str] = "binary"
    targets: ClassVar[tuple[str, ...]] = ("positive",)

    def loss(self, logit: Logit, target: Target) -> Tensor:
        """Mean over known targets."""
        known = ~torch.isnan(target)
        if not bool(known.any()):
            return logit.sum() * 0.0
        return binary_cross_entropy_with_logits(logit[known], target[known])

    def activation(self, logit: Logit) -> Tensor:
        """The sigmoid."""
        return torch.sigmoid(logit)
