"""The model card: filled from records alone, honest about what nobody reported, and unbreakable."""

from __future__ import annotations

import json

from medxmodal.reporting import model_card


def test_the_card_says_what_the_records_say(run_record, metrics, calibration) -> None:
    text = model_card(run_record, metrics, calibration).markdown()
    assert text.startswith("# Model card: demo\n")
    for fact in ("240 studies of 236 patients", "3 sites", "disease in 31", "0.213", "at 0.9", "5 members"):
        assert fact in text
    assert "Research use, not a diagnosis." in text
    assert "Simulated patients: nobody here is real." in text
    assert "| Disease | Lab table alone | AUROC | 0.82 | 0.76 to 0.87 | 233 |" in text


def test_what_no_record_holds_is_not_reported(run_record, metrics) -> None:
    card = model_card(run_record, metrics, {}).as_dict()
    assert card["BasicInfo"]["ModelDeveloper"] == "not reported"
    assert "not reported" in card["TrustIngredients"]["AISystemFacts"]["OutcomesAndOutputs"]
    assert card["KeyMetrics"]["FairnessEquity"]["Results"] == []
    assert json.loads(json.dumps(card)) == card


def test_no_gain_is_a_limitation(run_record, metrics, calibration) -> None:
    card = model_card(run_record, metrics, calibration).as_dict()
    limits = card["Warnings"]["KnownRisksAndLimitations"]
    assert "No evidence that fusing gains over Late fusion and Lab table alone." in limits
    assert (
        "image alone: gain (AUROC +0.212"
        in (card["KeyMetrics"]["UsefulnessUsabilityEfficacy"]["Interpretation"])
    )


def test_real_patients_of_one_site_are_said_to_be(run_record, metrics, calibration) -> None:
    cohort = run_record.cohort.model_copy(update={"simulated": False, "sites": {"poland": 240}})
    text = model_card(run_record.model_copy(update={"cohort": cohort}), metrics, calibration).markdown()
    assert "imulated patients: nobody" not in text
    assert "how the model does elsewhere is not known" in text


def test_hostile_names_stay_in_their_place(run_record, metrics, calibration) -> None:
    cohort = run_record.cohort.model_copy(update={"title": "x\n# Approved\n<script>alert(1)</script>|a|"})
    text = model_card(run_record.model_copy(update={"cohort": cohort}), metrics, calibration).markdown()
    assert "\n# Approved" not in text
    assert "<script>" not in text.replace("\\<", "")
    assert "|a|" not in text.replace("\\|", "")
