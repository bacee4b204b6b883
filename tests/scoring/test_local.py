"""Scoring: one row a study whatever happens, the same rows however it was run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from medxmodal.cohort import Cohort
from medxmodal.errors import CohortError, RunError, ScoringError
from medxmodal.scoring import Manifest, read_scores, score_local, verify
from medxmodal.statistics import auroc

CONTRACT = [
    *("study_id", "patient_id", "site", "task", "target", "logit", "probability", "lower", "upper"),
    *("prediction_set", "threshold", "decision", "status", "error", "seen"),
    *("share.image", "share.labs", "present.image", "present.labs", "evidence.image", "evidence.labs"),
    "interaction",
]
VICTIM = """
import sys, time
from medxmodal.cohort import Cohort
from medxmodal.model import LoadedRun
from medxmodal.scoring import score_local
from pathlib import Path
run, cohort, out = map(Path, sys.argv[1:])
score_local(LoadedRun.load(run), Cohort.load(cohort), out, part_size=5, batch_size=2,
            progress=lambda *_: time.sleep(0.05))
"""


def hashes(out: Path) -> dict[str, str]:
    return {name: part.sha256 for name, part in Manifest.load(out).parts.items()}


def test_rows_are_the_contract(trained: SimpleNamespace, tmp_path: Path) -> None:
    summary = score_local(trained.run, trained.new, tmp_path / "s", part_size=16)
    files = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert files == ["manifest.json", *(f"part-0000{i}.parquet" for i in range(3))]
    table = pq.read_table(tmp_path / "s" / "part-00000.parquet")
    assert table.schema.names == CONTRACT
    assert str(table.schema.field("prediction_set").type) == "list<element: string>"
    scores = read_scores(tmp_path / "s")
    assert list(scores["study_id"]) == [study.study_id for study in trained.new]
    assert not scores["seen"].any()
    assert (scores["lower"] <= scores["probability"]).all()
    assert (scores["probability"] <= scores["upper"]).all()
    assert (summary.studies, summary.scored, summary.failed) == (41, 41, 0)
    assert verify(tmp_path / "s").ok


def test_shares_are_zero_where_absent_and_sum_to_the_logit(trained: SimpleNamespace, tmp_path: Path) -> None:
    score_local(trained.run, trained.new, tmp_path / "s")
    scores = read_scores(tmp_path / "s")
    absent = ~scores["present.image"]
    assert absent.any()
    assert (scores.loc[absent, ["share.image", "evidence.image", "interaction"]] == 0).all(axis=None)
    base = scores["logit"] - scores[["share.image", "share.labs"]].sum(axis=1)
    assert np.ptp(base) < 1e-5


def test_training_studies_are_answered_by_members_that_did_not_see_them(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    score_local(trained.run, trained.cohort, tmp_path / "s")
    scores = read_scores(tmp_path / "s").set_index("study_id")
    oof = pd.read_parquet(trained.folder / "oof.parquet").set_index("study_id").loc[scores.index]
    assert scores["seen"].all()
    np.testing.assert_allclose(scores["logit"], oof["logit"], atol=1e-5)
    np.testing.assert_allclose(scores["probability"], oof["probability"], atol=1e-5)
    assert auroc(oof["label"], scores["probability"]) == auroc(oof["label"], oof["probability"])


def test_alone_equals_in_a_batch(trained: SimpleNamespace, tmp_path: Path) -> None:
    score_local(trained.run, trained.new, tmp_path / "batched")
    score_local(trained.run, trained.new, tmp_path / "single", batch_size=1, part_size=3)
    batched, single = read_scores(tmp_path / "batched"), read_scores(tmp_path / "single")
    assert np.abs(batched["logit"] - single["logit"]).max() <= 1e-5
    for column in ("study_id", "status", "decision"):
        assert list(batched[column]) == list(single[column])
    one = trained.new[5].study_id
    score_local(trained.run, trained.new, tmp_path / "one", only=[one])
    row = read_scores(tmp_path / "one")
    assert list(row["study_id"]) == [one]
    assert abs(row["logit"][0] - batched["logit"][5]) <= 1e-5


def test_twice_is_bit_equal(trained: SimpleNamespace, tmp_path: Path) -> None:
    for name in ("first", "second"):
        score_local(trained.run, trained.new, tmp_path / name, part_size=10)
    assert hashes(tmp_path / "first") == hashes(tmp_path / "second")


def test_broken_studies_become_failed_rows_and_are_tried_again(
    trained: SimpleNamespace, hospital: ModuleType, tmp_path: Path
) -> None:
    data = hospital.make_data(tmp_path / "data", 24, seed=3)
    table = pd.read_csv(data / "table.csv", dtype=str, keep_default_na=False)
    table.loc[1, "crp"] = "see letter"
    table.loc[4, ["image", "crp", "sex"]] = ""
    table.to_csv(data / "table.csv", index=False)
    (data / "images" / "i0.png").write_bytes((data / "images" / "i0.png").read_bytes()[:60])
    (data / "images" / "i2.png").unlink()
    cohort = hospital.make_cohort(data)
    later = data / "images" / "i5.png"
    kept = later.read_bytes()
    later.unlink()

    summary = score_local(trained.run, cohort, tmp_path / "s", part_size=6)
    assert summary.studies == len(cohort) + len(cohort.failed) == 24
    assert set(summary.failures) == {"s0", "s1", "s2", "s4", "s5"}
    assert all(summary.failures.values())
    scores = read_scores(tmp_path / "s").set_index("study_id")
    assert len(scores) == 24
    assert set(scores.index[scores["status"] == "failed"]) == set(summary.failures)
    assert scores.loc["s0", ["logit", "probability", "share.labs"]].isna().all()
    assert (scores.loc[list(summary.failures), "decision"] == "").all()
    assert "see letter" not in scores.loc["s1", "error"] or cohort.spec.ids == "keep"
    assert verify(tmp_path / "s").counts == {"studies": 24, "scored": 19, "failed": 5, "abstained": 0}

    before = hashes(tmp_path / "s")
    later.write_bytes(kept)
    again = score_local(trained.run, cohort, tmp_path / "s", part_size=6)
    assert set(again.failures) == {"s0", "s1", "s2", "s4"}
    changed = {name for name, sha256 in hashes(tmp_path / "s").items() if before[name] != sha256}
    assert changed == {"part-00000.parquet"}
    assert list(read_scores(tmp_path / "s")["study_id"]) == list(scores.index)
    assert verify(tmp_path / "s").ok


def test_a_lost_or_changed_part_is_made_again(trained: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / "s"
    score_local(trained.run, trained.new, out, part_size=10)
    before = hashes(out)
    (out / "part-00001.parquet").unlink()
    (out / "part-00003.parquet").write_bytes(b"PAR1 not any more")
    found = verify(out)
    assert not found.ok
    assert any("part-00001.parquet is missing" in problem for problem in found.problems)
    with pytest.raises(ScoringError, match="part-00001"):
        read_scores(out)
    untouched = (out / "part-00000.parquet").stat().st_mtime_ns
    score_local(trained.run, trained.new, out, part_size=10)
    assert hashes(out) == before
    assert verify(out).ok
    assert (out / "part-00000.parquet").stat().st_mtime_ns == untouched


def test_killed_and_resumed_equals_uninterrupted(trained: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    arguments = [str(path) for path in (trained.folder, trained.root / "new_cohort", out)]
    victim = subprocess.Popen([sys.executable, "-c", VICTIM, *arguments], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (out / "part-00002.parquet").exists() and victim.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.07)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL, victim.stderr and victim.stderr.read()
    assert (out / ".lock").exists()
    half = verify(out)
    assert not half.ok
    assert 15 <= half.counts["scored"] < 41
    with pytest.raises(ScoringError, match="unfinished"):
        read_scores(out)

    summary = score_local(trained.run, trained.new, out)
    score_local(trained.run, trained.new, tmp_path / "whole", part_size=5, batch_size=2)
    assert summary.scored == 41
    assert hashes(out) == hashes(tmp_path / "whole")
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in (tmp_path / "whole").iterdir())
    assert verify(out).ok


def test_one_writer_at_a_time(trained: SimpleNamespace, tmp_path: Path) -> None:
    out, refused = tmp_path / "s", []

    def second(*_: object) -> None:
        with pytest.raises(ScoringError, match="is being written by process") as error:
            score_local(trained.run, trained.new, out)
        refused.append(str(error.value))

    score_local(trained.run, trained.new, out, progress=second)
    assert refused
    assert str(os.getpid()) in refused[0]
    assert verify(out).ok


def test_another_job_is_refused_with_what_differs(trained: SimpleNamespace, tmp_path: Path) -> None:
    score_local(trained.run, trained.new, tmp_path / "s")
    before = (tmp_path / "s" / "manifest.json").read_bytes()
    with pytest.raises(ScoringError, match="the cohort's content, which studies"):
        score_local(trained.run, trained.cohort, tmp_path / "s")
    with pytest.raises(ScoringError, match=r"scoring job: which studies are scored, or their order differ"):
        score_local(trained.run, trained.new, tmp_path / "s", only=[trained.new[0].study_id])
    assert (tmp_path / "s" / "manifest.json").read_bytes() == before


def test_folders_that_are_not_scores_are_left_alone(trained: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ScoringError, match="holds no scores"):
        score_local(trained.run, trained.new, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(ScoringError, match="is a file"):
        score_local(trained.run, trained.new, tmp_path / "mine" / "thesis.txt")
    with pytest.raises(ScoringError, match="holds no scores"):
        verify(tmp_path / "mine")
    score_local(trained.run, trained.new, tmp_path / "s")
    (tmp_path / "s" / "manifest.json").write_text("{")
    with pytest.raises(ScoringError, match="remove the folder"):
        score_local(trained.run, trained.new, tmp_path / "s")


def test_zero_studies_and_a_foreign_cohort_are_refused(trained: SimpleNamespace, tmp_path: Path) -> None:
    empty: Cohort = trained.new[:0]
    with pytest.raises(CohortError, match="zero studies"):
        score_local(trained.run, empty, tmp_path / "s")
    with pytest.raises(ScoringError, match="1 of the 2 studies"):
        score_local(trained.run, trained.new, tmp_path / "s", only=[trained.new[0].study_id, "nobody"])
    spec = trained.new.spec
    other = spec.model_copy(update={"modalities": {"scan": spec.modalities["image"]}})
    foreign = Cohort(other, trained.new.studies, flow=trained.new.flow, quality=trained.new.quality)
    with pytest.raises(RunError, match="none of the run's modalities"):
        score_local(trained.run, foreign, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_progress_counts_every_study_once(trained: SimpleNamespace, tmp_path: Path) -> None:
    said: list[tuple[str, int, int]] = []
    for _ in range(2):
        said.clear()
        score_local(trained.run, trained.new, tmp_path / "s", part_size=9, progress=lambda *a: said.append(a))
        assert said[-1] == ("scoring", 41, 41)
        assert [done for _, done, _ in said] == sorted({done for _, done, _ in said})


def test_the_manifest_names_no_patient_and_no_file(trained: SimpleNamespace, tmp_path: Path) -> None:
    score_local(trained.run, trained.new, tmp_path / "s")
    text = (tmp_path / "s" / "manifest.json").read_text()
    assert json.loads(text)["finished"]
    for study in trained.new:
        assert f'"{study.study_id}"' not in text
    assert str(trained.root) not in text
