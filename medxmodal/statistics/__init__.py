"""The statistics room: figures with their intervals, calibration, thresholds and prevalence.

It needs numpy alone, so a report is re-rendered and a table recounted on any laptop. Labels are 0 or 1,
patients are what is resampled, and a figure that is undefined is NaN, never an exception.
"""

from __future__ import annotations

from medxmodal.statistics.bootstrap import mean_over_repeats, paired_difference, patient_bootstrap
from medxmodal.statistics.calibration import Platt, fit_platt
from medxmodal.statistics.conformal import (
    conformal_quantile,
    prediction_set,
    weighted_conformal_quantile,
)
from medxmodal.statistics.delong import DelongTest, delong_interval, delong_test
from medxmodal.statistics.estimate import Estimate
from medxmodal.statistics.metrics import (
    BINARY_METRICS,
    ThresholdMetrics,
    at_threshold,
    auprc,
    auroc,
    brier,
    calibration_intercept,
    calibration_slope,
    ece,
    log_loss,
)
from medxmodal.statistics.netbenefit import DecisionCurve, decision_curve
from medxmodal.statistics.odds import log_odds, sigmoid
from medxmodal.statistics.prior_shift import (
    PrevalenceEstimate,
    estimate_prevalence,
    prior_offset,
    shift_probability,
)
from medxmodal.statistics.thresholds import Threshold, choose_threshold

__all__ = [
    "BINARY_METRICS",
    "DecisionCurve",
    "DelongTest",
    "Estimate",
    "Platt",
    "PrevalenceEstimate",
    "Threshold",
    "ThresholdMetrics",
    "at_threshold",
    "auprc",
    "auroc",
    "brier",
    "calibration_intercept",
    "calibration_slope",
    "choose_threshold",
    "conformal_quantile",
    "decision_curve",
    "delong_interval",
    "delong_test",
    "ece",
    "estimate_prevalence",
    "fit_platt",
    "log_loss",
    "log_odds",
    "mean_over_repeats",
    "paired_difference",
    "patient_bootstrap",
    "prediction_set",
    "prior_offset",
    "shift_probability",
    "sigmoid",
    "weighted_conformal_quantile",
]
