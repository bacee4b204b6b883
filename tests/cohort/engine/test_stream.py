"""A cohort written part by part is the cohort that is held at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.engine import store_fhir
from medxmodal.cohort.engine.stream import NOT_LOOKED_FOR, build_folder
from medxmodal.cohort.sources.fhir import read as fhir
from medxmodal.errors import CohortError

PATIENTS = 40
SPEC = {
    "name": "weights",
    "table": {"fhir": "Patient"},
    "tables": {"visits": {"fhir": "Encounter"}, "observations": {"fhir": "Observation"}},
    "index_time": {"from": "visits", "take": "each"},
    "exclude": [{"where": "gender == 'other'", "reason": "other"}],
    "label": {"name": "female", "column": "gender", "positive": "female", "negative": "male"},
    "site": {"value": "here"},
    "modalities": {
        "tabular": {
            "kind": "tabular",
            "columns": {
                "age": {"type": "number", "column": "birthDate", "take": "since", "unit": "a"},
                "weight": {"type": "number", "from": "observations", "column": "value", "take": "max"},
            },
        },
        "weights": {
            "kind": "timeseries",
            "from": "observations",
            "columns": {"value": {"type": "number"}},
        },
    },
}


def write_bundles(folder: Path) -> Path:
    folder.mkdir()
    for i in range(PATIENTS):
        subject = {"reference": f"Patient/p{i}"}
        gender = "other" if i == 7 else "female" if i % 3 else "male"
        resources = [{"resourceType": "Patient", "id": f"p{i}", "gender": gender, "birthDate": "1970-01-01"}]
        for n in range(i % 4):
            when = f"202{n}-05-01T10:00:00Z"
            resources.append(
                {
                    "resourceType": "Encounter", "id": f"e{i}-{n}", "status": "finished",
                    "class": {"code": "AMB"}, "subject": subject, "period": {"start": when},
                }
            )  # fmt: skip
            resources.append(
                {
                    "resourceType": "Observation", "id": f"o{i}-{n}", "status": "final", "subject": subject,
                    "code": {"coding": [{"code": "29463-7"}]}, "effectiveDateTime": when,
                    "valueQuantity": {"value": 60 + i + n, "code": "kg"},
                }
            )  # fmt: skip
        entries = [{"resource": resource} for resource in resources]
        tree = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        (folder / f"{i}.json").write_text(json.dumps(tree))
    return folder


@pytest.mark.parametrize("ids", ["keep", "keyed"])
def test_in_parts_and_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ids: str) -> None:
    data = write_bundles(tmp_path / "data")
    spec = CohortSpec.parse({**SPEC, "ids": ids})
    keys = tmp_path / "keys" if ids == "keyed" else None
    whole = build_folder(spec, data, tmp_path / "whole", keys=keys)
    monkeypatch.setattr(fhir, "BUCKET_BYTES", 4000)
    monkeypatch.setattr(store_fhir, "LARGE", 0)
    seen: list[tuple[int, int]] = []
    parted = build_folder(
        spec, data, tmp_path / "parted", keys=keys, progress=lambda *done: seen.append(done)
    )
    assert parted.fingerprint == whole.fingerprint
    assert parted.counts == whole.counts
    assert parted.flow == whole.flow
    assert parted.quality.constant_columns == whole.quality.constant_columns
    assert NOT_LOOKED_FOR in parted.quality.notes
    assert NOT_LOOKED_FOR not in whole.quality.notes
    one, other = Cohort.load(tmp_path / "whole"), Cohort.load(tmp_path / "parted")
    by_id = {study.study_id: study for study in one}
    assert {study.study_id: study for study in other} == by_id
    assert len(one) == parted.counts["studies"] == seen[-1][0]
    import pyarrow.parquet as pq

    assert pq.ParquetFile(tmp_path / "parted" / "studies.parquet").num_row_groups > 3


def test_nothing_is_written_where_something_else_lies(tmp_path: Path) -> None:
    data = write_bundles(tmp_path / "data")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    with pytest.raises(CohortError, match="is not empty"):
        build_folder(CohortSpec.parse({**SPEC, "ids": "keep"}), data, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["diary.txt"]
