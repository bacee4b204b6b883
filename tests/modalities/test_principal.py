"""A fixed projection to principal components: what scikit-learn gives, and nothing left to learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from medxmodal.modalities.principal import set_principal


def test_it_is_whitened_pca_and_does_not_learn() -> None:
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(300, 12)) * np.arange(1, 13) + 5.0).astype(np.float32)
    layer = nn.Linear(12, 4)
    set_principal(layer, torch.from_numpy(x))
    found = layer(torch.from_numpy(x)).numpy()
    expected = PCA(4, whiten=True, svd_solver="full").fit_transform(x)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=0.02)
    assert not layer.weight.requires_grad


def test_fewer_rows_than_components_leave_zeros_and_no_noise() -> None:
    x = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    layer = nn.Linear(10, 8)
    set_principal(layer, x)
    assert (layer.weight[2:].abs() < 1e-6).all()
    assert torch.isfinite(layer(x * 100)).all()


def test_rows_that_are_all_alike_give_zeros() -> None:
    layer = nn.Linear(5, 2)
    set_principal(layer, torch.ones(7, 5))
    assert (layer(torch.randn(4, 5, generator=torch.Generator().manual_seed(0))) == 0).all()
