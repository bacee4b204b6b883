"""The verb `explain`: a study in memory, a cohort in a folder, and readable refusals."""

from __future__ import annotations

import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path
from types import SimpleNamespace

import pytest

import medxmodal as mx
from medxmodal.cohort import Cohort, Study
from medxmodal.errors import ExplanationError, InputError, RunError
from medxmodal.pipeline.explain import ExplanationsView, ExplanationView, explain
from medxmodal.pipeline.run import Run


@pytest.fixture(scope="module")
def run(trained: SimpleNamespace) -> Run:
    return Run(trained.folder)


def test_a_study_shows_itself_and_is_saved_as_one_page(
    run: Run, trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = trained.new[0]
    view = mx.explain(run, study, command="by hand")
    assert isinstance(view, ExplanationView)
    assert view.record.command == "by hand"
    assert study.study_id in repr(view)
    path = view.save(tmp_path / "new" / "case.html")
    page = path.read_text(encoding="utf-8")
    assert study.study_id in page
    assert "not a diagnosis" in page
    assert "http" not in page.split("<body")[1].split("<main")[0]
    assert study.study_id in view._repr_html_()
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert view.open().as_uri() == opened[0]


def test_a_cohort_folder_gives_a_folder_of_explanations(trained: SimpleNamespace, tmp_path: Path) -> None:
    ids = [study.study_id for study in trained.new][:3]
    made = explain(trained.folder, trained.root / "new_cohort", tmp_path / "e", studies=ids)
    assert isinstance(made, ExplanationsView)
    assert (len(made), made.failures) == (3, {})
    assert [entry.study_id for entry in made.index.entries] == ids
    one, lone = made[ids[0]], explain(trained.folder, trained.new[0])
    assert one.record.prediction == lone.record.prediction
    assert one.record.panels == lone.record.panels
    assert one.arrays.keys() == lone.arrays.keys()
    assert "not a diagnosis" in one._repr_html_()
    assert "3 explained" in repr(made)
    with pytest.raises(ExplanationError, match="no explanation of this study"):
        made["nobody"]


def test_by_default_it_lies_under_medxmodal_out(
    run: Run, trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = explain(run, trained.new, studies=[trained.new[0].study_id])
    assert made.folder.parent == Path("medxmodal-out/explain")
    assert made.folder.name.startswith("run-tiny")


def test_a_copied_run_explains_without_the_training_data(trained: SimpleNamespace, tmp_path: Path) -> None:
    copy = shutil.copytree(trained.folder, tmp_path / "copy")
    study = trained.new[1]
    here, there = explain(trained.folder, study).record, explain(copy, study).record
    assert here.prediction == there.prediction
    assert here.panels == there.panels


def test_requests_that_are_wrong_are_refused(run: Run, trained: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(ExplanationError, match="1 of the 1 studies"):
        explain(run, trained.new, tmp_path / "e", studies=["nobody"])
    with pytest.raises(ExplanationError, match="in memory"):
        explain(run, trained.new[0], tmp_path / "e")  # type: ignore[call-overload]
    with pytest.raises(InputError, match="unheard of"):
        explain(run, Study("odd", "p", "a", {"labs": {"crp": 1.0, "sex": "unheard of"}}))
    with pytest.raises(RunError, match="no run"):
        explain(tmp_path, trained.new[0])
    spec = trained.new.spec.model_dump()
    spec["modalities"]["labs"]["columns"]["crp"]["unit"] = "g/L"
    new = trained.new
    moved = Cohort(type(new.spec).model_validate(spec), list(new), flow=new.flow, quality=new.quality)
    with pytest.raises(RunError, match="'g/L' in the cohort"):
        explain(run, moved, tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_importing_the_verb_imports_no_torch() -> None:
    code = "import sys, medxmodal.pipeline.explain; assert not {'torch', 'captum'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
