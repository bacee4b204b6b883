"""Prediction sets that hold the truth as often as they say, by split conformal prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.statistics.arrays import as_floats

ROUNDING = 1e-9


def conformal_quantile(probability_of_truth: ArrayLike, level: float = 0.9) -> float:
    """The largest nonconformity, 1 - p, at which a label still belongs to a prediction set.

    It is the ceil((n + 1) * level)-th smallest of the n nonconformities; if exchangeability holds, the
    set of a new study then holds its true label with probability of at least `level`.

    Args:
        probability_of_truth: The probability each study gave to its true label, on studies the model
            was not fitted on, shape (n,).
        level: The coverage promised.

    Returns:
        The quantile; 1, so that every label belongs, where n is too small for the level.

    Raises:
        ValueError: The level is not between 0 and 1, or a probability is NaN.

    References:
        Vovk, Gammerman and Shafer 2005; Angelopoulos and Bates 2021.

    Example:
        >>> conformal_quantile([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], level=0.5)
        0.5
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    nonconformity = np.sort(1.0 - as_floats(probability_of_truth).ravel())
    if np.isnan(nonconformity).any():
        raise ValueError("probabilities of the truth must be numbers, got NaN")
    rank = math.ceil((nonconformity.size + 1) * level - ROUNDING)
    return float(nonconformity[rank - 1]) if rank <= nonconformity.size else 1.0


def weighted_conformal_quantile(
    probability_of_truth: ArrayLike, weight: ArrayLike, level: float = 0.9
) -> float:
    """The same where calibration studies stand for a cohort with other shares of each label.

    A new study is given the largest weight there is, which can only make the sets larger.

    Args:
        probability_of_truth: The probability each study gave to its true label, shape (n,).
        weight: How much more frequent a study like this is in the new cohort, above 0, shape (n,).
        level: The coverage promised.

    Returns:
        The quantile; 1, so that every label belongs, where n is too small for the level.

    Raises:
        ValueError: The level is not between 0 and 1, or a number is NaN or a weight not above 0.

    References:
        Tibshirani et al., NeurIPS 2019; Podkopaev and Ramdas, UAI 2021.

    Example:
        >>> p = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
        >>> weighted_conformal_quantile(p, [1.0] * 9, level=0.5) == conformal_quantile(p, level=0.5)
        True
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    nonconformity, w = 1.0 - as_floats(probability_of_truth).ravel(), as_floats(weight).ravel()
    if np.isnan(nonconformity).any() or not (w > 0).all():
        raise ValueError("probabilities of the truth must be numbers, and weights above 0")
    if not w.size:
        return 1.0
    order = np.argsort(nonconformity, kind="stable")
    reached = np.cumsum(w[order]) / (w.sum() + w.max())
    enough = np.flatnonzero(reached >= level - ROUNDING)
    return float(nonconformity[order][enough[0]]) if enough.size else 1.0


def prediction_set(probability: Mapping[str, float], quantile: float) -> tuple[str, ...]:
    """The labels whose nonconformity is within the quantile.

    Args:
        probability: The probability of each label.
        quantile: From `conformal_quantile`.

    Returns:
        The labels in the order given: one where the study is clear, several where it is not, none
        where no label fits as well as most calibration studies fitted theirs.

    Example:
        >>> prediction_set({"positive": 0.85, "negative": 0.15}, quantile=0.4)
        ('positive',)
    """
    return tuple(label for label, p in probability.items() if 1.0 - p <= quantile + ROUNDING)
