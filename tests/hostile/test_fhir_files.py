"""Bad FHIR: each bad resource is recorded with its place and reason, the rest goes on, no names leak."""

from __future__ import annotations

import gzip
import hashlib
import json
import resource as machine
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from medxmodal.cohort.sources.fhir.lines import plan_pieces
from medxmodal.cohort.sources.fhir.read import FhirStore, default_view, read_fhir, read_resources
from medxmodal.cohort.sources.rows import Row
from medxmodal.errors import InputError

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def made(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(HERE / "fhir_files.py")


def read(scratch: Path, *files: Path, **more: object) -> tuple[FhirStore, dict[str, list[Row]]]:
    views = {"patients": default_view("Patient"), "observations": default_view("Observation")}
    scratch.mkdir(exist_ok=True)
    store = read_fhir(files, views, scratch, buckets=3, **more)  # type: ignore[arg-type]
    rows: dict[str, list[Row]] = {table: [] for table in views}
    for part in store.parts():
        for table, found in part.items():
            rows[table] += found
    return store, rows


def counted(store: FhirStore, rows: dict[str, list[Row]]) -> bool:
    """Found = kept + marked in error + found before + bad: nothing is lost in silence."""
    whole = {row.cells["id"] for row in rows["observations"] if "#" not in str(row.cells["id"])}
    left = [count.get("Observation", 0) for count in (store.withdrawn, store.doubled, store.lost)]
    return store.found.get("Observation", 0) == len(whole) + sum(left)


def test_each_kind_of_bad_line_is_recorded(made: ModuleType, tmp_path: Path) -> None:
    for at, (name, (make, kind, reason)) in enumerate(made.BAD_LINES.items()):
        path = made.write_lines(
            tmp_path / f"{made.NAME}{at}.ndjson",
            made.patient("p1"),
            made.observation("first"),
            make(),
            made.observation("last"),
        )
        store, rows = read(tmp_path / f"s{at}", path, validate="none")
        assert [row.cells["id"] for row in rows["observations"]] == ["first", "last"], name
        assert [issue.reason for issue in store.issues] == [reason], name
        (issue,) = store.issues
        assert issue.resource == kind, name
        assert "line 3 of file 1 (sha256 " in issue.place, name
        assert not issue.kept
        assert counted(store, rows), name
        told = repr((store.issues, store.notes, store.reasons, [row.place for row in rows["observations"]]))
        assert not any(word in told for word in made.NAME.split()), name


def test_a_line_of_100_mb_is_refused_without_being_held(made: ModuleType, tmp_path: Path) -> None:
    path = made.write_long_line(tmp_path / "Observation.ndjson.gz")
    patients = made.write_lines(tmp_path / "Patient.ndjson", made.patient("p1"))
    before = machine.getrusage(machine.RUSAGE_SELF).ru_maxrss
    store, rows = read(tmp_path / "s", path, patients)
    grown = (machine.getrusage(machine.RUSAGE_SELF).ru_maxrss - before) << 10
    assert {row.cells["id"] for row in rows["observations"]} == {"before", "after"}
    (issue,) = store.issues
    assert issue.reason == "the line has more than 32 MiB"
    assert issue.resource == "Observation"
    assert grown < 90 << 20


def test_a_bad_patient_stays_as_a_failed_record(made: ModuleType, tmp_path: Path) -> None:
    path = made.write_lines(
        tmp_path / "a.ndjson",
        made.patient("p1", birthDate=1970),
        made.patient("p2"),
        json.dumps(made.patient("p3")).encode()[:-5],
        made.observation("one"),
    )
    store, rows = read(tmp_path / "s", path)
    problems = {(row.cells["id"], row.problem) for row in rows["patients"]}
    assert problems == {
        ("p1", "birthDate is not a date"),
        ("p2", ""),
        (None, "the line is not readable JSON"),
    }
    assert [row.cells["patient"] for row in rows["observations"]] == ["p1"]
    assert [issue.kept for issue in store.issues] == [True, True]
    assert store.found["Patient"] == len(rows["patients"]) == 3


@pytest.mark.parametrize("damage", ["cut gzip", "cut JSON", "UTF-16", "empty", "entry is no list"])
def test_a_bundle_that_cannot_be_read_is_a_failed_record(
    made: ModuleType, tmp_path: Path, damage: str
) -> None:
    good = made.write_bundle(tmp_path / "good.json.gz", made.patient("p1"), made.observation("one"))
    bad = tmp_path / f"{made.NAME}.json.gz"
    text = json.dumps(made.bundle(made.patient("p2")))
    data = {
        "cut gzip": gzip.compress(text.encode())[:-9],
        "cut JSON": gzip.compress(text.encode()[:-9]),
        "UTF-16": gzip.compress(text.encode("utf-16")),
        "empty": b"",
        "entry is no list": gzip.compress(b'{"resourceType": "Bundle", "entry": 5}'),
    }[damage]
    bad.write_bytes(data)
    store, rows = read(tmp_path / "s", good, bad)
    assert len(rows["observations"]) == 1
    (issue,) = store.issues
    assert "of file" not in issue.place
    assert "file " in issue.place
    if damage != "entry is no list":
        assert sorted(row.problem == "" for row in rows["patients"]) == [False, True]
    assert made.NAME not in repr((store, rows))


def test_what_was_read_of_a_damaged_gzip_counts(made: ModuleType, tmp_path: Path) -> None:
    notes = [[{"text": hashlib.sha256(bytes(n)).hexdigest()}] for n in range(900)]
    lines = [made.patient("p1"), *(made.observation(f"o{n}", note=note) for n, note in enumerate(notes))]
    path = made.write_lines(tmp_path / "a.ndjson.gz", *lines)
    path.write_bytes(path.read_bytes()[:-200])
    store, rows = read(tmp_path / "s", path)
    assert 0 < len(rows["observations"]) < 900
    assert [issue.reason for issue in store.issues] == ["the file is a damaged gzip file from here on"]


def test_entries_that_hold_no_resource_are_recorded(made: ModuleType, tmp_path: Path) -> None:
    page = made.bundle(made.patient("p1"))
    page["entry"] += [5, {"resource": None}, {"resource": made.bundle()}, {"response": {"status": "201"}}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(page))
    store, _ = read(tmp_path / "s", path)
    assert [(issue.place.split(" of ")[0], issue.reason) for issue in store.issues] == [
        ("entry 2", "an entry of the bundle is not an element"),
        ("entry 3", "it is not a resource"),
        ("entry 4", "a bundle inside a bundle is not read"),
    ]


def test_a_missing_file_and_another_kind_are_refused_without_their_names(
    made: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / f"{made.NAME}.xml").write_text("<Bundle/>")
    for name in (f"{made.NAME}.xml", f"{made.NAME}.json"):
        with pytest.raises(InputError, match="file 1 of the FHIR files") as caught:
            read(tmp_path / "s", tmp_path / name)
        assert made.NAME not in str(caught.value)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_goes_while_it_is_read_is_an_error_without_its_name(
    made: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    workers: int,
) -> None:
    paths = [made.write_lines(tmp_path / f"{made.NAME}{n}.ndjson", made.patient("p1")) for n in (1, 2)]
    tasks = [[piece] for task in plan_pieces(paths) for piece in task]
    monkeypatch.setattr("medxmodal.cohort.sources.fhir.read.plan_pieces", lambda files: tasks)
    paths[1].unlink()
    with pytest.raises(InputError, match="No such file") as caught:
        read(tmp_path / "s", *paths, workers=workers)
    said = capfd.readouterr()
    assert made.NAME not in str(caught.value) + said.out + said.err


@pytest.mark.parametrize("mode", ["sample", "full"])
def test_what_is_invalid_outside_the_columns_is_recorded_by_its_path(
    made: ModuleType, tmp_path: Path, mode: str
) -> None:
    page = [made.patient("p1"), made.observation("odd", referenceRange=made.NAME), made.observation("good")]
    (tmp_path / "s").mkdir()
    views = {"observations": default_view("Observation")}
    store = read_resources(page, views, tmp_path / "s", buckets=1, validate=mode)
    (issue,) = store.issues
    assert issue.reason.startswith("referenceRange is not valid R4")
    assert issue.kept
    assert made.NAME.split()[0] not in repr(store)
    assert [row.cells["id"] for part in store.parts() for row in part["observations"]] == ["good", "odd"]
    assert store.validated == {"Observation": 2, "Patient": 1}
