"""The binary task: cross-entropy by hand, and unknown labels that teach nothing."""

from __future__ import annotations

import math

import torch

from medxmodal import registry
from medxmodal.tasks import Task

NAN = float("nan")


def task() -> Task:
    found: Task = registry.create("task", "binary")
    return found


def test_loss_by_hand() -> None:
    logit, target = torch.tensor([0.0, 2.0, -1.0]), torch.tensor([1.0, 0.0, 0.0])
    expected = [math.log(2), math.log1p(math.exp(2.0)), math.log1p(math.exp(-1.0))]
    torch.testing.assert_close(task().losses(logit, target), torch.tensor(expected))
    torch.testing.assert_close(task().loss(logit, target), torch.tensor(sum(expected) / 3))


def test_unknown_labels_have_neither_loss_nor_gradient() -> None:
    logit = torch.tensor([0.3, 5.0, -2.0], requires_grad=True)
    target = torch.tensor([1.0, NAN, 0.0])
    loss = task().loss(logit, target)
    torch.testing.assert_close(loss, task().loss(logit[[0, 2]], target[[0, 2]]))
    loss.backward()
    assert logit.grad is not None
    assert logit.grad[1] == 0
    assert torch.isfinite(logit.grad).all()


def test_without_any_label_the_loss_is_zero_and_finite() -> None:
    logit = torch.tensor([0.3, 5.0], requires_grad=True)
    loss = task().loss(logit, torch.full((2,), NAN))
    assert loss == 0
    loss.backward()
    assert logit.grad is not None
    assert (logit.grad == 0).all()


def test_extreme_logits_stay_finite() -> None:
    logit, target = torch.tensor([1e4, -1e4]), torch.tensor([0.0, 1.0])
    assert torch.isfinite(task().losses(logit, target)).all()
    assert task().activation(logit).tolist() == [1.0, 0.0]


def test_a_task_that_is_not_there_is_named() -> None:
    import pytest

    from medxmodal.errors import RegistryError

    with pytest.raises(RegistryError, match="binary"):
        registry.create("task", "binry")
