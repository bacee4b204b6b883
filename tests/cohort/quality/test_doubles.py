"""The same row under two patients: named when it is no coincidence."""

from __future__ import annotations

from typing import Any

from medxmodal.cohort import CohortSpec, Study
from medxmodal.cohort.quality.doubles import duplicate_rows

COLUMNS = ("a", "b", "c", "d", "e", "f")
SPEC = CohortSpec.parse(
    {
        "name": "made",
        "title": "Made up",
        "ids": "keep",
        "table": {"file": "x.csv", "patient": "pid"},
        "label": {"name": "ill", "column": "ill", "positive": "yes", "negative": "no"},
        "site": {"value": "here"},
        "modalities": {"labs": {"kind": "tabular", "columns": {c: {"type": "number"} for c in COLUMNS}}},
    }
)


def study(i: int, values: dict[str, Any], patient: str = "") -> Study:
    return Study(f"s{i}", patient or f"p{i}", "here", {"labs": values})


def cohort(levels: int, filled: int = 6) -> list[Study]:
    return [
        study(
            i,
            {
                c: float((i * (k + 3) + i // 7) % levels) if k < filled else None
                for k, c in enumerate(COLUMNS)
            },
        )
        for i in range(60)
    ]


def copy(of: Study, i: int, patient: str = "") -> Study:
    return study(i, dict(of.inputs["labs"]), patient)


def test_a_rare_row_under_two_patients_is_named() -> None:
    studies = cohort(97)
    assert duplicate_rows(SPEC, studies) == []
    assert duplicate_rows(SPEC, [*studies, copy(studies[4], 60)]) == [["s4", "s60"]]


def test_the_same_patient_twice_is_no_finding() -> None:
    studies = cohort(97)
    assert duplicate_rows(SPEC, [*studies, copy(studies[4], 60, "p4")]) == []


def test_common_values_and_few_columns_accuse_nobody() -> None:
    common = cohort(2)
    assert len({tuple(s.inputs["labs"].values()) for s in common}) < len(common)
    assert duplicate_rows(SPEC, common) == []
    few = cohort(97, filled=4)
    assert duplicate_rows(SPEC, [*few, copy(few[4], 60)]) == []
    assert duplicate_rows(SPEC, []) == []
