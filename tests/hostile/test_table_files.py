"""Odd tables give the cells they hold and say what was assumed; broken ones are one readable error."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from medxmodal.cohort.sources.table import read_table
from medxmodal.errors import InputError


@pytest.fixture(scope="module")
def made(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(Path(__file__).with_name("table_files.py"))


def test_odd_tables_give_their_cells_and_say_what_was_assumed(made: ModuleType, tmp_path: Path) -> None:
    cases = list(made.odd())
    assert len(cases) > 30
    for case in cases:
        (tmp_path / case.name).write_bytes(case.data)
        table = read_table(tmp_path / case.name)
        assert [row.cells["x"] for row in table.rows] == case.cells, case.label
        notes = " / ".join(table.notes)
        assert re.search(case.notes, notes) if case.notes else not notes, (case.label, notes)
        few = read_table(tmp_path / case.name, columns=["x"])
        assert [(r.number, r.cells["x"], r.problem) for r in few.rows] == [
            (r.number, r.cells["x"], r.problem) for r in table.rows
        ], case.label
        assert few.columns == table.columns


def test_what_cannot_be_read_of_a_table_is_a_problem_of_its_row(made: ModuleType, tmp_path: Path) -> None:
    cases = {case.label: case for case in made.odd()}
    expected = {
        "ragged": {3: "3 cells, but the header has 2"},
        "ndjson": {4: "no readable JSON", 5: "no JSON object"},
        "json_deep": {3: "nested more than"},
        "json_twice": {3: "'a.b' twice"},
        "json_inside": {3: "no JSON object"},
        "json": {},
    }
    for label, problems in expected.items():
        case = cases[label]
        (tmp_path / case.name).write_bytes(case.data)
        found = {row.number: row for row in read_table(tmp_path / case.name).rows if row.problem}
        assert found.keys() == problems.keys(), label
        for number, says in problems.items():
            assert says in found[number].problem, label
            assert set(found[number].cells.values()) <= {None}, "nobody knows which cells are right"


def test_broken_tables_are_one_readable_error(made: ModuleType, tmp_path: Path) -> None:
    for case in made.broken():
        (tmp_path / case.name).write_bytes(case.data)
        with pytest.raises(InputError, match=case.says) as caught:
            read_table(tmp_path / case.name)
        assert str(caught.value).isprintable(), case.label
