"""The embedded cohort: its records are reproducible, and its truth is true."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit, logit
from scipy.stats import norm

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.demo import (
    DemoDesign,
    DemoPaths,
    DemoSite,
    Strength,
    WrittenUnit,
    draw_truth,
    load_truth,
    write_demo,
)
from medxmodal.cohort.simulate.draw import draw_patient
from medxmodal.cohort.simulate.outcomes import either
from medxmodal.cohort.units import convert
from medxmodal.errors import CohortError, MedxmodalError
from medxmodal.statistics.metrics import auroc, calibration_intercept, calibration_slope

MODALITIES = ("image", "tabular", "text")
DESIGN = DemoDesign()
MANY = 4000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoPaths:
    return write_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def truth(demo: DemoPaths) -> pd.DataFrame:
    return load_truth(demo.truth)


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    return draw_truth(patients=MANY, seed=1)


@pytest.fixture(scope="module")
def cohort(demo: DemoPaths) -> Cohort:
    return Cohort.from_spec(CohortSpec.read("demo"), demo.data)


@pytest.fixture(scope="module")
def table(demo: DemoPaths) -> pd.DataFrame:
    return pd.read_csv(demo.data / "patients.csv", dtype=str, keep_default_na=False)


def pixels_of(demo: DemoPaths, study: str) -> np.ndarray:
    return np.asarray(Image.open(demo.data / "images" / f"{study}.png"))


def bytes_below(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# Reproducible


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_demo(tmp_path / name, patients=12, seed=3)
    assert bytes_below(tmp_path / "a") == bytes_below(tmp_path / "b")


def test_a_patient_does_not_depend_on_who_else_is_drawn(tmp_path):
    few = write_demo(tmp_path / "few", patients=3, first_patient=5)
    more = write_demo(tmp_path / "more", patients=20)
    found, among = bytes_below(few.data / "images"), bytes_below(more.data / "images")
    assert found
    assert found.items() <= among.items()
    pd.testing.assert_frame_equal(
        load_truth(few.truth), load_truth(more.truth).iloc[5:8].reset_index(drop=True)
    )


def test_other_seeds_and_numbers_give_other_patients():
    drawn = [
        draw_truth(patients=30),
        draw_truth(patients=30, first_patient=30),
        draw_truth(patients=30, seed=4),
    ]
    ids = [study for truth in drawn for study in truth["study_id"]]
    assert len(set(ids)) == 90
    assert len({tuple(truth["logit"]) for truth in drawn}) == 3


def test_truth_reads_back_as_drawn(demo, truth):
    pd.testing.assert_frame_equal(truth, draw_truth(), check_dtype=False)
    pd.testing.assert_frame_equal(truth, load_truth(demo.truth / "truth.csv"))


def test_a_folder_with_other_patients_is_refused(tmp_path):
    write_demo(tmp_path, patients=2)
    write_demo(tmp_path, patients=2)
    with pytest.raises(CohortError, match="another simulated cohort"):
        write_demo(tmp_path, patients=2, seed=5)


def test_the_truth_lies_outside_of_the_data(demo, table):
    assert not demo.truth.is_relative_to(demo.data)
    assert {p.name for p in demo.data.iterdir()} == {"patients.csv", "images"}
    assert not [column for column in table if column.startswith(("llr", "lesion", "prob", "logit"))]


# The truth is true


def test_llrs_add_up_to_the_posterior(many):
    total = logit(many["prevalence"]) + many.filter(like="llr.").sum(axis=1)
    np.testing.assert_allclose(many["logit"], total, atol=1e-9)
    np.testing.assert_allclose(many["probability"], expit(total), atol=1e-12)
    absent = ~many[[f"present.{name}" for name in MODALITIES]].to_numpy()
    assert (many[[f"llr.{name}" for name in MODALITIES]].to_numpy()[absent] == 0).all()
    np.testing.assert_allclose(many["llr.tabular"], many["column.CRP"] + many["column.LDH"], atol=1e-12)


@pytest.mark.parametrize("part", ["image", "tabular", "text", "missing"])
def test_likelihood_ratios_have_mean_one(many, part):
    llr = many[f"llr.{part}"].to_numpy()
    for label, sign in ((0, 1), (1, -1)):
        ratio = np.exp(sign * llr[many["label"] == label])
        assert abs(ratio.mean() - 1) < 5 * ratio.std() / len(ratio) ** 0.5
        assert ratio.std() > 0


def test_truth_is_calibrated_for_every_subset(many):
    parts = ("image", "tabular", "text", "missing")
    for size in range(len(parts) + 1):
        for subset in itertools.combinations(parts, size):
            total = logit(many["prevalence"]) + sum(many[f"llr.{part}"] for part in subset)
            assert expit(total).mean() == pytest.approx(many["label"].mean(), abs=0.02), subset
    assert calibration_slope(many["label"], many["probability"]) == pytest.approx(1, abs=0.08)
    assert calibration_intercept(many["label"], many["probability"]) == pytest.approx(0, abs=0.15)


def test_each_hospital_has_its_prevalence(many):
    for site in DESIGN.sites:
        here = many[many["site"] == site.name]
        assert len(here) / MANY == pytest.approx(site.share, abs=0.03)
        assert here["label"].mean() == pytest.approx(site.prevalence, abs=0.05)
        assert here["probability"].mean() == pytest.approx(site.prevalence, abs=0.04)


def test_modalities_carry_the_label_in_the_designed_order(many):
    found, size = {}, {}
    for name in MODALITIES:
        here = many[many[f"present.{name}"]]
        found[name], size[name] = auroc(here["label"], here[f"llr.{name}"]), here[f"llr.{name}"].abs().mean()
    assert found == pytest.approx({"image": 0.89, "tabular": 0.78, "text": 0.70}, abs=0.025)
    assert size["image"] > 1.4 * size["tabular"] > 1.4 * 1.4 * size["text"]
    assert auroc(many["label"], many["logit"]) > found["image"] + 0.03


def test_laboratory_ratio_follows_from_the_records(cohort, truth):
    """Recomputed from the converted values with SciPy: units, rounding and missing cells included."""
    expected = truth.set_index("study_id")
    crp, ldh = norm(np.log(3.2), 1), norm(195, 35)
    seen = 0
    for study in cohort:
        row = study.inputs.get("tabular")
        if row is None:
            continue
        want = expected.loc[study.study_id]
        if row["CRP"] is not None:
            x = np.log(row["CRP"])
            assert want["column.CRP"] == pytest.approx(crp.logpdf(x - DESIGN.crp_shift) - crp.logpdf(x))
        if row["LDH"] is not None:
            x = row["LDH"]
            got = ldh.logpdf(x - 35 * DESIGN.ldh_shift) - ldh.logpdf(x)
            assert want["column.LDH"] == pytest.approx(got)
        there = row["LDH"] is not None
        assert want["llr.missing"] == pytest.approx(np.log(0.80 / 0.62 if there else 0.20 / 0.38))
        seen += 1
    assert seen > 200


def test_note_ratio_follows_from_the_text(cohort, truth):
    expected = truth.set_index("study_id")
    seen = set()
    for study in cohort:
        if not study.has("text"):
            continue
        text = study.inputs["text"]["text"].lower()
        total = 0.0
        for outcomes in DESIGN.words:
            found = [w for w in outcomes.chances if w and re.search(rf"(?<!no ){w}", text)]
            assert len(found) <= 1, text
            total += outcomes.llr(found[0] if found else "")
            seen |= set(found)
        assert total == pytest.approx(expected.loc[study.study_id, "llr.text"]), text
        assert 2 <= text.count(".") <= 4
    assert seen == {w for outcomes in DESIGN.words for w in outcomes.chances if w}


def test_only_crp_and_ldh_depend_on_the_label():
    numbers, labels = {}, []
    for index in range(2500):
        patient = draw_patient(2, index, DESIGN.at(*(replace(s, units={}) for s in DESIGN.sites)))
        labels.append(patient.label)
        for name, cell in patient.laboratory.cells.items():
            numbers.setdefault(name, []).append(pd.to_numeric(cell, errors="coerce"))
    y = np.array(labels)
    told = {}
    for name in ("Age", "CRP", "LDH", "Creatinine", "Haemoglobin", "Leukocytes", "Temperature"):
        x = np.array(numbers[name], dtype=float)
        told[name] = auroc(y[~np.isnan(x)], x[~np.isnan(x)])
    assert told.pop("CRP") == pytest.approx(norm.cdf(DESIGN.crp_shift / 2**0.5), abs=0.03)
    assert told.pop("LDH") == pytest.approx(norm.cdf(DESIGN.ldh_shift / 2**0.5), abs=0.04)
    assert told == pytest.approx(dict.fromkeys(told, 0.5), abs=0.04)


# What is missing


def test_missing_as_designed(many):
    for name, key in (("image", "no_image"), ("tabular", "no_table"), ("text", "no_note")):
        for site in DESIGN.sites:
            here = many[many["site"] == site.name][f"present.{name}"]
            assert 1 - here.mean() == pytest.approx(getattr(site, key), abs=0.035)
        by_label = many.groupby(["site", "label"])[f"present.{name}"].mean().unstack()
        assert (by_label[0] - by_label[1]).abs().max() < 0.06
    assert many[[f"present.{name}" for name in MODALITIES]].any(axis=1).all()
    here = many[many["present.tabular"]]
    ldh = here["missing_columns"].str.contains("LDH").groupby(here["label"]).mean()
    assert ldh.to_dict() == pytest.approx({0: 0.38, 1: 0.20}, abs=0.03)


def test_a_study_keeps_at_least_one_modality(tmp_path):
    bare = DemoSite("bare", prevalence=0.5, no_image=1.0, no_table=1.0, no_note=1.0)
    truth = load_truth(write_demo(tmp_path, patients=5, design=DESIGN.at(bare)).truth)
    assert truth["present.image"].all()
    assert not truth["present.text"].any()


# The records


def test_the_shipped_spec_reads_the_records(cohort, truth, table):
    assert cohort.spec.simulated
    assert "imulated" in cohort.spec.title
    assert [study.study_id for study in cohort] == list(truth["study_id"])
    assert [study.labels["disease"] for study in cohort] == list(truth["label"])
    for name in MODALITIES:
        assert [study.has(name) for study in cohort] == list(truth[f"present.{name}"])
    assert not any(study.problems for study in cohort)
    assert set(table["hospital"]) == {site.name for site in DESIGN.sites}


def test_units_differ_between_hospitals_and_mean_the_same(cohort, table):
    filled = table[table["CRP_unit"] != ""]
    assert filled.groupby("hospital")["CRP_unit"].unique().map(list).to_dict() == {
        "north": ["mg/L"], "harbour": ["mg/dL"], "hill": ["mg/L"],
    }  # fmt: skip
    rows = table.set_index("patient_id")
    for study in cohort:
        for name, unit in (("CRP", "mg/L"), ("Haemoglobin", "g/L")):
            value = study.inputs.get("tabular", {}).get(name)
            if value is not None:
                cell = rows.loc[study.study_id]
                assert value == pytest.approx(convert(float(cell[name]), cell[f"{name}_unit"], unit))
    for site in DESIGN.sites:
        for column, written in site.units.items():
            own = {"CRP": "mg/L", "Haemoglobin": "g/L"}[column]
            assert written.factor == pytest.approx(convert(1.0, own, written.unit))


def test_the_leak_is_one_and_is_barred(cohort, table):
    treated = table["treatment"] == "antibiotics"
    assert auroc((table["diagnosis"] == "disease").astype(int), treated.astype(float)) > 0.85
    assert "treatment" in cohort.spec.leaks


def test_images_say_of_themselves_that_they_are_simulated(demo, truth):
    study = truth[truth["present.image"]]["study_id"].iloc[0]
    assert "Simulated" in Image.open(demo.data / "images" / f"{study}.png").text["Description"]


# Other designs


def test_prevalence_shift_changes_the_label_only():
    rare = DESIGN.with_prevalence(0.1)
    shifted, before = draw_truth(patients=1000, design=rare), draw_truth(patients=1000)
    assert shifted["label"].mean() == pytest.approx(0.1, abs=0.025)
    assert shifted["probability"].mean() == pytest.approx(0.1, abs=0.02)
    same = shifted["label"] == before["label"]
    assert 0.5 < same.mean() < 1
    for name in ("llr.image", "llr.tabular", "llr.text", "llr.missing", "site", "distractors"):
        assert (shifted.loc[same, name] == before.loc[same, name]).all()


def test_a_fourth_hospital_and_other_intensities(tmp_path):
    dark = DemoSite("valley", prevalence=0.2, gain=0.6, gamma=1.4, units={"CRP": WrittenUnit("mg/dL", 0.1)})
    paths = write_demo(tmp_path, patients=10, design=DESIGN.at(dark).complete())
    truth = load_truth(paths.truth)
    assert set(truth["site"]) == {"valley"}
    assert truth.filter(like="present.").to_numpy().all()
    assert (truth["missing_columns"] == "").all()
    assert np.mean([pixels_of(paths, study).mean() for study in truth["study_id"]]) < 60
    assert len(Cohort.from_spec(CohortSpec.read("demo"), paths.data)) == 10


@pytest.mark.parametrize("name", MODALITIES)
def test_strength_weakens_one_modality(name, many):
    weak = replace(DESIGN, strength=Strength(**{name: 0.0}))
    shifted = draw_truth(patients=400, seed=1, design=weak)
    np.testing.assert_allclose(shifted[f"llr.{name}"], 0, atol=1e-12)
    for other in set(MODALITIES) - {name}:
        np.testing.assert_allclose(shifted[f"llr.{other}"], many[f"llr.{other}"].head(400), atol=1e-12)
    half = draw_truth(patients=400, seed=1, design=replace(DESIGN, strength=Strength(**{name: 0.5})))
    assert 0 < half[f"llr.{name}"].abs().mean() < 0.7 * many[f"llr.{name}"].abs().mean()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: DESIGN.with_prevalence(1.0),
        lambda: DESIGN.at(),
        lambda: DESIGN.at(DESIGN.sites[0], DESIGN.sites[0]),
        lambda: DemoSite("x", prevalence=0.5, no_note=1.2),
        lambda: DemoSite("x", prevalence=0.5, gain=0),
        lambda: Strength(text=2),
        lambda: DemoDesign(area=(0.2, 0.1)),
        lambda: DemoDesign(side=4),
        lambda: either("a", healthy=0.0, diseased=0.5),
        lambda: draw_truth(patients=0),
        lambda: draw_truth(first_patient=-1),
    ],
)
def test_wrong_parameters_are_readable_errors(wrong):
    with pytest.raises(MedxmodalError):
        wrong()


def test_no_truth_is_a_readable_error(tmp_path):
    with pytest.raises(CohortError, match="truth"):
        load_truth(tmp_path)
