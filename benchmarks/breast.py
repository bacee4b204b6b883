"""Real patients: each modality alone, late fusion, attention and additive fusion, out-of-fold.

The cross-validation is the library's own `train`, once for each seed: what is printed is what a user
gets. Every choice inside a run is made inside its training folds;
faults of the code were found on out-of-fold figures of these same patients, so confirm on others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from common import data_folder, say, table

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.evaluation import Scores, gain_sentence, metrics_table
from medxmodal.pipeline.train import train
from medxmodal.statistics import Estimate

RECIPE = "breast_fused"
SEEDS = (20261124, 20261125, 20261126)
COHORTS = {
    "breast_poland": "Image and clinical table, without the radiologist's descriptors",
    "breast_poland_reading": "Image and clinical table with the radiologist's descriptors",
}
ADDITIVE = "additive"
FUSIONS: Mapping[str, tuple[str, ...]] = {
    ADDITIVE: (),
    "late": ("fusion={name: late}",),
    "attention": ("fusion={name: attention}",),
}
CROPPED = ("modalities.image.roi=given",)
LABELS = {
    "image": "image alone",
    "tabular": "table alone",
    "late": "late fusion",
    "attention": "attention fusion",
    ADDITIVE: "**additive fusion** (default)",
    "image, cropped": "image alone, cropped to the lesion ¹",
    "additive, cropped": "additive fusion, cropped to the lesion ¹",
}
NOTE = """¹ Cropped by the mask that a radiologist drew, which a new patient does not have: not comparable
with the other rows, and no reason to expect so much without a mask."""


@dataclass(frozen=True)
class Folds:
    """Out-of-fold tables of one setting, one a seed, rows in the same order.

    Args:
        tables: `oof.parquet` of each seed.
        interactions: In how many members the interaction paid, and of how many.
    """

    tables: tuple[pd.DataFrame, ...]
    interactions: tuple[int, int]

    def column(self, name: str) -> np.ndarray:
        """A column, (studies, seeds)."""
        return np.stack([found[name].to_numpy(dtype=float) for found in self.tables], axis=1)

    def scores(self, logit: str = "logit", probability: str | None = None) -> Scores:
        """What a model says; calibration figures need a column of cross-fitted probabilities."""
        ranking = 1 / (1 + np.exp(-self.column(logit)))
        calibrated = ranking if probability is None else self.column(probability)
        return Scores(ranking, calibrated, np.ones(len(ranking), bool))


def section(
    seeds: tuple[int, ...] = SEEDS, draws: int = 2000, settings: tuple[str, ...] = (), *, crop: bool = True
) -> str:
    """The section of the report.

    Args:
        seeds: One cross-validation each.
        draws: Resamplings of patients.
        settings: Laid over the recipe; for a quick look.
        crop: Whether to add the rows of the cropped image.
    """
    data = data_folder("breast_poland")
    parts = [
        "## Breast lesions on ultrasound: real patients",
        f"BrEaST (Pawłowska et al. 2024), 5-fold cross-validation by patient x {len(seeds)} seeds, recipe "
        f"`{RECIPE}`. AUROC is the mean over the seeds, with the 95 % interval of {draws} resamplings of "
        "patients. *Additive gains*: AUROC of additive fusion minus that of the row, same patients, same "
        "folds, same resamplings.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, words in COHORTS.items():
            cohort = Cohort.from_spec(CohortSpec.read(name), data)
            found = {key: _run(cohort, Path(folder), seeds, (*settings, *FUSIONS[key])) for key in FUSIONS}
            if crop:
                found["cropped"] = _run(cohort, Path(folder), seeds, (*settings, *CROPPED))
            parts += [f"### {words}", _part(found, draws)]
    return "\n\n".join([*parts, *([NOTE] if crop else [])])


def _run(cohort: Cohort, folder: Path, seeds: tuple[int, ...], settings: tuple[str, ...]) -> Folds:
    tables, paid, members = [], 0, 0
    for seed in seeds:
        say(f"  {cohort.spec.name}: seed {seed} {' '.join(settings)}")
        common = (f"seed={seed}", "reference=false", "training.interval_draws=50")
        with tempfile.TemporaryDirectory(dir=folder) as out:
            run = train(RECIPE, cohort, Path(out) / "run", settings=[*common, *settings])
            tables.append(pd.read_parquet(run.folder / "oof.parquet").set_index("study_id", drop=False))
        paid += sum(member.interaction.startswith("on") for member in run.record.members)
        members += len(run.record.members)
    return Folds(tuple(found.loc[tables[0].index] for found in tables), (paid, members))


def _part(found: Mapping[str, Folds], draws: int) -> str:
    additive = found[ADDITIVE]
    scores = {
        "image": additive.scores("logit.image"),
        "tabular": additive.scores("logit.tabular"),
        **{name: found[name].scores(probability="probability_crossfit") for name in FUSIONS},
    }
    if "cropped" in found:
        cropped = found["cropped"]
        scores["image, cropped"] = cropped.scores("logit.image")
        scores["additive, cropped"] = cropped.scores(probability="probability_crossfit")
    first = additive.tables[0]
    figures = metrics_table(
        first["label"], first["patient_id"], scores, reference=ADDITIVE, draws=draws, seed=SEEDS[0]
    )
    rows = []
    for name, words in LABELS.items():
        if name not in scores:
            continue
        gain = "" if name == ADDITIVE or "cropped" in name else _gain(figures[f"gain.{name}"]["auroc"])
        rows.append([words, _figure(figures[name]["auroc"]), gain])
    n, ill = len(first), int(first["label"].sum())
    own = figures[ADDITIVE]
    paid, members = additive.interactions
    return "\n\n".join(
        [
            f"{n} patients, {ill} malignant.",
            table(["model", "AUROC [95 %]", "additive gains [95 %]"], rows),
            f"Additive fusion, cross-fitted probabilities: Brier score {_figure(own['brier'])}, calibration "
            f"slope {_figure(own['calibration_slope'], 2)} (1 is right; below 1 is overconfident). The "
            f"interaction paid in {paid} of {members} members.",
        ]
    )


def _figure(figure: Mapping[str, float | None], digits: int = 3) -> str:
    found = Estimate.from_dict(figure)
    return f"{found.value:.{digits}f} [{found.lower:.{digits}f}, {found.upper:.{digits}f}]"


def _gain(figure: Mapping[str, float | None]) -> str:
    found = Estimate.from_dict(figure)
    return f"{found.value:+.3f} [{found.lower:+.3f}, {found.upper:+.3f}]: {gain_sentence(figure)}"
