"""The words about a run: its metrics table and its model card."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RUN: Mapping[str, str] = MappingProxyType(
    {
        "run.model": "Model",
        "run.studies": "Studies",
        "run.n": "n",
        "run.fused": "Fused",
        "run.late": "Late fusion",
        "run.alone": "{name} alone",
        "run.gain": "Fused minus this (AUROC)",
        "run.gain.title": "What the fused model gains (its AUROC minus the other's, same studies)",
        "run.gain.title.adapted": "What adapting gains (its AUROC minus source-only's, same studies)",
        "run.gain.none": "cannot be compared",
        "run.gain.yes": "gain",
        "run.gain.no": "no evidence of gain",
        "run.gain.worse": "worse",
        "run.more": "More measures",
        "run.intervals": "In brackets: 95 % interval, patients resampled.",
        "run.intervals.below": "Below each figure: its 95 % interval, patients resampled.",
        "run.none": "There are no figures.",
        "run.facts": "{members} members on {studies} studies of {patients} patients ({cohort}); {positive} "
        "in {prevalence}. Figures are out-of-fold: no study was answered by a member that had seen it.",
        "metric.short.auroc": "AUROC",
        "metric.short.auprc": "AUPRC",
        "metric.short.brier": "Brier",
        "metric.short.log_loss": "Log loss",
        "metric.short.calibration_slope": "Slope",
        "metric.short.calibration_intercept": "Intercept",
        "metric.short.sensitivity": "Sensitivity",
        "metric.short.specificity": "Specificity",
        "metric.short.ppv": "PPV",
        "metric.short.npv": "NPV",
        "metric.short.balanced_accuracy": "Balanced",
    }
)
