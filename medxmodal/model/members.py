"""`Members`: the k models of the k folds; their mean logit is the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from medxmodal.errors import RunError
from medxmodal.model.prediction import Prediction

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.modalities import Batch, Modality
    from medxmodal.model.diagnosis import DiagnosisModel


class Members(nn.Module):
    """Several members as one model.

    Each member has its own fitted preprocessing, so each brings its own inputs: a batch is made
    per member by `batches`, and frozen features are shared.

    Args:
        models: The members, in order.
    """

    def __init__(self, models: Sequence[DiagnosisModel]) -> None:
        super().__init__()
        if not models:
            raise RunError("a run without members cannot predict", hint="Train it again.")
        self.models = nn.ModuleList(models)

    @property
    def names(self) -> tuple[str, ...]:
        """Modalities, in order."""
        return self[0].names

    def __len__(self) -> int:
        return len(self.models)

    def __getitem__(self, index: int) -> DiagnosisModel:
        model: DiagnosisModel = self.models[index]  # type: ignore[assignment]
        return model

    def modality(self, name: str) -> Modality:
        """One modality of the first member."""
        return self[0].modality(name)

    @torch.no_grad()
    def predict(self, batches: Sequence[Batch], use: Tensor) -> Prediction:
        """The mean over the members asked for, study by study.

        Args:
            batches: The same studies as each member reads them.
            use: Which members answer for each study, (batch, members), bool; at least one each.

        Returns:
            Mean logits and decomposition; `spread` is the variance over all members, so that a
            study of the training cohort, answered by one member, still has one.
        """
        made = [self[index].predict(batch) for index, batch in enumerate(batches)]
        weight = use.to(made[0].logit.dtype)
        weight = weight / weight.sum(1, keepdim=True)

        def mean(parts: list[Tensor]) -> Tensor:
            stacked = torch.stack(parts, dim=1)
            share = weight.reshape(*weight.shape, *[1] * (stacked.ndim - 2))
            return (stacked * share).sum(1)

        logits = torch.stack([one.logit for one in made], dim=1)
        spread = logits.var(dim=1, unbiased=True) if len(made) > 1 else torch.zeros_like(logits[:, 0])
        return replace(
            made[0],
            subset_logits=mean([one.subset_logits for one in made]),
            contributions=mean([one.contributions for one in made]),
            interaction=mean([one.interaction for one in made]),
            spread=spread,
        )
