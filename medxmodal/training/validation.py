"""The inner validation: what a member loses on studies it was not fitted on, and whether a change pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from medxmodal.training.loop import only

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.model import DiagnosisModel
    from medxmodal.tasks import Task
    from medxmodal.training.data import StudyBatches

STANDARD_ERRORS = 2.0
"""A departure from the start must beat it by this many standard errors of the paired loss. One (Breiman et
al. 1984) is too lax here: the departure is the best of many epochs, judged on a few dozen patients."""


def pays(before: Tensor, after: Tensor) -> bool:
    """Whether the paired losses fell by more than `STANDARD_ERRORS` standard errors."""
    gain = (before - after).double()
    error = float(gain.std()) / max(len(gain), 1) ** 0.5
    return bool(float(gain.mean()) > STANDARD_ERRORS * error)


@torch.no_grad()
def validation_losses(
    model: DiagnosisModel, batches: StudyBatches, rows: Sequence[int], task: Task
) -> Tensor:
    """Loss of each study: fused, plus the mean of its unimodal losses, (n,)."""
    losses = []
    for batch in batches.chunks(rows):
        moved = batch.to(model.base.device)
        encoded = model.encode(moved)
        fused = task.losses(model.fuse(encoded).logit, moved.targets)
        there = encoded.present.to(fused.dtype)
        alone = task.losses(model.unimodal_logits(encoded), moved.targets[:, None].expand_as(there)) * there
        losses.append(fused + alone.sum(1) / there.sum(1).clamp_min(1))
    return torch.cat(losses).float().cpu()


@torch.no_grad()
def alone_losses(
    model: DiagnosisModel, batches: StudyBatches, rows: Sequence[int], task: Task, name: str
) -> Tensor:
    """Loss of one modality alone on each study, (n,); all rows must have it."""
    losses = []
    for batch in batches.chunks(rows):
        moved = only(batch, name).to(model.base.device)
        logit = model.unimodal_logits(model.encode(moved))[:, model.names.index(name)]
        losses.append(task.losses(logit, moved.targets))
    return torch.cat(losses).float().cpu()
