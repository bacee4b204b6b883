"""Identity: a keyed cohort names nobody, and only the keys lead back."""

from __future__ import annotations

import json
import logging
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from medxmodal.cohort import Cohort
from medxmodal.cohort.decode.reference import decode
from medxmodal.cohort.identity import Keyed
from medxmodal.cohort.keys import open_key, read_crosswalk
from medxmodal.errors import InputError, MedxmodalError, PrivacyError, SpecError

CANARIES = ("kowalska", "anna", "march 1957", "akte", "geheim")


@pytest.fixture
def keyed(clinic: Any) -> Any:
    """A clinic whose ids, file names, dates and wrong cells all name somebody."""
    clinic.tree["ids"] = "keyed"
    clinic.tree["table"]["file"] = "akte_kowalska.csv"
    (clinic.folder / "notes").mkdir()
    for i, row in enumerate(clinic.rows):
        for folder, old, new in (
            ("images", f"scan{i}.png", "kowalska_anna{}.png"),
            ("masks", f"scan{i}_mask.png", "kowalska_anna{}_mask.png"),
        ):
            (clinic.folder / folder / old).rename(clinic.folder / folder / new.format(i))
        (clinic.folder / "notes" / f"akte_anna{i}.txt").write_text(f"cough {i}")
        row |= {
            "pid": f"Kowalska-Anna-{i}",
            "image": f"kowalska_anna{i}.png",
            "when": f"1957-03-{i + 1:02d}T08:00:00",
            "note": f"akte_anna{i}.txt",
            "biopsy": "geheim",
        }
    clinic.tree["modalities"]["text"] = {"kind": "text", "file": "notes/{note}"}

    def write() -> None:
        type(clinic).write(clinic)
        (clinic.folder / "records.csv").rename(clinic.folder / "akte_kowalska.csv")

    clinic.write = write
    return clinic


@pytest.fixture
def spoiled(keyed: Any) -> Any:
    """The same with every kind of wrong input."""
    keyed.rows[1]["Age"] = "geheim-alter"
    keyed.rows[2]["unit"] = "geheim-unit"
    keyed.rows[3]["image"] = "kowalska_lost.png"
    (keyed.folder / "images" / "kowalska_anna4.png").write_bytes(b"\x89PNG")
    (keyed.folder / "masks" / "kowalska_anna5_mask.png").unlink()
    keyed.rows[6]["dx"] = "geheim-diagnose"
    keyed.rows[7] |= {"image": "", "note": "", "Age": "", "CRP": "", "Signs": ""}
    keyed.rows[8]["when"] = "March 1957"
    keyed.rows[9]["note"] = "akte_lost.txt"
    keyed.rows[10]["image"] = "../../kowalska.png"
    keyed.rows[11]["Signs"] = "geheim-zeichen"
    keyed.tree["modalities"]["tabular"]["columns"]["Signs"]["values"] = ["no", "pain", "fever"]
    return keyed


def everything(folder: Path) -> str:
    """All text of a cohort folder, with the Parquet cells unpacked, except the data root and the period."""
    head = json.loads((folder / "cohort.json").read_text())
    assert head.pop("data_root")
    texts = [json.dumps(head)]
    for path in folder.iterdir():
        if path.suffix == ".json" and path.name != "cohort.json":
            texts.append(path.read_text())
    table = pq.read_table(folder / "studies.parquet").drop_columns(["index_period"])
    texts.append(json.dumps(table.to_pylist(), default=str))
    texts.append(str(table.schema.metadata))
    return "\n".join(texts).lower()


