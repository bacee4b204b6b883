"""From studies to the batches that each member reads. Scoring, explaining and training share it.

What cannot be read is recorded for its study and never stops the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from medxmodal.cohort.decode.reference import verify
from medxmodal.cohort.study import references
from medxmodal.errors import InputError
from medxmodal.modalities import Batch
from medxmodal.modalities.cache import FeatureCache, cache_folder

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study
    from medxmodal.modalities import Modality
    from medxmodal.model.diagnosis import DiagnosisModel

FEATURE_CHUNK = 16


@dataclass(frozen=True)
class Reading:
    """Several studies as every member reads them.

    Args:
        studies: Those that could be read, in order.
        batches: One batch a member, rows in the order of `studies`.
        failed: Study id -> reason, for the others.
    """

    studies: tuple[Study, ...]
    batches: tuple[Batch, ...]
    failed: dict[str, str] = field(default_factory=dict)


class Reader:
    """Reads studies for one or several models.

    Args:
        models: Models with the same modalities, each with its own fitted preprocessing.
        task: The label that becomes `Batch.targets`.
        cache: Where features of frozen encoders are kept.
        pixels: Whether inputs behind a frozen encoder are read as well (attribution needs them).
    """

    def __init__(
        self,
        models: Sequence[DiagnosisModel],
        task: str,
        *,
        cache: FeatureCache | None = None,
        pixels: bool = False,
    ) -> None:
        self.models = list(models)
        self.task = task
        self.cache = cache or FeatureCache(cache_folder())
        self.pixels = pixels
        self.names = self.models[0].names

    def read(self, studies: Sequence[Study]) -> Reading:
        """Read studies; those that cannot be read are listed with their reason."""
        samples: list[dict[str, list[np.ndarray | None]]] = []
        kept, failed = [], {}
        for study in studies:
            try:
                samples.append(self._samples(study))
                kept.append(study)
            except InputError as error:
                failed[study.study_id] = str(error)
        if not kept:
            return Reading((), (), failed)
        present = torch.tensor([[study.has(name) for name in self.names] for study in kept])
        features = {name: self._features(name, kept, samples) for name in self._frozen()}
        batches = [
            self._batch(index, model, kept, samples, present, features)
            for index, model in enumerate(self.models)
        ]
        return Reading(tuple(kept), tuple(batches), failed)

    def stream(self, studies: Sequence[Study], size: int) -> Iterator[Reading]:
        """Read studies a few at a time."""
        for start in range(0, len(studies), size):
            yield self.read(studies[start : start + size])

    def _frozen(self) -> list[str]:
        return [name for name in self.names if self.models[0].modality(name).frozen_key]

    def _samples(self, study: Study) -> dict[str, list[np.ndarray | None]]:
        if study.problems:
            raise InputError("; ".join(f"{name}: {reason}" for name, reason in study.problems.items()))
        if not any(study.has(name) for name in self.names):
            raise InputError(
                f"none of the modalities that the model reads ({', '.join(self.names)}) is there",
                hint="Give the study at least one of them.",
            )
        return {name: self._sample(name, study) for name in self.names}

    def _sample(self, name: str, study: Study) -> list[np.ndarray | None]:
        """One array a member; None where absent, or where cached features stand in for it."""
        if not study.has(name):
            return [None] * len(self.models)
        first = self.models[0].modality(name)
        if first.frozen_key and not self.pixels and self.cache.get(self._key(first, study)) is not None:
            for value in study.inputs[name].values():
                for reference in references(value):
                    verify(reference)
            return [None] * len(self.models)
        if first.same_for_all_folds:
            return [first.read(study)] * len(self.models)
        return [model.modality(name).read(study) for model in self.models]

    def _key(self, modality: Modality, study: Study) -> str:
        return FeatureCache.key(modality.frozen_key, modality.content_key(study))

    @torch.no_grad()
    def _features(
        self, name: str, studies: Sequence[Study], samples: Sequence[dict[str, list[np.ndarray | None]]]
    ) -> Tensor:
        modality = self.models[0].modality(name)
        found: list[np.ndarray | None] = [None] * len(studies)
        missing = []
        for row, study in enumerate(studies):
            if not study.has(name):
                continue
            found[row] = self.cache.get(self._key(modality, study))
            if found[row] is None:
                missing.append(row)
        device = next(modality.parameters()).device
        for start in range(0, len(missing), FEATURE_CHUNK):
            rows = missing[start : start + FEATURE_CHUNK]
            x = modality.collate([samples[row][name][0] for row in rows]).to(device)
            made = modality.features(modality.embed(x), x).float().cpu().numpy()
            for row, value in zip(rows, made, strict=True):
                found[row] = value
                self.cache.put(self._key(modality, studies[row]), value)
        shape = next((f.shape for f in found if f is not None), modality.feature_shape)
        return torch.from_numpy(np.stack([np.zeros(shape, np.float32) if f is None else f for f in found]))

    def _batch(
        self,
        index: int,
        model: DiagnosisModel,
        studies: Sequence[Study],
        samples: Sequence[dict[str, list[np.ndarray | None]]],
        present: Tensor,
        features: dict[str, Tensor],
    ) -> Batch:
        inputs = {
            name: model.modality(name).collate([sample[name][index] for sample in samples])
            for name in self.names
            if name not in features or self.pixels
        }
        labels = [study.labels.get(self.task) for study in studies]
        return Batch(
            names=self.names,
            inputs=inputs,
            present=present,
            targets=torch.tensor([float("nan") if y is None else float(y) for y in labels]),
            site=tuple(study.site for study in studies),
            ids=tuple(study.study_id for study in studies),
            features=features,
        )
