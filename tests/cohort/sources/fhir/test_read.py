"""FHIR as tables: known answers, the same whatever files and workers, and the counts of a plain walk."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from medxmodal.cohort.sources.fhir import lines as fhir_lines
from medxmodal.cohort.sources.fhir import worker as fhir_worker
from medxmodal.cohort.sources.fhir.read import (
    FhirStore,
    FhirView,
    default_view,
    read_fhir,
    read_resources,
    scratch_folder,
    suggest_buckets,
)
from medxmodal.cohort.sources.rows import Row
from medxmodal.errors import InputError, PrivacyError, SpecError

TYPES = ("Patient", "Encounter", "Condition", "Observation", "Procedure", "MedicationRequest", "Immunization",
         "AllergyIntolerance", "DiagnosticReport", "ImagingStudy", "DocumentReference", "Device")  # fmt: skip


@pytest.fixture(scope="module")
def made(root: Path, load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(root / "tests" / "hostile" / "fhir_files.py")


def read(
    files: Sequence[Path],
    *types: str,
    buckets: int = 4,
    views: dict[str, FhirView] | None = None,
    **more: Any,
) -> tuple[FhirStore, dict[str, list[Row]]]:
    """The store and all rows of each table; the scratch folder is gone when this returns."""
    views = views or {kind: default_view(kind) for kind in types}
    with scratch_folder() as scratch:
        store = read_fhir(files, views, scratch, buckets=buckets, **more)
        rows: dict[str, list[Row]] = {table: [] for table in views}
        for part in store.parts():
            for table, found in part.items():
                rows[table] += found
    return store, rows


def walk_plainly(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Every resource, with the standard library alone."""
    found = []
    for path in files:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            if "ndjson" in path.name:
                found += [json.loads(line) for line in stream]
            else:
                found += [entry["resource"] for entry in json.load(stream)["entry"]]
    return found


def test_rows_of_a_bundle_are_known(made: ModuleType, tmp_path: Path) -> None:
    held = {"coding": [{"system": "http://loinc.org", "code": "85354-9"}, {"code": "BP"}]}
    pressure = made.observation(
        "bp", "urn:uuid:p1", code=held, category=[{"coding": [{"code": "vital-signs"}]}],
        issued="2021-03-04T07:00:00.123Z", encounter={"reference": "urn:uuid:e1"},
        component=[
            {"code": {"text": "Systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg", "code": "mm[Hg]"}},
            {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 80.0, "unit": "mmHg"}},
        ],
    )  # fmt: skip
    del pressure["valueQuantity"]
    path = made.write_bundle(tmp_path / "a.json.gz", made.patient("p1", birthDate="1950-01"), pressure)
    store, rows = read([path], "Patient", "Observation")
    (patient,) = rows["Patient"]
    assert (patient.cells["patient"], patient.cells["birthDate"], patient.cells["time"]) == (
        "p1",
        "1950-01",
        None,
    )
    cells = [row.cells for row in rows["Observation"]]
    assert [(c["id"], c["code"], c["codes"], c["display"], c["value"], c["unit"]) for c in cells] == [
        ("bp", "85354-9", "85354-9|BP", None, None, None),
        ("bp#1", None, None, "Systolic", "120", "mm[Hg]"),
        ("bp#2", "8462-4", "8462-4", None, "80", "mmHg"),
    ]
    for c in cells:
        assert c["time"] == "2021-03-04T05:06:07+01:00"
        assert (c["category"], c["encounter"], c["status"]) == ("vital-signs", "e1", "final")
    assert {row.shown.split(" (")[0] for row in rows["Observation"]} == {"Observation, entry 2 of file 1"}
    assert [row.number for row in rows["Observation"]] == [2, 3, 4]
    assert store.issues == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"valueInteger": 3}, "3"),
        ({"valueBoolean": False}, "false"),
        ({"valueString": " never "}, "never"),
        (
            {"valueCodeableConcept": {"coding": [{"code": "8517006", "display": "Former smoker"}]}},
            "Former smoker",
        ),
        ({"valueCodeableConcept": {"coding": [{"code": "8517006"}]}}, "8517006"),
        ({"valueQuantity": {"value": 0.1, "comparator": "<"}}, "0.1"),
        ({"dataAbsentReason": {"coding": [{"code": "unknown"}]}}, None),
    ],
)
def test_values_of_every_type_become_text(
    made: ModuleType, tmp_path: Path, value: dict[str, Any], text: str | None
) -> None:
    found = made.observation("o")
    del found["valueQuantity"]
    path = made.write_lines(tmp_path / "a.ndjson", made.patient("p1"), {**found, **value})
    _, rows = read([path], "Observation")
    assert rows["Observation"][0].cells["value"] == text


