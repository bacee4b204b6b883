"""Another hospital, another prevalence: moving probabilities, and estimating the prevalence itself.

All of it holds when only the prevalence differs, and a disease looks alike in both places.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.errors import RecipeError
from medxmodal.statistics.arrays import AnyArray, FloatArray, as_floats
from medxmodal.statistics.bootstrap import patient_weights, percentile_interval
from medxmodal.statistics.odds import SMALLEST_PROBABILITY, log_odds
from medxmodal.statistics.roots import decreasing_root

MOST_ITERATIONS = 10_000
TOLERANCE = 1e-9
PLAUSIBLE = (0.02, 0.98)
WIDEST = 0.5
FEWEST = 20


@dataclass(frozen=True)
class PrevalenceEstimate:
    """The prevalence of a cohort without labels, as its probabilities tell it.

    Args:
        value: The estimate.
        lower: Lower end of its 95 % interval over patients.
        upper: Upper end of its 95 % interval over patients.
        iterations: Steps until the estimate stood still.
        extreme: Whether it should not be acted on.
        reason: Why it is extreme; empty where it is not.
    """

    value: float
    lower: float
    upper: float
    iterations: int
    extreme: bool
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The estimate for JSON."""
        return asdict(self)


def shift_probability(
    probability: ArrayLike, source_prevalence: float, target_prevalence: float
) -> FloatArray:
    """The probability a study would have where the disease is as frequent as in the target.

    The odds are multiplied by the ratio of the prevalences' odds.

    Args:
        probability: Calibrated probabilities at the source prevalence, any shape.
        source_prevalence: Share of positive studies where the model was calibrated.
        target_prevalence: Share of positive studies where it is used.

    Returns:
        Probabilities, the same shape; 0 and 1 stay.

    Raises:
        RecipeError: A prevalence is not between 0 and 1.

    References:
        Elkan, IJCAI 2001; Saerens, Latinne and Decaestecker, Neural Computation 2002.

    Example:
        >>> round(float(shift_probability(0.5, 0.5, 0.1)), 6)
        0.1
    """
    source, target = _checked(source_prevalence, "source"), _checked(target_prevalence, "target")
    p = as_floats(probability)
    positive = p * (target / source)
    return np.asarray(positive / (positive + (1.0 - p) * ((1.0 - target) / (1.0 - source))))


def prior_offset(source_prevalence: float, target_prevalence: float) -> float:
    """What the change of prevalence adds to every calibrated logit.

    Args:
        source_prevalence: Share of positive studies where the model was calibrated.
        target_prevalence: Share of positive studies where it is used.

    Returns:
        The offset in logits, above 0 where the disease is more frequent in the target.

    Raises:
        RecipeError: A prevalence is not between 0 and 1.

    Example:
        >>> prior_offset(0.3, 0.3)
        0.0
    """
    source, target = _checked(source_prevalence, "source"), _checked(target_prevalence, "target")
    return float(log_odds(target) - log_odds(source))


