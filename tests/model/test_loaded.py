"""A run from its folder: the same answers anywhere, honest for those it was trained on, damage said."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from medxmodal.cohort.study import Study
from medxmodal.errors import RunError
from medxmodal.model import LoadedRun, Reader, save_member

MakeRun = Callable[[], SimpleNamespace]
MakeNew = Callable[[int], list[Study]]


def test_a_new_study_is_the_mean_and_a_seen_one_its_unseen_member(
    make_run: MakeRun, make_new: MakeNew
) -> None:
    made = make_run()
    run = LoadedRun.load(made.folder)
    new = make_new(3)
    answer = run.answer([*new, made.studies[0], made.studies[1]])
    one, other = (
        Reader([model], "ill").read([*new, made.studies[0], made.studies[1]]).batches[0]
        for model in made.models
    )
    a, b = made.models[0].predict(one).logit.numpy(), made.models[1].predict(other).logit.numpy()
    logits = np.array([record.logit for record in answer.records])
    np.testing.assert_allclose(logits[:3], (a[:3] + b[:3]) / 2, atol=1e-5)
    assert logits[3] == pytest.approx(b[3], abs=1e-5)
    assert logits[4] == pytest.approx(a[4], abs=1e-5)
    assert [record.seen for record in answer.records] == [False, False, False, True, True]


def test_every_record_adds_up_and_decides_as_its_threshold_says(make_run: MakeRun, make_new: MakeNew) -> None:
    run = LoadedRun.load(make_run().folder)
    for record in run.answer(make_new(15)).records:
        assert record.logit is not None
        assert record.probability is not None
        assert sum(record.shares.values()) == pytest.approx(record.logit - record.empty_logit, abs=1e-5)
        assert all(record.shares[m] == 0 for m, there in record.present.items() if not there)
        assert record.decision == ("positive" if record.probability >= 0.4 else "negative")
        assert record.lower <= record.probability <= record.upper
        assert record.threshold == 0.4


def test_alone_equals_in_a_batch_and_order_is_kept(make_run: MakeRun, make_new: MakeNew) -> None:
    run, new = LoadedRun.load(make_run().folder), make_new(12)
    together = run.answer(new).records
    assert [record.study_id for record in together] == [study.study_id for study in new]
    for study, record in zip(new, together, strict=True):
        (alone,) = run.answer([study]).records
        assert alone.logit == pytest.approx(record.logit, abs=1e-5)
        assert (alone.status, alone.decision) == (record.status, record.decision)


def test_what_cannot_be_read_fails_alone_with_its_reason(make_run: MakeRun, make_new: MakeNew) -> None:
    run, new = LoadedRun.load(make_run().folder), make_new(4)
    broken = replace(new[1], problems={"labs": "row 3, column 'crp': its text is not a number"})
    odd = replace(new[2], inputs={"labs": {"crp": 1.0, "sex": "martian"}})
    foreign = replace(new[3], inputs={"ecg": {"rate": 60.0}})
    records = run.answer([new[0], broken, odd, foreign]).records
    assert [record.status for record in records] == ["scored", "failed", "failed", "failed"]
    assert "its text is not a number" in records[1].error
    assert "martian" in records[2].error
    assert "none of the modalities" in records[3].error
    assert all(record.logit is None and record.decision == "" for record in records[1:])
    alone = run.answer([new[0]]).records[0]
    assert alone.logit == pytest.approx(records[0].logit, abs=1e-5)
    everything_failed = run.answer([broken, odd])
    assert everything_failed.prediction is None
    assert [record.status for record in everything_failed.records] == ["failed", "failed"]


def test_a_run_copied_elsewhere_answers_alike(make_run: MakeRun, make_new: MakeNew, tmp_path: Path) -> None:
    made, new = make_run(), make_new(6)
    before = LoadedRun.load(made.folder).answer(new).records
    shutil.move(made.folder, tmp_path / "another place")
    assert LoadedRun.load(tmp_path / "another place").answer(new).records == before


@pytest.mark.parametrize(
    "name",
    ["run.json", "calibration.json", "oof.parquet", "member-0.safetensors", "preprocessing-1.json"],
)
@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_a_damaged_run_is_one_readable_error(make_run: MakeRun, name: str, damage: str) -> None:
    path = make_run().folder / name
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(b'{"modalities": {"labs": {}}}')
    with pytest.raises(RunError) as error:
        LoadedRun.load(path.parent)
    assert "\n" not in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.pop("dim"),
        lambda tree: tree.update(dim=8),
        lambda tree: tree["modalities"].pop("vitals"),
        lambda tree: tree["modalities"]["labs"].update(settings={"name": "hologram"}),
        lambda tree: tree["modalities"]["labs"].update(state={}),
        lambda tree: tree.update(fusion={"name": "telepathy"}),
    ],
)
def test_preprocessing_that_does_not_fit_is_said(make_run: MakeRun, change: Callable[[Any], object]) -> None:
    made = make_run()
    path = made.folder / "preprocessing-0.json"
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))
    with pytest.raises(RunError, match=r"preprocessing|do not fit"):
        LoadedRun.load(made.folder)


def test_weights_of_another_member_are_noticed(make_run: MakeRun) -> None:
    folder = make_run().folder
    shutil.copy(folder / "member-1.safetensors", folder / "member-0.safetensors")
    with pytest.raises(RunError, match=r"member-0\.safetensors is not the file that run\.json records"):
        LoadedRun.load(folder)


@pytest.mark.parametrize("key", ["format_version", "record_version"])
def test_a_newer_run_is_refused(make_run: MakeRun, key: str) -> None:
    folder = make_run().folder
    tree = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(tree | {key: 2}))
    with pytest.raises(RunError, match=r"2.*this version reads up to 1.*Update medxmodal"):
        LoadedRun.load(folder)


def test_a_cohort_that_does_not_fit_is_refused(make_run: MakeRun) -> None:
    run = LoadedRun.load(make_run().folder)
    from medxmodal.cohort.spec.cohort_spec import TabularSpec, TextSpec

    def labs(**columns: dict[str, Any]) -> dict[str, Any]:
        return {"labs": TabularSpec.model_validate({"kind": "tabular", "columns": columns})}

    good = {"crp": {"type": "number", "unit": "mg/L"}, "sex": {"type": "category"}}
    run.check_cohort(labs(**good, more={"type": "category"}))
    with pytest.raises(RunError, match="no column 'sex'"):
        run.check_cohort(labs(crp=good["crp"]))
    with pytest.raises(RunError, match=r"'crp' is in 'mg/dL' in the cohort but in 'mg/L'"):
        run.check_cohort(labs(**good | {"crp": {"type": "number", "unit": "mg/dL"}}))
    with pytest.raises(RunError, match="'labs' is text in the cohort but tabular"):
        run.check_cohort({"labs": TextSpec.model_validate({"kind": "text", "column": "x"})})
    with pytest.raises(RunError, match="none of the run's modalities"):
        run.check_cohort({"note": TextSpec.model_validate({"kind": "text", "column": "x"})})


def test_nothing_is_unpickled(make_run: MakeRun) -> None:
    folder = make_run().folder
    torch.save({"x": torch.zeros(1)}, folder / "member-0.safetensors")
    with pytest.raises(RunError):
        LoadedRun.load(folder)


def test_a_run_made_again_in_the_same_place_has_its_own_hashes(make_run: MakeRun) -> None:
    made = make_run()
    model = made.models[0]
    with torch.no_grad():
        next(model.fusion.parameters()).add_(1.0)
    first = json.loads((made.folder / "run.json").read_text())["members"][0]["weights_sha256"]
    again = save_member(model, made.folder, 0)
    assert again != first
    assert again == hashlib.sha256((made.folder / "member-0.safetensors").read_bytes()).hexdigest()
