"""The verbs that make and describe cohorts."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import yaml

import medxmodal as mx
from medxmodal.errors import CohortError
from medxmodal.pipeline.build import draft


@pytest.fixture
def data(hospital: ModuleType, tmp_path: Path) -> Path:
    made: Path = hospital.make_data(tmp_path / "data", 30)
    return made


@pytest.fixture
def spec(hospital: ModuleType, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(hospital.SPEC))
    return path


def test_in_memory_and_on_disk_are_the_same_cohort(spec: Path, data: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    saved = mx.build(spec, data, tmp_path / "cohort", progress=lambda *step: steps.append(step))
    memory = mx.build(spec, data)
    loaded = mx.Cohort.load(tmp_path / "cohort")
    assert saved.fingerprint == memory.fingerprint == loaded.fingerprint
    assert list(loaded) == list(memory)
    assert steps[-1] == ("reading records", 30, 30)


def test_a_cohort_and_its_description_show_themselves(spec: Path, data: Path, tmp_path: Path) -> None:
    cohort = mx.build(spec, data)
    assert "<table" in cohort._repr_html_()
    assert "<table" in cohort[:5]._repr_html_()
    found = mx.describe(cohort, html=tmp_path / "pages" / "cohort.html")
    assert "30" in str(found)
    assert "<table" in found._repr_html_()
    page = (tmp_path / "pages" / "cohort.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "Made-up patients for tests" in page


def test_other_things_in_the_way_are_found_before_reading(spec: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    steps: list[object] = []
    with pytest.raises(CohortError, match="is no cohort"):
        mx.build(spec, data, tmp_path / "mine", progress=lambda *step: steps.append(step))
    assert steps == []


def test_a_draft_builds_once_its_label_is_confirmed(data: Path, tmp_path: Path) -> None:
    made = draft(data, tmp_path / "drafts" / "my.yaml")
    assert made.guesses
    assert (tmp_path / "drafts" / "my.yaml").read_text() == made.yaml
    with pytest.raises(CohortError, match="is there already"):
        draft(data, tmp_path / "drafts" / "my.yaml")
    cohort = mx.build(tmp_path / "drafts" / "my.yaml", data, keys=tmp_path / "keys")
    assert len(cohort) == 30
