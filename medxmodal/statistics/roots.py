"""The root of a decreasing function, for many functions at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medxmodal.statistics.arrays import FloatArray

MOST_STEPS = 200


def decreasing_root(
    value_and_slope: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    lower: FloatArray,
    upper: FloatArray,
    start: FloatArray,
    *,
    tolerance: float = 1e-12,
) -> FloatArray:
    """Newton's method held inside a shrinking bracket, so that it cannot run away.

    Args:
        value_and_slope: Takes points, shape (k,), and gives the k functions and their derivatives there.
        lower: Points at or below the roots, shape (k,).
        upper: Points at or above the roots, shape (k,).
        start: First guesses, shape (k,).
        tolerance: The step at which a root counts as found.

    Returns:
        The roots, shape (k,); an end of the bracket where the function keeps its sign.

    Example:
        >>> zero, two = np.zeros(1), np.full(1, 2.0)
        >>> root = decreasing_root(lambda x: (2 - x**2, -2 * x), zero, two, two)
        >>> round(float(root[0]), 6)
        1.414214
    """
    low, high, point = lower.copy(), upper.copy(), np.clip(start, lower, upper)
    for _ in range(MOST_STEPS):
        value, slope = value_and_slope(point)
        low = np.where(value > 0, point, low)
        high = np.where(value < 0, point, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = point - value / slope
        inside = np.isfinite(newton) & (newton > low) & (newton < high)
        following = np.where(value == 0, point, np.where(inside, newton, (low + high) / 2))
        moved = np.abs(following - point)
        point = following
        if np.all(moved <= tolerance * (1.0 + np.abs(point))):
            break
    return point
