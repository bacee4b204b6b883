"""Every registered attribution: absent is exactly nothing, alone equals in a batch, zeros give zero."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from medxmodal import registry
from medxmodal.cohort.study import FileReference, Study
from medxmodal.errors import ExplanationError
from medxmodal.explain import AttributionMethod
from medxmodal.modalities import Batch
from medxmodal.model import DiagnosisModel, Members, Reader

NAMES = registry.names("attribution")
DIM, SIDE = 16, 32
COLUMNS = {
    "crp": SimpleNamespace(type="number", unit="mg/L", reference=(0.0, 5.0), label="CRP"),
    "signs": SimpleNamespace(type="category", label=""),
}
SPECS = {
    "image": SimpleNamespace(kind="image"),
    "labs": SimpleNamespace(kind="tabular", columns=COLUMNS),
    "note": SimpleNamespace(kind="text"),
}
SETTINGS = {
    "image": {"name": "image", "size": SIDE},
    "labs": {"name": "tabular"},
    "note": {"name": "text", "max_tokens": 8, "min_patients": 1},
}
WORDS = ("no fever", "cough and fever", "pain in the left breast", "denies pain", "fever since days")


class Root:
    """Files of one folder by relative path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, locator: str, sha256: str, size: int) -> Path:
        return self.folder / locator


def _image(i: int, folder: Path) -> FileReference:
    pixels = np.random.default_rng(i).integers(0, 255, (40, 48), dtype=np.uint8)
    path = folder / f"{i}.png"
    Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    return FileReference(
        path.name, hashlib.sha256(content).hexdigest(), len(content), f"image {i}", Root(folder)
    )


def _studies(folder: Path, n: int = 8) -> list[Study]:
    """Every fourth study lacks the image, every fourth the note, every fourth the table."""
    studies = []
    for i in range(n):
        inputs = {
            "image": {"file": _image(i, folder)},
            "labs": {"crp": None if i == 2 else 2.0 * i, "signs": ("a", "b")[: i % 3] or None},
            "note": {"text": WORDS[i % len(WORDS)]},
        }
        if i % 4:
            del inputs[("image", "labs", "note")[i % 4 - 1]]
        studies.append(Study(f"s{i}", f"p{i}", "a", inputs, {"ill": i % 2}))
    return studies