def estimate_prevalence(
    probability: ArrayLike,
    source_prevalence: float,
    *,
    groups: ArrayLike | None = None,
    draws: int = 500,
    seed: int = 0,
) -> PrevalenceEstimate:
    """Estimate the prevalence of an unlabelled cohort from calibrated probabilities.

    Expectation maximisation: shift the probabilities to the prevalence held so far, take their mean as
    the next. It climbs a concave likelihood, so where it stops is its maximum.

    Args:
        probability: Probabilities calibrated at the source prevalence, shape (n,).
        source_prevalence: Share of positive studies where the model was calibrated.
        groups: The patient of each study, shape (n,); each study its own patient by default.
        draws: Number of resamplings of patients for the interval.
        seed: Seed of the resampling.

    Returns:
        The estimate. It is `extreme`, and should not be acted on, when it or an end of its interval is
        outside 0.02 to 0.98, its interval is wider than 0.5, or there are fewer than 20 studies.

    Raises:
        RecipeError: The prevalence is not between 0 and 1, or there are no probabilities.

    References:
        Saerens, Latinne and Decaestecker, Neural Computation 2002; Alexandari, Kundaje and Shrikumar,
        ICML 2020 (why the probabilities must be calibrated first).

    Example:
        >>> estimate_prevalence([0.02] * 80 + [0.98] * 20, source_prevalence=0.5).extreme
        False
    """
    source = _checked(source_prevalence, "source")
    p = as_floats(probability)
    if p.ndim != 1 or not p.size or np.isnan(p).any() or p.min() < 0 or p.max() > 1:
        raise RecipeError(
            f"prevalence cannot be estimated: expected a vector of probabilities, got {_what(p)}",
            hint="Score the target cohort first, and leave failed studies out.",
        )
    positive, negative = p / source, (1.0 - p) / (1.0 - source)
    value, iterations = _expectation_maximisation(positive, negative, source)
    if np.allclose(positive, negative, rtol=0, atol=1e-9):
        lower, upper = 0.0, 1.0
    else:
        patients = np.arange(p.size) if groups is None else np.asarray(groups)
        lower, upper = _interval(positive - negative, negative, value, patients, draws, seed)
    reason = _why_extreme(value, lower, upper, p.size)
    return PrevalenceEstimate(value, lower, upper, iterations, extreme=bool(reason), reason=reason)


def _expectation_maximisation(positive: FloatArray, negative: FloatArray, start: float) -> tuple[float, int]:
    prevalence = start
    for iteration in range(1, MOST_ITERATIONS + 1):
        share = prevalence * positive
        following = float(np.mean(share / (share + (1.0 - prevalence) * negative)))
        moved = abs(following - prevalence)
        prevalence = min(max(following, SMALLEST_PROBABILITY), 1.0 - SMALLEST_PROBABILITY)
        if moved <= TOLERANCE:
            return prevalence, iteration
    return prevalence, MOST_ITERATIONS


def _interval(
    gain: FloatArray, negative: FloatArray, value: float, patients: AnyArray, draws: int, seed: int
) -> tuple[float, float]:
    """Each draw's maximum by Newton on the same concave likelihood, which needs far fewer steps."""
    drawn = []
    for weights in patient_weights(patients, draws, seed):
        shares = weights / weights.sum(axis=1, keepdims=True)

        def climb(point: FloatArray, w: FloatArray = shares) -> tuple[FloatArray, FloatArray]:
            ratio = gain / (negative + point[:, None] * gain)
            return np.einsum("kn,kn->k", w, ratio), -np.einsum("kn,kn->k", w, ratio**2)

        low = np.full(len(weights), SMALLEST_PROBABILITY)
        drawn.append(decreasing_root(climb, low, 1.0 - low, np.full(len(weights), value), tolerance=1e-6))
    return percentile_interval(np.concatenate(drawn) if drawn else np.empty(0), 0.95)


def _why_extreme(value: float, lower: float, upper: float, n: int) -> str:
    reasons = []
    if n < FEWEST:
        reasons.append(f"{n} studies are fewer than the {FEWEST} it takes")
    if not PLAUSIBLE[0] <= value <= PLAUSIBLE[1]:
        reasons.append(f"a prevalence of {value:.3f} is outside {PLAUSIBLE[0]} to {PLAUSIBLE[1]}")
    elif not PLAUSIBLE[0] <= lower <= upper <= PLAUSIBLE[1]:
        reasons.append(
            f"the interval {lower:.3f} to {upper:.3f} reaches outside {PLAUSIBLE[0]} to {PLAUSIBLE[1]}"
        )
    if not upper - lower <= WIDEST:
        reasons.append(f"the interval {lower:.2f} to {upper:.2f} is wider than {WIDEST}")
    return "; ".join(reasons)


def _checked(prevalence: float, which: str) -> float:
    if not (math.isfinite(prevalence) and 0 < prevalence < 1):
        raise RecipeError(
            f"the {which} prevalence must lie between 0 and 1, got {prevalence}",
            hint="Give a share, for instance 0.12 for 12 %.",
        )
    return float(prevalence)


def _what(p: FloatArray) -> str:
    if not p.size:
        return "none"
    if p.ndim != 1:
        return f"shape {p.shape}"
    return f"values from {p.min()} to {p.max()}"