@pytest.mark.parametrize(
    "reference",
    ["Patient/p1", "Patient/p1/_history/3", "https://a.org/fhir/r4/Patient/p1", "urn:uuid:p1", "#inner"],
)
def test_every_form_of_reference_finds_the_patient(made: ModuleType, tmp_path: Path, reference: str) -> None:
    link = {"type": "seealso", "other": {"reference": "Patient/p1"}}
    inner = {"resourceType": "Patient", "id": "inner", "link": [link]}
    path = made.write_lines(
        tmp_path / "a.ndjson", made.patient("p1"), made.observation("o", reference, contained=[inner])
    )
    store, rows = read([path], "Observation")
    assert [row.cells["patient"] for row in rows["Observation"]] == ["p1"]
    assert store.issues == ()


def test_a_bundle_says_which_id_a_urn_stands_for(made: ModuleType, tmp_path: Path) -> None:
    page = made.bundle(made.patient("p1"), made.observation("o", "urn:uuid:0b9e6c3e"))
    page["entry"][0]["fullUrl"] = "urn:uuid:0b9e6c3e"
    del page["entry"][1]["resource"]["id"]
    page["entry"][1]["fullUrl"] = "urn:uuid:77aa"
    (tmp_path / "a.json").write_text(json.dumps(page))
    _, rows = read([tmp_path / "a.json"], "Observation")
    assert [(row.cells["patient"], row.cells["id"]) for row in rows["Observation"]] == [("p1", "77aa")]


def test_a_contained_patient_who_links_to_nobody_is_an_issue(made: ModuleType, tmp_path: Path) -> None:
    """Its id counts inside the resource only: to take it for the Patient of that id would mix people up."""
    inner = {"resourceType": "Patient", "id": "p1"}
    found = made.observation("o", "#p1", contained=[inner])
    store, rows = read([made.write_lines(tmp_path / "a.ndjson", made.patient("p1"), found)], "Observation")
    assert rows["Observation"] == []
    assert "contained" in store.issues[0].reason


def test_doubled_resources_count_once_and_the_latest_wins(made: ModuleType, tmp_path: Path) -> None:
    def version(hour: int, value: float) -> dict[str, Any]:
        when = {"lastUpdated": f"2021-01-01T{hour:02}:00:00Z"}
        return made.observation("o", meta=when, valueQuantity={"value": value})

    lines = [
        made.patient("p1"),
        version(9, 2),
        version(3, 1),
        made.observation("same"),
        made.observation("same"),
    ]
    for order in (lines, lines[::-1]):
        path = made.write_lines(tmp_path / "a.ndjson", *order)
        store, rows = read([path], "Observation")
        assert [(r.cells["id"], r.cells["value"]) for r in rows["Observation"]] == [
            ("o", "2"),
            ("same", "70.5"),
        ]
        assert store.doubled == {"Observation": 2}
        assert any("1 Observation found with different content" in note for note in store.notes)


def test_what_was_entered_in_error_is_left_out_and_counted(made: ModuleType, tmp_path: Path) -> None:
    withdrawn = {"coding": [{"code": "entered-in-error"}]}
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p1"}}
    path = made.write_lines(
        tmp_path / "a.ndjson",
        made.patient("p1"),
        made.observation("o", status="entered-in-error"),
        {**condition, "verificationStatus": withdrawn},
        {**condition, "id": "d"},
    )
    store, rows = read([path], "Observation", "Condition")
    assert store.withdrawn == {"Condition": 1, "Observation": 1}
    assert [len(rows[kind]) for kind in ("Observation", "Condition")] == [0, 1]


