"""From a recipe to an untrained member: settings checked by name, seeds that repeat, fall-backs said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from medxmodal.cohort.study import Study
from medxmodal.errors import RecipeError
from medxmodal.modalities.weights import PackagedWeights
from medxmodal.recipe import Recipe
from medxmodal.training import make_fusion_spec, resolve_modalities
from medxmodal.training.assemble import make_model

NUMBER = SimpleNamespace(type="number", unit="", reference=None, label="")
SPECS = {
    "image": SimpleNamespace(kind="image"),
    "labs": SimpleNamespace(kind="tabular", columns={"x": NUMBER}),
}
STUDIES = [Study(f"s{i}", f"p{i}", "x", {"labs": {"x": float(i)}}, {"ill": i % 2}) for i in range(8)]


def recipe(modalities: dict[str, Any], **more: Any) -> Recipe:
    return Recipe.parse({"task": {"name": "ill"}, "modalities": modalities} | more)


def test_kinds_come_from_the_cohort() -> None:
    resolved, said = resolve_modalities(recipe({"image": {"encoder": "small"}, "labs": {}}), SPECS)
    assert [settings["name"] for settings in resolved.values()] == ["image", "tabular"]
    assert said == []


@pytest.mark.parametrize(
    ("modalities", "says"),
    [
        ({"ecg": {}}, r"'ecg' is not in the cohort.*image, labs"),
        ({"labs": {"encoders": 1}}, r"modalities\.labs: .*'encoders'.*encoder"),
        ({"labs": {"encoder": "telepathy"}}, r"modalities\.labs"),
        ({"image": {"encoder": "resnet1000"}}, r"resnet1000"),
        ({"image": {"encoder": "small", "size": "large"}}, r"modalities\.image"),
    ],
)
def test_what_does_not_fit_is_said_with_its_key(modalities: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says) as error:
        resolve_modalities(recipe(modalities), SPECS)
    assert "\n" not in str(error.value)


def test_an_unknown_fusion_or_setting_is_said() -> None:
    with pytest.raises(RecipeError, match=r"fusion: .*'aditive'.*additive"):
        make_fusion_spec(recipe({"labs": {}}, fusion={"name": "aditive"}))
    with pytest.raises(RecipeError, match=r"fusion: .*'headz'.*heads"):
        make_fusion_spec(recipe({"labs": {}}, fusion={"name": "additive", "headz": 2}))


def test_without_the_pretrained_package_a_small_encoder_is_taken_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PackagedWeights, "installed", lambda self: False)
    wanted = {
        "image": {"encoder": "efficientnet_lite1", "weights": "package", "train": "frozen", "size": 240}
    }
    resolved, (sentence,) = resolve_modalities(recipe(wanted), SPECS)
    assert resolved["image"] == {"name": "image", "encoder": "small"}
    assert "pip install 'medxmodal[pretrained]'" in sentence
    assert "expect less" in sentence


def test_the_same_seed_makes_the_same_member_and_leaves_the_global_one_alone() -> None:
    resolved, _ = resolve_modalities(recipe({"labs": {}}), SPECS)

    def weights(seed: int) -> list[torch.Tensor]:
        model = make_model(
            resolved, {"name": "additive"}, SPECS, STUDIES, dim=16, presence_visible=True, seed=seed
        )
        return [value.clone() for value in model.state_dict().values()]

    state = torch.random.get_rng_state()
    first, again, other = weights(1), weights(1), weights(2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first, other, strict=True))
