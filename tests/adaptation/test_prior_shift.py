"""The first rung on simulated calibrated probabilities, where the truth at the target is known."""

from __future__ import annotations

import numpy as np
import pytest

from medxmodal import registry
from medxmodal.adaptation import Source, Target
from medxmodal.errors import AdaptationError
from medxmodal.records import CalibrationRecord, ThresholdFacts
from medxmodal.statistics import log_odds, sigmoid

IDENTITY = {"method": "platt", "slope": 1.0, "intercept": 0.0, "covariance": [[0.0, 0.0], [0.0, 0.0]]}


def draw(rng: np.random.Generator, n: int, prevalence: float, at: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels at a prevalence, and the exact posterior at another prevalence, of a Gaussian marker."""
    y = (rng.random(n) < prevalence).astype(float)
    marker = rng.normal(2.0 * y - 1.0, 1.0)
    return y, sigmoid(log_odds(at) + 2.0 * marker)


def record(rule: str = "sensitivity", value: float = 0.2) -> CalibrationRecord:
    return CalibrationRecord(
        task="ill",
        modalities=["m"],
        members=5,
        prevalence=0.5,
        subsets={"": IDENTITY, "m": IDENTITY},
        threshold=ThresholdFacts(value=value, rule=rule, at=0.9),
        conformal_quantile=0.6,
        fitted_on=1000,
    )


def rung(prevalence: float | None = None) -> object:
    return registry.create("adaptation", {"name": "prior_shift", "prevalence": prevalence})


def test_estimated_prevalence_makes_probabilities_right_at_the_target(rng: np.random.Generator) -> None:
    y, p = draw(rng, 4000, 0.5, 0.5)
    there, seen = draw(rng, 4000, 0.15, 0.5)
    adapted = rung().adapt(record(), Source(y, p, p), Target(seen, np.arange(4000)))
    prior = adapted.calibration.prior
    assert prior is not None
    assert abs(prior.target - there.mean()) < 0.02
    logit = log_odds(seen)
    after = adapted.calibration.calibrate(logit, np.ones(4000, int), np.zeros(4000))
    assert abs(after.probability.mean() - there.mean()) < 0.02
    assert abs(seen.mean() - there.mean()) > 0.05
    assert (after.lower <= after.probability).all()
    assert "0.5" in adapted.how


def test_a_data_driven_threshold_keeps_every_decision_and_a_fixed_one_stays(
    rng: np.random.Generator,
) -> None:
    y, p = draw(rng, 500, 0.5, 0.5)
    target = Target(p, np.arange(500))
    moved = rung(0.1).adapt(record("sensitivity"), Source(y, p, p), target).calibration
    after = moved.calibrate(log_odds(p), np.ones(500, int), np.zeros(500)).probability
    assert ((after >= moved.threshold.value) == (p >= 0.2)).all()
    assert moved.threshold.value < 0.2
    fixed = rung(0.1).adapt(record("net_benefit"), Source(y, p, p), target).calibration
    assert fixed.threshold.value == 0.2
    assert fixed.threshold.sensitivity < moved.threshold.sensitivity


def test_conformal_sets_keep_their_coverage_at_the_target(rng: np.random.Generator) -> None:
    y, p = draw(rng, 3000, 0.5, 0.5)
    there, seen = draw(rng, 20000, 0.1, 0.5)
    adapted = rung(0.1).adapt(record(), Source(y, p, p), Target(seen, np.arange(20000))).calibration
    after = adapted.calibrate(log_odds(seen), np.ones(20000, int), np.zeros(20000)).probability
    of_truth = np.where(there == 1, after, 1 - after)
    covered = (1 - of_truth <= adapted.conformal_quantile + 1e-9).mean()
    assert 0.88 < covered < 0.95


def test_the_same_prevalence_changes_nothing(rng: np.random.Generator) -> None:
    y, p = draw(rng, 300, 0.5, 0.5)
    adapted = rung(0.5).adapt(record(), Source(y, p, p), Target(p, np.arange(300))).calibration
    assert adapted.threshold.value == pytest.approx(0.2)
    after = adapted.calibrate(log_odds(p), np.ones(300, int), np.zeros(300))
    np.testing.assert_allclose(after.probability, p, atol=1e-9)


def test_extreme_estimates_and_impossible_prevalences_are_refused(rng: np.random.Generator) -> None:
    y, p = draw(rng, 300, 0.5, 0.5)
    source = Source(y, p, p)
    with pytest.raises(AdaptationError, match="--prevalence"):
        rung().adapt(record(), source, Target(np.full(200, 0.999), np.arange(200)))
    with pytest.raises(AdaptationError, match="fewer than the 20"):
        rung().adapt(record(), source, Target(p[:10], np.arange(10)))
    for wrong in (0.0, 1.0, -0.1, 12.0):
        with pytest.raises(AdaptationError, match="between 0 and 1"):
            rung(wrong)
    once = rung(0.2).adapt(record(), source, Target(p, np.arange(300))).calibration
    with pytest.raises(AdaptationError, match="adapted already"):
        rung(0.3).adapt(once, source, Target(p, np.arange(300)))
