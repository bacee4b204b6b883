"""A cohort on disk: `studies.parquet` and four JSON records, written whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medxmodal.cohort.engine.located import several
from medxmodal.cohort.spec.cohort_spec import (
    CategoryColumn,
    CohortSpec,
    FileInput,
    TabularSpec,
    TimeseriesSpec,
)
from medxmodal.cohort.study import FileReference, Study, Value
from medxmodal.errors import CohortError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT_VERSION = 1
COMPRESSION = "zstd"
STUDIES, COHORT = "studies.parquet", "cohort.json"
QUALITY, LINEAGE, FLOW = "quality.json", "lineage.json", "flow.json"
MADE_FOLDER = "inputs"
"""Inputs that the build made, such as volumes unpacked from a file of arrays; named by content."""
FILES = frozenset({STUDIES, COHORT, QUALITY, LINEAGE, FLOW, MADE_FOLDER})


def head(
    spec: CohortSpec, counts: Mapping[str, Any], fingerprint: str, data_root: Path | None
) -> dict[str, Any]:
    """What `cohort.json` holds."""
    return {
        "format_version": FORMAT_VERSION,
        "name": spec.name,
        "fingerprint": fingerprint,
        "counts": dict(counts),
        "spec": spec.as_dict(),
        "data_root": None if data_root is None else str(data_root),
    }


def write_folder(
    folder: Path, texts: Mapping[str, str], studies: pa.Table | Path, made: Iterable[Path] = ()
) -> None:
    """Write a cohort folder, replacing an older cohort but nothing else.

    Args:
        folder: Where to.
        texts: Name -> JSON text.
        studies: The table of studies, or a Parquet file that holds it already.
        made: Inputs that lie in the cohort itself.

    Raises:
        CohortError: The folder holds something that is no cohort, or cannot be written.
    """
    import pyarrow.parquet as pq

    try:
        refuse_foreign(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise CohortError(
            f"cannot write the cohort {folder}: {error.strerror}", hint="Name another folder with --out."
        ) from error
    try:
        fresh = scratch / "new"
        fresh.mkdir()
        for name, text in texts.items():
            (fresh / name).write_text(text + "\n", encoding="utf-8")
        if isinstance(studies, Path):
            shutil.move(studies, fresh / STUDIES)
        else:
            pq.write_table(studies, fresh / STUDIES, compression=COMPRESSION)
        for path in made:
            (fresh / MADE_FOLDER).mkdir(exist_ok=True)
            shutil.copyfile(path, fresh / MADE_FOLDER / path.name)
        if folder.exists():
            folder.rename(scratch / "old")
        fresh.rename(folder)
    except OSError as error:
        if (scratch / "old").exists() and not folder.exists():
            (scratch / "old").rename(folder)
        raise CohortError(f"cannot write the cohort {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def refuse_foreign(folder: Path) -> None:
    """Refuse to write where something other than a cohort lies.

    Raises:
        CohortError: The path is a file, or a folder with anything that is not part of a cohort.
    """
    if not folder.exists():
        return
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    if names and (COHORT not in names or names - FILES):
        raise CohortError(
            f"{folder} is not empty and is no cohort", hint="Name a new folder, or empty it first."
        )


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """One JSON document of a cohort folder.

    Raises:
        CohortError: It is not there or damaged.
    """
    path = folder / name
    if not folder.is_dir():
        raise CohortError(f"there is no cohort folder {folder}", hint="Make it with medxmodal build.")
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CohortError(
            f"{folder} is no cohort: it has no {name}", hint="Make it with medxmodal build."
        ) from error
    except (OSError, ValueError) as error:
        raise CohortError(
            f"{path} is damaged: {type(error).__name__}", hint="Build the cohort again."
        ) from error
    if not isinstance(tree, dict):
        raise CohortError(f"{path} is damaged: it holds no keys", hint="Build the cohort again.")
    return tree


def to_table(spec: CohortSpec, studies: Sequence[Study], periods: Sequence[int | None]) -> pa.Table:
    """Studies as a table, one row a study, columns as in the contract."""
    import pyarrow as pa

    columns: list[tuple[str, pa.DataType, list[Any]]] = [
        ("study_id", pa.string(), [s.study_id for s in studies]),
        ("patient_id", pa.string(), [s.patient_id for s in studies]),
        ("site", pa.string(), [s.site for s in studies]),
        ("index_time", pa.timestamp("us"), [s.index_time for s in studies]),
        ("index_period", pa.int32(), list(periods)),
    ]
    if spec.label:
        columns.append((f"label.{spec.task}", pa.int8(), [s.labels.get(spec.task) for s in studies]))
    for name, modality in spec.modalities.items():
        rows = [s.inputs.get(name, {}) for s in studies]
        if isinstance(modality, FileInput):
            for field in file_fields(modality):
                cells = [row.get(field) for row in rows]
                columns += _file_columns(name, field, cells, listed=several(modality))
        elif isinstance(modality, TimeseriesSpec):
            for field in ("times", *modality.columns):
                values = [list(v) if isinstance(v := row.get(field), tuple) else None for row in rows]
                columns.append((f"{name}.{field}", pa.list_(pa.float64()), values))
        elif isinstance(modality, TabularSpec):
            for field, column in modality.columns.items():
                kind = pa.string() if isinstance(column, CategoryColumn) else pa.float64()
                columns.append((f"{name}.{field}", kind, [_cell(row.get(field), column) for row in rows]))
        else:
            columns.append((f"{name}.text", pa.string(), [row.get("text") for row in rows]))
    arrays = [pa.array(values, type=kind) for _, kind, values in columns]
    return pa.table(arrays, schema=pa.schema([(name, kind) for name, kind, _ in columns]))


def file_fields(modality: FileInput) -> tuple[str, ...]:
    """The fields of a modality whose inputs are files."""
    return ("file", "mask") if hasattr(modality, "mask") else ("file",)


def _file_columns(
    name: str, field: str, cells: Sequence[Value], *, listed: bool
) -> list[tuple[str, pa.DataType, list[Any]]]:
    """Locator, hash and size of each study's file, or lists of them where a study may have several."""
    import pyarrow as pa

    kinds = ((f"{name}.{field}", pa.string(), "locator"), (_hash_column(name, field), pa.string(), "sha256"))
    found: list[tuple[str, pa.DataType, list[Any]]] = []
    for column, kind, attribute in (*kinds, (_size_column(name, field), pa.int64(), "size")):
        if listed:
            groups: list[Any] = [
                [f and getattr(f, attribute) for f in c] if isinstance(c, tuple) else None for c in cells
            ]
            found.append((column, pa.list_(kind), groups))
        else:
            files = [c if isinstance(c, FileReference) else None for c in cells]
            found.append((column, kind, [f and getattr(f, attribute) for f in files]))
    return found


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of `studies.parquet`.

    Raises:
        CohortError: The file is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(folder / STUDIES).to_pylist()
    except (OSError, pa.ArrowException, ValueError) as error:
        raise CohortError(
            f"{folder / STUDIES} is missing or damaged", hint="Build the cohort again."
        ) from error
    return rows


