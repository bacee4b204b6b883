"""Predictions: reading subsets off the table of all subset logits."""

from __future__ import annotations

import torch

from medxmodal.model import Prediction


def made(present: torch.Tensor, values: torch.Tensor) -> Prediction:
    zeros = torch.zeros(present.shape)
    return Prediction(("a", "b", "c"), values, zeros, zeros[:, 0], present, zeros[:, 0])


def test_subsets_are_read_by_their_bits() -> None:
    values = torch.arange(8.0)[None]
    one = made(torch.ones(1, 3, dtype=torch.bool), values)
    assert one.logit == 7
    assert one.empty_logit == 0
    assert [float(one.alone(m)) for m in range(3)] == [1, 2, 4]
    assert [float(one.without(m)) for m in range(3)] == [6, 5, 3]
    torch.testing.assert_close(one.shares, torch.tensor([[1.0, 2.0, 4.0]]))


def test_patterns_are_the_sum_of_powers() -> None:
    present = torch.tensor([[False, False, False], [True, False, True], [True, True, True]])
    assert made(present, torch.zeros(3, 8)).pattern().tolist() == [0, 5, 7]
