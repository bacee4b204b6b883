"""The interaction and the weights of `additive`: zero where they must be, and worth their price."""

from __future__ import annotations

import pytest
import torch

from medxmodal import registry
from medxmodal.errors import RecipeError
from medxmodal.fusion import FusionInput, subset_masks
from medxmodal.fusion.additive import Additive
from medxmodal.fusion.interaction import Interaction, MaskedAttention

DIM = 8
OWNER = torch.tensor([0, 0, 1, 2])


def batch(present: torch.Tensor, seed: int = 0) -> FusionInput:
    generator = torch.Generator().manual_seed(seed)
    flag = present.float()
    return FusionInput(
        tokens=torch.randn(len(present), 4, DIM, generator=generator) * flag[:, OWNER][..., None],
        owner=OWNER,
        evidence=torch.randn(len(present), 3, generator=generator) * flag,
        present=present,
        base=torch.tensor(-0.7),
    )


def stirred(module: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_below_two_modalities_it_is_exactly_zero_whatever_was_learned() -> None:
    interaction = Interaction(3, DIM).eval()
    masks = subset_masks(3)
    assert (interaction(batch(masks)) == 0).all()
    stirred(interaction)
    found = interaction(batch(masks))
    assert (found[masks.sum(1) < 2] == 0).all()
    assert (found[masks.sum(1) >= 2] != 0).all()


@pytest.mark.parametrize("training", [True, False])
def test_nobody_present_gives_zeros_and_finite_gradients(training: bool) -> None:
    """torch's attention over no keys is NaN, with its fast path and without."""
    attention = MaskedAttention(3, DIM).train(training)
    seen = batch(torch.zeros(2, 3, dtype=torch.bool))
    found = attention(seen)
    assert (found == 0).all()
    found.sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in attention.parameters())


def test_what_lies_in_an_absent_slot_is_not_seen() -> None:
    interaction = Interaction(3, DIM).eval()
    stirred(interaction)
    seen = batch(torch.tensor([[True, True, False]]))
    spoiled = seen.tokens.clone()
    spoiled[:, 3] = 1e6
    other = FusionInput(spoiled, OWNER, seen.evidence, seen.present, seen.base)
    torch.testing.assert_close(interaction(other), interaction(seen))


def additive(**settings: object) -> Additive:
    fusion: Additive = registry.create("fusion", {"name": "additive", **settings})
    fusion.build(3, DIM)
    return fusion.eval()


def test_a_weight_never_turns_evidence_around() -> None:
    fusion = additive(interaction="off")
    with torch.no_grad():
        fusion.pairwise.fill_(-9.0)
    seen = batch(subset_masks(3))
    out = fusion(seen)
    assert (out.contributions * seen.evidence >= 0).all()
    alone = seen.present.sum(1) == 1
    torch.testing.assert_close(out.contributions[alone], seen.evidence[alone])
    assert (out.contributions[seen.present.sum(1) > 1] == 0).all()


def test_shrinkage_is_zero_at_the_plain_sum_and_grows() -> None:
    fusion = additive(shrink=2.0)
    assert fusion.penalty() == 0
    with torch.no_grad():
        fusion.pairwise.fill_(0.5)
    assert float(fusion.penalty().detach()) == pytest.approx(2.0 * 9 * 0.25)


def test_settings_say_when_the_interaction_is_there() -> None:
    assert [additive(interaction=c).interaction_active for c in ("off", "on", "if_it_pays")] == [
        *(False, True, False)
    ]
    assert additive().interaction_must_pay
    with pytest.raises(RecipeError, match=r"fusion\.interaction is 'always'.*off, on, if_it_pays"):
        additive(interaction="always")
    assert not additive(weights=False).pairwise.requires_grad


def test_yaml_may_say_on_and_off_without_quotes() -> None:
    assert additive(interaction=False).interaction == "off"
    assert additive(interaction=True).interaction_active
