"""How strongly a penalised regression is penalised: chosen by cross-validation inside the training rows.

A penalty fixed in advance gives evidence that is too timid on one cohort and too bold on another. Summed
evidence needs each modality's own to be right by itself, in logits.
"""

from __future__ import annotations

import numpy as np

from medxmodal.cohort.split.folds import kfold
from medxmodal.errors import CohortError

GRID = tuple(10.0 ** (half / 2) for half in range(-8, 3))
"""Inverse penalties to choose from, from 1e-4 to 10 in half decades (scikit-learn's C)."""
FOLDS, REPEATS = 5, 3
MOST_ROWS = 500
"""More rows are not looked at for the choice: C is a prior's variance and does not grow with them."""
FALLBACK = 0.01
"""Taken when there are too few patients of a class to cross-validate."""


def choose_penalty(x: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> float:
    """The inverse penalty with the least cross-validated log loss.

    Args:
        x: Features as the regression reads them, (n, width).
        y: Labels, (n,), each 0 or 1.
        groups: Patient of each row as a number, (n,), so that no patient is on both sides; each row is
            its own by default.

    Returns:
        One of `GRID`, or `FALLBACK` with too few patients.

    References:
        Stone, Cross-validatory choice and assessment of statistical predictions, JRSS B 1974.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 5))
        >>> noise, signal = rng.integers(0, 2, 200), (3 * x[:, 0] + rng.normal(size=200) > 0).astype(int)
        >>> choose_penalty(x, noise) < choose_penalty(x, signal)
        True
    """
    step = -(-len(y) // MOST_ROWS)
    x, y = _rotated(x[::step].astype(np.float64)), np.asarray(y)[::step]
    patients = np.arange(len(y)) if groups is None else np.asarray(groups)[::step]
    try:
        names = [f"{patient:08d}" for patient in patients]
        parts = kfold(y, names, folds=FOLDS, repeats=REPEATS, seed=0)
    except CohortError:
        return FALLBACK
    losses = np.zeros(len(GRID))
    for part in parts:
        train, test = list(part.train), list(part.test)
        for index, c in enumerate(GRID):
            losses[index] += _log_loss(x[train], y[train], x[test], y[test], c)
    best: float = GRID[int(np.argmin(losses))]
    return best


def _rotated(x: np.ndarray) -> np.ndarray:
    """The same rows in at most n dimensions; an L2 penalty does not see the difference."""
    if x.shape[1] <= x.shape[0]:
        return x
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(u * s)


def _log_loss(x: np.ndarray, y: np.ndarray, new: np.ndarray, truth: np.ndarray, c: float) -> float:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=c, solver="newton-cholesky").fit(x, y)
    logit = fitted.decision_function(new)
    return float(np.logaddexp(0.0, np.where(truth == 1, -logit, logit)).sum())
