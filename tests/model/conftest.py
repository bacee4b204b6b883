"""Two small members made by hand, as a run folder: nothing is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from medxmodal import registry
from medxmodal.cohort.spec.cohort_spec import TabularSpec
from medxmodal.cohort.study import Study
from medxmodal.model import DiagnosisModel, save_member
from medxmodal.records import CalibrationRecord, RunRecord

SPECS = {
    "labs": TabularSpec.model_validate(
        {
            "kind": "tabular",
            "columns": {"crp": {"type": "number", "unit": "mg/L"}, "sex": {"type": "category"}},
        }
    ),
    "vitals": TabularSpec.model_validate(
        {"kind": "tabular", "columns": {"pulse": {"type": "number", "unit": "/min"}}}
    ),
}
PLATT = {"slope": 0.9, "intercept": 0.1, "covariance": [[0.01, 0.0], [0.0, 0.01]]}
SUBSETS = ("", "labs", "vitals", "labs+vitals")


def make_studies(n: int, seed: int = 0, prefix: str = "s") -> list[Study]:
    rng = np.random.default_rng(seed)
    studies = []
    for i in range(n):
        y = int(rng.random() < 0.4)
        labs = {"crp": None if i % 7 == 3 else float(rng.lognormal(y, 0.8)), "sex": ("male", "female")[i % 2]}
        inputs = {"labs": labs, "vitals": {"pulse": float(rng.normal(70 + 10 * y, 8))}}
        if i % 5 == 0:
            del inputs[("labs", "vitals")[i // 5 % 2]]
        studies.append(Study(f"{prefix}{i}", f"p{i}", "a", inputs, {"ill": y}))
    return studies


def make_model(studies: list[Study], seed: int) -> DiagnosisModel:
    torch.manual_seed(seed)
    parts = {}
    for name, spec in SPECS.items():
        modality = registry.create("modality", "tabular").attach(name, spec, 16)
        modality.build(modality.fit(studies))
        parts[name] = modality
    model = DiagnosisModel(parts, registry.create("fusion", "additive"), 16)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        model.base.fill_(-0.4)
    return model.eval()


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[[], SimpleNamespace]:
    """Makes `.folder`, `.models` and the `.studies` whose halves each member saw."""

    def make() -> SimpleNamespace:
        folder, studies = tmp_path / "run", make_studies(20)
        folder.mkdir()
        models = [make_model(studies[half::2], seed=half) for half in (0, 1)]
        members = [
            {
                "member": k,
                "fold": k,
                "repeat": 0,
                "seed": k,
                "trained": 10,
                "epochs": 0,
                "weights_sha256": save_member(model, folder, k),
            }
            for k, model in enumerate(models)
        ]
        record = {
            "name": "tiny",
            "created": "2026-01-01",
            "fingerprint": "f",
            "recipe": {},
            "preset": "small",
            "task": {"name": "ill", "kind": "binary", "positive": "yes", "negative": "no"},
            "cohort": {
                "name": "c",
                "title": "t",
                "fingerprint": "f",
                "studies": 20,
                "patients": 20,
                "sites": {"a": 20},
                "prevalence": 0.4,
            },
            "modalities": {
                name: {"kind": "tabular", "settings": {}, "spec": spec.model_dump(mode="json")}
                for name, spec in SPECS.items()
            },
            "members": members,
            "seeds": {},
            "versions": {},
            "hardware": {},
        }
        calibration = {
            "task": "ill",
            "modalities": list(SPECS),
            "members": 2,
            "prevalence": 0.4,
            "subsets": dict.fromkeys(SUBSETS, PLATT),
            "threshold": {"value": 0.4, "rule": "fixed"},
            "conformal_quantile": 0.8,
            "fitted_on": 20,
        }
        CalibrationRecord.model_validate(calibration).write(folder / "calibration.json")
        # Member k saw the studies k, k + 2, ..., so the other one answers for them.
        oof = {"study_id": [s.study_id for s in studies], "members": [[1 - i % 2] for i in range(20)]}
        pd.DataFrame(oof).to_parquet(folder / "oof.parquet")
        RunRecord.model_validate(record).write(folder / "run.json")
        return SimpleNamespace(folder=folder, models=models, studies=studies)

    return make


@pytest.fixture
def make_new() -> Callable[[int], list[Study]]:
    """Studies that no member saw."""
    return lambda n: make_studies(n, seed=9, prefix="new")
