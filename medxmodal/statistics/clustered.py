"""The AUROC of one score with an interval that holds for several studies a patient, without resampling."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.statistics.arrays import FloatArray, as_pairs
from medxmodal.statistics.estimate import Estimate


def clustered_auroc(y: ArrayLike, score: ArrayLike, groups: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The AUROC, with the interval of clustered data on the logit scale.

    Each study's influence on the AUROC is added up within its patient, and the variance is that of the
    sums. It is never taken to be smaller than that of one pair of patients half out of order: so classes
    that are parted wholly have an interval too, and a wide one where they are small.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        score: Any score, shape (n,), finite.
        groups: Patient of each study, shape (n,).
        level: Level of the interval; a percentile bootstrap cannot reach the far tails that a correction
            for many tests asks for, this can.

    Returns:
        The AUROC; NaN where a class is missing.

    References:
        Obuchowski, Biometrics 1997 (clustered data); Pepe 2003 (the logit scale).

    Example:
        >>> parted = clustered_auroc([0] * 20 + [1] * 20, range(40), range(40))
        >>> parted.value, 0.9 < parted.lower < parted.upper == 1.0
        (1.0, True)
    """
    labels, values = as_pairs(y, score)
    patients = np.unique(np.asarray(groups), return_inverse=True)[1]
    ill = labels == 1
    n = labels.size
    if not ill.any() or ill.all() or not np.isfinite(values).all():
        return Estimate(math.nan, math.nan, math.nan, n)
    value, influence = _influence(ill, values)
    sums = np.bincount(patients, weights=influence)
    known = len(sums)
    variance = float((sums**2).sum()) * known / max(known - 1, 1)
    pairs = len(np.unique(patients[ill])), len(np.unique(patients[~ill]))
    inner = (value * pairs[0] * pairs[1] + 0.5) / (pairs[0] * pairs[1] + 1)
    variance = max(variance, 2 * (0.5 / (pairs[0] * pairs[1] + 1)) ** 2)
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(variance) / (inner * (1 - inner))
    centre = math.log(inner / (1 - inner))
    lower, upper = (1 / (1 + math.exp(min(-end, 700.0))) for end in (centre - half, centre + half))
    return Estimate(value, min(lower, value), 1.0 if value == 1 else max(upper, value), n)


def _influence(ill: np.ndarray, values: FloatArray) -> tuple[float, FloatArray]:
    """The AUROC, and how far each study moves it, (n,)."""
    positive, negative = np.sort(values[ill]), np.sort(values[~ill])
    above = _share_below(negative, values[ill])
    under = 1 - _share_below(positive, values[~ill])
    value = float(above.mean())
    influence = np.empty(values.size)
    influence[ill] = (above - value) / above.size
    influence[~ill] = (under - value) / under.size
    return value, influence


def _share_below(ordered: FloatArray, values: FloatArray) -> FloatArray:
    """Share of `ordered` below each value, ties counted half."""
    low = np.searchsorted(ordered, values, side="left")
    high = np.searchsorted(ordered, values, side="right")
    return np.asarray((low + high) / 2 / ordered.size, dtype=np.float64)
