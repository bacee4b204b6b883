"""What a task is: a loss, an activation, and the targets it reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import Logit, Target


class Task(ABC):
    """One head's loss and activation. Unknown targets are NaN and never enter the loss."""

    kind: ClassVar[str]
    targets: ClassVar[tuple[str, ...]]

    @abstractmethod
    def loss(self, logit: Logit, target: Target) -> Tensor:
        """Mean loss over studies with a known target, a scalar; zero when there is none."""

    @abstractmethod
    def activation(self, logit: Logit) -> Tensor:
        """Probabilities from logits."""
