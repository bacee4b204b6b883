"""The arrays the statistics room computes on, brought into one form at its edge."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
AnyArray: TypeAlias = NDArray[Any]


def as_floats(values: ArrayLike) -> FloatArray:
    """The values as an array of doubles.

    Example:
        >>> as_floats([1, 0]).tolist()
        [1.0, 0.0]
    """
    return np.asarray(values, dtype=np.float64)


def as_labels(y: ArrayLike) -> FloatArray:
    """Binary labels as doubles.

    Args:
        y: Labels, shape (n,), each 0 or 1.

    Returns:
        The labels, shape (n,).

    Raises:
        ValueError: The labels are not a vector of zeros and ones.

    Example:
        >>> as_labels([True, False]).tolist()
        [1.0, 0.0]
    """
    labels = as_floats(y)
    if labels.ndim != 1:
        raise ValueError(f"labels must be a vector, got shape {labels.shape}")
    wrong = labels[(labels != 0) & (labels != 1)]
    if wrong.size:
        raise ValueError(f"labels must be 0 or 1, got {wrong[0]}: leave studies without a known label out")
    return labels


def as_pairs(y: ArrayLike, values: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Binary labels and one value a study, checked to belong together.

    Args:
        y: Labels, shape (n,), each 0 or 1.
        values: Probabilities or logits, shape (n,).

    Returns:
        Both as doubles, each of shape (n,).

    Raises:
        ValueError: The shapes differ, or the labels are not zeros and ones.
    """
    labels, floats = as_labels(y), as_floats(values)
    if floats.shape != labels.shape:
        raise ValueError(f"expected one value a label: shapes {floats.shape} and {labels.shape} differ")
    return labels, floats
