"""The shared fit: one row of weights is one copy of the data, and hard starts still arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medxmodal.statistics.logistic import fit_intercept, fit_logistic
from medxmodal.statistics.odds import sigmoid
from medxmodal.statistics.roots import decreasing_root


def simulated(n: int, seed: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(1.0, 1.0, n)
    return x * scale, (rng.random(n) < sigmoid(x - 1.5)).astype(float)


def test_a_weight_of_two_is_two_copies_and_of_zero_none() -> None:
    x, y = simulated(40, 0)
    weights = np.random.default_rng(1).integers(0, 3, (6, 40)).astype(float)
    fits = fit_logistic(x, y, weights)
    for row, slope, intercept in zip(weights, fits.slope, fits.intercept, strict=True):
        copy = np.repeat(np.arange(40), row.astype(int))
        alone = fit_logistic(x[copy], y[copy], np.ones((1, copy.size)))
        assert (slope, intercept) == pytest.approx((alone.slope[0], alone.intercept[0]), abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-3, 1.0, 1e3]), n=st.integers(6, 60))
def test_at_the_maximum_the_gradient_is_zero_whatever_the_scale(seed: int, scale: float, n: int) -> None:
    x, y = simulated(n, seed, scale)
    fit = fit_logistic(x, y, np.ones((1, n)))
    if np.isfinite(fit.slope[0]):
        rest = y - sigmoid(fit.intercept[0] + fit.slope[0] * x)
        assert abs(rest.sum()) < 1e-6
        assert abs(rest @ (x / scale)) < 1e-6


def test_rows_do_not_disturb_each_other() -> None:
    x, y = simulated(30, 2)
    weights = np.ones((3, 30))
    weights[1] = y
    fits = fit_logistic(x, y, weights)
    assert np.isnan(fits.slope[1])
    assert fits.slope[0] == fits.slope[2]
    assert np.isnan(fit_intercept(x, y, weights)[1])


def test_intercept_with_extreme_offsets() -> None:
    offset = np.array([-300.0, -2.0, 0.0, 2.0, 300.0])
    y = np.array([0.0, 1.0, 0.0, 1.0, 0.0])
    shift = fit_intercept(offset, y, np.ones((1, 5)))
    assert sigmoid(shift[0] + offset).sum() == pytest.approx(2.0, abs=1e-9)


def test_root_stops_at_the_end_of_the_bracket_where_the_sign_never_turns() -> None:
    zero, one = np.zeros(2), np.ones(2)
    root = decreasing_root(lambda x: (np.array([1.0, -1.0]), np.full(2, -1e-9)), zero, one, one / 2)
    assert root.tolist() == pytest.approx([1.0, 0.0], abs=1e-9)