def test_the_latest_version_may_withdraw_a_resource(made: ModuleType, tmp_path: Path) -> None:
    def version(hour: int, **more: Any) -> dict[str, Any]:
        return made.observation("o", meta={"lastUpdated": f"2021-01-01T{hour:02}:00:00Z"}, **more)

    first, wrong = version(3), version(9, status="entered-in-error")
    for lines in ([first, wrong], [wrong, first]):
        path = made.write_lines(tmp_path / "a.ndjson", made.patient("p1"), *lines)
        store, rows = read([path], "Observation")
        assert rows["Observation"] == []
        assert (store.withdrawn, store.doubled) == ({"Observation": 1}, {"Observation": 1})
    path = made.write_lines(tmp_path / "a.ndjson", made.patient("p1"), wrong, version(11))
    assert len(read([path], "Observation")[1]["Observation"]) == 1, "what was put right counts again"


def test_what_says_that_it_did_not_happen_is_left_out(made: ModuleType, tmp_path: Path) -> None:
    about = {"subject": {"reference": "Patient/p1"}}
    refuted = {"coding": [{"code": "refuted"}]}
    path = made.write_lines(
        tmp_path / "a.ndjson",
        made.patient("p1"),
        {"resourceType": "Condition", "id": "c", **about, "verificationStatus": refuted},
        {"resourceType": "Procedure", "id": "x", **about, "status": "not-done"},
        {"resourceType": "Encounter", "id": "e", **about, "status": "cancelled", "class": {"code": "AMB"}},
        {"resourceType": "Encounter", "id": "f", **about, "status": "finished", "class": {"code": "AMB"}},
    )
    store, rows = read([path], "Condition", "Procedure", "Encounter")
    assert store.withdrawn == {"Condition": 1, "Encounter": 1, "Procedure": 1}
    assert {kind: len(found) for kind, found in rows.items()} == {
        "Condition": 0,
        "Procedure": 0,
        "Encounter": 1,
    }


@pytest.mark.parametrize(("written", "kept"), [("2021-01-01T03:00:00Z", 0), ("2021-01-03T03:00:00Z", 1)])
def test_what_a_history_deleted_is_gone_unless_written_again(
    made: ModuleType, tmp_path: Path, written: str, kept: int
) -> None:
    gone = {
        "request": {"method": "DELETE", "url": "Observation/o"},
        "response": {"lastModified": "2021-01-02T00:00:00Z"},
    }
    history = {"resourceType": "Bundle", "type": "history", "entry": [gone]}
    (tmp_path / "deleted.json").write_text(json.dumps(history))
    path = made.write_lines(
        tmp_path / "a.ndjson", made.patient("p1"), made.observation("o", meta={"lastUpdated": written})
    )
    store, rows = read([path, tmp_path / "deleted.json"], "Observation")
    assert len(rows["Observation"]) == kept
    assert store.withdrawn == ({} if kept else {"Observation": 1})


def test_resources_of_a_deleted_patient_are_nobodys(made: ModuleType, tmp_path: Path) -> None:
    gone = {"request": {"method": "DELETE", "url": "https://a.org/fhir/Patient/p1"}}
    (tmp_path / "deleted.json").write_text(json.dumps({"resourceType": "Bundle", "entry": [gone]}))
    path = made.write_lines(tmp_path / "a.ndjson", made.patient("p1"), made.observation("o"))
    store, rows = read([path, tmp_path / "deleted.json"], "Patient", "Observation")
    assert rows == {"Patient": [], "Observation": []}
    assert (store.withdrawn, store.lost) == ({"Patient": 1}, {"Observation": 1})