def _model(studies: list[Study], seed: int) -> DiagnosisModel:
    torch.manual_seed(seed)
    parts = {}
    for name, spec in SPECS.items():
        modality = registry.create("modality", SETTINGS[name]).attach(name, spec, DIM)
        modality.build(modality.fit(studies))
        parts[name] = modality
    model = DiagnosisModel(parts, registry.create("fusion", "additive"), DIM)
    model.fusion.set_interaction(True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def members(tmp_path: Path) -> tuple[Members, list[Study]]:
    """Two members fitted on different studies, so that their tables and vocabularies differ in width."""
    studies = _studies(tmp_path)
    return Members([_model(studies, 0), _model([*studies[:3], studies[5]], 1)]), studies


def _read(members: Members, studies: list[Study]) -> list[Batch]:
    return list(Reader(list(members.models), "ill", pixels=True).read(studies).batches)  # type: ignore[arg-type]


def _fits(method: AttributionMethod, members: Members) -> list[str]:
    found = [name for name in members.names if method.fits(members.modality(name))]
    assert found, "give a modality that the new method fits here"
    return found


def test_discovery_found_methods() -> None:
    assert {"integrated_gradients", "grad_cam"} <= set(NAMES)


@pytest.mark.parametrize("method_name", NAMES)
def test_an_absent_modality_gets_exactly_zero_whatever_its_placeholder(
    method_name: str, members: tuple[Members, list[Study]]
) -> None:
    model, studies = members
    method: AttributionMethod = registry.create("attribution", method_name)
    for name in _fits(method, model):
        batches = _read(model, studies)
        found = method.attribute(model, batches, [0, 1], name)
        absent = np.array([not study.has(name) for study in studies])
        assert absent.any()
        filled = []
        for batch in batches:
            x = batch.inputs[name].clone()
            x[torch.from_numpy(absent)] = 1.0
            filled.append(replace(batch, inputs={**batch.inputs, name: x}))
        again = method.attribute(model, filled, [0, 1], name)
        for k in (0, 1):
            assert (found.values[k][absent] == 0).all()
            assert np.array_equal(again.values[k], found.values[k])
            assert np.abs(found.values[k][~absent]).sum() > 0
        if found.completeness_delta is not None:
            assert (found.completeness_delta[absent] == 0).all()


@pytest.mark.parametrize("method_name", NAMES)
def test_a_batch_without_the_modality_gets_zeros(
    method_name: str, members: tuple[Members, list[Study]]
) -> None:
    model, studies = members
    method: AttributionMethod = registry.create("attribution", method_name)
    for name in _fits(method, model):
        lacking = [study for study in studies if not study.has(name)]
        found = method.attribute(model, _read(model, lacking), [1], name)
        assert found.values[1].shape[0] == len(lacking)
        assert (found.values[1] == 0).all()
        assert list(found.values) == [1]


@pytest.mark.parametrize("method_name", NAMES)
def test_a_study_alone_equals_the_study_in_a_batch(
    method_name: str, members: tuple[Members, list[Study]]
) -> None:
    model, studies = members
    method: AttributionMethod = registry.create("attribution", method_name)
    for name in _fits(method, model):
        together = method.attribute(model, _read(model, studies), [0, 1], name)
        for row, study in enumerate(studies):
            alone = method.attribute(model, _read(model, [study]), [0, 1], name)
            for k in (0, 1):
                if study.has(name):
                    np.testing.assert_allclose(alone.values[k][0], together.values[k][row], atol=1e-5)
            if alone.completeness_delta is not None:
                assert together.completeness_delta is not None
                assert abs(alone.completeness_delta[0] - together.completeness_delta[row]) <= 1e-5


@pytest.mark.parametrize("method_name", NAMES)
def test_a_model_of_zeros_gives_zeros(method_name: str, members: tuple[Members, list[Study]]) -> None:
    model, studies = members
    method: AttributionMethod = registry.create("attribution", method_name)
    for name in _fits(method, model):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        found = method.attribute(model, _read(model, studies), [0, 1], name)
        assert all((value == 0).all() for value in found.values.values())


@pytest.mark.parametrize("method_name", NAMES)
def test_what_adds_up_is_the_logit_that_the_members_give(
    method_name: str, members: tuple[Members, list[Study]]
) -> None:
    model, studies = members
    method: AttributionMethod = registry.create("attribution", method_name)
    for name in _fits(method, model):
        batches = _read(model, studies)
        found = method.attribute(model, batches, [0, 1], name)
        if not method.complete:
            assert found.logit_change is None
            assert found.completeness_delta is None
            assert found.baseline == ""
            continue
        blank = {k: {name: model[k].modality(name).baseline(batches[k].inputs[name])} for k in (0, 1)}
        each = [model[k](batches[k]) - model[k](batches[k], blank[k]) for k in (0, 1)]
        change = torch.stack(each).mean(0).detach().numpy()
        assert found.logit_change is not None
        assert found.completeness_delta is not None
        np.testing.assert_allclose(found.logit_change, change, atol=1e-5)
        sums = np.mean([value.reshape(len(studies), -1).sum(1) for value in found.values.values()], axis=0)
        np.testing.assert_allclose(found.completeness_delta, sums - change, atol=1e-5)
        assert found.baseline


@pytest.mark.parametrize("method_name", NAMES)
def test_a_method_that_does_not_fit_names_those_that_do(
    method_name: str, members: tuple[Members, list[Study]]
) -> None:
    model, studies = members
    method: AttributionMethod = registry.create("attribution", method_name)
    fits = _fits(method, model)
    for name in model.names:
        if name in fits:
            method.check(model.modality(name))
            continue
        with pytest.raises(ExplanationError, match="integrated_gradients") as caught:
            method.attribute(model, _read(model, studies), [0], name)
        assert name in caught.value.message


@pytest.mark.parametrize("name", NAMES)
def test_spec_round_trip(name: str) -> None:
    method = registry.create("attribution", name)
    assert registry.spec_of(registry.create("attribution", registry.spec_of(method))) == registry.spec_of(
        method
    )
