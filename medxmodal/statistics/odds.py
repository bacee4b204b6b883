"""Between probabilities and log-odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.statistics.arrays import FloatArray, as_floats

SMALLEST_PROBABILITY = 1e-12


def sigmoid(logit: ArrayLike) -> FloatArray:
    """The probability of a logit, 1 / (1 + exp(-logit)), without overflow.

    Args:
        logit: Log-odds, any shape.

    Returns:
        Probabilities, the same shape.

    Example:
        >>> float(sigmoid(0.0))
        0.5
    """
    values = as_floats(logit)
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, small) / (1.0 + small))


def log_odds(probability: ArrayLike) -> FloatArray:
    """The logit of a probability, log(p / (1 - p)), finite for 0 and 1.

    Args:
        probability: Probabilities, any shape; held at least 1e-12 away from 0 and 1.

    Returns:
        Log-odds, the same shape.

    Example:
        >>> float(log_odds(0.5))
        0.0
    """
    held = np.clip(as_floats(probability), SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    return np.asarray(np.log(held) - np.log1p(-held))