def test_notes_are_decoded_and_what_cannot_be_is_said(made: ModuleType, tmp_path: Path) -> None:
    import base64

    def document(key: str, *attachments: dict[str, Any]) -> dict[str, Any]:
        return {
            "resourceType": "DocumentReference", "id": key, "subject": {"reference": "Patient/p1"},
            "status": "current", "context": {"period": {"start": "2020"}},
            "content": [{"attachment": attachment} for attachment in attachments],
        }  # fmt: skip

    def data(text: str, kind: str = "text/plain", charset: str = "utf-8") -> dict[str, Any]:
        return {"contentType": kind, "data": base64.b64encode(text.encode(charset)).decode()}

    path = made.write_lines(
        tmp_path / "a.ndjson",
        made.patient("p1"),
        document("a", data("Pleural effusion, größer"), data("<p>x &lt; 3<br>y</p>", "text/html")),
        document("b", data("caf\u00e9", "text/plain; charset=iso-8859-1", "latin-1")),
        document("c", {"contentType": "application/pdf", "data": "JVBERi0="}, {"url": "Binary/7"}),
        document("d", {"contentType": "text/plain", "data": "no base64!"}),
        document("e", data("caf\u00e9", "text/plain", "latin-1")),
    )
    store, rows = read([path], "DocumentReference")
    texts = {row.cells["id"]: row.cells["text"] for row in rows["DocumentReference"]}
    assert texts == {"a": "Pleural effusion, größer\n\nx < 3\ny", "b": "café", "c": None}
    assert {row.cells["time"] for row in rows["DocumentReference"]} == {"2020"}
    assert [issue.reason for issue in store.issues] == [
        "content.attachment.data is not base64",
        "content.attachment.data is not text in UTF-8",
    ]
    assert "1 attachments of type application/pdf were not read as text" in store.notes
    assert "1 attachments that only name a url were not fetched" in store.notes


def test_rich_text_is_not_taken_for_words_and_utf_16_is_read(made: ModuleType, tmp_path: Path) -> None:
    import base64

    rich, wide = rb"{\rtf1\ansi Pleural effusion}", "Pleural effusion".encode("utf-16")
    path = made.write_lines(
        tmp_path / "a.ndjson",
        made.patient("p1"),
        {
            "resourceType": "DocumentReference", "id": "d", "subject": {"reference": "Patient/p1"},
            "status": "current", "date": "2020-01-01T00:00:00Z",
            "content": [
                {"attachment": {"contentType": kind, "data": base64.b64encode(data).decode()}}
                for kind, data in (("text/rtf", rich), ("text/plain", wide))
            ],
        },
    )  # fmt: skip
    store, rows = read([path], "DocumentReference")
    assert [row.cells["text"] for row in rows["DocumentReference"]] == ["Pleural effusion"]
    assert "1 attachments of type text/rtf were not read as text" in store.notes


def test_a_merged_patient_stays_as_a_failed_record(made: ModuleType, tmp_path: Path) -> None:
    link = [{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}]
    path = made.write_lines(
        tmp_path / "a.ndjson", made.patient("p1", active=False, link=link), made.patient("p2")
    )
    _, rows = read([path], "Patient")
    wrong = {row.cells["patient"]: row.problem for row in rows["Patient"]}
    assert "merged into another patient" in wrong["p1"]
    assert not wrong["p2"]


def test_what_was_collected_over_a_day_is_known_at_its_end(made: ModuleType, tmp_path: Path) -> None:
    day = {"start": "2021-03-01", "end": "2021-03-02"}
    seen = made.observation("o", effectivePeriod=day)
    del seen["effectiveDateTime"]
    path = made.write_lines(tmp_path / "a.ndjson", made.patient("p1"), seen)
    assert read([path], "Observation")[1]["Observation"][0].cells["time"] == "2021-03-02"


def test_other_versions_and_further_codings_are_told(made: ModuleType, tmp_path: Path) -> None:
    visit = {"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p1"}}
    codings = [{"system": "urn:own", "code": "17"}, {"system": "http://loinc.org", "code": "718-7"}]
    path = made.write_lines(
        tmp_path / "a.ndjson",
        made.patient("p1"),
        {**visit, "status": "completed", "actualPeriod": {"start": "2024-01-01"}},
        made.observation("o", code={"coding": codings}),
        made.observation("k"),
    )
    views = {
        "Encounter": default_view("Encounter"),
        "Observation": FhirView(
            "Observation",
            {"code": "code.coding[0].code", "loinc": "code.coding[system=http://loinc.org].code"},
        ),
    }
    store, rows = read([path], views=views)
    assert [row.cells["loinc"] for row in rows["Observation"] if row.cells["id"] == "o"] == ["718-7"]
    assert any(
        note.startswith("1 Encounter look like FHIR R5 (they have actualPeriod)") for note in store.notes
    )
    assert any(note.startswith("1 Observation have several codings") for note in store.notes)


