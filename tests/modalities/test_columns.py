"""Columns as features: known answers, what is missing is zeros, and JSON keeps all."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.modalities.columns import CLIP, ColumnState, encode_row, feature_names, fit_columns

NUMBER, CATEGORY = SimpleNamespace(type="number"), SimpleNamespace(type="category")


def fit(cells: list[object], spec: SimpleNamespace, *, presence: bool = True) -> ColumnState:
    return fit_columns([{"c": cell} for cell in cells], {"c": spec}, ["c"], presence=presence)[0]  # type: ignore[dict-item]


def test_numbers_are_standardised_by_training_mean_and_spread() -> None:
    column = fit([1.0, 2.0, 3.0, 4.0], NUMBER)
    assert not column.log
    coded = [column.encode(value)[0] for value in (1.0, 2.0, 3.0, 4.0)]
    assert np.mean(coded) == pytest.approx(0)
    assert np.std(coded) == pytest.approx(1)


def test_skewed_laboratory_values_are_read_on_a_log_scale() -> None:
    column = fit([1.0, 2.0, 1.5, 1.2, 3.0, 500.0], NUMBER)
    assert column.log
    low, middle, high = (column.encode(v)[0] for v in (1.0, 10.0, 100.0))
    assert high - middle == pytest.approx(np.log(101 / 11) / column.spread)
    assert middle - low == pytest.approx(np.log(11 / 2) / column.spread)
    assert not fit([-1.0, 2.0, 1.5, 1.2, 3.0, 500.0], NUMBER).log, "negative numbers have no logarithm"


def test_missing_is_zeros_with_an_indicator_only_if_seen_in_training_and_allowed() -> None:
    column = fit([1.0, None, 3.0], NUMBER)
    assert column.encode(None) == [0.0, 1.0]
    assert column.encode(2.0) == [0.0, 0.0]
    assert fit([1.0, 2.0], NUMBER).encode(None) == [0.0]
    assert fit([1.0, None], NUMBER, presence=False).encode(None) == [0.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "text", ()])
def test_what_is_no_number_counts_as_missing(value: object) -> None:
    assert fit([1.0, None, 3.0], NUMBER).encode(value) == [0.0, 1.0]  # type: ignore[arg-type]


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_stays_within_the_clip(value: float) -> None:
    for column in (fit([1.0, 2.0, 4.0, None], NUMBER), fit([0.0, 0.0, 0.1, 900.0], NUMBER)):
        assert all(np.isfinite(v) and abs(v) <= CLIP for v in column.encode(value))


def test_a_column_that_never_varies_or_is_empty_is_harmless() -> None:
    assert fit([5.0, 5.0, 5.0], NUMBER).encode(5.0) == [0.0]
    assert fit([None, None], NUMBER).encode(7.0) in ([7.0], [CLIP])


def test_categories_are_sorted_and_many_at_once_are_allowed() -> None:
    column = fit([("b",), ("a", "b"), None], CATEGORY)
    assert column.categories == ("a", "b")
    assert column.encode(("a", "b")) == [1.0, 1.0, 0.0]
    assert column.encode(()) == [0.0, 0.0, 1.0]
    assert column.encode("a") == [1.0, 0.0, 0.0]


def test_a_category_never_seen_reads_as_missing() -> None:
    assert fit([("a",), None], CATEGORY).encode(("zzz",)) == [0.0, 1.0]


def test_features_are_named_in_their_order_and_survive_json() -> None:
    rows = [{"n": 1.0, "c": ("x",)}, {"n": None, "c": ("y", "x")}, {"n": 3.0, "c": None}]
    columns = fit_columns(rows, {"n": NUMBER, "c": CATEGORY}, ["n", "c"], presence=True)
    assert feature_names(columns) == ["n", "n missing", "c=x", "c=y", "c missing"]
    again = [ColumnState.from_dict(json.loads(json.dumps(column.as_dict()))) for column in columns]
    assert again == columns
    for row in rows:
        found = encode_row(row, columns)
        assert found.dtype == np.float32
        assert len(found) == sum(column.width for column in columns) == 5


def test_values_are_shown_as_a_reader_writes_them() -> None:
    column = ColumnState("c", "number")
    assert [column.shown(v) for v in (3.0, 0.25, None, (), ("a", "b"), "x")] == [
        "3", "0.25", "missing", "missing", "a, b", "x",
    ]  # fmt: skip
