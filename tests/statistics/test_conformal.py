"""Prediction sets hold the truth as often as they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medxmodal.statistics import (
    conformal_quantile,
    prediction_set,
    sigmoid,
    weighted_conformal_quantile,
)


@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("n", [15, 60])
def test_coverage_over_many_cohorts(level: float, n: int) -> None:
    held = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        p = sigmoid(rng.normal(0, 1.5, n + 20))
        y = rng.random(n + 20) < p
        of_truth = np.where(y, p, 1 - p)
        quantile = conformal_quantile(of_truth[:n], level)
        for chance, label in zip(p[n:], y[n:], strict=True):
            truth = "positive" if label else "negative"
            held.append(truth in prediction_set({"positive": chance, "negative": 1 - chance}, quantile))
    expected = math.ceil((n + 1) * level) / (n + 1)
    assert np.mean(held) == pytest.approx(expected, abs=0.012)


def test_rank_is_corrected_for_a_finite_cohort() -> None:
    p = 1 - np.arange(1, 20) / 100
    assert conformal_quantile(p, 0.9) == pytest.approx(0.18)
    assert conformal_quantile(p, 0.95) == pytest.approx(0.19)
    assert conformal_quantile(p[:18], 0.95) == 1.0
    assert conformal_quantile([], 0.9) == 1.0


def test_too_few_studies_promise_nothing_so_every_label_is_in() -> None:
    quantile = conformal_quantile([0.9, 0.8], 0.9)
    assert prediction_set({"positive": 1.0, "negative": 0.0}, quantile) == ("positive", "negative")


@pytest.mark.parametrize(
    ("chance", "quantile", "labels"),
    [
        (0.9, 0.4, ("positive",)),
        (0.1, 0.4, ("negative",)),
        (0.5, 0.6, ("positive", "negative")),
        (0.5, 0.4, ()),
        (0.6, 0.4, ("positive",)),
    ],
)
def test_known_sets(chance: float, quantile: float, labels: tuple[str, ...]) -> None:
    assert prediction_set({"positive": chance, "negative": 1 - chance}, quantile) == labels


def test_a_set_never_shrinks_with_the_level() -> None:
    p = np.random.default_rng(0).random(200)
    quantiles = [conformal_quantile(p, level) for level in (0.5, 0.7, 0.9, 0.99)]
    assert quantiles == sorted(quantiles)


def test_wrong_requests() -> None:
    with pytest.raises(ValueError, match="level"):
        conformal_quantile([0.5], 1.0)
    with pytest.raises(ValueError, match="NaN"):
        conformal_quantile([0.5, math.nan])


def test_weights_stand_for_copies(rng: np.random.Generator) -> None:
    p = rng.random(200)
    weight = rng.integers(1, 4, 200).astype(float)
    copied = conformal_quantile(np.repeat(p, weight.astype(int)), 0.9)
    weighted = weighted_conformal_quantile(p, weight, 0.9)
    assert weighted >= copied  # a new study counts as the heaviest
    assert abs(weighted - copied) < 0.02


def test_few_or_impossible_weights() -> None:
    assert weighted_conformal_quantile([0.9] * 3, [1.0] * 3, 0.9) == 1.0
    assert weighted_conformal_quantile([], [], 0.9) == 1.0
    for weight in ([0.0, 1.0], [-1.0, 1.0]):
        with pytest.raises(ValueError, match="above 0"):
            weighted_conformal_quantile([0.5, 0.5], weight, 0.9)
