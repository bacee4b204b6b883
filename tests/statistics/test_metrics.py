"""Metrics against known answers, scikit-learn and their invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from medxmodal.statistics import (
    BINARY_METRICS,
    at_threshold,
    auprc,
    auroc,
    brier,
    calibration_intercept,
    calibration_slope,
    ece,
    log_loss,
    log_odds,
    sigmoid,
)


def simulated(n: int = 300, seed: int = 0, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(-0.5, 1.3, n)
    y = (rng.random(n) < sigmoid(0.6 * logit + 0.4)).astype(int)
    p = sigmoid(logit)
    return y, np.round(p, 1) if ties else p


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_same_as_scikit_learn(seed: int, ties: bool) -> None:
    y, p = simulated(seed=seed, ties=ties)
    assert auroc(y, p) == pytest.approx(sk.roc_auc_score(y, p), abs=1e-12)
    assert auprc(y, p) == pytest.approx(sk.average_precision_score(y, p), abs=1e-12)
    assert brier(y, p) == pytest.approx(sk.brier_score_loss(y, p), abs=1e-12)
    assert log_loss(y, p) == pytest.approx(sk.log_loss(y, p), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_slope_is_unpenalised_logistic_regression(seed: int) -> None:
    y, p = simulated(seed=seed)
    fitted = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(log_odds(p)[:, None], y)
    assert calibration_slope(y, p) == pytest.approx(fitted.coef_[0, 0], abs=1e-4)


def test_calibration_intercept_makes_the_mean_probability_the_prevalence() -> None:
    y, p = simulated()
    shift = calibration_intercept(y, p)
    assert abs(shift) > 0.05
    assert sigmoid(log_odds(p) + shift).mean() == pytest.approx(y.mean(), abs=1e-10)


def test_planted_miscalibration_is_read_back() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(0, 1.5, 200_000)
    y = rng.random(logit.size) < sigmoid(logit)
    assert calibration_slope(y, sigmoid(2 * logit)) == pytest.approx(0.5, abs=0.01)
    assert calibration_intercept(y, sigmoid(logit - 1)) == pytest.approx(1.0, abs=0.02)
    assert ece(y, sigmoid(logit)) < 0.005 < 0.1 < ece(y, sigmoid(3 * logit))


def test_ece_by_hand() -> None:
    assert ece([0, 0, 1, 1], [0.2, 0.2, 0.7, 1.0]) == pytest.approx(0.25 * (0.4 + 0.3))


@pytest.mark.parametrize("name", ["auroc", "auprc", "calibration_slope", "calibration_intercept"])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_nan_not_an_exception(name: str, label: int) -> None:
    assert math.isnan(BINARY_METRICS[name](np.full(5, label), np.linspace(0.1, 0.9, 5)))


@pytest.mark.parametrize("name", list(BINARY_METRICS))
def test_no_studies_or_a_missing_probability_is_nan(name: str) -> None:
    assert math.isnan(BINARY_METRICS[name](np.empty(0), np.empty(0)))
    assert math.isnan(BINARY_METRICS[name]([0, 1, 1], [0.2, math.nan, 0.7]))


@pytest.mark.parametrize("p", [[0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1], [0.1, 0.5, 0.5, 0.9], [0.3] * 4])
def test_separated_or_constant_probabilities_have_no_slope(p: list[float]) -> None:
    assert math.isnan(calibration_slope([0, 0, 1, 1], p))
    assert math.isfinite(calibration_intercept([0, 0, 1, 1], p))


def test_nearly_separated_probabilities_still_have_the_slope_of_the_best_fit() -> None:
    logit = np.array([-3.0, -2.0, 0.2, 0.1, 2.0, 3.0])
    y = np.array([0, 0, 0, 1, 1, 1])
    slope = calibration_slope(y, sigmoid(logit))
    fitted = LogisticRegression(C=1e10, tol=1e-12, max_iter=10_000).fit(logit[:, None], y)
    assert slope == pytest.approx(fitted.coef_[0, 0], rel=1e-3)


def test_certain_probabilities_stay_finite() -> None:
    y, p = np.array([0, 1, 1, 0, 1]), np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    assert all(math.isfinite(metric(y, p)) for metric in BINARY_METRICS.values())


def test_labels_that_are_not_binary_are_refused() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        auroc([0, 1, 2], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="differ"):
        auroc([0, 1], [0.1, 0.2, 0.3])


def test_threshold_metrics_by_hand() -> None:
    found = at_threshold([1, 1, 1, 0, 0, 0, 0, 0], [0.9, 0.5, 0.2, 0.8, 0.3, 0.2, 0.1, 0.0], 0.5)
    assert found.sensitivity == pytest.approx(2 / 3)
    assert found.specificity == pytest.approx(4 / 5)
    assert found.ppv == pytest.approx(2 / 3)
    assert found.npv == pytest.approx(4 / 5)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found.net_benefit == pytest.approx(2 / 8 - 1 / 8)


def test_rates_without_a_denominator_are_nan() -> None:
    none_called = at_threshold([0, 1], [0.1, 0.2], 0.9)
    assert math.isnan(none_called.ppv)
    assert none_called.npv == 0.5
    assert math.isnan(at_threshold([0, 0], [0.1, 0.2], 0.9).sensitivity)


scores = st.lists(st.integers(-30, 30), min_size=4, max_size=40)


@settings(max_examples=60, deadline=None)
@given(scores=scores, seed=st.integers(0, 1000))
def test_auroc_knows_only_the_order(scores: list[int], seed: int) -> None:
    y = np.random.default_rng(seed).integers(0, 2, len(scores))
    y[:2] = [0, 1]
    x = np.array(scores, dtype=float)
    value = auroc(y, x)
    assert auroc(y, x**3 + 5 * x) == pytest.approx(value, abs=1e-12)
    assert auroc(y, sigmoid(x / 10)) == pytest.approx(value, abs=1e-12)
    assert auroc(y, -x) == pytest.approx(1 - value, abs=1e-12)
    assert auroc(1 - y, x) == pytest.approx(1 - value, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_studies_changes_nothing(seed: int) -> None:
    y, p = simulated(60, seed, ties=bool(seed % 2))
    shuffled = np.random.default_rng(seed).permutation(60)
    for metric in (*BINARY_METRICS.values(), ece):
        assert metric(y[shuffled], p[shuffled]) == pytest.approx(metric(y, p), rel=1e-6, nan_ok=True)
