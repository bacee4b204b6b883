"""Opening tables: optional ones, rows left out on reading, folders of files, arrays unpacked."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.errors import CohortError, InputError, SpecError


def counted(ward: Any, **columns: Any) -> None:
    ward.records = [{"pid": "a", "k": "k"}, {"pid": "b", "k": "k"}]
    more = columns or {"n": {"type": "number", "from": "labs", "take": "count"}}
    ward.tree["modalities"]["tabular"]["columns"] = {"k": {"type": "category"}, **more}


def test_a_table_that_is_not_there_is_an_error_unless_it_is_optional(ward: Any) -> None:
    counted(ward)
    ward.add("labs", [{"pid": "a"}])
    ward.build()
    (ward.folder / "labs.csv").unlink()
    with pytest.raises(SpecError, match=r"tables.labs: the data folder has no table labs.csv"):
        Cohort.from_spec(ward.spec(), ward.folder)
    ward.tree["tables"]["labs"]["optional"] = True
    cohort = Cohort.from_spec(ward.spec(), ward.folder)
    assert [study.inputs["tabular"]["n"] for study in cohort] == [None, None]  # unknown, not none
    assert "labs: this optional table is not there; it counts as empty" in cohort.quality.notes


@pytest.mark.parametrize("source", [{"file": "x*.csv"}, {"folder": "x/*.png"}, {"arrays": "*.npz"}])
def test_every_kind_of_file_may_be_optional(ward: Any, source: dict[str, str]) -> None:
    counted(ward)
    ward.tree["tables"]["labs"] = {"key": "stem", "optional": True, **source}
    ward.write()
    assert len(Cohort.from_spec(ward.spec(), ward.folder)) == 2
    del ward.tree["tables"]["labs"]["optional"]
    with pytest.raises(SpecError, match=r"tables\.labs: "):
        Cohort.from_spec(ward.spec(), ward.folder)


def test_an_optional_table_that_is_damaged_is_still_an_error(ward: Any) -> None:
    counted(ward)
    ward.add("labs", [{"pid": "a"}], optional=True)
    ward.write()
    (ward.folder / "labs.csv").write_bytes(b"\x00\x01\x02" * 100)
    with pytest.raises((InputError, SpecError), match=r"tables\.labs"):
        Cohort.from_spec(ward.spec(), ward.folder)
    (ward.folder / "labs.csv").write_text("patient\na\n")
    with pytest.raises(SpecError, match=r"tables\.labs\.key names the column 'pid'"):
        Cohort.from_spec(ward.spec(), ward.folder)


def test_the_table_of_records_is_never_optional(ward: Any) -> None:
    counted(ward)
    ward.add("labs", [{"pid": "a"}])
    ward.write()
    (ward.folder / "records.csv").unlink()
    with pytest.raises(SpecError, match=r"no table records\.csv"):
        Cohort.from_spec(ward.spec(), ward.folder, unlabelled=True)


def test_rows_that_a_table_s_own_rule_leaves_out_are_nowhere(ward: Any) -> None:
    counted(ward)
    rows = [{"pid": "a", "ok": "1"}, {"pid": "a", "ok": "0"}, {"pid": "a", "ok": ""}, {"pid": "b", "ok": "0"}]
    ward.add("labs", rows, where="ok == 1")
    ward.tree["exclude"] = [{"from": "labs", "where": "ok != 1", "reason": "never"}]
    assert [study.inputs["tabular"]["n"] for study in ward.build()] == [1.0, 0.0]


def test_a_table_of_a_label_is_not_needed_without_labels(ward: Any) -> None:
    counted(ward, n={"type": "number", "from": "labs", "take": "count"})
    ward.add("labs", [{"pid": "a"}])
    ward.add("result", [{"pid": "a", "dx": "1"}, {"pid": "b", "dx": "0"}])
    ward.tree["label"] = {"name": "ill", "from": "result", "column": "dx", "positive": 1, "negative": 0}
    assert ward.build().labels().tolist() == [1.0, 0.0]
    (ward.folder / "result.csv").unlink()
    with pytest.raises(SpecError, match=r"tables\.result"):
        Cohort.from_spec(ward.spec(), ward.folder)
    cohort = Cohort.from_spec(ward.spec(), ward.folder, unlabelled=True)
    assert [study.labels["ill"] for study in cohort] == [None, None]


def png(path: Path, grey: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, 5), grey, np.uint8)).save(path)


def test_a_folder_of_files_is_a_table(ward: Any) -> None:
    """Classes as folders: the whole cohort of many public sets."""
    for i, name in enumerate(
        ["ill/p2.png", "ill/p10.png", "well/p3.x.png", ".hidden/p4.png", "well/note.txt"]
    ):
        png(ward.folder / "set" / name, 20 * i) if name.endswith("png") else (
            ward.folder / "set" / name
        ).touch()
    ward.tree |= {
        "table": {"folder": "set/*/*.png", "patient": "stem"},
        "label": {"name": "ill", "column": "folder", "positive": "ill", "negative": "well"},
        "site": {"column": "parent"},
        "modalities": {"image": {"kind": "image", "file": "{file}"}},
    }
    cohort = Cohort.from_spec(ward.spec(), ward.folder)
    assert [(s.study_id, s.site, s.labels["ill"]) for s in cohort] == [
        ("p2", "set", 1),
        ("p10", "set", 1),
        ("p3", "set", 0),
    ]
    png(ward.folder / "set" / "ill" / "p11.png", 200)
    assert Cohort.from_spec(ward.spec(), ward.folder).fingerprint != cohort.fingerprint


def test_a_folder_as_events_of_a_patient(ward: Any) -> None:
    """Several pictures a patient, each in a folder of the patient's own."""
    counted(ward)
    for i in range(3):
        png(ward.folder / "films" / "a" / f"{i}.png", 50 * i)
    ward.tree["tables"] = {"films": {"folder": "films/*/*.png", "key": "folder"}}
    ward.tree["modalities"] = {
        "image": {"kind": "image", "from": "films", "file": "{file}", "take": "all"},
        "tabular": {"kind": "tabular", "columns": {"k": {"type": "category"}}},
    }
    cohort = ward.build()
    assert len(cohort[0].inputs["image"]["file"]) == 3
    assert not cohort[1].has("image")


