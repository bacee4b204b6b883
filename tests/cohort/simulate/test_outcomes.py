"""Outcomes are drawn as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from medxmodal.cohort.simulate.outcomes import Outcomes, either
from medxmodal.errors import CohortError


def test_outcomes_are_drawn_as_often_as_they_say(rng):
    outcomes = Outcomes({"a": (0.5, 0.1), "b": (0.3, 0.2), "c": (0.2, 0.7)})
    for label in (0, 1):
        drawn = [outcomes.draw(u, label=label) for u in rng.random(5000)]
        for name, pair in outcomes.chances.items():
            assert drawn.count(name) / 5000 == pytest.approx(pair[label], abs=0.025)
    assert outcomes.draw(1 - 1e-16, label=1) == "c"


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_weakening_keeps_probabilities_and_shrinks_the_ratio(strength):
    outcomes = Outcomes({"a": (0.5, 0.1), "b": (0.3, 0.2), "c": (0.2, 0.7)})
    weak = outcomes.weakened(strength)
    np.testing.assert_allclose(np.sum(list(weak.chances.values()), axis=0), 1)
    for name, pair in outcomes.chances.items():
        assert sum(weak.chances[name]) == pytest.approx(sum(pair))
        assert abs(weak.llr(name)) <= abs(outcomes.llr(name))
        assert weak.llr(name) == pytest.approx(0) or strength > 0


@pytest.mark.parametrize("chances", [{"a": (0.5, 0.5)}, {"a": (0.0, 0.5), "b": (1.0, 0.5)}])
def test_wrong_probabilities_are_readable_errors(chances):
    with pytest.raises(CohortError, match="probabilities"):
        Outcomes(chances)
    with pytest.raises(CohortError, match="probabilities"):
        either("a", healthy=1.0, diseased=0.5)
