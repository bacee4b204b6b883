"""Records made by hand, so that the tests know every figure that a document must show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from medxmodal.records import (
    AttributionFacts,
    Bar,
    BarsPanel,
    CohortFacts,
    DescribeRecord,
    ExplanationIndex,
    ExplanationRecord,
    HeatmapPanel,
    IndexEntry,
    MemberFacts,
    ModalityFacts,
    ModalityRecord,
    ModelFacts,
    PredictionRecord,
    Question,
    RunRecord,
    TaskFacts,
    Token,
    TokensPanel,
)

Metrics = dict[str, dict[str, dict[str, dict[str, float | None]]]]
Arrays = dict[str, np.ndarray]
NOTE = "Three weeks of fever and dry cough , no weight loss . Smoker . Left lower lobe dull on percussion ."
EFFECTS = {"fever": 0.31, "cough": 0.18, "no": -0.12, "Smoker": 0.06, "percussion": 0.09, "weight": -0.02}
HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)> & \"quoted\" {{ 7 * 7 }}"


def estimate(value: float | None, lower: float | None, upper: float | None, n: int = 240) -> dict[str, Any]:
    return {"value": value, "lower": lower, "upper": upper, "n": n}


def make_question(**changes: Any) -> Question:
    facts = {
        "task": "disease",
        "positive": "disease",
        "negative": "healthy",
        "cohort": "demo",
        "cohort_title": "Simulated patients of three hospitals",
        "simulated": True,
    }
    return Question(**(facts | changes))


def make_model(**changes: Any) -> ModelFacts:
    facts = {
        "run": "demo",
        "weights": "ab12" * 16,
        "version": "0.1.0",
        "created": "2026-11-24T10:00:00+00:00",
        "members": 5,
        "fusion": "additive",
        "trained_on": "demo",
        "studies": 240,
        "prevalence": 0.31,
        "threshold_rule": "sensitivity at 0.9",
        "performance": {
            "auroc": estimate(0.853, 0.801, 0.9),
            "brier": estimate(0.162, 0.14, 0.181),
            "calibration_slope": estimate(0.97, 0.8, 1.14),
        },
    }
    return ModelFacts(**(facts | changes))


def make_arrays(side: int = 240, cells: int = 15) -> Arrays:
    """A grey disc with a dark spot, and a map that is hot on the spot and cold on one distractor."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:side, :side] / side
    image = 90 + 60 * (np.hypot(rows - 0.5, columns - 0.5) < 0.42) + rng.normal(0, 14, (side, side))
    image -= 70 * (np.hypot(rows - 0.36, columns - 0.62) < 0.1)
    down, across = np.mgrid[:cells, :cells] / cells
    heat = np.exp(-((down - 0.33) ** 2 + (across - 0.6) ** 2) / 0.01)
    heat -= 0.6 * np.exp(-((down - 0.7) ** 2 + (across - 0.25) ** 2) / 0.006)
    return {"image.image": np.clip(image, 0, 255).astype(np.uint8), "image.heat": heat.astype(np.float32)}


def make_panels() -> list[HeatmapPanel | BarsPanel | TokensPanel]:
    bars = [
        ("CRP", "C-reactive protein", "48", "mg/L", (None, 5), "above", False, 0.62),
        ("LDH", "Lactate dehydrogenase", "310", "U/L", (135, 250), "above", False, 0.2),
        ("Age", "Age", "67", "a", None, "unknown", False, 0.11),
        ("Haemoglobin", "Haemoglobin", "118", "g/L", (120, 175), "below", False, -0.05),
        ("Leukocytes", "Leukocytes", "7.1", "10*9/L", (4, 11), "within", False, -0.14),
        ("Symptoms", "Symptoms", "cough & fever", "", None, "unknown", False, 0.0004),
        ("Creatinine", "Creatinine", "", "umol/L", (45, 104), "unknown", True, 0.03),
    ]
    keys = ("name", "label", "value", "unit", "reference", "outside", "missing", "attribution")
    tokens = [Token(text=word, attribution=EFFECTS.get(word, 0.001)) for word in NOTE.split()]
    return [
        HeatmapPanel(
            modality="image", title="Image", image="image.image", heat="image.heat", rows=15, columns=15
        ),
        BarsPanel(
            modality="tabular",
            title="Table values",
            bars=[Bar(**dict(zip(keys, bar, strict=True))) for bar in bars],
        ),
        TokensPanel(modality="text", title="Note", tokens=tokens),
    ]


