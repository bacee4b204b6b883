"""Table 1: known figures, what the library must not trip over, and differences told only where asked."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from medxmodal.cohort.describe.table_one import MEAN, MEDIAN, MISSING, MOST_LEVELS, table_one
from medxmodal.cohort.describe.variables import Variable
from medxmodal.records import TableRow


def rows_of(variables, groups, **options) -> dict[tuple[str, str], TableRow]:
    rows = table_one(variables, groups, overall="all", **options)
    return {(row.variable, row.level): row for row in rows}


def test_known_figures() -> None:
    age = Variable("Age", "number", [float(x) for x in (1, 2, 3, 4, 100, 200)] + [None], "a")
    sex = Variable("Sex", "category", ["f", "f", "m", "m", "m", None, "f"])
    signs = Variable("Signs", "flags", [("a", "b"), ("a",), (), ("b",), None, ("a",), ()])
    groups = {"no": [0, 1, 2, 6], "yes": [3, 4, 5]}
    found = rows_of([age, sex, signs], groups, compare=("no", "yes"))
    assert found["Age", MEDIAN].summary == {
        "all": "3.5 [2.25, 76]",
        "no": "2 [1.5, 2.5]",
        "yes": "100 [52, 150]",
    }
    assert found["Age", MEDIAN].unit == "a"
    assert found["Age", MISSING].summary == {"all": "1 (14.3 %)", "no": "1 (25.0 %)", "yes": "0 (0.0 %)"}
    assert found["Sex", "f"].summary == {"all": "3 (50.0 %)", "no": "3 (75.0 %)", "yes": "0 (0.0 %)"}
    assert found["Sex", MISSING].summary["yes"] == "1 (33.3 %)"
    assert found["Signs", "a"].summary == {"all": "3 (50.0 %)", "no": "2 (50.0 %)", "yes": "1 (50.0 %)"}
    assert ("Signs", "c") not in found


def test_the_difference_is_the_standardised_one_with_its_sign(rng) -> None:
    y = np.repeat([0, 1], 400)
    values = rng.normal(size=800) + 0.5 * y
    flags = rng.random(800) < np.where(y, 0.6, 0.3)
    told = [
        Variable("x", "number", [float(v) for v in values]),
        Variable("flag", "flags", [("on",) if flag else () for flag in flags]),
    ]
    groups = {"no": list(range(400)), "yes": list(range(400, 800))}
    found = rows_of(told, groups, compare=("no", "yes"))
    low, high = values[:400], values[400:]
    expected = (high.mean() - low.mean()) / np.sqrt((high.var(ddof=1) + low.var(ddof=1)) / 2)
    assert found["x", MEAN].smd == pytest.approx(expected, abs=1e-3)
    p, q = flags[400:].mean(), flags[:400].mean()
    assert found["flag", "on"].smd == pytest.approx(
        (p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2), abs=5e-3
    )
    back = rows_of(told, groups, compare=("yes", "no"))
    assert back["x", MEAN].smd == pytest.approx(-found["x", MEAN].smd)
    assert {row.p for row in found.values()} == {None}
    assert {row.smd for row in rows_of(told, groups).values()} == {None}


def test_p_values_only_where_asked(rng) -> None:
    values = [float(v) for v in rng.normal(size=100)]
    shifted = [v + 3 * (i >= 50) for i, v in enumerate(values)]
    told = [Variable("same", "number", values), Variable("shifted", "number", shifted)]
    told.append(Variable("flag", "flags", [("on",) if i >= 50 else () for i in range(100)]))
    groups = {"no": range(50), "yes": range(50, 100)}
    found = rows_of(told, groups, compare=("no", "yes"), p_values=True)
    p = {variable: row.p for (variable, _), row in found.items()}
    assert p["same"] > 0.01
    assert p["shifted"] < 1e-4
    assert p["flag"] < 1e-4


@pytest.mark.parametrize("name", ["Missing", "SMD", "Overall", "P-Value", "group", "position", "n", "x0"])
def test_no_name_of_a_column_or_a_group_collides(name) -> None:
    told = [
        Variable(name, "number", [1.0, 2.0, 3.0]),
        Variable(name, "category", ["Overall", name, "Missing"]),
    ]
    rows = table_one(told, {name: [0, 1], "other": [2]}, overall="all", compare=(name, "other"))
    assert rows[0].summary["all"] == "2 [1.5, 2.5]"
    assert sum(int(row.summary["all"].split()[0]) for row in rows[1:]) == 3
    assert {row.variable for row in rows} == {name}


def test_what_is_missing_everywhere_or_in_a_whole_group_is_told_without_a_warning() -> None:
    told = [
        Variable("never", "number", [None] * 4),
        Variable("nowhere", "category", [None] * 4),
        Variable("first", "number", [1.0, 2.0, None, None]),
        Variable("only", "category", ["u", "u", None, None]),
        Variable("flags", "flags", [None, None, ("on",), ()]),
        Variable("none", "flags", [(), (), (), ()], levels=("present",)),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rows_of(told, {"a": [0, 1], "b": [2, 3]}, compare=("a", "b"), p_values=True)
    assert found["never", MISSING].summary == {"all": "4 (100.0 %)", "a": "2 (100.0 %)", "b": "2 (100.0 %)"}
    assert found["nowhere", MISSING].summary["all"] == "4 (100.0 %)"
    assert found["first", MEDIAN].summary == {"all": "1.5 [1.25, 1.75]", "a": "1.5 [1.25, 1.75]", "b": "-"}
    assert found["first", MEDIAN].smd is None
    assert found["only", "u"].summary == {"all": "2 (100.0 %)", "a": "2 (100.0 %)", "b": "0"}
    assert found["flags", "on"].summary == {"all": "1 (50.0 %)", "a": "0", "b": "1 (50.0 %)"}
    assert found["none", "present"].summary == {"all": "0 (0.0 %)", "a": "0 (0.0 %)", "b": "0 (0.0 %)"}


def test_rare_levels_are_told_together() -> None:
    cells = [f"level {k:02d}" for k in range(MOST_LEVELS + 5)] * 2
    told = [Variable("c", "category", cells), Variable("f", "flags", [(cell,) for cell in cells])]
    rows = table_one(told, {}, overall="all")
    assert len(rows) == 2 * (MOST_LEVELS + 1)
    assert [row.summary["all"] for row in rows if row.level == "5 rarer ones"] == ["10 (20.0 %)"] * 2


def test_without_variables_or_studies_there_are_no_lines() -> None:
    assert table_one([], {}, overall="all") == []
    assert table_one([Variable("x", "number", [])], {}, overall="all") == []
