"""`evaluate`: how good a run is on a labelled cohort that it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medxmodal.errors import CohortError
from medxmodal.pipeline.cohort import as_cohort
from medxmodal.pipeline.run import Metrics, as_run, metrics_frame

if TYPE_CHECKING:
    import pandas as pd

    from medxmodal.cohort import Cohort
    from medxmodal.model import LoadedRun
    from medxmodal.pipeline.answers import Answers
    from medxmodal.pipeline.run import Run
    from medxmodal.progress import Progress
    from medxmodal.records import CalibrationRecord


class Evaluation:
    """Figures of a run on another cohort; shows itself as a table.

    Args:
        metrics: `{task: {model: {metric: {value, lower, upper, n}}}}`, as in `metrics.json`.
        cohort: Name of the cohort.
        studies: Labelled studies that the figures are of.
        positives: How many of them are positive.
        unlabelled: Studies left out for want of a label.
        failed: Study id -> why it could not be answered.
    """

    def __init__(
        self,
        metrics: Metrics,
        cohort: str,
        studies: int,
        positives: int,
        unlabelled: int,
        failed: dict[str, str],
    ) -> None:
        self.metrics, self.cohort = metrics, cohort
        self.studies, self.positives, self.unlabelled, self.failed = studies, positives, unlabelled, failed

    def table(self) -> pd.DataFrame:
        """One row a model and metric: value, lower, upper, n."""
        return metrics_frame(self.metrics)

    def __str__(self) -> str:
        from medxmodal.reporting import metrics_text

        return metrics_text(self.metrics)

    def __repr__(self) -> str:
        return f"Evaluation({self.cohort!r}, {self.studies} studies, {self.positives} positive)"

    def _repr_html_(self) -> str:
        html: str = self.table().round(3).to_html(index=False, border=0)
        return html


def evaluate(
    run: Run | str | Path,
    cohort: Cohort | str | Path,
    out: str | Path | None = None,
    *,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a run on a labelled cohort that it never saw.

    Args:
        run: A run or its folder.
        cohort: A cohort or its folder; studies without a label are left out and counted.
        out: A JSON file for the figures, in the form of `metrics.json`.
        progress: Called with words, done and total.

    Returns:
        Fused, late and every modality alone with patient-bootstrap intervals, and paired gains; for
        the fused model also what its threshold does.

    Raises:
        CohortError: Patients overlap with training, or there are no labels, or only one class.
        RunError: The cohort does not give what the run reads.

    Example:
        `mx.evaluate(run, "other_hospital").table()`
    """
    from medxmodal.pipeline.answers import answer_cohort
    from medxmodal.pipeline.documents import write_json
    from medxmodal.pipeline.overlap import refuse_overlap

    chosen, studies = as_run(run), as_cohort(cohort)
    task = chosen.record.task.name
    if studies.spec.task != task:
        raise CohortError(
            f"the run predicts '{task}', but the cohort's label is '{studies.spec.task}'",
            hint="Name them alike in the cohort spec.",
        )
    refuse_overlap(chosen.folder, chosen.record, studies, "evaluation")
    answers = answer_cohort(chosen.loaded, studies, progress)
    rows = answers.labelled()
    check_classes(answers.labels[rows])
    metrics = {task: external_metrics(chosen.loaded, answers.at(rows))}
    if out is not None:
        path = Path(out)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, metrics)
    return Evaluation(
        metrics,
        studies.spec.name,
        len(rows),
        int(answers.labels[rows].sum()),
        len(answers.studies) - len(rows),
        answers.failed,
    )


def check_classes(labels: np.ndarray) -> None:
    """Refuse labels that no figure can be made of.

    Raises:
        CohortError: There is none, or there is one class only.
    """
    if len(labels) == 0:
        raise CohortError(
            "the cohort has no labelled study", hint="Build it from records that have the label column."
        )
    if len(np.unique(labels)) < 2:
        raise CohortError(
            f"all {len(labels)} labelled studies are {'positive' if labels[0] == 1 else 'negative'}",
            hint="Figures need both classes; score the cohort instead.",
        )


def external_metrics(run: LoadedRun, answers: Answers) -> dict[str, dict[str, dict[str, float | None]]]:
    """Figures on studies that the run never saw, each with a known label."""
    from medxmodal.evaluation import Scores, metrics_table, operating_point
    from medxmodal.statistics import sigmoid

    everyone = np.ones(len(answers.labels), bool)
    late = sigmoid(answers.late)
    predictions = {
        "fused": Scores(answers.probability, answers.probability, everyone),
        "late": Scores(late, _calibrated_late(run, answers), everyone),
    }
    for m, name in enumerate(answers.names):
        there = answers.present[:, m]
        alone = _calibrated_alone(run.calibration, answers, m)
        predictions[f"unimodal.{name}"] = Scores(sigmoid(answers.subset_logits[:, 2**m]), alone, there)
    settings = run.record.recipe
    draws, seed = int(settings["training"]["interval_draws"]), int(settings["seed"])
    table = metrics_table(answers.labels, answers.patients, predictions, draws=draws, seed=seed)
    table["fused"] |= operating_point(
        answers.labels,
        answers.probability,
        run.calibration.threshold.value,
        patients=answers.patients,
        draws=draws,
        seed=seed,
    )
    return table


def _calibrated_alone(calibration: CalibrationRecord, answers: Answers, m: int) -> np.ndarray:
    pattern = np.full(len(answers.labels), 2**m)
    logits = answers.subset_logits[:, 2**m]
    return calibration.calibrate(logits, pattern, np.zeros(len(logits))).probability


def _calibrated_late(run: LoadedRun, answers: Answers) -> np.ndarray:
    """Late fusion by a calibrator fitted on its own out-of-fold logits."""
    from medxmodal.model import read_out_of_fold
    from medxmodal.pipeline.answers import late_logits
    from medxmodal.records import pattern_key
    from medxmodal.statistics import fit_platt, shift_probability

    table = read_out_of_fold(run.folder)
    keys = [pattern_key(answers.names, subset) or "none" for subset in range(2 ** len(answers.names))]
    logits = table[[f"logit.{key}" for key in keys]].to_numpy(float)
    platt = fit_platt(late_logits(logits, len(answers.names)), table["label"], table["patient_id"], draws=0)
    probability = platt.probability(answers.late)
    prior = run.calibration.prior
    return probability if prior is None else shift_probability(probability, prior.source, prior.target)
