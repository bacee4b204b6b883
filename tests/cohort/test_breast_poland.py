"""Real patients (BrEaST): the shipped spec, an export without labels, renamed columns, and a draft."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.draft.drafter import draft_spec
from medxmodal.errors import SpecError


@pytest.fixture(scope="module")
def breast(shared_data: Path) -> Path:
    return shared_data / "breast_poland"


@pytest.fixture(scope="module")
def cohort(breast: Path) -> Cohort:
    return Cohort.from_spec("breast_poland", breast)


@pytest.fixture
def export(breast: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy with other columns; the images are links to the real ones."""

    def make(change: Callable[[pd.DataFrame], pd.DataFrame], file: str = "clinical.xlsx") -> Path:
        folder = tmp_path / "export"
        folder.mkdir()
        table = change(pd.read_excel(breast / "clinical.xlsx", dtype=object))
        table.to_excel(folder / file, index=False) if file.endswith("xlsx") else table.to_csv(
            folder / file, index=False
        )
        for name in ("images", "masks"):
            os.symlink(breast / name, folder / name)
        return folder

    return make


def test_counts_are_those_of_the_publication(cohort: Cohort) -> None:
    assert (cohort.flow.found, cohort.flow.excluded, cohort.flow.failed, len(cohort)) == (205, 4, 0, 201)
    assert cohort.labels().sum() == 78
    assert not cohort.quality.problems
    assert set(cohort.quality.leak_columns_found) == {"BIRADS", "Interpretation", "Verification", "Diagnosis"}
    assert all(study.has("image") and study.inputs["image"]["mask"] for study in cohort)


def test_age_not_available_is_missing_and_nothing_else(cohort: Cohort) -> None:
    ages = [study.inputs["tabular"]["Age"] for study in cohort]
    assert sum(age is None for age in ages) == 32
    assert all(isinstance(age, float) and 15 <= age <= 110 for age in ages if age is not None)
    assert not cohort.quality.set_to_missing
    words = {w for s in cohort for c in ("Signs", "Symptoms") for w in s.inputs["tabular"][c] or ()}
    assert "not available" not in words
    assert not any("&" in word for word in words)


def test_it_loads_as_it_was_built(cohort: Cohort, tmp_path: Path) -> None:
    again = Cohort.load(cohort.save(tmp_path / "c"))
    assert again.studies == cohort.studies
    assert again.describe() == cohort.describe()


def test_an_export_without_labels_gives_the_same_studies(
    cohort: Cohort, breast: Path, export: Callable[..., Path]
) -> None:
    gone = ["Classification", "BIRADS", "Interpretation", "Verification", "Diagnosis", "Mask_tumor_filename"]
    data = export(lambda table: table.drop(columns=gone))
    with pytest.raises(SpecError, match="--unlabelled"):
        Cohort.from_spec("breast_poland", data)
    bare = Cohort.from_spec("breast_poland", data, unlabelled=True)
    assert len(bare) == 205
    assert bare.quality.skipped_exclusions
    by_id = {study.study_id: study for study in bare}
    for study in cohort:
        other = by_id[study.study_id]
        assert other.labels == {"malignancy": None}
        assert other.inputs["tabular"] == study.inputs["tabular"]
        assert other.inputs["image"]["file"] == study.inputs["image"]["file"]


def test_a_csv_with_rows_in_another_order_has_the_same_fingerprint(
    cohort: Cohort, export: Callable[..., Path]
) -> None:
    data = export(lambda table: table.sample(frac=1, random_state=1), "clinical.csv")
    tree = CohortSpec.read("breast_poland").as_dict()
    tree["table"]["file"] = "clinical.csv"
    assert Cohort.from_spec(CohortSpec.parse(tree), data).fingerprint == cohort.fingerprint


def test_a_draft_of_renamed_columns_finds_the_same_patients(
    cohort: Cohort, export: Callable[..., Path], tmp_path: Path
) -> None:
    names = {
        "CaseID": "patient number",
        "Image_filename": "scan",
        "Mask_tumor_filename": "outline",
        "Age": "age at visit",
        "Classification": "final class",
        "Tissue_composition": "tissue",
    }
    data = export(lambda table: table.rename(columns=names))
    draft = draft_spec(data)
    path = tmp_path / "mine.yaml"
    path.write_text(draft.yaml, encoding="utf-8")
    spec = CohortSpec.read(path)
    assert (spec.table.patient, spec.label.column) == ("patient number", "final class")
    assert (spec.label.positive, spec.label.negative) == ("malignant", "benign")
    assert {"BIRADS", "Interpretation", "Verification", "Diagnosis"} <= set(spec.leaks)
    found = Cohort.from_spec(spec, data, keys=tmp_path / "keys")
    assert len(found) == 201
    assert not found.quality.problems
    assert sorted(s.inputs["image"]["file"].sha256 for s in found) == sorted(
        s.inputs["image"]["file"].sha256 for s in cohort
    )
    assert all(study.inputs["image"]["mask"] for study in found)


def test_keyed_it_loads_through_linked_folders(export: Callable[..., Path], tmp_path: Path) -> None:
    from medxmodal.cohort.decode.reference import decode

    tree = CohortSpec.read("breast_poland").as_dict() | {"ids": "keyed"}
    data = export(lambda table: table.head(12))
    folder = Cohort.from_spec(CohortSpec.parse(tree), data, keys=tmp_path / "keys").save(tmp_path / "c")
    assert decode(Cohort.load(folder)[3].inputs["image"]["file"]).ndim in {2, 3}
