"""Presets by cohort size, and what a recipe leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medxmodal.recipe import SMALL_COHORT

if TYPE_CHECKING:
    from medxmodal.recipe import Recipe

STANDARD_COHORT = 5000


@dataclass(frozen=True)
class Preset:
    """Sizes that fit a cohort.

    Args:
        name: `small`, `standard` or `large`.
        dim: Width of tokens.
        batch_size: Studies a step.
        learning_rate: AdamW's, before the cosine schedule.
        epochs: At most this many.
        alone: Whether a modality without a penalised fit first learns by itself, so that it starts from
            its own best fit as the others do. Otherwise the common early stopping ends when the
            penalised ones overfit, long before an image encoder has learned anything.
        refit: Whether a member whose modalities all start from a fit of their own is fitted again on
            its whole fold once the inner validation has chosen the numbers of epochs.
    """

    name: str
    dim: int
    batch_size: int
    learning_rate: float
    epochs: int
    alone: bool
    refit: bool


PRESETS = {
    "small": Preset("small", 32, 16, 2e-3, 40, alone=True, refit=True),
    "standard": Preset("standard", 64, 32, 1e-3, 60, alone=False, refit=False),
    "large": Preset("large", 128, 64, 1e-3, 60, alone=False, refit=False),
}


def choose_preset(recipe: Recipe, studies: int) -> tuple[Preset, str]:
    """The preset for this many studies, and one sentence that says why."""
    if recipe.preset != "auto":
        return PRESETS[recipe.preset], f"Preset '{recipe.preset}', as the recipe says, for {studies} studies."
    name = "small" if studies < SMALL_COHORT else "standard" if studies < STANDARD_COHORT else "large"
    return PRESETS[name], f"Preset '{name}' chosen for {studies} studies (small is under {SMALL_COHORT})."
