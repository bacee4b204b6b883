"""Every registered fusion: survives any subset, never sees absent slots or other studies."""

from __future__ import annotations

import pytest
import torch

from medxmodal import registry
from medxmodal.fusion import Fusion, FusionInput, subset_masks

NAMES = registry.names("fusion")
MODALITIES, TOKENS, DIM = 3, 2, 8


def test_discovery_found_fusions() -> None:
    assert {"additive", "late", "attention"} <= set(NAMES)


def _make(name: str) -> Fusion:
    fusion: Fusion = registry.create("fusion", name)
    fusion.build(MODALITIES, DIM)
    fusion.set_interaction(True)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return fusion.eval()


def _input(present: torch.Tensor, seed: int = 0) -> FusionInput:
    generator = torch.Generator().manual_seed(seed)
    n = len(present)
    owner = torch.arange(MODALITIES).repeat_interleave(TOKENS)
    flag = present.float()
    return FusionInput(
        tokens=torch.randn(n, MODALITIES * TOKENS, DIM, generator=generator) * flag[:, owner][..., None],
        owner=owner,
        evidence=torch.randn(n, MODALITIES, generator=generator) * flag,
        present=present,
        base=torch.tensor(-0.7),
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_subset_gives_finite_logits_and_the_empty_study_the_base(name: str) -> None:
    fusion = _make(name)
    out = fusion(_input(subset_masks(MODALITIES)))
    assert torch.isfinite(out.logit).all()
    assert out.logit[0] == torch.tensor(-0.7)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_on_the_empty_study(name: str) -> None:
    fusion = _make(name)
    seen = _input(torch.zeros(2, MODALITIES, dtype=torch.bool))
    seen.evidence.requires_grad_()
    fusion(seen).logit.sum().backward()
    assert seen.evidence.grad is None or torch.isfinite(seen.evidence.grad).all()
    for parameter in fusion.parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_logit_is_base_plus_contributions_plus_interaction(name: str) -> None:
    fusion = _make(name)
    seen = _input(subset_masks(MODALITIES))
    out = fusion(seen)
    total = seen.base + out.contributions.sum(1) + out.interaction
    torch.testing.assert_close(out.logit, total)
    assert (out.contributions[~seen.present] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_study_does_not_depend_on_its_batch_mates(name: str) -> None:
    fusion = _make(name)
    masks = subset_masks(MODALITIES)
    seen = _input(masks)
    together = fusion(seen).logit
    for row in range(len(masks)):
        one = slice(row, row + 1)
        alone = FusionInput(seen.tokens[one], seen.owner, seen.evidence[one], seen.present[one], seen.base)
        assert abs(float((fusion(alone).logit - together[row]).detach())) <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_order_of_modalities_changes_nothing(name: str) -> None:
    fusion = _make(name)
    seen = _input(subset_masks(MODALITIES))
    order = torch.tensor([2, 0, 1])
    tokens = torch.cat([seen.tokens[:, seen.owner == m] for m in order], dim=1)
    before = fusion(seen).logit
    with torch.no_grad():
        for key, value in fusion.named_parameters():
            if key.endswith("kind"):
                value.copy_(value[order])
            if key == "pairwise":
                value.copy_(value[order][:, order])
    moved = FusionInput(tokens, seen.owner, seen.evidence[:, order], seen.present[:, order], seen.base)
    torch.testing.assert_close(fusion(moved).logit, before, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [n for n in NAMES if registry.get("fusion", n).starts_from_evidence])
def test_one_modality_left_is_exactly_its_unimodal_path(name: str) -> None:
    fusion = _make(name)
    seen = _input(torch.eye(MODALITIES, dtype=torch.bool))
    expected = seen.base + seen.evidence.sum(1)
    assert torch.equal(fusion(seen).logit, expected)


@pytest.mark.parametrize("name", [n for n in NAMES if registry.get("fusion", n).starts_from_evidence])
def test_before_training_it_is_late_fusion(name: str) -> None:
    fusion: Fusion = registry.create("fusion", name)
    fusion.build(MODALITIES, DIM)
    fusion.set_interaction(True)
    seen = _input(subset_masks(MODALITIES))
    torch.testing.assert_close(fusion.eval()(seen).logit, seen.base + seen.evidence.sum(1))


@pytest.mark.parametrize("name", NAMES)
def test_spec_round_trip(name: str) -> None:
    fusion = registry.create("fusion", name)
    assert registry.spec_of(registry.create("fusion", registry.spec_of(fusion))) == registry.spec_of(fusion)
