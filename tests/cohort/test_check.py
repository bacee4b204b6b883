"""Does the data still match: changed, removed, renamed, added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medxmodal.cohort import Cohort
from medxmodal.cohort.check import check_inputs, known_places
from medxmodal.cohort.lineage import Lineage
from medxmodal.errors import CohortError
from medxmodal.records import InputCheck


@pytest.fixture(params=["keep", "keyed"])
def cohort(clinic: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Cohort:
    clinic.tree["ids"] = request.param
    keys = {"keys": tmp_path / "keys"} if request.param == "keyed" else {}
    made: Cohort = clinic.build(**keys)
    return made


def check(cohort: Cohort, clinic: Any, **options: Any) -> InputCheck:
    assert cohort.lineage is not None
    return check_inputs(cohort.lineage, clinic.folder, places=known_places(cohort.studies), **options)


def test_untouched_renamed_and_added_files_are_all_there(cohort: Cohort, clinic: Any, tmp_path: Path) -> None:
    found = check(cohort, clinic)
    assert found.ok
    assert found.inputs == found.same > 12
    assert found.gone == []
    assert found.code == {}
    before = found.other_files
    (clinic.folder / "images" / "scan3.png").rename(clinic.folder / "elsewhere.bin")
    (clinic.folder / "more.png").write_bytes(b"new")
    found = check(cohort, clinic)
    assert found.ok
    assert found.other_files == before + 1
    assert InputCheck.read(found.write(tmp_path / "check.json")) == found


def test_an_old_copy_beside_a_changed_table_is_not_what_is_read(cohort: Cohort, clinic: Any) -> None:
    table = clinic.folder / "records.csv"
    spec = clinic.spec()
    assert check(cohort, clinic, spec=spec).ok
    (clinic.folder / "records.csv.bak").write_bytes(table.read_bytes())
    table.write_text(table.read_text().replace("short note", "long note"))
    found = check(cohort, clinic, spec=spec)
    assert not found.ok
    assert [(gone.use, gone.what) for gone in found.gone] == [("table", "changed")]


def test_changed_and_removed_files_are_named_by_use_position_and_content(cohort: Cohort, clinic: Any) -> None:
    assert cohort.lineage is not None
    images = clinic.folder / "images"
    before = {entry.sha256: entry for entry in cohort.lineage.inputs}
    (images / "scan2.png").unlink()
    with Image.open(images / "scan5.png") as image:
        image.rotate(180).save(images / "scan5.png")
    (clinic.folder / "records.csv").write_text("")
    found = check(cohort, clinic)
    assert not found.ok
    assert found.same == found.inputs - 3
    table, *pictures = found.gone
    assert (table.use, table.position, table.what) == ("table", 1, "missing")
    assert [gone.use for gone in pictures] == ["image.file", "image.file"]
    assert all(before[gone.sha256].size == gone.size for gone in pictures)
    keep = cohort.spec.ids == "keep"
    assert sorted(gone.what for gone in pictures) == ["changed" if keep else "missing", "missing"]
    said = found.model_dump_json()
    assert "scan" not in said
    assert "records" not in said


def test_another_spec_is_an_alert_and_another_version_is_not(cohort: Cohort, clinic: Any) -> None:
    assert check(cohort, clinic, spec=clinic.spec()).spec_same is True
    clinic.tree["modalities"]["tabular"]["columns"]["Age"]["range"] = [0, 90]
    found = check(cohort, clinic, spec=clinic.spec())
    assert (found.ok, found.spec_same, found.gone) == (False, False, [])
    assert cohort.lineage is not None
    older = cohort.lineage.model_copy(update={"code": cohort.lineage.code | {"numpy": "1.0"}})
    found = check_inputs(older, clinic.folder)
    assert found.ok
    assert found.code["numpy"].then == "1.0"


def test_what_lies_elsewhere_is_counted_and_old_records_still_read(clinic: Any) -> None:
    old = '{"spec_sha256": "a", "inputs": [{"use": "table", "sha256": "b", "size": 3}], "code": {}}'
    lineage = Lineage.model_validate_json(old)
    (entry,) = lineage.inputs
    assert entry.place == "folder"
    away = [entry.model_copy(update={"place": place}) for place in ("elsewhere", "made")]
    found = check_inputs(lineage.model_copy(update={"inputs": away}), clinic.folder)
    assert (found.ok, found.inputs, found.elsewhere) == (True, 0, 1)


def test_each_file_of_a_clip_is_looked_for(clinic: Any, tmp_path: Path) -> None:
    for i in range(12):
        (clinic.folder / f"clip{i}").mkdir()
        for frame in range(3):
            image = Image.new("L", (16, 12), 10 * i + frame + 1)
            image.save(clinic.folder / f"clip{i}" / f"{frame}.png")
    clinic.tree["modalities"]["clip"] = {"kind": "video", "file": "clip{pid}/*.png"}
    for i, row in enumerate(clinic.rows):
        row["pid"] = str(i)
    for ids in ("keep", "keyed"):
        clinic.tree["ids"] = ids
        cohort = clinic.build(keys=tmp_path / "keys") if ids == "keyed" else clinic.build()
        assert sum(entry.use == "clip.file" for entry in cohort.lineage.inputs) == 36
        assert check(cohort, clinic).ok
    (clinic.folder / "clip4" / "1.png").unlink()
    (gone,) = check(cohort, clinic).gone
    assert gone.use == "clip.file"


def test_no_data_folder_is_refused(tmp_path: Path) -> None:
    lineage = Lineage(spec_sha256="a", inputs=[], code={})
    with pytest.raises(CohortError, match="no data folder"):
        check_inputs(lineage, tmp_path / "none")
