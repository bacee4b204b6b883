"""`Batch`: several studies as tensors, with what is present in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.typing import Present, Target


@dataclass(frozen=True)
class Batch:
    """Several studies as tensors.

    Args:
        names: Modalities, in the order of the columns of `present`.
        inputs: Modality -> what its `embed` takes; rows of absent studies hold zeros.
        present: Which modality each study has, shape (batch, modalities).
        targets: Labels, NaN where unknown, shape (batch,).
        site: Site of each study.
        ids: Study id of each study.
        features: Modality -> outputs of its frozen encoder; where given, `inputs` is not needed.
    """

    names: tuple[str, ...]
    inputs: Mapping[str, Tensor]
    present: Present
    targets: Target
    site: tuple[str, ...]
    ids: tuple[str, ...]
    features: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device (non-blocking copies from pinned memory)."""
        return replace(
            self,
            inputs={k: v.to(device, non_blocking=True) for k, v in self.inputs.items()},
            features={k: v.to(device, non_blocking=True) for k, v in self.features.items()},
            present=self.present.to(device, non_blocking=True),
            targets=self.targets.to(device, non_blocking=True),
        )

    def pin_memory(self) -> Batch:
        """The same batch in pinned memory, for DataLoader."""
        return replace(
            self,
            inputs={k: v.pin_memory() for k, v in self.inputs.items()},
            features={k: v.pin_memory() for k, v in self.features.items()},
            present=self.present.pin_memory(),
            targets=self.targets.pin_memory(),
        )

    def keeping(self, present: Present) -> Batch:
        """The same studies with fewer modalities present; never more."""
        return replace(self, present=self.present & present)
