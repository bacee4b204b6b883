"""Runs that earlier versions wrote still load, and answer as they did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import medxmodal as mx

FOLDERS = sorted(path for path in Path(__file__).parent.iterdir() if (path / "run").is_dir())
ACROSS_MACHINES = 1e-4
"""Logits; the same machine gives 1e-5."""


def test_there_are_golden_runs() -> None:
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_it_answers_as_it_did(folder: Path, tmp_path: Path) -> None:
    expected = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    shutil.copytree(folder / "run", tmp_path / "run")
    cohort = mx.build("demo", folder / "data", unlabelled=True)
    table = mx.score(tmp_path / "run", cohort, tmp_path / "scores").table().set_index("study_id")
    assert len(table) == len(expected)
    for row in expected:
        got = table.loc[row.pop("study_id")]
        for name in ("status", "decision"):
            assert got[name] == row.pop(name)
        for name, value in row.items():
            np.testing.assert_allclose(got[name], value, atol=ACROSS_MACHINES)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_it_explains_without_its_training_data(folder: Path) -> None:
    cohort = mx.build("demo", folder / "data")
    made = mx.explain(folder / "run", cohort[0])
    expected = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    row = next(row for row in expected if row["study_id"] == cohort[0].study_id)
    assert made.record.prediction.logit == pytest.approx(row["logit"], abs=ACROSS_MACHINES)
    assert made.record.question.simulated
