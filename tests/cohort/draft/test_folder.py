"""Drafts without a table, or with one beside DICOM: each is what lies there, and builds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.draft.drafter import draft_spec
from medxmodal.cohort.draft.yaml import Draft
from medxmodal.errors import CohortError

HOSTILE = Path(__file__).parents[2] / "hostile"


def picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (6, 5), value).save(path)


def parsed(draft: Draft) -> CohortSpec:
    return CohortSpec.parse(yaml.safe_load(draft.yaml))


def built(draft: Draft, data: Path, tmp_path: Path) -> Cohort:
    return Cohort.from_spec(parsed(draft), data, keys=tmp_path / "keys")


def test_folders_named_like_diagnoses_are_the_label(tmp_path: Path) -> None:
    data = tmp_path / "scans"
    for i in range(12):
        picture(data / ("malignant", "benign", "normal")[i % 3] / f"x{i}.png", i)
    draft = draft_spec(data)
    spec = parsed(draft)
    assert spec.label is not None
    assert (spec.label.column, spec.label.positive, spec.label.negative) == ("folder", "malignant", "benign")
    cohort = built(draft, data, tmp_path)
    assert [len(cohort), sum(s.labels["diagnosis"] or 0 for s in cohort)] == [8, 4]


def test_folders_named_after_people_are_neither_label_nor_shown(tmp_path: Path) -> None:
    data = tmp_path / "scans"
    for i in range(12):
        picture(data / ("Mustermann", "Schmidt")[i % 2] / f"x{i}.png", i)
    draft = draft_spec(data)
    assert parsed(draft).label is None
    assert not {"Mustermann", "Schmidt"} & set(
        " ".join([draft.yaml, *draft.guesses]).replace("/", " ").split()
    )
    assert len(built(draft, data, tmp_path)) == 12


def test_volumes_with_masks(tmp_path: Path, load_helper: Callable[[Path], ModuleType]) -> None:
    made = load_helper(HOSTILE / "nifti_files.py")
    data = tmp_path / "task"
    for folder in ("imagesTr", "labelsTr"):
        (data / folder).mkdir(parents=True)
        for i in range(4):
            (data / folder / f"case_{i}.nii").write_bytes(
                made.volume(np.full((4, 5, 6), i + 1.0, np.float32))
            )
    draft = draft_spec(data)
    volume: Any = parsed(draft).modalities["volume"]
    assert (volume.file, volume.mask) == ("{file}", "labelsTr/{name}")
    cohort = built(draft, data, tmp_path)
    assert len(cohort) == 4
    assert all(study.inputs["volume"]["mask"] for study in cohort)


def test_folders_of_frames_are_clips(tmp_path: Path) -> None:
    data = tmp_path / "pocus"
    for i in range(3):
        for frame in range(5):
            picture(data / "frames" / f"clip{i}" / f"{frame}.jpg", 40 * i + frame)
    draft = draft_spec(data)
    assert parsed(draft).modalities["clip"].kind == "video"
    assert len(built(draft, data, tmp_path)) == 3


def test_arrays(tmp_path: Path) -> None:
    data = tmp_path / "arrays"
    data.mkdir()
    images = np.arange(6 * 5 * 4 * 3, dtype=np.uint8).reshape(6, 5, 4, 3)
    np.savez(data / "x.npz", train_images=images, train_labels=np.array([[0], [1], [0], [1], [1], [0]]))
    draft = draft_spec(data)
    spec = parsed(draft)
    assert spec.label is not None
    assert (spec.label.positive, spec.label.negative) == ("1", "0")
    assert spec.leaks == ["split"]
    cohort = built(draft, data, tmp_path)
    assert [len(cohort), sum(s.labels[spec.task] or 0 for s in cohort)] == [6, 3]


@pytest.fixture
def scans(tmp_path: Path, load_helper: Callable[[Path], ModuleType]) -> Path:
    """Two patients, each with two series that their descriptions tell apart, and one name among these."""
    import io

    import pydicom

    made = load_helper(HOSTILE / "dicom_files.py")
    for patient in ("P1", "P2"):
        for series, described in (("a", "T1post Quackenbush"), ("b", "FLAIR ax")):
            for number, blob in enumerate(made.slices([0.0, 2.0, 4.0])):
                read = pydicom.dcmread(io.BytesIO(blob))
                read.PatientID, read.Modality, read.SeriesDescription = patient, "MR", described
                read.StudyInstanceUID = made.uid(patient)
                read.SeriesInstanceUID = made.uid(patient, series)
                read.SOPInstanceUID = made.uid(patient, series, number)
                read.StudyDate = "20210304"
                path = tmp_path / "scans" / patient / series / f"IM{number}"
                path.parent.mkdir(parents=True, exist_ok=True)
                read.save_as(path)
    return tmp_path / "scans"


def test_dicom_alone_is_a_record_a_study(scans: Path, tmp_path: Path) -> None:
    draft = draft_spec(scans)
    spec = parsed(draft)
    assert spec.table.distinct == "StudyInstanceUID"
    assert set(spec.modalities) == {"t1post", "flair"}
    assert "Quackenbush" not in draft.yaml + " ".join(draft.guesses)
    cohort = built(draft, scans, tmp_path)
    assert len(cohort) == 2
    assert all(set(study.inputs) == {"t1post", "flair"} for study in cohort)


def test_dicom_beside_a_table_is_linked_by_patient(scans: Path, tmp_path: Path) -> None:
    rows = [f"P{i},{30 + i},{'malignant' if i % 2 else 'benign'}" for i in range(1, 9)]
    (scans / "clinic.csv").write_text("\n".join(["pat,age,diagnosis", *rows]))
    draft = draft_spec(scans)
    spec = parsed(draft)
    assert (spec.tables["series"].key, spec.tables["series"].equals) == ("PatientID", "pat")
    cohort = built(draft, scans, tmp_path)
    assert len(cohort) == 8
    assert sum("t1post" in study.inputs for study in cohort) == 2


def test_a_patients_folder_of_slices_is_a_table_of_series(scans: Path) -> None:
    for path in [*scans.glob("*/a/*")]:
        path.rename(path.parents[1] / f"{path.name}.dcm")
    (scans / "clinic.csv").write_text("pat,age\nP1,30\nP2,40\n")
    spec = parsed(draft_spec(scans))
    assert (spec.tables["series"].key, spec.tables["series"].equals) == ("PatientID", "pat")


def test_series_of_one_description_are_told_apart_by_their_kind(scans: Path, tmp_path: Path) -> None:
    for path in (scans / "P2" / "a" / "IM1", scans / "P2" / "a" / "IM2"):
        path.unlink()  # a single slice is an image
    draft = draft_spec(scans)
    spec = parsed(draft)
    assert {(m.kind, "kind == " in m.where) for m in spec.modalities.values()} == {  # type: ignore[union-attr]
        ("volume", True), ("image", True), ("volume", False),
    }  # fmt: skip
    assert not built(draft, scans, tmp_path).quality.problems


def test_codes_of_a_column_are_not_taken_for_files_of_that_name(scans: Path) -> None:
    for n in (0, 1, 2):
        (scans / "P1" / "b" / f"IM{n}").rename(scans / "P1" / "b" / f"{n}.dcm")
    rows = [f"P{i},{30 + i},{i % 2}" for i in range(1, 11)]
    (scans / "clinic.csv").write_text("\n".join(["pat,age,outcome", *rows]))
    spec = parsed(draft_spec(scans))
    assert spec.tables["series"].dicom
    assert all("{" not in (getattr(m, "file", None) or "") for m in spec.modalities.values())


def test_fhir_lines_without_a_diagnosis_ahead(
    tmp_path: Path, load_helper: Callable[[Path], ModuleType]
) -> None:
    made = load_helper(HOSTILE / "fhir_files.py")
    lines = [made.patient(f"p{i}", gender=("male", "female")[i % 2]) for i in range(4)]
    lines += [made.observation(f"o{i}", f"Patient/p{i}") for i in range(4)]
    (tmp_path / "fhir").mkdir()
    made.write_lines(tmp_path / "fhir" / "all.ndjson", *lines)
    draft = draft_spec(tmp_path / "fhir")
    spec = parsed(draft)
    assert spec.table.fhir == "Patient"
    assert spec.label is None
    assert "birthDate" not in draft.yaml  # an age needs an index time
    assert len(built(draft, tmp_path / "fhir", tmp_path)) == 4


def test_a_meds_dataset_has_its_labels_as_records(clinic: Any, tmp_path: Path) -> None:
    from medxmodal.cohort.sources.meds_write import write_meds

    data = write_meds(clinic.build(), tmp_path / "meds")
    draft = draft_spec(data)
    spec = parsed(draft)
    assert spec.table.meds == "labels"
    assert spec.index_time is not None
    cohort = built(draft, data, tmp_path)
    assert [len(cohort), sum(s.labels[spec.task] or 0 for s in cohort)] == [12, 4]


def test_more_files_than_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medxmodal.cohort.draft import survey as draft_survey

    monkeypatch.setattr(draft_survey, "MOST_FILES", 5)
    for i in range(9):
        picture(tmp_path / "scans" / f"x{i}.png", i)
    draft = draft_spec(tmp_path / "scans")
    assert any("very many files" in guess for guess in draft.guesses)


def test_damaged_files_are_nothing_to_draft_from(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a.npz", "b.xlsx", "c.parquet", "d.csv.gz", "e.json", "f.dcm", "g.ndjson", "h.json.gz"):
        (data / name).write_bytes(b"\x1f\x8b no such thing \xff\x00")
    with pytest.raises(CohortError, match="no readable table"):
        draft_spec(data)


def test_fhir_displays_of_one_patient_only_stay_out_of_the_draft(
    tmp_path: Path, load_helper: Callable[[Path], ModuleType]
) -> None:
    made = load_helper(HOSTILE / "fhir_files.py")
    lines = []
    for n in range(6):
        coding = {"system": "http://loinc.org", "code": "718-7", "display": f"Kowalska{n}"}
        shared = {"system": "http://loinc.org", "code": "2160-0", "display": "Creatinine"}
        lines += [
            made.patient(f"p{n}"),
            made.observation(f"o{n}", f"Patient/p{n}", code={"coding": [coding]}),
            made.observation(f"k{n}", f"Patient/p{n}", code={"coding": [shared]}),
        ]
    made.write_lines(tmp_path / "all.ndjson", *lines)
    draft = draft_spec(tmp_path)
    assert "kowalska" not in draft.yaml.lower()
    assert "creatinine" in draft.yaml
