"""From a logit to a probability that keeps its word: Platt's calibrator with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.errors import RunError, TrainingError
from medxmodal.statistics.arrays import AnyArray, FloatArray, as_floats, as_pairs
from medxmodal.statistics.bootstrap import patient_weights
from medxmodal.statistics.logistic import LogisticFits, fit_intercept, fit_logistic
from medxmodal.statistics.odds import sigmoid

Covariance: TypeAlias = tuple[tuple[float, float], tuple[float, float]]

SMALLEST_SLOPE = 0.01
LEAST_DEFINED = 0.5


@dataclass(frozen=True)
class Platt:
    """The calibrated probability sigmoid(intercept + slope * logit), and how sure its line is.

    Args:
        slope: Slope on the logit, above 0, so that the order of studies never changes.
        intercept: Intercept in logits.
        covariance: Covariance of (slope, intercept), in that order.

    References:
        Platt, Advances in Large Margin Classifiers 1999.

    Example:
        >>> float(Platt(slope=2.0, intercept=0.0, covariance=((0.0, 0.0), (0.0, 0.0))).logit(1.5))
        3.0
    """

    slope: float
    intercept: float
    covariance: Covariance

    def logit(self, logit: ArrayLike) -> FloatArray:
        """The calibrated logit.

        Args:
            logit: Logits before calibration, any shape.

        Returns:
            Calibrated logits, the same shape.
        """
        return np.asarray(self.intercept + self.slope * as_floats(logit))

    def probability(self, logit: ArrayLike) -> FloatArray:
        """The calibrated probability.

        Args:
            logit: Logits before calibration, any shape.

        Returns:
            Probabilities, the same shape.
        """
        return sigmoid(self.logit(logit))

    def interval(
        self, logit: ArrayLike, member_variance: ArrayLike, level: float = 0.95
    ) -> tuple[FloatArray, FloatArray]:
        """The interval of the calibrated probability, from the calibration and the members' spread.

        By the delta method the calibrated logit has the variance x' C x + slope^2 v, with
        x = (logit, 1), C the covariance and v the members' variance.

        Args:
            logit: Logits before calibration, any shape.
            member_variance: Variance of these logits over members, the same shape or one number.
            level: Level of the interval.

        Returns:
            Lower and upper probability, each of the shape of `logit`; the calibrated probability lies
            between them.
        """
        x = as_floats(logit)
        (slopes, both), (_, intercepts) = self.covariance
        variance = slopes * x**2 + 2 * both * x + intercepts + self.slope**2 * as_floats(member_variance)
        half = NormalDist().inv_cdf(0.5 + level / 2) * np.sqrt(np.maximum(variance, 0.0))
        centre = self.logit(x)
        return sigmoid(centre - half), sigmoid(centre + half)

    def as_dict(self) -> dict[str, Any]:
        """The calibrator for JSON."""
        return {
            "method": "platt",
            "slope": self.slope,
            "intercept": self.intercept,
            "covariance": [list(row) for row in self.covariance],
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Platt:
        """The calibrator that `as_dict` wrote.

        Args:
            saved: `slope`, `intercept` and `covariance`.

        Raises:
            RunError: A part is missing or is no number.
        """
        try:
            (a, b), (c, d) = saved["covariance"]
            return cls(
                slope=float(saved["slope"]),
                intercept=float(saved["intercept"]),
                covariance=((float(a), float(b)), (float(c), float(d))),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                "a saved calibrator is damaged: expected a number for slope and intercept and a 2 x 2 "
                f"covariance, got {sorted(saved)}",
                hint="Train the run again, or copy calibration.json from the original.",
            ) from error


def fit_platt(
    logit: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    *,
    draws: int = 200,
    seed: int = 0,
    prior_strength: float = 0.25,
) -> Platt:
    """Fit a Platt calibrator by penalised maximum likelihood, and its covariance over patients.

    The slope has a weak normal prior around 1 and is held above 0; the intercept is free, so the mean
    probability equals the prevalence. The prior is what keeps tiny and separable cohorts finite, and
    a constant logit at slope 1 with the prevalence as its probability. If all labels are of one class
    they are smoothed as in Platt 1999, to (n + 1) / (n + 2).

    Args:
        logit: Logits before calibration, out-of-fold, shape (n,).
        y: Labels, shape (n,), each 0 or 1.
        groups: The patient of each study, shape (n,).
        draws: Number of resamplings of patients for the covariance.
        seed: Seed of the resampling.
        prior_strength: Precision of the prior on the slope; 0.25 is a standard deviation of 2.

    Returns:
        The calibrator.

    Raises:
        TrainingError: There are no studies, or a logit is not finite.

    References:
        Platt, Advances in Large Margin Classifiers 1999.

    Example:
        >>> platt = fit_platt([0.7, 0.7, 0.7, 0.7], [0, 0, 0, 1], [1, 2, 3, 4])
        >>> round(float(platt.probability(0.7)), 6)
        0.25
    """
    labels, x = as_pairs(y, logit)
    if not labels.size:
        raise TrainingError(
            "cannot calibrate without studies", hint="Give at least one study with a known label."
        )
    if not np.isfinite(x).all():
        raise TrainingError(
            f"cannot calibrate: {int((~np.isfinite(x)).sum())} of {x.size} logits are not finite",
            hint="Lower the learning rate or look for extreme values in the inputs.",
        )
    targets = _targets(labels)
    line = _monotone(x, targets, np.ones((1, x.size)), prior_strength)
    slope, intercept = float(line.slope[0]), float(line.intercept[0])
    covariance = _bootstrap_covariance(x, targets, np.asarray(groups), draws, seed, prior_strength)
    if covariance is None:
        covariance = _asymptotic_covariance(x, slope, intercept, prior_strength)
    return Platt(slope=slope, intercept=intercept, covariance=covariance)


def _targets(labels: FloatArray) -> FloatArray:
    if 0 < labels.sum() < labels.size:
        return labels
    return np.asarray((labels * labels.size + 1) / (labels.size + 2))


def _monotone(x: FloatArray, y: FloatArray, weights: FloatArray, prior_strength: float) -> LogisticFits:
    """The likelihood is concave, so a best slope below the bound is best at the bound."""
    fits = fit_logistic(x, y, weights, prior_slope=1.0, prior_strength=prior_strength)
    low = fits.slope < SMALLEST_SLOPE
    if low.any():
        fits.intercept[low] = fit_intercept(SMALLEST_SLOPE * x, y, weights[low])
        fits.slope[low] = SMALLEST_SLOPE
    return fits


def _bootstrap_covariance(
    x: FloatArray, y: FloatArray, groups: AnyArray, draws: int, seed: int, prior_strength: float
) -> Covariance | None:
    if len(np.unique(groups)) < 2:
        return None
    fits = [_monotone(x, y, weights, prior_strength) for weights in patient_weights(groups, draws, seed)]
    if not fits:
        return None
    lines = np.stack(
        [np.concatenate([fit.slope for fit in fits]), np.concatenate([fit.intercept for fit in fits])]
    )
    defined = lines[:, np.isfinite(lines).all(axis=0)]
    if defined.shape[1] < max(2.0, LEAST_DEFINED * draws):
        return None
    (a, b), (c, d) = np.cov(defined)
    return (float(a), float(b)), (float(c), float(d))


def _asymptotic_covariance(
    x: FloatArray, slope: float, intercept: float, prior_strength: float
) -> Covariance:
    """The inverse of the penalised information, for cohorts too small to resample."""
    p = sigmoid(intercept + slope * x)
    spread = p * (1.0 - p)
    mixed = float(spread @ x)
    information = np.array([[spread @ x**2 + prior_strength, mixed], [mixed, spread.sum()]])
    (a, b), (c, d) = np.linalg.pinv(information)
    return (float(a), float(b)), (float(c), float(d))
