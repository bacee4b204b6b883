"""MEDS out: what is written reads back as the same values, obeys the standard and names nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.cells import number_text
from medxmodal.cohort.sources import meds_write
from medxmodal.cohort.sources.meds import read_meds
from medxmodal.cohort.sources.meds_write import subject_number, write_meds
from medxmodal.errors import CohortError

HOURS = (-5.5, -1.0, 0.0)
VALUES = (120.25, None, 118.1)


@pytest.fixture
def cohort(clinic: Any) -> Cohort:
    """The clinic, with a blood pressure over time for each patient."""
    built = clinic.build()
    clinic.tree["tables"] = {"vitals": {"file": "vitals.csv", "key": "pid", "time": "at"}}
    clinic.tree["modalities"]["vitals"] = {
        "kind": "timeseries",
        "from": "vitals",
        "columns": {"map": {"type": "number", "unit": "mm[Hg]"}},
    }
    clinic.tree["modalities"]["tabular"]["columns"]["Age"]["label"] = "Age at admission"
    studies = [
        replace(study, inputs={**study.inputs, "vitals": {"times": HOURS, "map": VALUES}}) for study in built
    ]
    return Cohort(clinic.spec(), studies, flow=built.flow, quality=built.quality)


def test_what_is_written_reads_back(cohort: Cohort, tmp_path: Path) -> None:
    folder = write_meds(cohort, tmp_path / "meds")
    events = [dict(row.cells) for row in read_meds(folder, "data").rows]
    for study in cohort:
        mine = [event for event in events if event["patient"] == str(subject_number(study.patient_id))]
        assert study.index_time is not None
        found = {(e["code"], e["time"]): e["value"] or e["text"] for e in mine if "Signs" not in e["code"]}
        start = study.index_time - timedelta(hours=5.5)
        now = study.index_time.isoformat()
        expected = {
            ("medxmodal//vitals//map//mm[Hg]", start.isoformat()): "120.25",
            ("medxmodal//vitals//map//mm[Hg]", now): "118.1",
            ("medxmodal//text//text", now): study.inputs["text"]["text"],
        }
        for name, unit in (("Age", "a"), ("CRP", "mg/L")):
            expected[f"medxmodal//tabular//{name}//{unit}", now] = number_text(study.inputs["tabular"][name])
        for field in ("file", "mask"):
            expected[f"medxmodal//image//{field}", now] = f"sha256:{study.inputs['image'][field].sha256}"
        assert found == expected
        signs = {event["text"] for event in mine if event["code"] == "medxmodal//tabular//Signs"}
        assert signs == set(study.inputs["tabular"]["Signs"])
    labels = {row.cells["patient"]: row.cells for row in read_meds(folder, "labels").rows}
    for study in cohort:
        label = labels[str(subject_number(study.patient_id))]
        assert label["value"] == ("true" if study.labels["illness"] else "false")
        assert label["code"] == "illness"
    assert len(read_meds(folder, "subjects").rows) == len(set(cohort.patients))


def test_a_cohort_can_be_built_from_what_was_written(cohort: Cohort, tmp_path: Path) -> None:
    folder = write_meds(cohort, tmp_path / "meds")
    tabular = {
        name: {
            "type": "number",
            "unit": unit,
            "from": "events",
            "column": "value",
            "where": f"code == '{code}'",
        }
        for name, unit, code in (
            ("Age", "a", "medxmodal//tabular//Age//a"),
            ("CRP", "mg/L", "medxmodal//tabular//CRP//mg/L"),
        )
    }
    pressure = {"type": "number", "column": "value", "where": "code == 'medxmodal//vitals//map//mm[Hg]'"}
    label = {"name": "illness", "from": "labels", "column": "value", "positive": "true", "negative": "false"}
    tree = {
        "name": "back",
        "ids": "keep",
        "table": {"meds": "subjects"},
        "tables": {"events": {"meds": "data"}, "labels": {"meds": "labels"}},
        "index_time": {"from": "labels", "column": "time"},
        "label": label,
        "site": {"value": "all"},
        "modalities": {
            "tabular": {"kind": "tabular", "columns": tabular},
            "vitals": {"kind": "timeseries", "from": "events", "columns": {"map": pressure}},
        },
    }
    back = {study.patient_id: study for study in Cohort.from_spec(CohortSpec.parse(tree), folder)}
    assert len(back) == len(cohort)
    for study in cohort:
        again = back[str(subject_number(study.patient_id))]
        assert again.labels == study.labels
        assert again.index_time == study.index_time
        for name in ("Age", "CRP"):
            assert again.inputs["tabular"][name] == pytest.approx(study.inputs["tabular"][name], rel=1e-6)
        assert again.inputs["vitals"]["times"] == (-5.5, 0.0)
        assert again.inputs["vitals"]["map"] == (120.25, 118.1)


def test_the_files_obey_the_standard(cohort: Cohort, tmp_path: Path) -> None:
    folder = write_meds(cohort, tmp_path / "meds")
    table = pq.read_table(folder / "data" / "0.parquet")
    assert [(f.name, str(f.type), f.nullable) for f in table.schema] == [
        ("subject_id", "int64", False),
        ("time", "timestamp[us]", True),
        ("code", "string", False),
        ("numeric_value", "float", True),
        ("text_value", "large_string", True),
    ]
    subjects = table["subject_id"].to_numpy()
    times = table["time"].to_numpy()
    same = subjects[1:] == subjects[:-1]
    assert (~same).sum() == len(set(subjects)) - 1, "a subject's events are contiguous"
    assert (times[1:][same] >= times[:-1][same]).all(), "and in time"
    codes = pq.read_table(folder / "metadata" / "codes.parquet").to_pylist()
    assert {row["code"] for row in codes} == set(table["code"].to_pylist())
    assert {row["code"]: row["description"] for row in codes}[
        "medxmodal//tabular//Age//a"
    ] == "Age at admission"
    labels = pq.read_schema(folder / "labels" / "illness.parquet")
    assert labels.names == ["subject_id", "prediction_time", "boolean_value"]
    head = json.loads((folder / "metadata" / "dataset.json").read_text())
    assert head["meds_version"] == "0.4.1"
    assert head["dataset_version"] == cohort.fingerprint


def test_nothing_is_stamped_after_its_label(cohort: Cohort, tmp_path: Path) -> None:
    folder = write_meds(cohort, tmp_path / "meds")
    asked = {row.cells["patient"]: row.cells["time"] for row in read_meds(folder, "labels").rows}
    for row in read_meds(folder, "data").rows:
        assert str(row.cells["time"]) <= str(asked[row.cells["patient"]])


def test_the_same_cohort_gives_the_same_bytes(cohort: Cohort, tmp_path: Path) -> None:
    one, two = write_meds(cohort, tmp_path / "1"), write_meds(cohort, tmp_path / "2")
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 4
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in files)


def test_a_keyed_cohort_writes_pseudonyms_and_shifted_times(clinic: Any, tmp_path: Path) -> None:
    clinic.tree["ids"] = "keyed"
    folder = write_meds(clinic.build(keys=tmp_path / "keys"), tmp_path / "meds")
    real = {str(subject_number(row["pid"])) for row in clinic.rows}
    assert not real & {row.cells["patient"] for row in read_meds(folder, "data").rows}
    when = {(str(subject_number(row["pid"])), f"{row['when']}T00:00:00") for row in clinic.rows}
    assert not when & {(row.cells["patient"], row.cells["time"]) for row in read_meds(folder, "labels").rows}
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"scan0.png" not in written


def test_unknown_labels_are_not_written(cohort: Cohort, tmp_path: Path) -> None:
    studies = [replace(study, labels={"illness": None if i else 1}) for i, study in enumerate(cohort)]
    part = Cohort(cohort.spec, studies, flow=cohort.flow, quality=cohort.quality)
    assert len(read_meds(write_meds(part, tmp_path / "meds"), "labels").rows) == 1


def test_numbers_keep_32_bits(cohort: Cohort, tmp_path: Path) -> None:
    value = 37.123456789
    first = replace(cohort[0], inputs={"tabular": {"CRP": value}})
    part = Cohort(cohort.spec, [first], flow=cohort.flow, quality=cohort.quality)
    (row,) = read_meds(write_meds(part, tmp_path / "meds"), "data").rows
    assert np.float32(row.cells["value"]) == np.float32(value)


def test_what_cannot_be_written_is_said(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeless = [replace(study, index_time=None) for study in cohort]
    part = Cohort(cohort.spec, timeless, flow=cohort.flow, quality=cohort.quality)
    with pytest.raises(CohortError, match="12 of 12 studies have no index time"):
        write_meds(part, tmp_path / "meds")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(CohortError, match="is not empty"):
        write_meds(cohort, tmp_path / "full")
    monkeypatch.setattr(meds_write, "subject_number", lambda patient: 5)
    with pytest.raises(CohortError, match="the same number"):
        write_meds(cohort, tmp_path / "meds")
    assert not (tmp_path / "meds").exists()
