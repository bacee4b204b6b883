"""The layer of a map: deep, with enough cells, and nothing of the image passes beside it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from medxmodal.errors import ExplanationError
from medxmodal.explain.layers import map_layer

IMAGE = torch.rand(1, 1, 32, 32)


class Residual(nn.Module):
    """A branch and a way beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Conv2d(1, 1, 3, padding=1)
        self.halve = nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.halve(x) + self.branch(x)[:, :, ::2, ::2]


def _layer(visual: nn.Module) -> str:
    return map_layer(visual, lambda image: visual(image).mean((1, 2, 3)), IMAGE)


def test_the_deepest_with_enough_cells() -> None:
    body = [nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Conv2d(2, 2, 3, padding=1), nn.AvgPool2d(2)]
    assert _layer(nn.Sequential(*body)) == "1"


def test_the_whole_encoder_when_its_end_has_enough() -> None:
    assert _layer(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.AvgPool2d(2))) == ""


def test_the_most_cells_there_are_when_no_layer_has_enough() -> None:
    body = [nn.AvgPool2d(4), nn.Conv2d(1, 2, 1), nn.AvgPool2d(4)]
    assert _layer(nn.Sequential(*body)) == "1"


def test_never_inside_a_residual_branch() -> None:
    visual = nn.Sequential(nn.Conv2d(1, 1, 1), Residual(), nn.AvgPool2d(4))
    assert _layer(visual) == "1"
    visual = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sequential(Residual(), nn.AvgPool2d(2)))
    assert _layer(visual) == "1.0"


def test_never_a_padding_and_rather_a_block_than_the_normalisation_behind_it() -> None:
    block = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU())
    visual = nn.Sequential(nn.AvgPool2d(2), block, nn.BatchNorm2d(2), nn.ZeroPad2d(4), nn.AvgPool2d(8))
    assert _layer(visual.eval()) == "1"


def test_a_shallow_block_is_not_taken_for_a_deep_layer() -> None:
    visual = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU()),
        nn.Conv2d(2, 2, 3, 2, 1),
        nn.AvgPool2d(4),
    )
    assert _layer(visual) == "1"


def test_never_a_layer_that_runs_twice() -> None:
    twice = nn.ReLU()
    visual = nn.Sequential(nn.Conv2d(1, 2, 1), twice, nn.Conv2d(2, 2, 1), twice, nn.AvgPool2d(4))
    assert _layer(visual) == "2"


def test_an_encoder_without_maps_is_refused() -> None:
    visual: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(1024, 3))
    with pytest.raises(ExplanationError, match="no layer with cells"):
        map_layer(visual, lambda image: visual(image).mean(1), IMAGE)
