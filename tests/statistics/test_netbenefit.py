"""Decision curves against hand counts and what must hold of any model."""

from __future__ import annotations

import numpy as np
import pytest

from medxmodal.statistics import at_threshold, decision_curve, sigmoid


def test_by_hand() -> None:
    curve = decision_curve([1, 1, 0, 0, 0], [0.9, 0.3, 0.6, 0.2, 0.1], [0.25, 0.5])
    assert curve.model == pytest.approx((2 / 5 - 1 / 5 / 3, 1 / 5 - 1 / 5))
    assert curve.treat_all == pytest.approx((2 / 5 - 3 / 5 / 3, 2 / 5 - 3 / 5))
    assert curve.treat_none == (0.0, 0.0)
    assert curve.n == 5


def test_it_is_the_net_benefit_of_each_threshold() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(100)
    y = rng.random(100) < p
    grid = np.linspace(0, 0.95, 20)
    curve = decision_curve(y, p, grid)
    assert curve.model == pytest.approx([at_threshold(y, p, t).net_benefit for t in grid])
    assert curve.treat_all[0] == curve.model[0] == pytest.approx(y.mean())


def test_treating_all_crosses_zero_at_the_prevalence() -> None:
    y = np.r_[np.ones(30), np.zeros(70)]
    curve = decision_curve(y, np.full(100, 0.3), [0.29, 0.3, 0.31])
    assert curve.treat_all[0] > 0 > curve.treat_all[2]
    assert curve.treat_all[1] == pytest.approx(0.0, abs=1e-12)


def test_a_calibrated_model_beats_both_simple_policies() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(-1, 1.5, 20_000)
    y = rng.random(logit.size) < sigmoid(logit)
    curve = decision_curve(y, sigmoid(logit), np.linspace(0.05, 0.8, 16))
    best_simple = np.maximum(curve.treat_all, 0)
    assert (np.array(curve.model) >= best_simple - 1e-3).all()
    assert np.max(np.array(curve.model) - best_simple) > 0.05


def test_as_dict_holds_plain_lists() -> None:
    curve = decision_curve([0, 1], [0.1, 0.9], [0.5])
    assert curve.as_dict() == {
        "thresholds": [0.5],
        "model": [0.5],
        "treat_all": [0.0],
        "treat_none": [0.0],
        "n": 2,
    }


@pytest.mark.parametrize("wrong", [1.0, -0.1])
def test_wrong_requests(wrong: float) -> None:
    with pytest.raises(ValueError, match="from 0 to below 1"):
        decision_curve([0, 1], [0.1, 0.9], [wrong])
    with pytest.raises(ValueError, match="at least one study"):
        decision_curve([], [], [0.5])
