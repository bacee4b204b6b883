"""The flow: every record found is a study, excluded or failed; rules with unknown values decide nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.engine.flow import FlowLog

DAYS = {"column": "t", "unit": "d"}
AGE = {"age": {"type": "number", "missing": ["unknown"]}}


def kept(ward: Any, **columns: Any) -> list[str]:
    ward.tree["modalities"]["tabular"]["columns"] = {**AGE, **columns}
    cohort = ward.build()
    flow = cohort.flow
    assert flow.found == flow.studies + flow.excluded + flow.failed
    assert flow.steps[-1].remaining == len(cohort) == flow.studies
    return [study.patient_id for study in cohort]


def rule(where: str, **more: Any) -> dict[str, Any]:
    return {"where": where, "reason": "because", **more}


def ages(ward: Any, *cells: str) -> None:
    ward.records = [{"pid": "abcdefgh"[i], "age": cell, "k": "k"} for i, cell in enumerate(cells)]
    ward.tree["modalities"]["more"] = {"kind": "tabular", "columns": {"k": {"type": "category"}}}


def test_the_flow_of_no_rules() -> None:
    flow = FlowLog(3).finish()
    assert (flow.found, flow.studies, flow.excluded, flow.failed) == (3, 3, 0, 0)
    assert [step.remaining for step in flow.steps] == [3]


@given(st.lists(st.integers(0, 5), max_size=6), st.integers(0, 5), st.integers(0, 20))
def test_steps_go_down_to_the_studies(leaving: list[int], failed: int, left: int) -> None:
    log = FlowLog(sum(leaving) + failed + left)
    for i, number in enumerate(leaving):
        log.exclude(f"exclude {i}", number, "why")
    log.fail(failed)
    flow = log.finish()
    assert flow.studies == left
    remaining = [step.remaining for step in flow.steps]
    assert remaining == sorted(remaining, reverse=True)
    assert all(
        a.remaining - b.removed == b.remaining for a, b in zip(flow.steps, flow.steps[1:], strict=False)
    )


@pytest.mark.parametrize(
    ("verb", "where", "who"),
    [
        ("include", "age >= 40", "cd"),
        ("include", "not age >= 40", "ab"),
        ("exclude", "age >= 40", "abef"),
        ("exclude", "not age >= 40", "cdef"),
        ("include", "age >= 40 or age is missing", "cdef"),
        ("exclude", "age is missing", "abcd"),
        ("include", "age is not missing", "abcd"),
        ("exclude", "age >= 40 and age < 60", "abdef"),
    ],
)
def test_a_missing_value_is_neither_true_nor_false(ward: Any, verb: str, where: str, who: str) -> None:
    """Also a word that the spec declares missing."""
    ages(ward, "20", "39", "40", "60", "", "unknown")
    ward.tree[verb] = [rule(where)]
    assert kept(ward) == list(who)


def test_rules_are_applied_in_turn_and_each_says_how_many_left(ward: Any) -> None:
    ages(ward, "20", "39", "40", "60", "", "90")
    ward.tree["include"] = [rule("age is not missing"), rule("age < 80")]
    ward.tree["exclude"] = [rule("age < 30"), rule("age < 39.5"), rule("age < 10")]
    assert kept(ward) == ["c", "d"]
    flow = ward.build().flow
    assert [(s.step, s.removed) for s in flow.steps[1:]] == [
        ("include age is not missing", 1), ("include age < 80", 1), ("exclude age < 30", 1),
        ("exclude age < 39.5", 1), ("exclude age < 10", 0),
    ]  # fmt: skip


def events(ward: Any, *rows: tuple[str, float | str, str]) -> None:
    ages(ward, "20", "30", "40")
    ward.add("dx", [{"pid": p, "t": t, "code": c} for p, t, c in rows], time=DAYS)
    ward.tree["index_time"] = {"after": "10 d"}


def test_a_rule_of_events_holds_when_any_known_row_fulfils_it(ward: Any) -> None:
    events(ward, ("a", 5, "x"), ("a", 6, "y"), ("b", 11, "x"), ("c", 5, "y"), ("c", 7, ""))
    ward.tree["exclude"] = [rule("code == 'x'", **{"from": "dx"})]
    assert kept(ward) == ["b", "c"]  # what b got after the index time is not known
    ward.tree["include"], ward.tree["exclude"] = ward.tree.pop("exclude"), []
    assert kept(ward) == ["a"]
    assert ward.build().flow.steps[1].step == "include dx: code == 'x'"


def test_a_rule_of_events_has_the_spec_s_window_or_its_own(ward: Any) -> None:
    events(ward, ("a", 1, "x"), ("b", 9, "x"), ("c", -900, "x"))
    ward.tree["window"] = {"from": "-5 d"}
    ward.tree["exclude"] = [rule("code == 'x'", **{"from": "dx"})]
    assert kept(ward) == ["a", "c"]
    ward.tree["exclude"][0]["window"] = {"from": "-9 d"}
    assert kept(ward) == ["c"]
    ward.tree["exclude"][0]["window"] = {"from": "-10 a"}
    ward.tree["include"] = [rule("code == 'x'", **{"from": "dx", "window": {"from": "-10 a", "to": "-5 d"}})]
    ward.tree["exclude"] = []
    assert kept(ward) == ["a", "c"]


def test_a_rule_asks_for_a_study_s_own_value(ward: Any) -> None:
    events(ward, ("a", 5, "1"), ("a", 6, "3"), ("b", 5, "9"), ("b", 11, "1"))
    ward.tree["exclude"] = [rule("`tabular.lab` < 5")]
    lab = {"type": "number", "from": "dx", "column": "code"}
    assert kept(ward, lab=lab) == ["b", "c"]  # c has none: unknown
    ward.tree["include"], ward.tree["exclude"] = ward.tree["exclude"], []
    assert kept(ward, lab=lab) == ["a"]
    ward.tree["include"] = [rule("`tabular.lab` is missing or `tabular.ill` == 'no'")]
    assert kept(
        ward, lab=lab, ill={"type": "category", "from": "dx", "take": "any", "where": "code == '9'"}
    ) == ["a", "c"]


def test_what_a_rule_asks_is_not_counted_twice_among_the_values_dropped(ward: Any) -> None:
    ages(ward, "20", "999", "40")
    ward.tree["exclude"] = [rule("`tabular.age` < 5")]
    ward.tree["modalities"]["tabular"]["columns"] = {"age": {"type": "number", "range": [0, 120]}}
    assert ward.build().quality.set_to_missing == {"tabular.age": {"outside [0, 120]": 1}}


def test_records_without_an_index_event_are_a_step_of_their_own(ward: Any) -> None:
    ages(ward, "20", "30", "40")
    ward.add("visits", [{"pid": "b", "t": 1}, {"pid": "b", "t": 3}], time=DAYS)
    ward.tree["index_time"] = {"from": "visits", "take": "each"}
    assert kept(ward) == ["b", "b"]
    flow = ward.build().flow
    assert (flow.found, flow.excluded) == (4, 2)  # two visits, and two records that have none
    assert flow.steps[1].reason == "no index event"


def test_failures_and_exclusions_of_one_build_add_up(ward: Any) -> None:
    ages(ward, "20", "30", "40", "50")
    ward.records[0]["pid"] = ""
    ward.records[1]["dx"] = "maybe"
    for i in (2, 3):
        ward.records[i]["dx"] = "ill" if i == 2 else "well"
    ward.tree["label"] = {"name": "ill", "column": "dx", "positive": "ill", "negative": "well"}
    ward.tree["exclude"] = [rule("age >= 50")]
    assert kept(ward) == ["c"]
    flow = ward.build().flow
    assert (flow.found, flow.excluded, flow.failed, flow.studies) == (4, 1, 2, 1)


def test_a_ragged_line_is_a_record_found_and_failed(ward: Any) -> None:
    ages(ward, "20", "30")
    ward.tree["modalities"]["tabular"]["columns"] = AGE
    ward.tree["exclude"] = [rule("age < 25")]
    ward.write()
    with (ward.folder / "records.csv").open("a") as stream:
        stream.write("z,1,2,3,4,5\n")
    from medxmodal.cohort import Cohort

    flow = Cohort.from_spec(ward.spec(), ward.folder).flow
    assert (flow.found, flow.excluded, flow.failed, flow.studies) == (3, 1, 1, 1)
