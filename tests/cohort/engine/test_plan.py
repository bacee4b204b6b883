"""Every column that a spec names is looked for before anything is read, and the closest is named."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from medxmodal.cohort.engine.plan import label_tables, make_plan, needed_columns
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.errors import SpecError

TREE: dict[str, Any] = {
    "name": "all",
    "ids": "keep",
    "table": {"file": "r.csv", "patient": "{hospital}-{pid}", "study": "stay"},
    "tables": {
        "labs": {"file": "l.csv", "key": "stay", "time": ["taken", "entered"], "where": "kind == 'x'"},
        "images": {"file": "i.csv", "key": "labid", "through": "labs", "equals": "images", "optional": True},
        "units": {"file": "u.csv", "key": "unit", "equals": "unitid"},
        "result": {"file": "o.csv", "key": "stay"},
        "seen": {"file": "s.csv", "key": "stay", "time": "seen"},
    },
    "index_time": {"from": "labs", "column": "entered", "where": "code == 'start'"},
    "include": [{"where": "age > 3 and `tabular.crp` < 9", "reason": "r"}],
    "exclude": [{"from": "result", "where": "outcome == 'gone'", "reason": "r"}],
    "label": {
        "name": "dead",
        "from": "result",
        "column": "outcome",
        "where": "no == 1",
        "positive": 1,
        "negative": 0,
    },
    "site": {"from": "units", "column": "region"},
    "modalities": {
        "tabular": {
            "kind": "tabular",
            "columns": {
                "age": {"type": "number", "time": {"column": "ageat", "unit": "h"}},
                "crp": {
                    "type": "number",
                    "from": "labs",
                    "column": "value",
                    "unit": "mg/L",
                    "unit_column": "uom",
                    "where": "code == 'crp'",
                },
                "n": {"type": "number", "from": "labs", "take": "count"},
            },
        },
        "series": {
            "kind": "timeseries",
            "from": "labs",
            "where": "ok == 1",
            "columns": {"value": {"type": "number"}},
        },
        "image": {
            "kind": "image",
            "from": "images",
            "file": "{path}",
            "mask": "{outline}",
            "where": "view == 'pa'",
        },
        "text": {"kind": "text", "parts": [{"from": "labs", "line": "{comment}", "where": "said == 1"}]},
    },
}
COLUMNS = {
    "table": {"hospital", "pid", "stay", "unitid", "age", "ageat"},
    "labs": {"stay", "taken", "entered", "kind", "images", "code", "value", "uom", "ok", "comment", "said"},
    "images": {"labid", "path", "outline", "view"},
    "units": {"unit", "region"},
    "result": {"stay", "outcome", "no"},
    "seen": {"stay", "seen"},
}


def columns(without: str = "", table: str = "") -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(c for c in sorted(cells) if not (name == table and c == without))
        for name, cells in COLUMNS.items()
    }


def spec(**change: Any) -> CohortSpec:
    return CohortSpec.parse(copy.deepcopy(TREE) | change)


def test_what_is_read_is_exactly_what_is_named() -> None:
    assert needed_columns(spec()) == {name: frozenset(cells) for name, cells in COLUMNS.items()}


def test_all_there() -> None:
    plan = make_plan(spec(), columns(), unlabelled=False)
    assert (len(plan.include), len(plan.exclude), plan.skipped, plan.labelled) == (1, 1, (), True)
    assert plan.masks == {"image"}


@pytest.mark.parametrize(("table", "column"), [(t, c) for t, cells in COLUMNS.items() for c in sorted(cells)])
def test_every_column_that_is_missing_is_named_with_its_table_and_its_nearest(
    table: str, column: str
) -> None:
    there = columns(column, table)
    there[table] = (*there[table], f"{column.upper()}s")
    with pytest.raises(SpecError, match=f"names the column '{column}', which ") as error:
        make_plan(spec(), there, unlabelled=False)
    assert f"Closest: {column.upper()}s" in str(error.value)
    assert (f"{table} (" in error.value.message) is (table != "table")


@pytest.mark.parametrize(
    ("table", "column"), [("result", "outcome"), ("result", "no"), ("images", "outline")]
)
def test_unlabelled_does_without_label_rules_of_it_and_masks(table: str, column: str) -> None:
    plan = make_plan(spec(), columns(column, table), unlabelled=True)
    assert plan.labelled is (table != "result")
    assert plan.masks == (set() if column == "outline" else {"image"})
    assert len(plan.skipped) == (column == "outcome")
    assert len(plan.include) == 1


def test_unlabelled_does_not_do_without_inputs() -> None:
    for table, column in (("labs", "value"), ("units", "region"), ("labs", "entered"), ("table", "stay")):
        with pytest.raises(SpecError, match=f"'{column}'"):
            make_plan(spec(), columns(column, table), unlabelled=True)


def test_the_label_s_table_may_be_absent_only_without_labels() -> None:
    there = columns() | {"result": ()}
    with pytest.raises(
        SpecError, match=r"label.from names the table 'result', which is not there.*--unlabelled"
    ):
        make_plan(spec(), there, unlabelled=False)
    plan = make_plan(spec(), there, unlabelled=True)
    assert not plan.labelled
    assert len(plan.skipped) == 1
    assert not plan.exclude


def test_an_optional_table_that_is_absent_asks_for_nothing() -> None:
    plan = make_plan(spec(), columns() | {"images": ()}, unlabelled=False)
    assert plan.labelled


def test_only_the_tables_of_label_and_rules_are_spare() -> None:
    assert label_tables(spec()) == {"result", "seen"}


def test_a_rule_may_ask_for_a_value_of_the_study_and_not_for_one_that_is_none() -> None:
    change = spec(include=[{"where": "`tabular.crpp` < 9", "reason": "r"}])
    with pytest.raises(SpecError, match=r"names the column .tabular.crpp"):
        make_plan(change, columns(), unlabelled=False)


def test_a_count_needs_no_column() -> None:
    assert "n" not in needed_columns(spec())["labs"]
