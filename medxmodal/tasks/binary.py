"""`binary`: one diagnosis, present or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from medxmodal.registry import register
from medxmodal.tasks.base import Task

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import Logit


@register("task", "binary")
class Binary(Task):
    """Binary cross-entropy on logits; targets 1, 0 or NaN (unknown)."""

    kind: ClassVar[str] = "binary"
    targets: ClassVar[tuple[str, ...]] = ("positive",)

    def losses(self, logit: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of each entry; NaN targets are never multiplied, they are replaced."""
        known = ~torch.isnan(target)
        filled = torch.where(known, target, torch.zeros_like(target))
        return binary_cross_entropy_with_logits(logit, filled, reduction="none") * known

    def activation(self, logit: Logit) -> Tensor:
        """The sigmoid."""
        return torch.sigmoid(logit)
