"""Integrated Gradients: the known answer of a linear model, and adding up where the model bends."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medxmodal import registry
from medxmodal.cohort.study import Study
from medxmodal.explain import FusedLogit
from medxmodal.explain.integrated_gradients import IntegratedGradients
from medxmodal.modalities import Batch
from medxmodal.model import DiagnosisModel, Members, Reader
from medxmodal.recipe import Explain

NUMBERS = {"a": "number", "b": "number", "c": "category"}
COLUMNS = {name: SimpleNamespace(type=kind, unit="", label="") for name, kind in NUMBERS.items()}


def _studies(n: int = 30) -> list[Study]:
    rng = np.random.default_rng(3)
    return [
        Study(
            f"s{i}",
            f"p{i}",
            "a",
            {
                name: {"a": float(rng.normal(i % 2, 1)), "b": float(rng.normal()), "c": "xyz"[i % 3]}
                for name in ("first", "second")
            },
            {"ill": i % 2},
        )
        for i in range(n)
    ]


def _model(studies: list[Study], *, bent: bool) -> DiagnosisModel:
    parts = {}
    for name in ("first", "second"):
        modality = registry.create("modality", "tabular").attach(name, SimpleNamespace(columns=COLUMNS), 16)
        modality.build(modality.fit(studies))
        with torch.no_grad():
            modality.skip.weight.normal_()
            modality.skip.bias.fill_(0.3)
        parts[name] = modality
    model = DiagnosisModel(parts, registry.create("fusion", "additive"), 16)
    if bent:
        model.fusion.set_interaction(True)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def _batch(model: DiagnosisModel, studies: list[Study]) -> Batch:
    return Reader([model], "ill", pixels=True).read(studies).batches[0]


def test_a_linear_model_gives_each_feature_its_coefficient_times_its_distance() -> None:
    studies = _studies()
    model = _model(studies, bent=False)
    batch = _batch(model, studies)
    members = Members([model])
    found = IntegratedGradients(steps=4).attribute(members, [batch], [0], "first")
    modality = model.modality("first")
    expected = (batch.inputs["first"] - modality.mean) * modality.skip.weight  # type: ignore[operator]
    np.testing.assert_allclose(found.values[0], expected.detach().numpy(), atol=1e-5)
    assert found.completeness_delta is not None
    assert np.abs(found.completeness_delta).max() <= 1e-4
    assert np.abs(expected.detach().numpy()).max() > 0.1


def test_it_adds_up_where_modalities_interact_and_better_with_more_steps() -> None:
    studies = _studies()
    model = _model(studies, bent=True)
    batch = _batch(model, studies)
    deltas = []
    for steps in (4, 64):
        found = IntegratedGradients(steps).attribute(Members([model]), [batch], [0], "second")
        assert found.completeness_delta is not None
        deltas.append(np.abs(found.completeness_delta).max())
    assert deltas[1] <= 5e-3
    assert deltas[1] <= deltas[0] + 1e-5


def test_the_mean_over_members_belongs_to_the_mean_logit() -> None:
    studies = _studies()
    members = Members([_model(studies, bent=True), _model(studies[:20], bent=True)])
    batches = list(Reader(list(members.models), "ill", pixels=True).read(studies).batches)  # type: ignore[arg-type]
    method = IntegratedGradients(16)
    both = method.attribute(members, batches, [0, 1], "first")
    parts = [method.attribute(members, batches, [k], "first") for k in (0, 1)]
    for key in ("logit_change", "completeness_delta"):
        mean = np.mean([getattr(part, key) for part in parts], axis=0)
        np.testing.assert_allclose(getattr(both, key), mean, atol=1e-6)


def test_parts_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    studies = _studies(9)
    model = _model(studies, bent=True)
    batch = _batch(model, studies)
    whole = IntegratedGradients(8).take(FusedLogit(model, batch, "first")).values
    # By the module itself: `medxmodal.explain` in words is the verb.
    monkeypatch.setattr(sys.modules[FusedLogit.__module__], "MOST_ROWS", 2)
    in_parts = FusedLogit(model, batch, "first")
    assert in_parts.at_once == 2
    torch.testing.assert_close(IntegratedGradients(8).take(in_parts).values, whole, atol=1e-5, rtol=0)


def test_steps_come_from_the_recipe() -> None:
    assert IntegratedGradients.from_recipe(Explain(steps=7)).steps == 7
