"""Calibration of a run: each set of modalities on its own, and figures that no study had a part in."""

from __future__ import annotations

import numpy as np
import pytest

from medxmodal.cohort.study import Study
from medxmodal.recipe import Decision
from medxmodal.statistics import sigmoid
from medxmodal.training import OutOfFold, calibrate_run

NAMES = ("a", "b")


def out_of_fold(n: int = 600, folds: int = 3, seed: int = 0) -> OutOfFold:
    """Logits that are over-confident by a factor of two, and shifted for `a` alone."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-0.5, 1.2, n)
    y = (rng.random(n) < sigmoid(truth)).astype(int)
    present = np.ones((n, 2), bool)
    present[::5, 1] = False
    present[::7, 0] = False
    present[(~present).all(1)] = True
    sets = np.stack([np.full(n, -0.5), 2 * truth + 1, 1.5 * truth, 2 * truth], axis=1)
    for m, bit in ((0, 1), (1, 2)):
        gone = ~present[:, m]
        sets[gone, bit] = sets[gone, 0]
        sets[gone, 3] = sets[gone, 3 - bit]
    return OutOfFold(
        studies=tuple(Study(f"s{i}", f"p{i}", "x", {"a": {}}, {"ill": int(y[i])}) for i in range(n)),
        labels=y,
        folds=np.arange(n)[:, None] % folds,
        members=np.arange(n)[:, None] % folds,
        subset_logits=sets[:, None],
        contributions=np.zeros((n, 2)),
        interaction=np.zeros(n),
        present=present,
        names=NAMES,
    )


def decision(rule: str = "sensitivity", at: float | None = 0.9) -> Decision:
    return Decision.model_validate({"rule": rule, "at": at})


def test_the_planted_line_of_each_set_is_recovered() -> None:
    record = calibrate_run(out_of_fold(6000), "ill", decision(), 3, 0).record
    assert record.subsets["a+b"]["slope"] == pytest.approx(0.5, abs=0.06)
    assert record.subsets["a+b"]["intercept"] == pytest.approx(0, abs=0.12)
    assert record.subsets["a"]["slope"] == pytest.approx(0.5, abs=0.06)
    assert record.subsets["a"]["intercept"] == pytest.approx(-0.5, abs=0.12)
    assert record.subsets["b"]["slope"] == pytest.approx(1 / 1.5, abs=0.08)


def test_the_mean_probability_is_the_prevalence_in_every_set() -> None:
    out = out_of_fold()
    record = calibrate_run(out, "ill", decision(), 3, 0).record
    for pattern, key in enumerate(("", "a", "b", "a+b")):
        bits = np.array([bool(pattern >> m & 1) for m in range(2)])
        having = (out.present | ~bits).all(1)
        logit = out.mean_logits[having, pattern]
        mean = record.calibrate(logit, np.full(len(logit), pattern), np.zeros(len(logit))).probability.mean()
        assert mean == pytest.approx(out.labels[having].mean(), abs=1e-3), key


def test_the_probability_is_what_scoring_the_cohort_gives() -> None:
    out = out_of_fold()
    made = calibrate_run(out, "ill", decision(), 3, 0)
    found = made.record.calibrate(out.mean_logits[:, -1], out.pattern, np.zeros(len(out.labels)))
    np.testing.assert_allclose(found.probability, made.probability)


def test_crossfit_figures_do_not_see_the_study_nor_its_fold() -> None:
    out = out_of_fold(120)
    made = calibrate_run(out, "ill", decision(), 3, 0)
    flipped = out.labels.copy()
    held = out.folds[:, 0] == 1
    flipped[held] = 1 - flipped[held]
    other = calibrate_run(OutOfFold(**{**vars(out), "labels": flipped}), "ill", decision(), 3, 0)
    np.testing.assert_array_equal(other.crossfit[held], made.crossfit[held])
    assert not np.allclose(other.crossfit[~held], made.crossfit[~held])


def test_a_set_that_is_too_rare_is_calibrated_on_all() -> None:
    out = out_of_fold(90)
    out.present[:, 1] = False
    out.present[:5, 1] = True
    record = calibrate_run(out, "ill", decision(), 3, 0).record
    assert np.isfinite([record.subsets["a+b"]["slope"], record.subsets["b"]["slope"]]).all()
    assert record.subsets["a+b"]["slope"] > 0


@pytest.mark.parametrize(("rule", "at"), [("sensitivity", 0.95), ("youden", None), ("fixed", 0.2)])
def test_the_threshold_follows_its_rule(rule: str, at: float | None) -> None:
    out = out_of_fold()
    made = calibrate_run(out, "ill", decision(rule, at), 3, 0)
    threshold = made.record.threshold
    assert threshold.rule == rule
    called = made.probability >= threshold.value
    sensitivity = called[out.labels == 1].mean()
    assert threshold.sensitivity == pytest.approx(sensitivity)
    if rule == "sensitivity":
        assert sensitivity >= 0.95
    if rule == "fixed":
        assert threshold.value == 0.2


def test_nine_in_ten_sets_hold_the_truth() -> None:
    out = out_of_fold(3000)
    made = calibrate_run(out, "ill", decision(), 3, 0)
    truth = np.where(out.labels == 1, "positive", "negative")
    inside = [t in made.record.prediction_set(p) for t, p in zip(truth, made.crossfit.mean(1), strict=True)]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.01)
