"""Fingerprints: the same for the same patients however they are named, ordered or stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from medxmodal.cohort import Cohort, kfold


def folds_by_content(cohort: Cohort) -> set[frozenset[str]]:
    folds = kfold(cohort.labels(), cohort.patients, folds=3, seed=1, content=cohort.content)
    return {frozenset(cohort.content[i] for i in fold.test) for fold in folds}


def test_neither_ids_nor_order_nor_file_names_nor_dates_enter(
    clinic: Any, make_clinic: Callable[[str], Any], tmp_path: Path
) -> None:
    clinic.rows[1]["pid"] = "id0"
    plain = clinic.build()
    other = make_clinic("other")
    other.rows[1]["pid"] = "id0"
    for i, row in enumerate(other.rows):
        row |= {"pid": f"other-{row['pid']}", "when": "1999-01-01", "image": f"x{i}.png"}
        (other.folder / "images" / f"scan{i}.png").rename(other.folder / "images" / f"x{i}.png")
        (other.folder / "masks" / f"scan{i}_mask.png").rename(other.folder / "masks" / f"x{i}_mask.png")
    other.rows = other.rows[5:] + other.rows[:5]
    other.tree |= {"ids": "keyed", "title": "Another title", "licence": "CC0-1.0"}
    moved = other.build(keys=tmp_path / "keys")
    assert moved.fingerprint == plain.fingerprint
    assert sorted(moved.content) == sorted(plain.content)
    assert folds_by_content(moved) == folds_by_content(plain)


def test_the_kind_of_table_does_not_enter(clinic: Any) -> None:
    plain = clinic.build()
    book = openpyxl.Workbook()
    book.active.append(list(clinic.rows[0]))
    for row in clinic.rows:
        book.active.append([float(v) if k in {"Age", "CRP"} else v for k, v in row.items()])
    book.save(clinic.folder / "records.xlsx")
    clinic.tree["table"]["file"] = "records.xlsx"
    assert Cohort.from_spec(clinic.spec(), clinic.folder).fingerprint == plain.fingerprint


@pytest.mark.parametrize("change", ["value", "label", "site", "pixel", "note", "patient", "leaves", "range"])
def test_whatever_a_model_could_see_enters(clinic: Any, change: str) -> None:
    before = clinic.build().fingerprint
    row = clinic.rows[3]
    if change == "value":
        row["CRP"] = "5.001"
    if change == "label":
        row["dx"] = "well" if row["dx"] == "ill" else "ill"
    if change == "site":
        row["hospital"] = "west"
    if change == "pixel":
        path = clinic.folder / "images" / row["image"]
        path.write_bytes((clinic.folder / "images" / "scan4.png").read_bytes())
    if change == "note":
        row["note"] += "."
    if change == "patient":
        row["pid"] = "id2"
    if change == "leaves":
        del clinic.rows[3]
    if change == "range":
        clinic.tree["modalities"]["tabular"]["columns"]["Age"]["range"] = [0, 121]
    assert clinic.build().fingerprint != before


def test_a_key_that_says_its_default_changes_nothing(clinic: Any) -> None:
    before = clinic.build().fingerprint
    clinic.tree["modalities"]["tabular"]["columns"]["Age"]["label"] = ""
    clinic.tree |= {"simulated": False, "include": []}
    assert clinic.build().fingerprint == before
