"""One study explained: the prediction of scoring, facts that add up, and honest words."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from medxmodal.cohort.study import Study
from medxmodal.errors import ExplanationError, InputError, RegistryError
from medxmodal.explain import Explainer
from medxmodal.explain.facts import threshold_rule
from medxmodal.records import BarsPanel, CalibrationRecord, HeatmapPanel, ThresholdFacts


@pytest.fixture(scope="module")
def explainer(trained: SimpleNamespace) -> Explainer:
    return Explainer(trained.run, trained.new.spec)


def _close(one: float | None, other: float | None) -> bool:
    assert one is not None
    assert other is not None
    return abs(one - other) <= 1e-5


def test_the_prediction_is_that_of_scoring(explainer: Explainer, trained: SimpleNamespace) -> None:
    reader = trained.run.reader(pixels=True)
    for cohort in (trained.new, trained.cohort):
        studies = list(cohort)[:6]
        scored = trained.run.answer(studies).records
        for study, expected in zip(studies, scored, strict=True):
            got = explainer.explain(study, reader).record.prediction
            for key in ("logit", "probability", "lower", "upper", "empty_logit", "interaction"):
                assert _close(getattr(got, key), getattr(expected, key)), key
            same = ("decision", "status", "seen", "prediction_set", "present", "study_id", "site")
            assert all(getattr(got, key) == getattr(expected, key) for key in same)
            for name, share in expected.shares.items():
                assert abs(got.shares[name] - share) <= 1e-5


def test_parts_add_up_and_what_is_absent_is_nothing(explainer: Explainer, trained: SimpleNamespace) -> None:
    for study in list(trained.new)[:5]:
        made = explainer.explain(study)
        record = made.record
        assert record.prediction.logit is not None
        assert record.prediction.empty_logit is not None
        change = record.prediction.logit - record.prediction.empty_logit
        assert sum(part.share for part in record.modalities) - change == pytest.approx(record.shares_delta)
        assert abs(record.shares_delta) <= 1e-5
        assert [part.name for part in record.modalities] == ["image", "labs"]
        assert [panel.modality for panel in record.panels] == ["image", "labs"]
        assert {fact.modality for fact in record.attributions} == set(made.attributions)
        for part in record.modalities:
            assert part.present == study.has(part.name)
            assert (part.name in made.attributions) == part.present
            if not part.present:
                assert part.share == 0
                assert part.evidence is part.alone is part.without is None
                assert part.why_absent == f"no {part.name} in the record"


def test_alone_and_without_are_what_the_run_says_of_such_a_study(
    explainer: Explainer, trained: SimpleNamespace
) -> None:
    study = next(study for study in trained.new if study.has("image") and study.has("labs"))
    facts = {part.name: part for part in explainer.explain(study).record.modalities}
    for name, other in (("image", "labs"), ("labs", "image")):
        lone = Study("lone", "p", "a", {name: study.inputs[name]})
        (alone,) = trained.run.answer([lone]).records
        assert _close(facts[name].alone, alone.probability)
        assert _close(facts[other].without, alone.probability)
    single = next(study for study in trained.new if not study.has("image"))
    (labs,) = [part for part in explainer.explain(single).record.modalities if part.present]
    base = trained.run.calibration.calibrate(
        np.array([float(trained.run.members[0].base)]), np.array([0]), np.zeros(1)
    )
    assert labs.without == pytest.approx(float(base.probability[0]), abs=0.02)
    assert _close(labs.alone, explainer.explain(single).record.prediction.probability)


def test_panels_show_values_and_a_map_with_its_resolution(
    explainer: Explainer, trained: SimpleNamespace
) -> None:
    study = next(study for study in trained.new if study.has("image") and study.has("labs"))
    made = explainer.explain(study)
    image, labs = made.record.panels
    assert isinstance(image, HeatmapPanel)
    assert isinstance(labs, BarsPanel)
    assert image.heat is not None
    assert made.arrays[image.heat].shape == (image.rows, image.columns)
    assert min(image.rows, image.columns) >= 14
    assert made.arrays[image.image].dtype == np.uint8
    assert {bar.name for bar in labs.bars} == {"crp", "sex"}
    facts = {fact.modality: fact for fact in made.record.attributions}
    total = sum(bar.attribution for bar in labs.bars)
    assert facts["labs"].logit_change is not None
    assert facts["labs"].completeness_delta is not None
    assert total == pytest.approx(facts["labs"].logit_change + facts["labs"].completeness_delta, abs=1e-5)
    assert abs(facts["labs"].completeness_delta) < 1e-3
    assert facts["image"].completeness_delta is None
    assert facts["labs"].baseline
    assert facts["image"].baseline == ""


def test_only_the_members_that_did_not_see_a_training_study_explain_it(
    explainer: Explainer, trained: SimpleNamespace
) -> None:
    study = trained.cohort[0]
    made = explainer.explain(study)
    members = set(trained.run.unseen_by[study.study_id])
    assert 0 < len(members) < len(trained.run.members)
    assert all(set(attribution.values) == members for attribution in made.attributions.values())


def test_twice_gives_the_same_numbers(explainer: Explainer, trained: SimpleNamespace) -> None:
    study = trained.new[0]
    one, two = explainer.explain(study), explainer.explain(study)
    assert one.record.model_copy(update={"created": ""}) == two.record.model_copy(update={"created": ""})
    assert one.arrays.keys() == two.arrays.keys()
    assert all(np.array_equal(one.arrays[key], two.arrays[key]) for key in one.arrays)


def test_an_asked_method_is_taken_where_it_fits_and_refused_where_it_fits_nothing(
    trained: SimpleNamespace,
) -> None:
    both = Explainer(trained.run, method="integrated_gradients").methods
    assert {name: method.registered_name for name, method in both.items()} == {
        "image": "integrated_gradients",
        "labs": "integrated_gradients",
    }
    one = Explainer(trained.run, method="grad_cam").methods
    assert one["image"].registered_name == "grad_cam"
    assert one["labs"].registered_name == "integrated_gradients"
    with pytest.raises(RegistryError, match="grad_cam"):
        Explainer(trained.run, method="grad_camm")


def test_pixels_can_be_attributed_by_integrated_gradients(trained: SimpleNamespace) -> None:
    study = next(study for study in trained.new if study.has("image"))
    made = Explainer(trained.run, method="integrated_gradients").explain(study)
    panel = next(panel for panel in made.record.panels if isinstance(panel, HeatmapPanel))
    assert (panel.rows, panel.columns) == (32, 32)
    assert panel.heat is not None
    facts = next(fact for fact in made.record.attributions if fact.modality == "image")
    assert facts.logit_change is not None
    assert facts.completeness_delta is not None
    total = float(made.arrays[panel.heat].sum())
    assert total == pytest.approx(facts.logit_change + facts.completeness_delta, abs=1e-4)


def test_a_recipe_method_that_does_not_fit_names_those_that_do(trained: SimpleNamespace) -> None:
    recipe = {**trained.run.record.recipe, "explain": {"methods": {"labs": "grad_cam"}}}
    wrong = SimpleNamespace(
        members=trained.run.members,
        record=trained.run.record.model_copy(update={"recipe": recipe}),
    )
    with pytest.raises(ExplanationError, match=r"'grad_cam' does not fit .*'labs'.*integrated_gradients"):
        Explainer(wrong)  # type: ignore[arg-type]


def test_what_cannot_be_read_is_an_error_with_its_reason(trained: SimpleNamespace) -> None:
    study = Study("odd", "p", "a", {"labs": {"crp": 1.0, "sex": "unheard of"}})
    with pytest.raises(InputError, match="unheard of"):
        Explainer(trained.run).explain(study)


def test_the_question_names_a_cohort_only_when_it_is_known(trained: SimpleNamespace) -> None:
    lone = Explainer(trained.run)
    known = lone.explain(trained.cohort[0]).record
    assert (known.question.cohort, known.licence) == ("tiny", "CC0-1.0")
    new = lone.explain(trained.new[0]).record
    assert (new.question.cohort, new.licence) == ("", "")
    assert new.question.simulated
    assert (new.question.positive, new.question.negative) == ("yes", "no")
    with_spec = Explainer(trained.run, trained.new.spec).explain(trained.new[0]).record
    assert with_spec.question.cohort_title == "Made-up patients for tests"


def test_model_facts_are_those_of_the_run(explainer: Explainer, trained: SimpleNamespace) -> None:
    facts = explainer.model
    assert facts.members == 3
    assert facts.fusion == "additive"
    assert facts.studies == 90
    assert facts.threshold_rule == "sensitivity of at least 90 %"
    assert set(facts.performance["auroc"]) == {"value", "lower", "upper", "n"}
    assert len(facts.weights) == 64


@pytest.mark.parametrize(
    ("rule", "at", "words"),
    [
        ("sensitivity", 0.955, "sensitivity of at least 95.5 %"),
        ("youden", None, "largest sum of sensitivity and specificity"),
        ("fixed", 0.5, "fixed at 50 %"),
        ("something {new}", None, "something {new}"),
    ],
)
def test_rules_in_words(trained: SimpleNamespace, rule: str, at: float | None, words: str) -> None:
    threshold = ThresholdFacts(value=0.5, rule=rule, at=at)
    calibration: CalibrationRecord = trained.run.calibration.model_copy(update={"threshold": threshold})
    assert threshold_rule(calibration) == words


def test_inputs_are_named_by_hash(explainer: Explainer, trained: SimpleNamespace) -> None:
    study = next(study for study in trained.new if study.has("image") and study.has("labs"))
    hashes = explainer.explain(study).record.inputs_sha256
    assert set(hashes) == {"image.file", "labs"}
    assert hashes["image.file"] == study.inputs["image"]["file"].sha256
    other = Study(study.study_id, "p", "a", {**study.inputs, "labs": {"crp": 99.0, "sex": "f"}})
    assert explainer.explain(other).record.inputs_sha256["labs"] != hashes["labs"]
