"""`prior_shift`: the disease is more or less frequent there, and looks alike in both places.

Every calibrated probability is moved by the ratio of the prevalences' odds, whatever set of
modalities it rests on. The threshold moves along, so that it keeps its sensitivity and specificity,
unless the recipe fixed it as a probability. The conformal quantile is taken again with the source
studies weighted by how much more frequent their label is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from medxmodal.adaptation.base import Adapted, Rung, Source, Target
from medxmodal.errors import AdaptationError
from medxmodal.records import PriorShift, ThresholdFacts
from medxmodal.registry import register
from medxmodal.statistics import (
    at_threshold,
    estimate_prevalence,
    shift_probability,
    weighted_conformal_quantile,
)

if TYPE_CHECKING:
    from medxmodal.records import CalibrationRecord

FIXED = frozenset({"fixed", "net_benefit"})
"""Rules whose threshold is a probability that the user chose: it stays where it is."""


@register("adaptation", "prior_shift")
class PriorShiftRung(Rung):
    """Prevalence given by the user, or estimated from the target's calibrated probabilities.

    Args:
        prevalence: Share of positive studies at the target; None estimates it by expectation
            maximisation, and an extreme estimate is refused.

    References:
        Elkan, IJCAI 2001; Saerens, Latinne and Decaestecker, Neural Computation 2002; Alexandari,
        Kundaje and Shrikumar, ICML 2020; Podkopaev and Ramdas, UAI 2021 (conformal sets).
    """

    def __init__(self, prevalence: float | None = None) -> None:
        if prevalence is not None and not 0 < prevalence < 1:
            raise AdaptationError(
                f"the prevalence must lie between 0 and 1, got {prevalence}",
                hint="Give a share, for instance 0.12 for 12 %.",
            )
        self.prevalence = prevalence

    def adapt(self, calibration: CalibrationRecord, source: Source, target: Target) -> Adapted:
        """Calibration, threshold and conformal quantile at the target's prevalence."""
        if calibration.prior is not None:
            raise AdaptationError("the run is adapted already", hint="Adapt the run that it was made from.")
        before = calibration.prevalence
        there, how, facts = self._prevalence(before, target)
        moved = shift_probability(source.probability, before, there)
        threshold = calibration.threshold
        value = threshold.value
        if threshold.rule not in FIXED:
            value = float(shift_probability(value, before, there))
        rates = at_threshold(source.labels, moved, value)
        adapted = calibration.model_copy(
            update={
                "prior": PriorShift(source=before, target=there, how=how),
                "threshold": ThresholdFacts(
                    value=value,
                    rule=threshold.rule,
                    at=threshold.at,
                    sensitivity=_known(rates.sensitivity),
                    specificity=_known(rates.specificity),
                ),
                "conformal_quantile": _conformal(calibration, source, there),
            }
        )
        sentence = f"prevalence corrected from {before:.3f} to {there:.3f} ({how})"
        facts |= {"rung": "prior_shift", "source_prevalence": before, "target_prevalence": there}
        return Adapted(adapted, sentence, facts)

    def _prevalence(self, source: float, target: Target) -> tuple[float, str, dict[str, Any]]:
        if self.prevalence is not None:
            return self.prevalence, "given", {}
        found = estimate_prevalence(target.probability, source, groups=target.patients)
        if found.extreme:
            raise AdaptationError(
                f"the prevalence estimated there is {found.value:.2f} (95 % interval {found.lower:.2f} to "
                f"{found.upper:.2f}), too uncertain or too extreme to act on: {found.reason}",
                hint="Give one that you know with --prevalence P, or use the run as it is.",
            )
        how = f"estimated, 95 % interval {found.lower:.3f} to {found.upper:.3f}"
        return found.value, how, {"estimate": found.as_dict()}


def _conformal(calibration: CalibrationRecord, source: Source, there: float) -> float:
    positive = source.labels == 1
    p = shift_probability(source.crossfit, calibration.prevalence, there)
    before = calibration.prevalence
    weight = np.where(positive, there / before, (1 - there) / (1 - before))
    return weighted_conformal_quantile(np.where(positive, p, 1 - p), weight, calibration.conformal_level)


def _known(rate: float) -> float | None:
    return None if np.isnan(rate) else float(rate)
