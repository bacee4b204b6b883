"""Members over folds: honest out-of-fold, reproducible, calibrated for every set of modalities."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from medxmodal import registry
from medxmodal.cohort.study import Study
from medxmodal.errors import RecipeError, TrainingError
from medxmodal.recipe import Recipe
from medxmodal.training import (
    CrossFit,
    MemberPlan,
    calibrate_run,
    choose_preset,
    cross_fit,
    embeddings,
    input_reference,
    make_folds,
    make_fusion_spec,
    preflight,
    resolve_modalities,
)

NUMBER = SimpleNamespace(type="number", unit="", reference=None, label="")
SPECS = {
    name: SimpleNamespace(kind="tabular", columns={f"{name}{i}": NUMBER for i in range(2)})
    for name in ("strong", "weak")
}
RECIPE = {
    "task": {"name": "ill"},
    "modalities": {"strong": {}, "weak": {}},
    "missing": {"dropout": {"strong": 0.2, "weak": 0.2}},
    "validation": {"folds": 3},
    "decision": {"rule": "sensitivity", "at": 0.9},
    "training": {"epochs": 4, "interval_draws": 50},
}


def studies_of(n: int = 120, seed: int = 0) -> list[Study]:
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        y = int(rng.random() < 0.35)
        inputs = {
            "strong": {"strong0": float(rng.normal(1.6 * y)), "strong1": float(rng.normal())},
            "weak": {
                "weak0": float(rng.normal(0.7 * y)),
                "weak1": None if i % 7 == 0 else float(rng.normal()),
            },
        }
        if i % 6 == 0:
            del inputs[("strong", "weak")[i // 6 % 2]]
        made.append(Study(f"s{i}", f"p{i // 2}", ("a", "b", "c")[i % 3], inputs, {"ill": y}))
    return made


def plan_of(recipe: Recipe, n: int = 120) -> MemberPlan:
    settings, _ = resolve_modalities(recipe, SPECS)
    preset = choose_preset(recipe, n)[0]
    task = registry.create("task", "binary")
    return MemberPlan(recipe, preset, settings, make_fusion_spec(recipe), SPECS, task)


def fit(studies: list[Study], **changes: object) -> CrossFit:
    recipe = Recipe.parse(RECIPE | changes)
    plan = plan_of(recipe)
    return cross_fit(plan, studies, make_folds(recipe, studies))


@pytest.fixture(scope="module")
def fitted() -> CrossFit:
    return fit(studies_of())


def test_every_study_is_held_out_once_and_learned_something(fitted: CrossFit) -> None:
    out = fitted.out_of_fold
    for index, fold in enumerate(fitted.folds):
        assert set(out.members[list(fold.test), 0]) == {index}
        held = {out.patients[i] for i in fold.test}
        assert not held & {out.patients[i] for i in fold.train}
    assert roc_auc_score(out.labels, out.mean_logits[:, -1]) > 0.75


def test_the_test_fold_teaches_nothing(fitted: CrossFit) -> None:
    """Wrong labels in one fold's test part leave that fold's predictions as they were."""
    studies = studies_of()
    held = set(fitted.folds[0].test)
    flipped = [
        replace(s, labels={"ill": 1 - s.labels["ill"]}) if i in held else s for i, s in enumerate(studies)
    ]
    recipe = Recipe.parse(RECIPE)
    again = cross_fit(plan_of(recipe), flipped, fitted.folds)
    rows = sorted(held)
    np.testing.assert_array_equal(
        again.out_of_fold.subset_logits[rows], fitted.out_of_fold.subset_logits[rows]
    )


def test_the_same_call_gives_the_same_bits(fitted: CrossFit) -> None:
    np.testing.assert_array_equal(
        fit(studies_of()).out_of_fold.subset_logits, fitted.out_of_fold.subset_logits
    )


def test_shares_sum_and_absent_is_zero(fitted: CrossFit) -> None:
    out = fitted.out_of_fold
    np.testing.assert_allclose(out.shares.sum(1), out.mean_logits[:, -1] - out.mean_logits[:, 0], atol=1e-5)
    assert (out.shares[~out.present] == 0).all()


def test_mean_probability_is_the_prevalence_for_every_set(fitted: CrossFit) -> None:
    out = fitted.out_of_fold
    record = calibrate_run(out, "ill", Recipe.parse(RECIPE).decision, 3, 0).record
    for subset in range(4):
        bits = np.array([bool(subset >> m & 1) for m in range(2)])
        having = (out.present | ~bits).all(1)
        logit = out.mean_logits[having, subset]
        found = record.calibrate(logit, np.full(len(logit), subset), np.zeros(len(logit)))
        assert abs(found.probability.mean() - out.labels[having].mean()) < 0.01
        assert (found.lower <= found.probability).all()
        assert (found.probability <= found.upper).all()


def test_threshold_reaches_its_sensitivity_out_of_fold(fitted: CrossFit) -> None:
    out = fitted.out_of_fold
    calibrated = calibrate_run(out, "ill", Recipe.parse(RECIPE).decision, 3, 0)
    positive = calibrated.probability[out.labels == 1]
    assert (positive >= calibrated.record.threshold.value).mean() >= 0.9


def test_repeats_and_sites() -> None:
    studies = studies_of(60)
    repeated = fit(studies, validation={"folds": 2, "repeats": 2}).out_of_fold
    assert repeated.subset_logits.shape == (60, 2, 4)
    assert (repeated.members[:, 0] < 2).all()
    assert (repeated.members[:, 1] >= 2).all()
    by_site = fit(studies, validation={"scheme": "site"})
    assert len(by_site.members) == 3


@pytest.mark.parametrize("fusion", ["late", "attention", {"name": "additive", "interaction": "on"}])
def test_other_fusions_train(fusion: object) -> None:
    out = fit(studies_of(60), fusion=fusion).out_of_fold
    assert np.isfinite(out.subset_logits).all()


def test_refusals() -> None:
    studies = studies_of(20)
    recipe = Recipe.parse(RECIPE)
    with pytest.raises(TrainingError, match="no labelled study"):
        make_folds(recipe, [])
    with pytest.raises(TrainingError, match="needs both classes"):
        make_folds(recipe, [replace(s, labels={"ill": 0}) for s in studies])
    with pytest.raises(RecipeError, match="not in the cohort"):
        resolve_modalities(Recipe.parse(RECIPE | {"modalities": {"ecg": {}}, "missing": {}}), SPECS)
    with pytest.raises(RecipeError, match=r"modalities\.weak.*no setting 'penalty'.*penalty_c"):
        resolve_modalities(
            Recipe.parse(RECIPE | {"modalities": {"weak": {"penalty": 1}}, "missing": {}}), SPECS
        )


def test_a_broken_study_is_recorded_and_the_rest_goes_on() -> None:
    studies = studies_of(30)
    studies[4] = replace(studies[4], problems={"weak": "row 5: 'abc' is no number"})
    readable, failed, _ = preflight(plan_of(Recipe.parse(RECIPE)), studies)
    assert failed == {"s4": "weak: row 5: 'abc' is no number"}
    assert len(readable) == 29


def test_nan_stops_training_with_a_readable_error() -> None:
    studies = studies_of(60)
    recipe = Recipe.parse(RECIPE)
    broken = replace(plan_of(recipe), extra=[lambda model, *_: model.base * float("nan")])
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 1.*learning_rate"):
        cross_fit(broken, studies, make_folds(recipe, studies))


def test_a_value_that_is_no_number_is_missing() -> None:
    studies = studies_of(60)
    for study in studies[::9]:
        if "strong" in study.inputs:
            study.inputs["strong"]["strong0"] = float("inf")  # type: ignore[index]
    assert np.isfinite(fit(studies).out_of_fold.subset_logits).all()


def test_small_is_chosen_under_500_and_said_aloud() -> None:
    recipe = Recipe.parse(RECIPE)
    preset, words = choose_preset(recipe, 200)
    assert preset.name == "small"
    assert "small" in words
    assert choose_preset(recipe, 600)[0].name == "standard"
    assert choose_preset(recipe, 6000)[0].name == "large"


def test_reference_holds_no_ids_and_no_rare_categories(fitted: CrossFit) -> None:
    out = fitted.out_of_fold
    made = input_reference(out.studies, out.names, np.full(len(out.labels), 0.5))
    assert "p1" not in str(made)
    assert abs(made["inputs"]["weak"]["missing"] - (1 - out.present[:, 1].mean())) < 1e-9
    assert sum(made["inputs"]["strong"]["fields"]["strong0"]["counts"]) == out.present[:, 0].sum()
    models = [member.model for member in fitted.members]
    tensors = embeddings(models, out.studies, out.members[:, 0], "ill")
    assert tensors["embedding.weak"].shape == (120, 32)
    assert (tensors["embedding.weak"][~torch.from_numpy(out.present[:, 1])] == 0).all()
