"""A real FHIR R4 server (Medplum's router): what is fetched is what was stored."""

from __future__ import annotations

import gzip
import json
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from medxmodal.cohort.sources.fhir.read import default_view, read_fhir, scratch_folder
from medxmodal.cohort.sources.fhir.rest import fetch, resources, search
from medxmodal.errors import InputError

pytestmark = pytest.mark.services

PATIENTS = 23


def made_up() -> list[dict[str, Any]]:
    """Patients with a condition each and two observations of every other one."""
    found: list[dict[str, Any]] = []
    for n in range(PATIENTS):
        subject = {"reference": f"urn:uuid:{uuid.UUID(int=n)}"}
        born = f"19{10 + n}-02-03"
        found.append({"resourceType": "Patient", "birthDate": born, "gender": "male" if n % 2 else "female"})
        code = {"coding": [{"system": "http://snomed.info/sct", "code": str(38341003 + n)}]}
        found.append({"resourceType": "Condition", "subject": subject, "code": code,
                      "onsetDateTime": f"2020-01-{n + 1:02}"})  # fmt: skip
        for day in (1, 2) if n % 2 else ():
            crp = {
                "value": n + day / 8,
                "unit": "mg/L",
                "system": "http://unitsofmeasure.org",
                "code": "mg/L",
            }
            found.append({
                "resourceType": "Observation", "status": "final", "subject": subject, "valueQuantity": crp,
                "code": {"coding": [{"system": "http://loinc.org", "code": "1988-5"}]},
                "effectiveDateTime": f"2020-02-0{day}T08:00:00Z",
            })  # fmt: skip
    return found


def transaction(found: list[dict[str, Any]]) -> dict[str, Any]:
    """A bundle that stores resources; the server gives ids, and turns the references to them."""
    numbers = iter(range(PATIENTS))
    entries = []
    for position, resource in enumerate(found):
        number = next(numbers) if resource["resourceType"] == "Patient" else 1000 + position
        request = {"method": "POST", "url": resource["resourceType"]}
        entries.append(
            {"fullUrl": f"urn:uuid:{uuid.UUID(int=number)}", "resource": resource, "request": request}
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def contents(files: list[Path], types: list[str]) -> Counter[tuple[str | None, ...]]:
    """All cells of all rows but the ids, which the server changes."""
    found: Counter[tuple[str | None, ...]] = Counter()
    views = {kind: default_view(kind) for kind in types}
    with scratch_folder() as scratch:
        for part in read_fhir(files, views, scratch, buckets=3).parts():
            for table, rows in part.items():
                for row in rows:
                    assert row.problem == ""
                    told = {k: v for k, v in row.cells.items() if k not in {"id", "patient", "encounter"}}
                    found[table, *told.values()] += 1
    return found


def test_every_resource_comes_once_whatever_the_page(fhir_server: Any) -> None:
    fhir_server.send(transaction(made_up()))
    for page in (1, 5, PATIENTS, 1000):
        found = [resource["birthDate"] for resource in search(fhir_server.base, "Patient", page=page)]
        assert len(found) == PATIENTS
        assert len(set(found)) == PATIENTS
    males = list(search(fhir_server.base, "Patient", [("gender", "male")], page=4))
    assert len(males) == PATIENTS // 2
    assert list(search(fhir_server.base, "Procedure")) == []
    assert list(resources(fhir_server.base, ["Patient"], since="2999-01-01")) == []
    everything = list(resources(fhir_server.base, ["Observation", "Patient"], since="2020-01-01"))
    assert [r["resourceType"] for r in everything] == ["Patient"] * 23 + ["Observation"] * 22
    patients = {f"Patient/{r['id']}" for r in everything[:PATIENTS]}
    assert {r["subject"]["reference"] for r in everything[PATIENTS:]} < patients


def test_fetched_files_give_the_rows_that_were_stored(fhir_server: Any, tmp_path: Path) -> None:
    types = ["Patient", "Condition", "Observation"]
    bundle = transaction(made_up())
    fhir_server.send(bundle)
    files = fetch(fhir_server.base, types, tmp_path / "one", page=7)
    again = fetch(fhir_server.base, types, tmp_path / "two")
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in again]
    stored = tmp_path / "stored.json"
    stored.write_text(json.dumps(bundle))
    assert contents(files, types) == contents([stored], types)


def test_real_bundles(fhir_server: Any, shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "fhir_synthea").glob("*.json.gz"), key=lambda path: path.stat().st_size)[:3]
    for path in files:
        fhir_server.send(json.loads(gzip.decompress(path.read_bytes())))
    types = ["Patient", "Condition", "Observation", "Encounter", "MedicationRequest"]
    fetched = contents(fetch(fhir_server.base, types, tmp_path), types)
    assert fetched == contents(files, types)
    assert fetched.total() > 100


def test_what_the_server_refuses_is_said_in_its_codes(fhir_server: Any) -> None:
    with pytest.raises(InputError, match=r"answers 400 \(invalid\) \(search for Patient, page 1\)") as error:
        list(search(fhir_server.base, "Patient", [("birthdate", "MRN-4711")]))
    assert "MRN-4711" not in str(error.value)
    with pytest.raises(InputError, match=r"answers 404 \(not-found\)") as error:
        list(search(fhir_server.base + "/MRN-4711", "Patient"))
    assert "MRN-4711" not in str(error.value)
