"""MEDS in: events, labels and subjects as the standard lays them out, and clear words where it is broken."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medxmodal.cohort.sources.meds import read_meds
from medxmodal.errors import InputError, MedxmodalError, SpecError

T = datetime(2021, 3, 1, 8, 30)
EVENTS = pa.schema(
    [
        ("subject_id", pa.int64()),
        ("time", pa.timestamp("us")),
        ("code", pa.string()),
        ("numeric_value", pa.float32()),
        ("text_value", pa.large_string()),
    ]
)
FIRST = [
    (2**62 + 1, None, "GENDER//F", None, None),
    (2**62 + 1, T, "LAB//CRP//mg/L", 0.1, None),
    (2**62 + 1, T, "NOTE", None, "short note"),
]
SECOND = [(7, T, "LAB//CRP//mg/L", 5.0, "5")]


def shard(path: Path, rows: list[tuple[object, ...]], schema: pa.Schema = EVENTS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: [row[i] for row in rows] for i, name in enumerate(schema.names)}
    pq.write_table(pa.table(columns, schema=schema), path)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    shard(tmp_path / "data" / "train" / "0.parquet", FIRST)
    shard(tmp_path / "data" / "tuning" / "0.parquet", SECOND)
    splits = pa.schema([("subject_id", pa.int64()), ("split", pa.string())])
    shard(tmp_path / "metadata" / "subject_splits.parquet", [(7, "tuning"), (2**62 + 1, "train")], splits)
    labels = pa.schema(
        [("subject_id", pa.int64()), ("prediction_time", pa.timestamp("us")), ("boolean_value", pa.bool_())]
    )
    shard(tmp_path / "labels" / "sepsis.parquet", [(7, T, True)], labels)
    shard(tmp_path / "labels" / "icu" / "death" / "0.parquet", [(2**62 + 1, T, False)], labels)
    return tmp_path


def test_events(dataset: Path) -> None:
    table = read_meds(dataset, "data")
    assert table.columns == ("patient", "time", "code", "value", "text")
    assert [tuple(row.cells.values()) for row in table.rows] == [
        ("4611686018427387905", None, "GENDER//F", None, None),
        ("4611686018427387905", "2021-03-01T08:30:00", "LAB//CRP//mg/L", "0.1", None),
        ("4611686018427387905", "2021-03-01T08:30:00", "NOTE", None, "short note"),
        ("7", "2021-03-01T08:30:00", "LAB//CRP//mg/L", "5", "5"),
    ]
    assert table.rows[-1].shown == "row 2 of file 2"
    assert len({row.number for row in table.rows}) == 4
    assert len(table.files) == 2
    assert table.notes == ()


def test_labels_and_subjects(dataset: Path) -> None:
    labels = read_meds(dataset, "labels")
    assert [tuple(row.cells.values()) for row in labels.rows] == [
        ("4611686018427387905", "2021-03-01T08:30:00", "icu/death", "false", None),
        ("7", "2021-03-01T08:30:00", "sepsis", "true", None),
    ]
    subjects = read_meds(dataset, "subjects")
    assert [dict(row.cells) for row in subjects.rows] == [
        {"patient": "7", "split": "tuning"},
        {"patient": "4611686018427387905", "split": "train"},
    ]


def test_values_may_be_absent_and_more_columns_are_said(tmp_path: Path) -> None:
    schema = pa.schema([*list(EVENTS)[:3], ("unit", pa.string())])
    shard(tmp_path / "data" / "0.parquet", [(7, T, "A", "mg")], schema)
    table = read_meds(tmp_path, "data")
    assert dict(table.rows[0].cells)["value"] is None
    assert table.notes == ("columns beyond the MEDS standard were left out: unit",)


def test_what_the_standard_forbids_of_rows_is_recorded(tmp_path: Path) -> None:
    shard(tmp_path / "data" / "0.parquet", [(None, T, "A", 1.0, None), (7, T, None, 1.0, None)])
    shard(tmp_path / "data" / "1.parquet", SECOND)
    table = read_meds(tmp_path, "data")
    assert [row.problem for row in table.rows] == [
        "the row has no patient, which MEDS requires",
        "the row has no code, which MEDS requires",
        "",
    ]
    assert table.notes[0] == "rows that cannot be read, each with its reason: 2"
    assert "1 subjects lie in several files" in table.notes[1]
    assert [row.cells["patient"] for row in read_meds(tmp_path, "subjects").rows] == ["7"]


@pytest.mark.parametrize(
    ("column", "kind", "says"),
    [
        ("subject_id", pa.string(), "'subject_id' is string; MEDS 0.4.1 says int64"),
        ("time", pa.timestamp("ns"), r"'time' is timestamp\[ns\]"),
        ("time", pa.timestamp("us", "UTC"), r"'time' is timestamp\[us, tz=UTC\]"),
        ("numeric_value", pa.float64(), "'numeric_value' is double; MEDS 0.4.1 says float"),
        ("code", pa.int64(), "'code' is int64"),
        ("code", None, "no column 'code'"),
        ("time", None, "no column 'time'"),
    ],
)
def test_other_columns_and_types_are_refused(
    tmp_path: Path, column: str, kind: pa.DataType | None, says: str
) -> None:
    fields = [(f.name, kind if f.name == column else f.type) for f in EVENTS if f.name != column or kind]
    shard(tmp_path / "data" / "Doe.parquet", [], pa.schema(fields))
    with pytest.raises(InputError, match=says) as error:
        read_meds(tmp_path, "data")
    assert "file 1 of the MEDS data" in str(error.value)
    assert "Doe" not in str(error.value)


def test_what_is_no_dataset_is_one_readable_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="folder is not there"):
        read_meds(tmp_path / "x", "data")
    with pytest.raises(SpecError, match="no data/"):
        read_meds(tmp_path, "subjects")
    with pytest.raises(SpecError, match="no table 'events'"):
        read_meds(tmp_path, "events")  # type: ignore[arg-type]
    old = pa.schema([("patient_id", pa.int64()), *list(EVENTS)[1:]])
    shard(tmp_path / "data" / "0.parquet", [], old)
    with pytest.raises(InputError, match=r"before 0\.3"):
        read_meds(tmp_path, "data")
    (tmp_path / "data" / "0.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(MedxmodalError, match="no readable Parquet"):
        read_meds(tmp_path, "data")
