"""Each rule chooses the threshold it promises, and refuses what does not fit it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from medxmodal.errors import RecipeError
from medxmodal.statistics import Threshold, at_threshold, choose_threshold

cohorts = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 100)), min_size=4, max_size=60)


def arrays(cohort: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    y, p = np.array([*cohort, (0, 30), (1, 60)]).T
    return y, p / 100


@settings(max_examples=100, deadline=None)
@given(cohort=cohorts, at=st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95, 1.0]))
def test_sensitivity_is_kept_and_no_larger_threshold_keeps_it(
    cohort: list[tuple[int, int]], at: float
) -> None:
    y, p = arrays(cohort)
    found = choose_threshold(y, p, "sensitivity", at)
    assert found.sensitivity == at_threshold(y, p, found.value).sensitivity >= at - 1e-12
    larger = found.value + 2e-5
    assert at_threshold(y, p, larger).sensitivity < at


@settings(max_examples=100, deadline=None)
@given(cohort=cohorts, at=st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95, 1.0]))
def test_specificity_is_kept_and_no_smaller_observed_threshold_keeps_it(
    cohort: list[tuple[int, int]], at: float
) -> None:
    y, p = arrays(cohort)
    found = choose_threshold(y, p, "specificity", at)
    assert found.specificity == at_threshold(y, p, found.value).specificity >= at - 1e-12
    smaller = p[p < found.value]
    assert not smaller.size or at_threshold(y, p, float(smaller.max())).specificity < at


@settings(max_examples=100, deadline=None)
@given(cohort=cohorts)
def test_youden_is_the_best_of_the_roc_curve(cohort: list[tuple[int, int]]) -> None:
    y, p = arrays(cohort)
    found = choose_threshold(y, p, "youden")
    false, true, _ = roc_curve(y, p, drop_intermediate=False)
    assert found.sensitivity + found.specificity - 1 == pytest.approx(np.max(true - false))


def test_known_answers() -> None:
    y = [0, 0, 0, 1, 0, 1, 1, 1]
    p = [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.9]
    assert choose_threshold(y, p, "sensitivity", 1.0).value == pytest.approx(0.3, abs=2e-5)
    assert choose_threshold(y, p, "sensitivity", 0.75).value == pytest.approx(0.6, abs=2e-5)
    assert choose_threshold(y, p, "specificity", 1.0).value == pytest.approx(0.6, abs=2e-5)
    assert choose_threshold(y, p, "specificity", 0.75).value == pytest.approx(0.3, abs=2e-5)
    youden = choose_threshold(y, p, "youden")
    assert youden.value == pytest.approx(0.3, abs=2e-5)
    assert (youden.sensitivity, youden.specificity, youden.at) == (1.0, 0.75, None)


@pytest.mark.parametrize("rule", ["net_benefit", "fixed"])
def test_a_stated_threshold_is_taken_as_it_is(rule: str) -> None:
    found = choose_threshold([0, 1, 1], [0.1, 0.2, 0.9], rule, 0.2)
    assert (found.value, found.rule, found.at) == (0.2, rule, 0.2)
    assert (found.sensitivity, found.specificity) == (1.0, 1.0)


@pytest.mark.parametrize(("rule", "at"), [("sensitivity", 0.9), ("specificity", 0.9), ("youden", None)])
def test_rounding_turns_no_study_over(rule: str, at: float | None) -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 100), rng.permutation(100) / 100 + 0.001
    value = choose_threshold(y, p, rule, at).value
    for noise in (-4e-6, 4e-6):
        assert np.array_equal(p + noise >= value, p >= value)


def test_specificity_of_one_where_a_negative_has_the_highest_probability() -> None:
    for highest in (0.9, 1.0):
        found = choose_threshold([1, 0], [0.3, highest], "specificity", 1.0)
        assert (found.specificity, found.sensitivity) == (1.0, 0.0)
        assert found.value > highest


@pytest.mark.parametrize(
    ("rule", "at", "said"),
    [
        ("sensitivty", 0.9, "expected one of sensitivity, specificity, youden, net_benefit, fixed"),
        ("sensitivity", None, "expects a number from above 0 to 1, got None"),
        ("sensitivity", 95, "from above 0 to 1, got 95"),
        ("specificity", 0.0, "got 0.0"),
        ("specificity", math.nan, "got nan"),
        ("net_benefit", 1.0, "from above 0 to below 1"),
        ("fixed", 1.2, "from 0 to 1, got 1.2"),
        ("youden", 0.5, "takes none, got 0.5"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(rule: str, at: float | None, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        choose_threshold([0, 1], [0.2, 0.8], rule, at)


@pytest.mark.parametrize(
    ("rule", "at", "label"), [("sensitivity", 0.9, 0), ("specificity", 0.9, 1), ("youden", None, 1)]
)
def test_a_missing_class_is_refused_where_it_is_needed(rule: str, at: float | None, label: int) -> None:
    with pytest.raises(RecipeError, match="at least one"):
        choose_threshold([label, label], [0.2, 0.8], rule, at)


def test_a_missing_class_is_no_matter_for_a_stated_threshold() -> None:
    found = choose_threshold([0, 0], [0.2, 0.8], "fixed", 0.5)
    assert math.isnan(found.sensitivity)
    assert found.as_dict()["sensitivity"] is None
    assert math.isnan(Threshold.from_dict(found.as_dict()).sensitivity)


def test_round_trip() -> None:
    found = choose_threshold([0, 1, 1], [0.1, 0.2, 0.9], "sensitivity", 0.95)
    assert Threshold.from_dict(found.as_dict()) == found
