"""From out-of-fold logits to calibrators, a threshold and a conformal quantile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medxmodal.records import CalibrationRecord, ThresholdFacts, pattern_key
from medxmodal.statistics import Platt, choose_threshold, conformal_quantile, fit_platt

if TYPE_CHECKING:
    from medxmodal.recipe import Decision
    from medxmodal.training.crossfit import OutOfFold

FEWEST = 20
"""A set of modalities seen in fewer studies, or in one class only, is calibrated on all studies."""


@dataclass(frozen=True)
class CalibratedRun:
    """A run's calibration and its out-of-fold probabilities.

    Args:
        record: `calibration.json`.
        probability: By the calibrators of the record, (n,): what scoring the cohort gives.
        crossfit: By calibrators fitted on the other folds only, (n, repeats): what honest
            calibration figures need.
    """

    record: CalibrationRecord
    probability: np.ndarray
    crossfit: np.ndarray


def calibrate_run(out: OutOfFold, task: str, decision: Decision, members: int, seed: int) -> CalibratedRun:
    """Fit one calibrator for each set of modalities, and choose the threshold out-of-fold.

    A set S is calibrated on every study that has at least S, with the rest taken away: the
    out-of-fold logits of all subsets are known, so no study is wasted.

    Args:
        out: Out-of-fold predictions.
        task: Name of the task.
        decision: The recipe's rule.
        members: Folds of one repeat.
        seed: Seed of the bootstrap.

    References:
        Platt, Probabilistic outputs for support vector machines, 1999.
    """
    subsets = {
        pattern_key(out.names, s): _fit(out, s, np.ones(len(out.labels), bool), seed)
        for s in range(2 ** len(out.names))
    }
    probability = _apply(subsets, out, out.mean_logits)
    crossfit = _crossfit(out)
    threshold = choose_threshold(out.labels, probability, decision.rule, decision.at)
    of_truth = np.where(out.labels == 1, crossfit.mean(1), 1 - crossfit.mean(1))
    facts = threshold.as_dict()
    record = CalibrationRecord(
        task=task,
        modalities=list(out.names),
        members=members,
        prevalence=float(out.labels.mean()),
        subsets={key: platt.as_dict() for key, platt in subsets.items()},
        threshold=ThresholdFacts(**facts),
        conformal_quantile=conformal_quantile(of_truth, 0.9),
        fitted_on=len(out.labels),
    )
    return CalibratedRun(record, probability, crossfit)


def _fit(out: OutOfFold, subset: int, rows: np.ndarray, seed: int, draws: int = 200) -> Platt:
    bits = np.array([bool(subset >> m & 1) for m in range(len(out.names))])
    having = rows & (out.present | ~bits).all(1)
    enough = having.sum() >= FEWEST and len(np.unique(out.labels[having])) == 2
    chosen = having if enough else rows
    logit = out.mean_logits[chosen, subset]
    return fit_platt(logit, out.labels[chosen], out.patients[chosen], draws=draws, seed=seed)


def _apply(subsets: dict[str, Platt], out: OutOfFold, logits: np.ndarray) -> np.ndarray:
    probability = np.empty(len(out.labels))
    for s in np.unique(out.pattern):
        rows = out.pattern == s
        probability[rows] = subsets[pattern_key(out.names, int(s))].probability(logits[rows, -1])
    return probability


def _crossfit(out: OutOfFold) -> np.ndarray:
    """Probabilities by calibrators that saw neither the study nor its fold, (n, repeats)."""
    found = np.empty(out.folds.shape)
    for repeat in range(out.folds.shape[1]):
        for fold in np.unique(out.folds[:, repeat]):
            held = out.folds[:, repeat] == fold
            for s in np.unique(out.pattern[held]):
                rows = held & (out.pattern == s)
                platt = _fit(out, int(s), ~held, seed=0, draws=0)
                found[rows, repeat] = platt.probability(out.subset_logits[rows, repeat, -1])
    return found
