"""A small clinic on disk: records, images and notes that a test can spoil before building."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medxmodal.cohort import Cohort, CohortSpec

PATIENTS = 12


class Clinic:
    """Twelve patients with an image, a table row and a note each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "images").mkdir(parents=True)
        (folder / "masks").mkdir()
        rng = np.random.default_rng(5)
        self.rows: list[dict[str, Any]] = []
        for i in range(PATIENTS):
            name = f"scan{i}.png"
            Image.fromarray(rng.integers(0, 256, (12, 16), dtype=np.uint8)).save(folder / "images" / name)
            mask = np.zeros((12, 16), np.uint8)
            mask[3:6, 4:9] = 255
            Image.fromarray(mask).save(folder / "masks" / f"scan{i}_mask.png")
            self.rows.append(
                {
                    "pid": f"id{i}",
                    "dx": "ill" if i % 3 == 0 else "well",
                    "hospital": "north" if i % 2 else "south",
                    "when": f"2021-0{1 + i % 9}-15",
                    "image": name,
                    "Age": str(30 + i),
                    "CRP": str(round(1.5 * i + 0.5, 3)),
                    "unit": "mg/L",
                    "Signs": "no" if i % 2 else "pain&fever",
                    "note": f"short note {i}",
                    "biopsy": "done",
                }
            )
        self.tree: dict[str, Any] = {
            "name": "clinic",
            "title": "A test clinic",
            "ids": "keep",
            "table": {"file": "records.csv", "patient": "pid"},
            "index_time": {"column": "when"},
            "label": {"name": "illness", "column": "dx", "positive": "ill", "negative": "well"},
            "site": {"column": "hospital"},
            "modalities": {
                "image": {"kind": "image", "file": "images/{image}", "mask": "masks/{image:stem}_mask.png"},
                "tabular": {
                    "kind": "tabular",
                    "columns": {
                        "Age": {"type": "number", "unit": "a", "range": [0, 120], "missing": ["unknown"]},
                        "CRP": {"type": "number", "unit": "mg/L", "unit_column": "unit", "reference": [0, 5]},
                        "Signs": {"type": "category", "many": "&", "missing": ["unknown"]},
                    },
                },
                "text": {"kind": "text", "column": "note"},
            },
            "leaks": ["biopsy"],
        }

    def write(self) -> None:
        """Write the records."""
        with (self.folder / "records.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)

    def spec(self) -> CohortSpec:
        """The spec as it is now."""
        return CohortSpec.parse(self.tree)

    def build(self, **options: Any) -> Cohort:
        """Write the records and build."""
        self.write()
        return Cohort.from_spec(self.spec(), self.folder, **options)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """A fresh clinic."""
    return Clinic(tmp_path / "clinic")


@pytest.fixture
def make_clinic(tmp_path: Path) -> Callable[[str], Clinic]:
    """Several clinics side by side."""
    return lambda name: Clinic(tmp_path / name)
