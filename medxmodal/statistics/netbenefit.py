"""Is acting on the model better than treating everybody or nobody? Decision curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.statistics.arrays import as_floats, as_pairs
from medxmodal.statistics.metrics import at_threshold


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit, in true positives a study, over the thresholds at which one might act.

    Args:
        thresholds: Probabilities from which one acts.
        model: Net benefit of acting on the model.
        treat_all: Net benefit of acting on every study.
        treat_none: Net benefit of acting on none, always 0.
        n: Number of studies.
    """

    thresholds: tuple[float, ...]
    model: tuple[float, ...]
    treat_all: tuple[float, ...]
    treat_none: tuple[float, ...]
    n: int

    def as_dict(self) -> dict[str, list[float] | int]:
        """The curve for JSON."""
        return {
            "thresholds": list(self.thresholds),
            "model": list(self.model),
            "treat_all": list(self.treat_all),
            "treat_none": list(self.treat_none),
            "n": self.n,
        }


def decision_curve(y: ArrayLike, probability: ArrayLike, thresholds: ArrayLike) -> DecisionCurve:
    """Net benefit of the model, of treating all and of treating none.

    Net benefit is tp / n - fp / n * t / (1 - t).

    Args:
        y: Labels, shape (n,), each 0 or 1.
        probability: Calibrated probabilities, shape (n,).
        thresholds: Probabilities from which one acts, shape (k,), each from 0 to below 1.

    Returns:
        The curve.

    Raises:
        ValueError: There are no studies, or a threshold is not from 0 to below 1.

    References:
        Vickers and Elkin, Medical Decision Making 2006.

    Example:
        >>> decision_curve([0, 1], [0.1, 0.9], [0.5]).model
        (0.5,)
    """
    labels, p = as_pairs(y, probability)
    grid = as_floats(thresholds).ravel()
    if not labels.size:
        raise ValueError("a decision curve needs at least one study")
    if not np.all((grid >= 0) & (grid < 1)):
        raise ValueError(f"thresholds must be from 0 to below 1, got {grid.min()} to {grid.max()}")
    everyone = np.full(labels.size, np.inf)
    return DecisionCurve(
        thresholds=tuple(float(t) for t in grid),
        model=tuple(at_threshold(labels, p, t).net_benefit for t in grid.tolist()),
        treat_all=tuple(at_threshold(labels, everyone, t).net_benefit for t in grid.tolist()),
        treat_none=(0.0,) * grid.size,
        n=labels.size,
    )
