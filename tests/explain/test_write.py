"""`EXPLAIN/`: everything asked for is in the index, nothing leaves the folder, stopped work goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from medxmodal.cohort import Cohort
from medxmodal.cohort.engine.flow import FlowLog
from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError, ExplanationError, InputError
from medxmodal.explain import Explainer, write_explanations
from medxmodal.records import ExplanationIndex, ExplanationRecord, FailedStudy, Quality


@pytest.fixture(scope="module")
def explainer(trained: SimpleNamespace) -> Explainer:
    return Explainer(trained.run, trained.new.spec)


def _cohort(trained: SimpleNamespace, studies: list[Study], failed: tuple[FailedStudy, ...] = ()) -> Cohort:
    flow = FlowLog(len(studies), "made by hand").finish()
    return Cohort(trained.new.spec, studies, flow=flow, quality=Quality(failed=list(failed), problems=[]))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_record_and_its_arrays_a_study_and_an_index_over_them(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path
) -> None:
    cohort = trained.new.subset(range(4))
    told: list[tuple[str, int, int]] = []
    done = write_explanations(explainer, cohort, tmp_path / "e", progress=lambda *at: told.append(at))
    assert (done.explained, done.failures) == (4, {})
    index = ExplanationIndex.read(tmp_path / "e" / "index.json")
    assert [entry.study_id for entry in index.entries] == [study.study_id for study in cohort]
    assert index.question.cohort == "tiny"
    assert told[0] == ("explaining", 0, 4)
    assert told[-1] == ("explaining", 4, 4)
    for entry in index.entries:
        record = ExplanationRecord.read(tmp_path / "e" / entry.file)
        assert record.prediction.study_id == entry.study_id
        assert record.prediction.probability == entry.probability
        content = (tmp_path / "e" / record.arrays).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record.arrays_sha256
        with np.load(tmp_path / "e" / record.arrays, allow_pickle=False) as saved:
            named = {
                name
                for panel in record.panels
                for name in (getattr(panel, "image", ""), getattr(panel, "heat", None))
                if name
            }
            assert set(saved.files) == named


def test_hostile_ids_stay_in_the_folder_and_apart(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path
) -> None:
    ids = ["../../escape", "a/b", "a_b", "A_B", "index", "..", "x\x00y"]
    study = trained.new[0]
    studies = [Study(name, study.patient_id, study.site, study.inputs) for name in ids]
    folder = tmp_path / "deep" / "er" / "e"
    done = write_explanations(explainer, _cohort(trained, studies), folder)
    assert done.explained == len(ids)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in written} == {folder}
    files = [entry.file for entry in done.index.entries]
    assert len({name.casefold() for name in files}) == len(ids)
    for entry in done.index.entries:
        assert ExplanationRecord.read(folder / entry.file).prediction.study_id == entry.study_id


def test_a_failed_study_is_an_entry_with_its_reason_and_the_rest_goes_on(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path
) -> None:
    good = trained.new[0]
    odd = Study("odd", "p", "a", {"labs": {"crp": 1.0, "sex": "unheard of"}})
    broken = Study("broken", "p", "a", {}, problems={"image": "the file is truncated"})
    never = FailedStudy(study_id="never", patient_id="p", site="a", reason="no input at all")
    cohort = _cohort(trained, [odd, good, broken], (never,))
    done = write_explanations(explainer, cohort, tmp_path / "e")
    assert done.explained == 1
    assert set(done.failures) == {"odd", "broken", "never"}
    assert "unheard of" in done.failures["odd"]
    assert "truncated" in done.failures["broken"]
    assert "no input at all" in done.failures["never"]
    entries = {entry.study_id: entry for entry in done.index.entries}
    assert list(entries) == ["odd", good.study_id, "broken", "never"]
    for name in ("odd", "broken", "never"):
        assert (entries[name].status, entries[name].file, entries[name].probability) == ("failed", "", None)
    assert entries[good.study_id].status == "scored"


@pytest.fixture
def counted(explainer: Explainer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The studies that were really explained."""
    seen: list[str] = []
    real = Explainer.explain

    def explain(self: Explainer, study: Study, *rest: object) -> object:
        seen.append(study.study_id)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(self, study, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Explainer, "explain", explain)
    return seen


