"""A tiny hospital and a tiny run trained on it: two inputs, three members, seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from medxmodal.cohort import Cohort
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.pipeline.train import train
from medxmodal.recipe import Recipe

SPEC = {
    "name": "tiny",
    "title": "Made-up patients for tests",
    "licence": "CC0-1.0",
    "simulated": True,
    "ids": "keep",
    "table": {"file": "table.csv", "patient": "patient", "study": "study"},
    "label": {"name": "ill", "column": "ill", "positive": "yes", "negative": "no"},
    "site": {"column": "site"},
    "modalities": {
        "image": {"kind": "image", "file": "images/{image}"},
        "labs": {
            "kind": "tabular",
            "columns": {
                "crp": {"type": "number", "unit": "mg/L"},
                "sex": {"type": "category"},
            },
        },
    },
}
RECIPE = {
    "task": {"name": "ill", "positive": "yes"},
    "modalities": {
        "image": {"encoder": "small", "train": "full", "size": 32},
        "labs": {"encoder": "linear_tokens"},
    },
    "missing": {"dropout": {"image": 0.2, "labs": 0.2}},
    "validation": {"folds": 3},
    "decision": {"rule": "sensitivity", "at": 0.9},
    "training": {"epochs": 2, "interval_draws": 50},
    "reference": False,
}


def make_data(folder: Path, n: int, *, seed: int = 0, prevalence: float = 0.4, prefix: str = "") -> Path:
    """Write a table and its images; a quarter of the patients has no image, one in nine no CRP."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    rows = []
    for i in range(n):
        y = int(rng.random() < prevalence)
        pixels = rng.integers(0, 90, (32, 32))
        pixels[8:16, 8:16] += 120 * (rng.random() < (0.8 if y else 0.2))
        name = f"{prefix}i{i}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / name)
        rows.append(
            {
                "patient": f"{prefix}p{i}",
                "study": f"{prefix}s{i}",
                "site": "ab"[i % 2],
                "ill": ("no", "yes")[y],
                "image": "" if i % 4 == 3 else name,
                "crp": "" if i % 9 == 4 else f"{rng.lognormal(1.5 + 1.4 * y, 0.7):.2f}",
                "sex": ("f", "m")[int(rng.random() < 0.5)],
            }
        )
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    return folder


def make_cohort(data: Path, *, unlabelled: bool = False) -> Cohort:
    return Cohort.from_spec(CohortSpec.model_validate(SPEC), data, unlabelled=unlabelled)


def make_run(cohort: Cohort, out: Path) -> Path:
    return train(Recipe.parse(RECIPE), cohort, out).folder
