"""Names, numbers, dates and addresses are planted everywhere; none may come out of a keyed cohort.

To add a kind of source: write one function that plants canaries in a folder and gives the spec that reads
it, and list it in `SOURCES`.
"""

from __future__ import annotations

import base64
import csv
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias
from urllib.parse import quote

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from medxmodal.cli.commands import app
from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.errors import MedxmodalError

PATIENTS, FEW = 24, 6
Load: TypeAlias = Callable[[Path], ModuleType]
HELPER = Path(__file__).parent / "dicom_files.py"
SURNAMES = ("Kowalczykowska", "Brzeczyszczyk", "Grzegorzewsk")


@dataclass
class Canaries:
    """What is planted, and where it is looked for.

    Args:
        words: Must be found nowhere.
        noted: Stand in notes, which are kept word for word.
        files: Makes DICOM files.
    """

    files: Any
    words: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)

    def plant(self, word: str) -> str:
        """A word that must not come out."""
        self.words.add(word)
        return word

    def note(self, word: str) -> str:
        """A word in a note's text."""
        self.noted.add(word)
        return word

    def found(self, text: bytes, words: set[str] | None = None) -> set[str]:
        """The canaries that a text holds, in any of their forms."""
        lower = text.lower()
        return {
            word for word in (self.words if words is None else words) if any(f in lower for f in forms(word))
        }


def forms(word: str) -> set[bytes]:
    """A word in lower case as it is, quoted for a URL or for JSON, and in base64 at each of three offsets."""
    plain = {word, quote(word), quote(word, safe=""), json.dumps(word)[1:-1], word.replace(" ", "_")}
    found = {form.lower().encode() for form in plain}
    for form in (word, word.lower(), word.upper()):
        for offset in range(3):
            coded = base64.b64encode(b" " * offset + form.encode())
            found.add(coded[4 if offset else 0 : -4].lower())
    return {form for form in found if len(form) > 5}


def person(i: int, canaries: Canaries) -> dict[str, str]:
    """One patient's identifiers, all of them planted."""
    surname = f"{SURNAMES[i % 3]}{chr(97 + i)}x"
    return {
        "name": canaries.plant(f"{surname} Jadwiga"),
        "surname": canaries.plant(surname),
        "mrn": canaries.plant(f"MRN-88{i:02d}-4711"),
        "study": canaries.plant(f"ACC77{i:02d}9135"),
        "born": canaries.plant(f"19{40 + i}-0{1 + i % 9}-17"),
        "street": canaries.plant(f"Dluga Lipowa {i + 100}/7"),
        "when": canaries.plant(f"2021-0{1 + i % 9}-{10 + i % 15} 08:4{i % 10}"),
    }


def table_and_files(folder: Path, canaries: Canaries) -> dict[str, Any]:
    """A table, images with EXIF and note files, all named after the patient; some of them broken."""
    rng = np.random.default_rng(4)
    for name in ("images", "notes"):
        (folder / name).mkdir(parents=True)
    rows = []
    for i in range(PATIENTS):
        who = person(i, canaries)
        stem = f"{who['surname']}_{who['mrn']}"
        image = Image.fromarray(rng.integers(0, 256, (24, 32), dtype=np.uint8))
        exif = Image.Exif()
        exif[0x010E], exif[0x013B] = who["name"], who["street"]
        image.save(folder / "images" / f"{stem}.jpg", exif=exif)
        seen = canaries.note(f"seen{chr(97 + i)}qv")
        (folder / "notes" / f"{stem}.txt").write_text(f"Short of breath, {seen}.", encoding="utf-8")
        rows.append(
            who
            | {
                "ill": ("no", "yes")[i % 2],
                "crp": f"{3 + i * 1.7:.1f}",
                "sex": "fm"[i % 2],
                "file": stem,
                "ward": "ab"[i % 2],
            }
        )
    spoil(folder, rows, canaries)
    table = folder / f"list_of_{rows[0]['surname']}.csv"
    write_csv(table, rows)
    return {
        "name": "planted",
        "title": "Planted identifiers",
        "table": {"file": table.name, "patient": "mrn", "study": "study"},
        "index_time": {"column": "when"},
        "label": {"name": "ill", "column": "ill", "positive": "yes", "negative": "no"},
        "site": {"column": "ward"},
        "modalities": {
            "image": {"kind": "image", "file": "images/{file}.jpg"},
            "note": {"kind": "text", "file": "notes/{file}.txt"},
            "labs": {
                "kind": "tabular",
                "columns": {
                    "crp": {"type": "number", "unit": "mg/L"},
                    "sex": {"type": "category", "values": ["f", "m"]},
                },
            },
        },
    }


