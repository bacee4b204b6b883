"""SQL: the same table for the same contents, nothing but reading, and no secret in a message."""

from __future__ import annotations

import logging
import sqlite3
import sys
from pathlib import Path

import pytest

from medxmodal.cohort.sources.sql import SORTED, read_sql
from medxmodal.cohort.sources.sql_query import check_query
from medxmodal.errors import InputError, MedxmodalError, PrivacyError, SpecError

ROWS = [(2, "b", 1.5, None), (1, "a; --'x'", 2.0, "12:30"), (3, None, None, "50%")]
URL = "sqlite:///in here.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "in here.db") as database:
        database.execute("create table visits (id integer, note text, crp real, at text)")
        database.executemany("insert into visits values (?, ?, ?, ?)", ROWS)
    database.close()
    return tmp_path


def test_cells_are_those_of_any_other_table(folder: Path) -> None:
    table = read_sql("select * from visits order by id desc", URL, folder)
    assert table.columns == ("id", "note", "crp", "at")
    assert [tuple(row.cells.values()) for row in table.rows] == [
        ("3", None, None, "50%"),
        ("2", "b", "1.5", None),
        ("1", "a; --'x'", "2", "12:30"),
    ]
    assert table.notes == ()
    assert [row.number for row in table.rows] == [2, 3, 4]


def test_without_an_order_the_rows_are_sorted_and_it_is_said(folder: Path) -> None:
    table = read_sql("select id, crp from visits;", URL, folder)
    assert [row.cells["id"] for row in table.rows] == ["1", "2", "3"]
    assert table.notes == (SORTED,)
    with sqlite3.connect(folder / "other.db") as database:
        database.execute("create table visits (id integer, note text, crp real)")
        database.executemany("insert into visits values (?, ?, ?)", [row[:3] for row in reversed(ROWS)])
    database.close()
    again = read_sql("select id, crp from visits", "sqlite:///other.db", folder)
    assert again == table
    changed = read_sql("select id, crp + 0.1 as crp from visits", URL, folder)
    assert changed.sha256 != table.sha256
    assert table.size > 0


def test_colons_percents_and_with(folder: Path) -> None:
    query = "with few as (select id, at from visits where at like '%:30') select id, ' :x' as c from few"
    assert [dict(row.cells) for row in read_sql(query, URL, folder).rows] == [{"id": "1", "c": ":x"}]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "drop table visits",
        "select 1; drop table visits",
        "select 1;;select 2",
        "with x as (delete from visits returning id) select * from x",
        "select * into copy from visits",
        "pragma table_info(visits)",
        "/* select */ delete from visits",
        "explain select 1",
        r"select 'a\'; drop table visits; --'",
        "select 1 -- \n ; attach 'x' as y",
    ],
)
def test_only_one_reading_statement_is_taken(folder: Path, query: str) -> None:
    with pytest.raises(SpecError, match="SQL query"):
        read_sql(query, "postgresql://nobody@256.0.0.1/none", folder)


@pytest.mark.parametrize(
    "query",
    [
        'select "update" from visits',
        "select 'delete; it' from visits",
        "select updated_at from visits",
        "SELECT replace(a, 'x', '') FROM t",
        "(select 1) union (select 2)",
        "select $q$drop; it$q$",
    ],
)
def test_words_in_quotes_and_names_are_no_statements(query: str) -> None:
    check_query(query)


def test_the_connection_itself_cannot_write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medxmodal.cohort.sources.sql.check_query", lambda query: None)
    before = (folder / "in here.db").read_bytes()
    with pytest.raises(InputError, match="refused"):
        read_sql("delete from visits", URL, folder)
    assert (folder / "in here.db").read_bytes() == before
    with pytest.raises(SpecError, match=r"no database new\.db.*in here\.db"):
        read_sql("select 1", "sqlite:///new.db", folder)
    assert not (folder / "new.db").exists()


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@h/db", "postgresql://h/db?password=hunter2", "mysql://u:hunter2@h/db"]
)
def test_a_password_in_a_spec_is_refused(folder: Path, url: str) -> None:
    with pytest.raises(PrivacyError, match="env:NAME") as error:
        read_sql("select 1", url, folder)
    assert "hunter2" not in str(error.value)