def test_stopped_work_goes_on_where_it_was(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path, counted: list[str]
) -> None:
    cohort = trained.new.subset(range(4))
    with pytest.raises(KeyboardInterrupt):
        write_explanations(explainer, cohort, tmp_path / "e")
    assert not (tmp_path / "e" / "index.json").exists()
    before = _files(tmp_path / "e")
    done = write_explanations(explainer, cohort, tmp_path / "e")
    ids = [study.study_id for study in cohort]
    assert counted == [*ids[:3], *ids[2:]]
    assert done.explained == 4
    after = _files(tmp_path / "e")
    assert {name: after[name] for name in before} == before


def test_damaged_files_are_made_again_with_the_same_numbers(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path
) -> None:
    cohort = trained.new.subset(range(2))
    write_explanations(explainer, cohort, tmp_path / "e")
    before = _files(tmp_path / "e")
    names = sorted(name for name in before if name.endswith(".npz"))
    (tmp_path / "e" / names[0]).write_bytes(b"not it")
    (tmp_path / "e" / names[1].replace(".npz", ".json")).write_text("{")
    write_explanations(explainer, cohort, tmp_path / "e")
    after = _files(tmp_path / "e")
    assert {name: after[name] for name in names} == {name: before[name] for name in names}


def test_more_studies_are_added_to_the_same_folder(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path
) -> None:
    first, second = trained.new[0].study_id, trained.new[1].study_id
    write_explanations(explainer, trained.new, tmp_path / "e", studies=[second])
    done = write_explanations(explainer, trained.new, tmp_path / "e", studies=[first])
    assert [entry.study_id for entry in done.index.entries] == [first, second]
    assert done.explained == 1


def test_a_folder_of_other_things_is_left_alone(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path
) -> None:
    cohort = trained.new.subset(range(1))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    write_explanations(explainer, cohort, tmp_path / "e")
    before = _files(tmp_path / "e")
    changed = Explainer(trained.run, trained.new.spec, method="integrated_gradients")
    for folder, made, words in (
        (tmp_path / "other", explainer, "is not empty and holds no explanations"),
        (tmp_path / "file", explainer, "is a file"),
        (tmp_path / "e", changed, "holds other explanations"),
    ):
        with pytest.raises(ExplanationError, match=words):
            write_explanations(made, cohort, folder)
    assert _files(tmp_path / "e") == before
    assert _files(tmp_path / "other") == {"thesis.txt": b"mine"}


def test_unknown_studies_are_counted_and_nothing_is_written(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path
) -> None:
    ids = [trained.new[0].study_id, "nobody", "no one"]
    with pytest.raises(ExplanationError, match=r"2 of the 3 studies .* not in the cohort.*studies\.parquet"):
        write_explanations(explainer, trained.new, tmp_path / "e", studies=ids)
    with pytest.raises(CohortError, match="zero studies"):
        write_explanations(explainer, _cohort(trained, []), tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_errors_that_are_no_input_errors_of_a_study_are_not_hidden(
    explainer: Explainer, trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explain(self: Explainer, study: Study, *rest: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(Explainer, "explain", explain)
    with pytest.raises(ZeroDivisionError):
        write_explanations(explainer, trained.new.subset(range(1)), tmp_path / "e")

    def unreadable(self: Explainer, study: Study, *rest: object) -> object:
        raise InputError("gone")

    monkeypatch.setattr(Explainer, "explain", unreadable)
    done = write_explanations(explainer, trained.new.subset(range(1)), tmp_path / "e")
    assert list(done.failures.values()) == ["gone"]
