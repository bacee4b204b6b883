"""How good are the predictions: every model by every metric, and what fusing gains, with intervals.

Patients are resampled, never studies. A gain is computed on the studies that both models answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medxmodal.statistics import (
    BINARY_METRICS,
    Estimate,
    at_threshold,
    mean_over_repeats,
    paired_difference,
    patient_bootstrap,
)

Figures: TypeAlias = dict[str, float | None]
Table: TypeAlias = dict[str, dict[str, Figures]]
"""`{model: {metric: {value, lower, upper, n}}}`, one task of `metrics.json`."""

RANKING = frozenset({"auroc", "auprc"})
GAINS = ("auroc", "auprc", "brier", "log_loss")
LOWER_IS_BETTER = frozenset({"brier", "log_loss"})


@dataclass(frozen=True)
class Scores:
    """What one model says of n studies.

    Args:
        ranking: Scores that order the studies, (n,) or (n, repeats): for AUROC and AUPRC.
        calibrated: Probabilities whose calibration saw none of these studies, the same shape or
            another number of repeats: for Brier score, log loss, and calibration slope and intercept.
        valid: Which studies the model answers, (n,), bool; a modality alone answers those that have
            it. What the others hold is never looked at.

    Raises:
        ValueError: The three do not have the same number of studies.
    """

    ranking: NDArray[np.float64]
    calibrated: NDArray[np.float64]
    valid: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(self.ranking), len(self.calibrated), len(self.valid)}
        if len(lengths) > 1:
            raise ValueError(f"scores of {sorted(lengths)} studies do not belong together")

    def of(self, metric: str) -> NDArray[np.float64]:
        """What a metric is computed on, (n,) or (n, repeats)."""
        return self.ranking if metric in RANKING else self.calibrated


def metrics_table(
    y: ArrayLike,
    patients: ArrayLike,
    predictions: Mapping[str, Scores],
    *,
    reference: str = "fused",
    draws: int = 1000,
    seed: int = 0,
) -> Table:
    """Every model by every metric, with patient-bootstrap intervals, and what the reference gains.

    Args:
        y: Labels, (n,), each 0 or 1.
        patients: Patient of each study, (n,).
        predictions: Model -> its scores of the n studies.
        reference: The model that the others are compared with; `gain.<model>` is the reference minus
            the model on the studies that both answer. Without it there are no gains.
        draws: Number of resamplings of patients.
        seed: Seed of the resampling.

    Returns:
        `{model: {metric: {value, lower, upper, n}}}`; None where a figure is undefined. Over repeats
        a figure is the mean of the repeats' figures, not the figure of their mean.

    Raises:
        ValueError: A model has another number of studies than the labels.

    Example:
        >>> y, p = np.array([0, 1] * 20), np.tile([0.2, 0.7], 20)
        >>> alone = Scores(np.full(40, 0.5), np.full(40, 0.5), np.ones(40, bool))
        >>> both = Scores(p, p, np.ones(40, bool))
        >>> table = metrics_table(y, np.arange(40), {"fused": both, "late": alone}, draws=50)
        >>> table["gain.late"]["auroc"]["value"]
        0.5
    """
    labels, people = np.asarray(y, dtype=np.float64), np.asarray(patients)
    for model, scores in predictions.items():
        if len(scores.valid) != len(labels):
            raise ValueError(f"'{model}' has {len(scores.valid)} studies, the labels have {len(labels)}")
    table: Table = {
        model: _one_model(labels, people, scores, draws, seed) for model, scores in predictions.items()
    }
    for model, scores in predictions.items():
        if model != reference and reference in predictions:
            table[f"gain.{model}"] = _gain(labels, people, predictions[reference], scores, draws, seed)
    return table


def gain_sentence(estimate: Estimate | Mapping[str, float | None], metric: str = "auroc") -> str:
    """What a paired difference shows, in words.

    Args:
        estimate: Reference minus another model, as an estimate or as a row of `metrics.json`.
        metric: Of which metric; the Brier score and the log loss are better when lower.

    Returns:
        `gain` or `worse` when the interval leaves zero out, else `no evidence of gain`.

    Example:
        >>> gain_sentence(Estimate(0.03, -0.01, 0.06, n=200))
        'no evidence of gain'
        >>> gain_sentence(Estimate(0.03, 0.01, 0.06, n=200), "brier")
        'worse'
    """
    found = estimate if isinstance(estimate, Estimate) else Estimate.from_dict(estimate)
    if found.holds_zero:
        return "no evidence of gain"
    return "gain" if (found.value < 0) == (metric in LOWER_IS_BETTER) else "worse"


def operating_point(
    y: ArrayLike,
    probability: ArrayLike,
    threshold: float,
    *,
    patients: ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Figures]:
    """What calling `probability >= threshold` positive does, with intervals.

    Args:
        y: Labels, (n,), each 0 or 1.
        probability: Probabilities, (n,).
        threshold: The probability from which a study is called positive.
        patients: Patient of each study, (n,); each study its own patient by default.
        draws: Number of resamplings of patients.
        seed: Seed of the resampling.

    Returns:
        `sensitivity`, `specificity`, `ppv`, `npv` and `balanced_accuracy`, each
        `{value, lower, upper, n}`, where `n` is the number of studies in its denominator.

    References:
        Collins et al., TRIPOD+AI, BMJ 2024 (performance at the threshold that is used).

    Example:
        >>> operating_point([0, 0, 1, 1], [0.1, 0.6, 0.35, 0.8], 0.3, draws=20)["specificity"]["value"]
        0.5
    """
    labels, p = np.asarray(y, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    people = np.arange(len(labels)) if patients is None else np.asarray(patients)
    called = p >= threshold
    counted = {
        "sensitivity": int((labels == 1).sum()),
        "specificity": int((labels == 0).sum()),
        "ppv": int(called.sum()),
        "npv": int((~called).sum()),
        "balanced_accuracy": len(labels),
    }
    found: dict[str, Figures] = {}
    for rate, n in counted.items():

        def statistic(labels: ArrayLike, p: ArrayLike, rate: str = rate) -> float:
            return float(getattr(at_threshold(labels, p, threshold), rate))

        estimate = patient_bootstrap(statistic, [labels, p], people, draws=draws, seed=seed)
        found[rate] = {**estimate.as_dict(), "n": n}
    return found


def _one_model(
    y: NDArray[np.float64], patients: NDArray[np.generic], scores: Scores, draws: int, seed: int
) -> dict[str, Figures]:
    rows = np.asarray(scores.valid, dtype=bool)
    found: dict[str, Figures] = {}
    for name, metric in BINARY_METRICS.items():
        arrays = [y[rows], np.asarray(scores.of(name))[rows]]
        estimate = patient_bootstrap(
            mean_over_repeats(metric), arrays, patients[rows], draws=draws, seed=seed
        )
        found[name] = {**estimate.as_dict()}
    return found


def _gain(
    y: NDArray[np.float64],
    patients: NDArray[np.generic],
    reference: Scores,
    other: Scores,
    draws: int,
    seed: int,
) -> dict[str, Figures]:
    rows = np.asarray(reference.valid, dtype=bool) & np.asarray(other.valid, dtype=bool)
    found: dict[str, Figures] = {}
    for name in GAINS:
        first, second = (np.asarray(scores.of(name))[rows] for scores in (reference, other))
        metric = mean_over_repeats(BINARY_METRICS[name])
        estimate = paired_difference(metric, y[rows], first, second, patients[rows], draws=draws, seed=seed)
        found[name] = {**estimate.as_dict()}
    return found
