"""A build with every hostile file of the corpora among good ones: each costs its own study, and only that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.decode import pool as pools
from medxmodal.cohort.decode.process import COMMAND

HERE = Path(__file__).parent
GOOD = 3


def spec(kind: str, **table: Any) -> CohortSpec:
    tree: dict[str, Any] = {
        "name": "scans",
        "ids": "keep",
        "table": table,
        "site": {"value": "here"},
        "modalities": {"scan": {"kind": kind} | ({"file": "{file}"} if "folder" in table else {})},
    }
    return CohortSpec.parse(tree)


def good_volumes(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(GOOD):
        voxels = np.full((4, 5, 6), i, np.uint8)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), folder / f"good{i}.nii.gz")


def balanced(cohort: Cohort, found: int) -> None:
    assert cohort.flow.found == found == len(cohort) + cohort.flow.excluded + len(cohort.failed)


def test_volumes(load_helper: Callable[[Path], ModuleType], tmp_path: Path) -> None:
    good_volumes(tmp_path)
    cases = list(load_helper(HERE / "nifti_files.py").hostile())
    for i, (_, data, _) in enumerate(cases):
        (tmp_path / f"bad{i}.nii.gz").write_bytes(data)
    cohort = Cohort.from_spec(spec("volume", folder="*.nii.gz", patient="stem"), tmp_path)
    balanced(cohort, GOOD + len(cases))
    usable = {cohort[i].patient_id for i in cohort.usable()}
    assert usable == {f"good{i}" for i in range(GOOD)}
    assert all("scan" in study.problems for study in cohort if study.patient_id.startswith("bad"))


def test_series(load_helper: Callable[[Path], ModuleType], tmp_path: Path) -> None:
    """Each bad series beside a sound one (their own tests hold that all of them are refused)."""
    made = load_helper(HERE / "dicom_files.py")
    sound = made.slices([0, 2, 4], edit=lambda one, n: setattr(one, "SeriesInstanceUID", made.uid("sound")))
    for case, files in list(made.corpus().items())[::5]:
        folder = tmp_path / case
        for name, data in {**files, **{f"sound{n}.dcm": data for n, data in enumerate(sound)}}.items():
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        cohort = Cohort.from_spec(spec("volume", dicom="**/*"), folder)
        balanced(cohort, cohort.flow.found)
        usable = [cohort[i] for i in cohort.usable()]
        assert [study.inputs["scan"]["file"].parts for study in usable] == [3], case
        assert cohort.failed or cohort.quality.problems or cohort.quality.notes, case
        assert all("\n" not in failed.reason for failed in cohort.failed)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills its own process")
def test_a_codec_that_crashes_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder of one file kills its worker by a signal, as a native codec does."""
    good_volumes(tmp_path)
    crash = tmp_path / "crash.nii.gz"
    crash.write_bytes((tmp_path / "good0.nii.gz").read_bytes() + b"!")
    spoil = (
        "import os, signal, medxmodal.cohort.decode.work as work; whole = work.decode_bytes; "
        "work.decode_bytes = lambda blobs, shown, kind: os.kill(os.getpid(), signal.SIGSEGV) "
        "if blobs[0].endswith(b'!') else whole(blobs, shown, kind); "
    )
    *first, code, root = COMMAND
    spoilt = code.replace("from medxmodal", spoil + "from medxmodal", 1)
    assert spoilt != code
    defaults = pools.DecodePool.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "command", (*first, spoilt, root))
    cohort = Cohort.from_spec(spec("volume", folder="*.nii.gz", patient="stem"), tmp_path)
    balanced(cohort, GOOD + 1)
    assert {cohort[i].patient_id for i in cohort.usable()} == {f"good{i}" for i in range(GOOD)}
    (problem,) = cohort.quality.problems
    assert problem.study_id == "crash"
    assert "decoder" in problem.reason
