"""The penalty is chosen inside the training rows, by patient, and gives evidence neither timid nor bold."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from medxmodal.modalities.penalty import FALLBACK, GRID, choose_penalty


def simulated(n: int, strength: float, width: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width))
    return x, (rng.random(n) < 1 / (1 + np.exp(-strength * x[:, 0]))).astype(int)


def test_evidence_of_new_patients_has_a_slope_near_one() -> None:
    new, truth = simulated(4000, 3.0, seed=1)
    slopes = []
    for seed in range(2, 14):
        x, y = simulated(160, 3.0, seed=seed)
        fitted = LogisticRegression(C=choose_penalty(x, y)).fit(x, y)
        logit = fitted.decision_function(new)
        slopes.append(LogisticRegression(C=1e9).fit(logit[:, None], truth).coef_[0, 0])
    assert 0.8 < np.mean(slopes) < 1.3


def test_noise_is_penalised_more_than_signal() -> None:
    x, y = simulated(200, 3.0)
    rng = np.random.default_rng(5)
    assert choose_penalty(x, rng.permutation(y)) < choose_penalty(x, y)


def test_a_patient_is_never_on_both_sides() -> None:
    """Copies of each patient make a weak penalty look good, unless they stay together."""
    rng = np.random.default_rng(2)
    x, y = np.repeat(rng.normal(size=(60, 40)), 4, axis=0), np.repeat(rng.integers(0, 2, 60), 4)
    groups = np.repeat(np.arange(60), 4)
    assert choose_penalty(x, y, groups) < choose_penalty(x, y)


def test_more_features_than_rows_is_the_same_problem_rotated() -> None:
    x, y = simulated(60, 3.0, width=100)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(100, 100)))[0]
    assert choose_penalty(x, y) == choose_penalty(x @ turn, y)


def test_too_few_patients_fall_back() -> None:
    x, _ = simulated(4, 1.0)
    assert choose_penalty(x, np.array([0, 0, 0, 1])) == FALLBACK
    assert choose_penalty(*simulated(900, 1.0)) in GRID