def to_study(
    spec: CohortSpec,
    row: Mapping[str, Any],
    problems: Mapping[str, str],
    make_reference: Any,  # noqa: ANN401 - a function of modality, field, locator, hash and size
) -> Study:
    """One study from its row."""
    inputs: dict[str, dict[str, Value]] = {}
    for name, modality in spec.modalities.items():
        fields: dict[str, Value] = {}
        if isinstance(modality, FileInput):
            for field in file_fields(modality):
                fields[field] = _files(name, field, row, make_reference)
        elif isinstance(modality, TimeseriesSpec):
            for field in ("times", *modality.columns):
                cell = row[f"{name}.{field}"]
                fields[field] = None if cell is None else tuple(cell)
        elif isinstance(modality, TabularSpec):
            fields = {field: _value(row[f"{name}.{field}"], c) for field, c in modality.columns.items()}
        else:
            fields = {"text": row[f"{name}.text"]}
        if any(value is not None for value in fields.values()):
            inputs[name] = fields
    index_time: datetime | None = row["index_time"]
    labels = {spec.task: row[f"label.{spec.task}"]} if spec.label else {}
    return Study(row["study_id"], row["patient_id"], row["site"], inputs, labels, index_time, dict(problems))


def _files(
    name: str,
    field: str,
    row: Mapping[str, Any],
    make_reference: Any,  # noqa: ANN401 - as in `to_study`
) -> Value:
    locator = row[f"{name}.{field}"]
    sha256, size = row[_hash_column(name, field)], row[_size_column(name, field)]
    if isinstance(locator, list):
        parts = zip(locator, sha256, size, strict=True)
        return tuple(part[0] and make_reference(name, field, *part) for part in parts) or None
    reference: FileReference | None = locator and make_reference(name, field, locator, sha256, size)
    return reference


def _hash_column(name: str, field: str) -> str:
    return f"{name}.sha256" if field == "file" else f"{name}.{field}_sha256"


def _size_column(name: str, field: str) -> str:
    return f"{name}.size" if field == "file" else f"{name}.{field}_size"


def _separator(column: CategoryColumn) -> str:
    return column.many or "&"


def _cell(value: Value, column: object) -> str | float | None:
    if isinstance(value, tuple) and isinstance(column, CategoryColumn):
        return _separator(column).join(map(str, value))
    return value if isinstance(value, str | float) else None


def _value(cell: str | float | None, column: object) -> Value:
    if isinstance(column, CategoryColumn) and column.many and isinstance(cell, str):
        return tuple(cell.split(_separator(column)))
    return cell
