"""The clustered AUROC: the same value as any other, an interval that covers, patients and not studies."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from medxmodal.statistics import auroc, delong_interval
from medxmodal.statistics.clustered import clustered_auroc


def test_one_study_a_patient_is_delong(rng: np.random.Generator) -> None:
    y = rng.random(300) < 0.4
    score = rng.normal(size=300) + y
    ours, theirs = clustered_auroc(y, score, np.arange(300)), delong_interval(y, score)
    assert ours.value == pytest.approx(auroc(y, score))
    assert (ours.lower, ours.upper) == pytest.approx((theirs.lower, theirs.upper), abs=0.004)


def test_copies_of_a_study_add_nothing(rng: np.random.Generator) -> None:
    y = rng.random(120) < 0.5
    score = rng.normal(size=120) + y
    once = clustered_auroc(y, score, np.arange(120))
    thrice = clustered_auroc(np.repeat(y, 3), np.repeat(score, 3), np.repeat(np.arange(120), 3))
    assert thrice.value == pytest.approx(once.value)
    assert (thrice.lower, thrice.upper) == pytest.approx((once.lower, once.upper), abs=1e-9)


def test_the_interval_covers_with_several_studies_a_patient() -> None:
    rng, truth, inside = np.random.default_rng(3), NormalDist().cdf(1.5 / math.sqrt(4)), 0
    for _ in range(300):
        y = np.repeat(rng.random(60) < 0.5, 3)
        score = np.repeat(rng.normal(size=60), 3) + rng.normal(size=180) + 1.5 * y
        made = clustered_auroc(y, score, np.repeat(np.arange(60), 3))
        inside += made.lower <= truth <= made.upper
    assert 0.92 <= inside / 300 <= 0.99


@pytest.mark.parametrize("many", [3, 10, 50])
def test_classes_that_are_parted_have_a_wider_interval_when_small(many: int) -> None:
    y = np.arange(2 * many) >= many
    made = clustered_auroc(y, y, np.arange(2 * many), level=1 - 0.05 / 60)
    assert made.value == made.upper == 1
    assert (made.lower > 0.9) == (many == 50)


def test_undefined_is_nan() -> None:
    assert math.isnan(clustered_auroc([1, 1], [0, 1], [0, 1]).value)
    assert math.isnan(clustered_auroc([0, 1], [0, np.nan], [0, 1]).value)
