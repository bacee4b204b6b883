"""Prediction records as rows of `part-*.parquet`, in one fixed schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from medxmodal.records import PredictionRecord

if TYPE_CHECKING:
    from medxmodal.records import FailedStudy

ROWS_VERSION = 1
"""Rises when a column is added or changes its meaning."""


def schema(modalities: Sequence[str]) -> pa.Schema:
    """The columns of a part, in the order of the contract.

    Args:
        modalities: The run's modalities, in order.

    Example:
        >>> schema(["image"]).names[-4:]
        ['share.image', 'present.image', 'evidence.image', 'interaction']
    """
    words, numbers = pa.string(), pa.float64()
    fields = [
        *((name, words) for name in ("study_id", "patient_id", "site", "task", "target")),
        *((name, numbers) for name in ("logit", "probability", "lower", "upper")),
        ("prediction_set", pa.list_(words)),
        ("threshold", numbers),
        *((name, words) for name in ("decision", "status", "error")),
        ("seen", pa.bool_()),
        *((f"share.{name}", numbers) for name in modalities),
        *((f"present.{name}", pa.bool_()) for name in modalities),
        *((f"evidence.{name}", numbers) for name in modalities),
        ("interaction", numbers),
    ]
    return pa.schema(fields)


def to_rows(records: Sequence[PredictionRecord]) -> list[dict[str, Any]]:
    """One flat row a record, with what is not a column left out."""
    rows = [record.row() for record in records]
    for row in rows:
        row.pop("empty_logit", None)
    return rows


def to_table(rows: Sequence[dict[str, Any]], modalities: Sequence[str]) -> pa.Table:
    """Rows as a table; what a failed study has no number for is null."""
    return pa.Table.from_pylist(list(rows), schema=schema(modalities))


def failed_record(failed: FailedStudy, task: str) -> PredictionRecord:
    """The record of what could not become a study when the cohort was built."""
    return PredictionRecord(
        study_id=failed.study_id,
        patient_id=failed.patient_id,
        site=failed.site,
        task=task,
        status="failed",
        error=failed.reason,
    )
