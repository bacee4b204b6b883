"""Platt's calibrator keeps the mean, keeps the order, recovers the truth and knows how sure it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from medxmodal.errors import RunError, TrainingError
from medxmodal.statistics import Platt, calibration_intercept, calibration_slope, fit_platt, sigmoid


def simulated(
    n: int, seed: int, slope: float = 0.5, intercept: float = -0.7
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(0.3, 2.0, n)
    return logit, (rng.random(n) < sigmoid(intercept + slope * logit)).astype(int)


def test_planted_line_is_recovered() -> None:
    logit, y = simulated(50_000, 0)
    found = fit_platt(logit, y, np.arange(y.size), draws=20)
    assert (found.slope, found.intercept) == pytest.approx((0.5, -0.7), abs=0.03)
    assert calibration_slope(y, found.probability(logit)) == pytest.approx(1.0, abs=1e-3)
    assert calibration_intercept(y, found.probability(logit)) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("strength", [0.25, 5.0])
def test_it_is_the_maximum_of_the_penalised_likelihood(strength: float) -> None:
    logit, y = simulated(40, 1)

    def loss(line: np.ndarray) -> float:
        eta = line[1] + line[0] * logit
        return float(np.sum(np.logaddexp(0, eta) - y * eta) + strength / 2 * (line[0] - 1) ** 2)

    best = minimize(loss, [1.0, 0.0], method="BFGS", options={"gtol": 1e-8}).x
    found = fit_platt(logit, y, np.arange(40), draws=5, prior_strength=strength)
    assert (found.slope, found.intercept) == pytest.approx(tuple(best), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    logit=st.lists(st.floats(-40, 40), min_size=3, max_size=30),
    seed=st.integers(0, 1000),
)
def test_mean_is_the_prevalence_and_order_is_kept_on_any_cohort(logit: list[float], seed: int) -> None:
    x = np.array(logit)
    y = np.random.default_rng(seed).integers(0, 2, x.size)
    y[:2] = [0, 1]
    found = fit_platt(x, y, np.arange(x.size), draws=10)
    assert found.slope > 0
    assert found.probability(x).mean() == pytest.approx(y.mean(), abs=1e-6)
    assert np.isfinite(found.covariance).all()
    assert (np.diff(found.logit(np.sort(x))) >= 0).all()


def test_separable_cohorts_stay_finite() -> None:
    x, y = np.array([-0.2, -0.1, 0.1, 0.2]), np.array([0, 0, 1, 1])
    found = fit_platt(x, y, np.arange(4))
    assert 0 < found.slope < 10
    assert np.abs(found.logit(x)).max() < 3


def test_a_logit_that_points_the_wrong_way_is_flattened_not_turned_round() -> None:
    logit, y = simulated(200, 3, slope=-2.0)
    found = fit_platt(logit, y, np.arange(200))
    assert 0 < found.slope <= 0.011
    assert found.probability(logit).mean() == pytest.approx(y.mean(), abs=1e-8)


@pytest.mark.parametrize("constant", [-3.0, 0.0, 25.0])
def test_a_constant_logit_gives_the_prevalence(constant: float) -> None:
    y = np.r_[np.ones(3), np.zeros(9)]
    found = fit_platt(np.full(12, constant), y, np.arange(12))
    assert float(found.probability(constant)) == pytest.approx(0.25, abs=1e-9)
    assert found.slope == pytest.approx(1.0)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_smoothed_not_certain(label: int) -> None:
    found = fit_platt(np.linspace(-1, 1, 8), np.full(8, label), np.arange(8))
    mean = found.probability(np.linspace(-1, 1, 8)).mean()
    assert mean == pytest.approx(0.9 if label else 0.1, abs=1e-8)


@pytest.mark.parametrize("groups", [["a"] * 6, list(range(6))])
def test_covariance_is_positive_even_without_patients_to_resample(groups: list[object]) -> None:
    found = fit_platt([-2, -1, 0, 0.5, 1, 2], [0, 0, 1, 0, 1, 1], groups)
    assert (np.linalg.eigvalsh(found.covariance) > 0).all()


def test_repeated_studies_of_a_patient_do_not_narrow_the_interval() -> None:
    logit, y = simulated(100, 5)
    copies = np.repeat(np.arange(100), 6)
    once = fit_platt(logit, y, np.arange(100), prior_strength=1e-6)
    again = fit_platt(logit[copies], y[copies], copies, prior_strength=1e-6)
    assert np.allclose(once.covariance, again.covariance, rtol=1e-3)


def test_covariance_is_that_of_the_fit_over_fresh_cohorts() -> None:
    fits = [fit_platt(*simulated(300, seed), np.arange(300), draws=2) for seed in range(300)]
    over_cohorts = np.cov([f.slope for f in fits], [f.intercept for f in fits])
    told = np.mean(
        [fit_platt(*simulated(300, s), np.arange(300), draws=200).covariance for s in range(20)], axis=0
    )
    assert np.allclose(np.diag(told), np.diag(over_cohorts), rtol=0.35)


def test_interval_covers_the_true_probability() -> None:
    at = np.array([-3.0, 0.0, 1.5, 4.0])
    truth = sigmoid(-0.7 + 0.5 * at)
    held = []
    for seed in range(150):
        found = fit_platt(*simulated(150, seed), np.arange(150), seed=seed)
        lower, upper = found.interval(at, 0.0)
        held.append((lower <= truth) & (truth <= upper))
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_interval_by_hand() -> None:
    platt = Platt(slope=0.5, intercept=-1.0, covariance=((0.04, 0.01), (0.01, 0.09)))
    variance = 0.04 * 4 + 2 * 0.01 * 2 + 0.09 + 0.25 * 0.3
    lower, upper = platt.interval(2.0, 0.3)
    assert float(lower) == pytest.approx(expit(0.0 - 1.959964 * variance**0.5), abs=1e-6)
    assert float(upper) == pytest.approx(expit(0.0 + 1.959964 * variance**0.5), abs=1e-6)


def test_interval_holds_the_probability_and_widens_with_member_spread_and_level() -> None:
    platt = fit_platt(*simulated(80, 9), np.arange(80))
    logit = np.linspace(-30, 30, 41)
    lower, upper = platt.interval(logit, 0.0)
    wider_lower, wider_upper = platt.interval(logit, np.full(41, 0.5))
    assert ((lower <= platt.probability(logit)) & (platt.probability(logit) <= upper)).all()
    assert ((wider_lower <= lower) & (upper <= wider_upper)).all()
    narrow_lower, narrow_upper = platt.interval(logit, 0.0, level=0.5)
    assert ((lower <= narrow_lower) & (narrow_upper <= upper)).all()
    assert (lower >= 0).all()
    assert (upper <= 1).all()


def test_round_trip_through_json_is_exact() -> None:
    platt = fit_platt(*simulated(60, 2), np.arange(60))
    assert Platt.from_dict(json.loads(json.dumps(platt.as_dict()))) == platt


@pytest.mark.parametrize(
    "damaged", [{}, {"slope": 1, "intercept": None, "covariance": [[1, 0], [0, 1]]}, {"covariance": [1, 2]}]
)
def test_a_damaged_file_is_named(damaged: dict[str, object]) -> None:
    with pytest.raises(RunError, match="damaged"):
        Platt.from_dict(damaged)


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(TrainingError, match="without studies"):
        fit_platt([], [], [])
    with pytest.raises(TrainingError, match="1 of 2 logits"):
        fit_platt([0.1, float("nan")], [0, 1], ["a", "b"])
