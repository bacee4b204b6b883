"""A cohort on disk: `studies.parquet` and four JSON records, written whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medxmodal.cohort.spec import CategoryColumn, CohortSpec, ImageSpec, TabularSpec
from medxmodal.cohort.study import FileReference, Study, Value
from medxmodal.errors import CohortError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT_VERSION = 1
STUDIES, COHORT = "studies.parquet", "cohort.json"
QUALITY, LINEAGE, FLOW = "quality.json", "lineage.json", "flow.json"
FILES = frozenset({STUDIES, COHORT, QUALITY, LINEAGE, FLOW})
_FILE_FIELDS = ("", "_sha256", "_size")


def write_folder(folder: Path, texts: Mapping[str, str], studies: pa.Table) -> None:
    """Write a cohort folder, replacing an older cohort but nothing else.

    Args:
        folder: Where to.
        texts: Name -> JSON text.
        studies: The table of studies.

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
        pq.write_table(studies, fresh / STUDIES, compression="zstd")
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
        (f"label.{spec.task}", pa.int8(), [s.labels.get(spec.task) for s in studies]),
    ]
    for name, modality in spec.modalities.items():
        rows = [s.inputs.get(name, {}) for s in studies]
        if isinstance(modality, ImageSpec):
            for field in ("file", "mask"):
                cells = [row.get(field) for row in rows]
                files = [c if isinstance(c, FileReference) else None for c in cells]
                columns += [
                    (f"{name}.{field}", pa.string(), [f and f.locator for f in files]),
                    (_hash_column(name, field), pa.string(), [f and f.sha256 for f in files]),
                    (_size_column(name, field), pa.int64(), [f and f.size for f in files]),
                ]
        elif isinstance(modality, TabularSpec):
            for field, column in modality.columns.items():
                kind = pa.string() if isinstance(column, CategoryColumn) else pa.float64()
                columns.append((f"{name}.{field}", kind, [_cell(row.get(field), column) for row in rows]))
        else:
            columns.append((f"{name}.text", pa.string(), [row.get("text") for row in rows]))
    arrays = [pa.array(values, type=kind) for _, kind, values in columns]
    return pa.table(arrays, schema=pa.schema([(name, kind) for name, kind, _ in columns]))


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
        if isinstance(modality, ImageSpec):
            for field in ("file", "mask"):
                locator = row[f"{name}.{field}"]
                fields[field] = locator and make_reference(
                    name, field, locator, row[_hash_column(name, field)], row[_size_column(name, field)]
                )
        elif isinstance(modality, TabularSpec):
            fields = {field: _value(row[f"{name}.{field}"], c) for field, c in modality.columns.items()}
        else:
            fields = {"text": row[f"{name}.text"]}
        if any(value is not None for value in fields.values()):
            inputs[name] = fields
    index_time: datetime | None = row["index_time"]
    labels = {spec.task: row[f"label.{spec.task}"]}
    return Study(row["study_id"], row["patient_id"], row["site"], inputs, labels, index_time, dict(problems))


def _hash_column(name: str, field: str) -> str:
    return f"{name}.sha256" if field == "file" else f"{name}.{field}_sha256"


def _size_column(name: str, field: str) -> str:
    return f"{name}.size" if field == "file" else f"{name}.{field}_size"


def _separator(column: CategoryColumn) -> str:
    return column.many or "&"


def _cell(value: Value, column: object) -> str | float | None:
    if isinstance(value, tuple) and isinstance(column, CategoryColumn):
        return _separator(column).join(value)
    return value if isinstance(value, str | float) else None


def _value(cell: str | float | None, column: object) -> Value:
    if isinstance(column, CategoryColumn) and column.many and isinstance(cell, str):
        return tuple(cell.split(_separator(column)))
    return cell
