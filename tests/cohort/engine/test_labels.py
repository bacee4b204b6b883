"""Labels: a column, a rule, or an event to come with gap, horizon and follow-up."""

from __future__ import annotations

from typing import Any

import pytest

from medxmodal.cohort.engine.labels import LabelReader
from medxmodal.cohort.identity import Kept, Keyed
from medxmodal.errors import SpecError

DAYS = {"column": "t", "unit": "d"}


def labels(ward: Any) -> list[int | None]:
    reader = LabelReader(ward.spec(), Kept(), known=True)
    found = [reader.read(case) for case in ward.candidates().cases]
    assert all(not label.wrong for label in found)
    return [label.value for label in found]


def ahead(ward: Any, *events: tuple[float, str], seen: float | None = 1000, **label: Any) -> int | None:
    """The label of a record with these events (days, code), whose index time is day 10."""
    ward.records = [{"pid": "a"}]
    ward.add(
        "dx",
        [{"pid": "a", "t": t, "code": c} for t, c in events] + [{"pid": "b", "t": 15, "code": "x"}],
        time=DAYS,
    )
    ward.add(
        "visits", [{"pid": "a", "t": seen}] if seen is not None else [{"pid": "b", "t": 1000}], time=DAYS
    )
    ward.tree["index_time"] = {"after": "10 d"}
    tree = {
        "name": "ill",
        "from": "dx",
        "where": "code == 'x'",
        "horizon": "30 d",
        "followed": "visits",
    } | label
    ward.tree["label"] = {key: value for key, value in tree.items() if value is not None}
    (value,) = labels(ward)
    return value


def test_a_column_with_its_two_values(ward: Any) -> None:
    ward.records = [{"pid": str(i), "dx": dx} for i, dx in enumerate(["1", "0", "1.0", ""])]
    ward.tree["label"] = {"name": "ill", "column": "dx", "positive": 1, "negative": 0}
    assert labels(ward) == [1, 0, 1, None]


@pytest.mark.parametrize("keyed", [False, True])
def test_a_third_value_is_named_and_quoted_only_where_ids_are_kept(ward: Any, keyed: bool) -> None:
    ward.records = [{"pid": "a", "dx": "Kowalska"}]
    ward.tree["label"] = {"name": "ill", "column": "dx", "positive": 1, "negative": 0}
    reader = LabelReader(ward.spec(), Keyed(bytes(32)) if keyed else Kept(), known=True)
    label = reader.read(ward.case())
    assert label.value is None
    assert "is neither '1' nor '0'" in label.wrong
    assert ("Kowalska" in label.wrong) is not keyed
    with pytest.raises(SpecError, match="column 'dx' holds neither '1' nor '0'") as error:
        reader.check()
    assert ("Kowalska" in str(error.value)) is not keyed


def test_one_value_that_occurs_nowhere_is_no_fault(ward: Any) -> None:
    ward.records = [{"pid": "a", "dx": "0"}, {"pid": "b", "dx": "0"}]
    ward.tree["label"] = {"name": "ill", "column": "dx", "positive": 1, "negative": 0}
    reader = LabelReader(ward.spec(), Kept(), known=True)
    assert [reader.read(case).value for case in ward.candidates().cases] == [0, 0]
    reader.check()
    ward.records = [{"pid": "a", "dx": ""}]
    empty = LabelReader(ward.spec(), Kept(), known=True)
    assert empty.read(ward.case()).value is None
    empty.check()


def test_a_rule_is_yes_no_or_unknown(ward: Any) -> None:
    ward.records = [{"pid": str(i), "num": n} for i, n in enumerate(["0", "3", "", "x"])]
    ward.tree["label"] = {"name": "ill", "where": "num > 0"}
    assert labels(ward) == [0, 1, None, None]
    ward.tree["label"]["where"] = "num is not missing"
    assert labels(ward) == [1, 1, 0, 1]


def test_a_column_of_another_table_whose_rows_agree(ward: Any) -> None:
    ward.records = [{"pid": p} for p in "abcd"]
    rows = [("a", "dead", "1"), ("a", "dead", "2"), ("b", "alive", "1"), ("b", "dead", "2"), ("c", "", "1")]
    ward.add("result", [{"pid": p, "out": out, "v": v} for p, out, v in rows])
    ward.tree["label"] = {
        "name": "death",
        "from": "result",
        "column": "out",
        "positive": "dead",
        "negative": "alive",
    }
    reader = LabelReader(ward.spec(), Kept(), known=True)
    found = [reader.read(case) for case in ward.candidates().cases]
    assert [label.value for label in found] == [1, None, None, None]
    assert "its 2 rows in result disagree in 'out'" in found[1].wrong
    assert [bool(label.wrong) for label in found] == [False, True, False, False]
    ward.tree["label"]["where"] = "v == '1'"
    assert labels(ward) == [1, 0, None, None]
    ward.tree["label"] |= {"positive": "DEAD", "negative": "ALIVE"}
    with pytest.raises(SpecError, match=r"result.out holds neither 'DEAD' nor 'ALIVE'; it holds 'dead'"):
        ward_builds(ward)


