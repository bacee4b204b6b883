"""One fit: only what is asked to learn learns, and threads and generators are as before."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medxmodal import registry
from medxmodal.cohort.study import Study
from medxmodal.model import DiagnosisModel, Reader
from medxmodal.model.threads import LITTLE, threads_for
from medxmodal.tasks.binary import Binary
from medxmodal.training.data import StudyBatches, training_loader
from medxmodal.training.loop import FitSettings, Fitting, KeepBest, only, run_fit
from medxmodal.training.validation import alone_losses, pays, validation_losses

SPECS = {
    name: SimpleNamespace(
        kind="tabular",
        columns={name: SimpleNamespace(type="number", unit="", reference=None, label="")},
    )
    for name in ("labs", "vitals")
}


def studies(n: int = 40) -> list[Study]:
    rng = np.random.default_rng(0)
    made = []
    for i in range(n):
        inputs = {
            "labs": {"labs": float(rng.normal(i % 2))},
            "vitals": {"vitals": float(rng.normal(2 * (i % 2)))},
        }
        if i % 5 == 0:
            del inputs["labs"]
        made.append(Study(f"s{i}", f"p{i}", "a", inputs, {"ill": i % 2}))
    return made


@pytest.fixture
def batches() -> StudyBatches:
    parts = {}
    for name, spec in SPECS.items():
        modality = registry.create("modality", "tabular").attach(name, spec, 8)
        modality.build(modality.fit(studies()))
        parts[name] = modality
    model = DiagnosisModel(parts, registry.create("fusion", "additive"), 8)
    return StudyBatches(Reader([model], "ill"), studies())


def fit(batches: StudyBatches, keep: KeepBest | None = None, **settings: object) -> set[str]:
    """Names of the parameters that one short fit changed."""
    model = batches.reader.models[0]
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    chosen = FitSettings(3, 1e-2, 1e-2, 10, 1.0, {"labs": 0.2}, seed=0, **settings)  # type: ignore[arg-type]
    rows = range(len(batches))
    run_fit(
        Fitting(model, Binary(), chosen, len(rows)),
        training_loader(batches, rows, batch_size=8, seed=0),
        keep,
    )
    return {name for name, value in model.named_parameters() if not torch.equal(before[name], value)}


def test_together_every_part_learns_but_the_sleeping_interaction(batches: StudyBatches) -> None:
    changed = fit(batches)
    assert {name.split(".")[0] for name in changed} == {"modalities", "heads", "fusion"}
    assert not [name for name in changed if "together" in name]


def test_alone_only_that_modality_and_its_head_learn(batches: StudyBatches) -> None:
    centre = batches.reader.models[0].centre.clone()
    changed = fit(batches, alone="vitals")
    assert changed
    assert all(name.startswith(("modalities.vitals.", "heads.vitals.")) for name in changed)
    moved = batches.reader.models[0].centre != centre
    assert moved.tolist() == [False, True]


def test_the_interaction_learns_by_itself(batches: StudyBatches) -> None:
    model = batches.reader.models[0]
    model.fusion.set_interaction(True)
    centre = model.centre.clone()
    changed = fit(batches, only_interaction=True)
    assert changed
    assert all(name.startswith("fusion.together.") for name in changed)
    assert torch.equal(model.centre, centre)


def test_a_fit_draws_from_its_own_generators(batches: StudyBatches) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(batches)
    assert torch.equal(torch.rand(3), expected)


def test_only_one_modality_is_left(batches: StudyBatches) -> None:
    batch = batches[[0, 1, 2]]
    left = only(batch, "labs")
    assert left.present.tolist() == [[False, False], [True, False], [True, False]]
    assert set(left.inputs) == {"labs"}


def test_alone_losses_are_those_of_the_unimodal_logit(batches: StudyBatches) -> None:
    model, task = batches.reader.models[0], Binary()
    rows = batches.having("labs", range(len(batches)))
    assert len(rows) == 32
    found = alone_losses(model, batches, rows, task, "labs")
    batch = only(batches[rows], "labs")
    torch.testing.assert_close(found, task.losses(model(batch), batch.targets).detach())


def test_early_stopping_keeps_the_best_epoch(batches: StudyBatches) -> None:
    model = batches.reader.models[0]
    rows = list(range(len(batches)))
    keep = KeepBest(lambda: validation_losses(model, batches, rows, Binary()), patience=5)
    fit(batches, keep)
    assert keep.first is not None
    assert keep.best is not None
    assert keep.first.epoch == 0
    assert keep.best.loss <= keep.first.loss
    model.load_state_dict(keep.best.weights)
    again = float(validation_losses(model.eval(), batches, rows, Binary()).mean())
    assert again == pytest.approx(keep.best.loss, abs=1e-6)


def test_a_gain_pays_only_beyond_its_standard_error() -> None:
    before = torch.ones(100)
    noise = torch.linspace(-1, 1, 100)
    assert pays(before, before - 0.1)
    assert not pays(before, before)
    assert not pays(before, before - 0.02 + noise)
    assert not pays(before, before + 0.1)


def test_little_work_is_done_by_one_thread_and_the_number_is_put_back() -> None:
    before = torch.get_num_threads()
    with threads_for(LITTLE - 1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with threads_for(LITTLE):
        assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="stop"), threads_for(0):
        raise ValueError("stop")
    assert torch.get_num_threads() == before