def test_no_artefact_names_anybody(spoiled: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cohort = spoiled.build(keys=tmp_path / "keys")
    assert len(cohort.quality.problems) >= 9
    assert len(cohort.failed) == 2
    text = everything(cohort.save(tmp_path / "cohort"))
    text += cohort.describe().model_dump_json().lower() + repr(cohort.studies).lower() + repr(cohort).lower()
    text += caplog.text.lower()
    for canary in CANARIES:
        assert canary not in text, canary
    real = {line.study_id: line.real_index_time for line in read_crosswalk(tmp_path / "keys")}
    assert all(study.index_time != real[study.study_id] for study in cohort if study.index_time)
    assert "row 3" in text


def test_errors_of_inputs_name_nobody(keyed: Any, tmp_path: Path) -> None:
    cohort = keyed.build(keys=tmp_path / "keys")
    Image.new("L", (4, 4)).save(keyed.folder / "images" / "kowalska_anna0.png")
    (keyed.folder / "images" / "kowalska_anna1.png").unlink()
    for position in (0, 1):
        with pytest.raises(InputError) as error:
            decode(cohort[position].inputs["image"]["file"])
        assert not [c for c in CANARIES if c in str(error.value).lower()]
        assert f"study {position + 1}" in str(error.value) or "sha256:" in str(error.value)


@pytest.mark.parametrize("spoil", ["mistyped", "units", "labels", "doubled"])
def test_errors_of_the_build_name_nobody(keyed: Any, tmp_path: Path, spoil: str) -> None:
    keyed.tree["table"]["file"] = "records.csv"
    keyed.write = lambda: type(keyed).write(keyed)
    for row in keyed.rows:
        row["exam"] = "kowalska"
        if spoil == "mistyped":
            row["Age"] = "geheim"
        if spoil == "units":
            row["unit"] = "mol"
        if spoil == "labels":
            row["dx"] = "geheim"
    if spoil == "doubled":
        keyed.tree["table"]["study"] = "exam"
    with pytest.raises(MedxmodalError) as error:
        keyed.build(keys=tmp_path / "keys")
    assert not [c for c in CANARIES if c in str(error.value).lower()]


def test_the_crosswalk_leads_back(keyed: Any, tmp_path: Path) -> None:
    cohort = keyed.build(keys=tmp_path / "keys")
    lines = {line.study_id: line for line in read_crosswalk(tmp_path / "keys")}
    assert len(lines) == 12
    for i, study in enumerate(cohort):
        line = lines[study.study_id]
        assert (line.real_patient_id, line.row, line.patient_id) == (
            f"Kowalska-Anna-{i}",
            i + 2,
            study.patient_id,
        )
        assert line.real_index_time == datetime(1957, 3, i + 1, 8)
        assert line.files.splitlines()[0] == f"images/kowalska_anna{i}.png"
    for name in ("key", "crosswalk.parquet"):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600


def test_same_key_same_pseudonyms_other_key_others(keyed: Any, tmp_path: Path) -> None:
    first, again = (keyed.build(keys=tmp_path / "keys") for _ in range(2))
    other = keyed.build(keys=tmp_path / "others")
    assert first.studies == again.studies
    assert not set(first.patients) & set(other.patients)
    assert first.fingerprint == other.fingerprint
    assert first.content == other.content
    assert len(read_crosswalk(tmp_path / "keys")) == 12


def test_times_move_together_within_a_year_and_the_period_stays(keyed: Any, tmp_path: Path) -> None:
    keyed.rows[1]["pid"] = keyed.rows[0]["pid"]
    cohort = keyed.build(keys=tmp_path / "keys")
    real = [datetime(1957, 3, i + 1, 8) for i in range(12)]
    shifts = [study.index_time - moment for study, moment in zip(cohort, real, strict=True)]
    assert shifts[0] == shifts[1]
    assert len(set(shifts)) > 6
    assert all(timedelta(0) < abs(shift) <= timedelta(365) for shift in shifts)
    assert set(cohort.period) == {1957}
    assert Cohort.load(cohort.save(tmp_path / "c")).period == cohort.period


def test_shifts_are_even_and_never_nothing() -> None:
    one, moment = Keyed(b"k" * 32), datetime(2020, 1, 1)
    days = np.array([(one.time(moment, f"patient {i}") - moment).days for i in range(4000)])
    assert 0 not in days
    assert days.min() >= -365
    assert days.max() <= 365
    assert abs(days.mean()) < 15


def test_keyed_inputs_are_found_by_content_wherever_they_lie(keyed: Any, tmp_path: Path) -> None:
    cohort = keyed.build(keys=tmp_path / "keys")
    folder = cohort.save(tmp_path / "c")
    reference = cohort[3].inputs["image"]["file"]
    assert reference.locator == f"sha256:{reference.sha256}"
    before = np.array(decode(reference))
    (keyed.folder / "deep").mkdir()
    (keyed.folder / "images" / "kowalska_anna3.png").rename(keyed.folder / "deep" / "renamed.bin")
    again = Cohort.load(folder)
    np.testing.assert_array_equal(decode(again[3].inputs["image"]["file"]), before)


def test_keys_are_needed_and_stay_apart(keyed: Any, tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="--keys"):
        keyed.build()
    out = tmp_path / "cohort"
    cohort = keyed.build(keys=out / "keys")
    with pytest.raises(PrivacyError, match="inside each other"):
        cohort.save(out)
    with pytest.raises(PrivacyError, match="inside each other"):
        cohort.save(out / "keys" / "cohort")
    with pytest.raises(PrivacyError, match="inside each other"):
        cohort.subset([0, 1]).save(out)
    good = keyed.build(keys=tmp_path / "keys").save(tmp_path / "good")
    with pytest.raises(PrivacyError, match="lies in a cohort"):
        keyed.build(keys=good / "keys")
    assert not (good / "keys").exists()


def test_keys_beside_the_data_are_allowed(keyed: Any) -> None:
    assert keyed.build(keys=keyed.folder / "keys")


def test_keeping_ids_and_naming_keys_is_a_contradiction(clinic: Any, tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="nothing to key"):
        clinic.build(keys=tmp_path / "keys")


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    key = open_key(tmp_path)
    assert open_key(tmp_path) == key
    (tmp_path / "key").write_text("short")
    with pytest.raises(PrivacyError):
        open_key(tmp_path)
    (tmp_path / "key").unlink()
    (tmp_path / "crosswalk.parquet").write_bytes(b"x")
    with pytest.raises(PrivacyError, match="but no key"):
        open_key(tmp_path)
    with pytest.raises(PrivacyError, match="no readable"):
        read_crosswalk(tmp_path)


def test_a_keyed_spec_names_its_table_by_content_and_still_reads(keyed: Any, tmp_path: Path) -> None:
    cohort = keyed.build(keys=tmp_path / "keys")
    assert cohort.spec.table.file == f"sha256:{cohort.lineage.inputs[0].sha256}"
    assert Cohort.load(cohort.save(tmp_path / "c")).spec == cohort.spec


def test_a_missing_table_is_a_spec_error(keyed: Any, tmp_path: Path) -> None:
    keyed.tree["table"]["file"] = "other.csv"
    with pytest.raises(SpecError, match=r"no table other\.csv"):
        keyed.build(keys=tmp_path / "keys")


def test_a_keys_folder_that_cannot_be_made_is_said_as_that(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "keys"):
        with pytest.raises(PrivacyError, match=r"cannot be made: .*Name another one with --keys"):
            open_key(place)