def ward_builds(ward: Any) -> Any:
    ward.tree["modalities"]["tabular"]["columns"] = {
        "n": {"type": "number", "from": "result", "take": "count"}
    }
    return ward.build()


def test_a_rule_over_rows_of_another_table(ward: Any) -> None:
    ward.records = [{"pid": p} for p in "abcd"]
    rows = [("a", "x"), ("a", "y"), ("b", "y"), ("c", "y"), ("c", "")]
    ward.add("dx", [{"pid": p, "code": code} for p, code in rows])
    ward.tree["label"] = {"name": "ill", "from": "dx", "where": "code == 'x'"}
    assert labels(ward) == [1, 0, None, None]


@pytest.mark.parametrize(
    ("day", "label"), [(9, 0), (10, 0), (10.001, 1), (39.9, 1), (40, 1), (40.001, 0), (500, 0)]
)
def test_an_event_counts_after_the_index_time_until_the_horizon(ward: Any, day: float, label: int) -> None:
    assert ahead(ward, (day, "x")) == label
    assert ahead(ward, (day, "y")) == 0


@pytest.mark.parametrize(
    ("day", "label"), [(10, 0), (10.5, None), (12, None), (12.001, 1), (42, 1), (42.001, 0)]
)
def test_an_event_in_the_gap_leaves_the_label_unknown(ward: Any, day: float, label: int | None) -> None:
    assert ahead(ward, (day, "x"), gap="2 d") == label
    if label is None:
        assert ahead(ward, (day, "x"), (20, "x"), gap="2 d") is None


@pytest.mark.parametrize(
    ("seen", "label"), [(None, None), (9, None), (39, None), (39.9, None), (40, 0), (40.5, 0)]
)
def test_who_is_not_followed_to_the_end_is_no_negative(
    ward: Any, seen: float | None, label: int | None
) -> None:
    assert ahead(ward, (5, "y"), seen=seen) == label
    assert ahead(ward, (15, "x"), seen=seen) == 1  # a positive needs no more
    assert ahead(ward, (5, "y"), seen=seen, followed=None) == 0


def test_reasons_for_unknown_labels_are_counted_in_the_notes(ward: Any) -> None:
    ahead(ward, (10.5, "x"), gap="1 d")
    ward.records += [{"pid": "b"}, {"pid": "c"}]
    ward.tree["modalities"]["tabular"]["columns"] = {"pid_": {"type": "category", "column": "k"}}
    for row in ward.records:
        row["k"] = "k"
    notes = ward.build().quality.notes
    assert "1 labels are unknown: the event happened within the gap" in notes
    assert "1 labels are unknown: not followed until the horizon's end" in notes
    assert "2 of 3 studies have no label" in notes


def test_a_day_on_the_edge_of_the_gap(ward: Any) -> None:
    """With dates alone, the index day and a gap of one day leave the day after it out."""
    ward.records = [{"pid": "a", "when": "2021-03-10"}]
    ward.tree["index_time"] = {"column": "when"}
    ward.tree["label"] = {
        "name": "ill",
        "from": "dx",
        "where": "code == 'x'",
        "gap": "1 d",
        "horizon": "30 d",
    }
    found = []
    for day in ("2021-03-09", "2021-03-10", "2021-03-11", "2021-03-12"):
        ward.add("dx", [{"pid": "a", "t": day, "code": "x"}], time="t")
        found += labels(ward)
    assert found == [0, 0, None, 1]


def test_what_is_predicted_is_never_known(ward: Any) -> None:
    """The rows that make a label positive are none of those that inputs read."""
    for day in (9.0, 10.0, 10.5, 11.0, 40.0):
        value = ahead(ward, (day, "x"), gap="12 h")
        known = ward.case().known("dx")
        assert not (value == 1 and known)


def test_unlabelled_reads_none(ward: Any) -> None:
    ward.records = [{"pid": "a", "dx": "1"}]
    ward.tree["label"] = {"name": "ill", "column": "dx", "positive": 1, "negative": 0}
    reader = LabelReader(ward.spec(), Kept(), known=False)
    assert reader.read(ward.case()) == (None, "")
    reader.check()


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ({"column": "dx", "positive": 1, "negative": 1}, "positive and negative are both"),
        ({"column": "dx"}, "needs `positive` and `negative`"),
        ({}, "give either `column`"),
        ({"column": "dx", "where": "x > 1", "positive": 1, "negative": 0}, "give either `column`"),
        ({"where": "x > 1", "horizon": "1 d"}, "`horizon` needs `from`"),
        ({"where": "x > 1", "gap": "1 d"}, "need `horizon`"),
        ({"from": "dx", "where": "x > 1", "window": {"from": "-1 d"}}, "not `window`"),
        ({"from": "nowhere", "where": "x > 1"}, "there is no table 'nowhere'"),
    ],
)
def test_labels_that_say_nothing(ward: Any, label: dict[str, Any], words: str) -> None:
    ward.add("dx", [])
    ward.tree["label"] = {"name": "ill", **label}
    with pytest.raises(SpecError, match=words):
        ward.spec()
