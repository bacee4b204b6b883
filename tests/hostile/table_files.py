"""Tables as hospitals send them: odd ones with the cells they hold, broken ones with what must be said."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

NARROW = "\N{NARROW NO-BREAK SPACE}"


class Odd(NamedTuple):
    """A table that reads: its file name, bytes, the cells of its column `x`, a pattern of its notes."""

    label: str
    name: str
    data: bytes
    cells: list[str | None]
    notes: str = ""


class Broken(NamedTuple):
    """A table that does not: its file name, bytes, a pattern of the error."""

    label: str
    name: str
    data: bytes
    says: str


def column(cells: Sequence[str], separator: str = ",", encoding: str = "utf-8") -> bytes:
    """A text table with an id and one column `x`."""
    return "\n".join(["id" + separator + "x", *(f"p{i}{separator}{c}" for i, c in enumerate(cells))]).encode(
        encoding
    )


def workbook(*rows: Sequence[object]) -> bytes:
    """An XLSX with one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def parquet(**columns: Sequence[object]) -> bytes:
    """A Parquet file."""
    stream = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), stream)
    return stream.getvalue()


def odd() -> Iterator[Odd]:
    """Tables that read, and what they hold."""
    yield Odd("bom", "t.csv", column(["1", "2"], encoding="utf-8-sig"), ["1", "2"])
    yield Odd("latin1", "t.csv", column(["Müller", "é"], encoding="latin-1"), ["Müller", "é"], "Windows-1252")
    yield Odd("windows", "t.csv", column(["3 €", "“a”"], encoding="cp1252"), ["3 €", "“a”"], "Windows-1252")
    yield Odd("utf16", "t.csv", column(["ü", "2"], ";", "utf-16"), ["ü", "2"])
    yield Odd("utf16_tabs", "t.tsv", column(["ü", "2"], "\t", "utf-16"), ["ü", "2"])
    for name, cells in {
        "inf": ["inf", "-inf", "NaN", "1"],
        "words": ["not available", "?", "-1", "n/a"],
        "limits": ["<5", ">=90", "> 89", "45%"],
        "spaces": [f"12{NARROW}345", "1\N{THIN SPACE}000", "\N{MINUS SIGN}3"],
    }.items():
        yield Odd(name, "t.csv", column(cells), cells)
    yield Odd("trailing_space", "t.csv", column(["\N{NO-BREAK SPACE}5 ", "\t6"]), ["5", "6"])
    yield Odd("excel_separator", "t.csv", b"sep=|\r\nid|x\r\n1|2;3;4\r\n", ["2;3;4"])
    yield Odd("long_note", "t.csv", column(["a" * 200_000]), ["a" * 200_000])
    both = column(["Müller"]) + b"\np1,M\xfcller"
    yield Odd("two_encodings", "t.csv", both, ["MÃ¼ller", "Müller"], "look like UTF-8 nevertheless")
    yield from _commas()
    errors = ["#N/A", "#DIV/0!", "3", "#1 finding"]
    kept = [None, None, "3", "#1 finding"]
    yield Odd("excel_errors_csv", "t.csv", column(errors), kept, "2 cells hold an Excel error")
    rows = [("id", "x"), *((f"p{i}", cell) for i, cell in enumerate(errors))]
    yield Odd("excel_errors", "t.xlsx", workbook(*rows), kept, "2 cells hold an Excel error")
    dates = workbook(
        ("id", "x"), (1, date(2021, 3, 1)), (2, datetime(2021, 3, 1, 8, 30)), (3, 44256), (4, 44256.25)
    )
    yield Odd("excel_dates", "t.xlsx", dates, ["2021-03-01", "2021-03-01T08:30:00", "44256", "44256.25"])
    ragged = b"id,x\np0,1\np1,2,3\np2,4,,\np3\n"
    yield Odd("ragged", "t.csv", ragged, ["1", None, "4", None], "cannot be read, each with its reason: 1")
    yield Odd(
        "parquet_lists", "t.parquet", parquet(id=["a", "b"], x=[["pain", "fever"], []]), ["pain|fever", None]
    )
    nested = json.dumps([{"id": 1, "x": [1, 2.0, None]}, {"id": 2, "x": True}, {"id": 3, "x": float("nan")}])
    yield Odd("json", "t.json", nested.encode(), ["1|2", "true", None])
    yield Odd("json_bom", "t.json", b"\xef\xbb\xbf" + nested.encode(), ["1|2", "true", None])
    yield Odd(
        "ndjson",
        "t.ndjson.gz",
        gzip.compress(b'{"id":1,"x":"a"}\n\n{"id":2}\n{cut\n[1]\n'),
        ["a", None, None, None],
        "cannot be read, each with its reason: 2",
    )
    one = "cannot be read, each with its reason: 1"
    deep = b'{"x":' * 300 + b"1" + b"}" * 300
    yield Odd("json_deep", "t.json", b'[{"x":1},' + deep + b"]", ["1", None], one)
    twice = b'[{"x": 1, "a": {"b": 1}}, {"x": 2, "a.b": 1, "a": {"b": 2}}]'
    yield Odd("json_twice", "t.json", twice, ["1", None], one)
    yield Odd(
        "json_objects", "t.json", b'[{"x": 1, "drugs": [{"a": 1}]}]', ["1"], "'drugs' holds lists of objects"
    )
    yield Odd("json_inside", "t.json", b'{"made": "today", "rows": [{"x": 1}, 7]}', ["1", None], one)


