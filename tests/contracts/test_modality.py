"""Every registered modality: JSON state, absent is nothing, alone equals in a batch, panels are records."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from medxmodal import registry
from medxmodal.cohort.study import FileReference, Study
from medxmodal.modalities import Modality, Shown

NAMES = registry.names("modality")
DIM = 16
WORDS = ("no fever", "cough and fever", "pain in the left breast", "denies pain", "fever since days")


class Root:
    """Files of one folder by relative path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, locator: str, sha256: str, size: int) -> Path:
        return self.folder / locator


def _image(i: int, folder: Path) -> dict[str, object]:
    pixels = np.random.default_rng(i).integers(0, 255, (40, 48), dtype=np.uint8)
    path = folder / f"{i}.png"
    Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return {"file": FileReference(path.name, sha256, len(content), f"image {i}", Root(folder))}


def _tabular(i: int, folder: Path) -> dict[str, object]:
    del folder
    return {"crp": None if i % 4 == 0 else float(i), "signs": ("a", "b")[: i % 3] or None}


def _text(i: int, folder: Path) -> dict[str, object]:
    del folder
    return {"text": WORDS[i % len(WORDS)]}


COLUMNS = {
    "crp": SimpleNamespace(type="number", unit="mg/L", reference=(0.0, 5.0), label="CRP"),
    "signs": SimpleNamespace(type="category", label=""),
}
EXAMPLES = {
    "image": (_image, SimpleNamespace(kind="image")),
    "tabular": (_tabular, SimpleNamespace(kind="tabular", columns=COLUMNS)),
    "text": (_text, SimpleNamespace(kind="text")),
}


def test_discovery_found_modalities_and_each_has_an_example() -> None:
    assert {"image", "tabular", "text"} <= set(NAMES)
    assert set(NAMES) == set(EXAMPLES), "give the new modality an example here"


def _studies(kind: str, folder: Path, n: int = 12) -> list[Study]:
    make = EXAMPLES[kind][0]
    return [Study(f"s{i}", f"p{i}", "a", {"m": make(i, folder)}, {"ill": i % 2}) for i in range(n)]


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Modality, list[Study]]:
    """A built modality and studies that have it."""
    kind = request.param
    studies = _studies(kind, tmp_path)
    modality: Modality = registry.create("modality", kind)
    modality.attach("m", EXAMPLES[kind][1], DIM)
    modality.build(json.loads(json.dumps(modality.fit(studies))))
    return modality.eval(), studies


def _forward(modality: Modality, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    features = modality.features(modality.embed(x), x)
    return modality.encode(features, x), modality.linear(features, x)


def test_tokens_have_the_width_of_the_model(made: tuple[Modality, list[Study]]) -> None:
    modality, studies = made
    x = modality.collate([modality.read(study) for study in studies])
    assert x.shape[1:] == modality.sample_shape
    tokens, linear = _forward(modality, x)
    assert tokens.shape[0] == len(studies)
    assert tokens.shape[2] == DIM
    assert linear.shape == (len(studies),)
    assert torch.isfinite(tokens).all()


def test_a_study_does_not_depend_on_its_batch_mates(made: tuple[Modality, list[Study]]) -> None:
    modality, studies = made
    x = modality.collate([modality.read(study) for study in studies])
    tokens, linear = _forward(modality, x)
    for row in range(len(studies)):
        alone, logit = _forward(modality, x[row : row + 1])
        torch.testing.assert_close(alone[0], tokens[row], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(logit[0], linear[row], atol=1e-5, rtol=1e-5)


def test_absent_studies_are_zeros_and_stay_finite(made: tuple[Modality, list[Study]]) -> None:
    modality, studies = made
    x = modality.collate([None, modality.read(studies[1])])
    assert (x[0] == 0).all()
    tokens, linear = _forward(modality, x)
    assert torch.isfinite(tokens).all()
    assert torch.isfinite(linear).all()


def test_gradients_reach_the_embedding(made: tuple[Modality, list[Study]]) -> None:
    modality, studies = made
    x = modality.collate([modality.read(study) for study in studies])
    embedded = modality.embed(x).detach().clone().requires_grad_()
    tokens = modality.encode(modality.features(embedded, x), x)
    tokens.square().sum().backward()
    assert embedded.grad is not None
    assert torch.isfinite(embedded.grad).all()
    assert embedded.grad.abs().sum() > 0
    assert modality.baseline(x).shape == embedded.shape


def test_warm_start_separates_what_it_can_and_penalty_is_least_nearby(
    made: tuple[Modality, list[Study]],
) -> None:
    modality, studies = made
    x = modality.collate([modality.read(study) for study in studies])
    y = np.array([study.labels["ill"] for study in studies])
    features = modality.features(modality.embed(x), x).detach()
    modality.warm_start(features, x, y)
    logit = modality.linear(modality.features(modality.embed(x), x), x)
    assert torch.isfinite(modality.penalty())
    if modality.has_linear:
        assert logit.detach().numpy()[y == 1].mean() >= logit.detach().numpy()[y == 0].mean()
    else:
        assert (logit == 0).all()


def test_panels_are_records_for_present_and_absent(made: tuple[Modality, list[Study]]) -> None:
    modality, studies = made
    shape = modality.embed(modality.collate([modality.read(studies[1])])).shape[1:]
    attribution = np.zeros((14, 14) if modality.kind == "image" else shape, dtype=np.float32)
    there = modality.panel(Shown(studies[1], attribution, "a method", text_allowed=True))
    assert there.panel.modality == "m"
    other = Study("x", "x", "a", {"other": {"text": "x"}})
    absent = modality.panel(Shown(other, None, "a method"))
    assert absent.panel.note
    assert not absent.arrays


def test_spec_round_trip(made: tuple[Modality, list[Study]]) -> None:
    modality, _ = made
    spec = registry.spec_of(modality)
    assert registry.spec_of(registry.create("modality", spec)) == spec
