"""Drafts of real records: each builds as it is, with keys, and so does one with renamed columns."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
import yaml

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.draft.drafter import draft_spec
from medxmodal.cohort.spec.cohort_spec import NumberColumn

SHORT = {
    "CaseID": "Pat", "Image_filename": "Pic", "Mask_tumor_filename": "Seg", "Mask_other_filename": "Seg2",
    "Age": "Years", "Classification": "Class", "Tissue_composition": "Tissue", "Pixel_size": "Pixel",
}  # fmt: skip
GERMAN = {
    "CaseID": "Fallnummer", "Image_filename": "Bild", "Mask_tumor_filename": "Maske", "Age": "Alter",
    "Mask_other_filename": "Weitere Maske", "Classification": "Dignität", "Tissue_composition": "Gewebe",
    "Signs": "Zeichen", "Symptoms": "Beschwerden", "Interpretation": "Deutung", "Verification": "Sicherung",
    "Diagnosis": "Diagnose",
}  # fmt: skip
WORDY = {
    "CaseID": "Subject ID", "Image_filename": "US image (file)", "Mask_tumor_filename": "lesion contour",
    "Age": "age at visit", "Classification": "final diagnosis: class", "Diagnosis": "histology report",
    "BIRADS": "BI-RADS score", "Verification": "confirmed by",
}  # fmt: skip
LEAKS = {"BIRADS", "Interpretation", "Verification", "Diagnosis"}
SMALL = {
    "breast_cairo": (388, 1), "chest_hannover": (92, 1), "dicom_brain": (1, 4), "fhir_bulk": (23, 2),
    "heart_4sites": (920, 1), "hippocampus": (261, 1), "kidney_kits": (210, 2), "lung_ultrasound": (123, 2),
}  # fmt: skip
"""Folder -> studies at least, and modalities at least, that its draft gives without an edit."""


def renamed(breast: Path, folder: Path, names: dict[str, str], ending: str) -> Path:
    folder.mkdir()
    for name in ("images", "masks"):
        os.symlink(breast / name, folder / name)
    table = pd.read_excel(breast / "clinical.xlsx", dtype=object).rename(columns=names)
    if ending == "xlsx":
        table.to_excel(folder / "Tabelle.xlsx", index=False)
    elif ending == "csv":
        table.to_csv(folder / "table.csv", index=False, sep=";")
    else:
        table.astype("string").to_parquet(folder / "table.parquet", index=False)
    return folder


@pytest.mark.parametrize(
    ("names", "ending"),
    [(SHORT, "csv"), (GERMAN, "xlsx"), (WORDY, "parquet")],
    ids=["short", "german", "wordy"],
)
def test_renamed_columns_build_without_an_edit(
    names: dict[str, str], ending: str, shared_data: Path, tmp_path: Path
) -> None:
    data = renamed(shared_data / "breast_poland", tmp_path / "records", names, ending)
    path = tmp_path / "mine.yaml"
    path.write_text(draft_spec(data).yaml, encoding="utf-8")
    spec = CohortSpec.read(path)
    assert spec.table.patient == names["CaseID"]
    assert spec.label is not None
    assert spec.label.column == names["Classification"]
    assert (spec.label.positive, spec.label.negative) == ("malignant", "benign")
    assert {names.get(name, name) for name in LEAKS} <= set(spec.leaks)
    age = spec.modalities["tabular"].columns[names["Age"]]  # type: ignore[union-attr]
    assert isinstance(age, NumberColumn)
    assert age.unit == "a"
    found = Cohort.from_spec(spec, data, keys=tmp_path / "keys")
    assert len(found) == 201
    assert sum(study.labels[spec.task] or 0 for study in found) == 78
    assert all(study.inputs["image"]["mask"] for study in found)
    assert not found.failed
    assert not found.quality.problems


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_draft_of_public_records_builds_without_an_edit(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    studies, modalities = SMALL[name]
    made = draft_spec(shared_data / name)
    spec = CohortSpec.parse(yaml.safe_load(made.yaml))
    cohort = Cohort.from_spec(spec, shared_data / name, keys=tmp_path / "keys")
    # Counts may differ where other patients lie there; fewer than half means that a guess was wrong.
    assert len(cohort) >= studies // 2
    assert len(spec.modalities) >= modalities
    assert len(cohort.failed) <= 0.02 * len(cohort)
    if spec.label:
        assert {study.labels[spec.task] for study in cohort} >= {0, 1}


def test_intensive_care_with_its_tables(shared_data: Path) -> None:
    made = draft_spec(shared_data / "icu_eicu")
    spec = CohortSpec.parse(yaml.safe_load(made.yaml))
    assert (spec.table.patient, spec.table.study) == ("uniquepid", "patientunitstayid")
    assert spec.index_time is not None
    assert spec.index_time.after == "24 h"
    times = {table.time.unit for table in spec.tables.values() if table.time}
    assert times == {"min"}
    assert spec.tables["note"].time is not None
    assert spec.tables["note"].time.column == ["noteoffset", "noteenteredoffset"]
    assert spec.modalities["vitalaperiodic"].kind == "timeseries"
    assert {"hospitaldischargeoffset", "unitdischargestatus", "dischargeweight"} <= set(spec.leaks)
    assert "actualhospitalmortality" in made.yaml  # the other label there is


def test_fhir_asks_for_a_diagnosis_ahead_of_time(shared_data: Path) -> None:
    made = draft_spec(shared_data / "fhir_synthea")
    spec = CohortSpec.parse(yaml.safe_load(made.yaml))
    assert spec.label is not None
    assert (spec.label.source, spec.label.horizon, spec.label.followed) == ("conditions", "5 a", "encounters")
    assert spec.index_time is not None
    assert spec.index_time.take == "each"
    (known,) = spec.exclude
    assert known.where == spec.label.where  # who has it already is out
    columns = spec.modalities["tabular"].columns  # type: ignore[union-attr]
    weight = columns["body_weight"]
    assert isinstance(weight, NumberColumn)
    assert weight.unit == "kg"
    assert all(column.column not in {"id", "patient"} for column in columns.values())