def test_drugs_named_by_reference_are_told(made: ModuleType, tmp_path: Path) -> None:
    order = {
        "resourceType": "MedicationRequest", "id": "m", "subject": {"reference": "Patient/p1"},
        "status": "active", "intent": "order", "medicationReference": {"reference": "Medication/7"},
    }  # fmt: skip
    path = made.write_lines(tmp_path / "a.ndjson", made.patient("p1"), order)
    store, rows = read([path], "MedicationRequest")
    assert [row.cells["medication"] for row in rows["MedicationRequest"]] == ["7"]
    assert any("name their drug by reference" in note for note in store.notes)


def test_a_type_that_somebody_typed_is_not_repeated(made: ModuleType, tmp_path: Path) -> None:
    attachment = {"contentType": "application/x-kowalczykowska", "data": "JVBERi0="}
    path = made.write_lines(
        tmp_path / "a.ndjson",
        made.patient("p1"),
        {
            "resourceType": "DocumentReference", "id": "d", "subject": {"reference": "Patient/p1"},
            "status": "current", "content": [{"attachment": attachment}],
        },
    )  # fmt: skip
    store, _ = read([path], "DocumentReference")
    assert "1 attachments of an unknown type were not read as text" in store.notes


def small_export(made: ModuleType, folder: Path, patients: int = 30) -> list[Path]:
    """Patients in one file, observations in two, shuffled."""
    rng = random.Random(5)
    seen = [
        made.observation(
            f"o{n}-{k}", f"Patient/p{n}", effectiveDateTime=f"20{rng.randrange(10, 22)}-01-0{k + 1}"
        )
        for n in range(patients + 3)
        for k in range(4)
    ]
    rng.shuffle(seen)
    return [
        made.write_lines(folder / "Patient.ndjson", *(made.patient(f"p{n}") for n in range(patients))),
        made.write_lines(folder / "Observation.000.ndjson", *seen[::2]),
        made.write_lines(folder / "Observation.001.ndjson.gz", *seen[1::2]),
    ]


