"""Where a probability becomes a decision: thresholds chosen by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.errors import RecipeError
from medxmodal.statistics.arrays import FloatArray, as_pairs
from medxmodal.statistics.metrics import at_threshold

Rule: TypeAlias = Literal["sensitivity", "specificity", "youden", "net_benefit", "fixed"]

MARGIN = 1e-5
"""How far below the probability of a study a threshold is put, so that rounding decides nothing."""


@dataclass(frozen=True)
class Threshold:
    """A chosen threshold: studies with `probability >= value` are called positive.

    Args:
        value: The threshold.
        rule: The rule that chose it.
        at: What the rule asked for; None for `youden`.
        sensitivity: Sensitivity on the studies it was chosen on; NaN without positives.
        specificity: Specificity on the studies it was chosen on; NaN without negatives.
    """

    value: float
    rule: str
    at: float | None
    sensitivity: float
    specificity: float

    def as_dict(self) -> dict[str, Any]:
        """The threshold for JSON, with None where a rate is undefined."""
        fields = asdict(self)
        return {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in fields.items()
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Threshold:
        """The threshold that `as_dict` wrote.

        Args:
            saved: `value`, `rule`, `at`, `sensitivity` and `specificity`.
        """
        rates = {
            key: math.nan if saved.get(key) is None else float(saved[key])
            for key in ("sensitivity", "specificity")
        }
        return cls(value=float(saved["value"]), rule=str(saved["rule"]), at=saved.get("at"), **rates)


def choose_threshold(
    y: ArrayLike, probability: ArrayLike, rule: Rule | str, at: float | None = None
) -> Threshold:
    """Choose the threshold of a decision by a rule.

    - `sensitivity`: the largest threshold whose sensitivity is at least `at`.
    - `specificity`: the smallest threshold whose specificity is at least `at`.
    - `youden`: the largest sum of sensitivity and specificity; of several, the most sensitive.
    - `net_benefit`: `at` itself, the probability at which the harm of a needless action and the
      benefit of a needed one balance.
    - `fixed`: `at` itself.

    A rule that goes by the data puts its threshold at most 1e-5 below the probability of the study
    that decides it, so that a later difference in rounding cannot turn that study over.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Calibrated out-of-fold probabilities, shape (n,).
        rule: One of the five rules.
        at: What the rule asks for; None for `youden`.

    Returns:
        The threshold, with its rates on these studies.

    Raises:
        RecipeError: The rule is unknown, `at` does not fit it, or the class it needs is missing.

    References:
        Youden, Cancer 1950; Vickers and Elkin, Medical Decision Making 2006.

    Example:
        >>> choose_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], "fixed", 0.3).sensitivity
        1.0
    """
    _check_at(rule, at)
    labels, p = as_pairs(y, probability)
    value = float(at) if at is not None and rule not in _CHOICES else _by_data(labels, p, rule, at)
    rates = at_threshold(labels, p, value)
    return Threshold(value, rule, at, rates.sensitivity, rates.specificity)


def _by_data(labels: FloatArray, p: FloatArray, rule: str, at: float | None) -> float:
    if np.isnan(p).any():
        raise RecipeError(
            f"decision: rule '{rule}' needs probabilities, got {int(np.isnan(p).sum())} missing",
            hint="Leave studies without a prediction out.",
        )
    for name, label, spared_by in (("positive", 1, "specificity"), ("negative", 0, "sensitivity")):
        if rule != spared_by and not np.any(labels == label):
            raise RecipeError(
                f"decision: rule '{rule}' needs at least one {name} study, got none among {labels.size}",
                hint="Use a cohort with both classes, or the rule 'fixed' with a probability.",
            )
    return _just_below(p, _CHOICES[rule](labels, p, at if at is not None else math.nan))


def _by_sensitivity(labels: FloatArray, p: FloatArray, at: float) -> float:
    descending = np.sort(p[labels == 1])[::-1]
    return float(descending[_count(at, descending.size) - 1])


def _by_specificity(labels: FloatArray, p: FloatArray, at: float) -> float:
    ascending = np.sort(p[labels == 0])
    highest_cleared = ascending[_count(at, ascending.size) - 1]
    above = p[p > highest_cleared]
    return float(above.min()) if above.size else math.inf


def _by_youden(labels: FloatArray, p: FloatArray, at: float) -> float:
    candidates = np.unique(p)
    missed = np.searchsorted(np.sort(p[labels == 1]), candidates) / np.sum(labels == 1)
    cleared = np.searchsorted(np.sort(p[labels == 0]), candidates) / np.sum(labels == 0)
    gain = cleared - missed
    return float(candidates[np.flatnonzero(gain >= gain.max() - 1e-12)[0]])


_CHOICES: Mapping[str, Callable[[FloatArray, FloatArray, float], float]] = MappingProxyType(
    {"sensitivity": _by_sensitivity, "specificity": _by_specificity, "youden": _by_youden}
)


def _count(share: float, of: int) -> int:
    return max(1, math.ceil(share * of - 1e-9))


def _just_below(p: FloatArray, decisive: float) -> float:
    """A little below the deciding probability, but above the next lower one."""
    if math.isinf(decisive):
        highest = float(p.max())
        return highest + min(MARGIN, (1.0 - highest) / 2) if highest < 1 else math.nextafter(1.0, 2.0)
    lower = p[p < decisive]
    gap = decisive - (float(lower.max()) if lower.size else 0.0)
    return decisive - min(MARGIN, gap / 2)


def _check_at(rule: str, at: float | None) -> None:
    rules = get_args(Rule)
    if rule not in rules:
        raise RecipeError(
            f"decision.rule: expected one of {', '.join(rules)}, got '{rule}'",
            hint="For screening, `rule: sensitivity` with `at: 0.95` is a usual choice.",
        )
    if rule == "youden":
        if at is not None:
            raise RecipeError(f"decision.at: rule 'youden' takes none, got {at}", hint="Leave `at` out.")
        return
    low, high = {"fixed": ("0", "1"), "net_benefit": ("above 0", "below 1")}.get(rule, ("above 0", "1"))
    closed_low, closed_high = rule == "fixed", rule != "net_benefit"
    fits = at is not None and (0 < at < 1 or (at == 0 and closed_low) or (at == 1 and closed_high))
    if not fits:
        raise RecipeError(
            f"decision.at: rule '{rule}' expects a number from {low} to {high}, got {at}",
            hint="Write for instance `decision: {rule: sensitivity, at: 0.95}`.",
        )
