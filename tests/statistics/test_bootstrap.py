"""Intervals cover, patients stay together, and the fast way is the plain way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medxmodal.statistics import (
    BINARY_METRICS,
    auroc,
    brier,
    ece,
    mean_over_repeats,
    paired_difference,
    patient_bootstrap,
    sigmoid,
)
from medxmodal.statistics import bootstrap as bootstrap_module
from medxmodal.statistics.bootstrap import patient_weights, percentile_interval


def simulated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1.2, n)
    return (rng.random(n) < sigmoid(logit)).astype(int), np.round(sigmoid(logit), 2)


@pytest.mark.parametrize("metric", [*BINARY_METRICS.values(), ece])
def test_weights_and_copies_give_the_same_interval(metric: bootstrap_module.PairMetric) -> None:
    y, p = simulated(50, 3)
    groups = np.arange(50) // 2
    fast = patient_bootstrap(metric, [y, p], groups, draws=40)
    plain = patient_bootstrap(lambda *arrays: metric(*arrays), [y, p], groups, draws=40)
    assert fast.as_dict() == pytest.approx(plain.as_dict(), rel=1e-6)


def test_repeats_and_differences_are_fast_and_plain_alike() -> None:
    y, p = simulated(60, 4)
    matrix = np.stack([p, p**2, 1 - p], axis=1)
    mean = mean_over_repeats(auroc)
    assert mean(y, matrix) == pytest.approx(np.mean([auroc(y, column) for column in matrix.T]))
    fast = patient_bootstrap(mean, [y, matrix], np.arange(60), draws=30)
    plain = patient_bootstrap(lambda *a: mean(*a), [y, matrix], np.arange(60), draws=30)
    assert fast.as_dict() == pytest.approx(plain.as_dict())
    fast = paired_difference(mean, y, matrix, p, np.arange(60), draws=30)
    plain = paired_difference(lambda *a: mean(*a), y, matrix, p, np.arange(60), draws=30)
    assert fast.as_dict() == pytest.approx(plain.as_dict())
    assert fast.value == pytest.approx(mean(y, matrix) - auroc(y, p))


def test_weights_draw_whole_patients_with_replacement() -> None:
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    weights = np.concatenate(list(patient_weights(groups, 500, 0)))
    assert weights.shape == (500, 6)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert weights[:, 3].mean() == pytest.approx(1.0, abs=0.1)


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.arange(7)
    whole = np.concatenate(list(patient_weights(groups, 11, 5)))
    monkeypatch.setattr(bootstrap_module, "MOST_CELLS", 14)
    blocks = list(patient_weights(groups, 11, 5))
    assert [len(block) for block in blocks] == [2, 2, 2, 2, 2, 1]
    assert np.array_equal(np.concatenate(blocks), whole)


def test_studies_of_one_patient_do_not_narrow_the_interval() -> None:
    y, p = simulated(80, 1)
    once = patient_bootstrap(auroc, [y, p], np.arange(80))
    copies = np.repeat(np.arange(80), 5)
    repeated = patient_bootstrap(auroc, [y[copies], p[copies]], copies)
    careless = patient_bootstrap(auroc, [y[copies], p[copies]], np.arange(400))
    width = once.upper - once.lower
    assert repeated.upper - repeated.lower == pytest.approx(width, rel=1e-9)
    assert careless.upper - careless.lower < 0.6 * width
    assert (once.n, repeated.n) == (80, 400)


def test_same_seed_same_interval_and_another_seed_another() -> None:
    y, p = simulated(60, 2)
    first, again, other = (patient_bootstrap(auroc, [y, p], np.arange(60), seed=s) for s in (0, 0, 1))
    assert first == again != other


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    truth = auroc(*simulated(400_000, 99))
    held = 0
    for seed in range(200):
        y, p = simulated(120, seed)
        found = patient_bootstrap(auroc, [y, p], np.arange(120), draws=200, seed=seed)
        held += found.lower <= truth <= found.upper
    assert 0.90 <= held / 200 <= 0.99


def test_interval_covers_with_clustered_patients() -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(60), 4)
        values = (rng.normal(0, 1, 60)[groups] + rng.normal(0, 0.3, 240)) / 10
        found = patient_bootstrap(lambda x: float(x.mean()), [values], groups, draws=200, seed=seed)
        held += found.lower <= 0 <= found.upper
    assert 0.88 <= held / 200 <= 0.99


def test_a_model_against_itself_gains_exactly_nothing() -> None:
    y, p = simulated(60, 2)
    same = paired_difference(auroc, y, p, p, np.arange(60))
    assert (same.value, same.lower, same.upper) == (0.0, 0.0, 0.0)
    assert same.holds_zero


def test_a_planted_gain_is_seen_and_its_sign_is_first_minus_second() -> None:
    y, p = simulated(400, 2)
    noise = np.random.default_rng(0).random(400)
    gain = paired_difference(auroc, y, p, noise, np.arange(400))
    loss = paired_difference(auroc, y, noise, p, np.arange(400))
    assert gain.value > 0
    assert not gain.holds_zero
    assert (loss.lower, loss.upper) == pytest.approx((-gain.upper, -gain.lower))


def test_pairing_narrows_the_interval() -> None:
    y, p = simulated(200, 6)
    nearly = np.clip(p + np.random.default_rng(0).normal(0, 0.02, 200), 0, 1)
    paired = paired_difference(auroc, y, p, nearly, np.arange(200))
    alone = patient_bootstrap(auroc, [y, p], np.arange(200))
    assert paired.upper - paired.lower < 0.5 * (alone.upper - alone.lower)


def test_undefined_stays_undefined() -> None:
    one_class = patient_bootstrap(auroc, [np.ones(9), np.linspace(0, 1, 9)], np.arange(9))
    assert math.isnan(one_class.value)
    assert math.isnan(one_class.lower)
    one_patient = patient_bootstrap(brier, [[0, 1], [0.2, 0.7]], ["a", "a"])
    assert one_patient.value == pytest.approx(0.065)
    assert math.isnan(one_patient.upper)
    assert math.isnan(patient_bootstrap(auroc, [[], []], []).value)


def test_a_rare_positive_leaves_out_the_draws_without_it() -> None:
    y = np.r_[1, np.zeros(30)]
    p = np.r_[0.8, np.linspace(0, 0.99, 30)]
    found = patient_bootstrap(auroc, [y, p], np.arange(31))
    assert found.lower < found.value < found.upper


def test_mostly_undefined_draws_give_no_interval() -> None:
    drawn = np.r_[np.full(60, math.nan), np.linspace(0, 1, 40)]
    assert all(math.isnan(end) for end in percentile_interval(drawn, 0.95))


def test_lengths_must_fit() -> None:
    with pytest.raises(ValueError, match=r"lengths \[3, 3\] do not fit 2 groups"):
        patient_bootstrap(brier, [[0, 1, 1], [0.1, 0.5, 0.7]], ["a", "b"])
