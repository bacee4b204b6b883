"""The description of a cohort, made by hand."""

from __future__ import annotations

from typing import Any

from medxmodal.records import (
    DescribeRecord,
    FailedStudy,
    Flow,
    FlowStep,
    Missingness,
    ModalityCount,
    Problem,
    Quality,
    TableRow,
)


def make_cohort(**changes: Any) -> DescribeRecord:
    """240 simulated patients of three hospitals, three records of which could not be read."""
    columns = ["all", "healthy", "disease"]
    rows = [
        ("Studies", "", "", ("240", "166", "74")),
        ("Site", "north", "", ("100 (41.7 %)", "70 (42.2 %)", "30 (40.5 %)")),
        ("Site", "south", "", ("140 (58.3 %)", "96 (57.8 %)", "44 (59.5 %)")),
        ("C-reactive protein", "median [quartiles]", "mg/L", ("6 [3, 14]", "4 [2, 8]", "22 [9, 41]")),
        ("C-reactive protein", "missing", "", ("12 (5.0 %)", "10 (6.0 %)", "2 (2.7 %)")),
    ]
    facts: dict[str, Any] = {
        "name": "demo",
        "title": "Simulated patients of three hospitals",
        "simulated": True,
        "licence": "CC0-1.0",
        "cite": "Simulated by medxmodal",
        "fingerprint": "cd" * 32,
        "studies": 240,
        "patients": 236,
        "sites": {"north": 100, "south": 140},
        "task": "disease",
        "positive": "disease",
        "negative": "healthy",
        "labelled": 240,
        "positives": 74,
        "modalities": {"image": 210, "tabular": 238, "text": 150},
        "cooccurrence": [
            ModalityCount(modalities=["image", "tabular", "text"], studies=130),
            ModalityCount(modalities=["image", "tabular"], studies=80),
            ModalityCount(modalities=["tabular", "text"], studies=20),
            ModalityCount(modalities=["tabular"], studies=8),
            ModalityCount(modalities=[], studies=2),
        ],
        "flow": Flow(
            found=260,
            steps=[
                FlowStep(step="records found", remaining=260),
                FlowStep(step="exclude", removed=17, remaining=243, reason="no lesion"),
                FlowStep(step="failed", removed=3, remaining=240, reason="could not be read"),
            ],
            excluded=17,
            failed=3,
            studies=240,
        ),
        "table1_columns": columns,
        "table1": [
            TableRow(variable=v, level=level, unit=unit, summary=dict(zip(columns, cells, strict=True)))
            for v, level, unit, cells in rows
        ],
        "missingness": [
            Missingness(
                field="image",
                overall=0.125,
                by_label={"healthy": 0.16, "disease": 0.05},
                by_site={"north": 0.1, "south": 0.14},
            ),
            Missingness(field="tabular.CRP", overall=0.05, by_label={"healthy": 0.06, "disease": 0.027}),
        ],
        "mask_only_auroc": {"modalities": 0.57, "columns": 0.66, "all": 0.67},
        "quality": Quality(
            problems=[Problem(study_id="S-3", modality="image", reason="the image is cut off")],
            failed=[FailedStudy(study_id="S-9", patient_id="P-9", site="north", reason="no label")],
            set_to_missing={"CRP": {"n/a": 9}},
            constant_columns=["Temperature"],
            leak_columns_found=["treatment"],
        ),
    }
    return DescribeRecord(**(facts | changes))
