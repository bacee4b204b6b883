"""A cohort whose records lie on a FHIR server and whose images lie in a PACS; the data folder is empty."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pydicom
import pytest
import yaml

import medxmodal as mx

pytestmark = pytest.mark.services

PATIENTS = 12
UNSCANNED = 3


@pytest.fixture
def spec(fhir_server: Any, pacs: Any, root: Path, load_helper: Callable[[Path], ModuleType],
         tmp_path: Path) -> Iterator[Path]:  # fmt: skip
    """Fills both servers: every third patient falls ill, and all but the first three have a CT."""
    made = load_helper(root / "tests" / "hostile" / "dicom_files.py")
    entries = [_entry({"resourceType": "Patient", "gender": "male" if n % 2 else "female",
                       "birthDate": "1950-01-01"}) for n in range(PATIENTS)]  # fmt: skip
    told = fhir_server.send({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    ids = [entry["resource"]["id"] for entry in told["entry"]]
    later = [_entry({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
                     "subject": {"reference": f"Patient/{patient}"}, "period": {"start": f"{year}-06-01"}})
             for patient in ids for year in (2020, 2022)]  # fmt: skip
    later += [_entry({"resourceType": "Condition", "subject": {"reference": f"Patient/{ids[n]}"},
                      "onsetDateTime": "2020-08-01", "code": {"coding": [{"code": "38341003"}]}})
              for n in range(0, PATIENTS, 3)]  # fmt: skip
    fhir_server.send({"resourceType": "Bundle", "type": "transaction", "entry": later})
    for n, patient in enumerate(ids[UNSCANNED:]):
        pixels = np.random.default_rng(n).integers(0, 900, (4, 6, 5), dtype=np.int16)
        for k, blob in enumerate(made.slices([6.0, 0.0, 4.0, 2.0], pixels=pixels)):
            header = pydicom.dcmread(io.BytesIO(blob))
            header.PatientID, header.PatientName, header.StudyDate = patient, "Quackenbush^Jane", "20200101"
            header.StudyInstanceUID, header.SeriesInstanceUID = f"1.2.840.{n}", f"1.2.840.{n}.1"
            header.SOPInstanceUID = f"1.2.840.{n}.1.{k}"
            pacs.send(made.pack(header))
    path = tmp_path / "remote.yaml"
    path.write_text(yaml.safe_dump({
        "name": "remote", "title": "Made-up patients", "licence": "none", "ids": "keep",
        "table": {"fhir": "Patient", "server": fhir_server.base},
        "tables": {
            "encounters": {"fhir": "Encounter", "server": fhir_server.base},
            "conditions": {"fhir": "Condition", "server": fhir_server.base},
            "series": {"dicomweb": "CT", "server": pacs.named},
        },
        "index_time": {"from": "encounters"},
        "label": {"name": "hypertension", "from": "conditions", "where": "code == '38341003'",
                  "horizon": "1 a", "followed": "encounters"},
        "site": {"value": "here"},
        "modalities": {
            "tabular": {"kind": "tabular", "columns": {"gender": {"type": "category"}}},
            "scan": {"kind": "volume", "from": "series", "where": "Modality == 'CT'"},
        },
    }))  # fmt: skip
    yield path
    pacs.clear()


def _entry(resource: dict[str, Any]) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def test_a_cohort_is_built_from_servers_alone(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    cohort = mx.build(spec, tmp_path / "data", tmp_path / "cohort")
    assert len(cohort) == PATIENTS
    assert sum(study.labels["hypertension"] == 1 for study in cohort) == PATIENTS // 3
    assert sum("scan" in study.inputs for study in cohort) == PATIENTS - UNSCANNED
    again = mx.build(spec, tmp_path / "data", tmp_path / "again")
    assert again.fingerprint == cohort.fingerprint
    names = [path.name for path in (tmp_path / "cohort").rglob("*")]
    assert not [name for name in names if re.search(r"1\.2\.840|Quackenbush", name)]
