"""Every metric under many weightings of the same studies at once.

A bootstrap draw of patients is a row of whole-number weights, so a thousand draws are one matrix and
no study is ever copied. `metrics` gives the plain functions; these are the same formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from medxmodal.statistics.arrays import FloatArray
from medxmodal.statistics.logistic import fit_intercept, fit_logistic
from medxmodal.statistics.odds import log_odds

WeightedMetric: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""Labels (n,), probabilities (n,) and weights (k, n) to the metric under each row, (k,)."""

SMALLEST_LIKELIHOOD = float(np.finfo(np.float64).eps)


def auroc(y: FloatArray, probability: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted share of positive-negative pairs in the right order, ties counting half."""
    order = np.argsort(probability, kind="stable")
    first, last = _tie_blocks(probability[order])
    negative = np.zeros((len(weights), len(order) + 1))
    np.cumsum(weights[:, order] * (1.0 - y[order]), axis=1, out=negative[:, 1:])
    positive = np.flatnonzero(y[order] == 1)
    below = (negative[:, first[positive]] + negative[:, last[positive] + 1]) / 2
    won = np.einsum("kn,kn->k", weights[:, order[positive]], below)
    return _ratio(won, (weights @ y) * negative[:, -1])


def auprc(y: FloatArray, probability: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted average precision; undefined, like the AUROC, unless both classes are drawn."""
    order = np.argsort(-probability, kind="stable")
    last = np.unique(_tie_blocks(probability[order])[1])
    hits = np.cumsum(weights[:, order] * y[order], axis=1)[:, last]
    called = np.cumsum(weights[:, order], axis=1)[:, last]
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    gained = np.diff(hits, axis=1, prepend=0.0)
    total = weights @ y
    result = _ratio(np.einsum("kn,kn->k", gained, precision), total)
    return np.where(weights @ (1.0 - y) > 0, result, np.nan)


def brier(y: FloatArray, probability: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted mean squared difference of probability and label."""
    return _ratio(weights @ (probability - y) ** 2, weights.sum(axis=1))


def log_loss(y: FloatArray, probability: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted mean negative log-likelihood."""
    likelihood = np.where(y == 1, probability, 1.0 - probability)
    losses = -np.log(np.clip(likelihood, SMALLEST_LIKELIHOOD, 1.0))
    return _ratio(weights @ losses, weights.sum(axis=1))


def ece(y: FloatArray, probability: FloatArray, weights: FloatArray, bins: int = 10) -> FloatArray:
    """Weighted gap between mean probability and observed frequency over equal-width bins."""
    place = np.clip((probability * bins).astype(int), 0, bins - 1)
    member = (place[:, None] == np.arange(bins)).astype(np.float64)
    gaps = np.abs(weights @ (member * (probability - y)[:, None]))
    return _ratio(gaps.sum(axis=1), weights.sum(axis=1))


def calibration_slope(y: FloatArray, probability: FloatArray, weights: FloatArray) -> FloatArray:
    """Slope of the weighted logistic regression of the label on the logit."""
    return fit_logistic(log_odds(probability), y, weights).slope


def calibration_intercept(y: FloatArray, probability: FloatArray, weights: FloatArray) -> FloatArray:
    """Shift of the logit at which the weighted mean probability equals the prevalence."""
    return fit_intercept(log_odds(probability), y, weights)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    ratio = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def _tie_blocks(ordered: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each place of an ordered vector, the first and the last place of its run of ties."""
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(ordered)])
    first = np.repeat(starts, lengths)
    return first, first + np.repeat(lengths, lengths) - 1
