"""A real PostgreSQL: the same cells as SQLite gives, a transaction that cannot write, no secrets said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medxmodal.cohort.sources.sql import SORTED, read_sql
from medxmodal.errors import InputError

pytestmark = pytest.mark.services

MAKE = """
drop table if exists medxmodal_visits;
drop sequence if exists medxmodal_sequence;
create sequence medxmodal_sequence;
create table medxmodal_visits (id int, note text, crp numeric(6, 2), at timestamptz, ill boolean, day date);
insert into medxmodal_visits values
  (2, 'b; it''s', 1.50, '2021-03-01 08:00+01', true, '2021-03-01'),
  (1, '50% :x', 'NaN', null, false, null),
  (3, null, 7, '2021-03-02 00:00+00', null, '2021-03-02');
"""


@pytest.fixture
def visits(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A table in the real database, and the `database:` that leads there."""
    import psycopg

    plain = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(MAKE)
        monkeypatch.setenv("MEDXMODAL_TEST_DB", postgres_url)
        yield "env:MEDXMODAL_TEST_DB"
        connection.execute("drop table medxmodal_visits; drop sequence medxmodal_sequence")


def test_cells_are_those_of_any_other_table(visits: str, tmp_path: Path) -> None:
    query = "select id, note, crp, ill, day::text as day from medxmodal_visits"
    table = read_sql(query, visits, tmp_path)
    assert [tuple(row.cells.values()) for row in table.rows] == [
        ("1", "50% :x", None, "false", None),
        ("2", "b; it's", "1.5", "true", "2021-03-01"),
        ("3", None, "7", None, "2021-03-02"),
    ]
    assert table.notes == (SORTED,)
    assert read_sql(query + " order by id", visits, tmp_path).sha256 == table.sha256


def test_patterns_and_times_with_zones(visits: str, tmp_path: Path) -> None:
    query = "select at from medxmodal_visits where note like 'b;%' order by id"
    assert [row.cells["at"] for row in read_sql(query, visits, tmp_path).rows] == [
        "2021-03-01T07:00:00+00:00"
    ]


def test_many_rows_stream(visits: str, tmp_path: Path) -> None:
    query = "select g as n from generate_series(1, 12001) g order by g"
    rows = read_sql(query, visits, tmp_path).rows
    assert [row.cells["n"] for row in (rows[0], rows[-1])] == ["1", "12001"]


def test_the_transaction_cannot_write(visits: str, tmp_path: Path) -> None:
    """A function in a SELECT could; no reading of the query can know."""
    with pytest.raises(InputError, match="ReadOnlySqlTransaction"):
        read_sql("select nextval('medxmodal_sequence') as n", visits, tmp_path)


def test_messages_show_names_of_the_schema_and_nothing_else(visits: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match='column "nosuch" does not exist'):
        read_sql("select nosuch from medxmodal_visits", visits, tmp_path)
    with pytest.raises(InputError, match="InvalidTextRepresentation") as error:
        read_sql("select note::int from medxmodal_visits where id = 2", visits, tmp_path)
    assert "b; it" not in str(error.value)


def test_a_wrong_password_is_refused_without_being_said(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import make_url

    wrong = make_url(postgres_url).set(username="no_such_surgeon", password="hunter2")
    monkeypatch.setenv("MEDXMODAL_TEST_DB", wrong.render_as_string(hide_password=False))
    with pytest.raises(InputError, match="OperationalError") as error:
        read_sql("select 1 as one", "env:MEDXMODAL_TEST_DB", tmp_path)
    assert "surgeon" not in str(error.value)
    assert "hunter2" not in str(error.value)
