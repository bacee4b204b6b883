"""`studies.parquet` with several images, clips of several files and time series, kept and keyed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from medxmodal.cohort import Cohort
from medxmodal.cohort.study import FileReference


def png(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 9), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture(params=["keep", "keyed"])
def many(ward: Any, request: pytest.FixtureRequest) -> Any:
    """Three patients with films in a table, clips as folders, slides by pattern, vitals over time."""
    ward.records = [
        {"pid": f"Kowalska{i}", "clip": f"secret{i}" if i < 2 else "", "k": "k"} for i in range(3)
    ]
    films = [(0, 10, "f0"), (0, 5, "f1"), (1, 20, "f2"), (1, 70, "late")]
    ward.add("films", [{"pid": f"Kowalska{i}", "t": t, "f": f} for i, t, f in films],
             time={"column": "t", "unit": "min"})  # fmt: skip
    for n, (_, _, name) in enumerate(films):
        png(ward.folder / "films" / f"{name}.png", n)
        png(ward.folder / "masks" / f"{name}.png", 100 + n)
    for i in range(2):
        for frame in (1, 2, 10):
            png(ward.folder / "clips" / f"secret{i}" / f"fr{frame}.png", 10 * i + frame + 200)
    ward.add("vitals", [{"pid": "Kowalska0", "t": t, "hr": 80 + t, "bp": ""} for t in (10, 30)],
             time={"column": "t", "unit": "min"})  # fmt: skip
    ward.tree["index_time"] = {"after": "1 h"}
    ward.tree["ids"] = request.param
    ward.tree["modalities"] = {
        "film": {"kind": "image", "from": "films", "file": "films/{f}.png", "mask": "masks/{f}.png",
                 "take": "all"},
        "clip": {"kind": "video", "file": "clips/{clip}/*.png"},
        "slides": {"kind": "image", "file": "clips/{clip}/*.png"},
        "vitals": {"kind": "timeseries", "from": "vitals",
                   "columns": {"hr": {"type": "number"}, "bp": {"type": "number"}}},
        "tabular": {"kind": "tabular", "columns": {"k": {"type": "category"}}},
    }  # fmt: skip
    options = {"keys": ward.folder.parent / "keys"} if request.param == "keyed" else {}
    return ward, ward.build(**options)


def frames(reference: Any) -> list[bytes]:
    assert isinstance(reference, FileReference)
    return [path.read_bytes() for path in reference.paths()]


def test_several_images_are_a_tuple_oldest_first(many: Any) -> None:
    ward, cohort = many
    films = cohort[0].inputs["film"]["file"]
    assert [f.path().read_bytes() for f in films] == [
        (ward.folder / "films" / f"{name}.png").read_bytes() for name in ("f1", "f0")
    ]
    masks = cohort[0].inputs["film"]["mask"]
    assert [m.path().read_bytes() for m in masks] == [
        (ward.folder / "masks" / f"{name}.png").read_bytes() for name in ("f1", "f0")
    ]
    assert len(cohort[1].inputs["film"]["file"]) == 1
    assert isinstance(cohort[1].inputs["film"]["file"], tuple)
    assert not cohort[2].has("film")
    assert len(cohort[0].inputs["slides"]["file"]) == 3


def test_each_of_several_images_keeps_its_own_mask(many: Any, tmp_path: Path) -> None:
    ward, _ = many
    (ward.folder / "masks" / "f0.png").unlink()
    (ward.folder / "masks" / "f2.png").unlink()
    options = {"keys": tmp_path / "keys"} if ward.tree["ids"] == "keyed" else {}
    cohort = ward.build(**options)
    cohort.save(tmp_path / "saved")
    for found in (cohort, Cohort.load(tmp_path / "saved", data=ward.folder)):
        first, last = found[0].inputs["film"]["mask"]
        assert first.path().read_bytes() == (ward.folder / "masks" / "f1.png").read_bytes()
        assert last is None
        assert found[1].inputs["film"].get("mask") is None


def test_a_clip_is_one_input_of_several_files_in_natural_order(many: Any) -> None:
    ward, cohort = many
    clip = cohort[1].inputs["clip"]["file"]
    assert clip.parts == 3
    wanted = [(ward.folder / "clips" / "secret1" / f"fr{n}.png").read_bytes() for n in (1, 2, 10)]
    assert frames(clip) == wanted
    assert clip.size == sum(map(len, wanted))


def test_all_of_it_survives_save_load_and_another_place(many: Any, tmp_path: Path) -> None:
    ward, cohort = many
    cohort.save(tmp_path / "cohort")
    shutil.copytree(tmp_path / "cohort", tmp_path / "moved")
    shutil.copytree(ward.folder, tmp_path / "elsewhere")
    for path in sorted((tmp_path / "elsewhere").rglob("fr*.png")):  # a keyed cohort knows no names
        if cohort.spec.ids == "keyed":
            path.rename(path.with_name(f"x{path.name}"))
    shutil.rmtree(ward.folder)
    again = Cohort.load(tmp_path / "moved", data=tmp_path / "elsewhere")
    assert again.fingerprint == cohort.fingerprint
    for before, after in zip(cohort, again, strict=True):
        assert after.inputs == before.inputs
    clip = again[0].inputs["clip"]["file"]
    assert len(frames(clip)) == 3
    assert all(f.path().is_file() for f in again[0].inputs["film"]["file"])


def test_the_columns_of_the_table(many: Any, tmp_path: Path) -> None:
    _, cohort = many
    cohort.save(tmp_path / "c")
    table = pq.read_table(tmp_path / "c" / "studies.parquet")
    rows = table.to_pylist()
    for field in ("film.file", "film.sha256", "film.size", "film.mask", "film.mask_sha256", "slides.file"):
        assert str(table.schema.field(field).type).startswith("list<")
        assert rows[2][field] is None
    assert [len(rows[i]["film.file"]) for i in range(2)] == [2, 1]
    assert str(table.schema.field("clip.file").type) == "string"
    assert rows[0]["clip.file"].count("\n") == 2
    assert rows[0]["vitals.times"] == pytest.approx([-5 / 6, -0.5])
    assert rows[0]["vitals.hr"] == [90.0, 110.0]
    assert rows[0]["vitals.bp"] == [None, None]
    assert rows[1]["vitals.times"] is None


def test_a_keyed_cohort_names_nobody(many: Any, tmp_path: Path) -> None:
    _, cohort = many
    cohort.save(tmp_path / "c")
    text = b"".join(path.read_bytes() for path in (tmp_path / "c").iterdir())
    rows = str(pq.read_table(tmp_path / "c" / "studies.parquet").to_pylist())
    for planted in ("Kowalska", "secret", "fr10.png"):
        named = planted.encode() in text or planted in rows
        assert named is (cohort.spec.ids == "keep"), planted


def test_one_damaged_film_leaves_the_others(many: Any, tmp_path: Path) -> None:
    ward, cohort = many
    (ward.folder / "films" / "f1.png").write_bytes(b"no picture")
    (ward.folder / "clips" / "secret1" / "fr2.png").write_bytes(b"no picture")
    keys = {"keys": ward.folder.parent / "keys"} if cohort.spec.ids == "keyed" else {}
    again = Cohort.from_spec(ward.spec(), ward.folder, **keys)
    assert len(again[0].inputs["film"]["file"]) == 1
    assert len(again[0].inputs["film"]["mask"]) == 1
    assert "film" not in again[0].problems
    assert "clip" in again[1].problems  # a clip without a frame is no clip
    assert not again[1].has("clip")
    assert len(again[1].inputs["slides"]["file"]) == 2
    again.save(tmp_path / "c")
    loaded = Cohort.load(tmp_path / "c", data=ward.folder)
    assert [study.inputs for study in loaded] == [study.inputs for study in again]
    assert [study.problems for study in loaded] == [study.problems for study in again]