def test_the_url_comes_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_DB", URL)
    assert len(read_sql("select id from visits", "env:CLINIC_DB", folder).rows) == 3
    monkeypatch.delenv("CLINIC_DB")
    with pytest.raises(SpecError, match="CLINIC_DB is not set"):
        read_sql("select 1", "env:CLINIC_DB", folder)


def test_no_message_and_no_log_shows_secrets_or_cells(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for url in (
        "postgresql://surgeon:hunter2@127.0.0.1:9/clinic",
        "postgresql://surgeon:hunter2@127.0.0.1:port/clinic",
        "nothing+at+all://surgeon:hunter2@x/y",
        "surgeon:hunter2",
    ):
        monkeypatch.setenv("CLINIC_DB", url)
        with pytest.raises(MedxmodalError) as error:
            read_sql("select 1 as one", "env:CLINIC_DB", folder)
        said.append(str(error.value))
        assert error.value.__suppress_context__
    for query in ("select nosuch from visits", "select * from lost", "select abs('Jane Doe', 1) from visits"):
        with pytest.raises(InputError) as error:
            read_sql(query, URL, folder)
        said.append(str(error.value))
    assert "no such column: nosuch" in said[4]
    assert "no such table: lost" in said[5]
    text = " ".join([*said, caplog.text])
    assert not [word for word in ("surgeon", "hunter2", "Jane") if word in text]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:in here.db?uri=true"])
def test_sqlite_needs_a_file(folder: Path, url: str) -> None:
    with pytest.raises(SpecError, match="no SQLite file"):
        read_sql("select 1", url, folder)


@pytest.mark.parametrize("place", ["../in here.db", "{folder}/in here.db"])
def test_only_the_environment_leads_out_of_the_data_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    url, inner = f"sqlite:///{place.format(folder=folder)}", folder / "inner"
    inner.mkdir()
    with pytest.raises(SpecError, match="leads out of the data folder"):
        read_sql("select id from visits", url, inner)
    monkeypatch.setenv("RECORDS", url)
    assert read_sql("select id from visits", "env:RECORDS", inner).rows


def test_a_locked_database_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs, timeout=0))
    writer = connect(folder / "in here.db")
    writer.execute("begin exclusive")
    try:
        with pytest.raises(InputError, match="database is locked"):
            read_sql("select id from visits", URL, folder)
    finally:
        writer.close()


def test_a_damaged_database_is_one_readable_error(folder: Path) -> None:
    (folder / "cut.db").write_bytes((folder / "in here.db").read_bytes()[:700])
    (folder / "no.db").write_bytes(b"Jane Doe, 1950" * 100)
    with sqlite3.connect(folder / "in here.db") as database:
        database.execute("insert into visits values (9, cast(x'4a616e65ff' as text), null, null)")
    database.close()
    for url in ("sqlite:///cut.db", "sqlite:///no.db", URL):
        with pytest.raises(InputError, match="sqlite database refused") as error:
            read_sql("select * from visits", url, folder)
        assert "Jane" not in str(error.value)


def test_bytes_are_hexadecimal_and_empty_rows_are_none(folder: Path) -> None:
    table = read_sql("select x'00ff' as b, null as c union all select null, '' order by 1", URL, folder)
    assert [dict(row.cells) for row in table.rows] == [{"b": "00ff", "c": None}]


def test_two_columns_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="column 'id' twice"):
        read_sql("select id, id from visits", URL, folder)


def test_without_sqlalchemy_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(SpecError, match=r"medxmodal\[sql\]"):
        read_sql("select 1", URL, folder)
