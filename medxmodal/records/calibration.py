"""`RUN/calibration.json`: from a mean member logit to a probability, an interval and a decision.

There is one monotone calibrator for each set of modalities that may be present. A logit from the
image alone and one from everything do not mean the same: with one common calibrator, a study with
fewer inputs would score away from the prevalence (Jensen: the mean of sigmoid(b + e) is not
sigmoid(b) although e has mean zero).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from medxmodal.errors import MedxmodalError, RunError
from medxmodal.records.base import Part, Record
from medxmodal.statistics import Platt, prediction_set, shift_probability

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CLASSES = ("positive", "negative")


def pattern_key(names: Sequence[str], pattern: int) -> str:
    """The set present as words, `image+text`; empty for nothing present."""
    return "+".join(name for bit, name in enumerate(names) if pattern >> bit & 1)


class PriorShift(Part):
    """The move to another site's prevalence, applied after calibration."""

    source: float = Field(gt=0, lt=1)
    target: float = Field(gt=0, lt=1)
    how: str


class ThresholdFacts(Part):
    """The decision threshold on the probability, and how it was chosen."""

    value: float = Field(ge=0, le=1)
    rule: str
    at: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None


@dataclass(frozen=True)
class Calibrated:
    """Probabilities of several studies with their intervals, each (n,)."""

    probability: Floats
    lower: Floats
    upper: Floats


class CalibrationRecord(Record):
    """Calibrators by set present, threshold and conformal quantile of one task.

    `members` is how many members a fold scheme has, for the variance of their mean: with k folds
    the delete-a-group jackknife variance is `(k - 1)^2 / k` times the sample variance.
    """

    error: ClassVar[type[MedxmodalError]] = RunError
    again: ClassVar[str] = "copy the run again, or train it again"

    task: str
    modalities: list[str]
    members: int = Field(ge=1)
    prevalence: float = Field(ge=0, le=1)
    subsets: dict[str, dict[str, Any]]
    threshold: ThresholdFacts
    conformal_quantile: float
    conformal_level: float = 0.9
    interval_level: float = 0.95
    fitted_on: int
    prior: PriorShift | None = None

    @model_validator(mode="after")
    def _a_calibrator_each_set(self) -> Self:
        for pattern in range(2 ** len(self.modalities)):
            key = pattern_key(self.modalities, pattern)
            if key not in self.subsets:
                raise ValueError(f"there is no calibrator for '{key or 'nothing present'}'")
            try:
                Platt.from_dict(self.subsets[key])
            except RunError as error:
                raise ValueError(error.message) from error
        return self

    def calibrate(self, logit: Floats, pattern: NDArray[np.int64], spread: Floats) -> Calibrated:
        """Calibrated probabilities with intervals.

        Args:
            logit: Mean member logits, (n,).
            pattern: Which set is present, as the sum of 2 ** m, (n,).
            spread: Sample variance of the member logits, (n,).
        """
        factor = (self.members - 1) ** 2 / self.members
        found = np.empty((3, len(logit)))
        for value in np.unique(pattern):
            rows = pattern == value
            platt = Platt.from_dict(self.subsets[pattern_key(self.modalities, int(value))])
            low, high = platt.interval(logit[rows], factor * spread[rows], self.interval_level)
            found[:, rows] = platt.probability(logit[rows]), low, high
        if self.prior is not None:
            found = np.asarray(shift_probability(found, self.prior.source, self.prior.target))
        return Calibrated(*found)

    def decide(self, probability: float) -> str:
        """`positive` at or above the threshold."""
        return CLASSES[0] if probability >= self.threshold.value else CLASSES[1]

    def prediction_set(self, probability: float) -> list[str]:
        """The classes that split conformal prediction keeps at `conformal_level`."""
        pair = dict(zip(CLASSES, (probability, 1.0 - probability), strict=True))
        return list(prediction_set(pair, self.conformal_quantile))
