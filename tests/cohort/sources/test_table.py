"""Tables: the same cells whatever the kind of file, and one readable error for whatever is damaged."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.sources.grid import Lines, to_records
from medxmodal.cohort.sources.rows import Table
from medxmodal.cohort.sources.table import read_table, read_tables
from medxmodal.errors import InputError, MedxmodalError, SpecError

ROWS = [["id", "Age", "when", "note"], ["p1", 57, date(2021, 3, 1), "a, b"], ["p2", 41.5, None, None]]
CELLS = [
    {"id": "p1", "Age": "57", "when": "2021-03-01", "note": "a, b"},
    {"id": "p2", "Age": "41.5", "when": None, "note": None},
]


def text_of(separator: str) -> str:
    return "\n".join(
        separator.join(f'"{cell}"' if separator in str(cell) else str(cell or "") for cell in row)
        for row in ROWS
    )


def cells(table: Table) -> list[dict[str, str | None]]:
    return [dict(row.cells) for row in table.rows]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", text_of(",").encode()),
        ("t.csv", text_of(";").encode()),
        ("t.csv", text_of(",").replace("\n", "\r\n").encode("utf-8-sig")),
        ("t.csv", text_of(",").encode("utf-16")),
        ("t.tsv", text_of("\t").encode()),
        ("t.csv.gz", gzip.compress(text_of(",").encode(), mtime=0)),
    ],
)
def test_text_tables_read_alike(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    table = read_table(tmp_path / name)
    assert table.columns == ("id", "Age", "when", "note")
    assert cells(table) == CELLS
    assert [row.number for row in table.rows] == [2, 3]


def test_spreadsheets_and_parquet_read_as_the_text_does(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    book.create_sheet("empty")
    book.save(tmp_path / "t.xlsx")
    frame = pd.DataFrame(ROWS[1:], columns=ROWS[0])
    frame.to_parquet(tmp_path / "t.parquet")
    assert cells(read_table(tmp_path / "t.xlsx")) == CELLS
    assert cells(read_table(tmp_path / "t.xlsx", "Sheet")) == CELLS
    assert cells(read_table(tmp_path / "t.parquet")) == CELLS
    with pytest.raises(SpecError, match=r"no sheet 'other'.*Sheet, empty"):
        read_table(tmp_path / "t.xlsx", "other")
    with pytest.raises(InputError, match="is empty"):
        read_table(tmp_path / "t.xlsx", "empty")


def test_empty_rows_do_not_count_but_keep_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,x\na,1\n,\n\nb,2\n,\n")
    assert [(row.number, row.cells["id"]) for row in read_table(tmp_path / "t.csv").rows] == [
        (2, "a"),
        (5, "b"),
    ]


def test_windows_text_is_read_and_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("id,note\n1,Müller\n".encode("cp1252"))
    table = read_table(tmp_path / "t.csv")
    assert table.rows[0].cells["note"] == "Müller"
    assert "Windows-1252" in table.notes[0]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\n1,2\n", "is empty"),
        ("t.csv", b"id,x,id\n1,2,3\n", "has the column 'id' twice"),
        ("t.csv", b'id,x\n1,"2\n', "near line"),
        ("t.csv", "id,x\n1,2\n".encode("utf-16-le"), "not readable as text"),
        ("t.csv", b"id\n\x81\x8d\n", "neither UTF-8 nor Windows-1252"),
        ("t.csv.gz", b"not gzip", "damaged gzip"),
        ("t.csv.gz", gzip.compress(b"id,x\n1,2\n" * 99, mtime=0)[:30], "damaged gzip"),
        ("t.xlsx", b"PK\x03\x04 cut", "no readable XLSX"),
        ("t.xlsx", b"\xd0\xcf\x11\xe0 an encrypted or very old workbook", "no readable XLSX"),
        ("t.parquet", b"PAR1 cut", "no readable Parquet"),
        ("t.docx", b"x", "no table that can be read"),
    ],
)
def test_damage_is_one_readable_error(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MedxmodalError, match=says) as error:
        read_table(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_a_file_cut_short_is_never_half_read(tmp_path: Path, kind: str, keep: float) -> None:
    frame = pd.DataFrame({"id": [f"p{i}" for i in range(200)], "x": range(200)})
    path = tmp_path / f"t.{kind}"
    frame.to_excel(path, index=False) if kind == "xlsx" else frame.to_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(InputError):
        read_table(path)


def test_a_table_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("id\n1\n")
    with pytest.raises(SpecError, match=r"no table t\.csv.*other\.csv"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx", "json"])
def test_only_the_columns_asked_for_are_kept(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame(
        {"id": ["a", None, "b", "c"], "x": [1.5, None, None, 2.5], "note": ["", "", "n", "m"]}
    )
    path = tmp_path / f"ward.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_json(path, orient="records")
    table = read_table(path, columns={"x", "_file", "_row", "absent"})
    assert table.columns == ("id", "x", "note", "_file", "_row")
    assert cells(table) == [
        {"x": "1.5", "_file": "ward", "_row": "2"},
        {"x": None, "_file": "ward", "_row": "4"},
        {"x": "2.5", "_file": "ward", "_row": "5"},
    ]
    assert "_file" not in read_table(path).columns
    assert read_tables(tmp_path, path.name, columns={"x", "_file", "_row", "absent"}) == table


def test_several_files_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.csv").write_text("id,y\n3,4\n,\n5,6,7\n")
    (tmp_path / "a.csv").write_bytes("id,x\n1,ü\n".encode("latin-1"))
    (tmp_path / "c.csv").write_text("id,x\n8,9\n")
    (tmp_path / "c.txt").write_text("no table")
    table = read_tables(tmp_path, "**/*.csv", columns=["id", "x", "_file", "_row"])
    assert table.columns == ("id", "x", "_file", "_row", "y")
    assert [tuple(row.cells[c] for c in ("id", "x", "_file", "_row")) for row in table.rows] == [
        ("1", "ü", "a", "2"),
        ("3", None, "two", "2"),
        (None, None, "two", "4"),
        ("8", "9", "c", "2"),
    ]
    assert [bool(row.problem) for row in table.rows] == [False, False, True, False]
    assert [row.shown for row in table.rows] == [
        "row 2 of file 1",
        "row 2 of file 2",
        "row 4 of file 2",
        "row 2 of file 3",
    ]
    assert len({row.number for row in table.rows}) == 4
    assert len(table.files) == 3
    assert table.notes == (
        "the table is not UTF-8; it was read as Windows-1252 (1 of 3 files)",
        "rows that cannot be read, each with its reason: 1 (1 of 3 files)",
    )


@pytest.mark.parametrize(("kind", "room"), [("parquet_table", 5), ("json_table", 5), ("table", 20)])
def test_a_table_beyond_the_limits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, room: int
) -> None:
    name = "MAX_BYTES" if kind == "table" else "MAX_CELLS"
    monkeypatch.setattr(f"medxmodal.cohort.sources.{kind}.{name}", room)
    frame = pd.DataFrame({"id": ["a", "b", "c"], "x": [1, 2, 3]})
    path = tmp_path / ("t.json" if kind == "json_table" else "t.parquet")
    frame.to_json(path, orient="records") if kind == "json_table" else frame.to_parquet(path)
    with pytest.raises(InputError, match="has more than"):
        read_table(path)


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=6), max_size=4), max_size=5)
)
def test_any_lines_are_records_whatever_columns_are_asked_for(lines: list[list[str]]) -> None:
    whole = to_records(Lines([["a", "b", ""], *lines], commas=True), "t")
    few = to_records(Lines([["a", "b", ""], *lines], commas=True), "t", ["b"])
    filled = [n for n, line in enumerate(lines, 2) if any(cell_text(cell) for cell in line)]
    assert [row.number for row in whole.rows] == filled
    assert [(row.number, row.problem, row.cells["b"]) for row in few.rows] == [
        (row.number, row.problem, row.cells["b"]) for row in whole.rows
    ]
    assert all(row.cells.keys() == {"a", "b"} for row in whole.rows)


def test_the_files_of_a_pattern_are_never_named(tmp_path: Path) -> None:
    (tmp_path / "Doe_Jane.json").write_text("{")
    with pytest.raises(InputError, match=r"^file 1 of \*\.json is no readable JSON") as error:
        read_tables(tmp_path, "*.json")
    assert "Doe" not in str(error.value)


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*.csv", "x/../../t.csv"])
def test_a_pattern_stays_in_the_data_folder(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(SpecError, match="leads out of the data folder"):
        read_tables(tmp_path, pattern)


def test_a_pattern_that_matches_nothing_names_the_tables_there(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("id\n1\n")
    with pytest.raises(SpecError, match=r"matches 'lab\*\.csv'.*other\.csv"):
        read_tables(tmp_path, "lab*.csv")


def test_kidney_records_flatten(shared_data: Path) -> None:
    table = read_table(shared_data / "kidney_kits" / "kits.json")
    assert len(table.rows) == 210
    assert not table.notes
    first = table.rows[0]
    assert first.cells["case_id"] == "case_00000"
    assert first.cells["comorbidities.copd"] == "false"
    assert first.cells["last_preop_egfr.value"] == "77"
    assert first.shown == "record 1"
    assert not any(row.problem for row in table.rows)
