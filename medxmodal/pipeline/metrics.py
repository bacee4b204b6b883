"""Out-of-fold tables: `oof.parquet` and `metrics.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medxmodal.evaluation import Scores, metrics_table
from medxmodal.pipeline.answers import late_logits
from medxmodal.records import pattern_key
from medxmodal.statistics import sigmoid

if TYPE_CHECKING:
    from medxmodal.recipe import Recipe
    from medxmodal.training import CalibratedRun, OutOfFold

Table = dict[str, dict[str, dict[str, float | None]]]


def oof_table(out: OutOfFold, calibrated: CalibratedRun) -> pd.DataFrame:
    """One row a training study, predicted by the members that did not see it."""
    columns: dict[str, object] = {
        "study_id": [study.study_id for study in out.studies],
        "patient_id": [study.patient_id for study in out.studies],
        "site": [study.site for study in out.studies],
        "fold": out.folds[:, 0],
        "members": [row.tolist() for row in out.members],
        "label": out.labels,
        "logit": out.mean_logits[:, -1],
        "probability": calibrated.probability,
        "probability_crossfit": calibrated.crossfit.mean(1),
        "interaction": out.interaction,
    }
    shares = out.shares
    for m, name in enumerate(out.names):
        columns[f"present.{name}"] = out.present[:, m]
        columns[f"share.{name}"] = shares[:, m]
        columns[f"evidence.{name}"] = out.contributions[:, m]
    for subset in range(2 ** len(out.names)):
        columns[f"logit.{pattern_key(out.names, subset) or 'none'}"] = out.mean_logits[:, subset]
    return pd.DataFrame(columns)


def metrics_of(out: OutOfFold, calibrated: CalibratedRun, recipe: Recipe) -> Table:
    """Fused, late and every modality alone, with paired differences and patient intervals.

    Ranking metrics use the logits of each repeat; the fused model of a single repeat is ranked by its
    calibrated probability, as scoring ranks it. Calibration metrics use probabilities whose calibrator
    saw neither the study nor its fold. Late fusion is the base plus the sum of unimodal evidence.
    """
    logits = out.subset_logits
    late = late_logits(logits, len(out.names))
    everyone = np.ones(len(out.labels), bool)
    ranking = calibrated.record.calibrate(
        out.mean_logits[:, -1], out.pattern, np.zeros(len(out.labels))
    ).probability
    fused = ranking[:, None] if logits.shape[1] == 1 else sigmoid(logits[:, :, -1])
    predictions = {
        "fused": Scores(fused, calibrated.crossfit, everyone),
        "late": Scores(sigmoid(late), crossfit_platt(late, out), everyone),
    }
    for m, name in enumerate(out.names):
        there = out.present[:, m]
        predictions[f"unimodal.{name}"] = Scores(
            sigmoid(logits[:, :, 2**m]), crossfit_platt(logits[:, :, 2**m], out), there
        )
    table: Table = metrics_table(
        out.labels, out.patients, predictions, draws=recipe.training.interval_draws, seed=recipe.seed
    )
    return table


def crossfit_platt(logits: np.ndarray, out: OutOfFold) -> np.ndarray:
    """Calibrated probabilities of (n, repeats) logits, each by a calibrator fitted on other folds."""
    from medxmodal.statistics import fit_platt

    found = np.empty(logits.shape)
    for repeat in range(logits.shape[1]):
        for fold in np.unique(out.folds[:, repeat]):
            held = out.folds[:, repeat] == fold
            platt = fit_platt(logits[~held, repeat], out.labels[~held], out.patients[~held], draws=0)
            found[held, repeat] = platt.probability(logits[held, repeat])
    return found
