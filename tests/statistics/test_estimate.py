"""An estimate says itself, goes through JSON and back, and never claims what it cannot."""

from __future__ import annotations

import json
import math

import pytest

from medxmodal.statistics import Estimate

UNDEFINED = Estimate(math.nan, math.nan, math.nan, n=7)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.812, 0.749, 0.871, 240), "0.81 [0.75, 0.87]"),
        (Estimate(-0.001, -0.2, 0.2, 9), "0.00 [-0.20, 0.20]"),
        (Estimate(1.0, math.nan, math.nan, 9), "1.00"),
        (UNDEFINED, "undefined"),
    ],
)
def test_it_reads_as_people_write(estimate: Estimate, text: str) -> None:
    assert str(estimate) == text


@pytest.mark.parametrize(
    ("lower", "upper", "holds"),
    [
        (-0.1, 0.2, True),
        (0.0, 0.2, True),
        (0.01, 0.2, False),
        (-0.2, -0.01, False),
        (math.nan, math.nan, True),
    ],
)
def test_zero_is_held_unless_it_is_ruled_out(lower: float, upper: float, holds: bool) -> None:
    assert Estimate(0.1, lower, upper, 50).holds_zero is holds


def test_undefined_becomes_null_in_strict_json_and_comes_back() -> None:
    text = json.dumps(UNDEFINED.as_dict(), allow_nan=False)
    assert json.loads(text) == {"value": None, "lower": None, "upper": None, "n": 7}
    assert math.isnan(Estimate.from_dict(json.loads(text)).value)


def test_round_trip() -> None:
    estimate = Estimate(0.1 + 0.2, 0.1, 0.7, 12)
    assert Estimate.from_dict(json.loads(json.dumps(estimate.as_dict()))) == estimate
