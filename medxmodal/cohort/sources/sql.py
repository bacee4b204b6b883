"""SQL databases through SQLAlchemy: one query, read-only, as a table of text cells."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.sources.grid import Lines, to_records
from medxmodal.cohort.sources.rows import SourceFile, Table
from medxmodal.cohort.sources.sql_query import check_query, is_ordered
from medxmodal.errors import InputError, PrivacyError, SpecError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

ENV = "env:"
MAX_ROWS = 50_000_000
BATCH = 5_000
"""Rows fetched at once."""
SORTED = "the query has no ORDER BY; its rows were sorted by all of their columns"
_FIRST = {"postgresql": ("SET TRANSACTION READ ONLY", "SET LOCAL TIME ZONE 'UTC'")}
"""Said before the query: nothing can be written, and times do not depend on the server's own zone."""
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_SAFE = re.compile(
    r"(no such (?:table|column|function): [\w.]+|(?:relation|column) \"[\w.]+\" does not exist"
    r"|database (?:table )?is locked|file is not a database|unable to open database file)"
)
"""What a database says about its own names, and not about its contents."""
_SECRET = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)


def read_sql(query: str, database: str, folder: Path) -> Table:
    """Read the result of a query.

    Rows come in the query's order; without ORDER BY they are sorted by all columns, so that the same
    contents give the same table. An ORDER BY that leaves ties leaves their order to the database.

    Args:
        query: One SELECT, or WITH ... SELECT.
        database: A SQLAlchemy URL without a password, such as `sqlite:///records.db` (relative to `folder`,
            opened read-only), or `env:NAME`: the environment variable NAME holds the URL.
        folder: The data folder.

    Raises:
        SpecError: The query is no single reading statement, or the database or its driver is not there.
        PrivacyError: The URL in the spec holds a password.
        InputError: The database refuses the connection or the query.
    """
    check_query(query)
    engine = _engine(database, folder)
    with _readable_errors(engine), engine.connect() as connection:
        for statement in _FIRST.get(engine.dialect.name, ()):
            connection.exec_driver_sql(statement)
        header, rows = _fetch(connection, query)
    notes: tuple[str, ...] = ()
    if not is_ordered(query):
        rows.sort(key=lambda row: tuple((cell is not None, cell or "") for cell in row))
        notes = (SORTED,)
    records = to_records(Lines([header, *rows]), "the result of the SQL query")
    return Table(records.columns, records.rows, (_source(header, rows),), notes + records.notes)


def _fetch(connection: Connection, query: str) -> tuple[list[str], list[list[str | None]]]:
    from sqlalchemy import text

    # A colon is a colon: the query has no parameters.
    statement = text(query.replace(":", r"\:")).execution_options(stream_results=True, yield_per=BATCH)
    result = connection.execute(statement)
    header = [str(name) for name in result.keys()]  # noqa: SIM118 - a method of results
    rows: list[list[str | None]] = []
    for row in result:
        rows.append([_text(value) for value in row])
        if len(rows) > MAX_ROWS:
            raise InputError(f"the SQL query gives more than {MAX_ROWS:,} rows", hint="Narrow it.")
    return header, rows


def _text(value: object) -> str | None:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex() or None
    return cell_text(value)


def _source(header: list[str], rows: list[list[str | None]]) -> SourceFile:
    """Hash and size of the result as JSON lines."""
    digest, size = hashlib.sha256(), 0
    for line in [header, *rows]:
        data = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        digest.update(data)
        size += len(data)
    return SourceFile(digest.hexdigest(), size)


def _engine(database: str, folder: Path) -> Engine:
    try:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError
        from sqlalchemy.pool import NullPool
    except ModuleNotFoundError as error:
        raise SpecError(
            "reading SQL needs SQLAlchemy", hint="Install it with: pip install 'medxmodal[sql]'."
        ) from error
    url = _url(database)
    try:
        if url.get_backend_name() == "sqlite":
            address = _sqlite_address(url, folder, anywhere=database.startswith(ENV))
            return create_engine(
                "sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool
            )
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise SpecError(
            f"the driver for {url.drivername} is not installed: {error.name}",
            hint="For PostgreSQL: pip install 'medxmodal[postgres]'.",
        ) from None
    except (ArgumentError, ValueError):
        raise SpecError(
            f"SQLAlchemy has no dialect {url.drivername}", hint="Use, for example, sqlite or postgresql."
        ) from None


def _url(database: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    named = database.startswith(ENV)
    name = database.removeprefix(ENV)
    if named and not os.environ.get(name):
        raise SpecError(
            f"the environment variable {name} is not set",
            hint="Set it to the database's URL, for example postgresql://user:password@host/name.",
        )
    try:
        url = make_url(os.environ[name] if named else database)
    except (ArgumentError, ValueError):
        where = f"the environment variable {name}" if named else "`database`"
        raise SpecError(
            f"{where} holds no database URL", hint="Write sqlite:///records.db or env:NAME."
        ) from None
    secret = url.password is not None or any(_SECRET.search(key) for key in url.query)
    if secret and not named:
        raise PrivacyError(
            "the database URL of the spec holds a password",
            hint="Put the URL into an environment variable NAME and write `database: env:NAME`.",
        )
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def _sqlite_address(url: URL, folder: Path, *, anywhere: bool) -> str:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise SpecError("`database` names no SQLite file", hint="Write sqlite:///records.db.")
    named = Path(url.database)
    if not anywhere and (named.is_absolute() or ".." in named.parts):
        raise SpecError(
            "`database` leads out of the data folder",
            hint="Name a file inside of it, or put the URL into an environment variable: env:NAME.",
        )
    path = (folder / named).resolve()
    if not path.is_file():
        near = sorted(p.name for p in folder.glob("*") if p.suffix in {".db", ".sqlite", ".sqlite3"})[:5]
        hint = f"Databases there: {', '.join(near)}." if near else "Check --data."
        raise SpecError(f"the data folder has no database {url.database}", hint=hint)
    return f"{path.as_uri()}?mode=ro"


@contextmanager
def _readable_errors(engine: Engine) -> Iterator[None]:
    """What a database says may quote cells, users and hosts: only its own names are passed on."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else None
        kind = type(cause or error).__name__
        said = _SAFE.search(str(cause))
        detail = f"{kind}: {said[1]}" if said else kind
        raise InputError(
            f"the {engine.dialect.name} database refused ({detail})",
            hint="Try the query in the database's own client.",
        ) from None
