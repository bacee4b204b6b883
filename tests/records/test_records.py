"""Every record: JSON there and back, strict, and one readable error for whatever else lies there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medxmodal import records
from medxmodal.cohort.lineage import InputFile, Lineage
from medxmodal.errors import CohortError, ExplanationError, MedxmodalError, RunError
from medxmodal.records import Record

PREDICTION = {
    "study_id": "s1",
    "patient_id": "p1",
    "site": "here",
    "task": "ill",
    "logit": 0.3,
    "probability": 0.6,
    "lower": 0.4,
    "upper": 0.8,
    "prediction_set": ["positive"],
    "threshold": 0.5,
    "decision": "positive",
    "empty_logit": -0.4,
    "shares": {"image": 0.7},
    "present": {"image": True},
    "evidence": {"image": 0.7},
    "interaction": 0.0,
}
QUESTION = {
    "task": "ill",
    "positive": "yes",
    "negative": "no",
    "cohort": "c",
    "cohort_title": "A <b>cohort</b>",
}
MODEL = {
    "run": "r",
    "weights": "0" * 64,
    "version": "0.1",
    "created": "2026-01-01",
    "members": 5,
    "fusion": "additive",
    "trained_on": "c",
    "studies": 100,
    "prevalence": 0.4,
    "threshold_rule": "sensitivity 0.95",
    "performance": {"auroc": {"value": 0.8, "lower": 0.7, "upper": None, "n": 100}},
}
PANELS = [
    {"kind": "heatmap", "modality": "image", "title": "t", "image": "image.x", "heat": None},
    {
        "kind": "bars",
        "modality": "labs",
        "title": "t",
        "bars": [
            {
                "name": "crp",
                "label": "CRP",
                "value": "12",
                "reference": [None, 5.0],
                "outside": "above",
                "attribution": 0.2,
            }
        ],
    },
    {
        "kind": "tokens",
        "modality": "text",
        "title": "t",
        "tokens": [{"text": "Fieber\N{SNOWMAN}", "attribution": -0.1}],
    },
]
PLATT = {"slope": 1.1, "intercept": -0.1, "covariance": [[0.01, 0.0], [0.0, 0.02]]}
FLOW = {
    "found": 3,
    "steps": [
        {"step": "records", "remaining": 3},
        {"step": "exclude", "removed": 1, "remaining": 2, "reason": "no"},
    ],
    "excluded": 1,
    "failed": 0,
    "studies": 2,
}
QUALITY = {
    "problems": [{"study_id": "s1", "modality": "image", "field": "file", "reason": "row 2: cut short"}],
    "failed": [{"study_id": "s3", "patient_id": "p3", "site": "here", "reason": "no modality"}],
    "set_to_missing": {"labs.crp": {"not finite": 1}},
    "duplicate_inputs": [["s1", "s2"]],
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "InputCheck": {
        "ok": False,
        "inputs": 3,
        "same": 2,
        "gone": [{"use": "image.file", "position": 2, "sha256": "ab", "size": 7, "what": "changed"}],
        "spec_same": True,
        "code": {"numpy": {"then": "1.0", "now": "2.0"}},
    },
    "CalibrationRecord": {
        "task": "ill",
        "modalities": ["image"],
        "members": 5,
        "prevalence": 0.4,
        "subsets": {"": PLATT, "image": PLATT},
        "threshold": {"value": 0.3, "rule": "sensitivity", "at": 0.95},
        "conformal_quantile": 0.8,
        "fitted_on": 100,
        "prior": {"source": 0.4, "target": 0.1, "how": "given"},
    },
    "Flow": FLOW,
    "Quality": QUALITY,
    "DescribeRecord": {
        "name": "c",
        "title": "t",
        "simulated": True,
        "licence": "CC0",
        "cite": "x",
        "fingerprint": "f",
        "studies": 2,
        "patients": 2,
        "sites": {"here": 2},
        "task": "ill",
        "positive": "yes",
        "negative": "no",
        "labelled": 2,
        "positives": 1,
        "modalities": {"image": 1},
        "cooccurrence": [{"modalities": ["image"], "studies": 1}, {"modalities": [], "studies": 1}],
        "flow": FLOW,
        "table1_columns": ["all"],
        "table1": [{"variable": "Age", "level": "median", "unit": "a", "summary": {"all": "40"}}],
        "missingness": [{"field": "image", "overall": 0.5, "by_label": {"yes": 0.0}}],
        "mask_only_auroc": {"all": None},
        "quality": QUALITY,
    },
    "ExplanationRecord": {
        "question": QUESTION,
        "prediction": PREDICTION,
        "modalities": [{"name": "image", "kind": "image", "present": True, "share": 0.7, "alone": 0.6}],
        "attributions": [
            {"modality": "image", "method": "grad_cam", "baseline": "-", "settings": {"layer": "l4", "k": 2}}
        ],
        "panels": PANELS,
        "model": MODEL,
        "shares_delta": 1e-9,
        "created": "2026-01-01",
    },
    "ExplanationIndex": {
        "question": QUESTION,
        "model": MODEL,
        "entries": [
            {
                "study_id": "s1",
                "file": "s1.json",
                "probability": 0.6,
                "decision": "positive",
                "status": "scored",
            },
            {
                "study_id": "s2",
                "file": "",
                "probability": None,
                "decision": "",
                "status": "failed",
                "error": "gone",
            },
        ],
        "created": "2026-01-01",
    },
    "RunRecord": {
        "name": "r",
        "created": "2026-01-01",
        "fingerprint": "f",
        "recipe": {"task": {"name": "ill"}},
        "preset": "small",
        "task": {"name": "ill", "kind": "binary", "positive": "yes", "negative": "no"},
        "cohort": {
            "name": "c",
            "title": "t",
            "fingerprint": "f",
            "studies": 2,
            "patients": 2,
            "sites": {"here": 2},
            "prevalence": 0.5,
        },
        "modalities": {"image": {"kind": "image", "settings": {"size": 64}}},
        "members": [
            {
                "member": 0,
                "fold": 0,
                "repeat": 0,
                "seed": 1,
                "trained": 1,
                "epochs": 3,
                "weights_sha256": "0" * 64,
            }
        ],
        "seeds": {"recipe": 1},
        "versions": {"torch": "2"},
        "hardware": {"cpu": "x"},
    },
    "Lineage": {
        "spec_sha256": "f",
        "inputs": [InputFile(use="table", sha256="0" * 64, size=3).model_dump()],
        "code": {"numpy": "2"},
    },
}
KINDS: list[type[Record]] = [
    Lineage,
    *(
        kind
        for name in records.__all__
        if isinstance(kind := getattr(records, name), type)
        and issubclass(kind, Record)
        and kind is not Record
    ),
]
ERRORS = {
    "RunRecord": RunError,
    "CalibrationRecord": RunError,
    "ExplanationRecord": ExplanationError,
    "ExplanationIndex": ExplanationError,
}


def test_every_record_has_an_example() -> None:
    assert {kind.__name__ for kind in KINDS} == set(EXAMPLES)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Record]:
    found: type[Record] = request.param
    return found


@pytest.fixture
def path(kind: type[Record], tmp_path: Path) -> Path:
    return kind.model_validate(EXAMPLES[kind.__name__]).write(tmp_path / "new" / "record.json")


def tree_of(path: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return tree


def refused(kind: type[Record], path: Path) -> MedxmodalError:
    """The one readable error that reading gives."""
    with pytest.raises(ERRORS.get(kind.__name__, CohortError)) as error:
        kind.read(path)
    assert path.name in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.hint
    return error.value


def test_there_and_back(kind: type[Record], path: Path) -> None:
    again = kind.read(path)
    assert again == kind.model_validate(EXAMPLES[kind.__name__])
    before = path.read_bytes()
    assert again.write(path).read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["record.json"]
    with pytest.raises(ValueError, match="frozen"):
        again.record_version = 2


def test_an_unknown_key_is_refused_wherever_it_is(kind: type[Record], path: Path) -> None:
    tree = tree_of(path)
    path.write_text(json.dumps(tree | {"surprise": 1}))
    assert "surprise" in str(refused(kind, path))
    for key, value in tree.items():
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and kind.model_fields[key].annotation.__module__.startswith("medxmodal"):
            inner["surprise"] = 1
            path.write_text(json.dumps(tree))
            assert f"{key}." in str(refused(kind, path))
            del inner["surprise"]


def test_a_newer_version_is_refused_before_its_keys_are_looked_at(kind: type[Record], path: Path) -> None:
    path.write_text(json.dumps({"record_version": 2, "all": "new"}))
    error = refused(kind, path)
    assert "record_version 2; this version reads up to 1" in error.message
    assert "Update medxmodal" in error.hint


@pytest.mark.parametrize(
    "damage", ["gone", "empty", "cut", "binary", "list", "nan", "folder", "deep", "missing"]
)
def test_damage_is_the_error_of_its_own_folder(kind: type[Record], path: Path, damage: str) -> None:
    whole = path.read_text(encoding="utf-8")
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "gone":
        tree = json.loads(whole)
        first = next(
            name for name, field in kind.model_fields.items() if field.is_required() or name == "failed"
        )
        texts = {
            "empty": "",
            "cut": whole[: len(whole) // 2],
            "binary": "\udcff\udcfe",
            "list": "[1]",
            "nan": json.dumps(tree | {first: float("nan")}),
            "deep": "[" * 100_000,
            "missing": json.dumps(
                {name: value for name, value in tree.items() if name != first} | {"problems": 3}
            ),
        }
        path.write_bytes(texts[damage].encode("utf-8", "surrogateescape"))
    refused(kind, path)


def test_a_killed_write_leaves_the_old_record(
    kind: type[Record], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        kind.model_validate(EXAMPLES[kind.__name__]).write(path)
    assert path.read_bytes() == before
