"""scikit-learn's habits: fit, predict_proba, predict, clone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from medxmodal import DiagnosisClassifier
from medxmodal.cohort import Cohort
from medxmodal.recipe import Recipe


def test_it_predicts_what_scoring_says(trained: SimpleNamespace, hospital: ModuleType) -> None:
    model = DiagnosisClassifier(Recipe.parse(hospital.RECIPE), trained.folder).fit(trained.cohort)
    assert model.run_.record.fingerprint == trained.run.record.fingerprint
    records = trained.run.answer(trained.new.studies).records
    p = model.predict_proba(trained.new)
    np.testing.assert_allclose(p[:, 1], [record.probability for record in records], atol=1e-6)
    np.testing.assert_allclose(p.sum(1), 1)
    assert list(model.classes_) == ["no", "yes"]
    expected = ["yes" if record.decision == "positive" else "no" for record in records]
    assert list(model.predict(trained.new)) == expected
    assert model.decision_function(trained.new).shape == (41,)
    assert model.failed_ == {}


def test_a_broken_study_is_a_nan_row_with_its_reason(trained: SimpleNamespace, hospital: ModuleType) -> None:
    model = DiagnosisClassifier(Recipe.parse(hospital.RECIPE), trained.folder).fit(trained.cohort)
    new = trained.new
    broken = replace(new[0], problems={"image": "it is torn"})
    cohort = Cohort(new.spec, [broken, new[1]], flow=new.flow, quality=new.quality, root=new.root)
    p = model.predict_proba(cohort)
    assert np.isnan(p[0]).all()
    assert np.isfinite(p[1]).all()
    assert model.predict(cohort)[0] is None
    assert "it is torn" in model.failed_[broken.study_id]


def test_it_can_be_cloned_and_refuses_to_predict_before_fit(trained: SimpleNamespace, tmp_path: Path) -> None:
    model = DiagnosisClassifier("demo", tmp_path, settings=("seed=3",))
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.predict_proba(trained.new)


def test_settings_are_laid_over_a_recipe_object(
    trained: SimpleNamespace, hospital: ModuleType, tmp_path: Path
) -> None:
    recipe = Recipe.parse(hospital.RECIPE)
    model = DiagnosisClassifier(recipe, tmp_path / "run", settings=("seed=3", "training.epochs=0"))
    record = model.fit(trained.cohort).run_.record
    assert record.recipe["seed"] == 3
    assert {member.epochs for member in record.members} == {0}