def _commas() -> Iterator[Odd]:
    points = "decimal commas were read as points in: x"
    yield Odd("commas", "t.csv", column(["1,5", "2", "-0,25"], ";"), ["1.5", "2", "-0.25"], points)
    yield Odd("commas_tabs", "t.tsv", column(["1,5", "<2,5"], "\t"), ["1.5", "<2.5"], points)
    yield Odd(
        "commas_words", "t.csv", column(["1,5", "n/a", "?", "3"], ";"), ["1.5", "n/a", "?", "3"], points
    )
    thousands = column(["1.234,5", "2.000", "3,5"], ";")
    yield Odd("commas_thousands", "t.csv", thousands, ["1234.5", "2000", "3.5"], points)
    unsure = "may separate thousands or decimals"
    yield Odd("commas_unsure", "t.csv", column(["1,234", "17"], ";"), ["1,234", "17"], unsure)
    yield Odd("commas_sure", "t.csv", column(["1,234", "0,500"], ";"), ["1.234", "0.500"], points)
    for name, cells in {
        "english": ["1,234.5", "2.5"],
        "mixed": ["1,5", "2.5"],
        "lists": ["1,2,3", "1,5"],
        "notes": ["1,5 mg given", "2"],
        "words": ["a, b", "c, d", "1,5"],
        "dates": ["1,5", "1.3.2021"],
    }.items():
        yield Odd(f"commas_{name}", "t.csv", column(cells, ";"), cells)
    yield Odd("commas_in_commas", "t.csv", b'id,x\n1,"1,5"\n2,"2,5"\n', ["1,5", "2,5"])


def broken() -> Iterator[Broken]:
    """Tables that cannot be read."""
    yield Broken("utf16_bare", "t.csv", column(["1"], encoding="utf-16-le"), "not readable as text")
    yield Broken("utf16_odd", "t.csv", column(["1"], encoding="utf-16")[:-1], "not readable as text")
    yield Broken("no_encoding", "t.csv", b"id,x\n1,\x81\x8d\n", "neither UTF-8 nor Windows-1252")
    yield Broken("open_quote", "t.csv", b'id,x\n1,"2\n', "near line")
    yield Broken("gzip_cut", "t.csv.gz", gzip.compress(column(["1"] * 99))[:30], "damaged gzip")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"<x" * 100)
    yield Broken("no_workbook", "t.xlsx", bomb.getvalue(), "no readable XLSX")
    whole = json.dumps([{"id": i, "x": i} for i in range(9)]).encode()
    yield Broken("json_cut", "t.json", whole[:-5], "no readable JSON near line 1")
    yield Broken("json_utf8", "t.json", b'[{"x": "\xff"}]', "no readable JSON")
    yield Broken("json_number", "t.json", b"7", "no list of objects")
    yield Broken("json_lists", "t.json", b'{"a": [{"x": 1}], "b": [{"x": 1}]}', "no list of objects")
    yield Broken("json_empty", "t.json", b"[]", "is empty")
    yield Broken("json_deepest", "t.json", b"[" * 100_000 + b"]" * 100_000, "no readable JSON")
    yield Broken(
        "json_keys", "t.json", json.dumps({f"k{i}": i for i in range(20_001)}).encode(), "different keys"
    )
