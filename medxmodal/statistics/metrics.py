"""How good are binary probabilities: discrimination, calibration and what a threshold does.

Every metric is a pure function of labels and probabilities, and NaN where it is undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.statistics import weighted
from medxmodal.statistics.arrays import FloatArray, as_pairs
from medxmodal.statistics.weighted import WeightedMetric

Metric: TypeAlias = Callable[[ArrayLike, ArrayLike], float]


@dataclass(frozen=True)
class ThresholdMetrics:
    """What calling `probability >= threshold` positive does; NaN where a rate has no denominator.

    Args:
        sensitivity: Share of the positive studies that are called positive.
        specificity: Share of the negative studies that are called negative.
        ppv: Share of the studies called positive that are positive.
        npv: Share of the studies called negative that are negative.
        balanced_accuracy: Mean of sensitivity and specificity.
        net_benefit: True positives a study, less false positives weighed by the threshold's odds.
    """

    sensitivity: float
    specificity: float
    ppv: float
    npv: float
    balanced_accuracy: float
    net_benefit: float


def auroc(y: ArrayLike, probability: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a positive study scores above a negative one.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities or any other scores, shape (n,).

    Returns:
        The area, ties counting half; NaN unless both classes are present.

    References:
        Hanley and McNeil, Radiology 1982.

    Example:
        >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    return _plain(weighted.auroc, y, probability)


def auprc(y: ArrayLike, probability: ArrayLike) -> float:
    """Area under the precision-recall curve, as average precision.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities or any other scores, shape (n,).

    Returns:
        The area; a useless model has the prevalence. NaN unless both classes are present.

    References:
        Davis and Goadrich, ICML 2006.
    """
    return _plain(weighted.auprc, y, probability)


def brier(y: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared difference of probability and label; 0 is best.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities, shape (n,).

    Returns:
        The score; NaN without studies.

    References:
        Brier, Monthly Weather Review 1950.
    """
    return _plain(weighted.brier, y, probability)


def log_loss(y: ArrayLike, probability: ArrayLike) -> float:
    """Mean negative log-likelihood in nats; 0 is best.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities, shape (n,).

    Returns:
        The loss; NaN without studies.
    """
    return _plain(weighted.log_loss, y, probability)


def ece(y: ArrayLike, probability: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width; 0 is best, but chance alone lifts it.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities, shape (n,).
        bins: Number of bins between 0 and 1.

    Returns:
        The mean gap of probability and observed frequency, weighted by studies; NaN without studies.

    References:
        Guo et al., ICML 2017.
    """

    def binned(labels: FloatArray, floats: FloatArray, weights: FloatArray) -> FloatArray:
        return weighted.ece(labels, floats, weights, bins)

    return _plain(binned, y, probability)


def calibration_slope(y: ArrayLike, probability: ArrayLike) -> float:
    """Slope of the logistic regression of the label on logit(p); below 1 is overconfident.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities, shape (n,).

    Returns:
        The slope; NaN where no finite one is best (one class, separated classes, constant p).

    References:
        Cox, Biometrika 1958; Van Calster et al., BMC Medicine 2019.
    """
    return _plain(weighted.calibration_slope, y, probability)


def calibration_intercept(y: ArrayLike, probability: ArrayLike) -> float:
    """Calibration in the large: the shift of logit(p) at which mean p equals the prevalence.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities, shape (n,).

    Returns:
        The shift in logits, above 0 where the risk is underestimated; NaN unless both classes are
        present.

    References:
        Van Calster et al., BMC Medicine 2019.
    """
    return _plain(weighted.calibration_intercept, y, probability)


def at_threshold(y: ArrayLike, probability: ArrayLike, threshold: float) -> ThresholdMetrics:
    """What calling every study with `probability >= threshold` positive would do.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Probabilities, shape (n,).
        threshold: The probability from which a study is called positive.

    Returns:
        The rates and the net benefit.

    References:
        Vickers and Elkin, Medical Decision Making 2006 (net benefit).

    Example:
        >>> at_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.3).sensitivity
        1.0
    """
    labels, floats = as_pairs(y, probability)
    called = floats >= threshold
    hit = float(np.sum(called & (labels == 1)))
    false = float(np.sum(called & (labels == 0)))
    missed = float(np.sum(~called & (labels == 1)))
    cleared = float(np.sum(~called & (labels == 0)))
    sensitivity, specificity = _rate(hit, hit + missed), _rate(cleared, cleared + false)
    harm = _rate(threshold, 1.0 - threshold)
    return ThresholdMetrics(
        sensitivity=sensitivity,
        specificity=specificity,
        ppv=_rate(hit, hit + false),
        npv=_rate(cleared, cleared + missed),
        balanced_accuracy=(sensitivity + specificity) / 2,
        net_benefit=_rate(hit - false * harm, float(labels.size)),
    )


BINARY_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "auroc": auroc,
        "auprc": auprc,
        "brier": brier,
        "log_loss": log_loss,
        "calibration_slope": calibration_slope,
        "calibration_intercept": calibration_intercept,
    }
)
"""The metrics of every metrics table, by name."""

WEIGHTED: Mapping[Metric, WeightedMetric] = MappingProxyType(
    {
        auroc: weighted.auroc,
        auprc: weighted.auprc,
        brier: weighted.brier,
        log_loss: weighted.log_loss,
        ece: weighted.ece,
        calibration_slope: weighted.calibration_slope,
        calibration_intercept: weighted.calibration_intercept,
    }
)
"""For each metric the same formula under many weightings at once, which the bootstrap uses."""


def _plain(metric: WeightedMetric, y: ArrayLike, probability: ArrayLike) -> float:
    labels, floats = as_pairs(y, probability)
    if not labels.size or np.isnan(floats).any():
        return float("nan")
    return float(metric(labels, floats, np.ones((1, labels.size)))[0])


def _rate(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")
