"""`DiagnosisClassifier`: a recipe with scikit-learn's habits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.pipeline.run import Run
    from medxmodal.recipe import Recipe


class DiagnosisClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A diagnosis model that is fitted on a cohort and predicts cohorts.

    Studies it was fitted on are predicted by the member that did not see them, as in scoring.

    Args:
        recipe: A recipe, its path, or the name of a shipped one.
        out: The run folder; by default one under `medxmodal-out/`.
        settings: `key=value` laid over the recipe.

    Attributes:
        run_: The run.
        classes_: Words for negative and positive, (2,).
        failed_: Study id -> why it could not be predicted, of the last prediction.

    Example:
        `mx.DiagnosisClassifier("breast_fused").fit(cohort).predict_proba(cohort)`
    """

    def __init__(
        self,
        recipe: Recipe | str | Path = "demo",
        out: str | Path | None = None,
        settings: tuple[str, ...] = (),
    ) -> None:
        self.recipe, self.out, self.settings = recipe, out, settings

    def fit(self, cohort: Cohort, y: None = None) -> DiagnosisClassifier:
        """Train on the labelled studies of a cohort.

        Args:
            cohort: The cohort.
            y: Ignored; labels are the cohort's own.

        Raises:
            RecipeError: The recipe is wrong or does not fit the cohort.
            TrainingError: Training cannot start.
        """
        from medxmodal.pipeline.train import train

        del y
        self.run_: Run = train(self.recipe, cohort, self.out, settings=self.settings)
        task = self.run_.record.task
        self.classes_ = np.array([task.negative, task.positive])
        return self

    def predict_proba(self, cohort: Cohort) -> np.ndarray:
        """Calibrated probabilities of negative and positive, (n, 2).

        A study that could not be read has NaN in its row, and its reason in `failed_`.
        """
        positive = self._column(cohort, "probability")
        return np.stack([1 - positive, positive], axis=1)

    def decision_function(self, cohort: Cohort) -> np.ndarray:
        """Logits before calibration, (n,); NaN as in `predict_proba`."""
        return self._column(cohort, "logit")

    def predict(self, cohort: Cohort) -> np.ndarray:
        """Decisions at the run's threshold as words of `classes_`, (n,); None where it failed."""
        words = dict(zip(("negative", "positive"), self.classes_, strict=True))
        return np.array([words.get(record.decision) for record in self._records(cohort)], dtype=object)

    def _column(self, cohort: Cohort, name: str) -> np.ndarray:
        values = [getattr(record, name) for record in self._records(cohort)]
        return np.array([np.nan if value is None else value for value in values], dtype=float)

    def _records(self, cohort: Cohort) -> list[Any]:
        check_is_fitted(self, "run_")
        run = self.run_.loaded
        run.check_cohort(cohort.spec.modalities)
        reader = run.reader()
        records: list[Any] = []
        for start in range(0, len(cohort), 64):
            records += run.answer(cohort.studies[start : start + 64], reader).records
        self.failed_ = {record.study_id: record.error for record in records if record.status == "failed"}
        return records