def test_rows_depend_on_no_order_and_no_count_of_workers(
    made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = small_export(made, tmp_path)
    whole, first = read(files, "Patient", "Observation", buckets=1)
    assert len(first["Observation"]) == 120
    assert whole.lost == {"Observation": 12}
    assert whole.found["Observation"] == 120 + 12
    monkeypatch.setattr(fhir_lines, "PIECE_BYTES", 2000)
    monkeypatch.setattr(fhir_lines.plan_pieces, "__defaults__", (2000,))
    assert len(fhir_lines.plan_pieces(files)) > 10
    for order, buckets, workers in ((files, 7, 1), (files[::-1], 3, 1), (files, 5, 2)):
        store, rows = read(order, "Patient", "Observation", buckets=buckets, workers=workers)
        assert rows == first
        assert store.issues == whole.issues
        assert (store.files, store.found, store.notes) == (whole.files, whole.found, whole.notes)
    patients = [row.cells["patient"] for row in first["Patient"]]
    assert patients == sorted(patients, key=lambda p: hashlib.sha256(str(p).encode()).hexdigest())
    times = [row.cells["time"] for row in first["Observation"] if row.cells["patient"] == "p7"]
    assert times == sorted(times, key=str)


def test_every_row_of_a_patient_is_in_one_part(made: ModuleType, tmp_path: Path) -> None:
    files = small_export(made, tmp_path)
    views = {kind: default_view(kind) for kind in ("Patient", "Observation")}
    with scratch_folder() as scratch:
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
        store = read_fhir(files, views, scratch, buckets=6)
        parts = [{row.cells["patient"] for rows in part.values() for row in rows} for part in store.parts()]
        assert len(parts) == 6
        assert sum(map(len, parts)) == len(set().union(*parts)) == 30
        assert [list(part) for part in store.parts()] == [["Patient", "Observation"]] * 6
    assert not scratch.exists()
    with pytest.raises(InputError, match="scratch folder"):
        next(store.parts())


def test_scratch_is_removed_after_an_interruption() -> None:
    with pytest.raises(KeyboardInterrupt), scratch_folder() as scratch:  # noqa: PT012
        (scratch / "rows").write_text("x")
        raise KeyboardInterrupt
    assert not scratch.exists()


def test_a_worker_that_dies_is_an_error_and_leaves_no_process(
    made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = small_export(made, tmp_path)
    started = []

    def killed(process: Any, message: object) -> None:
        started.append(process)
        process.kill()

    monkeypatch.setattr(fhir_lines.plan_pieces, "__defaults__", (2000,))
    monkeypatch.setattr(fhir_worker, "_say", killed)
    with pytest.raises(InputError, match="ended before its work was done"):
        read(files, "Observation", workers=2)
    assert len({process.pid for process in started}) == 2
    for process in started:
        assert process.returncode is not None


def test_resources_of_a_server_give_the_same_rows_as_files(made: ModuleType, tmp_path: Path) -> None:
    files = small_export(made, tmp_path)
    _, expected = read(files, "Patient", "Observation")
    lines = b"".join(files[at].read_bytes() for at in (0, 1)) + gzip.decompress(files[2].read_bytes())
    resources = [json.loads(line) for line in lines.splitlines()]
    views = {kind: default_view(kind) for kind in ("Patient", "Observation")}
    pages = [made.bundle(*resources[at : at + 20], kind="searchset") for at in range(0, len(resources), 20)]
    hashes = set()
    for given in (resources, resources[::-1], pages):
        with scratch_folder() as scratch:
            store = read_resources(iter(given), views, scratch, buckets=4)
            rows = {kind: [row for part in store.parts() for row in part[kind]] for kind in views}
        for kind in views:
            assert [row.cells for row in rows[kind]] == [row.cells for row in expected[kind]]
        assert store.found == {"Observation": 132, "Patient": 30}
        assert sum(store.reasons.values()) == 12
        hashes.add(store.files[0].sha256)
    assert len(hashes) == 1
    assert any("resource 7 of" in row.place for row in rows["Patient"])


def test_only_what_is_used_is_read_and_the_rest_is_counted(made: ModuleType, tmp_path: Path) -> None:
    path = made.write_lines(
        tmp_path / "a.ndjson",
        made.patient("p1"),
        b'{"resourceType":"Claim","this is":"never parsed"',
        {"id": "c", "resourceType": "Claim"},
        made.observation("o"),
    )
    store, _ = read([path], "Observation")
    assert store.found == {"Observation": 1, "Patient": 1}
    assert "types of resources that no table uses: Claim 2" in store.notes
    assert store.issues == ()


def test_without_any_patient_resource_patients_are_not_checked(made: ModuleType, tmp_path: Path) -> None:
    store, rows = read([made.write_lines(tmp_path / "a.ndjson", made.observation("o"))], "Observation")
    assert len(rows["Observation"]) == 1
    assert any("whether a patient is known was not checked" in note for note in store.notes)


def test_columns_of_ones_own(made: ModuleType, tmp_path: Path) -> None:
    view = FhirView(
        "Observation", {"loinc": "code.coding[system=http://loinc.org].code", "kg": "valueQuantity.value"}
    )
    two = {"coding": [{"system": "local", "code": "W"}, {"system": "http://loinc.org", "code": "29463-7"}]}
    path = made.write_lines(tmp_path / "a.ndjson", made.patient("p1"), made.observation("o", code=two))
    store, rows = read([path], views={"weights": view})
    assert store.columns == {"weights": ("patient", "id", "time", "loinc", "kg")}
    cells = rows["weights"][0].cells
    assert (cells["loinc"], cells["kg"], cells["time"]) == ("29463-7", "70.5", "2021-03-04T05:06:07+01:00")


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("Patient", "name[0].family"),
        ("Patient", "address[0].city"),
        ("Patient", "telecom[*].value"),
        ("Patient", "identifier[0].value"),
        ("Patient", "photo[0].$text"),
        ("Patient", "gender | name[0].text"),
        ("Patient", "text.div"),
        ("Patient", "extension[0].valueString"),
        (
            "Patient",
            "extension[url=http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName].valueString",
        ),
        ("Patient", "contact[0].name.family"),
        ("Observation", "subject.display"),
        ("Observation", "performer[0].display"),
        ("DocumentReference", "author[0].display"),
        ("Device", "serialNumber"),
        ("ImagingStudy", "identifier[0].value"),
    ],
)
def test_a_column_never_holds_a_name_or_identifier(resource: str, path: str, tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="may hold names"):
        read_fhir([], {"t": FhirView(resource, {"x": path})}, tmp_path, buckets=1)


