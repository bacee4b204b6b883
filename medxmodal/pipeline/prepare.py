"""Before anything is read or trained: do recipe and cohort fit?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medxmodal import registry
from medxmodal.cohort import Cohort
from medxmodal.errors import CohortError, RecipeError
from medxmodal.recipe import Recipe, overlay

if TYPE_CHECKING:
    from medxmodal.training import MemberPlan

RESULTS_VERSION = 1
"""Rises when the same recipe and cohort would give other results."""


@dataclass(frozen=True)
class Prepared:
    """A training that can start."""

    name: str
    recipe: Recipe
    cohort: Cohort
    plan: MemberPlan
    said: tuple[str, ...]
    fingerprint: str


def prepare(recipe: str | Path | Recipe, cohort: Cohort | str | Path, settings: Sequence[str]) -> Prepared:
    """Check that recipe and cohort fit, before anything is read."""
    from medxmodal.training import MemberPlan, choose_preset, make_fusion_spec, resolve_modalities

    name = recipe if isinstance(recipe, str | Path) else recipe.task.name
    if isinstance(recipe, Recipe):
        read = Recipe.parse(overlay(recipe.as_dict(), settings)) if settings else recipe
    else:
        read = Recipe.read(recipe, tuple(settings))
    found = cohort if isinstance(cohort, Cohort) else Cohort.load(Path(cohort))
    if len(found) == 0:
        raise CohortError("the cohort has no studies", hint="Look at its flow with `medxmodal describe`.")
    if read.task.name != found.spec.task:
        raise RecipeError(
            f"the recipe predicts '{read.task.name}', but the cohort's label is '{found.spec.task}'",
            hint="Name them alike: task.name in the recipe, label.name in the spec.",
        )
    modalities, said = resolve_modalities(read, found.spec.modalities)
    preset, sentence = choose_preset(read, len(found))
    plan = MemberPlan(
        recipe=read,
        preset=preset,
        settings=modalities,
        fusion=make_fusion_spec(read),
        specs=found.spec.modalities,
        task=registry.create("task", read.task.kind),
    )
    fingerprint = run_fingerprint(read, found.fingerprint, modalities)
    return Prepared(Path(str(name)).stem, read, found, plan, (*said, sentence), fingerprint)


def run_fingerprint(recipe: Recipe, cohort: str, modalities: Mapping[str, Mapping[str, Any]]) -> str:
    """SHA-256 over what changes results: recipe, resolved modalities, cohort and code version."""
    content = {
        "recipe": recipe.as_dict(),
        "modalities": modalities,
        "cohort": cohort,
        "results": RESULTS_VERSION,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