def make_study(study_id: str = "S-0012", absent: tuple[str, ...] = (), **changes: Any) -> ExplanationRecord:
    """A study with image, table and note; `absent` ones are missing. `prediction` changes its fields."""
    shares = {"image": 0.74, "tabular": 0.81, "text": -0.35}
    shares = {name: 0.0 if name in absent else share for name, share in shares.items()}
    total = sum(shares.values())
    prediction = {
        "study_id": study_id,
        "patient_id": "P-0007",
        "site": "north",
        "task": "disease",
        "logit": total - 0.8,
        "empty_logit": -0.8,
        "probability": 0.62,
        "lower": 0.48,
        "upper": 0.74,
        "threshold": 0.213,
        "decision": "positive",
        "prediction_set": ["positive", "negative"],
        "seen": True,
        "shares": shares,
        "present": {name: name not in absent for name in shares},
        "interaction": 0.0,
    }
    methods = {"image": "Grad-CAM", "tabular": "Integrated Gradients", "text": "Integrated Gradients"}
    record = {
        "question": make_question(),
        "prediction": PredictionRecord(**(prediction | changes.pop("prediction", {}))),
        "modalities": [
            ModalityFacts(
                name=name,
                kind=name,
                present=name not in absent,
                share=share,
                alone=None if name in absent else 0.5 + share / 4,
                without=None if name in absent else 0.45,
                why_absent="no file is named for this study" if name in absent else "",
            )
            for name, share in shares.items()
        ],
        "attributions": [
            AttributionFacts(
                modality=name,
                method=method,
                baseline="the mean of training",
                completeness_delta=None if name == "image" else 0.0004,
                logit_change=None if name == "image" else shares[name],
                settings={} if name == "image" else {"steps": 32},
            )
            for name, method in methods.items()
            if name not in absent
        ],
        "panels": make_panels(),
        "model": make_model(),
        "shares_delta": 1e-7,
        "index_time": "2021-03-04",
        "inputs_sha256": {"image": "0123abcd" * 8},
        "created": "2026-11-25T08:00:00+00:00",
        "command": "medxmodal explain RUN --cohort COHORT --out EXPLAIN",
        "licence": "CC0-1.0",
    }
    return ExplanationRecord(**(record | changes))


def save_study(explain: Path, record: ExplanationRecord, arrays: Arrays) -> IndexEntry:
    """Write a record with its arrays as `medxmodal explain` does."""
    name = record.prediction.study_id
    explain.mkdir(parents=True, exist_ok=True)
    np.savez(explain / f"{name}.npz", **arrays)
    digest = hashlib.sha256((explain / f"{name}.npz").read_bytes()).hexdigest()
    record = record.model_copy(update={"arrays": f"{name}.npz", "arrays_sha256": digest})
    record.write(explain / f"{name}.json")
    prediction = record.prediction
    return IndexEntry(
        study_id=name,
        file=f"{name}.json",
        probability=prediction.probability,
        decision=prediction.decision,
        status=prediction.status,
    )


def make_explain(explain: Path, entries: list[IndexEntry], **changes: Any) -> Path:
    """Write the index of an EXPLAIN folder."""
    facts: dict[str, Any] = {
        "question": make_question(),
        "model": make_model(),
        "entries": entries,
        "created": "2026-11-25T08:00:00+00:00",
    }
    ExplanationIndex(**(facts | changes)).write(explain / "index.json")
    return explain


@pytest.fixture
def arrays() -> Arrays:
    return make_arrays()


@pytest.fixture
def study() -> Callable[..., ExplanationRecord]:
    """Makes records of studies."""
    return make_study


@pytest.fixture
def explain(tmp_path: Path) -> Path:
    """An EXPLAIN folder: three good studies, one that failed when it was explained, one damaged since."""
    folder, arrays = tmp_path / "explain", make_arrays()
    entries = [
        save_study(folder, make_study("S-1"), arrays),
        save_study(
            folder,
            make_study(
                "S-2",
                absent=("text",),
                prediction={
                    "probability": 0.08,
                    "lower": 0.03,
                    "upper": 0.15,
                    "decision": "negative",
                    "prediction_set": ["negative"],
                },
            ),
            arrays,
        ),
        save_study(folder, make_study("S-3", prediction={"probability": 0.91, "lower": 0.8}), arrays),
        IndexEntry(
            study_id="S-4",
            file="",
            probability=None,
            decision="",
            status="failed",
            error="image: the file is cut off",
        ),
        save_study(folder, make_study("S-5"), arrays),
    ]
    (folder / "S-5.npz").write_bytes(b"not what it was")
    return make_explain(folder, entries)


@pytest.fixture
def cohort(load_helper: Callable[[Path], ModuleType]) -> Callable[..., DescribeRecord]:
    """Makes descriptions of cohorts."""
    make: Callable[..., DescribeRecord] = load_helper(
        Path(__file__).with_name("cohort_by_hand.py")
    ).make_cohort
    return make


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