@pytest.mark.parametrize(
    "path", ["", "code..code", "code.coding[", "$text", "code.$nothing", "a b", "code |"]
)
def test_what_is_no_path_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no path"):
        read_fhir([], {"t": FhirView("Observation", {"x": path})}, tmp_path, buckets=1)


def test_an_unknown_type_names_close_ones() -> None:
    with pytest.raises(SpecError, match="Did you mean Observation"):
        default_view("Observations")


def test_settings_are_checked(tmp_path: Path) -> None:
    views = {"t": default_view("Condition")}
    with pytest.raises(SpecError, match="at least one bucket"):
        read_fhir([], views, tmp_path, buckets=0)
    with pytest.raises(SpecError, match="none, sample or full"):
        read_fhir([], views, tmp_path, buckets=1, validate="all")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="'id'"):
        read_fhir([], {"t": FhirView("Condition", {"id": "code.text"})}, tmp_path, buckets=1)


@pytest.mark.parametrize("folder", ["fhir_synthea", "fhir_bulk"])
def test_real_files_give_what_a_plain_walk_counts(shared_data: Path, folder: str) -> None:
    files = sorted((shared_data / folder).glob("*.*json.gz"))
    plain = walk_plainly(files)
    counts = Counter(resource["resourceType"] for resource in plain)
    store, rows = read(files, *TYPES, buckets=suggest_buckets(files), workers=2)
    assert store.issues == ()
    assert store.found == {kind: counts[kind] for kind in TYPES if counts[kind]}
    for kind in TYPES:
        own = [r for r in plain if r["resourceType"] == kind]
        assert len(rows[kind]) == len(own) + sum(len(r.get("component", ())) for r in own)
        assert {row.cells["id"] for row in rows[kind] if "#" not in str(row.cells["id"])} == {
            r["id"] for r in own
        }
    values = Counter(f"{r['valueQuantity']['value']:.6g}" for r in plain if "valueQuantity" in r)
    read_values = Counter(
        f"{float(row.cells['value'] or 0):.6g}"
        for row in rows["Observation"]
        if row.cells["unit"] and "#" not in str(row.cells["id"])
    )
    assert read_values == values
    names = {
        word
        for r in plain
        if r["resourceType"] == "Patient"
        for name in r["name"]
        for word in (name["family"], *name["given"])
    } | {path.name for path in files if folder == "fhir_synthea"}
    told = {row.place for kind in TYPES for row in rows[kind][:50]} | set(store.notes)
    assert not any(name in text for name in names if len(name) > 3 for text in told)
    coded = {
        str(value)
        for kind in TYPES
        for row in rows[kind]
        for column, value in row.cells.items()
        if column not in {"text", "display", "bodyDisplay", "reasonDisplay"}
    }
    assert not coded & names
    texts = [row.cells["text"] for row in rows["DocumentReference"]]
    assert all(texts) and len(texts) == counts["DocumentReference"]  # noqa: PT018


def test_a_worker_imports_nothing_heavy(root: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, medxmodal.cohort.sources.fhir.read, medxmodal.cohort.sources.fhir.worker;"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert not {"torch", "pandas", "numpy", "pydantic", "fhir"} & set(done.stdout.split())
