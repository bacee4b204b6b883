"""One prediction as it lands on disk: a row of `SCORES/part-*.parquet`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from medxmodal.records.base import Part

Status = Literal["scored", "failed", "abstained"]


class PredictionRecord(Part):
    """One study, task and target.

    `logit` is the mean member logit before calibration; `shares` sum to `logit - empty_logit`;
    `probability`, `lower`, `upper` and `threshold` are probabilities after calibration. A failed
    study has `status == "failed"`, the reason in `error` and no numbers.
    """

    study_id: str
    patient_id: str
    site: str
    task: str
    target: str = "positive"
    logit: float | None = None
    probability: float | None = Field(default=None, ge=0, le=1)
    lower: float | None = Field(default=None, ge=0, le=1)
    upper: float | None = Field(default=None, ge=0, le=1)
    prediction_set: list[str] = []
    threshold: float | None = Field(default=None, ge=0, le=1)
    decision: str = ""
    status: Status = "scored"
    error: str = ""
    seen: bool = False
    empty_logit: float | None = None
    shares: dict[str, float] = {}
    present: dict[str, bool] = {}
    evidence: dict[str, float] = {}
    interaction: float | None = None

    def row(self) -> dict[str, object]:
        """The flat row of the contract: `share.<m> present.<m> evidence.<m>` in columns."""
        flat = self.model_dump(exclude={"shares", "present", "evidence"})
        flat |= {f"share.{name}": value for name, value in self.shares.items()}
        flat |= {f"present.{name}": value for name, value in self.present.items()}
        flat |= {f"evidence.{name}": value for name, value in self.evidence.items()}
        return flat
