"""Shares are exact Shapley values: efficiency, null player, symmetry, and the additive case."""

from __future__ import annotations

from itertools import permutations

import torch
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.fusion import shapley_shares, subset_masks


def _by_definition(values: list[float], modalities: int) -> list[float]:
    """The mean marginal gain over all orders of arrival."""
    shares = [0.0] * modalities
    orders = list(permutations(range(modalities)))
    for order in orders:
        reached = 0
        for m in order:
            shares[m] += (values[reached | 1 << m] - values[reached]) / len(orders)
            reached |= 1 << m
    return shares


@given(st.integers(1, 4), st.integers(0, 10_000))
def test_equals_the_mean_over_orders_and_sums_to_the_change(modalities: int, seed: int) -> None:
    values = torch.randn(3, 2**modalities, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    shares = shapley_shares(values)
    torch.testing.assert_close(shares.sum(1), values[:, -1] - values[:, 0])
    for row in range(3):
        expected = torch.tensor(_by_definition(values[row].tolist(), modalities), dtype=torch.float64)
        torch.testing.assert_close(shares[row], expected)


def test_an_absent_modality_has_exactly_zero() -> None:
    masks = subset_masks(3)
    evidence = torch.tensor([1.3, -0.4, 0.0])
    values = (masks.float() * torch.tensor([1.0, 1.0, 0.0])) @ evidence
    assert shapley_shares(values[None])[0, 2] == 0.0


def test_masks_count_in_binary() -> None:
    masks = subset_masks(3)
    assert masks.shape == (8, 3)
    assert masks[0].sum() == 0
    assert masks[-1].all()
    assert masks[5].tolist() == [True, False, True]
