"""Quality and lineage: what is wrong and what went in, by position and content."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from medxmodal.cohort.quality.log import QualityLog, blocking
from medxmodal.records import Problem


def test_a_sound_clinic_has_nothing_to_say(clinic: Any) -> None:
    quality = clinic.build().quality
    assert not quality.problems
    assert not quality.failed
    assert quality.notes == ["leaks were not looked for: 4 positive and 8 negative patients are too few"]
    assert not quality.set_to_missing
    assert not quality.constant_columns


def test_several_problems_of_one_study_are_all_listed_and_joined(clinic: Any) -> None:
    clinic.rows[2] |= {"Age": "old", "unit": "spoons", "image": "lost.png"}
    cohort = clinic.build()
    assert [(p.modality, p.field) for p in cohort.quality.problems] == [
        ("image", "file"),
        ("tabular", "Age"),
        ("tabular", "CRP"),
    ]
    assert {p.study_id for p in cohort.quality.problems} == {"id2"}
    assert cohort[2].problems["tabular"].count("; ") == 1
    assert set(cohort[2].problems) == {"image", "tabular"}


def test_only_a_mask_or_a_date_can_be_wrong_and_the_study_usable(clinic: Any) -> None:
    spec = clinic.spec()
    for modality, field, blocks in (
        ("image", "file", True),
        ("image", "mask", False),
        ("tabular", "mask", True),
        ("text", "text", True),
        ("", "index_time", False),
        ("unknown", "file", False),
    ):
        problem = Problem(study_id="x", modality=modality, field=field, reason="r")
        assert blocking(spec, problem) is blocks


def test_leak_columns_are_found_or_said_to_be_absent(clinic: Any) -> None:
    clinic.tree["leaks"] = ["biopsy", "autopsy"]
    quality = clinic.build().quality
    assert quality.leak_columns_found == ["biopsy"]
    assert any("autopsy" in note for note in quality.notes)


def test_what_is_unknown_is_noted(clinic: Any) -> None:
    clinic.rows[0] |= {"dx": "", "hospital": ""}
    cohort = clinic.build()
    assert cohort[0].site == "unknown"
    assert any("1 studies have no site" in note for note in cohort.quality.notes)
    assert any("1 of 12 studies have no label" in note for note in cohort.quality.notes)


def test_lineage_hashes_are_those_of_the_files(clinic: Any) -> None:
    lineage = clinic.build().lineage
    by_use = {(entry.use, entry.sha256): entry.size for entry in lineage.inputs}
    for use, path in (("table", "records.csv"), ("image.file", "images/scan0.png")):
        data = (clinic.folder / path).read_bytes()
        assert by_use[use, hashlib.sha256(data).hexdigest()] == len(data)
    assert lineage.spec_sha256 == clinic.spec().sha256
    assert "records.csv" not in lineage.model_dump_json()
    assert "scan0" not in lineage.model_dump_json()


def test_near_copies_and_letters_are_found_while_building(clinic: Any) -> None:
    folder, rng = clinic.folder / "images", np.random.default_rng(8)
    for i in range(12):
        smooth = rng.integers(0, 200, (6, 9), dtype=np.uint8)
        Image.fromarray(smooth).resize((120, 80), Image.Resampling.BICUBIC).save(folder / f"scan{i}.png")
    with Image.open(folder / "scan3.png") as image:
        image.resize((90, 60)).save(folder / "scan7.png")
    with Image.open(folder / "scan5.png") as image:
        ImageDraw.Draw(image).text((20, 50), "LT UOQ", fill=255)
        image.save(folder / "scan5.png")
    clinic.tree["modalities"]["image"].pop("mask")
    quality = clinic.build().quality
    assert quality.near_duplicates == [["id3", "id7"]]
    assert quality.duplicate_inputs == []
    written = quality.burnt_in_text["image"]
    assert (written.studies, written.suspected, written.study_ids) == (12, 1, ["id5"])


def test_identical_images_are_not_listed_as_near_ones_too() -> None:
    log = QualityLog()
    for study, patient in (("s", "a"), ("t", "b"), ("u", "b")):
        log.seen.setdefault(("image", "same"), {})[study] = patient
        log.alike("image", study, patient, "0f" * 32)
    assert log.finish().duplicate_inputs == [["s", "t", "u"]]
    assert log.finish().near_duplicates == []
    log.alike("image", "v", "c", "0f" * 32)
    log.alike("image", "w", "d", "f" * 64, 0)
    log.alike("image", "w", "d", "0f" * 32, 1)
    assert log.finish().near_duplicates == [["s", "t", "u", "v", "w"]]


def test_units_are_counted() -> None:
    log = QualityLog()
    for unit in ("mg/L", "mg/dL", "mg/L"):
        log.unit("tabular.CRP", unit)
    assert log.finish().units == {"tabular.CRP": {"mg/L": 2, "mg/dL": 1}}
