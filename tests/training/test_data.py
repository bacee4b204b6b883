"""Batches for training: the same rows from memory as from disk, shuffled by seed, each once an epoch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medxmodal import registry
from medxmodal.cohort.study import Study
from medxmodal.model import DiagnosisModel, Reader
from medxmodal.training import data as room
from medxmodal.training.data import StudyBatches, join, take, training_loader

NUMBER = SimpleNamespace(type="number", unit="", reference=None, label="")
SPEC = SimpleNamespace(kind="tabular", columns={"x": NUMBER, "y": NUMBER})


@pytest.fixture
def reader() -> tuple[Reader, list[Study]]:
    rng = np.random.default_rng(0)
    studies = [
        Study(f"s{i}", f"p{i}", "ab"[i % 2], {"t": {"x": float(rng.normal()), "y": float(i)}}, {"ill": i % 2})
        for i in range(23)
    ]
    modality = registry.create("modality", "tabular").attach("t", SPEC, 8)
    modality.build(modality.fit(studies))
    model = DiagnosisModel({"t": modality}, registry.create("fusion", "late"), 8)
    return Reader([model], "ill"), studies


def test_from_memory_and_from_disk_are_the_same(
    reader: tuple[Reader, list[Study]], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = StudyBatches(*reader)
    monkeypatch.setattr(room, "MEMORY_BUDGET", 0)
    read = StudyBatches(*reader)
    assert held.whole is not None
    assert read.whole is None
    for rows in ([3], [5, 1, 22], list(range(23))):
        one, other = held[rows], read[rows]
        assert one.ids == other.ids == tuple(f"s{i}" for i in rows)
        assert one.site == other.site
        assert torch.equal(one.inputs["t"], other.inputs["t"])
        assert torch.equal(one.targets, other.targets)


def test_taking_and_joining_are_opposites(reader: tuple[Reader, list[Study]]) -> None:
    whole = StudyBatches(*reader)[list(range(23))]
    parts = [take(whole, torch.arange(start, min(start + 5, 23))) for start in range(0, 23, 5)]
    again = join(parts)
    assert again.ids == whole.ids
    assert torch.equal(again.inputs["t"], whole.inputs["t"])
    assert torch.equal(again.present, whole.present)


def test_an_epoch_has_every_row_once_in_an_order_of_the_seed(reader: tuple[Reader, list[Study]]) -> None:
    batches, rows = StudyBatches(*reader), [1, 4, 6, 7, 9, 15, 16, 20]

    def epoch(seed: int) -> list[str]:
        return [
            study for batch in training_loader(batches, rows, batch_size=3, seed=seed) for study in batch.ids
        ]

    assert sorted(epoch(1)) == sorted(f"s{i}" for i in rows)
    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_chunks_keep_the_order(reader: tuple[Reader, list[Study]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CHUNK", 4)
    batches, rows = StudyBatches(*reader), [9, 2, 2, 11, 0]
    assert [study for batch in batches.chunks(rows) for study in batch.ids] == [f"s{i}" for i in rows]
