"""MEDS datasets (Medical Event Data Standard 0.4) as tables: events, labels or subjects."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from medxmodal.cohort.cells import cell_text, number_text
from medxmodal.cohort.sources.grid import unreadable
from medxmodal.cohort.sources.meds_schema import (
    DATA,
    DATA_FIELDS,
    LABEL_FIELDS,
    LABELS,
    SPLIT_FIELDS,
    SPLITS,
    Field,
    check_schema,
)  # fmt: skip
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.errors import InputError, SpecError

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("patient", "time", "code", "value", "text")
_VALUES = ("boolean_value", "integer_value", "float_value")


class _Shard(NamedTuple):
    path: Path
    shown: str
    table: pa.Table
    source: SourceFile


def read_meds(folder: Path, table: Literal["data", "labels", "subjects"]) -> Table:
    """Read a MEDS dataset.

    Args:
        folder: The dataset: it holds `data/` and `metadata/`.
        table: `data`: one row an event, with `patient`, `time` (empty for static facts), `code`, `value`
            (the number) and `text`. `labels`: the same columns from `labels/`, with the task as `code` and a
            category as `text`. `subjects`: one row a subject, with `patient` and `split`.

    Raises:
        SpecError: There is no such dataset or table.
        InputError: A file is damaged, or its columns are not those of the standard.
    """
    if not folder.is_dir():
        raise SpecError("there is no MEDS dataset: the folder is not there", hint="Check --data.")
    if table == "data":
        return _events(list(_shards(folder, DATA, DATA_FIELDS)))
    if table == "labels":
        return _labels(list(_shards(folder, LABELS, LABEL_FIELDS)), folder / LABELS)
    if table == "subjects":
        return _subjects(folder)
    raise SpecError(f"a MEDS dataset has no table '{table}'", hint="Choose data, labels or subjects.")


def _shards(
    folder: Path, part: str, fields: Mapping[str, Field], columns: list[str] | None = None
) -> Iterator[_Shard]:
    paths = sorted((folder / part).glob("**/*.parquet"), key=lambda path: path.relative_to(folder).parts)
    if not paths:
        raise SpecError(
            f"the MEDS dataset has no {part}/**/*.parquet",
            hint="Name the folder that holds data/ and metadata/.",
        )
    for position, path in enumerate(paths, 1):
        yield _read(path, f"file {position} of the MEDS {part}", fields, columns)


def _read(path: Path, shown: str, fields: Mapping[str, Field], columns: list[str] | None = None) -> _Shard:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = path.read_bytes()
        file = pq.ParquetFile(pa.BufferReader(data))
        check_schema(file.schema_arrow, fields, shown)
        table = file.read(columns=columns)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{shown} is no readable Parquet file", hint="Write it again.") from error
    return _Shard(path, shown, table, SourceFile(hashlib.sha256(data).hexdigest(), len(data)))


def _events(shards: list[_Shard]) -> Table:
    rows: list[Row] = []
    seen: Counter[int] = Counter()
    for position, shard in enumerate(shards, 1):
        seen.update(set(shard.table["subject_id"].to_pylist()))
        columns = (
            _texts(shard.table, "subject_id"),
            _texts(shard.table, "time"),
            _texts(shard.table, "code"),
            _texts(shard.table, "numeric_value"),
            _texts(shard.table, "text_value"),
        )
        _add(rows, zip(*columns, strict=True), position, required=(0, 2))
    notes = [*unreadable(rows), *_extra(shards, DATA_FIELDS)]
    split = sum(count > 1 for count in seen.values())
    if split:
        notes.append(f"{split} subjects lie in several files, which MEDS does not allow; all were read")
    return Table(COLUMNS, tuple(rows), tuple(shard.source for shard in shards), tuple(notes))


def _labels(shards: list[_Shard], folder: Path) -> Table:
    rows: list[Row] = []
    for position, shard in enumerate(shards, 1):
        inside = shard.path.relative_to(folder)
        task = inside.parent.as_posix() if len(inside.parts) > 1 else inside.stem
        kinds = [_texts(shard.table, name) for name in _VALUES]
        values = [next((v for v in found if v is not None), None) for found in zip(*kinds, strict=True)]
        columns = (
            _texts(shard.table, "subject_id"),
            _texts(shard.table, "prediction_time"),
            [task] * len(values),
            values,
            _texts(shard.table, "categorical_value"),
        )
        _add(rows, zip(*columns, strict=True), position, required=(0, 1))
    notes = [*unreadable(rows), *_extra(shards, LABEL_FIELDS)]
    return Table(COLUMNS, tuple(rows), tuple(shard.source for shard in shards), tuple(notes))


def _subjects(folder: Path) -> Table:
    splits: dict[int, str | None] = {}
    sources = []
    if (folder / SPLITS).is_file():
        shard = _read(folder / SPLITS, "the MEDS subject_splits", SPLIT_FIELDS)
        splits = dict(zip(shard.table["subject_id"].to_pylist(), _texts(shard.table, "split"), strict=True))
        sources.append(shard.source)
    found: set[int] = set()
    for shard in _shards(folder, DATA, DATA_FIELDS, ["subject_id"]):
        found.update(shard.table["subject_id"].unique().to_pylist())
        sources.append(shard.source)
    known = sorted(subject for subject in found if subject is not None)
    rows = (
        Row(number, {"patient": str(subject), "split": splits.get(subject)})
        for number, subject in enumerate(known, 2)
    )
    return Table(("patient", "split"), tuple(rows), tuple(sources))


def _add(
    rows: list[Row], cells: Iterator[tuple[str | None, ...]], position: int, required: tuple[int, int]
) -> None:
    """Append rows; one without what the standard requires is a row with a problem."""
    start = rows[-1].number if rows else 1
    for i, row in enumerate(cells, 1):
        lacking = [COLUMNS[k] for k in required if row[k] is None]
        problem = f"the row has no {lacking[0]}, which MEDS requires" if lacking else ""
        place = f"row {i + 1} of file {position}"
        rows.append(Row(start + i, dict(zip(COLUMNS, row, strict=True)), problem, place))


def _texts(table: pa.Table, name: str) -> list[str | None]:
    """A column as cells.

    Times keep their midnight, since they are exact in MEDS and a bare date would mean the whole day; 32-bit
    numbers become the shortest text that reads back as the same 32 bits.
    """
    import pyarrow as pa

    if name not in table.column_names:
        return [None] * table.num_rows
    column: Any = table[name]
    if pa.types.is_timestamp(column.type):
        return [None if value is None else value.isoformat() for value in column.to_pylist()]
    if column.type != pa.float32():
        return [cell_text(value) for value in column.to_pylist()]
    texts: list[str] = column.to_numpy().astype(str).tolist()
    return [None if text == "nan" else number_text(float(text)) for text in texts]


def _extra(shards: list[_Shard], fields: Mapping[str, Field]) -> list[str]:
    extra = sorted({name for shard in shards for name in shard.table.column_names} - set(fields))
    return [f"columns beyond the MEDS standard were left out: {', '.join(extra)}"] if extra else []
