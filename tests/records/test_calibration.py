"""The calibration of a run: one calibrator a set, prior shift after it, decisions at the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from medxmodal.records import CalibrationRecord, PredictionRecord, pattern_key
from medxmodal.statistics import sigmoid


def platt(slope: float, intercept: float, variance: float = 0.01) -> dict[str, Any]:
    return {"slope": slope, "intercept": intercept, "covariance": [[variance, 0.0], [0.0, variance]]}


def record(**changes: Any) -> CalibrationRecord:
    tree = {
        "task": "ill",
        "modalities": ["image", "text"],
        "members": 5,
        "prevalence": 0.4,
        "subsets": {
            "": platt(1, -1),
            "image": platt(2, 0),
            "text": platt(1, 0.5),
            "image+text": platt(1, 0, 0.0),
        },
        "threshold": {"value": 0.5, "rule": "fixed"},
        "conformal_quantile": 0.7,
        "fitted_on": 100,
    }
    return CalibrationRecord.model_validate(tree | changes)


def test_patterns_are_words() -> None:
    names = ["image", "tabular", "text"]
    assert [pattern_key(names, k) for k in range(8)] == [
        *("", "image", "tabular", "image+tabular", "text", "image+text", "tabular+text", "image+tabular+text")
    ]


def test_each_set_has_its_own_calibrator() -> None:
    found = record().calibrate(np.full(4, 0.8), np.arange(4), np.zeros(4))
    np.testing.assert_allclose(found.probability, sigmoid(np.array([-0.2, 1.6, 1.3, 0.8])))
    assert (found.lower <= found.probability).all()
    assert (found.probability <= found.upper).all()
    assert found.lower[3] == pytest.approx(found.upper[3])


def test_a_study_does_not_depend_on_its_batch_mates(rng: np.random.Generator) -> None:
    logit, pattern, spread = rng.normal(size=20), rng.integers(0, 4, 20), rng.random(20)
    together = record().calibrate(logit, pattern, spread)
    for i in range(20):
        alone = record().calibrate(logit[i : i + 1], pattern[i : i + 1], spread[i : i + 1])
        assert alone.probability[0] == pytest.approx(together.probability[i], abs=1e-12)
        assert alone.lower[0] == pytest.approx(together.lower[i], abs=1e-12)


def test_disagreeing_members_widen_the_interval_by_the_jackknife() -> None:
    calm, torn = (record().calibrate(np.zeros(1), np.array([3]), np.array([s])) for s in (0.0, 0.5))
    assert calm.upper[0] - calm.lower[0] == pytest.approx(0, abs=1e-9)
    width = 1.959964 * np.sqrt((5 - 1) ** 2 / 5 * 0.5)
    assert torn.upper[0] == pytest.approx(sigmoid(width), abs=1e-4)
    assert torn.lower[0] == pytest.approx(sigmoid(-width), abs=1e-4)


def test_the_prior_shift_moves_the_odds_and_keeps_the_order(rng: np.random.Generator) -> None:
    logit, pattern = np.sort(rng.normal(size=9)), np.full(9, 3)
    before = record().calibrate(logit, pattern, np.zeros(9)).probability
    prior = {"source": 0.4, "target": 0.1, "how": "given"}
    after = record(prior=prior).calibrate(logit, pattern, np.zeros(9)).probability
    ratio = (after / (1 - after)) / (before / (1 - before))
    np.testing.assert_allclose(ratio, (0.1 / 0.9) / (0.4 / 0.6))
    assert (np.diff(after) > 0).all()


def test_decisions_and_sets() -> None:
    found = record()
    assert [found.decide(p) for p in (0.4999, 0.5, 0.9)] == ["negative", "positive", "positive"]
    assert found.prediction_set(0.95) == ["positive"]
    assert found.prediction_set(0.02) == ["negative"]


@pytest.mark.parametrize(
    ("subsets", "says"),
    [
        ({"": platt(1, 0)}, "no calibrator for 'image'"),
        ({"image": platt(1, 0), "text": platt(1, 0), "image+text": platt(1, 0)}, "for 'nothing present'"),
        (
            {"": {}, "image": platt(1, 0), "text": platt(1, 0), "image+text": platt(1, 0)},
            "a saved calibrator is damaged",
        ),
    ],
)
def test_a_missing_or_damaged_calibrator_is_found_on_reading(subsets: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        record(subsets=subsets)


def test_a_flat_row_has_the_columns_of_the_contract() -> None:
    prediction = PredictionRecord(
        study_id="s", patient_id="p", site="x", task="ill", shares={"image": 0.5}, present={"image": True}
    )
    row = prediction.row()
    assert (row["share.image"], row["present.image"]) == (0.5, True)
    assert not {"shares", "present", "evidence"} & set(row)
    with pytest.raises(ValueError, match="less than or equal to 1"):
        PredictionRecord(study_id="s", patient_id="p", site="x", task="ill", probability=1.2)
