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
from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.engine.candidates import Candidates, make_candidates
from medxmodal.cohort.engine.case import Case
from medxmodal.cohort.sources.rows import Row

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


class Ward:
    """Records and tables of events, all from rows in memory; a test adds to the tree and the tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: list[dict[str, Any]] = []
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.tree: dict[str, Any] = {
            "name": "ward",
            "ids": "keep",
            "table": {"file": "records.csv", "patient": "pid"},
            "tables": {},
            "site": {"value": "here"},
            "modalities": {"tabular": {"kind": "tabular", "columns": {"pid_": {"type": "category"}}}},
        }

    def add(self, name: str, rows: list[dict[str, Any]], **spec: Any) -> None:
        """A table of events; `key` is `pid` where not given."""
        self.tables[name] = rows
        self.tree["tables"][name] = {"file": f"{name}.csv", "key": "pid", **spec}

    def spec(self) -> CohortSpec:
        """The spec as it is now."""
        return CohortSpec.parse(self.tree)

    def candidates(self) -> Candidates:
        """The cases, without any file."""
        tables = {name: _rows(rows) for name, rows in self.tables.items()}
        return make_candidates(self.spec(), _rows(self.records), tables)

    def case(self, position: int = 0) -> Case:
        """One case."""
        return self.candidates().cases[position]

    def write(self) -> None:
        """Write all tables as CSV."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, rows in {"records": self.records, **self.tables}.items():
            with (self.folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, list(dict.fromkeys(c for row in rows for c in row)))
                writer.writeheader()
                writer.writerows(rows)

    def build(self, **options: Any) -> Cohort:
        """Write the tables and build."""
        self.write()
        return Cohort.from_spec(self.spec(), self.folder, **options)


def _rows(rows: list[dict[str, Any]]) -> list[Row]:
    columns = list(dict.fromkeys(c for row in rows for c in row))
    return [Row(n, {c: cell_text(row.get(c)) for c in columns}) for n, row in enumerate(rows, 2)]


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """An empty ward."""
    return Ward(tmp_path / "ward")


@pytest.fixture(scope="session")
def make_ward(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Ward]:
    """Several wards, also one for each example of a property."""
    return lambda: Ward(tmp_path_factory.mktemp("ward"))