def spoil(folder: Path, rows: list[dict[str, str]], canaries: Canaries) -> None:
    """Everything that can be wrong with a record, so that messages are made about it."""
    images = [folder / "images" / f"{row['file']}.jpg" for row in rows]
    images[1].write_bytes(images[1].read_bytes()[:150])
    images[2].write_bytes(f"no picture of {rows[2]['name']}".encode())
    images[3].unlink()
    images[4].write_bytes(images[5].read_bytes())
    (folder / "notes" / f"{rows[6]['file']}.txt").write_bytes(b"\xff\xfe\x00" + rows[6]["name"].encode())
    (folder / "notes" / f"{rows[7]['file']}.txt").unlink()
    rows[8]["crp"] = f"see {rows[8]['name']}"
    rows[9]["sex"] = rows[9]["street"]
    rows[10]["ill"] = f"ask {rows[10]['surname']}"
    rows[11]["when"] = canaries.plant("fourth of Maiember 1999x")
    rows[12]["mrn"] = ""
    rows[13]["study"] = ""
    rows[14]["file"] = f"../../{rows[14]['surname']}"


def dicom(folder: Path, canaries: Canaries) -> dict[str, Any]:
    """DICOM slices whose every telling tag is planted, private ones too; one file is cut off."""
    files, scans, rows = canaries.files, folder / "scans", []
    for i in range(FEW):
        who = person(i, canaries)
        made = files.place(files.header(np.full((16, 16), 40 + i, np.uint16), patient=who["mrn"]), 1.0)
        made.PatientName, made.PatientBirthDate = f"{who['surname']}^Jadwiga", who["born"].replace("-", "")
        made.PatientAddress, made.AccessionNumber = who["street"], who["study"][:16]
        made.ReferringPhysicianName = canaries.plant(f"Doktorowska{chr(97 + i)}")
        made.InstitutionName = canaries.plant(f"Szpital Lipowy {i}")
        made.PatientComments = made.ImageComments = f"{who['name']}, {who['street']}, {who['when']}"
        made.SeriesDate, made.SeriesTime = canaries.plant(f"202103{11 + i}"), f"0842{17 + i}"
        made.SeriesDescription = f"T1 {who['surname']}"
        made.StudyDescription = f"{who['born']} {who['mrn']}"
        made.add_new(0x00091001, "LO", who["name"])
        made.SeriesInstanceUID = canaries.plant(str(files.uid("series", i)))
        made.StudyInstanceUID = canaries.plant(str(files.uid("study", i)))
        path = scans / who["surname"] / f"{who['mrn']}.dcm"
        path.parent.mkdir(parents=True)
        data = files.pack(made)
        path.write_bytes(data[:-200] if i == 2 else data)
        rows.append({"mrn": who["mrn"], "ill": ("no", "yes")[i % 2], "ward": "a"})
    write_csv(folder / "list.csv", rows)
    return {
        "name": "planted",
        "title": "Planted identifiers",
        "table": {"file": "list.csv", "patient": "mrn"},
        "tables": {"series": {"dicom": "scans/**/*", "key": "PatientID"}},
        "index_time": {"from": "series", "take": "last"},
        "label": {"name": "ill", "column": "ill", "positive": "yes", "negative": "no"},
        "site": {"column": "ward"},
        "modalities": {
            "scan": {"kind": "image", "from": "series", "where": "SeriesDescription contains 'T1'"}
        },
    }


