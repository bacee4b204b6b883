"""`train`: the run folder of the contract, the same twice, and taken up again where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

from medxmodal.cohort import Cohort
from medxmodal.errors import CohortError, TrainingError
from medxmodal.pipeline.run import Run
from medxmodal.pipeline.train import train
from medxmodal.recipe import Recipe

QUICK = ("validation.folds=3", "training.epochs=1", "reference=true")
CONTRACT = {
    "run.json", "calibration.json", "oof.parquet", "metrics.json", "reference.json", "reference.safetensors",
    "card.md", "card.json", *(f"member-{k}.safetensors" for k in range(3)),
    *(f"preprocessing-{k}.json" for k in range(3)),
}  # fmt: skip


@pytest.fixture(scope="module")
def cohort(hospital: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    made: Cohort = hospital.make_cohort(hospital.make_data(tmp_path_factory.mktemp("train") / "data", 48))
    return made


@pytest.fixture(scope="module")
def recipe(hospital: ModuleType) -> Recipe:
    return Recipe.parse(hospital.RECIPE)


@pytest.fixture(scope="module")
def run(cohort: Cohort, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        recipe, cohort, tmp_path_factory.mktemp("run") / "r", settings=QUICK, command="medxmodal train"
    )


def hashes(run: Run) -> list[str]:
    return [facts.weights_sha256 for facts in run.record.members]


def test_the_folder_is_that_of_the_contract(run: Run) -> None:
    assert {path.name for path in run.folder.iterdir()} == CONTRACT
    assert run.record.format_version == 1
    assert run.record.command == "medxmodal train"
    assert {"torch", "monai", "medxmodal"} <= set(run.record.versions)
    assert run.record.seeds == {"recipe": run.record.recipe["seed"]}
    assert {facts.fold for facts in run.record.members} == {0, 1, 2}


def test_metrics_name_every_model_and_its_paired_gain(run: Run) -> None:
    models = run.metrics["ill"]
    alone = {"unimodal.image", "unimodal.labs", "late"}
    assert set(models) == {"fused", *alone, *(f"gain.{name}" for name in alone)}
    assert set(models["fused"]["auroc"]) == {"value", "lower", "upper", "n"}
    assert {"brier", "calibration_slope"} <= set(models["fused"])
    assert "model" in run.table().columns


def test_every_study_was_predicted_by_a_member_that_did_not_see_it(run: Run, cohort: Cohort) -> None:
    table = pd.read_parquet(run.folder / "oof.parquet")
    assert set(table["study_id"]) == {study.study_id for study in cohort}
    by_member = {facts.member: facts.fold for facts in run.record.members}
    for fold, members in zip(table["fold"], table["members"], strict=True):
        assert [by_member[int(k)] for k in members] == [fold]
    shares = table[["share.image", "share.labs"]].sum(axis=1)
    assert (shares - (table["logit"] - table["logit.none"])).abs().max() < 1e-5
    assert (table.loc[~table["present.image"], "share.image"] == 0).all()


def test_no_patient_is_named_outside_the_out_of_fold_table(run: Run, cohort: Cohort) -> None:
    names = {study.patient_id for study in cohort} | {study.study_id for study in cohort}
    for path in run.folder.iterdir():
        if path.suffix in {".json", ".md"}:
            words = set(json.dumps(path.read_text(encoding="utf-8")).replace('\\"', " ").split())
            assert not words & names, path.name


def test_the_same_training_twice_is_the_same_to_the_bit(
    run: Run, cohort: Cohort, recipe: Recipe, tmp_path: Path
) -> None:
    again = train(recipe, cohort, tmp_path / "again", settings=QUICK)
    assert hashes(again) == hashes(run)
    assert again.metrics == run.metrics


def test_a_stopped_training_goes_on_with_the_next_member(
    run: Run, cohort: Cohort, recipe: Recipe, tmp_path: Path
) -> None:
    trained: list[int] = []

    def stop_after_two(words: str, done: int, total: int) -> None:
        if words == "training members":
            trained.append(done)
            if done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, cohort, tmp_path / "r", settings=QUICK, progress=stop_after_two)
    assert not (tmp_path / "r" / "run.json").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "r" / "unfinished").glob("member-*")}
    assert kept
    resumed = train(recipe, cohort, tmp_path / "r", settings=QUICK)
    assert hashes(resumed) == hashes(run)
    assert not (tmp_path / "r" / "unfinished").exists()


def test_a_finished_run_is_returned_and_another_is_refused(run: Run, cohort: Cohort, recipe: Recipe) -> None:
    before = (run.folder / "run.json").read_bytes()
    steps: list[object] = []
    same = train(recipe, cohort, run.folder, settings=QUICK, progress=lambda *step: steps.append(step))
    assert same.record == run.record
    assert steps == []
    with pytest.raises(TrainingError, match="already holds another run"):
        train(recipe, cohort, run.folder, settings=[*QUICK, "seed=5"])
    assert (run.folder / "run.json").read_bytes() == before


def test_a_study_that_cannot_be_read_is_recorded_and_the_rest_goes_on(
    hospital: ModuleType, recipe: Recipe, tmp_path: Path
) -> None:
    data = hospital.make_data(tmp_path / "data", 48)
    cohort = hospital.make_cohort(data)
    broken = next(study for study in cohort if study.has("image"))
    broken.inputs["image"]["file"].path().write_bytes(b"no picture")
    made = train(recipe, cohort, tmp_path / "r", settings=QUICK)
    assert list(made.record.failed) == [broken.study_id]
    assert "changed since the cohort was built" in made.record.failed[broken.study_id]
    assert made.record.cohort.studies == 47


def test_nothing_to_train_on_is_said(cohort: Cohort, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no studies"):
        train(recipe, cohort[:0], tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_run_shows_itself(run: Run, trained: SimpleNamespace) -> None:
    assert "3 members, 48 studies" in repr(run)
    assert "<table" in run._repr_html_()
    assert Run(trained.folder).loaded.members
