"""Figures on another cohort: right, paired, and never on patients the run knows."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medxmodal.cohort import Cohort
from medxmodal.errors import CohortError, RunError
from medxmodal.pipeline.adapt import adapt
from medxmodal.pipeline.evaluate import evaluate
from medxmodal.pipeline.score import score


@pytest.fixture(scope="module")
def other(hospital: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Labelled patients of the same hospital that the run never saw."""
    data = hospital.make_data(tmp_path_factory.mktemp("other") / "data", 60, seed=11, prefix="o")
    cohort: Cohort = hospital.make_cohort(data)
    return cohort


def test_figures_are_those_of_the_scores(trained: SimpleNamespace, other: Cohort, tmp_path: Path) -> None:
    made = evaluate(trained.folder, other, tmp_path / "figures.json")
    fused = made.metrics["ill"]["fused"]
    table = score(trained.folder, other, tmp_path / "scores").table().set_index("study_id")
    labels = [study.labels["ill"] for study in other]
    p = table.loc[[study.study_id for study in other], "probability"].to_numpy()
    assert fused["auroc"]["value"] == pytest.approx(roc_auc_score(labels, p))
    assert fused["brier"]["value"] == pytest.approx(np.mean((p - labels) ** 2))
    assert fused["auroc"]["lower"] <= fused["auroc"]["value"] <= fused["auroc"]["upper"]
    called = table.loc[[study.study_id for study in other], "decision"] == "positive"
    assert fused["sensitivity"]["value"] == pytest.approx(called[np.array(labels) == 1].mean())
    assert json.loads((tmp_path / "figures.json").read_text()) == made.metrics
    assert made.studies == 60


def test_each_modality_is_judged_where_it_is(trained: SimpleNamespace, other: Cohort) -> None:
    made = evaluate(trained.folder, other).metrics["ill"]
    assert set(made) >= {"fused", "late", "unimodal.image", "unimodal.labs", "gain.unimodal.labs"}
    assert made["unimodal.image"]["auroc"]["n"] == sum(study.has("image") for study in other)
    assert made["gain.unimodal.image"]["auroc"]["n"] == made["unimodal.image"]["auroc"]["n"]


def test_patients_of_training_are_refused(trained: SimpleNamespace, other: Cohort) -> None:
    with pytest.raises(CohortError, match="90 of the cohort's 90 patients were in its training"):
        evaluate(trained.folder, trained.cohort)
    mixed = Cohort(
        other.spec, [*other, trained.cohort[3]], flow=other.flow, quality=other.quality, root=other.root
    )
    with pytest.raises(CohortError, match="1 of the cohort's 61") as refused:
        evaluate(trained.folder, mixed)
    assert trained.cohort[3].patient_id not in str(refused.value)


def test_the_same_numbers_at_another_hospital_are_other_patients(
    trained: SimpleNamespace, hospital: ModuleType, tmp_path: Path
) -> None:
    cohort = hospital.make_cohort(hospital.make_data(tmp_path / "data", 40, seed=5))
    spec = cohort.spec.model_copy(update={"name": "elsewhere"})
    studies = [replace(study, site="far") for study in cohort]
    far = Cohort(spec, studies, flow=cohort.flow, quality=cohort.quality, root=cohort.root)
    assert evaluate(trained.folder, far).studies == 40


def test_no_labels_or_one_class_is_said(trained: SimpleNamespace, other: Cohort) -> None:
    with pytest.raises(CohortError, match="no labelled study"):
        evaluate(trained.folder, _unlabelled(other))
    negative = other.subset([i for i, study in enumerate(other) if study.labels["ill"] == 0])
    with pytest.raises(CohortError, match="are negative"):
        evaluate(trained.folder, negative)


def _unlabelled(cohort: Cohort) -> Cohort:
    studies = [replace(study, labels={"ill": None}) for study in cohort]
    return Cohort(cohort.spec, studies, flow=cohort.flow, quality=cohort.quality, root=cohort.root)


def test_another_label_is_refused(trained: SimpleNamespace, other: Cohort) -> None:
    label = other.spec.label.model_copy(update={"name": "dead"})
    spec = other.spec.model_copy(update={"label": label})
    with pytest.raises(CohortError, match="predicts 'ill'"):
        evaluate(
            trained.folder,
            Cohort(spec, other.studies, flow=other.flow, quality=other.quality, root=other.root),
        )


def test_a_damaged_out_of_fold_table_is_one_readable_error(
    trained: SimpleNamespace, other: Cohort, tmp_path: Path
) -> None:
    broken = tmp_path / "run"
    shutil.copytree(trained.folder, broken)
    (broken / "oof.parquet").write_bytes(b"PAR1")
    for verb in (evaluate, adapt):
        with pytest.raises(RunError, match=r"oof\.parquet of the run is damaged"):
            verb(broken, other, tmp_path / "out")
