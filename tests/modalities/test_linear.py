"""The penalised linear part: equals scikit-learn's regression, and no single feature runs away with it."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from medxmodal.modalities.linear import CLIP, PenalisedLinear


def rows(n: int = 80, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, width)).astype(np.float32)
    return x, (x[:, 0] + rng.normal(size=n) > 0).astype(np.float32)


def test_it_is_the_penalised_regression() -> None:
    x, y = rows()
    linear = PenalisedLinear(x.shape[1], 0.1, 1.0, standardise=True)
    linear.warm_start(x, y)
    scaled = StandardScaler().fit_transform(x.astype(np.float64))
    expected = LogisticRegression(C=0.1, max_iter=2000).fit(scaled, y).decision_function(scaled)
    np.testing.assert_allclose(linear(torch.from_numpy(x)).detach().numpy(), expected, atol=1e-4)
    assert linear.penalty().item() == 0.0


def test_a_feature_that_hardly_moved_in_training_cannot_decide_a_new_study_alone() -> None:
    x, y = rows()
    x[:, 5] = 1e-5 * y
    linear = PenalisedLinear(x.shape[1], 0.1, 1.0, standardise=True)
    linear.warm_start(x, y)
    new = torch.from_numpy(x[:1].copy())
    before = linear(new)
    new[0, 5] = 1.0
    moved = (linear(new) - before).abs().item()
    assert 0 < moved <= 2 * CLIP * linear.weight[5].abs().item()
    assert linear.scaled(new).abs().max().item() <= CLIP
