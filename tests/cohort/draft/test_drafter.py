"""Drafts: a spec that builds as it is, every guess said, nothing taken for an input that tells the label."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.draft.drafter import draft_spec
from medxmodal.errors import CohortError


def drafted(data: Path, tmp_path: Path) -> CohortSpec:
    draft = draft_spec(data)
    path = tmp_path / "mine.yaml"
    path.write_text(draft.yaml, encoding="utf-8")
    return CohortSpec.read(path)


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "patients.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def people(n: int = 60) -> list[dict[str, Any]]:
    rng = np.random.default_rng(6)
    made = []
    for i in range(n):
        ill = rng.random() < 0.4
        made.append(
            {
                "patient_id": f"A{i:03d}",
                "hospital": ("north", "south")[i % 2],
                "Age": "unknown" if i % 10 == 3 else str(rng.integers(20, 90)),
                "CRP (mg/L)": f"{rng.lognormal(1 + ill):.2f}",
                "signs": ("pain&fever", "pain", "fever", "none at all")[i % 4],
                "note": f"Patient number {i} came in walking and told at length of many things that hurt.",
                "diagnosis": "malignant" if ill else "benign",
                "final_diagnosis_code": "C50" if ill else "D24",
                "centre_code": "7",
            }
        )
    return made


def test_a_draft_builds_as_it_is(tmp_path: Path) -> None:
    data = write(tmp_path / "My Clinic (2021)", people())
    spec = drafted(data, tmp_path)
    assert spec.name == "my_clinic_2021"
    assert spec.ids == "keyed"
    assert spec.table.patient == "patient_id"
    assert spec.label is not None
    assert (spec.label.positive, spec.label.negative) == ("malignant", "benign")
    assert spec.site.column == "hospital"
    columns: dict[str, Any] = spec.modalities["tabular"].columns  # type: ignore[union-attr]
    assert {name: column.type for name, column in columns.items()} == {
        "Age": "number",
        "CRP (mg/L)": "number",
        "signs": "category",
    }
    assert columns["CRP (mg/L)"].unit == "mg/L"
    assert columns["Age"].missing == ["unknown"]
    assert columns["signs"].many == "&"
    assert spec.modalities["text"].column == "note"  # type: ignore[union-attr]
    assert "final_diagnosis_code" in spec.leaks
    cohort = Cohort.from_spec(spec, data, keys=tmp_path / "keys")
    assert len(cohort) == 60
    assert not cohort.quality.problems


def test_every_line_that_is_a_guess_says_so(tmp_path: Path) -> None:
    draft = draft_spec(write(tmp_path / "clinic", people()))
    for key in ("table:", "label:", "site:", "leaks:", "  text:"):
        (line,) = [line for line in draft.yaml.splitlines() if line.startswith(key)]
        assert "# guessed" in line
    assert any("patient id" in guess for guess in draft.guesses)
    assert any("label" in guess for guess in draft.guesses)


def test_images_and_masks_are_found_by_their_columns(tmp_path: Path) -> None:
    rows = people(30)
    (tmp_path / "clinic" / "scans").mkdir(parents=True)
    (tmp_path / "clinic" / "masks").mkdir()
    for i, row in enumerate(rows):
        row["scan"] = f"s{i:02d}.dcm"
        Image.new("L", (4, 4), i).save(tmp_path / "clinic" / "scans" / f"s{i:02d}.png")
        Image.new("L", (4, 4), 255).save(tmp_path / "clinic" / "masks" / f"s{i:02d}_mask.png")
    spec = drafted(write(tmp_path / "clinic", rows), tmp_path)
    image = spec.modalities["image"]
    assert (image.file, image.mask) == ("scans/{scan:stem}.png", "masks/{scan:stem}_mask.png")  # type: ignore[union-attr]
    cohort = Cohort.from_spec(spec, tmp_path / "clinic", keys=tmp_path / "keys")
    assert all(study.inputs["image"]["mask"] is not None for study in cohort)


@pytest.mark.parametrize(
    "names",
    [
        {"patient_id": "yes: no", "Age": "Alter, Jahre", "diagnosis": "class #1", "signs": "'quoted'"},
        {"patient_id": "Patient-Nr.", "Age": "null", "diagnosis": "Label {x}", "signs": "12"},
    ],
)
def test_column_names_that_yaml_would_misread(tmp_path: Path, names: dict[str, str]) -> None:
    rows = [{names.get(k, k): v for k, v in row.items()} for row in people()]
    data = write(tmp_path / "clinic", rows)
    spec = drafted(data, tmp_path)
    assert spec.label is not None
    assert {spec.table.patient, spec.label.column} <= set(rows[0])
    assert len(Cohort.from_spec(spec, data, keys=tmp_path / "keys")) == 60


NASTY = [
    "id", "Patient ID", "patient`id", "label", "class: x", "{x}", 'a"b', "it's", "date", "null", "true",
    "# c", "- d", "crp_val", "crp_offset", "x_date", "stay_id", "icu_offset", "name", "& y", "*z", "!t", "@q",
    "ä ö", "2", "2021-01-01", "from", "where", "and", "mask", "_file", "a\nb", "tab\tx", "outcome", "num",
    "status", "x [",
]  # fmt: skip
ODD = [
    "", "0", "1", "yes", "no", "it's", "a\"b'c", "malignant", "benign", "{x}", "x: y", "# no", "2021-01-02",
    "1.5",
    "<5", "?", "-1", "inf", "nan", "a&b", "a\nb", "x" * 70, "dead", "alive", "`", "null", "[1]", "- a",
    "%", "*a",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(80))
def test_whatever_columns_and_cells_are_called_the_draft_parses(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    data = tmp_path / "my data: 1"
    data.mkdir()
    for number in range(rng.integers(1, 4)):
        columns = list(rng.choice(NASTY, rng.integers(2, 9), replace=False))
        pools = [list(rng.choice(ODD, rng.integers(1, 5), replace=False)) for _ in columns]
        with (data / f"t {number}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            for i in range(rng.integers(1, 60)):
                writer.writerow([f"k{i}" if n % 3 == 0 else rng.choice(p) for n, p in enumerate(pools)])
    try:
        draft = draft_spec(data)
    except CohortError:
        return  # nothing there could be an input
    CohortSpec.parse(yaml.safe_load(draft.yaml))


def test_the_larger_table_nearest_the_top_is_taken_and_others_are_named(tmp_path: Path) -> None:
    data = write(tmp_path / "clinic", people())
    (data / "readme.csv").write_text("key,meaning\na,b\n")
    (data / "broken.xlsx").write_bytes(b"no workbook")
    draft = draft_spec(data)
    assert yaml.safe_load(draft.yaml)["table"]["file"] == "patients.csv"
    assert any("broken.xlsx" in guess and "readme.csv" in guess for guess in draft.guesses)


def test_nothing_to_draft_from(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no data folder"):
        draft_spec(tmp_path / "none")
    with pytest.raises(CohortError, match="no readable table"):
        draft_spec(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(CohortError, match="no readable table"):
        draft_spec(tmp_path)


def test_a_column_that_names_only_what_is_there_beats_the_patient_id(tmp_path: Path) -> None:
    """With the id as template, patients without an image would fail when built."""
    from medxmodal.cohort.demo import write_demo

    data = write_demo(tmp_path, patients=60).data
    images = len(list((data / "images").iterdir()))
    assert images < 60
    made = draft_spec(data)
    assert "images/{image}" in made.yaml
    assert any(f"{images} images are found" in guess for guess in made.guesses)
