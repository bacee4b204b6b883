"""Records made by hand, so that the tests know every figure that a document must show."""

from __future__ import annotations

from typing import Any

import pytest

from medxmodal.records import CohortFacts, MemberFacts, ModalityRecord, RunRecord, TaskFacts

Metrics = dict[str, dict[str, dict[str, dict[str, float | None]]]]


def estimate(value: float | None, lower: float | None, upper: float | None, n: int = 240) -> dict[str, Any]:
    return {"value": value, "lower": lower, "upper": upper, "n": n}


@pytest.fixture
def metrics() -> Metrics:
    """A fused model that gains over the image alone, and shows no gain over late fusion and the table."""
    models = {
        "fused": (0.853, 0.801, 0.9, 240),
        "late": (0.849, 0.795, 0.897, 240),
        "unimodal.image": (0.641, 0.57, 0.71, 200),
        "unimodal.lab_table": (0.82, 0.76, 0.87, 233),
    }
    table = {
        name: {
            "auroc": estimate(value, lower, upper, n),
            "auprc": estimate(value - 0.1, lower - 0.1, upper - 0.1, n),
            "brier": estimate(0.16, 0.14, 0.18, n),
            "calibration_slope": estimate(0.97, None, None, n),
        }
        for name, (value, lower, upper, n) in models.items()
    }
    table["gain.late"] = {"auroc": estimate(0.004, -0.008, 0.016)}
    table["gain.unimodal.image"] = {"auroc": estimate(0.212, 0.14, 0.29, 200)}
    table["gain.unimodal.lab_table"] = {"auroc": estimate(0.033, -0.002, 0.07, 233)}
    return {"disease": table}


@pytest.fixture
def run_record() -> RunRecord:
    """A run on simulated patients of three sites."""
    return RunRecord(
        name="demo",
        created="2026-11-24T10:00:00+00:00",
        fingerprint="ab" * 32,
        recipe={
            "fusion": {"name": "additive"},
            "validation": {"scheme": "kfold", "folds": 5, "repeats": 1, "group": "patient"},
        },
        preset="small",
        task=TaskFacts(name="disease", kind="binary", positive="disease", negative="healthy"),
        cohort=CohortFacts(
            name="demo",
            title="Simulated patients of three hospitals",
            fingerprint="cd" * 32,
            licence="CC0-1.0",
            cite="Simulated by medxmodal",
            simulated=True,
            studies=240,
            patients=236,
            sites={"a": 100, "b": 80, "c": 60},
            prevalence=0.31,
        ),
        modalities={
            "image": ModalityRecord(kind="image", settings={}, weights={"from": "scratch"}),
            "lab_table": ModalityRecord(kind="tabular", settings={}),
        },
        members=[
            MemberFacts(
                member=k, fold=k, repeat=0, seed=k, trained=192, epochs=12, weights_sha256=f"{k}f" * 32
            )
            for k in range(5)
        ],
        seeds={"recipe": 1},
        versions={"medxmodal": "0.1.0", "torch": "2.6.0"},
        hardware={"gpu": "none"},
        said=["Fewer than 500 studies: preset small."],
    )


@pytest.fixture
def calibration() -> dict[str, Any]:
    return {
        "threshold": {
            "value": 0.213,
            "rule": "sensitivity",
            "at": 0.9,
            "sensitivity": 0.91,
            "specificity": 0.6,
        },
        "interval_level": 0.95,
        "conformal_level": 0.9,
    }
