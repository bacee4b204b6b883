"""Intervals by resampling patients, never studies: two studies of one patient stay together.

Metrics with a weighted form are computed for all draws in a few matrix operations; any other
statistic is computed on resampled copies. Both ways use the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from medxmodal.statistics.arrays import AnyArray, FloatArray, as_floats, as_labels
from medxmodal.statistics.estimate import Estimate
from medxmodal.statistics.metrics import WEIGHTED

Statistic: TypeAlias = Callable[..., float]
PairMetric: TypeAlias = Callable[[Any, Any], float]
WeightedStatistic: TypeAlias = Callable[[Sequence[AnyArray], FloatArray], FloatArray]

MOST_CELLS = 2_000_000
LEAST_DEFINED = 0.5


@dataclass(frozen=True)
class MeanOverRepeats:
    """A metric averaged over the columns of a probability matrix, one column a repeat.

    Args:
        metric: Takes labels (n,) and probabilities (n,).
    """

    metric: PairMetric

    def __call__(self, y: ArrayLike, probability: ArrayLike) -> float:
        """The mean of the metric over the repeats.

        Args:
            y: Labels, shape (n,).
            probability: Probabilities, shape (n, r), or (n,) for a single repeat.
        """
        return float(np.mean([self.metric(y, column) for column in _columns(probability)]))


@dataclass(frozen=True)
class PairedDifference:
    """A metric of the first model minus the metric of the second, on the same studies.

    Args:
        metric: Takes labels and probabilities.
    """

    metric: PairMetric

    def __call__(self, y: ArrayLike, first: ArrayLike, second: ArrayLike) -> float:
        """The difference.

        Args:
            y: Labels, shape (n,).
            first: Probabilities of the first model, shape (n,) or (n, r) as the metric takes them.
            second: Probabilities of the second model, likewise.
        """
        return self.metric(y, first) - self.metric(y, second)


def mean_over_repeats(metric: PairMetric) -> MeanOverRepeats:
    """Average a metric over repeats of cross-validation, keeping the bootstrap fast.

    Args:
        metric: Takes labels (n,) and probabilities (n,).

    Returns:
        The metric for labels (n,) and probabilities (n, r).

    Example:
        >>> from medxmodal.statistics.metrics import brier
        >>> mean_over_repeats(brier)([0, 1], np.array([[0.0, 1.0], [1.0, 0.0]]))
        0.5
    """
    return MeanOverRepeats(metric)


def patient_bootstrap(
    statistic: Statistic,
    arrays: Sequence[ArrayLike],
    groups: ArrayLike,
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """A statistic with its percentile interval over resampled patients.

    Args:
        statistic: Takes the arrays and gives a number, NaN where undefined.
        arrays: Arrays with one row a study, first axis n.
        groups: The patient of each study, shape (n,).
        draws: Number of resamplings.
        seed: Seed of the resampling.
        level: Level of the interval.

    Returns:
        The statistic on all studies with its interval. The interval is NaN where there are fewer than
        two patients or the statistic is undefined in more than half of the draws; the draws where it
        is undefined are left out.

    Raises:
        ValueError: The arrays and the groups differ in length.

    References:
        Efron and Tibshirani 1993; Field and Welsh, JRSS B 2007 (resampling clusters).

    Example:
        >>> from medxmodal.statistics.metrics import auroc
        >>> y, p = np.array([0, 1] * 50), np.linspace(0, 1, 100)
        >>> estimate = patient_bootstrap(auroc, [y, p], np.arange(100))
        >>> estimate.lower < estimate.value < estimate.upper
        True
    """
    columns = [np.asarray(array) for array in arrays]
    patients = np.asarray(groups)
    if any(len(column) != len(patients) for column in columns):
        lengths = [len(column) for column in columns]
        raise ValueError(f"arrays of lengths {lengths} do not fit {len(patients)} groups")
    value = float(statistic(*columns)) if len(patients) else float("nan")
    lower = upper = float("nan")
    if np.isfinite(value) and len(np.unique(patients)) > 1:
        drawn = _draw(statistic, columns, patients, draws, seed)
        lower, upper = percentile_interval(drawn, level)
    return Estimate(value=value, lower=lower, upper=upper, n=len(patients))


def paired_difference(
    metric: PairMetric,
    y: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    groups: ArrayLike,
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """How much higher the metric of the first model is, both on the same resampled patients.

    Args:
        metric: Takes labels and probabilities; `mean_over_repeats(metric)` for matrices of repeats.
        y: Labels, shape (n,).
        first: Probabilities of the first model, shape (n,) or (n, r).
        second: Probabilities of the second model, shape (n,) or (n, s).
        groups: The patient of each study, shape (n,).
        draws: Number of resamplings.
        seed: Seed of the resampling.
        level: Level of the interval.

    Returns:
        First minus second, with its percentile interval. An interval that holds zero is no evidence
        of a difference.

    Raises:
        ValueError: The arrays and the groups differ in length.
    """
    statistic = PairedDifference(metric)
    return patient_bootstrap(statistic, [y, first, second], groups, draws=draws, seed=seed, level=level)


def patient_weights(groups: ArrayLike, draws: int, seed: int) -> Iterator[FloatArray]:
    """How often each study is drawn when patients are drawn with replacement.

    Args:
        groups: The patient of each study, shape (n,).
        draws: Number of resamplings.
        seed: Seed of the resampling.

    Yields:
        Weights, shape (k, n), whole numbers; the k of all blocks add up to `draws`, and a block is
        small enough to compute on.

    Example:
        >>> [block.shape for block in patient_weights(["a", "a", "b"], draws=5, seed=0)]
        [(5, 3)]
    """
    patients, member = np.unique(np.asarray(groups), return_inverse=True)
    many = len(patients)
    rng = np.random.default_rng(seed)
    block = max(1, MOST_CELLS // max(len(member), 1))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        chosen = rng.integers(many, size=(rows, many)) + many * np.arange(rows)[:, None]
        counts = np.bincount(chosen.ravel(), minlength=rows * many).reshape(rows, many)
        yield counts[:, member].astype(np.float64)


def percentile_interval(drawn: FloatArray, level: float) -> tuple[float, float]:
    """The central interval of the draws.

    Args:
        drawn: The statistic of each draw, NaN where undefined, shape (draws,).
        level: Level of the interval.

    Returns:
        Lower and upper end; NaN when more than half of the draws are undefined.

    Example:
        >>> percentile_interval(np.arange(101.0), 0.5)
        (25.0, 75.0)
    """
    defined = drawn[np.isfinite(drawn)]
    if not defined.size or defined.size < LEAST_DEFINED * drawn.size:
        return float("nan"), float("nan")
    tail = (1.0 - level) / 2
    lower, upper = np.quantile(defined, [tail, 1.0 - tail])
    return float(lower), float(upper)


def weighted_form(statistic: Statistic) -> WeightedStatistic | None:
    """The form of a statistic that takes the arrays and rows of weights, where there is one.

    Args:
        statistic: A metric of `metrics`, or one wrapped by `mean_over_repeats` or a paired difference.

    Returns:
        The weighted form, or None: then the statistic is computed on resampled copies.
    """
    if isinstance(statistic, PairedDifference):
        return _weighted_difference(statistic)
    if isinstance(statistic, MeanOverRepeats):
        return _weighted_mean(statistic)
    metric = next((form for plain, form in WEIGHTED.items() if plain is statistic), None)
    if metric is None:
        return None
    return lambda arrays, weights: metric(as_labels(arrays[0]), as_floats(arrays[1]), weights)


def _weighted_difference(statistic: PairedDifference) -> WeightedStatistic | None:
    inner = weighted_form(statistic.metric)
    if inner is None:
        return None

    def difference(arrays: Sequence[AnyArray], weights: FloatArray) -> FloatArray:
        y, first, second = arrays
        return inner((y, first), weights) - inner((y, second), weights)

    return difference


def _weighted_mean(statistic: MeanOverRepeats) -> WeightedStatistic | None:
    inner = weighted_form(statistic.metric)
    if inner is None:
        return None

    def mean(arrays: Sequence[AnyArray], weights: FloatArray) -> FloatArray:
        y, probability = arrays
        values = [inner((y, column), weights) for column in _columns(probability)]
        return np.asarray(np.mean(values, axis=0))

    return mean


def _draw(
    statistic: Statistic, columns: Sequence[AnyArray], patients: AnyArray, draws: int, seed: int
) -> FloatArray:
    fast = weighted_form(statistic)
    drawn: list[FloatArray] = []
    for weights in patient_weights(patients, draws, seed):
        if fast is not None:
            drawn.append(fast(columns, weights))
        else:
            drawn.append(as_floats([_on_copy(statistic, columns, row) for row in weights]))
    return np.concatenate(drawn) if drawn else np.empty(0)


def _on_copy(statistic: Statistic, columns: Sequence[AnyArray], row: FloatArray) -> float:
    rows = np.repeat(np.arange(len(row)), row.astype(int))
    return float(statistic(*[column[rows] for column in columns]))


def _columns(probability: ArrayLike) -> Sequence[FloatArray]:
    matrix = as_floats(probability)
    return list(matrix.T) if matrix.ndim == 2 else [matrix]
