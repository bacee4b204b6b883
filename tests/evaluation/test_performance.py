"""The metrics table: figures as scikit-learn has them, gains on common ground, undefined is None."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from medxmodal.evaluation import Scores, gain_sentence, metrics_table, operating_point
from medxmodal.statistics import Estimate


def world(n: int = 160, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, patients (two studies each), good and poor probabilities."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(float)
    good, poor = (1 / (1 + np.exp(-(s * (y - 0.4) + rng.normal(size=n)))) for s in (2.5, 0.5))
    return y, np.arange(n) // 2, good, poor


def everyone(p: np.ndarray) -> Scores:
    return Scores(p, p, np.ones(len(p), bool))


def test_figures_are_those_of_scikit_learn() -> None:
    y, patients, good, _ = world()
    table = metrics_table(y, patients, {"fused": everyone(good)}, draws=50)["fused"]
    assert table["auroc"]["value"] == pytest.approx(sk.roc_auc_score(y, good))
    assert table["auprc"]["value"] == pytest.approx(sk.average_precision_score(y, good))
    assert table["brier"]["value"] == pytest.approx(sk.brier_score_loss(y, good))
    assert table["log_loss"]["value"] == pytest.approx(sk.log_loss(y, good))
    for figures in table.values():
        assert set(figures) >= {"value", "lower", "upper", "n"}
        assert figures["n"] == len(y)
        assert figures["lower"] <= figures["value"] <= figures["upper"]  # type: ignore[operator]


def test_a_gain_is_paired_and_on_the_studies_that_both_answer() -> None:
    y, patients, good, poor = world()
    valid = np.arange(len(y)) % 3 != 0
    alone = Scores(poor, poor, valid)
    table = metrics_table(y, patients, {"fused": everyone(good), "unimodal.image": alone}, draws=100)
    gain = table["gain.unimodal.image"]["auroc"]
    expected = sk.roc_auc_score(y[valid], good[valid]) - sk.roc_auc_score(y[valid], poor[valid])
    assert gain["value"] == pytest.approx(expected)
    assert gain["n"] == valid.sum() == table["unimodal.image"]["auroc"]["n"]
    assert gain_sentence(gain) == "gain"
    assert gain_sentence(table["gain.unimodal.image"]["log_loss"], "log_loss") == "gain"
    assert "gain.fused" not in table


def test_the_same_model_twice_gains_exactly_nothing() -> None:
    y, patients, good, _ = world()
    table = metrics_table(y, patients, {"fused": everyone(good), "late": everyone(good)}, draws=50)
    for metric, figures in table["gain.late"].items():
        assert (figures["value"], figures["lower"], figures["upper"]) == (0, 0, 0)
        assert gain_sentence(figures, metric) == "no evidence of gain"


def test_what_a_model_does_not_answer_is_never_looked_at() -> None:
    y, patients, good, poor = world()
    valid = np.arange(len(y)) % 4 != 1
    spoiled = np.where(valid, poor, np.nan)
    tables = [
        metrics_table(y, patients, {"fused": everyone(good), "unimodal.x": Scores(p, p, valid)}, draws=40)
        for p in (poor, spoiled)
    ]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("case", ["nobody", "one", "one class"])
def test_undefined_figures_are_none_not_an_error(case: str) -> None:
    y, patients, good, poor = world(40)
    valid = {"nobody": np.zeros(40, bool), "one": np.arange(40) == 3, "one class": y == 1}[case]
    table = metrics_table(
        y, patients, {"fused": everyone(good), "unimodal.x": Scores(poor, poor, valid)}, draws=20
    )
    for model in ("unimodal.x", "gain.unimodal.x"):
        figures = table[model]["auroc"]
        assert figures["n"] == valid.sum()
        assert (figures["value"], figures["lower"], figures["upper"]) == (None, None, None)
    assert table["fused"]["auroc"]["value"] is not None


def test_over_repeats_a_figure_is_the_mean_of_figures() -> None:
    y, patients, good, poor = world()
    both = np.stack([good, poor], axis=1)
    table = metrics_table(y, patients, {"fused": everyone(both)}, draws=20)["fused"]
    expected = (sk.roc_auc_score(y, good) + sk.roc_auc_score(y, poor)) / 2
    assert table["auroc"]["value"] == pytest.approx(expected)
    assert table["auroc"]["value"] != pytest.approx(sk.roc_auc_score(y, both.mean(1)), abs=1e-3)


def test_ids_and_order_change_no_value_and_seeds_repeat() -> None:
    y, patients, good, _ = world()
    order = np.random.default_rng(1).permutation(len(y))
    first = metrics_table(y, patients, {"fused": everyone(good)}, draws=40, seed=3)
    assert first == metrics_table(y, patients, {"fused": everyone(good)}, draws=40, seed=3)
    moved = metrics_table(y[order], patients[order], {"fused": everyone(good[order])}, draws=40)
    for metric, figures in first["fused"].items():
        assert moved["fused"][metric]["value"] == pytest.approx(figures["value"])


def test_patients_are_resampled_not_studies() -> None:
    y, _, good, _ = world(120)
    doubled = [np.repeat(a, 4) for a in (y, good)]
    alone = metrics_table(y, np.arange(120), {"m": everyone(good)}, draws=300)["m"]["auroc"]
    copied = metrics_table(doubled[0], np.repeat(np.arange(120), 4), {"m": everyone(doubled[1])}, draws=300)
    figures = copied["m"]["auroc"]
    width = alone["upper"] - alone["lower"]  # type: ignore[operator]
    assert figures["upper"] - figures["lower"] == pytest.approx(width, rel=0.25)  # type: ignore[operator]


def test_lengths_must_fit() -> None:
    y, patients, good, _ = world(20)
    with pytest.raises(ValueError, match="do not belong together"):
        Scores(good, good[:5], np.ones(20, bool))
    with pytest.raises(ValueError, match="'m' has 20 studies, the labels have 5"):
        metrics_table(y[:5], patients[:5], {"m": everyone(good)})


def test_words_for_a_difference() -> None:
    assert gain_sentence(Estimate(0.03, 0.01, 0.06, n=9)) == "gain"
    assert gain_sentence(Estimate(-0.03, -0.06, -0.01, n=9)) == "worse"
    assert gain_sentence(Estimate(-0.03, -0.06, -0.01, n=9), "log_loss") == "gain"
    assert gain_sentence({"value": 0.1, "lower": -0.1, "upper": 0.2, "n": 9}) == "no evidence of gain"
    nothing = {"value": None, "lower": None, "upper": None, "n": 0}
    assert gain_sentence(nothing) == "no evidence of gain"


def test_an_operating_point_by_hand() -> None:
    y = np.array([1, 1, 1, 0, 0, 0, 0, 1])
    p = np.array([0.9, 0.8, 0.5, 0.5, 0.4, 0.1, 0.2, 0.1])
    found = operating_point(y, p, 0.5, draws=50)
    assert {name: figures["value"] for name, figures in found.items()} == {
        "sensitivity": 3 / 4,
        "specificity": 3 / 4,
        "ppv": 3 / 4,
        "npv": 3 / 4,
        "balanced_accuracy": 3 / 4,
    }
    assert [found[name]["n"] for name in ("sensitivity", "specificity", "ppv", "npv")] == [4, 4, 4, 4]
    nobody = operating_point(y, p, 1.0, draws=20)
    assert nobody["ppv"]["value"] is None
    assert nobody["ppv"]["n"] == 0
    assert nobody["sensitivity"]["value"] == 0.0
