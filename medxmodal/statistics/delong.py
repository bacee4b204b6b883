"""Intervals and paired tests of the AUROC without resampling, for one study a patient.

The variance treats studies as independent. Where patients have several studies, use
`patient_bootstrap` and `paired_difference`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.statistics.arrays import FloatArray, as_pairs
from medxmodal.statistics.estimate import Estimate

ROUNDING = 1e-12


@dataclass(frozen=True)
class DelongTest:
    """The paired comparison of two AUROCs.

    Args:
        difference: AUROC of the first model minus that of the second, with its interval.
        z: The difference in standard errors; NaN where undefined.
        p_value: Two-sided; NaN where undefined.
    """

    difference: Estimate
    z: float
    p_value: float


def delong_interval(y: ArrayLike, probability: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The AUROC with DeLong's interval, made on the logit scale so that it stays within 0 and 1.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities or any other scores, shape (n,).
        level: Level of the interval.

    Returns:
        The AUROC; its interval is NaN where the variance is undefined or zero (fewer than two studies
        of a class, or classes that are separated).

    References:
        DeLong, DeLong and Clarke-Pearson, Biometrics 1988; Sun and Xu, IEEE SPL 2014 (the algorithm);
        Pepe 2003 (the logit scale).
    """
    labels, scores = as_pairs(y, probability)
    area, covariance = _areas(labels, scores[None])
    value, variance = float(area[0]), float(covariance[0, 0])
    lower = upper = math.nan
    if 0 < value < 1 and variance > 0:
        half = _quantile(level) * math.sqrt(variance) / (value * (1 - value))
        centre = math.log(value / (1 - value))
        lower, upper = (1 / (1 + math.exp(-end)) for end in (centre - half, centre + half))
    return Estimate(value=value, lower=lower, upper=upper, n=labels.size)


def delong_test(y: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> DelongTest:
    """Whether two models that scored the same studies differ in AUROC.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        first: Scores of the first model, shape (n,).
        second: Scores of the second model, shape (n,).
        level: Level of the interval of the difference.

    Returns:
        The difference, first minus second, with its interval, z and two-sided p-value. Two models that
        rank every pair alike differ by exactly 0, with p-value 1.

    References:
        DeLong, DeLong and Clarke-Pearson, Biometrics 1988; Sun and Xu, IEEE SPL 2014.

    Example:
        >>> delong_test([0, 0, 1, 1], [1, 2, 3, 4], [1, 2, 3, 4]).p_value
        1.0
    """
    labels, one = as_pairs(y, first)
    _, two = as_pairs(y, second)
    areas, covariance = _areas(labels, np.stack([one, two]))
    value = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if math.isnan(variance):
        return DelongTest(Estimate(value, math.nan, math.nan, labels.size), math.nan, math.nan)
    error = math.sqrt(max(variance, 0.0))
    z = _standardised(value, error)
    half = _quantile(level) * error if not math.isnan(z) else math.nan
    return DelongTest(
        difference=Estimate(value, value - half, value + half, labels.size),
        z=z,
        p_value=math.erfc(abs(z) / math.sqrt(2)),
    )


def _areas(labels: FloatArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """AUROCs (m,) of the rows of scores (m, n), and their covariance (m, m)."""
    positive, negative = scores[:, labels == 1], scores[:, labels == 0]
    n_positive, n_negative = positive.shape[1], negative.shape[1]
    models = len(scores)
    if not n_positive or not n_negative or np.isnan(scores).any():
        return np.full(models, np.nan), np.full((models, models), np.nan)
    among_all = np.stack([_midranks(np.r_[p, q]) for p, q in zip(positive, negative, strict=True)])
    above = (among_all[:, :n_positive] - np.stack([_midranks(row) for row in positive])) / n_negative
    below = 1 - (among_all[:, n_positive:] - np.stack([_midranks(row) for row in negative])) / n_positive
    areas = above.mean(axis=1)
    if n_positive < 2 or n_negative < 2:
        return areas, np.full((models, models), np.nan)
    covariance = np.atleast_2d(np.cov(above)) / n_positive + np.atleast_2d(np.cov(below)) / n_negative
    return areas, covariance


def _standardised(value: float, error: float) -> float:
    if error > ROUNDING:
        return value / error
    return 0.0 if abs(value) <= ROUNDING else math.nan


def _midranks(values: FloatArray) -> FloatArray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place])


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)
