"""The manifest and its files: whole or not at all, one writer, and nothing foreign is touched."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError, ScoringError
from medxmodal.records import FailedStudy
from medxmodal.scoring.files import LOCK, one_writer, sha256_of, write_durably
from medxmodal.scoring.job import Job, entries_of
from medxmodal.scoring.manifest import Counts, Manifest, PartFacts, make_folder, take_up

JOB = {
    **{"run": "r", "weights": "w", "calibration": "c", "members_by_study": "m", "cohort": "k"},
    **{"studies": "s", "code": "0.1", "rows": 1},
}


def manifest(studies: int = 25, **job: str) -> Manifest:
    made = Job.model_validate(JOB | job)
    return Manifest(
        job=made,
        fingerprint=made.fingerprint,
        run="r",
        cohort="c",
        task="ill",
        modalities=["image"],
        studies=studies,
        part_size=10,
        batch_size=4,
        started="2026-01-01T00:00:00+00:00",
    )


def test_it_is_finished_when_all_its_parts_are_there() -> None:
    made = manifest()
    assert made.names == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    facts = PartFacts(sha256="x", rows=10, counts=Counts(scored=8, failed=2))
    half = made.with_parts({"part-00002.parquet": facts, "part-00000.parquet": facts})
    assert (list(half.parts), half.finished) == (["part-00000.parquet", "part-00002.parquet"], "")
    whole = half.with_parts({name: facts for name in made.names})
    assert whole.finished
    assert whole.counts == Counts(scored=24, failed=6)
    assert whole.counts.rows == 30
    assert manifest(0).names == []


def test_the_same_job_is_taken_up_and_another_refused_in_words(tmp_path: Path) -> None:
    first = take_up(tmp_path, manifest())
    (tmp_path / "part-00000.parquet.tmp").write_bytes(b"half")
    assert take_up(tmp_path, manifest()) == first
    assert not list(tmp_path.glob("*.tmp"))
    with pytest.raises(ScoringError, match="the calibration, the version of medxmodal differ"):
        take_up(tmp_path, manifest(calibration="other", code="0.2"))


@pytest.mark.parametrize("key", ["format_version", "record_version"])
def test_scores_of_a_newer_version_are_refused(tmp_path: Path, key: str) -> None:
    manifest().save(tmp_path)
    tree = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(tree | {key: 2}))
    with pytest.raises(ScoringError, match=r"2.*reads up to 1.*Update medxmodal"):
        Manifest.load(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ScoringError, match="is a file"):
        make_folder(tmp_path / "file")
    with pytest.raises(ScoringError, match="cannot make the folder"):
        make_folder(tmp_path / "file" / "inside")


def test_a_durable_write_is_there_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    assert write_durably(path, b"one") == hashlib.sha256(b"one").hexdigest() == sha256_of(path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_durably(path, b"two")
    assert path.read_bytes() == b"one"
    assert sha256_of(tmp_path / "none") is None


def test_one_writer_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    hold = "import sys, os; from pathlib import Path; from medxmodal.scoring.files import one_writer\n"
    with one_writer(tmp_path):
        code = hold + "with one_writer(Path(sys.argv[1])): pass"
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert f"is being written by process {os.getpid()}" in done.stderr
    assert not (tmp_path / LOCK).exists()
    died = hold + "with one_writer(Path(sys.argv[1])): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", died, str(tmp_path)], check=False).returncode == 9
    assert (tmp_path / LOCK).exists()
    with one_writer(tmp_path):
        pass


class Cohort(list[Study]):
    failed = (FailedStudy(study_id="f", patient_id="pf", site="x", reason="no modality"),)


def test_every_record_is_an_entry_those_that_failed_too() -> None:
    studies = Cohort(Study(f"s{i}", f"p{i}", "x", {"image": {}}) for i in range(3))
    assert [entry.study_id for entry in entries_of(studies)] == ["s0", "s1", "s2", "f"]  # type: ignore[arg-type]
    assert [e.study_id for e in entries_of(studies, ["f", "s1"])] == ["s1", "f"]  # type: ignore[arg-type]
    with pytest.raises(ScoringError, match="1 of the 2 studies asked for are not in the cohort") as error:
        entries_of(studies, ["s1", "kowalska"])  # type: ignore[arg-type]
    assert "kowalska" not in str(error.value)
    with pytest.raises(CohortError, match="zero studies"):
        entries_of(studies, [])  # type: ignore[arg-type]