def fhir(folder: Path, canaries: Canaries) -> dict[str, Any]:
    """FHIR whose patients have names, addresses and numbers, in files named after them; a line is broken."""
    folder.mkdir()
    for i in range(FEW):
        who = person(i, canaries)
        subject = {"reference": f"Patient/{who['mrn']}", "display": who["name"]}
        patient = {
            "resourceType": "Patient",
            "id": who["mrn"],
            "identifier": [{"value": who["study"]}],
            "name": [{"family": who["surname"], "text": who["name"]}],
            "birthDate": who["born"],
            "gender": "female",
            "text": {"status": "generated", "div": f"<div>{who['when']}</div>"},
            "address": [{"line": [who["street"]]}],
            "telecom": [{"value": canaries.plant(f"+48 600 700 {i}55")}],
        }
        coding = {"system": "http://snomed.info/sct", "code": str(100 + i % 2)}
        about = {"subject": subject, "code": {"coding": [coding], "text": who["name"]}}
        visit = {"status": "finished", "class": {"code": "AMB"}, "period": {"start": "2021-03-04T05:06:07Z"}}
        value = {"status": "final", "effectiveDateTime": "2021-03-01T00:00:00Z"}
        number = {"value": who["name"] if i == 3 else 5.5 + i}
        lines: list[Any] = [
            patient,
            {"resourceType": "Encounter", "id": f"e{i}", "subject": subject, **visit},
            {"resourceType": "Condition", "id": f"c{i}", **about, "recordedDate": "2021-03-06"},
            {"resourceType": "Observation", "id": f"o{i}", **about, **value, "valueQuantity": number},
        ]
        text = [json.dumps(line) for line in lines]
        if i == 2:
            text.append(f'{{"resourceType": "Condition", "id": "{who["mrn"]}-x", "subject": {who["name"]}')
        (folder / f"{who['surname']}_{who['mrn']}.ndjson").write_text("\n".join(text) + "\n")
    return {
        "name": "planted",
        "title": "Planted identifiers",
        "table": {"fhir": "Patient", "files": "*.ndjson"},
        "tables": {
            name: {"fhir": kind, "files": "*.ndjson"}
            for name, kind in (
                ("visits", "Encounter"),
                ("conditions", "Condition"),
                ("values", "Observation"),
            )
        },
        "index_time": {"from": "visits", "take": "first"},
        "label": {"name": "ill", "from": "conditions", "where": "code == '101'", "horizon": "30 d"},
        "site": {"value": "here"},
        "modalities": {
            "labs": {
                "kind": "tabular",
                "columns": {
                    "sex": {"type": "category", "column": "gender"},
                    "value": {"type": "number", "from": "values", "column": "value"},
                },
            }
        },
    }


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    """Rows as a table."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


SOURCES: dict[str, Callable[[Path, Canaries], dict[str, Any]]] = {
    "table": table_and_files,
    "dicom": dicom,
    "fhir": fhir,
}


@dataclass
class Planted:
    """A folder with canaries, its spec, and everything that the commands have said."""

    root: Path
    data: Path
    canaries: Canaries
    tree: dict[str, Any]
    said: list[str] = field(default_factory=list)

    def run(self, *words: object) -> int:
        """One command, in this process; what it wrote is kept."""
        done = CliRunner().invoke(app, [str(word) for word in words])
        self.said += [done.output, done.stderr]
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            self.said.append(repr(done.exception))
        return done.exit_code

    def artefacts(self) -> Iterator[tuple[str, bytes]]:
        """What a user may hand on: all bytes, and the values of tables, which are compressed."""
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not {"data", "keys"} & set(path.relative_to(self.root).parts):
                yield str(path.relative_to(self.root)), str(path).encode() + b"\n" + path.read_bytes()
                if path.suffix == ".parquet":
                    table = pq.read_table(path)
                    values = repr(table.to_pylist()) + repr(table.schema.metadata)
                    yield f"values of {path.name}", values.encode()
        yield "what was said", "\n".join(self.said).encode()


def plant(source: str, root: Path, caplog: pytest.LogCaptureFixture, load: Load) -> Planted:
    """A folder with canaries."""
    # Pillow itself writes EXIF at DEBUG to whoever asks the root logger for it; ours is asked for all.
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="medxmodal")
    canaries = Canaries(load(HELPER))
    tree = SOURCES[source](root / "data", canaries)
    (root / "keys").mkdir()
    return Planted(root, root / "data", canaries, tree)


@pytest.fixture(params=sorted(SOURCES))
def anywhere(
    request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture, load_helper: Load
) -> Planted:
    """Each source in turn."""
    return plant(request.param, tmp_path, caplog, load_helper)


@pytest.fixture
def planted(tmp_path: Path, caplog: pytest.LogCaptureFixture, load_helper: Load) -> Planted:
    """The source with everything that can go wrong."""
    return plant("table", tmp_path, caplog, load_helper)


def test_the_canaries_can_be_found(anywhere: Planted) -> None:
    everything = b"".join(
        str(path).encode() + path.read_bytes() for path in anywhere.data.rglob("*") if path.is_file()
    )
    hidden = anywhere.canaries.words - anywhere.canaries.found(everything)
    assert len(hidden) < len(anywhere.canaries.words) / 10, "a planted word that is nowhere tests nothing"
    for word in list(anywhere.canaries.words)[:20]:
        for text in (word.upper(), quote(word), base64.b64encode(b"ab" + word.encode()).decode()):
            assert word in anywhere.canaries.found(f"xx {text} yy".encode())


def test_nothing_comes_out_of_a_keyed_cohort(anywhere: Planted, caplog: pytest.LogCaptureFixture) -> None:
    spec = anywhere.root / "data" / "spec.yaml"
    spec.write_text(yaml.safe_dump(anywhere.tree, sort_keys=False))
    out, keys = anywhere.root / "cohort", anywhere.root / "keys"
    arguments = ("build", spec, "--data", anywhere.data, "--out", out, "--keys", keys)
    assert anywhere.run(*arguments, "--json") in {0, 1}
    assert anywhere.run("build", *arguments[1:5], anywhere.root / "second", *arguments[6:]) in {0, 1}
    assert anywhere.run("describe", out, "--html", anywhere.root / "page.html") == 0
    assert anywhere.run("describe", out, "--json") == 0
    anywhere.said.append(caplog.text)
    quality = json.loads((out / "quality.json").read_text())
    assert quality["failed"] or quality["problems"] or quality["notes"], (
        "nothing went wrong: nothing was said"
    )
    found = {where: anywhere.canaries.found(data) for where, data in anywhere.artefacts()}
    assert {where: words for where, words in found.items() if words} == {}
    crosswalk = repr(pq.read_table(keys / "crosswalk.parquet").to_pylist()).encode()
    assert anywhere.canaries.found(crosswalk)


def test_what_is_wrong_is_listed(planted: Planted) -> None:
    cohort = Cohort.from_spec(CohortSpec.parse(planted.tree), planted.data, keys=planted.root / "keys")
    assert len(cohort.failed) >= 2
    assert len({problem.field for problem in cohort.quality.problems}) >= 3


def test_notes_are_kept_word_for_word_and_that_is_said(planted: Planted) -> None:
    cohort = Cohort.from_spec(CohortSpec.parse(planted.tree), planted.data, keys=planted.root / "keys")
    assert any("word for word" in note for note in cohort.quality.notes)
    kept = " ".join(str(s.inputs["note"]["text"]) for s in cohort if s.has("note")).encode()
    assert len(planted.canaries.found(kept, planted.canaries.noted)) > PATIENTS / 2
    assert planted.canaries.found(cohort.quality.model_dump_json().encode(), planted.canaries.noted) == set()


def test_scrubbed_notes_hold_what_the_scrubber_left(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scrub(text: str) -> str:
        return " ".join(
            "[...]" if word.rstrip(".") in planted.canaries.noted else word for word in text.split()
        )

    monkeypatch.setattr("medxmodal.cohort.engine.note_inputs.find_scrubber", {"ours": scrub}.__getitem__)
    planted.tree["modalities"]["note"]["scrub"] = "ours"
    spec = planted.data / "spec.yaml"
    spec.write_text(yaml.safe_dump(planted.tree, sort_keys=False))
    out, keys = planted.root / "cohort", planted.root / "keys"
    assert planted.run("build", spec, "--data", planted.data, "--out", out, "--keys", keys) == 1
    assert planted.run("describe", out, "--html", planted.root / "page.html", "--json") == 0
    cohort = Cohort.load(out, data=planted.data)
    assert any("[...]" in str(study.inputs["note"]["text"]) for study in cohort if study.has("note"))
    assert not any("word for word" in note for note in cohort.quality.notes)
    everything = planted.canaries.words | planted.canaries.noted
    found = {where: planted.canaries.found(data, everything) for where, data in planted.artefacts()}
    assert {where: words for where, words in found.items() if words} == {}


def test_inputs_that_go_or_change_after_building_are_named_by_content(planted: Planted) -> None:
    from medxmodal.cohort.decode.reference import decode

    cohort = Cohort.from_spec(CohortSpec.parse(planted.tree), planted.data, keys=planted.root / "keys")
    said = [repr(cohort), *(repr(study.inputs.get("image")) for study in cohort)]
    for path in (planted.data / "images").iterdir():
        path.write_bytes(b"another content")
    cohort.save(planted.root / "cohort")
    for study in Cohort.load(planted.root / "cohort", data=planted.data):
        if study.has("image"):
            with pytest.raises(MedxmodalError) as refused:
                decode(study.inputs["image"]["file"])  # type: ignore[arg-type]
            said.append(str(refused.value))
    assert len(said) > PATIENTS
    assert planted.canaries.found("\n".join(said).encode()) == set()


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("label", "column"), "diagnosis"),
        (("label", "positive"), "maybe"),
        (("site", "column"), "hospital"),
        (("modalities", "labs", "columns", "sex", "type"), "number"),
        (("modalities", "labs", "columns", "crp", "unit"), "parsec"),
        (("modalities", "image", "file"), "images/{surname}.jpg"),
        (("table", "study"), "ward"),
    ],
)
def test_a_wrong_spec_is_refused_without_quoting_a_record(
    planted: Planted, place: tuple[str, ...], wrong: str
) -> None:
    section: Any = planted.tree
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = wrong
    spec = planted.data / "spec.yaml"
    spec.write_text(yaml.safe_dump(planted.tree, sort_keys=False))
    arguments = ("--data", planted.data, "--out", planted.root / "cohort", "--keys", planted.root / "keys")
    planted.run("build", spec, *arguments)
    # The name of the table's file stands in the spec itself: whoever wrote it there knows it.
    told = "\n".join(planted.said).replace(planted.tree["table"]["file"], "")
    assert planted.canaries.found(told.encode()) == set()


def test_the_command_as_a_user_runs_it(planted: Planted) -> None:
    spec = planted.data / "spec.yaml"
    spec.write_text(yaml.safe_dump(planted.tree, sort_keys=False))
    words = [
        "build",
        spec,
        "--data",
        planted.data,
        "--out",
        planted.root / "cohort",
        "--keys",
        planted.root / "keys",
    ]
    command = [sys.executable, "-m", "medxmodal", *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=False, env=os.environ, cwd=planted.root)
    assert done.returncode == 1, done.stderr
    assert planted.canaries.found(done.stdout + done.stderr) == set()
