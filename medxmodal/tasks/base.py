"""What a task is: a loss, an activation, and the targets it reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import Logit, Target


class Task(ABC):
    """One head's loss and activation. Unknown targets are NaN and never enter the loss."""

    kind: ClassVar[str]
    targets: ClassVar[tuple[str, ...]]

    @abstractmethod
    def losses(self, logit: Tensor, target: Tensor) -> Tensor:
        """Loss of each entry, the same shape; zero where the target is unknown."""

    def loss(self, logit: Logit, target: Target) -> Tensor:
        """Mean loss over studies with a known target, a scalar; zero when there is none."""
        known = ~torch.isnan(target)
        return self.losses(logit, target).sum() / known.sum().clamp_min(1)

    @abstractmethod
    def activation(self, logit: Logit) -> Tensor:
        """Probabilities from logits."""
