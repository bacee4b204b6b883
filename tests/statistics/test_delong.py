"""DeLong's interval and test against brute force, the bootstrap and their nominal rates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medxmodal.statistics import (
    auroc,
    delong_interval,
    delong_test,
    paired_difference,
    patient_bootstrap,
    sigmoid,
)


def two_models(n: int, seed: int, *, better: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    y = (rng.random(n) < sigmoid(1.2 * signal)).astype(int)
    first = signal * (1 + better) + rng.normal(size=n)
    second = signal + rng.normal(size=n)
    return y, first, second


def brute_force_variance(y: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    def wins(scores: np.ndarray) -> np.ndarray:
        gap = scores[y == 1][:, None] - scores[y == 0][None]
        return (gap > 0) + 0.5 * (gap == 0)

    gain = wins(first) - wins(second)
    positive, negative = gain.mean(axis=1), gain.mean(axis=0)
    return float(positive.var(ddof=1) / positive.size + negative.var(ddof=1) / negative.size)


@pytest.mark.parametrize("decimals", [1, 8])
def test_same_as_brute_force_over_pairs_with_and_without_ties(decimals: int) -> None:
    y, first, second = two_models(150, 0, better=1.0)
    first, second = np.round(first, decimals), np.round(second, decimals)
    test = delong_test(y, first, second)
    assert test.difference.value == pytest.approx(auroc(y, first) - auroc(y, second), abs=1e-12)
    assert test.z == pytest.approx(test.difference.value / math.sqrt(brute_force_variance(y, first, second)))
    assert delong_interval(y, first).value == pytest.approx(auroc(y, first), abs=1e-12)


def test_close_to_the_bootstrap() -> None:
    y, first, second = two_models(400, 1, better=1.0)
    patients = np.arange(400)
    quick, slow = delong_interval(y, first), patient_bootstrap(auroc, [y, first], patients, draws=2000)
    assert (quick.lower, quick.upper) == pytest.approx((slow.lower, slow.upper), abs=0.01)
    quick = delong_test(y, first, second).difference
    slow = paired_difference(auroc, y, first, second, patients, draws=2000)
    assert (quick.lower, quick.upper) == pytest.approx((slow.lower, slow.upper), abs=0.01)


def test_interval_covers_as_often_as_it_says() -> None:
    truth = delong_interval(*two_models(400_000, 999)[:2]).value
    held = 0
    for seed in range(400):
        found = delong_interval(*two_models(100, seed)[:2])
        held += found.lower <= truth <= found.upper
    assert 0.92 <= held / 400 <= 0.98


def test_false_alarms_are_as_frequent_as_promised() -> None:
    alarms = np.mean([delong_test(*two_models(100, seed)).p_value < 0.05 for seed in range(400)])
    assert 0.02 <= alarms <= 0.09


def test_p_value_and_interval_agree() -> None:
    for seed in range(40):
        test = delong_test(*two_models(80, seed, better=0.8))
        assert test.difference.holds_zero == (test.p_value >= 0.05)


def test_the_same_ranking_differs_by_nothing() -> None:
    y, first, _ = two_models(60, 3)
    same = delong_test(y, first, first**3)
    assert (same.difference.value, same.z, same.p_value) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("y", "scores"),
    [([1, 1, 1], [1, 2, 3]), ([0, 0, 1], [1, 3, 2]), ([0, 0, 1, 1], [1, 2, 3, 4]), ([0, 1], [math.nan, 1])],
)
def test_no_interval_where_the_variance_is_unknown(y: list[int], scores: list[float]) -> None:
    found = delong_interval(y, scores)
    assert math.isnan(found.lower)
    assert math.isnan(found.upper)


def test_one_class_makes_the_test_undefined() -> None:
    assert math.isnan(delong_test([1, 1], [0.1, 0.2], [0.3, 0.1]).p_value)
