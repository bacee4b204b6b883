"""Logistic regression on one variable, fitted under many weightings of the same studies at once.

The calibration slope, the calibration intercept and Platt's calibrator are all this fit, and their
bootstrap intervals are the same fit under a thousand rows of weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medxmodal.statistics.arrays import FloatArray
from medxmodal.statistics.odds import log_odds, sigmoid
from medxmodal.statistics.roots import decreasing_root

MOST_STEPS = 100
MOST_HALVINGS = 30
TOLERANCE = 1e-10


@dataclass(frozen=True)
class LogisticFits:
    """Fitted lines on the logit scale, one a row of weights.

    Args:
        slope: Slopes, shape (k,); NaN where no finite maximum exists.
        intercept: Intercepts, shape (k,); NaN where no finite maximum exists.
    """

    slope: FloatArray
    intercept: FloatArray


def fit_logistic(
    x: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    *,
    prior_slope: float = 1.0,
    prior_strength: float = 0.0,
) -> LogisticFits:
    """Maximise sum_i w_i log p(y_i | intercept + slope x_i) - strength/2 (slope - prior_slope)^2.

    The intercept is never penalised, so the weighted mean of the fitted probabilities equals the
    weighted mean of the labels.

    Args:
        x: The variable, shape (n,), finite.
        y: Labels in [0, 1], shape (n,).
        weights: One row a fit, shape (k, n), not negative.
        prior_slope: The slope the prior pulls towards.
        prior_strength: Precision of the normal prior on the slope; 0 for plain maximum likelihood.

    Returns:
        The k fits. NaN where one class is missing, and, without a prior, where the classes are
        separated or x is constant, since then no finite slope is the best.

    Example:
        >>> x, y = np.array([-1.0, -1, 1, 1]), np.array([0.0, 1, 0, 1])
        >>> float(fit_logistic(x, y, np.ones((1, 4))).slope[0])
        0.0
    """
    slope = np.full(len(weights), np.nan)
    intercept = np.full(len(weights), np.nan)
    fittable = _both_classes(y, weights)
    if prior_strength == 0:
        fittable &= ~_separated(x, y, weights)
    if fittable.any():
        centre = float(x.mean())
        scale = float(x.std()) or 1.0
        problem = _Problem(
            z=(x - centre) / scale,
            y=y,
            prior=prior_slope * scale,
            strength=prior_strength / scale**2,
        )
        lines = _climb(problem, weights[fittable])
        slope[fittable] = lines[:, 1] / scale
        intercept[fittable] = lines[:, 0] - slope[fittable] * centre
    return LogisticFits(slope=slope, intercept=intercept)


def fit_intercept(offset: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """The shift a for which sigmoid(a + offset) has the weighted mean of the labels.

    Args:
        offset: Logits, shape (n,).
        y: Labels in [0, 1], shape (n,).
        weights: One row a fit, shape (k, n), not negative.

    Returns:
        The shifts, shape (k,); NaN where one class is missing.

    Example:
        >>> float(fit_intercept(np.zeros(4), np.array([0.0, 1, 0, 1]), np.ones((1, 4)))[0])
        0.0
    """
    shift = np.full(len(weights), np.nan)
    fittable = _both_classes(y, weights)
    if not fittable.any():
        return shift
    chosen = weights[fittable]
    total = chosen.sum(axis=1)

    def excess(point: FloatArray) -> tuple[FloatArray, FloatArray]:
        p = sigmoid(point[:, None] + offset)
        weighted = chosen * p
        slope = -np.einsum("kn,kn->k", weighted, 1.0 - p)
        return (chosen @ y - weighted.sum(axis=1)) / total, slope / total

    base = log_odds(chosen @ y / total)
    shift[fittable] = decreasing_root(
        excess, base - offset.max(), base - offset.min(), base - float(offset.mean())
    )
    return shift


@dataclass(frozen=True)
class _Problem:
    z: FloatArray
    y: FloatArray
    prior: float
    strength: float

    def likelihood(self, line: FloatArray, weights: FloatArray) -> FloatArray:
        eta = line[:, :1] + line[:, 1:] * self.z
        softplus = np.maximum(eta, 0.0) + np.log1p(np.exp(-np.abs(eta)))
        fit = np.einsum("kn,kn->k", weights, self.y * eta - softplus)
        return np.asarray(fit - self.strength / 2 * (line[:, 1] - self.prior) ** 2)

    def step(self, line: FloatArray, weights: FloatArray) -> FloatArray:
        p = sigmoid(line[:, :1] + line[:, 1:] * self.z)
        rest = weights * (self.y - p)
        spread = weights * p * (1.0 - p)
        gradient_a = rest.sum(axis=1)
        gradient_b = rest @ self.z - self.strength * (line[:, 1] - self.prior)
        aa = spread.sum(axis=1)
        ab = spread @ self.z
        bb = spread @ self.z**2 + self.strength
        determinant = np.maximum(aa * bb - ab**2, 1e-300)
        return np.stack(
            [
                (bb * gradient_a - ab * gradient_b) / determinant,
                (aa * gradient_b - ab * gradient_a) / determinant,
            ],
            axis=1,
        )


def _climb(problem: _Problem, weights: FloatArray) -> FloatArray:
    """Newton with step halving, rows leaving as they arrive; lines are (intercept, slope) in z."""
    prevalence = weights @ problem.y / weights.sum(axis=1)
    lines = np.stack([log_odds(prevalence), np.zeros(len(weights))], axis=1)
    height = problem.likelihood(lines, weights)
    active = np.arange(len(weights))
    for _ in range(MOST_STEPS):
        step = problem.step(lines[active], weights[active])
        for _ in range(MOST_HALVINGS):
            reached = problem.likelihood(lines[active] + step, weights[active])
            falls = reached < height[active] - 1e-9 * (1.0 + np.abs(height[active]))
            if not falls.any():
                break
            step[falls] /= 2
        lines[active] += step
        height[active] = reached
        active = active[np.abs(step).max(axis=1) > TOLERANCE * (1.0 + np.abs(lines[active]).max(axis=1))]
        if not active.size:
            break
    return lines


def _both_classes(y: FloatArray, weights: FloatArray) -> NDArray[np.bool_]:
    return np.asarray((weights @ y > 0) & (weights @ (1.0 - y) > 0))


def _separated(x: FloatArray, y: FloatArray, weights: FloatArray) -> NDArray[np.bool_]:
    """Whether a cut of x parts the classes; a constant x counts, having no slope either."""
    drawn = weights > 0
    positive, negative = drawn & (y == 1), drawn & (y == 0)
    low_positive = np.where(positive, x, np.inf).min(axis=1)
    high_positive = np.where(positive, x, -np.inf).max(axis=1)
    low_negative = np.where(negative, x, np.inf).min(axis=1)
    high_negative = np.where(negative, x, -np.inf).max(axis=1)
    return np.asarray((high_negative <= low_positive) | (high_positive <= low_negative))
