"""Prevalence moves odds and nothing else, and is found again where it was planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medxmodal.errors import RecipeError
from medxmodal.statistics import (
    auroc,
    calibration_intercept,
    estimate_prevalence,
    log_odds,
    prior_offset,
    shift_probability,
)

shares = st.floats(0.01, 0.99)


def hospital(n: int, prevalence: float, seed: int, apart: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the probabilities of the ideal model of a place where one half has the disease."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < prevalence).astype(int)
    x = rng.normal(apart * (y - 0.5), 1.0)
    return y, 1 / (1 + np.exp(-apart * x))


@settings(max_examples=100, deadline=None)
@given(p=st.floats(0.001, 0.999), source=shares, target=shares, third=shares)
def test_there_and_back_and_by_way_of_a_third(p: float, source: float, target: float, third: float) -> None:
    there = shift_probability(p, source, target)
    assert float(shift_probability(there, target, source)) == pytest.approx(p, abs=1e-9)
    by_way = shift_probability(shift_probability(p, source, third), third, target)
    assert float(by_way) == pytest.approx(float(there), abs=1e-9)
    assert float(log_odds(there)) == pytest.approx(
        float(log_odds(p)) + prior_offset(source, target), abs=1e-6
    )


@settings(max_examples=50, deadline=None)
@given(source=shares, target=shares)
def test_the_prevalence_itself_becomes_the_new_one_and_certainty_stays(source: float, target: float) -> None:
    moved = shift_probability([0.0, source, 1.0], source, target)
    assert moved.tolist() == pytest.approx([0.0, target, 1.0], abs=1e-9)


def test_shifted_probabilities_are_calibrated_where_they_go_and_rank_as_before() -> None:
    y, p = hospital(100_000, 0.1, 0)
    moved = shift_probability(p, 0.5, 0.1)
    assert abs(calibration_intercept(y, p)) > 1.5
    assert calibration_intercept(y, moved) == pytest.approx(0.0, abs=0.06)
    assert moved.mean() == pytest.approx(0.1, abs=0.005)
    assert auroc(y, moved) == pytest.approx(auroc(y, p), abs=1e-6)


@pytest.mark.parametrize("planted", [0.05, 0.3, 0.5, 0.85])
def test_a_planted_prevalence_is_recovered(planted: float) -> None:
    _, p = hospital(20_000, planted, 1)
    found = estimate_prevalence(p, 0.5, draws=20)
    assert found.value == pytest.approx(planted, abs=0.02)
    assert not found.extreme
    assert found.reason == ""


def test_it_does_not_depend_on_where_it_starts() -> None:
    _, p = hospital(5_000, 0.2, 2)
    elsewhere = shift_probability(p, 0.5, 0.8)
    assert estimate_prevalence(elsewhere, 0.8, draws=5).value == pytest.approx(
        estimate_prevalence(p, 0.5, draws=5).value, abs=1e-5
    )


def test_it_is_a_fixed_point() -> None:
    _, p = hospital(3_000, 0.2, 2)
    found = estimate_prevalence(p, 0.5, draws=5)
    assert shift_probability(p, 0.5, found.value).mean() == pytest.approx(found.value, abs=1e-7)
    assert found.iterations > 1


def test_interval_covers_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        found = estimate_prevalence(hospital(200, 0.3, seed)[1], 0.5, draws=150, seed=seed)
        held += found.lower <= 0.3 <= found.upper
    assert 0.90 <= held / 200 <= 0.99


def test_studies_of_one_patient_do_not_narrow_the_interval() -> None:
    _, p = hospital(150, 0.3, 3)
    copies = np.repeat(np.arange(150), 4)
    once = estimate_prevalence(p, 0.5)
    grouped = estimate_prevalence(p[copies], 0.5, groups=copies)
    assert grouped.upper - grouped.lower == pytest.approx(once.upper - once.lower, rel=1e-3)


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (np.full(19, 0.4), "19 studies are fewer than the 20"),
        (np.full(200, 0.001), "outside 0.02 to 0.98"),
        (hospital(100, 0.06, 0)[1], "reaches outside 0.02 to 0.98"),
        (hospital(60, 0.5, 0, apart=0.2)[1], "is wider than 0.5"),
        (np.full(100, 0.5), "is wider than 0.5"),
    ],
)
def test_what_should_not_be_acted_on_says_why(p: np.ndarray, said: str) -> None:
    found = estimate_prevalence(p, 0.5)
    assert found.extreme
    assert said in found.reason


@pytest.mark.parametrize("prevalence", [0.0, 1.0, 12.0, -0.1, float("nan")])
def test_a_prevalence_that_is_none_is_refused(prevalence: float) -> None:
    with pytest.raises(RecipeError, match="between 0 and 1"):
        shift_probability(0.5, 0.5, prevalence)
    with pytest.raises(RecipeError, match="source prevalence"):
        estimate_prevalence(np.full(30, 0.5), prevalence)


@pytest.mark.parametrize("p", [[], [0.5, float("nan")], [0.5, 1.5], [[0.5]]])
def test_what_are_no_probabilities_is_refused(p: list[float]) -> None:
    with pytest.raises(RecipeError, match="expected a vector of probabilities"):
        estimate_prevalence(p, 0.5)
