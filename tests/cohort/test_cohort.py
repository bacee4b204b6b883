"""A cohort in memory and on disk: the same studies, whole files or none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from medxmodal.cohort import Cohort
from medxmodal.cohort.decode.reference import decode
from medxmodal.errors import CohortError, InputError


@pytest.fixture
def spoiled(clinic: Any) -> Any:
    """A cohort with every kind of trouble."""
    (clinic.folder / "images" / "scan3.png").write_bytes(b"no image")
    clinic.rows[4]["Age"] = "old"
    clinic.rows[5] |= {"image": "", "note": ""}
    clinic.rows[6] |= {"image": "", "Age": "", "CRP": "", "Signs": "", "note": ""}
    clinic.rows[7]["dx"] = ""
    (clinic.folder / "masks" / "scan8_mask.png").unlink()
    return clinic.build()


def test_save_and_load_give_the_same_cohort(spoiled: Any, tmp_path: Path) -> None:
    folder = spoiled.save(tmp_path / "cohort")
    again = Cohort.load(folder)
    assert again.studies == spoiled.studies
    assert [s.problems for s in again] == [s.problems for s in spoiled]
    assert again.failed == spoiled.failed
    assert again.fingerprint == spoiled.fingerprint
    assert again.spec == spoiled.spec
    assert (again.flow, again.quality, again.lineage) == (spoiled.flow, spoiled.quality, spoiled.lineage)
    assert again.period == spoiled.period
    assert again.data_root == spoiled.data_root
    assert again.folder == spoiled.folder == folder
    np.testing.assert_array_equal(again.labels(), spoiled.labels())
    assert [r.shown for s in again for r in [s.inputs.get("image", {}).get("file")] if r] == [
        r.shown for s in spoiled for r in [s.inputs.get("image", {}).get("file")] if r
    ]


def test_columns_are_those_of_the_contract(clinic: Any, tmp_path: Path) -> None:
    clinic.build().save(tmp_path / "c")
    table = pq.read_table(tmp_path / "c" / "studies.parquet")
    assert table.column_names == [
        *("study_id", "patient_id", "site", "index_time", "index_period", "label.illness"),
        *("image.file", "image.sha256", "image.size", "image.mask", "image.mask_sha256", "image.mask_size"),
        *("tabular.Age", "tabular.CRP", "tabular.Signs", "text.text"),
    ]
    assert table["tabular.Signs"].to_pylist()[:2] == ["fever&pain", "no"]
    assert {p.name for p in (tmp_path / "c").iterdir()} == {
        *("studies.parquet", "cohort.json", "quality.json", "lineage.json", "flow.json")
    }
    head = json.loads((tmp_path / "c" / "cohort.json").read_text())
    assert head["counts"]["studies"] == 12
    assert head["counts"]["positives"] == 4


def test_patients_and_sites_are_listed_once_however_often_they_are_asked_for(clinic: Any) -> None:
    """Made anew for each study that asks, they cost 100,000 studies an hour."""
    cohort = clinic.build()
    assert cohort.patients is cohort.patients
    assert cohort.sites is cohort.sites


def test_built_twice_gives_the_same_bytes(clinic: Any, tmp_path: Path) -> None:
    first, second = clinic.build().save(tmp_path / "a"), clinic.build().save(tmp_path / "b")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_lineage_names_every_input_by_content(clinic: Any) -> None:
    lineage = clinic.build().lineage
    uses = [entry.use for entry in lineage.inputs]
    assert uses.count("table") == 1
    assert uses.count("image.file") == 12
    assert uses.count("image.mask") == 1  # all masks are the same file content
    assert "pyarrow" in lineage.code


def test_saving_replaces_a_cohort_but_nothing_else(clinic: Any, tmp_path: Path) -> None:
    cohort = clinic.build()
    target = tmp_path / "out"
    target.mkdir()
    cohort.save(target)
    cohort.subset([0, 1]).save(target)
    assert len(Cohort.load(target)) == 2
    (target / "thesis.docx").write_text("mine")
    with pytest.raises(CohortError, match="is no cohort"):
        cohort.save(target)
    assert (target / "thesis.docx").read_text() == "mine"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    with pytest.raises(CohortError, match="is no cohort"):
        cohort.save(clinic.folder)
    with pytest.raises(CohortError, match="is no cohort"):
        cohort.save(clinic.folder / "records.csv")


@pytest.mark.parametrize(
    "name", ["studies.parquet", "cohort.json", "quality.json", "flow.json", "lineage.json"]
)
@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_a_damaged_folder_is_one_readable_error(clinic: Any, tmp_path: Path, name: str, damage: str) -> None:
    folder = clinic.build().save(tmp_path / "c")
    path = folder / name
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:50])
    else:
        path.write_bytes(b"[1]")
    with pytest.raises(CohortError, match=r"damaged|has no") as error:
        Cohort.load(folder)
    assert error.value.hint


def test_values_changed_by_hand_are_noticed(clinic: Any, tmp_path: Path) -> None:
    folder = clinic.build().save(tmp_path / "c")
    table = pq.read_table(folder / "studies.parquet").to_pandas()
    table.loc[0, "tabular.Age"] += 1
    table.to_parquet(folder / "studies.parquet")
    with pytest.raises(CohortError, match="does not match its fingerprint"):
        Cohort.load(folder)


def test_load_from_another_place_with_other_data(clinic: Any, tmp_path: Path) -> None:
    folder = clinic.build().save(tmp_path / "c")
    moved = tmp_path / "elsewhere"
    os.rename(clinic.folder, moved)
    lost = Cohort.load(folder)
    assert lost.data_root is None
    with pytest.raises(InputError, match="--data"):
        decode(lost[0].inputs["image"]["file"])
    found = Cohort.load(folder, data=moved)
    assert decode(found[0].inputs["image"]["file"]).shape == (12, 16)
    with pytest.raises(CohortError, match="no data folder"):
        Cohort.load(folder, data=tmp_path / "nowhere")
    with pytest.raises(CohortError, match="no cohort folder"):
        Cohort.load(tmp_path / "nothing")


def test_it_is_a_sequence(clinic: Any) -> None:
    cohort = clinic.build()
    assert cohort[-1] == cohort.studies[11] == cohort[np.int64(11)]
    assert [s.study_id for s in cohort[2:4]] == ["id2", "id3"]
    assert isinstance(cohort[2:4], Cohort)
    assert cohort.study("id7") is cohort[7]
    assert cohort[3] in cohort
    with pytest.raises(CohortError, match="no study 'id99'"):
        cohort.study("id99")
    with pytest.raises(IndexError):
        cohort[12]


def test_a_subset_keeps_what_belongs_to_it(spoiled: Any) -> None:
    part = spoiled.subset(np.array([3, 4]))
    assert {p.study_id for p in part.quality.problems} == {"id3", "id4"}
    assert part.flow.found == part.flow.studies == 2
    assert part.failed == ()
    assert part.usable() == ()
    assert part.period == spoiled.period[3:5]
    assert part.fingerprint != spoiled.fingerprint
