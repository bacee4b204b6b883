"""Batches for training: from memory when the cohort fits, read a batch at a time when it does not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study
    from medxmodal.modalities import Batch
    from medxmodal.model import Reader

MEMORY_BUDGET = 2 << 30
"""Bytes of inputs kept in memory; larger cohorts are read from disk batch by batch."""
CHUNK = 64


def take(batch: Batch, rows: Tensor) -> Batch:
    """Some rows of a batch, in that order."""
    chosen = rows.tolist()
    return replace(
        batch,
        inputs={name: value[rows] for name, value in batch.inputs.items()},
        features={name: value[rows] for name, value in batch.features.items()},
        present=batch.present[rows],
        targets=batch.targets[rows],
        site=tuple(batch.site[row] for row in chosen),
        ids=tuple(batch.ids[row] for row in chosen),
    )


def join(batches: Sequence[Batch]) -> Batch:
    """Several batches as one."""
    first = batches[0]
    if len(batches) == 1:
        return first
    return replace(
        first,
        inputs={name: torch.cat([b.inputs[name] for b in batches]) for name in first.inputs},
        features={name: torch.cat([b.features[name] for b in batches]) for name in first.features},
        present=torch.cat([b.present for b in batches]),
        targets=torch.cat([b.targets for b in batches]),
        site=tuple(site for b in batches for site in b.site),
        ids=tuple(study for b in batches for study in b.ids),
    )


class StudyBatches(Dataset["Batch"]):
    """Studies by lists of row numbers.

    Args:
        reader: Reads studies for one model.
        studies: Studies that can be read.
    """

    def __init__(self, reader: Reader, studies: Sequence[Study]) -> None:
        self.reader, self.studies = reader, studies
        self.whole = self._load() if self._bytes() <= MEMORY_BUDGET else None

    def __len__(self) -> int:
        return len(self.studies)

    def __getitem__(self, rows: list[int]) -> Batch:
        if self.whole is not None:
            return take(self.whole, torch.tensor(rows))
        return self.reader.read([self.studies[row] for row in rows]).batches[0]

    def chunks(self, rows: Sequence[int]) -> Iterator[Batch]:
        """Rows in order, a few at a time."""
        for start in range(0, len(rows), CHUNK):
            yield self[list(rows[start : start + CHUNK])]

    @property
    def learned_numbers(self) -> int:
        """Input numbers a study of the encoders that learn; frozen ones are done once, beforehand."""
        parts = [self.reader.models[0].modality(name) for name in self.reader.names]
        return sum(math.prod(part.sample_shape) for part in parts if not part.frozen_key)

    def having(self, name: str, rows: Sequence[int]) -> list[int]:
        """Those of some rows that have a modality."""
        return [row for row in rows if self.studies[row].has(name)]

    def _load(self) -> Batch:
        return join([reading.batches[0] for reading in self.reader.stream(self.studies, CHUNK)])

    def _bytes(self) -> int:
        model = self.reader.models[0]
        each = 0
        for name in model.names:
            modality = model.modality(name)
            shape = modality.feature_shape if modality.frozen_key else modality.sample_shape
            each += 4 * int(torch.tensor(shape).prod())
        return each * len(self.studies)


class _Subset(Dataset["Batch"]):
    """Lists of positions among some rows of `StudyBatches`."""

    def __init__(self, batches: StudyBatches, rows: Sequence[int]) -> None:
        self.batches, self.rows = batches, list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: list[int]) -> Batch:
        return self.batches[[self.rows[p] for p in positions]]


def training_loader(
    batches: StudyBatches, rows: Sequence[int], *, batch_size: int, seed: int, workers: int = 0
) -> DataLoader[Batch]:
    """Shuffled batches of some rows, from pinned memory on a GPU machine."""
    chosen = _Subset(batches, rows)
    order = RandomSampler(chosen, generator=torch.Generator().manual_seed(seed))
    return DataLoader(
        chosen,
        sampler=BatchSampler(order, batch_size, drop_last=False),
        batch_size=None,
        num_workers=0 if batches.whole is not None else workers,
        pin_memory=torch.cuda.is_available(),
    )