@pytest.mark.parametrize("pattern", ["../*.png", "/etc/*", "nothing/*"])
def test_a_folder_that_is_elsewhere_or_empty(ward: Any, pattern: str) -> None:
    ward.folder.mkdir()
    png(ward.folder.parent / "x.png", 3)
    ward.tree |= {
        "table": {"folder": pattern, "patient": "stem"},
        "modalities": {"image": {"kind": "image", "file": "{file}"}},
    }
    with pytest.raises(SpecError, match=r"leads out of the data folder|has no files"):
        Cohort.from_spec(ward.spec(), ward.folder)


ARRAYS: dict[str, Any] = {
    "name": "cubes",
    "ids": "keep",
    "table": {"arrays": "*.npz"},
    "label": {"name": "ill", "column": "label", "positive": 1, "negative": 0},
    "site": {"value": "here"},
    "modalities": {"volume": {"kind": "volume"}},
}


def cubes(folder: Path, **splits: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    arrays: dict[str, np.ndarray] = {}
    for split, number in splits.items():
        arrays[f"{split}_images"] = rng.integers(0, 255, (number, 5, 6, 7), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(number, dtype=np.uint8)[:, None] % 2
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "cubes.npz", **arrays)
    return arrays


def pixels(path: Path) -> np.ndarray:
    import nibabel

    return np.asarray(nibabel.load(path).dataobj)


def test_arrays_become_volumes_that_survive_save_load_copy_and_the_source_s_end(tmp_path: Path) -> None:
    arrays = cubes(tmp_path / "data", train=3, test=2)
    cohort = Cohort.from_spec(CohortSpec.parse(ARRAYS), tmp_path / "data")
    assert [study.study_id for study in cohort] == ["train-0", "train-1", "train-2", "test-0", "test-1"]
    assert [study.labels["ill"] for study in cohort] == [0, 1, 0, 0, 1]
    cohort.save(tmp_path / "cohort")
    cohort.save(tmp_path / "again")
    shutil.copytree(tmp_path / "cohort", tmp_path / "moved")
    shutil.rmtree(tmp_path / "cohort")
    loaded = Cohort.load(tmp_path / "moved")
    assert loaded.fingerprint == cohort.fingerprint
    (tmp_path / "data" / "cubes.npz").unlink()
    shutil.rmtree(tmp_path / "data")
    os.makedirs(tmp_path / "data")
    wanted = [*arrays["train_images"], *arrays["test_images"]]
    for again in (Cohort.load(tmp_path / "moved"), Cohort.load(tmp_path / "again")):
        for study, volume in zip(again, wanted, strict=True):
            reference = study.inputs["volume"]["file"]
            found = pixels(reference.path())
            assert sorted(found.shape) == sorted(volume.shape)
            assert np.sort(found, axis=None).tolist() == np.sort(volume, axis=None).tolist()


def test_a_loaded_cohort_of_arrays_can_be_saved_again(tmp_path: Path) -> None:
    cubes(tmp_path / "data", val=3)
    Cohort.from_spec(CohortSpec.parse(ARRAYS), tmp_path / "data").save(tmp_path / "one")
    Cohort.load(tmp_path / "one").save(tmp_path / "two")
    Cohort.load(tmp_path / "two").save(tmp_path / "two")
    shutil.rmtree(tmp_path / "one")
    for study in Cohort.load(tmp_path / "two"):
        assert pixels(study.inputs["volume"]["file"].path()).size == 210


def test_the_folder_of_unpacked_arrays_goes_with_the_cohort(tmp_path: Path) -> None:
    cubes(tmp_path / "data", val=1)
    cohort = Cohort.from_spec(CohortSpec.parse(ARRAYS), tmp_path / "data")
    assert cohort.root is not None
    made = cohort.root.made
    assert made is not None
    assert made.is_dir()
    del cohort
    import gc

    gc.collect()
    assert not made.exists()


def test_an_input_of_its_own_that_is_gone_is_named_by_content(tmp_path: Path) -> None:
    cubes(tmp_path / "data", val=1)
    Cohort.from_spec(CohortSpec.parse(ARRAYS), tmp_path / "data").save(tmp_path / "c")
    cohort = Cohort.load(tmp_path / "c")
    shutil.rmtree(tmp_path / "c" / "inputs")
    with pytest.raises(InputError, match=r"no input .* of its own"):
        cohort[0].inputs["volume"]["file"].path()


def test_two_files_of_arrays_are_one_too_many(tmp_path: Path) -> None:
    cubes(tmp_path / "data", val=1)
    shutil.copy(tmp_path / "data" / "cubes.npz", tmp_path / "data" / "more.npz")
    with pytest.raises(SpecError, match="has 2 files"):
        Cohort.from_spec(CohortSpec.parse(ARRAYS), tmp_path / "data")
    with pytest.raises(CohortError, match="no data folder"):
        Cohort.from_spec(CohortSpec.parse(ARRAYS), tmp_path / "nowhere")


def test_an_empty_table_makes_no_label_negative(ward: Any) -> None:
    """No diagnosis at all in the data is a missing file, not a hospital without the ill."""
    ward.records = [{"pid": p, "pid_": p} for p in "abc"]
    ward.add("diagnoses", [{"pid": "a", "code": "x", "day": "5"}], time={"column": "day", "unit": "d"})
    ward.tree["label"] = {"name": "ill", "from": "diagnoses", "where": "code == 'x'", "horizon": "9 d"}
    assert ward.build().labels().tolist() == [1, 0, 0]
    ward.folder.joinpath("diagnoses.csv").write_text("pid,code,day\n")
    with pytest.raises(
        SpecError, match=r"label.from names the table 'diagnoses', which is not there, or empty"
    ):
        Cohort.from_spec(ward.spec(), ward.folder)
    cohort = Cohort.from_spec(ward.spec(), ward.folder, unlabelled=True)
    assert np.isnan(cohort.labels()).all()
    assert any("diagnoses: the table has no rows" in note for note in cohort.quality.notes)


def test_a_cohort_of_another_version_of_fhir_says_why_nobody_is_left(tmp_path: Path) -> None:
    visit = {"actualPeriod": {"start": "2024-01-01"}, "subject": {"reference": "Patient/p"}}
    resources = [
        {"resourceType": "Patient", "id": "p", "gender": "male"},
        {"resourceType": "Encounter", "id": "e", "status": "completed", **visit},
    ]
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, resources)))
    spec = CohortSpec.parse(
        {
            "name": "visits", "title": "Visits", "ids": "keep", "site": {"value": "here"},
            "table": {"fhir": "Patient"}, "tables": {"visits": {"fhir": "Encounter"}},
            "index_time": {"from": "visits", "take": "first"},
            "modalities": {
                "tabular": {"kind": "tabular", "columns": {"sex": {"type": "category", "column": "gender"}}}
            },
        }
    )  # fmt: skip
    with pytest.raises(CohortError, match=r"most were excluded because: no index event \(1\)") as error:
        Cohort.from_spec(spec, tmp_path)
    assert "look like FHIR R5" in (error.value.hint or "")
